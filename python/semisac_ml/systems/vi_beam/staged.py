# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's training in stages on power and position: Algorithm 1, Algorithm 2, then the task model."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import nn

from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import Losses, Objective, TrainingJob, cross_entropy, train_network
from semisac_ml.systems.vi_beam.model import VariationalBeamModel, VariationalSettings, task_model
from semisac_ml.systems.vi_beam.objective import Weights, variational_objective
from semisac_ml.systems.vi_beam.street import Plan

STAGED = Plan(aligned=1.0, pretrained_on_all=True, private=8, shares=(0.3, 0.4, 0.3))
REPRESENTATION = Weights(bound=1.0, task=0.0)  # learnt without the task


def new_network(job: TrainingJob, settings: VariationalSettings) -> VariationalBeamModel:
    """A network that knows what is usual at the sites, from the training samples."""
    network = VariationalBeamModel(settings)
    job.tensors.fit(network.features, job.rows)
    return network


def train_staged(plan: Plan, job: TrainingJob) -> nn.Module:
    """One network by Algorithms 1 and 2, then the task model on the frozen representation.

    Pretraining shows one modality of each sample. State and priors are shared by the modalities from the
    start, where the paper averages one of each modality afterwards.
    """
    sites = len(job.tensors.samples.names)
    network = new_network(job, VariationalSettings(sites=sites, shared=plan.shared, private=plan.private))
    tensors, aligned = job.tensors, aligned_rows(job, plan.aligned)
    apart = np.setdiff1d(job.rows, aligned)
    alone = job.rows if plan.pretrained_on_all or not len(apart) else apart
    stages = zip(plan.shares, (alone, aligned, aligned), strict=True)
    first, second, third = (_stage(job, share, rows) for share, rows in stages)
    unaligned = one_modality(variational_objective(tensors, REPRESENTATION, align=False))
    train_network(network, first, "unimodal", objective=unaligned)
    if plan.fused:
        train_network(network, second, "fused", objective=variational_objective(tensors, REPRESENTATION))
    network.task = task_model(network.settings)
    for part in (network.features, network.experts, network.decoders, network.transition):
        part.requires_grad_(False)
    parameters = list(network.task.parameters())
    return train_network(network, third, "task", objective=frozen_task(tensors), parameters=parameters)


def aligned_rows(job: TrainingJob, share: float) -> np.ndarray:
    """Rows of a share of the drives, whose modalities were recorded together."""
    samples = job.tensors.samples
    drive = np.stack([samples.site, samples.sequence])[:, job.rows]
    drives, place = np.unique(drive, axis=1, return_inverse=True)
    order = np.random.default_rng([job.seed, 2]).permutation(drives.shape[1])
    chosen = order[: max(round(share * len(order)), 1)]
    return job.rows[np.isin(place.reshape(-1), chosen)]


def _stage(job: TrainingJob, share: float, rows: np.ndarray) -> TrainingJob:
    """A stage of as many steps as if it saw all rows, so that fewer data do not mean less training."""
    epochs = max(round(share * job.recipe.epochs * len(job.rows) / len(rows)), 1)
    return dataclasses.replace(
        job, recipe=dataclasses.replace(job.recipe, epochs=epochs, least_steps=1), rows=rows
    )


def one_modality(objective: Objective) -> Objective:
    """The same objective where each sample shows power or position, by turns, as if recorded apart."""

    def losses(network: nn.Module, rows: np.ndarray, presence: Presence, progress: float) -> Losses:
        power = presence.measured.any(axis=(1, 2))
        both = power & presence.position_known.any(axis=1)
        hide = np.where(both, np.arange(len(rows)) % 2, -1)
        shown = dataclasses.replace(
            presence,
            position_known=presence.position_known & (hide != 1)[:, None],
            measured=presence.measured & (hide != 0)[:, None, None],
        )
        return objective(network, rows, shown, progress)

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
