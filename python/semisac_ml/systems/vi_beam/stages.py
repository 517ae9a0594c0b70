# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's training in stages: Algorithm 1, Algorithm 2, then the task model.

Power and position: each modality has a network of its own in Algorithm 1, and single samples are aligned or
not. All sensors: one network sees one modality of each sample, and whole drives are aligned or not.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from semisac_ml.beams.inputs import InputSet, Presence, given
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import (
    Batch,
    Losses,
    Objective,
    TrainingJob,
    inputs_of,
    task_losses,
    task_objective,
    train_network,
)
from semisac_ml.systems.vi_beam.model import (
    PAPER,
    POWER_AND_POSITION,
    VariationalBeamModel,
    VariationalSettings,
    task_model,
)
from semisac_ml.systems.vi_beam.objective import Weights, bound_losses

OWN = ("experts", "decoders", "private_prior")  # parts that each modality has of its own
COMMON = ("transition", "shared_prior")  # parts that are averaged after the pretraining
SHOWN_POWER = 0.4  # share of the samples that show power when apart; position and sensors share the others
TASK_SHOWN = 4  # see SensorRecipe: while the task is learnt
WEIGHTS = Weights()
SENSOR_WEIGHTS = Weights(bound=1e-4)  # at ten times as much the beam is not learnt


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    aligned: share of the training data whose sensors stay together. pretrained_on_all: whether unimodal
    training sees all of them ("data-sufficient") or those that are not aligned. pretrained: whether there is
    any. fused: whether there is multimodal fine-tuning. labelled: whether the task's term counts in both
    stages, which else see no label and nothing that tells it. labels: share of the training drives from whose
    labels the task is learnt. by_drive: whether whole drives are aligned or not, of power and position too.
    shared, private: sizes of the latents; 0 is none. paper: sizes of the paper. shares: of the epochs, for
    unimodal pretraining, fine-tuning together and the task model; the last is that of all plans for all
    sensors, so that they compare after as many steps. frozen: whether the task model learns alone, as in the
    paper, or the representation with it. azimuths, compared: see VariationalSettings. swapped: see
    SensorRecipe; while the task is learnt.
    """

    aligned: float = 0.2
    pretrained_on_all: bool = False
    pretrained: bool = True
    fused: bool = True
    labelled: bool = True
    labels: float = 1.0
    by_drive: bool = False
    shared: int = 32
    private: int = 16
    paper: bool = False
    shares: tuple[float, float, float] = (0.5, 0.15, 0.8)
    frozen: bool = True
    azimuths: bool = True
    compared: bool = False
    swapped: float = 0.0


STAGED = Plan(aligned=1.0, pretrained_on_all=True, private=8, shares=(0.3, 0.4, 0.3))  # power and position
UNLABELLED = dataclasses.replace(STAGED, labelled=False, by_drive=True)
TUNED = Plan(
    aligned=1.0, pretrained_on_all=True, shares=(0.1, 0.1, 0.8), frozen=False, compared=True, swapped=0.35
)
PLANS = {
    "tuned": TUNED,
    "efficient": Plan(),
    "sufficient": Plan(aligned=1.0, pretrained_on_all=True),
    "unlabelled": Plan(aligned=1.0, pretrained_on_all=True, labelled=False),
    "paper": Plan(paper=True),
}


def untrained(sites: int, plan: Plan, sensors: tuple[str, ...]) -> VariationalBeamModel:
    """A network of all sensors with no training yet."""
    sizes = PAPER if plan.paper else {"azimuths": plan.azimuths, "compared": plan.compared}
    latents = {"shared": plan.shared, "private": plan.private, "dropout": 0.1}
    return VariationalBeamModel(VariationalSettings(sites, **latents, **sizes), sensors)


def new_network(job: TrainingJob, **latents: int) -> VariationalBeamModel:
    """A network of power and position that knows what is usual at the sites, from the training samples."""
    settings = VariationalSettings(len(job.tensors.samples.names), **latents)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element")  # no private latent
        network = VariationalBeamModel(settings)
    job.tensors.fit(network.features, job.rows)
    return network


def train_joint(job: TrainingJob) -> nn.Module:
    """One network by all of Eq. (50) at once, with the task's term; regularisers warm up (Remark 2)."""
    return train_network(new_network(job), job, "joint", functools.partial(bound_losses, weights=WEIGHTS))


def train_staged(plan: Plan, job: TrainingJob) -> nn.Module:
    """One network of power and position by Algorithms 1 and 2, then the task model.

    The task model learns from the labels of all samples of the labelled drives, of which those that are not
    aligned show one modality.
    """
    network = new_network(job, shared=plan.shared, private=plan.private)
    piece = by_drive if plan.by_drive else by_sample
    aligned, apart = piece(job, plan.aligned)
    alone = job.rows if plan.pretrained_on_all or not len(apart) else apart
    hidden = {} if plan.labelled else {"tracked_share": 0.0}  # a tracker measures where the strongest beam is
    first = job.part(alone, plan.shares[0], least_steps=1, **hidden)
    second = job.part(aligned, plan.shares[1], least_steps=1, **hidden)
    third = job.part(by_drive(job, plan.labels)[0], plan.shares[2], least_steps=1)
    objective = functools.partial(bound_losses, weights=WEIGHTS, labelled=plan.labelled)
    if plan.pretrained:
        pretrain(network, first, functools.partial(objective, align=False))
        new_task(network, job.seed)
    if plan.fused:
        train_network(network, second, "fused", objective)
        new_task(network, job.seed)
    if not plan.frozen:
        return train_network(network, third, "task", one_modality(task_objective, apart))
    learnt = list(network.task.parameters())
    return train_network(network, third, "task", one_modality(frozen_task, apart), parameters=learnt)


def train_plan(plan: Plan, name: str, job: TrainingJob) -> nn.Module:
    """One network of all sensors by Algorithms 1 and 2, then the task model."""
    tensors, samples = job.tensors, job.tensors.samples
    network = untrained(len(samples.names), plan, samples.sensors)
    tensors.fit(network.features, job.rows)
    aligned, apart = by_drive(job, plan.aligned)
    alone = job.rows if plan.pretrained_on_all or not len(apart) else apart
    taught = np.intersect1d(aligned, by_drive(job, plan.labels)[0])
    first, second = (
        job.part(rows, share) for share, rows in zip(plan.shares, (alone, aligned), strict=False)
    )
    third = job.part(taught, plan.shares[2], shown=TASK_SHOWN, swapped=plan.swapped)
    objective = functools.partial(bound_losses, weights=SENSOR_WEIGHTS, labelled=plan.labelled)
    apart_alone = dataclasses.replace(first, draw=draw_one_modality)
    if plan.pretrained:
        train_network(network, apart_alone, f"{name}-unimodal", functools.partial(objective, align=False))
    if plan.fused:
        train_network(network, second, f"{name}-fused", objective)
    if not plan.frozen:
        return train_network(network, third, f"{name}-task", task_objective)
    new_task(network, job.seed)
    for part_name, part in network.named_children():
        part.requires_grad_(part_name == "task")
    parameters = list(network.task.parameters())
    return train_network(network, third, f"{name}-task", frozen_task, parameters=parameters)


def new_task(network: VariationalBeamModel, seed: int) -> None:
    """A task model with no training yet, the same whether the stages before ran or were loaded."""
    torch.manual_seed(zlib.crc32(f"{seed}/task model".encode()))
    network.task = task_model(network.settings, network.settings.beams + bool(network.sensors))


def separated(pieces: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A share of samples or drives, drawn at random, whose modalities were recorded together; the others."""
    order = np.random.default_rng([seed, 2]).permutation(pieces)
    count = max(round(share * len(pieces)), 1)
    return np.sort(order[:count]), np.sort(order[count:])


def by_sample(job: TrainingJob, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a share of the samples, and the others."""
    return separated(job.rows, share, job.seed)


def by_drive(job: TrainingJob, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a share of the drives, one or more, and those of the others.

    Those of a smaller share are among those of a larger one.
    """
    drive = job.tensors.samples.drive[job.rows]
    chosen, _ = separated(np.unique(drive), share, job.seed)
    own = np.isin(drive, chosen)
    return job.rows[own], job.rows[~own]


def pretrain(network: VariationalBeamModel, job: TrainingJob, objective: Objective) -> None:
    """Algorithm 1: a network for each modality, of which `network` takes the parts.

    Experts, decoders, prior of the private latent and reliability are those of the modality's own network;
    state and prior of the shared latent, which all have, are averaged (Algorithm 2, line 2).
    """
    alone = [
        train_network(copy.deepcopy(network), job, f"unimodal-{name}", single(objective, place))
        for place, name in enumerate(POWER_AND_POSITION)
    ]
    for part in OWN:
        for place, own in enumerate(alone):
            getattr(network, part)[place] = getattr(own, part)[place]
    with torch.no_grad():
        network.reliability.copy_(torch.stack([own.reliability[place] for place, own in enumerate(alone)]))
    for part in COMMON:
        values = [getattr(own, part).state_dict() for own in alone]
        mean = {key: torch.stack([one[key] for one in values]).mean(dim=0) for key in values[0]}
        getattr(network, part).load_state_dict(mean)


def shown_alone(presence: Presence, modality: np.ndarray) -> Presence:
    """Power alone where the place in POWER_AND_POSITION is 0, position where it is 1, both where it is -1."""
    return dataclasses.replace(
        presence,
        position_known=presence.position_known & (modality != 0)[:, None],
        measured=presence.measured & (modality != 1)[:, None, None],
    )


def single(objective: Objective, modality: int) -> Objective:
    """The same objective where each sample shows one modality, which those without it are left out of."""

    def losses(network: nn.Module, tensors: SampleTensors, batch: Batch) -> Losses:
        presence = batch.presence
        there = (presence.measured.any(axis=(1, 2)), presence.position_known.any(axis=1))[modality]
        some = np.flatnonzero(there) if there.any() else np.arange(len(batch.rows))
        shown = shown_alone(presence.rows(some), np.full(len(some), modality))
        return objective(network, tensors, dataclasses.replace(batch, rows=batch.rows[some], presence=shown))

    return losses


def one_modality(objective: Objective, apart: np.ndarray) -> Objective:
    """The same objective where each of the samples `apart` shows power or position, by turns."""

    def losses(network: nn.Module, tensors: SampleTensors, batch: Batch) -> Losses:
        presence = batch.presence
        both = presence.measured.any(axis=(1, 2)) & presence.position_known.any(axis=1)
        turns = np.arange(len(batch.rows)) % 2
        modality = np.where(both & np.isin(batch.rows, apart), turns, -1)
        shown = shown_alone(presence, modality)
        return objective(network, tensors, dataclasses.replace(batch, presence=shown))

    return losses


def draw_one_modality(
    there: np.ndarray,
    recorded: np.ndarray,
    sensors: tuple[str, ...],
    rng: np.random.Generator,
    asked: tuple[InputSet, ...],
) -> Presence:
    """Each sample shows one modality, as if they had been recorded apart."""
    count, others = len(there), 1 + len(sensors)
    which = rng.choice(1 + others, count, p=[SHOWN_POWER, *[(1 - SHOWN_POWER) / others] * others])
    return given(
        there,
        recorded,
        gps=which == 1,
        beams=np.where(which == 0, 8, 0),
        history=np.ones(count, bool),
        sweep_age=np.zeros(count, int),
        sensors=which[:, None] == 2 + np.arange(len(sensors)),
    )


def frozen_task(network: VariationalBeamModel, tensors: SampleTensors, batch: Batch) -> Losses:
    """Cross-entropy of the task model on posterior means, Eq. (56), which are made without dropout.

    The representation learns nothing.
    """
    with torch.no_grad():
        network.eval()
        inputs = inputs_of(network, tensors, batch)
        frames, _ = network.latents(*inputs)
    network.task.train()
    return task_losses(network.predicted(frames, *inputs), tensors, batch)
