# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Train on a split's training side, predict its test side, for several splits in parallel."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import nn

from semisac_ml.beams.baselines import BASELINES, LOOK_BACK, MLP_RECIPE, perceptron
from semisac_ml.beams.ensemble import BeamEnsemble, train_ensemble
from semisac_ml.beams.inputs import InputSet, sets_of
from semisac_ml.beams.recordings import Recordings
from semisac_ml.beams.samples import AT_RANDOM, BY_SEQUENCE, FOLDS, IN_FOLDS, BeamSamples
from semisac_ml.beams.scores import Tested, blockage_figures
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import Recipe, Trainer, TrainingJob, predict
from semisac_ml.data.splits import Split
from semisac_ml.parallel import Workers, run_jobs
from semisac_ml.signal.beam_choice import choose_beams
from semisac_ml.signal.beams import best_beams


@dataclass
class Approach:
    """How a system predicts beams from one kind of recordings.

    title: what it is, in a few words. recipe: of the training. trainers: of one network by the name of the
    variant, the default first. network: ensemble with no training yet, from the number of sites, the
    variant, the number of members and the names of sensors. figures: drawn by `semisac evaluate --figure`;
    of_bundles: those of them that measure a bundle.
    """

    title: str
    recipe: Recipe
    trainers: dict[str, Trainer]
    network: Callable[[int, str, int, tuple[str, ...]], BeamEnsemble]
    figures: dict[str, Callable[[Evaluation, BeamSamples], list[Path]]] = field(default_factory=dict)
    of_bundles: tuple[str, ...] = ()

    def trainer(self, variant: str) -> Trainer:
        """Trainer of a variant. Raises ValueError for one that is not known."""
        if variant not in self.trainers:
            raise ValueError(f"variant is {variant!r}, expected one of {', '.join(self.trainers)}")
        return self.trainers[variant]


@dataclass
class BeamSystem:
    """What a system of beam prediction brings of its own; the commands of all are the same.

    name: such as "vi_beam". power: from power and position alone. sensors: from all sensors.
    """

    name: str
    power: Approach
    sensors: Approach

    def of(self, recordings: Recordings) -> Approach:
        """The approach to some recordings."""
        return self.sensors if recordings.sensors else self.power


@dataclass(frozen=True)
class Predictors:
    """What is trained and compared.

    system: name of the learned prediction. trainer: of one of its networks. recipe: of the training.
    with_perceptron: whether the small network is trained as well, on the first inputs alone.
    """

    system: str
    trainer: Trainer
    recipe: Recipe
    with_perceptron: bool = False


@dataclass(frozen=True)
class SplitJob:
    """One split: kind "by sequence", "in folds" or "at random", and its seed or the number of the fold.

    inputs: sets that are measured, and trained for where `trained_for` is empty.
    run: folder of checkpoints, which the same command goes on from; None: nothing is kept.
    """

    recordings: Recordings
    kind: str
    seed: int
    inputs: tuple[InputSet, ...]
    run: Path | None = None
    trained_for: tuple[InputSet, ...] = ()

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"split {self.kind}, {self.seed}"

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Where the checkpoints of this split go."""
        if self.run is None:
            with tempfile.TemporaryDirectory() as found:
                yield Path(found)
        else:
            found = self.run / f"{self.kind.replace(' ', '-')}-{self.seed}"
            found.mkdir(parents=True, exist_ok=True)
            yield found


@dataclass(frozen=True)
class Evaluation:
    """What is trained and measured, and where the figures go: see `semisac evaluate`.

    recipe, variant: of the networks. texts: sets of inputs as on the command line; inputs: the same, once it
    is known which sensors there are; trained_for: see SplitJob. folds: whether the splits that do not overlap
    are measured too. bundle, retrain: of figures that measure a bundle, or train all that it holds.
    """

    system: BeamSystem
    recordings: Recordings
    recipe: Recipe
    variant: str
    seed: int
    texts: Sequence[str] | None = None
    inputs: tuple[InputSet, ...] = ()
    trained_for: tuple[InputSet, ...] = ()
    splits: int = 1
    random_splits: int = 0
    folds: bool = False
    bundle: str | None = None
    retrain: bool = False
    workers: Workers = Workers()
    run: Path | None = None
    json_file: Path | None = None
    results: Path | None = None
    console: Console = field(default_factory=Console)

    @property
    def approach(self) -> Approach:
        """The approach to these recordings."""
        return self.system.of(self.recordings)

    def given(self, samples: BeamSamples) -> Evaluation:
        """The same with the inputs that are asked for of these samples. Raises ValueError."""
        return dataclasses.replace(self, inputs=sets_of(self.texts, samples.sensors))

    def jobs(self) -> list[SplitJob]:
        """One for each split, by sequence first."""
        kinds = [(BY_SEQUENCE, self.seed + k) for k in range(self.splits)]
        kinds += [(IN_FOLDS, fold) for fold in range(FOLDS * self.folds)]
        kinds += [(AT_RANDOM, self.seed + k) for k in range(self.random_splits)]
        return [
            SplitJob(self.recordings, kind, seed, self.inputs, self.run, self.trained_for)
            for kind, seed in kinds
        ]

    def compare(self, label: str, trainer: Trainer, recipe: Recipe, **changes: object) -> list[Tested]:
        """Train one of what a figure compares on each split and test it; changes: of the evaluation."""
        told = f"{label}: {changes['inputs'][0]}" if "inputs" in changes else label
        stem = "".join("-" if letter in " ,:" else letter for letter in told.replace("%", ""))
        own = dataclasses.replace(self, run=self.run and self.run / stem, **changes)
        predictors = Predictors(label, trainer, recipe)
        found = run_splits(predictors, own.jobs(), self.workers, self.console)
        self.console.print(f"trained: {told}")
        return [one for one in found if one.predictor == label]


def training_job(
    samples: BeamSamples,
    split: Split,
    recipe: Recipe,
    asked: tuple[InputSet, ...],
    seed: int,
    folder: Path,
    console: Console,
) -> TrainingJob:
    """A training on the training side of a split; its folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = SampleTensors(samples, recipe.label_scale_db, recipe.frames)
    return TrainingJob(tensors, split.train, recipe, asked, seed, folder, console)


def test_network(
    name: str,
    network: nn.Module,
    tensors: SampleTensors,
    split: Split,
    job: SplitJob,
    tempering: float,
    **how: int,
) -> Iterator[Tested]:
    """What a network says of the test side of a split with each set of inputs; how: see `predict`."""
    truth = tensors.samples.blocked
    for inputs, said in zip(
        job.inputs, predict(network, tensors, split.test, job.inputs, **how), strict=True
    ):
        known = np.isfinite(truth[said.rows])
        blockage = None
        if said.blocked is not None and known.any():
            blockage = blockage_figures(said.blocked[known], truth[said.rows][known] > 0.5)
        best = choose_beams(said.beams, tempering=tempering)
        told = (name, job.kind, job.seed, split.name, str(inputs), said.rows, len(split.test))
        overhead = np.full(len(said.rows), float(inputs.beams))
        yield Tested(*told, best, said.beams, overhead, blockage)


def test_baselines(samples: BeamSamples, split: Split, job: SplitJob) -> Iterator[Tested]:
    """Predictions of what is not trained: nearest neighbours at the site, sweeps, the tracker.

    Where nothing is on the training side, what looks there is left out.
    """
    for name, baseline in BASELINES.items():
        if name in LOOK_BACK and not len(split.train):
            continue
        scores, overhead = baseline(samples, split.train, split.test)
        told = (name, job.kind, job.seed, split.name, "", split.test, len(split.test))
        yield Tested(*told, best_beams(scores, 5), None, overhead)


def run_split(predictors: Predictors, job: SplitJob, console: Console | None = None) -> list[Tested]:
    """Train and test everything on one split; without a console quietly, on one processor core."""
    if console is None:
        torch.set_num_threads(1)
        console = Console(file=io.StringIO())
    samples = job.recordings.samples(console)
    split = samples.split(job.kind, job.seed)
    found: list[Tested] = []
    with job.folder() as folder:
        trainings = [(predictors.system, predictors.trainer, predictors.recipe, job, folder)]
        if predictors.with_perceptron:
            alone = dataclasses.replace(job, inputs=job.inputs[:1])
            trainings.append(("perceptron", perceptron, MLP_RECIPE, alone, folder / "alone"))
        for name, trainer, recipe, own, place in trainings:
            asked = own.trained_for or own.inputs
            training = training_job(samples, split, recipe, asked, job.seed, place, console)
            network = train_ensemble(trainer, training)
            found += test_network(name, network, training.tensors, split, own, recipe.tempering)
    return found + list(test_baselines(samples, split, job))


def run_splits(
    predictors: Predictors, jobs: list[SplitJob], workers: Workers, console: Console
) -> list[Tested]:
    """All splits, with a progress bar.

    With all sensors, which fill the memory, one after the other unless there is a cluster, and the bars are
    those of each training.
    """
    if jobs[0].recordings.sensors and workers.scheduler is None:
        return [tested for job in jobs for tested in run_split(predictors, job, console)]
    named = {job.name: (predictors, job) for job in jobs}
    with Progress(console=console) as progress:
        done = run_jobs(run_split, named, workers)
        results = dict(progress.track(done, total=len(jobs), description="splits"))
    return [tested for job in jobs for tested in results[job.name]]
