# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Colours of maps: dark blue over magenta to light yellow, brightness even, also in grey."""

from __future__ import annotations

import numpy as np

_ANCHORS = np.array(
    [[4, 5, 30], [66, 15, 110], [150, 40, 110], [225, 90, 60], [250, 175, 40], [252, 250, 190]]
)
_COLOURS = np.stack(
    [np.interp(np.linspace(0, 5, 256), np.arange(6), _ANCHORS[:, channel]) for channel in range(3)], axis=1
).astype(np.uint8)


def colours(values: np.ndarray, darkest: float, brightest: float) -> np.ndarray:
    """Colour of each value, uint8 [..., 3], RGB; values beyond the ends take theirs."""
    shade = np.clip((values - darkest) / (brightest - darkest), 0.0, 1.0)
    return _COLOURS[(shade * 255.0).astype(np.uint8)]
