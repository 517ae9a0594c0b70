# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's Table I and Figures 2 to 4 on real power and positions: what alignment and latents do."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from semisac_ml.beams import report
from semisac_ml.beams.command import Retraining
from semisac_ml.beams.protocol import Predictors, Tested, load_samples, run_splits
from semisac_ml.beams.training import Recipe
from semisac_ml.systems.vi_beam.staged import STAGED, train_staged
from semisac_ml.systems.vi_beam.street import Plan

RECIPE = Recipe(epochs=60, members=1)
EFFICIENT = dataclasses.replace(STAGED, aligned=0.2, pretrained_on_all=False)
FIGURES: dict[str, dict[str, Plan]] = {
    "ablation": {
        "data-sufficient": STAGED,
        "data-efficient": EFFICIENT,
        "no alignment": dataclasses.replace(EFFICIENT, fused=False),
        "nothing aligned": dataclasses.replace(EFFICIENT, fused=False, aligned=0.0),
        "no private latent": dataclasses.replace(EFFICIENT, shared=40, private=0),
    },
    "aligned": {
        f"{aligned:.0%} aligned, {shared} shared, {shared // 4} private": dataclasses.replace(
            STAGED, aligned=aligned, shared=shared, private=shared // 4
        )
        for shared in (8, 32)
        for aligned in (0.05, 0.2, 1.0)
    },
    "ratio": {
        f"{shared} shared, {24 - shared} private": dataclasses.replace(
            EFFICIENT, shared=shared, private=24 - shared
        )
        for shared in (4, 12, 20)
    },
}


def draw(name: str, asked: Retraining, results: Path, done: Callable[[str], None]) -> list[Path]:
    """Train what a figure compares on each split, write CSV and picture; `done` is told of each training."""
    samples = load_samples(asked.scenarios)
    tested: list[Tested] = []
    for label, plan in FIGURES[name].items():
        stem = label.replace(",", "").replace(" ", "-").replace("%", "")
        jobs = dataclasses.replace(asked, run=asked.run and asked.run / stem).jobs()
        predictors = Predictors(label, functools.partial(train_staged, plan), RECIPE, with_perceptron=False)
        found = run_splits(predictors, jobs, asked.processes, lambda job, label=label: done(label))
        tested += [one for one in found if one.predictor == label]
    about = {"system": "vi_beam", "scenarios": list(samples.names), "figure": name}
    content = report.as_json(samples, tested, about)
    report.write_csv(results / f"{name}.csv", content)
    report.draw_comparison(results / f"{name}.png", f"vi_beam: {name}", content)
    return [results / f"{name}.csv", results / f"{name}.png"]
