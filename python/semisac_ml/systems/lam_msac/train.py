# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train lam_msac``: mixtures of experts, on power and position or on all sensors."""

from __future__ import annotations

import functools
from typing import Any

from torch import nn

from semisac_ml.beams.blockage import BLOCKAGE, draw_blockage
from semisac_ml.beams.commands import train_command
from semisac_ml.beams.ensemble import BeamEnsemble
from semisac_ml.beams.following import (
    FEW_DRIVES,
    NEW_SITES,
    TRACKING,
    draw_few_drives,
    draw_new_sites,
    draw_tracking,
)
from semisac_ml.beams.ladder import LADDER, draw_ladder
from semisac_ml.beams.mixed import ensemble_of, train_mixed
from semisac_ml.beams.protocol import Approach, BeamSystem
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import (
    Batch,
    Losses,
    PowerRecipe,
    SensorRecipe,
    TrainingJob,
    inputs_of,
    task_losses,
    train_network,
)
from semisac_ml.beams.which_vehicle import WHICH_VEHICLE, draw_which_vehicle
from semisac_ml.layers.mixture_of_experts import load_balance
from semisac_ml.systems.lam_msac import figures, light
from semisac_ml.systems.lam_msac.model import (
    PAPER,
    MixtureBeamModel,
    MixtureSettings,
    MultimodalMixture,
    MultimodalSettings,
)

BALANCE_WEIGHT = 0.1
TITLE = "mixture of cross-attention experts"
EXPERTS: dict[str, dict[str, Any]] = {
    "mixture": {},
    "single": {"mixed": False},
    "top-1": {"chosen": 1},
    "top-4": {"chosen": 4},
}
VARIANTS = {**EXPERTS, "no-maps": {"azimuths": False}, "paper": PAPER}  # the last two of all sensors alone


def balanced_objective(network: nn.Module, tensors: SampleTensors, batch: Batch) -> Losses:
    """The task, and what keeps all experts in use."""
    said, gate = network.said_and_gate(*inputs_of(network, tensors, batch))
    losses, balance = task_losses(said, tensors, batch), load_balance(gate)
    return {**losses, "loss": losses["loss"] + BALANCE_WEIGHT * balance, "balance": balance}


def untrained(sites: int, variant: str, sensors: tuple[str, ...]) -> nn.Module:
    """A network with no training yet.

    "single" of power and position has an expert as wide as those that the gate would choose, of all sensors
    one as wide as all of them.
    """
    sizes = VARIANTS.get(variant, {})  # "mixed" is a mixture among others
    if not sensors:
        return MixtureBeamModel(MixtureSettings(sites, **sizes))
    return MultimodalMixture(MultimodalSettings(sites, **sizes), sensors)


def train_variant(variant: str, job: TrainingJob) -> nn.Module:
    """One network."""
    samples = job.tensors.samples
    network = untrained(len(samples.names), variant, samples.sensors)
    job.tensors.fit(network.features, job.rows)
    return train_network(network, job, variant, balanced_objective)


def ensemble(sites: int, variant: str, members: int, sensors: tuple[str, ...]) -> BeamEnsemble:
    """Networks with no training yet."""
    if variant == "mixed":
        return ensemble_of(untrained(sites, variant, sensors), members - 1, sites)
    return BeamEnsemble([untrained(sites, variant, sensors) for _ in range(members)])


TRAINERS = {name: functools.partial(train_variant, name) for name in VARIANTS}
SYSTEM = BeamSystem(
    name="lam_msac",
    power=Approach(
        title=TITLE,
        recipe=PowerRecipe(),
        trainers={
            "mixed": functools.partial(train_mixed, TRAINERS["mixture"]),
            **{name: TRAINERS[name] for name in EXPERTS},
        },
        network=ensemble,
        figures={
            figures.ALONE: figures.draw_alone,
            figures.EXPERTS: figures.draw_experts,
            LADDER: functools.partial(draw_ladder, TRAINERS["mixture"]),
            NEW_SITES: draw_new_sites,
            FEW_DRIVES: functools.partial(draw_few_drives, TRAINERS["mixture"]),
        },
        of_bundles=(LADDER, NEW_SITES),
    ),
    sensors=Approach(
        title=TITLE,
        recipe=SensorRecipe(epochs=80, batch=64, weight_decay=0.1, shown=4, swapped=0.35),
        trainers=TRAINERS,
        network=ensemble,
        figures={
            "case-study": figures.draw_case_study,
            figures.EXPERTS: figures.draw_experts,
            figures.COSTS: figures.draw_costs,
            BLOCKAGE: draw_blockage,
            "camera": light.draw_light,
            TRACKING: draw_tracking,
            WHICH_VEHICLE: draw_which_vehicle,
        },
        of_bundles=("camera", TRACKING),
    ),
)
command = train_command(SYSTEM)
