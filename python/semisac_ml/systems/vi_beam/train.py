# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train vi_beam``: representation and task model, jointly or in the paper's two stages."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from torch import nn

from semisac_ml.beams.command import BeamSystem
from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.mixed import ensemble_of, train_mixed
from semisac_ml.beams.options import train_command
from semisac_ml.beams.sensors.protocol import SensorSystem
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import (
    BeamEnsemble,
    Losses,
    Objective,
    Recipe,
    TrainingJob,
    cross_entropy,
    train_network,
)
from semisac_ml.systems.vi_beam.model import VariationalBeamModel, VariationalSettings, task_model
from semisac_ml.systems.vi_beam.objective import Weights, variational_objective
from semisac_ml.systems.vi_beam.street import PLANS, train_plan, untrained
from semisac_ml.systems.vi_beam.street import RECIPE as STREET_RECIPE
from semisac_ml.systems.vi_beam.street_figures import FIGURES, draw

RECIPE = Recipe(epochs=40, members=5)
STAGE_EPOCHS = (0.3, 0.4, 0.3)  # of unimodal pretraining, multimodal fine-tuning and the task model


def new_network(job: TrainingJob) -> VariationalBeamModel:
    """A network that knows what is usual at the sites, from the training samples."""
    network = VariationalBeamModel(VariationalSettings(sites=len(job.tensors.samples.names)))
    job.tensors.fit(network.features, job.rows)
    return network


def train_joint(job: TrainingJob) -> nn.Module:
    """One network by all of Eq. (50) at once, with the task's term; regularisers warm up (Remark 2)."""
    objective = variational_objective(job.tensors, Weights())
    return train_network(new_network(job), job, "joint", objective=objective)


def train_staged(job: TrainingJob) -> nn.Module:
    """One network by Algorithms 1 and 2, then the task model on the frozen representation.

    Pretraining shows one modality of each sample. State and priors are shared by the modalities from the
    start, where the paper averages one of each modality afterwards.
    """
    network, tensors = new_network(job), job.tensors
    first, second, third = (
        dataclasses.replace(
            job, recipe=dataclasses.replace(job.recipe, epochs=max(round(share * job.recipe.epochs), 1))
        )
        for share in STAGE_EPOCHS
    )
    alone = Weights(bound=1.0, task=0.0)
    unaligned = one_modality(variational_objective(tensors, alone, align=False))
    train_network(network, first, "unimodal", objective=unaligned)
    train_network(network, second, "fused", objective=variational_objective(tensors, alone))
    network.task = task_model(network.settings)
    for part in (network.features, network.experts, network.decoders, network.transition):
        part.requires_grad_(False)
    parameters = list(network.task.parameters())
    return train_network(network, third, "task", objective=frozen_task(tensors), parameters=parameters)


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
    import torch

    def losses(
        network: VariationalBeamModel, rows: np.ndarray, presence: Presence, progress: float
    ) -> Losses:
        with torch.no_grad():
            frames, _ = network.latents(*tensors.inputs(rows, presence))
        return {"loss": cross_entropy(network.task_logits(frames), tensors.label[torch.from_numpy(rows)])}

    return losses


def ensemble(sites: int, members: int, variant: str) -> BeamEnsemble:
    """Networks with no training yet."""
    networks = [VariationalBeamModel(VariationalSettings(sites=sites))]
    if variant == "mixed":
        return ensemble_of(networks[0], members - 1, sites)
    return BeamEnsemble(
        networks + [VariationalBeamModel(VariationalSettings(sites=sites)) for _ in range(members - 1)]
    )


SYSTEM = BeamSystem(
    name="vi_beam",
    title="variational beam prediction",
    recipe=RECIPE,
    members={
        "mixed": functools.partial(train_mixed, train_joint),
        "joint": train_joint,
        "staged": train_staged,
    },
    variants="mixed (one joint, the others perceptrons), joint (variational), or staged (as in the paper).",
    ensemble=ensemble,
    sensors=SensorSystem(
        name="vi_beam",
        title="variational experts, recurrent state",
        recipe=STREET_RECIPE,
        trainers={name: functools.partial(train_plan, plan, name) for name, plan in PLANS.items()},
        network=lambda sites, variant: untrained(sites, PLANS[variant]),
        figures={name: functools.partial(draw, name) for name in FIGURES},
    ),
)
command = train_command(SYSTEM)
