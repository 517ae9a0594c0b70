# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines of the systems of beam prediction: options that all have, with the defaults of each."""

# no `from __future__ import annotations`: typer could not resolve the options of a nested function

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semisac_ml.beams.bundles import export_trained, measure_bundle
from semisac_ml.beams.command import (
    DATA,
    BeamSystem,
    Retraining,
    numbers_of,
    retrain_and_measure,
    sets_of,
    train_on_everything,
)
from semisac_ml.beams.inputs import KNOWN
from semisac_ml.beams.protocol import Predictors

SCENARIOS = "1,2,5,8"
NEED_RETRAINING = (
    "splits",
    "random_splits",
    "seed",
    "variant",
    "members",
    "epochs",
    "perceptron",
    "results",
    "processes",
    "run",
)

Data = Annotated[str, typer.Option(help="Data set: deepsense6g.")]
Scenarios = Annotated[str, typer.Option(help="Scenarios, separated by commas; any that are there.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What a prediction may use, separated by commas: {KNOWN}. Repeat it to measure the same "
        "networks with other inputs; the figures of the first stand for all.",
    ),
]
Retrain = Annotated[
    bool, typer.Option("--retrain", help="Train anew for each split, instead of measuring the bundle.")
]
Epochs = Annotated[int, typer.Option(min=1, help="Epochs.")]
Members = Annotated[int, typer.Option(min=1, help="Networks that are averaged.")]
Splits = Annotated[int, typer.Option(min=1, help="Splits by sequence (drives held out).")]
RandomSplits = Annotated[int, typer.Option(min=0, help="Splits at random, which leak neighbouring frames.")]
WithPerceptron = Annotated[
    bool, typer.Option("--perceptron/--no-perceptron", help="Train the small network to beat as well.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]
Results = Annotated[
    Path | None, typer.Option(help="Folder for CSV and picture; nothing is written without it.")
]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Splits at a time [default: as many as processor cores].")
]
Run = Annotated[
    Path | None,
    typer.Option(help="Folder of checkpoints, which the same command goes on from [default: none kept]."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads [default: all].")]


def check_data(data: str) -> None:
    """Raises ValueError for a data set that is not known."""
    if data != DATA:
        raise ValueError(f"data is {data!r}, expected {DATA}")


def refuse_options(context: typer.Context, names: tuple[str, ...], without: str) -> None:
    """Raise ValueError where the command line has options that would have no effect."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    ]
    if given:
        raise ValueError(f"{', '.join(given)}: without effect here, expected {without}")


def use_threads(threads: int | None) -> None:
    """Let PyTorch use so many processor threads, all by default."""
    import torch

    if threads:
        torch.set_num_threads(threads)


def train_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac train` of a system."""
    usual = system.recipe
    first = next(iter(system.members))

    def command(
        scenarios: Scenarios = SCENARIOS,
        variant: Annotated[str, typer.Option(help=system.variants)] = first,
        epochs: Epochs = usual.epochs,
        members: Members = usual.members,
        seed: Annotated[int, typer.Option(help="Seed of the split and of the networks.")] = 0,
        run: Annotated[
            Path | None,
            typer.Option(help=f"Folder of checkpoints and logs [default: runs/{system.name}/seedSEED]."),
        ] = None,
        threads: Threads = None,
    ) -> None:
        recipe = dataclasses.replace(system.recipe, epochs=epochs, members=members)
        folder = run or Path("runs") / system.name / f"seed{seed}"
        use_threads(threads)
        train_on_everything(system, variant, recipe, scenarios, seed, folder)

    command.__doc__ = f"""Train the {system.title} on power and position; any of them may be absent.

    Drives of a fifth of the samples are held out for `semisac export {system.name}`, which measures on them.
    """
    return command


def evaluate_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac evaluate` of a system."""
    usual = system.recipe
    first = next(iter(system.members))

    def command(
        context: typer.Context,
        data: Data = DATA,
        scenarios: Scenarios = SCENARIOS,
        inputs: Inputs = None,
        splits: Splits = 5,
        random_splits: RandomSplits = 3,
        seed: Annotated[int, typer.Option(min=0, help="Seed of the first split.")] = 0,
        retrain: Retrain = False,
        variant: Annotated[str, typer.Option(help=system.variants)] = first,
        members: Members = usual.members,
        epochs: Epochs = usual.epochs,
        perceptron: WithPerceptron = True,
        json_file: JsonFile = None,
        results: Results = None,
        processes: Processes = None,
        run: Run = None,
        bundle: Annotated[
            str,
            typer.Option(help="Bundle that is measured without --retrain, on drives that it has not seen."),
        ] = f"{system.name}/deepsense",
    ) -> None:
        check_data(data)
        if not retrain:
            refuse_options(context, NEED_RETRAINING, "--retrain beside it")
            measure_bundle(bundle, numbers_of(scenarios), sets_of(inputs), json_file)
            return
        refuse_options(context, ("bundle",), "no --retrain beside it")
        member = system.member(variant)
        recipe = dataclasses.replace(system.recipe, members=members, epochs=epochs)
        asked = Retraining(
            scenarios=numbers_of(scenarios),
            inputs=sets_of(inputs),
            splits=splits,
            random_splits=random_splits,
            seed=seed,
            processes=processes,
            run=run,
            json_file=json_file,
            results=results,
        )
        retrain_and_measure(Predictors(system.name, member, recipe, perceptron), asked)

    command.__doc__ = f"""Measure the {system.title}, with drives held out and at random.

    One network serves all inputs. Scores: DBA of the challenge and with thresholds, top-k, power loss,
    expected calibration error, beams measured; baselines beside it.
    """
    return command


def export_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac export` of a system."""

    def command(
        run: Annotated[Path, typer.Option(help=f"Folder of a training (semisac train {system.name} --run).")],
        output: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("models")
        / system.name
        / "deepsense",
    ) -> None:
        bundle = export_trained(system, run, output)
        size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
        Console().print(f"{output}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")

    command.__doc__ = "Export trained networks as a bundle and measure it on the drives that were held out."
    return command
