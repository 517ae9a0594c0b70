# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the commands of the systems of beam prediction do; their options are in :mod:`options`."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from semisac_ml.beams import report
from semisac_ml.beams.ensemble import BeamEnsemble, train_ensemble
from semisac_ml.beams.inputs import InputSet
from semisac_ml.beams.protocol import (
    AT_RANDOM,
    BY_SEQUENCE,
    TEST_SHARE,
    Predictors,
    SplitJob,
    load_samples,
    run_splits,
)
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import MemberTrainer, Recipe, TrainingJob
from semisac_ml.outputs import console_beside, write_output
from semisac_ml.training import save_checkpoint

if TYPE_CHECKING:
    from semisac_ml.beams.sensors.protocol import SensorSystem

DATA = "deepsense6g"
TRAINED = "trained"
DEFAULT_INPUTS = ("gps,beams8,history", "gps,beams8", "gps,beams4", "gps,sweep2", "gps")


@dataclass
class BeamSystem:
    """What a system of beam prediction brings of its own; the commands of all are the same.

    name: such as "vi_beam". title: what it is, in a few words. recipe: of the training.
    members: trainers of one network by the name of the variant, the default first. variants: help on them.
    ensemble: networks with no training yet, from numbers of sites and members, and the variant.
    sensors: the same for networks that take camera, LiDAR and radar as well.
    figures: drawn by `semisac evaluate --figure` from power and position, by name.
    """

    name: str
    title: str
    recipe: Recipe
    members: dict[str, MemberTrainer]
    variants: str
    ensemble: Callable[[int, int, str], BeamEnsemble]
    sensors: SensorSystem
    figures: dict[str, Callable[[Retraining, Path, Callable[[str], None]], list[Path]]] = field(
        default_factory=dict
    )

    def member(self, variant: str) -> MemberTrainer:
        """Trainer of a variant. Raises ValueError for one that is not known."""
        if variant not in self.members:
            raise ValueError(f"variant is {variant!r}, expected one of {', '.join(self.members)}")
        return self.members[variant]


@dataclass(frozen=True)
class Retraining:
    """Splits on which networks are trained and measured, and where the figures go: see `semisac evaluate`."""

    scenarios: tuple[int, ...]
    inputs: tuple[InputSet, ...]
    splits: int
    random_splits: int
    seed: int
    processes: int | None = None
    run: Path | None = None
    json_file: Path | None = None
    results: Path | None = None

    def jobs(self) -> list[SplitJob]:
        """One for each split, by sequence first."""
        kinds = ((BY_SEQUENCE, self.splits), (AT_RANDOM, self.random_splits))
        return [
            SplitJob(self.scenarios, kind, self.seed + k, self.inputs, self.run)
            for kind, count in kinds
            for k in range(count)
        ]


def numbers_of(scenarios: str) -> tuple[int, ...]:
    """Numbers of scenarios. Raises ValueError."""
    try:
        found = tuple(int(part) for part in scenarios.split(","))
    except ValueError:
        raise ValueError(f"scenarios are {scenarios!r}, expected numbers such as 1,2,5,8") from None
    if len(set(found)) < len(found):
        raise ValueError(f"scenarios are {scenarios!r}, expected each once")
    return found


def sets_of(inputs: list[str] | None) -> tuple[InputSet, ...]:
    """Sets of inputs, the usual ones where none is named. Raises ValueError."""
    return tuple(InputSet.parse(text) for text in inputs or DEFAULT_INPUTS)


def retrain_and_measure(predictors: Predictors, asked: Retraining) -> None:
    """Train on each split, measure on its test side, and write the figures."""
    samples = load_samples(asked.scenarios)  # early: what is damaged is told before any training
    jobs = asked.jobs()
    console = console_beside(asked.json_file)
    with Progress(console=console) as progress:
        task = progress.add_task("splits", total=len(jobs))
        tested = run_splits(
            predictors,
            jobs,
            asked.processes,
            lambda job: progress.advance(task),
        )
    about = {
        "system": predictors.system,
        "data": DATA,
        "scenarios": list(samples.names),
        "inputs": str(asked.inputs[0]),
        "recipe": dataclasses.asdict(predictors.recipe),
        "command": shlex.join(["semisac", *sys.argv[1:]]),
    }
    content = report.as_json(samples, tested, about)
    if asked.json_file:
        report.write_json(asked.json_file, content)
    if asked.results:
        report.write_csv(asked.results / f"{DATA}.csv", content)
        report.draw(asked.results / f"{DATA}.png", samples, tested, content)
    for kind in (BY_SEQUENCE, AT_RANDOM)[: 1 + bool(asked.random_splits)]:
        console.print(report.console_table(content, kind))
    if asked.json_file:
        console.print(f"written: {asked.json_file}")
    if asked.results:
        console.print(f"written: {asked.results / DATA}.csv, {asked.results / DATA}.png")


def draw_figure(system: BeamSystem, name: str, asked: Retraining, results: Path) -> None:
    """Train what a figure compares and draw it. Raises ValueError for one that is not known."""
    if name not in system.figures:
        known = ", ".join(system.figures) or "none"
        raise ValueError(f"unknown figure {name!r} of --data {DATA}, expected one of: {known}")
    console = Console()
    with Progress(console=console) as progress:
        task = progress.add_task("trainings", total=None)

        def done(label: str) -> None:
            console.print(f"trained: {label}")
            progress.advance(task)

        files = system.figures[name](asked, results, done)
    for file in files:
        console.print(f"written: {file}")


def train_on_everything(
    system: BeamSystem, variant: str, recipe: Recipe, scenarios: str, seed: int, folder: Path
) -> None:
    """Train on the training side of a split by sequence and keep the networks for export."""
    numbers, member = numbers_of(scenarios), system.member(variant)
    samples = load_samples(numbers)
    split = samples.split(BY_SEQUENCE, seed, TEST_SHARE)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    tensors = SampleTensors(samples, recipe.label_scale_db)
    job = TrainingJob(tensors, split.train, recipe, sets_of(None), seed, folder, console)
    network = train_ensemble(member, job)
    settings = {
        "system": system.name,
        "scenarios": list(numbers),
        "sites": list(samples.names),
        "seed": seed,
        "split": split.name,
        "members": recipe.members,
        "variant": variant,
        "command": shlex.join(["semisac", *sys.argv[1:]]),
    }
    write_output(folder / "settings.json", json.dumps(settings, indent=2) + "\n")
    save_checkpoint(folder / f"{TRAINED}.safetensors", network, None, settings)
    console.print(f"trained: {folder}; next: semisac export {system.name} --run {folder}")


def check_settings(folder: Path) -> dict:
    """Settings of a training. Raises ValueError where the folder holds none."""
    file = folder / "settings.json"
    if not file.is_file():
        raise ValueError(f"{folder}: holds no settings.json, expected the folder of a finished training")
    return json.loads(file.read_text(encoding="utf-8"))
