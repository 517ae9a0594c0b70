# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's training in stages on power and position: Algorithm 1, Algorithm 2, then the task model."""

from __future__ import annotations

import copy
import dataclasses
import warnings

import numpy as np
import torch
from torch import nn

from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import Losses, Objective, TrainingJob, cross_entropy, train_network
from semisac_ml.systems.vi_beam.model import (
    MODALITIES,
    VariationalBeamModel,
    VariationalSettings,
    task_model,
)
from semisac_ml.systems.vi_beam.objective import Weights, variational_objective
from semisac_ml.systems.vi_beam.street import Plan

STAGED = Plan(aligned=1.0, pretrained_on_all=True, private=8, shares=(0.3, 0.4, 0.3))
OWN = ("experts", "decoders", "private_prior")  # parts that each modality has of its own
COMMON = ("transition", "shared_prior")  # parts that are averaged after the pretraining


def new_network(job: TrainingJob, settings: VariationalSettings) -> VariationalBeamModel:
    """A network that knows what is usual at the sites, from the training samples."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element")  # no private latent
        network = VariationalBeamModel(settings)
    job.tensors.fit(network.features, job.rows)
    return network


def train_staged(plan: Plan, job: TrainingJob) -> nn.Module:
    """One network by Algorithms 1 and 2, then the task model on the frozen representation.

    The task model learns from the labels of all samples, of which those that are not aligned show one
    modality.
    """
    sites = len(job.tensors.samples.names)
    network = new_network(job, VariationalSettings(sites=sites, shared=plan.shared, private=plan.private))
    tensors = job.tensors
    aligned, apart = separated(job.rows, plan.aligned, job.seed)
    alone = job.rows if plan.pretrained_on_all or not len(apart) else apart
    stages = zip(plan.shares, (alone, aligned, job.rows), strict=True)
    first, second, third = (_stage(job, share, rows) for share, rows in stages)
    pretrain(network, first)
    network.task = task_model(network.settings)
    if plan.fused:
        train_network(network, second, "fused", objective=variational_objective(tensors, Weights()))
        network.task = task_model(network.settings)
    return train_network(
        network,
        third,
        "task",
        objective=one_modality(frozen_task(tensors), apart),
        parameters=list(network.task.parameters()),
    )


def pretrain(network: VariationalBeamModel, job: TrainingJob) -> None:
    """Algorithm 1: a network for each modality, of which `network` takes the parts.

    State and prior of the shared latent, which all have, are averaged (Algorithm 2, line 2).
    """
    objective = variational_objective(job.tensors, Weights(), align=False)
    alone = [
        train_network(copy.deepcopy(network), job, f"unimodal-{name}", objective=single(objective, place))
        for place, name in enumerate(MODALITIES)
    ]
    for part in OWN:
        for place, own in enumerate(alone):
            getattr(network, part)[place] = getattr(own, part)[place]
    for part in COMMON:
        values = [getattr(own, part).state_dict() for own in alone]
        mean = {key: torch.stack([one[key] for one in values]).mean(dim=0) for key in values[0]}
        getattr(network, part).load_state_dict(mean)


def separated(rows: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A share of the samples, drawn at random, whose modalities were recorded together, and the others."""
    order = np.random.default_rng([seed, 2]).permutation(rows)
    count = max(round(share * len(rows)), 1)
    return np.sort(order[:count]), np.sort(order[count:])


def _stage(job: TrainingJob, share: float, rows: np.ndarray) -> TrainingJob:
    """A stage of as many steps as if it saw all rows, so that fewer data do not mean less training."""
    epochs = max(round(share * job.recipe.epochs * len(job.rows) / len(rows)), 1)
    return dataclasses.replace(
        job, recipe=dataclasses.replace(job.recipe, epochs=epochs, least_steps=1), rows=rows
    )


def shown_alone(presence: Presence, modality: np.ndarray) -> Presence:
    """Power alone where the place in MODALITIES is 0, position alone where it is 1, both where it is -1."""
    return dataclasses.replace(
        presence,
        position_known=presence.position_known & (modality != 0)[:, None],
        measured=presence.measured & (modality != 1)[:, None, None],
    )


def single(objective: Objective, modality: int) -> Objective:
    """The same objective where each sample shows one modality, which those without it are left out of."""

    def losses(network: nn.Module, rows: np.ndarray, presence: Presence, progress: float) -> Losses:
        there = (presence.measured.any(axis=(1, 2)), presence.position_known.any(axis=1))[modality]
        some = np.flatnonzero(there) if there.any() else np.arange(len(rows))
        shown = shown_alone(presence.rows(some), np.full(len(some), modality))
        return objective(network, rows[some], shown, progress)

    return losses


def one_modality(objective: Objective, apart: np.ndarray) -> Objective:
    """The same objective where each of the samples `apart` shows power or position, by turns."""

    def losses(network: nn.Module, rows: np.ndarray, presence: Presence, progress: float) -> Losses:
        both = presence.measured.any(axis=(1, 2)) & presence.position_known.any(axis=1)
        modality = np.where(both & np.isin(rows, apart), np.arange(len(rows)) % 2, -1)
        return objective(network, rows, shown_alone(presence, modality), progress)

    return losses


def frozen_task(tensors: SampleTensors) -> Objective:
    """Cross-entropy of the task model on posterior means; the representation learns nothing."""

    def losses(
        network: VariationalBeamModel, rows: np.ndarray, presence: Presence, progress: float
    ) -> Losses:
        with torch.no_grad():
            frames, _ = network.latents(*tensors.inputs(rows, presence))
        return {"loss": cross_entropy(network.task_logits(frames), tensors.label[torch.from_numpy(rows)])}

    return losses
