# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios 1 to 9 as the ``.npy`` arrays in which power and positions were published for beam prediction.

A file is named scenario1_unit1_pwr_60ghz_1-2422.npy: the scenario, the field, and the samples that it holds.
Beams are in reverse order against the official tables: unit1_beam, which counts from 1, is 64 minus the
column counted from 0. This is put right here.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..reading import array, wrong
from . import sensors
from .samples import Scenario, check_order

FIELDS = ("unit1_pwr_60ghz", "unit1_loc", "unit2_loc", "seq_index")
CALIBRATED = "unit2_loc_cal"


def scenarios(folder: Path) -> list[int]:
    """Numbers of the scenarios of which any array is there."""
    found = (re.match(r"scenario(\d+)_", file.name) for file in folder.glob("scenario*_1-*.npy"))
    return sorted({int(match[1]) for match in found if match})


def load(folder: Path, number: int) -> Scenario:
    """A scenario from its arrays; raises DataError where one is missing, damaged or does not fit."""
    read = {field: _read(folder, number, field) for field in FIELDS}
    if list(folder.glob(f"scenario{number}_{CALIBRATED}_1-*.npy")):
        read[CALIBRATED] = _read(folder, number, CALIBRATED)
    power_file, power = read["unit1_pwr_60ghz"]
    shapes = {"unit1_pwr_60ghz": (len(power), sensors.BEAMS), "seq_index": (len(power),)}
    for field, (file, stored) in read.items():
        expected = shapes.get(field, (len(power), 2))
        if stored.shape != expected:
            raise wrong(file, field, f"has the shape {stored.shape}", f"{expected} as {power_file.name}")
    sensors.check_power(power, power_file, "unit1_pwr_60ghz")
    sequence_file, sequence = read["seq_index"]
    if not np.array_equal(sequence, np.rint(sequence)):
        raise wrong(sequence_file, "seq_index", "is not whole", "numbers of drives")
    sequence = sequence.astype(np.int64)
    check_order(sequence, sequence_file, "seq_index")
    places = {field: stored.astype(np.float64) for field, (_, stored) in read.items() if "_loc" in field}
    for field, degrees in places.items():
        sensors.check_positions(degrees, read[field][0], field)
        sensors.check_near(degrees, places["unit1_loc"], read[field][0], field)
    power = np.ascontiguousarray(power[:, ::-1], dtype=np.float64)
    return Scenario(
        name=f"scenario{number}",
        power=power,
        beam=power.argmax(axis=1),
        sequence=sequence,
        index=np.arange(1, len(power) + 1),
        vehicle=places["unit2_loc"],
        base_station=places["unit1_loc"],
        vehicle_calibrated=places.get(CALIBRATED),
    )


def _read(folder: Path, number: int, field: str) -> tuple[Path, np.ndarray]:
    pattern = f"scenario{number}_{field}_1-*.npy"
    files = sorted(folder.glob(pattern))
    if len(files) != 1:
        raise wrong(folder / pattern, field, f"is there {len(files)} times", "one file")
    stored = array(files[0], field)
    count = int(files[0].stem.rpartition("-")[2]) if files[0].stem.rpartition("-")[2].isdecimal() else -1
    if stored.ndim < 1 or len(stored) != count:
        raise wrong(
            files[0], field, f"holds {len(np.atleast_1d(stored))} samples", "as many as its name says"
        )
    return files[0], stored
