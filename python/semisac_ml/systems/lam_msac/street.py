# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of the mixture of experts on all sensors, and the figures of the case study."""

from __future__ import annotations

import functools

from torch import nn

from semisac_ml.beams.sensors.protocol import SensorSystem
from semisac_ml.beams.sensors.tensors import SensorTensors
from semisac_ml.beams.sensors.training import (
    Batch,
    SensorJob,
    SensorRecipe,
    task_losses,
    train_network,
)
from semisac_ml.beams.training import Losses
from semisac_ml.layers.mixture_of_experts import load_balance
from semisac_ml.systems.lam_msac import case_study
from semisac_ml.systems.lam_msac.multimodal import PAPER, MultimodalMixture, MultimodalSettings

RECIPE = SensorRecipe(epochs=80, batch=64, weight_decay=0.1, shown=4, swapped=0.35)
BALANCE_WEIGHT = 0.1
VARIANTS = ("mixture", "single", "paper")


def untrained(sites: int, variant: str) -> MultimodalMixture:
    """A network with no training yet: "mixture", "single" (one expert), or "paper" (ResNet-50, wider)."""
    sizes = PAPER if variant == "paper" else {}
    return MultimodalMixture(MultimodalSettings(sites=sites, mixed=variant != "single", **sizes))


def balanced_objective(network: MultimodalMixture, tensors: SensorTensors, batch: Batch) -> Losses:
    """Beams, blockage, and what keeps all experts in use."""
    given = tensors.inputs(network.encoders, batch.rows, batch.presence, batch.view)
    logits, hidden, gate = network.logits_and_gate(*given)
    losses, balance = task_losses(logits, hidden, tensors, batch), load_balance(gate)
    return {**losses, "loss": losses["loss"] + BALANCE_WEIGHT * balance, "balance": balance}


def train_variant(variant: str, job: SensorJob, **how: object) -> nn.Module:
    """One network; `how` goes to :func:`train_network`."""
    fresh = untrained(len(job.tensors.samples.beams.names), variant)
    job.tensors.beams.fit(fresh.features, job.rows)
    return train_network(fresh, job, variant, balanced_objective, **how)


SENSORS = SensorSystem(
    name="lam_msac",
    title="mixture of cross-attention experts",
    recipe=RECIPE,
    trainers={variant: functools.partial(train_variant, variant) for variant in VARIANTS},
    network=untrained,
    figures={"case-study": case_study.draw},
)
