# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference of what ``frame_synchronizer`` decides by: the normalised matched filter of a chirp.

rho[n] = |s^H y_n|^2 / (L |y_n|^2), y_n the L samples from n on, lies in [0, 1] and does not change with the
level of y. In white Gaussian noise it is the squared cosine between a random and a fixed direction of L
complex dimensions: rho ~ Beta(1, L - 1), and P(rho > t) = (1 - t)^(L - 1).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve


def detection_threshold(false_alarm_probability: float, samples: int) -> float:
    """Value that rho exceeds at a lag with this probability, for a chirp of so many samples."""
    return 1.0 - false_alarm_probability ** (1.0 / (samples - 1))


def chirp_statistic(received: np.ndarray, chirp: np.ndarray) -> np.ndarray:
    """rho at each lag where the whole chirp fits, float64 [len(received) - len(chirp) + 1]."""
    received = np.asarray(received, dtype=np.complex128)
    matched = fftconvolve(received, np.conj(chirp[::-1]), mode="valid")
    summed = np.concatenate([[0.0], np.cumsum(np.abs(received) ** 2)])
    energy = summed[len(chirp) :] - summed[: -len(chirp)]
    power = np.abs(matched) ** 2
    return np.divide(power, len(chirp) * energy, out=np.zeros_like(power), where=energy > 0.0)
