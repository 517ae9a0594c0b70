# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mean intersection over union, Eq. (29), and as the authors' program computes it, from pixels counted."""

from __future__ import annotations

import numpy as np

from semisac_ml.signal.segmentation import confusion, intersections_over_unions, mean_iou

__all__ = ["authors_mean_iou", "confusion", "intersections_over_unions", "mean_iou"]

BACKGROUND = 0


def authors_mean_iou(counts: np.ndarray) -> float:
    """As the authors' program: MFNet's, more generous than Eq. (29).

    The union of a class leaves out pixels whose truth or prediction is background, so that what is missed or
    invented on background costs nothing; background itself counts as 0, so that 8/9 is the most that nine
    classes can reach; so does a class that was never predicted.
    """
    kept = counts.copy()
    kept[BACKGROUND], kept[:, BACKGROUND] = 0, 0
    found = np.where(counts.sum(0) > 0, intersections_over_unions(kept), 0.0)
    return float(np.nan_to_num(found).mean())
