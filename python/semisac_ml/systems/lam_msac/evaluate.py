# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac evaluate lam_msac``: train on some drives, measure on others."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from semisac_ml.beams import command as shared
from semisac_ml.beams.bundles import measure_bundle
from semisac_ml.beams.protocol import Predictors
from semisac_ml.systems.lam_msac.train import MEMBERS, RECIPE


def command(
    data: shared.Data = shared.DATA,
    scenarios: shared.Scenarios = "1,2,5,8",
    inputs: shared.Inputs = None,
    splits: shared.Splits = 5,
    random_splits: shared.RandomSplits = 3,
    seed: shared.Seed = 0,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train anew for each split, instead of measuring the bundle.")
    ] = False,
    variant: Annotated[str, typer.Option(help="mixture, or single: one expert, no gate.")] = "mixture",
    members: Annotated[int, typer.Option(min=1, help="Networks that are averaged.")] = RECIPE.members,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = RECIPE.epochs,
    perceptron: shared.WithPerceptron = True,
    json_file: shared.JsonFile = None,
    results: shared.Results = None,
    processes: shared.Processes = None,
    run: shared.Run = None,
    bundle: Annotated[
        str, typer.Option(help="Bundle that is measured without --retrain, on drives that it has not seen.")
    ] = "lam_msac/deepsense",
) -> None:
    """Measure the mixture of experts, with drives held out and at random.

    One network serves all inputs. Scores: DBA of the challenge and with thresholds, top-k, power loss,
    expected calibration error, beams measured; baselines beside it.
    """
    shared.check_data(data)
    if variant not in MEMBERS:
        raise ValueError(f"variant is {variant!r}, expected one of {', '.join(MEMBERS)}")
    if not retrain:
        measure_bundle(bundle, scenarios, inputs, json_file)
        return
    recipe = dataclasses.replace(RECIPE, members=members, epochs=epochs)
    predictors = Predictors("lam_msac", MEMBERS[variant], recipe, perceptron)
    shared.retrain_and_measure(
        predictors, scenarios, inputs, splits, random_splits, seed, json_file, results, processes, run
    )
