# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of the variational model on all sensors: Algorithms 1 and 2, then the task model.

A share of the drives keeps its sensors aligned; of the others each sample shows one modality, as if they had
been recorded apart. Each frame is reconstructed once, as the newest of its window.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.sensors.samples import SENSORS as SENSOR_NAMES
from semisac_ml.beams.sensors.sets import SensorPresence, SensorSet, given
from semisac_ml.beams.sensors.tensors import SensorTensors
from semisac_ml.beams.sensors.training import (
    Batch,
    SensorJob,
    SensorRecipe,
    task_losses,
    train_network,
)
from semisac_ml.beams.training import Losses
from semisac_ml.systems.vi_beam.model import FrameLatents, VariationalSettings, task_model
from semisac_ml.systems.vi_beam.multimodal import (
    MODALITIES,
    PAPER,
    MultimodalSettings,
    MultimodalVariational,
)
from semisac_ml.systems.vi_beam.objective import (
    FAINTEST_DB,
    POSITION_DEVIATION_M,
    POWER_DEVIATION_DB,
    Weights,
    consistency,
    divergence,
)

RECIPE = SensorRecipe(epochs=60, batch=64, frames=5, chunk=4)
SHOWN = (0.4, 0.15, 0.15, 0.15, 0.15)  # share of the samples that show each modality when apart
TASK_SHOWN = 4  # see SensorRecipe: while the task is learnt
VALUES = 64.0  # each modality counts as so many: 8,192 values of a picture would drown 64 beams
UNITARITY_WEIGHT = 1.0


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    aligned: share of the training drives whose sensors stay together. pretrained: whether unimodal training
    sees all drives ("data-sufficient") or those that are not aligned. fused: whether there is multimodal
    fine-tuning. shared, private: sizes of the latents; 0 is none. paper: sizes of the paper. shares: of the
    epochs, for unimodal pretraining, fine-tuning together and the task model. frozen: whether the task model
    learns alone, as in the paper, or the representation with it. compared: see MultimodalSettings. swapped:
    see SensorRecipe; while the task is learnt.
    """

    aligned: float = 0.2
    pretrained_on_all: bool = False
    fused: bool = True
    shared: int = 32
    private: int = 16
    paper: bool = False
    shares: tuple[float, float, float] = (0.5, 0.15, 0.1)
    frozen: bool = True
    compared: bool = False
    swapped: float = 0.0


PLANS = {
    "tuned": Plan(
        aligned=1.0,
        pretrained_on_all=True,
        shares=(0.1, 0.1, 0.8),
        frozen=False,
        compared=True,
        swapped=0.35,
    ),
    "efficient": Plan(),
    "sufficient": Plan(aligned=1.0, pretrained_on_all=True),
    "paper": Plan(paper=True),
}
WEIGHTS = Weights(bound=1e-4)  # at ten times as much the beam is not learnt


def untrained(sites: int, plan: Plan) -> MultimodalVariational:
    """A network with no training yet."""
    latents = VariationalSettings(
        sites=sites, shared=plan.shared, private=plan.private, outputs=65, dropout=0.1
    )
    sizes = PAPER if plan.paper else {"compared": plan.compared}
    return MultimodalVariational(MultimodalSettings(latents, **sizes))


def train_plan(plan: Plan, name: str, job: SensorJob) -> nn.Module:
    """One network by Algorithm 1, Algorithm 2 and the task model on the frozen representation."""
    fresh = untrained(len(job.tensors.samples.beams.names), plan)
    job.tensors.beams.fit(fresh.features, job.rows)
    aligned, apart = separated(job, plan)
    alone = job.rows if plan.pretrained_on_all else apart
    stages = zip(plan.shares, (alone, aligned, aligned), strict=True)
    first, second, third = (_stage(job, share, rows) for share, rows in stages)
    task = dataclasses.replace(third.recipe, shown=TASK_SHOWN, swapped=plan.swapped)
    third = dataclasses.replace(third, recipe=task)
    objective = functools.partial(bound_losses, align=False)
    train_network(fresh, first, f"{name}-unimodal", objective, draw=one_modality)
    if plan.fused:
        objective = functools.partial(bound_losses, align=True)
        train_network(fresh, second, f"{name}-fused", objective)
    if not plan.frozen:
        return train_network(fresh, third, f"{name}-task", task_alone)
    fresh.task = task_model(fresh.settings)
    for part_name, part in fresh.named_children():
        part.requires_grad_(part_name == "task")
    parameters = list(fresh.task.parameters())
    return train_network(fresh, third, f"{name}-task", frozen_task, parameters=parameters)


def separated(job: SensorJob, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Rows of drives whose sensors stay together, and of the others (all where there are no others)."""
    drive = job.tensors.samples.drive[job.rows]
    order = np.random.default_rng([job.seed, 2]).permutation(np.unique(drive))
    chosen = order[: max(round(plan.aligned * len(order)), 1)]
    own = np.isin(drive, chosen)
    return job.rows[own], job.rows if own.all() else job.rows[~own]


def _stage(job: SensorJob, share: float, rows: np.ndarray) -> SensorJob:
    """A stage of as many steps as if it saw all rows, so that fewer data do not mean less training."""
    epochs = max(round(share * job.recipe.epochs * len(job.rows) / len(rows)), 1)
    return dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, epochs=epochs), rows=rows)


def one_modality(
    there: np.ndarray, recorded: np.ndarray, rng: np.random.Generator, asked: tuple[SensorSet, ...]
) -> SensorPresence:
    """Each sample shows one modality, as if they had been recorded apart."""
    count = len(there)
    which = rng.choice(len(MODALITIES), count, p=SHOWN)
    return given(
        there,
        recorded,
        gps=which == 1,
        beams=np.where(which == 0, 8, 0),
        sensors=which[:, None] == 2 + np.arange(len(SENSOR_NAMES)),
    )


def bound_losses(
    network: MultimodalVariational, tensors: SensorTensors, batch: Batch, *, align: bool
) -> Losses:
    """Eq. (50) with the task's term; align: whether the regularisers count, which warm up."""
    inputs = tensors.inputs(network.encoders, batch.rows, batch.presence, batch.view)
    frames, at = network.latents(*inputs, sample=True)
    residuals = newest_residuals(network, tensors, batch, inputs.site, frames, at)
    present = frames[-1].present
    likelihood = torch.stack([0.5 * VALUES * one.square().mean(dim=1) for one in residuals], dim=1)
    losses = task_losses(*network.predicted(frames, *inputs), tensors, batch)
    terms = {
        "reconstruction": (likelihood * present).sum(dim=1).mean(),
        "divergence": divergence(frames),
    }
    unitarity = network.encoders["radar"].encoder.transform.unitarity()
    total = WEIGHTS.bound * (terms["reconstruction"] + terms["divergence"]) + UNITARITY_WEIGHT * unitarity
    if align:
        factor = WEIGHTS.bound * WEIGHTS.alignment(batch.progress)
        terms["consistency"] = consistency(frames)
        terms["decorrelation"] = decorrelation(residuals, present)
        total = total + factor * WEIGHTS.consistency * terms["consistency"]
        total = total + factor * WEIGHTS.decorrelation * terms["decorrelation"]
    return {**losses, "loss": losses["loss"] + total, **terms}


def newest_residuals(
    network: MultimodalVariational,
    tensors: SensorTensors,
    batch: Batch,
    site: Tensor,
    frames: list[FrameLatents],
    at: Tensor,
) -> list[Tensor]:
    """Data minus what the decoders tell of the newest frame, in standard deviations, [batch, values] each."""
    view, features, newest = batch.view, network.features, frames[-1]
    told = network.told(newest, at)
    place = torch.from_numpy(batch.rows)
    power = tensors.power_db(place, view) - features.level_db[site][:, None]
    power = torch.clamp(power, min=FAINTEST_DB) / POWER_DEVIATION_DB
    position = (tensors.beams.position_m[place] - features.middle_m[site]) / POSITION_DEVIATION_M
    found = [power - told[0], position - told[1]]
    for number, kind in enumerate(SENSOR_NAMES, start=2):
        seen = newest.present[:, number].nonzero()[:, 0]
        if not len(seen):
            found.append(position.new_zeros(len(place), 1))
            continue
        truth = tensors.frame(kind, batch.rows[seen.numpy()], view)
        own = network.residual(kind, truth, told[number][seen])
        found.append(own.new_zeros(len(place), own.shape[1]).index_copy(0, seen, own))
    return found


def decorrelation(residuals: list[Tensor], present: Tensor) -> Tensor:
    """Eq. (39): mean squared cross-covariance of the residuals of each pair, over samples that have both.

    Of camera, LiDAR and radar the residuals are summed up in 64 groups.
    """
    found = present.new_zeros(())
    grouped = [in_groups(one) for one in residuals]
    for first in range(len(grouped)):
        for second in range(first):
            both = (present[:, first] * present[:, second])[:, None]
            count = both.sum().clamp(min=1.0)
            pair = (grouped[first], grouped[second])
            centred = [(one - (one * both).sum(dim=0) / count) * both for one in pair]
            found = found + (centred[0].T @ centred[1] / count).square().mean()
    return found


def in_groups(residual: Tensor) -> Tensor:
    """Residuals [batch, values] as at most 64 means of neighbours."""
    size = residual.shape[1]
    return residual if size <= VALUES else residual.reshape(len(residual), int(VALUES), -1).mean(dim=2)


def task_alone(network: MultimodalVariational, tensors: SensorTensors, batch: Batch) -> Losses:
    """Cross-entropy of the task model on posterior means; all of the network learns."""
    inputs = tensors.inputs(network.encoders, batch.rows, batch.presence, batch.view)
    frames, _ = network.latents(*inputs)
    return task_losses(*network.predicted(frames, *inputs), tensors, batch)


def frozen_task(network: MultimodalVariational, tensors: SensorTensors, batch: Batch) -> Losses:
    """Cross-entropy of the task model on posterior means; the representation learns nothing."""
    with torch.no_grad():
        network.eval()
        inputs = tensors.inputs(network.encoders, batch.rows, batch.presence, batch.view)
        frames, _ = network.latents(*inputs)
    network.task.train()
    return task_losses(*network.predicted(frames, *inputs), tensors, batch)
