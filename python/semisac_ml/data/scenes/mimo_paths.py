# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The street's paths at 28 GHz in the place of drawn ones, for `semisac_ml.signal.mimo_ofdm` and its block.

The carriers of a scene are the users. A file of paths holds the five arrays of `PathArrays` as an .npz.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from semisac_ml.data import DataError
from semisac_ml.outputs import write_output
from semisac_ml.signal.mimo_ofdm import MimoOfdm, PathArrays

from .ray_tracer import Paths
from .reader import Moment, SceneSet

NAMES = tuple(field.name for field in fields(PathArrays))
SLOT_SYMBOLS = 14


def mimo_paths(
    moments: Sequence[Moment],
    cell: MimoOfdm | None = None,
    *,
    normalised: bool = True,
    symbols: int = SLOT_SYMBOLS,
) -> PathArrays:
    """Paths of all carriers of some steps, padded with paths of gain 0, each [steps, cell.users, most paths].

    Parameters
    ----------
    moments : steps of a scene
    cell : MimoOfdm, optional
        What it says of paths and of speed is left alone.
    normalised : bool
        For each step and user: scale to a mean of 1 of |h|^2 over antennas, subcarriers and `symbols`,
        and count delays from the first path, as ``channel_from_paths`` does.
    symbols : int
        OFDM symbols over which that mean is taken.

    Raises
    ------
    DataError
        If a step has fewer carriers than the cell has users.
    """
    cell = cell or MimoOfdm()
    rows = [
        _columns(paths, cell, normalised, symbols)
        for moment in moments
        for paths in _paths_of_users(moment, cell.users)
    ]
    if not rows:
        raise DataError("no step of a scene is given, expected one at least")
    most = max(1, *(len(row[0]) for row in rows))
    arrays = []
    for column in zip(*rows, strict=True):
        padded = np.stack([np.pad(values, (0, most - len(values))) for values in column])
        arrays.append(padded.reshape(len(moments), cell.users, most))
    return PathArrays(*arrays)


def _paths_of_users(moment: Moment, users: int) -> list[Paths]:
    try:
        return [moment.paths(user) for user in range(users)]
    except KeyError as error:
        raise DataError(
            f"{moment.folder}: step {moment.record['step']} of drive {moment.record['sequence']} has no "
            f"{error}, expected paths of {users} carriers"
        ) from error


def _columns(paths: Paths, cell: MimoOfdm, normalised: bool, symbols: int) -> tuple[np.ndarray, ...]:
    """gain, arrival, departure, delay, Doppler shift of one user's paths."""
    arrival, departure = (_sine(angles) for angles in (paths.arrival_rad, paths.departure_rad))
    delay_s = np.asarray(paths.delay_s, np.float64)
    gain = np.asarray(paths.gain, np.complex128)
    if normalised and len(gain):
        delay_s = delay_s - delay_s.min()
    # recorded gains belong to the middle of the band, ours to the lowest subcarrier
    gain = gain * np.exp(2j * np.pi * cell.subcarrier_spacing_hz * (cell.subcarriers // 2) * delay_s)
    if normalised and len(gain):
        spans = (
            (arrival / 2, cell.station_antennas),
            (-departure / 2, cell.user_antennas),
            (-delay_s * cell.subcarrier_spacing_hz, cell.subcarriers),
            (paths.doppler_hz * cell.symbol_interval_s, symbols),
        )
        alike = np.prod([_likeness(turns, count) for turns, count in spans], axis=0)
        gain = gain / np.sqrt((gain.conj() @ alike @ gain).real)
    return gain, arrival, departure, delay_s, np.asarray(paths.doppler_hz, np.float64)


def _sine(angles_rad: np.ndarray) -> np.ndarray:
    """Of the angle from broadside that a line of antennas sees; azimuth and elevation [paths, 2]."""
    azimuth, elevation = np.reshape(angles_rad, (-1, 2)).T
    return np.sin(azimuth) * np.cos(elevation)


def _likeness(turns: np.ndarray, count: int) -> np.ndarray:
    """Mean of conj(e_p) e_q over e = exp(j 2 pi turns n), n = 0 ... count - 1, complex128 [paths, paths]."""
    waves = np.exp(2j * np.pi * np.outer(np.arange(count), turns))
    return waves.conj().T @ waves / count


def write_mimo_paths(file: str | os.PathLike[str], paths: PathArrays) -> None:
    """Write a file of paths."""
    content = io.BytesIO()
    np.savez_compressed(content, **{name: getattr(paths, name) for name in NAMES})
    write_output(Path(file), content.getvalue())


def read_mimo_paths(place: str | os.PathLike[str], cell: MimoOfdm | None = None) -> PathArrays:
    """Paths of a file, or of all steps of a folder of scenes (`semisac data scenes`), normalised.

    Raises
    ------
    DataError
        If it is neither, or its arrays do not fit each other or the cell's number of users.
    """
    cell = cell or MimoOfdm()
    place = Path(place).expanduser()
    if place.is_dir():
        return mimo_paths(SceneSet.open(place).moments, cell)
    try:
        with np.load(place, allow_pickle=False) as stored:
            arrays = [np.array(stored[name]) for name in NAMES]
    except (OSError, KeyError) as error:
        raise DataError(
            f"{place}: cannot be read ({error}), expected an .npz of paths: {', '.join(NAMES)}"
        ) from error
    except Exception as error:  # zipfile and zlib have errors of their own
        raise DataError(f"{place}: is damaged ({error}), expected an .npz of paths") from error
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or arrays[0].ndim != 3 or arrays[0].size == 0 or arrays[0].shape[1] != cell.users:
        raise DataError(
            f"{place}: arrays have shapes {', '.join(str(array.shape) for array in arrays)}, expected one "
            f"shape (frames, {cell.users} users, paths) of all"
        )
    for name, array in zip(NAMES, arrays, strict=True):
        if array.dtype.kind not in ("cf" if name == "gain" else "f") or not np.isfinite(array).all():
            raise DataError(f"{place}: {name} is {array.dtype} or not finite, expected finite numbers")
    return PathArrays(arrays[0].astype(np.complex128), *(array.astype(np.float64) for array in arrays[1:]))
