# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train vi_beam``: representation and task model, jointly or in the paper's two stages."""

from __future__ import annotations

import functools

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
from semisac_ml.beams.training import PowerRecipe, SensorRecipe
from semisac_ml.systems.vi_beam.figures import FIGURES, SENSOR_FIGURES, draw, draw_sensors
from semisac_ml.systems.vi_beam.gate import GATE, draw_gate
from semisac_ml.systems.vi_beam.model import VariationalBeamModel, VariationalSettings
from semisac_ml.systems.vi_beam.stages import (
    PLANS,
    STAGED,
    train_joint,
    train_plan,
    train_staged,
    untrained,
)


def power_network(sites: int, variant: str, members: int, sensors: tuple[str, ...]) -> BeamEnsemble:
    """Networks of power and position with no training yet."""
    networks = [VariationalBeamModel(VariationalSettings(sites))]
    if variant == "mixed":
        return ensemble_of(networks[0], members - 1, sites)
    return BeamEnsemble(
        networks + [VariationalBeamModel(VariationalSettings(sites)) for _ in range(members - 1)]
    )


def sensor_network(sites: int, variant: str, members: int, sensors: tuple[str, ...]) -> BeamEnsemble:
    """A network of all sensors with no training yet."""
    return BeamEnsemble([untrained(sites, PLANS[variant], sensors)])


SYSTEM = BeamSystem(
    name="vi_beam",
    power=Approach(
        title="variational beam prediction",
        recipe=PowerRecipe(),
        trainers={
            "mixed": functools.partial(train_mixed, train_joint),
            "joint": train_joint,
            "staged": functools.partial(train_staged, STAGED),
        },
        network=power_network,
        figures={
            **{name: functools.partial(draw, name) for name in FIGURES},
            LADDER: functools.partial(draw_ladder, train_joint),
            NEW_SITES: draw_new_sites,
            FEW_DRIVES: functools.partial(draw_few_drives, train_joint),
            GATE: draw_gate,
        },
        of_bundles=(LADDER, NEW_SITES, GATE),
    ),
    sensors=Approach(
        title="variational experts, recurrent state",
        recipe=SensorRecipe(epochs=60, batch=64, frames=5, chunk=4),
        trainers={name: functools.partial(train_plan, plan, name) for name, plan in PLANS.items()},
        network=sensor_network,
        figures={
            **{name: functools.partial(draw_sensors, name) for name in SENSOR_FIGURES},
            BLOCKAGE: draw_blockage,
            TRACKING: draw_tracking,
        },
        of_bundles=(TRACKING,),
    ),
)
command = train_command(SYSTEM)
