# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Train on drives of all sensors, measure on drives held out, with each set of sensors and by time of day."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from torch import nn

from semisac_ml.beams import report
from semisac_ml.beams.protocol import BY_SEQUENCE, TEST_SHARE, SplitJob, Tested, test_baselines
from semisac_ml.beams.samples import BeamSamples
from semisac_ml.beams.sensors.networks import BundlePredictor
from semisac_ml.beams.sensors.samples import SensorSamples, load
from semisac_ml.beams.sensors.sets import BEYOND, CASE_STUDY, SensorSet
from semisac_ml.beams.sensors.tensors import SensorTensors
from semisac_ml.beams.sensors.training import (
    CalibratedNetwork,
    SensorJob,
    SensorRecipe,
    calibrated,
    predict,
)
from semisac_ml.data.splits import Split
from semisac_ml.signal.beam_choice import choose_beams

SensorTrainer = Callable[[SensorJob], nn.Module]
DEFAULT_SETS = (*CASE_STUDY.values(), *BEYOND.values())


@dataclass
class SensorSystem:
    """What a system brings of its own for all sensors.

    name, title: of the system. recipe: of the training. trainers: of one network, by the name of the variant,
    the default first. network: one with no training yet, from the number of sites and the variant.
    figures: drawn by `semisac evaluate --figure`, by name.
    """

    name: str
    title: str
    recipe: SensorRecipe
    trainers: dict[str, SensorTrainer]
    network: Callable[[int, str], nn.Module]
    figures: dict[str, Callable[[FigureJob], list[Path]]]

    def trainer(self, variant: str) -> SensorTrainer:
        """Trainer of a variant. Raises ValueError for one that is not known."""
        if variant not in self.trainers:
            raise ValueError(f"variant is {variant!r}, expected one of {', '.join(self.trainers)}")
        return self.trainers[variant]


@dataclass(frozen=True)
class Street:
    """A folder of all sensors. scenarios: numbers, all that are there by default."""

    folder: Path
    scenarios: tuple[int, ...] | None = None

    def samples(self, console: Console) -> SensorSamples:
        """Its samples, read or from where they are kept. Raises DataError."""
        return load(self.folder, self.scenarios, console)


@dataclass(frozen=True)
class FigureJob:
    """What a figure is drawn from. run: folder of the trainings. results: folder of CSV and picture."""

    system: SensorSystem
    street: Street
    recipe: SensorRecipe
    seed: int
    run: Path
    results: Path
    console: Console

    def training(self, samples: SensorSamples, split: Split, asked: tuple[SensorSet, ...]) -> SensorJob:
        """A training on the training side of a split."""
        return training_job(self.recipe, samples, split, asked, self.seed, self.run, self.console)


def training_job(
    recipe: SensorRecipe,
    samples: SensorSamples,
    split: Split,
    asked: tuple[SensorSet, ...],
    seed: int,
    folder: Path,
    console: Console,
) -> SensorJob:
    """A training on the training side of a split; its folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = SensorTensors(samples, recipe.frames, recipe.label_scale_db)
    return SensorJob(tensors, split.train, recipe, asked, seed, folder, console)


def sets_of(inputs: list[str] | None) -> tuple[SensorSet, ...]:
    """Sets of sensors, those of the case study where none is named. Raises ValueError."""
    return tuple(SensorSet.parse(text) for text in inputs or DEFAULT_SETS)


def by_light(samples: SensorSamples) -> BeamSamples:
    """The samples with time of day in the place of sites, so that figures are told by day and by night."""
    names, light = np.unique(samples.light, return_inverse=True)
    return dataclasses.replace(samples.beams, names=tuple(str(name) for name in names), site=light)


def test_network(
    name: str,
    network: CalibratedNetwork | BundlePredictor,
    tensors: SensorTensors,
    split: Split,
    sets: tuple[SensorSet, ...],
    seed: int,
) -> tuple[list[Tested], dict[str, dict[str, float]]]:
    """Predictions of beams for each set of sensors on the test side, and figures of blockage by set."""
    rows, tested, blockage = split.test, [], {}
    for one, (probability, hidden) in zip(sets, predict(network, tensors, rows, sets), strict=True):
        best = choose_beams(probability)
        told = (name, BY_SEQUENCE, seed, split.name, str(one), rows, len(rows))
        tested.append(Tested(*told, best, probability, float(one.beams)))
        truth = tensors.samples.blocked[rows]
        known = np.isfinite(truth)
        if known.any():
            blockage[str(one)] = blockage_figures(hidden[known], truth[known] > 0.5)
    return tested, blockage


def blockage_figures(probability: np.ndarray, blocked: np.ndarray) -> dict[str, float]:
    """Share of right decisions; with both classes its mean over them, and the area below the ROC curve."""
    right = (probability > 0.5) == blocked
    count = int(blocked.sum())
    found = {"accuracy": float(right.mean()), "blocked_share": float(blocked.mean()), "n": len(blocked)}
    if 0 < count < len(blocked):
        from scipy.stats import rankdata

        rank = rankdata(probability)[blocked].sum() - count * (count + 1) / 2
        found["balanced_accuracy"] = float(0.5 * (right[blocked].mean() + right[~blocked].mean()))
        found["area_under_curve"] = float(rank / (count * (len(blocked) - count)))
    return found


def measure_split(
    system: SensorSystem, variant: str, job: SensorJob, split: Split, sets: tuple[SensorSet, ...]
) -> tuple[list[Tested], dict[str, dict[str, float]]]:
    """Train on a split and test it, with the baselines."""
    network = calibrated(system.trainer(variant), job)
    tested, blockage = test_network(system.name, network, job.tensors, split, sets, job.seed)
    return tested + baselines(job.tensors.samples, split, job.seed), blockage


def baselines(samples: SensorSamples, split: Split, seed: int) -> list[Tested]:
    """What is not trained: nearest neighbours on position at the same site, sweeps, the tracker."""
    told = SplitJob((), BY_SEQUENCE, seed, ())
    return list(test_baselines(samples.beams, split.train, split.test, told, split.name))


def figures_of(
    system: SensorSystem,
    street: Street,
    samples: SensorSamples,
    tested: list[Tested],
    blockage: list[dict[str, dict[str, float]]],
    **about: object,
) -> dict[str, Any]:
    """All figures as JSON values; "metrics" are those of the first set, mean over times of day."""
    told = {
        "system": system.name,
        "data": str(street.folder.name),
        "scenarios": list(by_light(samples).names),
        "inputs": tested[0].inputs,
        "command": shlex.join(["semisac", *sys.argv[1:]]),
        "samples_left_out": len(samples.left_out),
        "left_out": list(samples.left_out),
        **about,
    }
    content = report.as_json(by_light(samples), tested, told)
    content["blockage"] = {
        inputs: {
            key: float(np.mean([one[inputs][key] for one in blockage if key in one[inputs]]))
            for key in blockage[0][inputs]
        }
        for inputs in (blockage[0] if blockage else {})
    }
    return content


def split_of(samples: SensorSamples, seed: int) -> Split:
    """The split that all of this is measured on."""
    return samples.split(seed, TEST_SHARE)
