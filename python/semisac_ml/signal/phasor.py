# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Phases as 64-bit fixed point, so that they stay exact in a stream without end, as in lib/math/phasor.h.

2^64 is one turn; sums wrap by themselves.
"""

from __future__ import annotations

import numpy as np

TURN = 2.0**64


def phase_from_turns(turns: float) -> int:
    """Fixed-point phase of an angle in turns, rounded down to 2^-64 of a turn."""
    high = (turns - np.floor(turns)) * 2.0**32
    whole = np.floor(high)
    return ((int(whole) & 0xFFFFFFFF) << 32) + int((high - whole) * 2.0**32)


def running_turns(start: int, step: int, index: np.ndarray) -> np.ndarray:
    """Phase start + step index in turns, float64 in [0, 1), of sample numbers int64."""
    phases = np.uint64(start) + np.uint64(step) * np.asarray(index).astype(np.uint64)
    return phases.astype(np.float64) / TURN


def oscillator(frequency: float, index: np.ndarray, start: int = 0) -> np.ndarray:
    """exp(j 2 pi frequency index) with frequency in cycles a sample, complex128."""
    return np.exp(2j * np.pi * running_turns(start, phase_from_turns(frequency), index))
