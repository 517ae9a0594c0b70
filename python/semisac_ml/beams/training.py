# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of networks that predict beams from any inputs that come and go."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.beams.inputs import InputSet, Presence, random_presence
from semisac_ml.beams.samples import NOW
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.training import Stage, train_stage

WARM_UP = 0.1
ROWS_AT_ONCE = 512
SMALLEST = 1e-9

Losses = dict[str, Tensor]
Objective = Callable[[nn.Module, np.ndarray, Presence, float], Losses]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    epochs, batch, learning_rate, weight_decay: of AdamW; the rate rises over the first tenth, then falls as
        a cosine.
    least_steps: where the samples are so few that they make fewer steps, an epoch passes several times over
        them.
    members: networks whose probabilities are averaged.
    label_scale_db: see :class:`SampleTensors`.
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


@dataclass(frozen=True)
class TrainingJob:
    """What a network or an ensemble of them is trained on.

    tensors: of all samples. rows: those that it is trained on, int64 [rows]. asked: inputs that `asked_share`
    of them are given. seed: of the network. folder: of its checkpoints. console: shows how far it is.
    """

    tensors: SampleTensors
    rows: np.ndarray
    recipe: Recipe
    asked: tuple[InputSet, ...]
    seed: int
    folder: Path
    console: Console


MemberTrainer = Callable[[TrainingJob], nn.Module]


def soft_label_loss(tensors: SampleTensors) -> Objective:
    """Cross-entropy between soft labels and the network's logits."""

    def losses(network: nn.Module, rows: np.ndarray, presence: Presence, progress: float) -> Losses:
        logits = network(*tensors.inputs(rows, presence))
        return {"loss": cross_entropy(logits, tensors.label[torch.from_numpy(rows)])}

    return losses


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy with soft labels [batch, beams]."""
    return -(label * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()


def learning_rate(progress: float) -> float:
    """Factor of the learning rate at 0 to 1 of the training."""
    if progress < WARM_UP:
        return 0.04 + 0.96 * progress / WARM_UP
    return 0.5 * (1.0 + math.cos(math.pi * (progress - WARM_UP) / (1.0 - WARM_UP)))


def train_network(
    network: nn.Module,
    job: TrainingJob,
    name: str,
    *,
    objective: Objective | None = None,
    parameters: list[nn.Parameter] | None = None,
) -> nn.Module:
    """Train one network on some samples with inputs that come and go; returns it in evaluation mode.

    name: of its checkpoint, to which the seed is added.
    objective: losses of a batch, of which "loss" is minimised; cross-entropy with soft labels by default.
    parameters: those that are trained, all by default.
    """
    recipe = job.recipe
    objective = objective or soft_label_loss(job.tensors)
    trained = parameters or list(network.parameters())
    batches = max(len(job.rows) // recipe.batch, 1)
    passes = max(math.ceil(recipe.least_steps / (batches * recipe.epochs)), 1)
    total = passes * batches * recipe.epochs

    def step(generator: torch.Generator) -> Iterator[dict[str, float]]:
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        # the optimiser counts its steps, and keeps the count in checkpoints
        done = int(next(iter(optimiser.state.values()))["step"]) if optimiser.state else 0
        drawn = (epoch_batches(job, batches, rng) for _ in range(passes))
        for place, (chosen, presence) in enumerate(itertools.chain.from_iterable(drawn), start=done):
            losses = objective(network, chosen, presence, place / total)
            optimiser.zero_grad()
            losses["loss"].backward()
            nn.utils.clip_grad_norm_(trained, 5.0)
            optimiser.step()
            yield {key: float(value.detach()) for key, value in losses.items()}

    optimiser = torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    train_stage(
        Stage(
            name=f"{name}-{job.seed}",
            model=network,
            optimiser=optimiser,
            epochs=recipe.epochs,
            steps_per_epoch=passes * batches,
            learning_rate=learning_rate,
            step=step,
            validate=dict,
            seed=job.seed,
            settings={
                **dataclasses.asdict(recipe),
                "asked": [str(one) for one in job.asked],
                "rows": len(job.rows),
            },
        ),
        job.folder,
        job.console,
    )
    return network.eval()


def epoch_batches(
    job: TrainingJob, batches: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, Presence]]:
    """Each sample once, with inputs drawn anew, in batches of those that have a past and those that have not.

    Kept apart because a recurrent network need not run over frames that none of the batch has.
    """
    order = rng.permutation(job.rows)
    recipe = job.recipe
    drawn = random_presence(
        job.tensors.there[order],
        rng,
        job.asked,
        recipe.asked_share,
        recipe.misplaced_share,
        job.tensors.best_beams[order],
        recipe.tracked_share,
    )
    past = drawn.position_known[:, :NOW].any(axis=1) | drawn.measured[:, :NOW].any(axis=(1, 2))
    places = np.argsort(past, kind="stable")
    cuts = np.array_split(places, batches)
    for which in rng.permutation(batches):
        some = cuts[which]
        yield order[some], drawn.rows(some)


@torch.no_grad()
def predict(network: nn.Module, tensors: SampleTensors, rows: np.ndarray, inputs: InputSet) -> np.ndarray:
    """What a network says of some samples, float32 [rows, beams]."""
    presence, said = inputs.presence(tensors.samples), []
    for some in np.array_split(rows, max(math.ceil(len(rows) / ROWS_AT_ONCE), 1)):
        said.append(network(*tensors.inputs(some, presence.rows(some))))
    return torch.cat(said).numpy()
