# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's Tables I and II and Figures 2 to 4: what alignment and latents do, what is missing.

From real power and positions on each split, or from all sensors on one, by time of day.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from semisac_ml.beams import report
from semisac_ml.beams.inputs import CASE, InputSet
from semisac_ml.beams.protocol import Evaluation
from semisac_ml.beams.samples import BeamSamples
from semisac_ml.beams.scores import Tested
from semisac_ml.beams.training import PowerRecipe
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import picture
from semisac_ml.sensors import declared
from semisac_ml.systems.vi_beam.stages import PLANS, STAGED, Plan, train_plan, train_staged

RECIPE = PowerRecipe(epochs=60, members=1)
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
SENSOR_FIGURES: dict[str, dict[str, Plan]] = {
    "missing": {"efficient": PLANS["efficient"], "sufficient": PLANS["sufficient"]},
    "ablation": {
        "efficient": PLANS["efficient"],
        "no alignment": Plan(fused=False),
        "no private latent": Plan(shared=48, private=0),
    },
    "aligned": {
        f"{aligned:.0%} aligned, latent {shared}": Plan(aligned, True, shared=shared, private=shared // 2)
        for shared in (8, 32)
        for aligned in (0.05, 0.2, 1.0)
    },
    "ratio": {
        f"{shared} shared, {24 - shared} private": Plan(shared=shared, private=24 - shared)
        for shared in (4, 12, 20)
    },
}
SCORES = ("dba", "dba_thresholds", "top1", "top3")


def draw(name: str, asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Train what a figure compares on each split, write CSV and picture."""
    tested: list[Tested] = []
    for label, plan in FIGURES[name].items():
        tested += asked.compare(label, functools.partial(train_staged, plan), RECIPE)
    return report.write_comparison(asked, name, samples, tested)


def missing(sensors: tuple[str, ...]) -> dict[str, InputSet]:
    """Inputs of Table II: everything, then everything but one or two."""
    labels = {"power": CASE, "position": "gps", **{declared()[name].label: name for name in sensors}}

    def without(*gone: str) -> InputSet:
        return InputSet.parse(",".join(word for label, word in labels.items() if label not in gone), sensors)

    found = {"nothing missing": without()}
    found |= {f"{label} missing": without(label) for label in labels}
    if {"camera", "lidar"} <= set(sensors):
        found["LiDAR and camera missing"] = without("LiDAR", "camera")
    return {**found, "power and position missing": without("power", "position")}


def draw_sensors(name: str, asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """The same from all sensors, of which some are missing."""
    sets = missing(samples.sensors)
    asked = dataclasses.replace(asked, trained_for=asked.inputs, inputs=tuple(sets.values()))
    figure = f"{samples.source}_{name}"
    rows: list[Result] = []
    for label, plan in SENSOR_FIGURES[name].items():
        trainer = functools.partial(
            train_plan, plan, label.replace(",", "").replace(" ", "-").replace("%", "")
        )
        for what, one in zip(sets, asked.compare(label, trainer, asked.recipe), strict=True):
            told = {"system": asked.system.name, "figure": figure, "variant": label, "inputs": what}
            rows += [row for row in report.part_rows(samples, one, {}, **told) if row.metric in SCORES]
    files = [asked.results / f"{figure}{ending}" for ending in (".csv", ".png")]
    write_results(files[0], rows)
    draw_missing(files[1], rows)
    return files


def draw_missing(path: Path, rows: list[Result]) -> None:
    """DBA of several trainings, whatever is missing."""
    shown = [row for row in rows if row.conditions["light"] == report.EVERY_LIGHT]
    with picture(path, 9, 4.2) as figure:
        axis = figure.subplots()
        report.draw_dba(axis, shown, lambda row: row.inputs, lambda row: row.variant)
        axis.set_title(f"{rows[0].system} from all sensors: {rows[0].figure.partition('_')[2]}")
