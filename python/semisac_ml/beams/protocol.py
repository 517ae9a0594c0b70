# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Train on a split's training side, predict its test side, for several splits in parallel."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import nn

from semisac_ml.beams.baselines import BASELINES, MLP_RECIPE, perceptron
from semisac_ml.beams.ensemble import TEMPERING, train_ensemble
from semisac_ml.beams.inputs import InputSet
from semisac_ml.beams.samples import BeamSamples
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import MemberTrainer, Recipe, TrainingJob, predict
from semisac_ml.data import deepsense6g
from semisac_ml.signal.beam_choice import choose_beams
from semisac_ml.signal.beams import best_beams

TEST_SHARE = 0.2
BY_SEQUENCE, AT_RANDOM = "by sequence", "at random"


@dataclass(frozen=True)
class Predictors:
    """What is trained and compared.

    system: name of the learned prediction. member: trains one of its networks. recipe: of the training.
    with_perceptron: whether the small network is trained as well, on the first inputs alone.
    """

    system: str
    member: MemberTrainer
    recipe: Recipe
    with_perceptron: bool = True


@dataclass(frozen=True)
class SplitJob:
    """One split: kind "by sequence" or "at random", and its seed.

    run: folder of checkpoints, which the same command goes on from; None: nothing is kept.
    """

    scenarios: tuple[int, ...]
    kind: str
    seed: int
    inputs: tuple[InputSet, ...]
    run: Path | None = None

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
class Tested:
    """What one predictor said of the test side of one split.

    predictor: name. kind, seed, split: of the split. inputs: as text, "" where a baseline has its own.
    rows: samples that were tested, int64 [rows]; asked: how many the split holds.
    best: reported beams, the best first, int64 [rows, 5].
    probability: float32 [rows, beams], None of what gives none.
    overhead: beams measured a frame.
    """

    predictor: str
    kind: str
    seed: int
    split: str
    inputs: str
    rows: np.ndarray
    asked: int
    best: np.ndarray
    probability: np.ndarray | None
    overhead: float


def load_samples(scenarios: tuple[int, ...]) -> BeamSamples:
    """Samples of scenarios of DeepSense 6G; raises DataError where one is missing."""
    return BeamSamples.of([deepsense6g.load(number) for number in scenarios])


def test_predictor(
    name: str, network: nn.Module, samples: BeamSamples, rows: np.ndarray, job: SplitJob, split: str
) -> Iterator[Tested]:
    """Predictions for each set of inputs."""
    tensors = SampleTensors(samples, 1.0)
    for inputs in job.inputs:
        some = rows[inputs.eligible(samples)[rows]]
        probability = predict(network, tensors, some, inputs)
        overhead = inputs.presence(samples).overhead()
        best = choose_beams(probability, tempering=TEMPERING)
        told = (name, job.kind, job.seed, split, str(inputs))
        yield Tested(*told, some, len(rows), best, probability, overhead)


def run_split(predictors: Predictors, job: SplitJob) -> list[Tested]:
    """Train and test everything on one split, on one processor core, quietly."""
    torch.set_num_threads(1)
    samples = load_samples(job.scenarios)
    split = samples.split(job.kind, job.seed, TEST_SHARE)
    quiet = Console(file=io.StringIO())
    with job.folder() as folder:
        recipe = predictors.recipe
        tensors = SampleTensors(samples, recipe.label_scale_db)
        training = TrainingJob(tensors, split.train, recipe, job.inputs, job.seed, folder, quiet)
        network = train_ensemble(predictors.member, training)
        found = list(test_predictor(predictors.system, network, samples, split.test, job, split.name))
        if predictors.with_perceptron:
            alone = SplitJob(job.scenarios, job.kind, job.seed, job.inputs[:1])
            own = folder / "alone"
            own.mkdir(exist_ok=True)
            tensors = SampleTensors(samples, MLP_RECIPE.label_scale_db)
            training = TrainingJob(tensors, split.train, MLP_RECIPE, alone.inputs, job.seed, own, quiet)
            small = train_ensemble(perceptron, training)
            found += test_predictor("perceptron", small, samples, split.test, alone, split.name)
    return found + list(test_baselines(samples, split.train, split.test, job, split.name))


def test_baselines(
    samples: BeamSamples, train: np.ndarray, test: np.ndarray, job: SplitJob, split: str
) -> Iterator[Tested]:
    """Predictions of what is not trained."""
    for name, baseline in BASELINES.items():
        scores, overhead = baseline(samples, train, test)
        best = best_beams(scores, 5)
        yield Tested(name, job.kind, job.seed, split, "", test, len(test), best, None, overhead)


def run_splits(
    predictors: Predictors, jobs: list[SplitJob], processes: int | None, done: Callable[[SplitJob], None]
) -> list[Tested]:
    """All splits, several at a time, as many as there are cores by default; `done` is told of each."""
    processes = min(processes or os.cpu_count() or 1, len(jobs))
    if processes == 1:
        found = []
        for job in jobs:
            found += run_split(predictors, job)
            done(job)
        return found
    results: dict[SplitJob, list[Tested]] = {}
    with _one_thread_each(), ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        waiting = {pool.submit(run_split, predictors, job): job for job in jobs}
        for future in as_completed(waiting):
            results[waiting[future]] = future.result()
            done(waiting[future])
    return [tested for job in jobs for tested in results[job]]


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started within use one thread of OpenMP, and do not spin while they wait."""
    settings = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
