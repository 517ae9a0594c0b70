# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""FMCW radar cubes of the OpenRadar tutorials (PreSense Applied Radar, Apache-2.0): people walking indoors.

A 77 GHz radar of two transmitters in turn and four receivers; each file is one frame of 128 chirps, the beat
signal sampled as complex numbers. The tutorials state the chirp for two of the cubes; of the third only its
shape is known, and its axes stay in bins.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semisac_ml.signal.radar_bounds import SPEED_OF_LIGHT_MPS
from semisac_ml.signal.range_doppler import MapGeometry

from . import DataError

FOLDER = "openradar-fmcw"
SOURCE = "https://github.com/PreSenseRadar/OpenRadar"


@dataclass(frozen=True)
class ChirpSettings:
    """Chirp of the tutorials: 60 MHz/us from 77.4201 GHz, every 92 us, by two transmitters in turn."""

    start_hz: float = 77.4201e9
    slope_hz_per_s: float = 60e12
    sample_rate_hz: float = 2.5e6
    interval_s: float = 92e-6
    transmitters: int = 2


CUBES = {
    "simple_frame_1": ChirpSettings(),
    "doppler_example_1": ChirpSettings(),
    "doppler_example": None,
}


def load(name: str, root: str | os.PathLike[str] | None = None) -> np.ndarray:
    """One cube of beat samples, complex128 [antennas, chirps, samples].

    Parameters
    ----------
    name : str
        One of CUBES.
    root : path, optional
        Folder that holds openradar-fmcw; by default where :func:`semisac_ml.data.folders.roots` looks.

    Raises
    ------
    DataError
        If the file is missing or the name unknown.
    """
    from .folders import roots

    if name not in CUBES:
        raise DataError(f"cube is {name!r}, expected one of {', '.join(CUBES)}")
    places = [Path(root).expanduser()] if root is not None else roots()
    for place in places:
        file = place / FOLDER / f"{name}.npy"
        if file.is_file():
            stored = np.load(file, allow_pickle=False)
            break
    else:
        raise DataError(
            f"{FOLDER}/{name}.npy not found in {', '.join(map(str, places))}: take it from {SOURCE} and set "
            f"SEMISAC_DATA to the folder that holds {FOLDER}"
        )
    signed = [part.astype(np.int64).astype(np.uint16).view(np.int16) for part in (stored.real, stored.imag)]
    cube = signed[0].astype(np.float64) + 1j * signed[1]
    return cube[None] if cube.ndim == 2 else cube.transpose(1, 0, 2)


def cells_and_geometry(
    cube: np.ndarray, settings: ChirpSettings | None, window: str = "hamming"
) -> tuple[np.ndarray, MapGeometry]:
    """Beat samples as the frequency cells of a map, twice as fine as the resolution on both axes.

    The beat of an echo of delay tau is exp(j 2 pi (slope tau n/fs + fc tau)): conjugated, sample n is the
    plane wave of frequency cell k = n with a spacing of slope/fs. Without settings range and Doppler are in
    bins: one metre and one m/s stand for one.

    Returns
    -------
    cells : ndarray, complex [antennas, chirps, 2 samples]
    geometry : MapGeometry
    """
    antennas, chirps, samples = cube.shape
    cells = np.zeros((antennas, chirps, 2 * samples), dtype=np.complex128)
    cells[..., :samples] = np.conj(cube)
    spectrum = np.zeros(2 * samples)
    spectrum[:samples] = 1.0
    if settings is None:
        half_light = SPEED_OF_LIGHT_MPS / 2.0
        spacing_hz, carrier_hz, interval_s = half_light / samples, half_light, 1.0 / chirps
    else:
        spacing_hz = settings.slope_hz_per_s / settings.sample_rate_hz
        carrier_hz = settings.start_hz + spacing_hz * samples / 2.0
        interval_s = settings.transmitters * settings.interval_s
    geometry = MapGeometry(
        carrier_hz=carrier_hz,
        cell_spacing_hz=spacing_hz,
        slow_time_s=interval_s,
        slow_times=chirps,
        doppler_bins=2 * chirps,
        spectrum=spectrum,
        antennas=antennas,
        range_window=window,
        doppler_window=window,
    )
    return cells, geometry
