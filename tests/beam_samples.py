# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up scenario in which the strongest beam follows from the position of a car that drives past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from semisac_ml.beams.tensors import BeamInputs

BASE_STATION = (33.4176, -111.9266)
METRES_PER_DEGREE = 111_194.9


def street(folder: Path, number: int = 1, drives: int = 12, frames: int = 20, seed: int = 0) -> Path:
    """Arrays of a scenario below folder/deepsense6g, as published (beams in reverse order).

    Cars pass 15 m to the north of the base station from 25 m west to 25 m east; azimuth is spread over 64
    beams, lobes are 3 beams wide over a floor 12 dB below, noise is 0.2 dB.
    """
    rng = np.random.default_rng(seed)
    home = folder / "deepsense6g"
    home.mkdir(parents=True, exist_ok=True)
    east = (np.linspace(-25.0, 25.0, frames) + rng.normal(0.0, 1.5, (drives, 1))).ravel()
    north = np.full(east.shape, 15.0)
    peak = 31.5 + 62.0 * np.arctan2(east, north) / np.deg2rad(130.0)
    apart = np.arange(64) - peak[:, None]
    power_db = np.maximum(-3.0 * (apart / 1.5) ** 2, -12.0) + rng.normal(0.0, 0.2, apart.shape)
    latitude = BASE_STATION[0] + north / METRES_PER_DEGREE
    longitude = BASE_STATION[1] + east / (METRES_PER_DEGREE * np.cos(np.deg2rad(BASE_STATION[0])))
    stored = {
        "unit1_pwr_60ghz": 10.0 ** (power_db[:, ::-1] / 10.0),
        "unit1_loc": np.tile(BASE_STATION, (len(east), 1)),
        "unit2_loc": np.stack([latitude, longitude], axis=1),
        "seq_index": np.repeat(np.arange(1, drives + 1), frames),
    }
    for field, values in stored.items():
        np.save(home / f"scenario{number}_{field}_1-{len(east)}.npy", values)
    return home


def random_inputs(batch: int = 6, seed: int = 0) -> BeamInputs:
    """What a network is given, of two sites and one that is not known, some of it absent."""
    import torch

    from semisac_ml.beams.tensors import BeamInputs

    generator = torch.Generator().manual_seed(seed)
    return BeamInputs(
        power_db=torch.randn(batch, 5, 64, generator=generator),
        measured=(torch.rand(batch, 5, 64, generator=generator) < 0.3).float(),
        position_m=10.0 * torch.randn(batch, 5, 2, generator=generator),
        position_known=(torch.rand(batch, 5, generator=generator) < 0.5).float(),
        site=torch.arange(batch) % 3 - 1,
    )
