# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Noise that depends on nothing but a place and a seed, for surfaces and clouds."""

from __future__ import annotations

import numpy as np


def hashed(*numbers: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for every tuple of integers, float32; the same one each time."""
    mixed = np.uint32(0x9E3779B9)
    with np.errstate(over="ignore"):
        for number in numbers:
            mixed = (np.asarray(number).astype(np.int64).astype(np.uint32) ^ mixed) * np.uint32(0x85EBCA6B)
            mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35)
            mixed = mixed ^ (mixed >> np.uint32(16))
    return (mixed >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def smooth_noise(places: np.ndarray, seed: np.ndarray | int) -> np.ndarray:
    """Value noise of unit cells at points [n, 2], float32 in [0, 1)."""
    low = np.floor(places)
    part = (places - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    x, y = low[:, 0].astype(np.int64), low[:, 1].astype(np.int64)
    bottom = hashed(x, y, seed) * (1 - part[:, 0]) + hashed(x + 1, y, seed) * part[:, 0]
    top = hashed(x, y + 1, seed) * (1 - part[:, 0]) + hashed(x + 1, y + 1, seed) * part[:, 0]
    return bottom * (1 - part[:, 1]) + top * part[:, 1]


def fractal_noise(places: np.ndarray, seed: np.ndarray | int, octaves: int = 4) -> np.ndarray:
    """Sum of value noises of halved size and weight, float32 in [0, 1)."""
    total, weight = np.zeros(len(places), np.float32), 0.0
    for k in range(octaves):
        total += smooth_noise(places * 2.0**k, np.asarray(seed) + 17 * k) * 0.5**k
        weight += 0.5**k
    return total / weight
