# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up video of which all is known, and the smallest SIMAC that still has every part."""

from __future__ import annotations

import numpy as np

from semisac_ml.data.tracks import Tracks
from semisac_ml.systems.simac.samples import TargetSet, of_video

SIZE = (60, 80)
RATE_HZ = 10.0


def made_up_video(vehicles: int = 12, seconds: float = 3.0):
    """Boxes that pass one after the other along the diagonal to the lower right corner, 20 px/s."""
    rows = []
    for vehicle in range(vehicles):
        for step in range(int(seconds * RATE_HZ)):
            way = 2.0 * step * 0.5**0.5
            frame = vehicle * int(seconds * RATE_HZ) + step
            rows.append((frame, vehicle, [10 + way, 2 + way, 8.0, 6.0]))
    frames, numbers, boxes = zip(*rows, strict=True)
    return Tracks(np.array(frames), np.array(numbers), np.array(boxes))


def frame_of(number: int) -> np.ndarray:
    picture = np.full((*SIZE, 3), 50, np.uint8)
    picture[..., 0] = number % 200
    return picture


def made_up(vehicles: int = 12, metres_per_pixel: float = 0.5) -> TargetSet:
    return of_video(
        "made up", made_up_video(vehicles), SIZE, RATE_HZ, frame_of, metres_per_pixel=metres_per_pixel
    )


def tiny_settings():
    """Sizes of a system that learns in seconds; needs PyTorch."""
    from semisac_ml.systems.simac.biformer import BiFormerSettings
    from semisac_ml.systems.simac.decoder import DecoderSettings
    from semisac_ml.systems.simac.language import LanguageSettings
    from semisac_ml.systems.simac.model import SignalSettings, SimacSettings

    return SimacSettings(
        SignalSettings(antennas=3, length=128, widths=(4, 8, 8), kernels=(5, 3, 3)),
        BiFormerSettings(
            64, widths=(8, 16, 16, 32), depths=(1, 1, 1, 1), routed=(1, 2, 4, 4), regions=2, head=8
        ),
        LanguageSettings(size=32, layers=2, heads=2, whole_vocabulary=False, dropout=0.0),
        DecoderSettings(size=16, width=32, blocks=1, heads=2, patch=2, head_width=8),
        fusion_heads=2,
    )
