# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of a sampled signal between its samples, as in lib/math/fractional_delay.h.

A sinc under a Kaiser window of 32 samples, beta = 6.76: flat to 3e-4 up to 0.43 of the sample rate on either
side of the carrier.
"""

from __future__ import annotations

import numpy as np

HALF_KERNEL = 16
KAISER_BETA = 6.76


def interpolation_weight(distance: np.ndarray) -> np.ndarray:
    """Weight of a sample at a distance in samples, float64 of the same shape."""
    edge = np.asarray(distance, dtype=np.float64) / HALF_KERNEL
    inside = np.sqrt(np.maximum(0.0, 1.0 - edge**2))
    window = np.where(np.abs(edge) < 1.0, np.i0(KAISER_BETA * inside) / np.i0(KAISER_BETA), 0.0)
    return window * np.sinc(distance)


def read_between(samples: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values at fractional positions; the signal is zero outside.

    Parameters
    ----------
    samples : ndarray, complex [count]
    positions : ndarray, float [reads]
        In samples.

    Returns
    -------
    ndarray, complex128 [reads]
    """
    whole = np.floor(positions).astype(np.int64)
    fraction = positions - whole
    padding = 2 * HALF_KERNEL
    padded = np.pad(np.asarray(samples, dtype=np.complex128), padding)
    values = np.zeros(len(whole), dtype=np.complex128)
    for k in range(1 - HALF_KERNEL, HALF_KERNEL + 1):
        place = np.clip(whole + k + padding, 0, len(padded) - 1)  # its ends are zero
        values += interpolation_weight(k - fraction) * padded[place]
    return values
