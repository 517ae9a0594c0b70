# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Colours and ticks of maps, for the screen and for reports."""

from __future__ import annotations

import numpy as np

# Dark blue over magenta to light yellow: brightness grows evenly, also in grey and to colour-blind eyes.
_ANCHORS = np.array(
    [[4, 5, 30], [66, 15, 110], [150, 40, 110], [225, 90, 60], [250, 175, 40], [252, 250, 190]]
)
_COLOURS = np.stack(
    [np.interp(np.linspace(0, 5, 256), np.arange(6), _ANCHORS[:, channel]) for channel in range(3)], axis=1
).astype(np.uint8)


def colours(values: np.ndarray, darkest: float, brightest: float) -> np.ndarray:
    """Colour of each value, uint8 [..., 3], RGB; values beyond the ends take theirs, those that are no number
    are dark.
    """
    shade = np.nan_to_num(np.clip((values - darkest) / (brightest - darkest), 0.0, 1.0))
    return _COLOURS[(shade * 255.0).astype(np.uint8)]


def ticks(low: float, high: float, most: int = 6) -> np.ndarray:
    """Round numbers between two ends, at most `most` steps apart evenly by 1, 2 or 5 times a power of ten."""
    least_step = (high - low) / most
    power = 10.0 ** np.floor(np.log10(least_step))
    step = next(
        factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least_step * (1 - 1e-9)
    )
    return np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step + 0.0  # no -0
