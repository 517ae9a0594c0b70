# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up scenario in which the strongest beam follows from the position of a car that drives past."""

from __future__ import annotations

from pathlib import Path

import numpy as np

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
