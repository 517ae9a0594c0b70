# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power and positions of a DeepSense unit, one file each, and the files of its other sensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semisac_ml.sensors import declared

from ..reading import numbers, wrong

BEAMS = 64
FARTHEST_M = 2000.0
EARTH_RADIUS_M = 6_371_000.0


def power(file: Path, field: str = "unit1_pwr_60ghz") -> np.ndarray:
    """Received power of the beams, linear, float64 [64], from a text file of one number a beam."""
    values = numbers(file, field, BEAMS)
    check_power(values[None], file, field)
    return values


def check_power(values: np.ndarray, file: Path, field: str) -> None:
    """Power [samples, beams] must be finite, not negative, and somewhere positive in each sample."""
    if not np.isfinite(values).all():
        sample, beam = (int(k) for k in np.argwhere(~np.isfinite(values))[0])
        raise wrong(file, field, f"of sample {sample + 1}, beam {beam + 1} is not finite", "a power")
    if (values < 0).any() or not (values.max(axis=1) > 0).all():
        raise wrong(file, field, "is negative, or zero in all beams", "linear power")


def position(file: Path, field: str) -> np.ndarray:
    """Latitude and longitude in degrees, float64 [2], from a text file of the two numbers."""
    values = numbers(file, field, 2)
    check_positions(values[None], file, field)
    return values


def check_positions(degrees: np.ndarray, file: Path, field: str) -> None:
    """Positions [samples, 2] must be degrees of latitude and longitude."""
    good = np.isfinite(degrees).all() and (np.abs(degrees) <= (90.0, 180.0)).all()
    if not good:
        raise wrong(
            file, field, "is no place on earth", "latitude within 90 and longitude within 180 degrees"
        )


def east_north_m(degrees: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Metres to the east and north of an origin, float64 [..., 2], on the plane that touches the earth there.

    Parameters
    ----------
    degrees, origin : ndarray, float64 [..., 2]
        Latitude and longitude in degrees.
    """
    step = np.deg2rad(np.asarray(degrees) - np.asarray(origin))
    east = EARTH_RADIUS_M * step[..., 1] * np.cos(np.deg2rad(np.asarray(origin)[..., 0]))
    return np.stack([east, EARTH_RADIUS_M * step[..., 0]], axis=-1)


def check_near(degrees: np.ndarray, origin: np.ndarray, file: Path, field: str) -> None:
    """A vehicle must be in the street of its base station: latitude and longitude may have been exchanged."""
    distance_m = np.linalg.norm(east_north_m(degrees, origin), axis=-1)
    if (distance_m > FARTHEST_M).any():
        raise wrong(
            file, field, f"is {distance_m.max() / 1000:.0f} km from unit1_loc", f"at most {FARTHEST_M:g} m"
        )


def read_stack(kind: str, files: Sequence[Path]) -> np.ndarray | list[np.ndarray]:
    """Files of one sensor: an array [frames, ...] of one shape, or for LiDAR a list of arrays."""
    read = [declared()[kind].read(file) for file in files]
    if not declared()[kind].one_shape:
        return read
    for file, one in zip(files, read, strict=True):
        check_shape(kind, file, one, read[0].shape)
    return np.stack(read)


def check_shape(kind: str, file: Path, one: np.ndarray, shape: tuple[int, ...]) -> None:
    """Frames of a scenario have one shape, but for clouds of points."""
    if declared()[kind].one_shape and one.shape != shape:
        raise wrong(
            file, declared()[kind].column, f"has the shape {one.shape}", f"{shape} as the other frames"
        )


def read_everything(kind: str, files: Sequence[Path]) -> None:
    """Read each file once and forget it; raises DataError at the first that is damaged."""
    shape: tuple[int, ...] = ()
    for file in dict.fromkeys(files):
        one = declared()[kind].read(file)
        shape = shape or one.shape
        check_shape(kind, file, one, shape)


def exists(file: Path, field: str) -> None:
    """Raise DataError if there is no such file."""
    if not file.is_file():
        raise wrong(file, field, "is missing", "a file, as the table says")
