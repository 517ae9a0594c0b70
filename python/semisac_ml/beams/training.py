# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of networks that predict beams from inputs that come and go, and what they say of samples.

A network gives logits of the beams, and of the straight way being blocked if it tells that too.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.beams.inputs import InputSet, Presence, random_presence, random_sensors, swapped
from semisac_ml.beams.samples import FRAMES
from semisac_ml.beams.tensors import PLAIN, SampleTensors, View
from semisac_ml.training import Stage, train_stage
from semisac_ml.training.team import Part

WARM_UP = 0.1
CLIPPED_NORM = 5.0
ROWS_AT_ONCE = 512
SMALLEST = 1e-9
BLOCKAGE_WEIGHT = 0.3

Losses = dict[str, Tensor]
Draw = Callable[..., Presence]


@dataclass(frozen=True)
class Batch:
    """Samples of one step. progress: 0 to 1 of the training."""

    rows: np.ndarray
    presence: Presence
    view: View
    progress: float


Objective = Callable[[nn.Module, SampleTensors, Batch], Losses]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; its fields are what a checkpoint must share to be gone on from.

    epochs, batch, learning_rate, weight_decay: of AdamW; the rate rises over the first tenth, then falls as
        a cosine.
    label_scale_db: see :class:`SampleTensors`.
    frames: that a prediction sees.
    least_steps: where the samples are so few that they make fewer steps, an epoch passes several times over
        them.
    members: networks whose probabilities are averaged; their seeds are `seeds_apart` times that of the
        training, and those that follow.
    held_out: share of the training drives on which probabilities are calibrated.
    tempering: exponent of probabilities when beams are ranked: drives unseen are less calibrated.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    label_scale_db: float

    frames: ClassVar[int]
    least_steps: ClassVar[int]
    members: ClassVar[int]
    seeds_apart: ClassVar[int]
    held_out: ClassVar[float]
    tempering: ClassVar[float]

    def drawn(
        self, job: TrainingJob, batches: int, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, Presence, View]]:
        """Each sample once, in about so many batches, with inputs drawn anew."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PowerRecipe(Recipe):
    """The same for power and position alone.

    asked_share: share of the training samples that get the inputs that are asked for, the others random ones.
    misplaced_share, tracked_share: see random_presence.
    """

    epochs: int = 120
    batch: int = 256
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.05
    least_steps: int = 800
    members: int = 4
    label_scale_db: float = 0.3
    asked_share: float = 0.75
    misplaced_share: float = 0.25
    tracked_share: float = 0.4

    frames = FRAMES
    seeds_apart = 100
    held_out = 0.08
    tempering = 0.65

    def drawn(
        self, job: TrainingJob, batches: int, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, Presence, View]]:
        """Batches of those that have a past and of those that have not.

        Kept apart because a recurrent network need not run over frames that none of the batch has.
        """
        order, tensors = rng.permutation(job.rows), job.tensors
        drawn = random_presence(
            tensors.there[order],
            rng,
            job.asked,
            self.asked_share,
            self.misplaced_share,
            tensors.best_beams[order],
            self.tracked_share,
        )
        past = drawn.position_known[:, :-1].any(axis=1) | drawn.measured[:, :-1].any(axis=(1, 2))
        cuts = np.array_split(np.argsort(past, kind="stable"), batches)
        for which in rng.permutation(batches):
            yield order[cuts[which]], drawn.rows(cuts[which]), PLAIN


@dataclass(frozen=True, kw_only=True)
class SensorRecipe(Recipe):
    """The same for all sensors.

    chunk: neighbouring samples of a drive that share a batch, and so the frames that are encoded. shown:
    how many times a batch holds each of its samples, every time with other sensors; its frames are encoded
    once. swapped: share of these that are shown another's, by sensor, where beams of now contradict it.
    mirrored: share of the batches that see the street in a mirror. turned, most_turned: share of the
    batches that see it turned, by at most so many beams.
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

    least_steps = members = seeds_apart = 1
    held_out = 0.1
    tempering = 1.0

    def drawn(
        self, job: TrainingJob, batches: int, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, Presence, View]]:
        """Batches of chunks of neighbours; where chunks begin is drawn, which adds some batches."""
        chunks, tensors, sensors = self._chunks(job, rng), job.tensors, job.tensors.samples.sensors
        count = max(len(chunks) // max(self.batch // self.chunk, 1), 1)
        draw = job.draw or random_sensors
        for some in np.array_split(rng.permutation(len(chunks)), count):
            rows = np.tile(np.concatenate([chunks[k] for k in some]), self.shown)
            presence = draw(tensors.there[rows], tensors.recorded[rows], sensors, rng, job.asked)
            contradicted = presence.measured[:, -1].any(axis=1)
            others = swapped(contradicted, len(sensors), self.swapped, rng)
            yield rows, dataclasses.replace(presence, shown_of=others), self._view(rng)

    def _chunks(self, job: TrainingJob, rng: np.random.Generator) -> list[np.ndarray]:
        found = []
        drive = job.tensors.samples.drive[job.rows]
        for number in np.unique(drive):
            own = job.rows[drive == number]
            cuts = np.arange(rng.integers(1, self.chunk + 1), len(own), self.chunk)
            found += np.split(own, cuts)
        return found

    def _view(self, rng: np.random.Generator) -> View:
        mirrored, turned = rng.random(2) < (self.mirrored, self.turned)
        beams = int(rng.integers(-self.most_turned, self.most_turned + 1))
        return View(bool(mirrored), beams if turned else 0)


@dataclass(frozen=True)
class TrainingJob:
    """What a network or an ensemble of them is trained on.

    tensors: of all samples. rows: those that it is trained on, int64 [rows]. asked: inputs that a share of
    them are given. seed: of the network. folder: of its checkpoints. console: shows how far it is.
    draw: chooses what each sample is given of the sensors, in the place of `random_sensors`.
    """

    tensors: SampleTensors
    rows: np.ndarray
    recipe: Recipe
    asked: tuple[InputSet, ...]
    seed: int
    folder: Path
    console: Console
    draw: Draw | None = None

    @property
    def batches(self) -> int:
        """Batches that its samples make."""
        return max(len(self.rows) // self.recipe.batch, 1)

    def part(self, rows: np.ndarray, share: float, **changes: object) -> TrainingJob:
        """A stage of it on some rows, a share of its epochs.

        Of as many steps as if it saw all rows, to half an epoch, so that fewer data do not mean less
        training. changes: of the recipe.
        """
        part = dataclasses.replace(self, rows=rows)
        epochs = max(round(share * self.recipe.epochs * self.batches / part.batches), 1)
        return dataclasses.replace(part, recipe=dataclasses.replace(self.recipe, epochs=epochs, **changes))


Trainer = Callable[[TrainingJob], nn.Module]


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy with soft labels [batch, beams]."""
    return -(label * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()


def task_losses(said: tuple[Tensor, ...], tensors: SampleTensors, batch: Batch) -> Losses:
    """Cross-entropy of the beams, and of blockage where it is known; "loss" is their weighted sum."""
    beams = cross_entropy(said[0], tensors.label(batch.rows, batch.view))
    losses = {"loss": beams, "beams": beams}
    truth = tensors.blocked[torch.from_numpy(batch.rows)]
    known = torch.isfinite(truth)
    if len(said) > 1 and known.any():
        blocked = functional.binary_cross_entropy_with_logits(said[1][known], truth[known])
        losses |= {"loss": beams + BLOCKAGE_WEIGHT * blocked, "blockage": blocked}
    return losses


def inputs_of(network: nn.Module, tensors: SampleTensors, batch: Batch) -> tuple[Tensor, ...]:
    """What a network is given of a batch."""
    return tensors.inputs(batch.rows, batch.presence, network, batch.view)


def task_objective(network: nn.Module, tensors: SampleTensors, batch: Batch) -> Losses:
    """The losses of the task alone."""
    return task_losses(network(*inputs_of(network, tensors, batch)), tensors, batch)


def learning_rate(progress: float) -> float:
    """Factor of the learning rate at 0 to 1 of the training."""
    if progress < WARM_UP:
        return 0.04 + 0.96 * progress / WARM_UP
    return 0.5 * (1.0 + math.cos(math.pi * (progress - WARM_UP) / (1.0 - WARM_UP)))


def train_network(
    network: nn.Module,
    job: TrainingJob,
    name: str,
    objective: Objective = task_objective,
    *,
    parameters: list[nn.Parameter] | None = None,
) -> nn.Module:
    """Train one network on some samples with inputs that come and go; returns it in evaluation mode.

    name: of its checkpoint, to which the seed is added.
    objective: losses of a batch, of which "loss" is minimised.
    parameters: those that are trained, all by default.
    """
    recipe = job.recipe
    trained = parameters or list(network.parameters())
    batches = job.batches
    passes = max(math.ceil(recipe.least_steps / (batches * recipe.epochs)), 1)
    count = passes * batches

    def step(part: Part) -> Iterator[tuple[Tensor, Losses]]:
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=part.own)))
        # the optimiser counts its steps, and keeps the count in checkpoints
        done = int(next(iter(optimiser.state.values()))["step"]) if optimiser.state else 0
        drawn = itertools.chain.from_iterable(recipe.drawn(job, batches, rng) for _ in range(passes))
        for place, own in zip(range(done, done + count), drawn, strict=False):
            losses = objective(network, job.tensors, Batch(*own, place / (count * recipe.epochs)))
            yield losses["loss"], losses

    optimiser = torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    asked = {"asked": [str(one) for one in job.asked], "rows": len(job.rows)}
    stage = Stage(
        name=f"{name}-{job.seed}",
        model=network,
        optimiser=optimiser,
        epochs=recipe.epochs,
        steps_per_epoch=count,
        learning_rate=learning_rate,
        step=step,
        validate=dict,
        seed=job.seed,
        settings={**dataclasses.asdict(recipe), **asked},
        clipped=trained,
        clipped_norm=CLIPPED_NORM,
    )
    train_stage(stage, job.folder, job.console)
    return network.eval()


class Said(NamedTuple):
    """What a network says of samples with one set of inputs.

    rows: those that can be asked, int64 [rows]. beams: of each, float32 [rows, beams]. blocked: float32
    [rows], None of a network that does not tell it. As the network says it: logits or probabilities.
    """

    rows: np.ndarray
    beams: np.ndarray
    blocked: np.ndarray | None


@torch.no_grad()
def predict(
    network: nn.Module,
    tensors: SampleTensors,
    rows: np.ndarray,
    sets: tuple[InputSet, ...],
    at_once: int = ROWS_AT_ONCE,
) -> list[Said]:
    """What a network says of some samples with each set of inputs. at_once: most samples of a batch."""
    network.eval()
    features, found = tensors.encode(network, rows), []
    for one in sets:
        own = rows[one.eligible(tensors.samples)[rows]]
        said = []
        for some in np.array_split(own, max(math.ceil(len(own) / at_once), 1)):
            said.append(network(*tensors.inputs(some, tensors.presence(one, some), features)))
        beams, *blocked = (torch.cat(parts).numpy() for parts in zip(*said, strict=True))
        found.append(Said(own, beams, blocked[0] if blocked else None))
    return found
