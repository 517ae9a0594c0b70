# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One file of one sensor of a DeepSense unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .. import ply
from ..reading import array, numbers, picture, wrong

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


def camera(file: Path) -> np.ndarray:
    """A picture, uint8 [height, width, 3], RGB."""
    return picture(file, "unit1_rgb")


def lidar(file: Path) -> np.ndarray:
    """The points of a sweep, float32 [points, 4]: x, y, z in metres and intensity (see :mod:`ply`)."""
    if file.suffix.lower() != ".ply":
        raise wrong(file, "unit1_lidar", f"ends in {file.suffix}", ".ply")
    return ply.read(file)


def radar(file: Path) -> np.ndarray:
    """Beat samples of an FMCW frame, complex64 [antennas, samples, chirps].

    A .npy file holds the array as complex numbers, or real with I and Q in a fourth axis; a .mat file holds
    it under the name "data".
    """
    stored = _radar_mat(file) if file.suffix.lower() == ".mat" else array(file, "unit1_radar", "fiuc")
    if stored.ndim == 4 and stored.shape[-1] == 2 and stored.dtype.kind != "c":
        stored = stored[..., 0].astype(np.float32) + 1j * stored[..., 1].astype(np.float32)
    if stored.ndim != 3 or stored.dtype.kind != "c" or 0 in stored.shape:
        raise wrong(
            file,
            "unit1_radar",
            f"has the shape {stored.shape} of {stored.dtype}",
            "complex [antennas, samples, chirps]",
        )
    return stored.astype(np.complex64)


def _radar_mat(file: Path) -> np.ndarray:
    from scipy.io import loadmat

    if not file.is_file():
        raise wrong(file, "unit1_radar", "is missing", "a .mat file")
    try:
        stored = np.asarray(loadmat(file, variable_names=["data"])["data"])
    except KeyError as error:
        raise wrong(file, "unit1_radar", "holds no array 'data'", "one of this name") from error
    except Exception as error:  # noqa: BLE001 - the reader raises many kinds
        raise wrong(file, "unit1_radar", f"cannot be read ({str(error)[:80]})", "a .mat file") from error
    if stored.dtype.kind not in "fiuc" or not np.isfinite(stored).all():
        raise wrong(file, "unit1_radar", "is not finite or holds no numbers", "complex numbers")
    return stored


READERS: dict[str, Callable[[Path], np.ndarray]] = {"camera": camera, "lidar": lidar, "radar": radar}


def read_stack(kind: str, files: Sequence[Path]) -> np.ndarray | list[np.ndarray]:
    """Files of one sensor: an array [frames, ...] of one shape, or for LiDAR a list of arrays."""
    read = [READERS[kind](file) for file in files]
    if kind == "lidar":
        return read
    for file, one in zip(files, read, strict=True):
        check_shape(kind, file, one, read[0].shape)
    return np.stack(read)


def check_shape(kind: str, file: Path, one: np.ndarray, shape: tuple[int, ...]) -> None:
    """Camera and radar of a scenario have one shape."""
    if kind != "lidar" and one.shape != shape:
        field = {"camera": "unit1_rgb", "radar": "unit1_radar"}[kind]
        raise wrong(file, field, f"has the shape {one.shape}", f"{shape} as the other frames")


def read_everything(kind: str, files: Sequence[Path]) -> None:
    """Read each file once and forget it; raises DataError at the first that is damaged."""
    shape: tuple[int, ...] = ()
    for file in dict.fromkeys(files):
        one = READERS[kind](file)
        shape = shape or one.shape
        check_shape(kind, file, one, shape)


def exists(file: Path, field: str) -> None:
    """Raise DataError if there is no such file."""
    if not file.is_file():
        raise wrong(file, field, "is missing", "a file, as the table says")
