# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One network for all inputs against a network each, on real power and positions.

What the case study asks of all sensors. Networks that know one set of inputs are trained for a third of the
epochs: of what the one network sees, a seventh or less is that set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from semisac_ml.beams import report
from semisac_ml.beams.command import Retraining
from semisac_ml.beams.protocol import Predictors, Tested, load_samples, run_splits
from semisac_ml.beams.training import MemberTrainer, Recipe

NAME = "alone"
ONE, EACH = "one network", "a network each"
RECIPE = Recipe(epochs=80, members=1)
RECIPE_EACH = dataclasses.replace(RECIPE, epochs=25, asked_share=1.0)


def draw(member: MemberTrainer, asked: Retraining, results: Path, done: Callable[[str], None]) -> list[Path]:
    """Train both kinds on each split, write CSV and picture; `done` is told of each training."""
    samples = load_samples(asked.scenarios)
    trainings = [(ONE, RECIPE, asked.inputs)] + [(EACH, RECIPE_EACH, (one,)) for one in asked.inputs]
    tested: list[Tested] = []
    for label, recipe, inputs in trainings:
        told = label if label == ONE else f"{label}: {inputs[0]}"
        stem = told.replace(": ", "-").replace(" ", "-").replace(",", "-")
        jobs = dataclasses.replace(asked, inputs=inputs, run=asked.run and asked.run / stem).jobs()
        predictors = Predictors(label, member, recipe, with_perceptron=False)
        found = run_splits(predictors, jobs, asked.processes, lambda job, told=told: done(told))
        tested += [one for one in found if one.predictor == label]
    content = report.as_json(samples, tested, {"system": ONE, "scenarios": list(samples.names)})
    report.write_csv(results / f"{NAME}.csv", content)
    report.draw_comparison(results / f"{NAME}.png", "lam_msac: one network, or one for each set", content)
    return [results / f"{NAME}.csv", results / f"{NAME}.png"]
