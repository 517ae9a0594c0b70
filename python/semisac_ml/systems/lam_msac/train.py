# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train lam_msac``: the mixture of experts on power and position."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import nn

from semisac_ml.beams.command import BeamSystem
from semisac_ml.beams.ensemble import BeamEnsemble
from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.mixed import ensemble_of, train_mixed
from semisac_ml.beams.options import train_command
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import Losses, Objective, Recipe, TrainingJob, cross_entropy, train_network
from semisac_ml.layers.mixture_of_experts import load_balance
from semisac_ml.systems.lam_msac import alone
from semisac_ml.systems.lam_msac.model import MixtureBeamModel, MixtureSettings
from semisac_ml.systems.lam_msac.street import SENSORS

BALANCE_WEIGHT = 0.1


def balanced_objective(tensors: SampleTensors) -> Objective:
    """Cross-entropy with soft labels, and what keeps all experts in use."""

    def losses(network: MixtureBeamModel, rows: np.ndarray, presence: Presence, progress: float) -> Losses:
        logits, gate = network.logits_and_gate(*tensors.inputs(rows, presence))
        task = cross_entropy(logits, tensors.label[torch.from_numpy(rows)])
        balance = load_balance(gate)
        return {"loss": task + BALANCE_WEIGHT * balance, "task": task, "balance": balance}

    return losses


def train_member(variant: str, job: TrainingJob) -> nn.Module:
    """One network: "mixture", or "single", whose expert is as wide as those that the gate would choose."""
    sites = len(job.tensors.samples.names)
    network = MixtureBeamModel(MixtureSettings(sites=sites, mixed=variant != "single"))
    job.tensors.fit(network.features, job.rows)
    return train_network(network, job, variant, objective=balanced_objective(job.tensors))


def ensemble(sites: int, members: int, variant: str) -> BeamEnsemble:
    """Networks with no training yet."""
    settings = MixtureSettings(sites=sites, mixed=variant != "single")
    if variant == "mixed":
        return ensemble_of(MixtureBeamModel(settings), members - 1, sites)
    return BeamEnsemble([MixtureBeamModel(settings) for _ in range(members)])


SYSTEM = BeamSystem(
    name="lam_msac",
    title="mixture of cross-attention experts",
    recipe=Recipe(),
    members={
        "mixed": functools.partial(train_mixed, functools.partial(train_member, "mixture")),
        "mixture": functools.partial(train_member, "mixture"),
        "single": functools.partial(train_member, "single"),
    },
    variants="mixed (one mixture, the others perceptrons), mixture, or single (one expert, no gate).",
    ensemble=ensemble,
    sensors=SENSORS,
    figures={alone.NAME: functools.partial(alone.draw, functools.partial(train_member, "mixture"))},
)
command = train_command(SYSTEM)
