# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's Tables I and II and Figures 2 to 4: what alignment and latents do, what is missing.

And what pretraining without labels is worth where few drives have any. From real power and positions on each
split, or from all sensors on one, by time of day.
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
from semisac_ml.beams.training import PowerRecipe, SensorRecipe
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import picture
from semisac_ml.sensors import declared
from semisac_ml.systems.vi_beam.stages import (
    PLANS,
    STAGED,
    TUNED,
    UNLABELLED,
    Plan,
    train_plan,
    train_staged,
)

RECIPE = PowerRecipe(epochs=60, members=1)
EFFICIENT = dataclasses.replace(STAGED, aligned=0.2, pretrained_on_all=False)
LABELS, LABELLED = "labels", (0.01, 0.05, 0.2, 1.0)
ALIGNED = (0.05, 0.1, 0.2, 0.5, 1.0)
FROZEN, ALL_OF_IT, NOT_PRETRAINED = "pretrained, frozen", "pretrained, then all of it", "not pretrained"


class UncalibratedPower(PowerRecipe):
    """Calibrated on no drive: those held out for it would be labelled ones."""

    held_out = 0.0


class UncalibratedSensors(SensorRecipe):
    """The same with all sensors."""

    held_out = 0.0


def by_labels(plan: Plan) -> dict[str, Plan]:
    """A training without labels, then the task from a share of the drives, against the task alone.

    That is given the steps of all stages, so that pretraining is no longer training.
    """
    both = dataclasses.replace(plan, frozen=False)
    alone = dataclasses.replace(both, pretrained=False, fused=False, shares=(0.0, 0.0, sum(plan.shares)))
    ways = {FROZEN: plan, ALL_OF_IT: both, NOT_PRETRAINED: alone}
    return {
        f"{share:.0%} of the drives labelled, {how}": dataclasses.replace(one, labels=share)
        for share in LABELLED
        for how, one in ways.items()
    }


def by_alignment(plan: Plan) -> dict[str, Plan]:
    """A share of the drives aligned, after unimodal pretraining on all."""
    return {f"{one:.0%} of the drives aligned": dataclasses.replace(plan, aligned=one) for one in ALIGNED}


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
    "sizes": {
        f"{shared} shared, {shared // 4} private": dataclasses.replace(
            STAGED, shared=shared, private=shared // 4
        )
        for shared in (4, 8, 32, 128)
    },
    "large-ratio": {
        f"{shared} shared, {96 - shared} private": dataclasses.replace(
            EFFICIENT, shared=shared, private=96 - shared
        )
        for shared in (16, 48, 80)
    },
    LABELS: by_labels(UNLABELLED),
    "alignment": by_alignment(UNLABELLED),
}
SENSOR_FIGURES: dict[str, dict[str, Plan]] = {
    "missing": {"efficient": PLANS["efficient"], "sufficient": PLANS["sufficient"]},
    "ablation": {
        "efficient": PLANS["efficient"],
        "no alignment": Plan(fused=False),
        "no private latent": Plan(shared=48, private=0),
        "no maps of azimuths": Plan(azimuths=False),
        "tuned": TUNED,
        "tuned, no maps of azimuths": dataclasses.replace(TUNED, azimuths=False, compared=False),
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
    LABELS: by_labels(PLANS["unlabelled"]),
}
SCORES = ("dba", "dba_thresholds", "top1", "top3")


def draw(name: str, asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Train what a figure compares on each split, write CSV and picture."""
    recipe = UncalibratedPower(**dataclasses.asdict(RECIPE)) if name == LABELS else RECIPE
    tested: list[Tested] = []
    for label, plan in FIGURES[name].items():
        tested += asked.compare(label, functools.partial(train_staged, plan), recipe)
    return report.write_comparison(asked, name.replace("-", "_"), samples, tested)


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
    recipe = UncalibratedSensors(**dataclasses.asdict(asked.recipe)) if name == LABELS else asked.recipe
    figure = f"{samples.source}_{name}"
    rows: list[Result] = []
    for label, plan in SENSOR_FIGURES[name].items():
        trainer = functools.partial(
            train_plan, plan, label.replace(",", "").replace(" ", "-").replace("%", "")
        )
        for what, one in zip(sets, asked.compare(label, trainer, recipe), strict=True):
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
