# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a box that is a little off costs: the true picture of the target beside itself, cut out elsewhere.

A target is some tens of pixels of the camera wide and black all around. Whatever sends its picture has to
find the box as exactly as this says, for the PSNR and SSIM that it says, if all else is perfect.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from semisac_ml.results import Result
from semisac_ml.results.drawing import line_charts
from semisac_ml.signal import metrics

from .comparison import row_of
from .figures import LABELS, PICTURE
from .samples import TEST, TargetSet, cut_out

AXIS = "box off by pixels of the camera"
SHIFTS_PX = (0.125, 0.25, 0.5, 1.0, 2.0)
DIRECTIONS = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
SAMPLES = 200
"""Of a scene's test part, evenly spaced."""


def shifted_rows(scenes: Iterable[TargetSet], pixels: int) -> list[Result]:
    """PSNR and SSIM over the shift, means of four directions, scene by scene; pixels: side of pictures."""
    rows = []
    for samples in scenes:
        test = samples.of(TEST)
        chosen = test[np.unique(np.linspace(0, len(test) - 1, SAMPLES).astype(int))]
        true = _pictures(samples, chosen, (0.0, 0.0), pixels)
        for shift_px in SHIFTS_PX:
            moved = [_pictures(samples, chosen, (shift_px * x, shift_px * y), pixels) for x, y in DIRECTIONS]
            for metric, measure in zip(PICTURE, (metrics.psnr_db, metrics.ssim), strict=True):
                value = np.mean([measure(true, one) for one in moved], axis=0)
                found = metrics.mean_over_groups(value, samples.group[chosen])
                told = {"conditions": {"x": AXIS, "scene": samples.name}, "x": shift_px}
                rows.append(replace(row_of(found, metric, variant="true picture", **told), figure="shifted"))
    return rows


def _pictures(samples: TargetSet, rows: np.ndarray, shift_px: tuple[float, float], pixels: int) -> np.ndarray:
    """Cut-outs, uint8 [rows, pixels, pixels, 3]."""
    return np.stack(
        [
            cut_out(
                samples.read_frame(int(samples.frame[row])),
                samples.read_mask(int(row)),
                samples.box_px[row] + np.array([*shift_px, 0.0, 0.0]),
                pixels,
            )
            for row in rows
        ]
    )


def draw(file: Path, rows: list[Result]) -> None:
    """A curve for each scene."""
    labels = {metric: LABELS[metric] for metric in PICTURE}
    line_charts(
        file,
        rows,
        labels,
        panel=lambda row: "true picture, cut out elsewhere",
        style=lambda row: {"label": row.conditions["scene"], "marker": "o"},
    )
