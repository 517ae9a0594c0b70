# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A moving scene that needs no file: smooth colours, discs with sharp edges, fine stripes."""

from __future__ import annotations

import numpy as np

PICTURES = 60
DISCS = 5


def moving_scene(height: int, width: int, pictures: int = PICTURES) -> np.ndarray:
    """Pictures of a scene that comes back to where it began, uint8 [pictures, height, width, 3]."""
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    return np.stack([_scene(y, x, 2 * np.pi * number / pictures) for number in range(pictures)])


def _scene(y: np.ndarray, x: np.ndarray, phase: float) -> np.ndarray:
    """The scene at a phase of its period, uint8; y and x run from 0 to 1."""
    colours = [
        0.55 + 0.3 * np.sin(2.5 * (a * x + b * y) + phase) for a, b in ((1, 0.4), (-0.6, 1), (0.8, -1))
    ]
    picture = np.stack(colours, axis=-1)
    rng = np.random.default_rng(7)
    for _ in range(DISCS):
        centre, reach, start = (
            0.25 + 0.5 * rng.random(2),
            0.1 + 0.2 * rng.random(2),
            2 * np.pi * rng.random(2),
        )
        radius, colour = 0.06 + 0.08 * rng.random(), rng.random(3)
        at_y, at_x = centre + reach * np.sin(phase + start)
        inside = (y - at_y) ** 2 + (x - at_x) ** 2 < radius**2
        shade = 0.6 + 0.4 * (1 - ((y - at_y) ** 2 + (x - at_x) ** 2)[inside] / radius**2)
        picture[inside] = shade[:, None] * colour
    stripes = (y > 0.86) & (y < 0.95) & (np.sin(60 * np.pi * x * (1 + x) + phase) > 0)
    picture[stripes] = 0.95
    return np.rint(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)
