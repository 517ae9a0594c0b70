# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train vi_beam``: representation and task model, jointly or in the paper's two stages."""

from __future__ import annotations

import functools

from torch import nn

from semisac_ml.beams.command import BeamSystem
from semisac_ml.beams.ensemble import BeamEnsemble
from semisac_ml.beams.mixed import ensemble_of, train_mixed
from semisac_ml.beams.options import train_command
from semisac_ml.beams.sensors.protocol import SensorSystem
from semisac_ml.beams.training import Recipe, TrainingJob, train_network
from semisac_ml.systems.vi_beam import ablations
from semisac_ml.systems.vi_beam.model import VariationalBeamModel, VariationalSettings
from semisac_ml.systems.vi_beam.objective import Weights, variational_objective
from semisac_ml.systems.vi_beam.staged import STAGED, new_network, train_staged
from semisac_ml.systems.vi_beam.street import PLANS, RECIPE, train_plan, untrained
from semisac_ml.systems.vi_beam.street_figures import FIGURES, draw


def train_joint(job: TrainingJob) -> nn.Module:
    """One network by all of Eq. (50) at once, with the task's term; regularisers warm up (Remark 2)."""
    objective = variational_objective(job.tensors, Weights())
    settings = VariationalSettings(sites=len(job.tensors.samples.names))
    return train_network(new_network(job, settings), job, "joint", objective=objective)


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
    recipe=Recipe(),
    members={
        "mixed": functools.partial(train_mixed, train_joint),
        "joint": train_joint,
        "staged": functools.partial(train_staged, STAGED),
    },
    variants="mixed (one joint, the others perceptrons), joint (variational), or staged (as in the paper).",
    ensemble=ensemble,
    figures={name: functools.partial(ablations.draw, name) for name in ablations.FIGURES},
    sensors=SensorSystem(
        name="vi_beam",
        title="variational experts, recurrent state",
        recipe=RECIPE,
        trainers={name: functools.partial(train_plan, plan, name) for name, plan in PLANS.items()},
        network=lambda sites, variant: untrained(sites, PLANS[variant]),
        figures={name: functools.partial(draw, name) for name in FIGURES},
    ),
)
command = train_command(SYSTEM)
