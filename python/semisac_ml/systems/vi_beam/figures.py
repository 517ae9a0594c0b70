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
COLUMNS = ("figure", "trained", "inputs", "light", "dba", "dba_thresholds", "top1", "top3", "n")


def draw(name: str, asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Train what a figure compares on each split, write CSV and picture."""
    tested: list[Tested] = []
    for label, plan in FIGURES[name].items():
        tested += asked.compare(label, functools.partial(train_staged, plan), RECIPE)
    return report.write_comparison(asked.results, name, f"vi_beam: {name}", samples, tested)


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
    rows = []
    for label, plan in SENSOR_FIGURES[name].items():
        trainer = functools.partial(
            train_plan, plan, label.replace(",", "").replace(" ", "-").replace("%", "")
        )
        for what, one in zip(sets, asked.compare(label, trainer, asked.recipe), strict=True):
            told = {"figure": name, "trained": label, "inputs": what}
            rows += [{**told, **row} for row in report.part_rows(samples, one)]
    files = [asked.results / f"{samples.source}_{name}{ending}" for ending in (".csv", ".png")]
    written = ({key: f"{v:.4f}" if isinstance(v, float) else v for key, v in row.items()} for row in rows)
    report.write_rows(files[0], COLUMNS, written)
    series: dict[str, dict[str, float]] = {label: {} for label in SENSOR_FIGURES[name]}
    for row in rows:
        if row["light"] == "all":
            series[row["trained"]][row["inputs"]] = row["dba"]
    with report.picture(files[1], 1, 9, 4.2) as axis:
        report.draw_bars(axis, list(sets), series)
        axis.set_title(f"vi_beam from all sensors: {name}")
    return files
