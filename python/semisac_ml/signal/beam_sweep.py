# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the strongest beam by measuring alone, without a network."""

from __future__ import annotations

import numpy as np

from .beam_choice import measured_beams

STEPS = (2, 1, 1)


def hierarchical_sweep(power: np.ndarray, first: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Measure evenly spread beams, then closer and closer around the strongest.

    A sweep of `first` beams leaves the strongest within half their distance; steps of 2, 1 and 1 beams to
    both sides cover the four beams that 8 of 64 leave. Power of narrow beams stands in for that of wide
    ones, which the codebook of DeepSense does not have.

    Parameters
    ----------
    power : ndarray, float [samples, beams]
        Received power, linear or in dB.
    first : int
        Beams of the first sweep.

    Returns
    -------
    chosen : ndarray, int64 [samples]
        Strongest beam that was measured.
    measured : ndarray, int64 [samples]
        How many beams were.
    """
    power = np.asarray(power)
    rows = np.arange(len(power))
    spread = measured_beams(first, power.shape[1])
    seen = np.zeros(power.shape, dtype=bool)
    seen[:, spread] = True
    chosen = spread[power[:, spread].argmax(axis=1)]
    for step in STEPS:
        around = np.clip(chosen[:, None] + (-step, 0, step), 0, power.shape[1] - 1)
        seen[rows[:, None], around] = True
        chosen = around[rows, power[rows[:, None], around].argmax(axis=1)]
    return chosen.astype(np.int64), seen.sum(axis=1)
