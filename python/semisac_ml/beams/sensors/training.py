# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of networks that take any sensors, and what they say of samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.beams.calibration import UNCALIBRATED, Calibration, calibrations, kinds_of
from semisac_ml.beams.sensors.sets import SensorPresence, SensorSet, random_presence, swapped
from semisac_ml.beams.sensors.tensors import SensorInputs, SensorTensors, View
from semisac_ml.beams.training import SMALLEST, Losses, cross_entropy, learning_rate
from semisac_ml.signal.calibration import TwoTemperatures, softmax
from semisac_ml.training import Stage, train_stage

CALIBRATION_SHARE = 0.1
CLIPPED_NORM = 5.0
BLOCKAGE_WEIGHT = 0.3


@dataclass(frozen=True)
class SensorRecipe:
    """How a network is trained.

    epochs, batch, learning_rate, weight_decay: of AdamW. frames: that a prediction sees. chunk: neighbouring
    samples of a drive that share a batch, and so the frames that are encoded. shown: how many times a batch
    holds each of its samples, every time with other sensors; its frames are encoded once. swapped: share of
    these that are shown another's, by sensor. label_scale_db: see SampleTensors. mirrored: share of the
    batches that see the street in a mirror. turned, most_turned: share of the batches that see it turned, by
    at most so many beams.
    """

    epochs: int = 30
    batch: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    frames: int = 1
    chunk: int = 1
    shown: int = 1
    swapped: float = 0.0
    label_scale_db: float = 0.5
    mirrored: float = 0.4
    turned: float = 0.5
    most_turned: int = 6

    def view(self, rng: np.random.Generator) -> View:
        """How the next batch sees the street."""
        mirrored, turned = rng.random(2) < (self.mirrored, self.turned)
        beams = int(rng.integers(-self.most_turned, self.most_turned + 1))
        return View(bool(mirrored), beams if turned else 0)


@dataclass(frozen=True)
class Batch:
    """Samples of one step. progress: 0 to 1 of the training."""

    rows: np.ndarray
    presence: SensorPresence
    view: View
    progress: float


Objective = Callable[[nn.Module, SensorTensors, Batch], Losses]


@dataclass(frozen=True)
class SensorJob:
    """What a network is trained on: rows of the tensors, with the sets that are asked for."""

    tensors: SensorTensors
    rows: np.ndarray
    recipe: SensorRecipe
    asked: tuple[SensorSet, ...]
    seed: int
    folder: Path
    console: Console


def batches(
    job: SensorJob, rng: np.random.Generator, draw: Callable[..., SensorPresence] = random_presence
) -> Iterator[tuple[np.ndarray, SensorPresence, View]]:
    """Each sample in one batch, in chunks of neighbours, with sensors drawn anew."""
    chunks = _chunks(job, rng)
    count = max(len(chunks) // max(job.recipe.batch // job.recipe.chunk, 1), 1)
    for some in np.array_split(rng.permutation(len(chunks)), count):
        rows = np.tile(np.concatenate([chunks[k] for k in some]), job.recipe.shown)
        there, recorded = job.tensors.there[rows], job.tensors.recorded[rows]
        presence = draw(there, recorded, rng, job.asked)
        others = swapped(len(rows), job.recipe.swapped, rng)
        yield rows, dataclasses.replace(presence, shown_of=others), job.recipe.view(rng)


def _chunks(job: SensorJob, rng: np.random.Generator) -> list[np.ndarray]:
    found, size = [], job.recipe.chunk
    drive = job.tensors.samples.drive[job.rows]
    for number in np.unique(drive):
        own = job.rows[drive == number]
        cuts = np.arange(rng.integers(1, size + 1), len(own), size)
        found += np.split(own, cuts)
    return found


def steps_per_epoch(job: SensorJob) -> int:
    """Least number of batches of an epoch: where chunks begin is drawn, which adds some."""
    return max(len(job.rows) // job.recipe.batch, 1)


def train_network(
    network: nn.Module,
    job: SensorJob,
    name: str,
    objective: Objective,
    *,
    parameters: list[nn.Parameter] | None = None,
    draw: Callable[..., SensorPresence] = random_presence,
) -> nn.Module:
    """Train one network; returns it in evaluation mode.

    name: of its checkpoint, to which the seed is added. parameters: those that are trained, all by default.
    draw: chooses what each sample is given.
    """
    recipe, count = job.recipe, steps_per_epoch(job)
    trained = parameters or list(network.parameters())
    optimiser = torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)

    def step(generator: torch.Generator) -> Iterator[dict[str, float]]:
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        done = int(next(iter(optimiser.state.values()))["step"]) if optimiser.state else 0
        for place, drawn in zip(range(done, done + count), batches(job, rng, draw), strict=False):
            batch = Batch(*drawn, place / (count * recipe.epochs))
            losses = objective(network, job.tensors, batch)
            optimiser.zero_grad()
            losses["loss"].backward()
            nn.utils.clip_grad_norm_(trained, CLIPPED_NORM)
            optimiser.step()
            yield {key: float(value.detach()) for key, value in losses.items()}

    settings = {
        **dataclasses.asdict(recipe),
        "asked": [str(one) for one in job.asked],
        "rows": len(job.rows),
    }
    train_stage(
        Stage(
            name=f"{name}-{job.seed}",
            model=network,
            optimiser=optimiser,
            epochs=recipe.epochs,
            steps_per_epoch=count,
            learning_rate=learning_rate,
            step=step,
            validate=dict,
            seed=job.seed,
            settings=settings,
        ),
        job.folder,
        job.console,
    )
    return network.eval()


def task_losses(logits: Tensor, hidden: Tensor, tensors: SensorTensors, batch: Batch) -> Losses:
    """Cross-entropy of the beams, and of blockage where it is known; "loss" is their weighted sum."""
    beams = cross_entropy(logits, tensors.label(batch.rows, batch.view))
    truth = tensors.blocked[torch.from_numpy(batch.rows)]
    known = torch.isfinite(truth)
    losses = {"loss": beams, "beams": beams}
    if known.any():
        blocked = functional.binary_cross_entropy_with_logits(hidden[known], truth[known])
        losses |= {"loss": beams + BLOCKAGE_WEIGHT * blocked, "blockage": blocked}
    return losses


class CalibratedNetwork(nn.Module):
    """Probabilities of a network, calibrated by what was fitted on drives of their own.

    network: gives logits of the beams and of blockage. calibration: of each of KINDS.
    """

    def __init__(self, network: nn.Module, calibration: tuple[TwoTemperatures, ...] = UNCALIBRATED) -> None:
        super().__init__()
        self.network = network
        self.calibration = Calibration(calibration)

    @property
    def encoders(self) -> nn.ModuleDict:
        """Encoders of the sensors."""
        return self.network.encoders

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Probability that each beam is the strongest [batch, beams], and of blockage [batch]."""
        logits, hidden = self.network(*inputs)
        given = SensorInputs(*inputs)
        probability = torch.softmax(logits, dim=1)
        return self.calibration(probability, given.measured, given.position_known), torch.sigmoid(hidden)


@torch.no_grad()
def predict(
    network: nn.Module, tensors: SensorTensors, rows: np.ndarray, sets: tuple[SensorSet, ...]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What a network says of some samples with each set: of beams [rows, beams] and of blockage [rows]."""
    network.eval()
    features = tensors.encode_all(network.encoders, rows)
    found = []
    for one in sets:
        said = network(*inputs_with(one, tensors, rows, features))
        found.append((said[0].numpy(), said[1].numpy()))
    return found


def inputs_with(
    one: SensorSet, tensors: SensorTensors, rows: np.ndarray, features: dict[str, Tensor]
) -> SensorInputs:
    """Inputs of some samples with a set of sensors."""
    presence = one.presence(tensors.there[rows], tensors.recorded[rows])
    return tensors.encoded_inputs(features, rows, presence)


def calibrated(train: Callable[[SensorJob], nn.Module], job: SensorJob) -> CalibratedNetwork:
    """Train on most of the drives and calibrate on the others."""
    samples = job.tensors.samples
    drives = np.random.default_rng([job.seed, 1]).permutation(np.unique(samples.drive[job.rows]))
    held_out = drives[: round(CALIBRATION_SHARE * len(drives))]
    held = np.isin(samples.drive[job.rows], held_out)
    torch.manual_seed(job.seed)
    network = train(dataclasses.replace(job, rows=job.rows[~held]))
    rows = job.rows[held]
    if not len(rows):
        return CalibratedNetwork(network).eval()
    said = predict(network, job.tensors, rows, job.asked)
    logarithm = np.log(softmax(np.concatenate([one for one, _ in said])) + SMALLEST)
    truth = np.tile(samples.beams.beam[rows], len(job.asked))
    shown = [one.presence(job.tensors.there[rows], job.tensors.recorded[rows]) for one in job.asked]
    kinds = np.concatenate([kinds_of(one.measured, one.position_known) for one in shown])
    return CalibratedNetwork(network, calibrations(logarithm, truth, kinds)).eval()
