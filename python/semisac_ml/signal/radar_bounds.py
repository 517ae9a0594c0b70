# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cramér-Rao bounds of delay, Doppler and angle of one point target.

The cells of an observation (frequency, slow time or antenna at coordinate q, weight s) are a s exp(j 2 pi q
p) plus noise of variance s, with p the delay, Doppler shift or spatial frequency sought and an unknown
complex a. Then

    var p >= 1/(2 SNRo (2 pi)^2 V),   V = sum s (q - q0)^2/sum s,  q0 = sum s q/sum s,

where SNRo is the SNR behind the matched filter over all cells, linear (Kay, Fundamentals of Statistical
Signal Processing, vol. I, sections 3.11 and 15.10). Delay, Doppler and angle do not disturb each other, since
their coordinates are independent. For a flat spectrum of bandwidth B, M pulses T apart, and K antennas this
gives

    var tau >= 3/(2 SNRo pi^2 B^2),   var f >= 6/(SNRo (2 pi)^2 T^2 (M^2 - 1)),
    var sin(azimuth) >= 6/(SNRo (2 pi d)^2 (K^2 - 1)),  d the spacing in wavelengths.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.constants import c as SPEED_OF_LIGHT_MPS


def weighted_variance(coordinate: np.ndarray, weight: np.ndarray | None = None) -> float:
    """V of the module's text: spread of the coordinates, in their unit squared."""
    coordinate = np.asarray(coordinate, dtype=np.float64)
    weight = np.ones(len(coordinate)) if weight is None else np.asarray(weight, dtype=np.float64)
    centre = np.average(coordinate, weights=weight)
    return float(np.average((coordinate - centre) ** 2, weights=weight))


def frequency_deviation(snr: float, coordinate: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Smallest standard deviation of p, in the inverse unit of the coordinate.

    Parameters
    ----------
    snr : float
        SNRo, linear.
    coordinate, weight : ndarray [cells]
        q and s; infinite deviation if the coordinates are all the same.
    """
    return spread_deviation(snr, weighted_variance(coordinate, weight))


def spread_deviation(snr: float, spread: float) -> float:
    """Smallest standard deviation of p for coordinates of spread V; infinite if V is 0."""
    if spread == 0.0:
        return math.inf
    return 1.0 / math.sqrt(2.0 * snr * spread) / (2.0 * math.pi)


def delay_deviation_s(snr: float, bandwidth_hz: float) -> float:
    """Bound of the delay for a flat spectrum, in seconds; snr is SNRo, linear."""
    return math.sqrt(1.5 / snr) / (math.pi * bandwidth_hz)


def doppler_deviation_hz(snr: float, pulses: int, interval_s: float) -> float:
    """Bound of the Doppler shift from pulses an interval apart, in Hz; snr is SNRo, linear."""
    if pulses < 2:
        return math.inf
    return math.sqrt(6.0 / (snr * (pulses**2 - 1))) / (2.0 * math.pi * interval_s)


def sine_deviation(snr: float, antennas: int, spacing_wavelengths: float = 0.5) -> float:
    """Bound of the sine of the azimuth for a uniform linear array; snr is SNRo over all antennas, linear."""
    if antennas < 2:
        return math.inf
    return math.sqrt(6.0 / (snr * (antennas**2 - 1))) / (2.0 * math.pi * spacing_wavelengths)


def azimuth_deviation_rad(
    snr: float, antennas: int, azimuth_rad: float, spacing_wavelengths: float = 0.5
) -> float:
    """Bound of the azimuth from broadside, in radians; it grows without limit towards the array's axis."""
    cosine = math.cos(azimuth_rad)
    return sine_deviation(snr, antennas, spacing_wavelengths) / cosine if cosine > 0.0 else math.inf


def range_from_delay(delay_s: float) -> float:
    """Range in metres for a delay there and back: c tau/2."""
    return SPEED_OF_LIGHT_MPS * delay_s / 2.0


def velocity_from_doppler(doppler_hz: float, carrier_hz: float) -> float:
    """Closing speed in m/s, c f/(2 fc): positive when the target comes nearer."""
    return SPEED_OF_LIGHT_MPS * doppler_hz / (2.0 * carrier_hz)
