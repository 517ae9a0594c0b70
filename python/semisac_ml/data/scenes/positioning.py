# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Satellite positions as a vehicle in a street measures them."""

from __future__ import annotations

import numpy as np

EARTH_RADIUS_M = 6_371_000.0
BIAS_M, WANDER_M, WANDER_S, JITTER_M = 1.1, 0.7, 15.0, 0.12


def position_errors_m(steps: int, interval_s: float, rng: np.random.Generator) -> np.ndarray:
    """Errors to the east and north, float64 [steps, 2].

    A bias that a drive keeps (1.1 m rms an axis), one that wanders within 15 s (0.7 m), and jitter (0.12 m):
    1.9 m in all, as single-frequency receivers have between houses.
    """
    keep = np.exp(-interval_s / WANDER_S)
    wander = np.zeros((steps, 2))
    state = WANDER_M * rng.standard_normal(2)
    for step in range(steps):
        wander[step] = state
        state = keep * state + np.sqrt(1 - keep**2) * WANDER_M * rng.standard_normal(2)
    return BIAS_M * rng.standard_normal(2) + wander + JITTER_M * rng.standard_normal((steps, 2))


def degrees(east_north_m: np.ndarray, origin_deg: tuple[float, float]) -> np.ndarray:
    """Latitude and longitude of places near an origin, float64 [..., 2]."""
    step = np.degrees(np.asarray(east_north_m) / EARTH_RADIUS_M)
    longitude = origin_deg[1] + step[..., 0] / np.cos(np.radians(origin_deg[0]))
    return np.stack([origin_deg[0] + step[..., 1], longitude], axis=-1)
