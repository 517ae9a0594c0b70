# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The 60 GHz array of the base station: 16 elements half a wavelength apart, 64 beams over 90 degrees."""

from __future__ import annotations

import numpy as np

from semisac_ml.signal.beam_codebook import beam_azimuths_rad, steering

CARRIER_HZ = 60e9
ELEMENTS = 16
BEAMS = 64
SECTOR_RAD = np.pi / 2
BANDWIDTH_HZ = 20e6
NOISE_BELOW_MEDIAN_PEAK_DB = 21.0


def beam_powers(
    gain: np.ndarray,
    delay_s: np.ndarray,
    azimuth_rad: np.ndarray,
    elevation_rad: np.ndarray,
    noise_w: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Power that each beam receives from a transmitter of 1 W, mean over the band and with its noise.

    Parameters
    ----------
    gain : ndarray, complex [paths]
        With the phase of the carrier.
    azimuth_rad, elevation_rad : ndarray [paths]
        Of arrival, from the boresight.
    noise_w : float
        In every beam; what is measured is the mean of 64 draws.

    Returns
    -------
    ndarray, float64 [64]
    """
    tones = np.linspace(-0.5, 0.5, 16) * BANDWIDTH_HZ
    weights = steering(beam_azimuths_rad(BEAMS, SECTOR_RAD), elements=ELEMENTS) / np.sqrt(ELEMENTS)
    element = np.clip(np.cos(azimuth_rad), 0.0, 1.0)  # of one patch, in amplitude
    per_path = weights.conj() @ steering(azimuth_rad, elevation_rad, ELEMENTS).T * (gain * element)
    received = per_path @ np.exp(-2j * np.pi * delay_s[:, None] * tones)
    power = (np.abs(received) ** 2).mean(axis=1)
    noise = noise_w * rng.gamma(64.0, 1.0 / 64.0, BEAMS)
    cross = 2 * np.sqrt(power * noise_w / 64.0) * rng.standard_normal(BEAMS) * 0.5
    return np.maximum(power + noise + cross, 1e-3 * noise_w)
