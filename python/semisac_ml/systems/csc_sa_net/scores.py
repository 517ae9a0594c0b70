# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mean intersection over union, Eq. (29), and as the authors' program computes it, from pixels counted."""

from __future__ import annotations

import numpy as np

BACKGROUND = 0


def confusion(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Pixels by class, int64 [truth, predicted]; integer arrays of the same shape."""
    pairs = classes * truth.astype(np.int64).ravel() + predicted.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def intersections_over_unions(counts: np.ndarray) -> np.ndarray:
    """Of each class, float64 [classes]; NaN for a class that neither was there nor was predicted."""
    both = np.diagonal(counts).astype(np.float64)
    union = counts.sum(0) + counts.sum(1) - both
    return np.divide(both, union, out=np.full(len(both), np.nan), where=union > 0)


def mean_iou(counts: np.ndarray) -> float:
    """Eq. (29) over the classes that were there or were predicted; NaN of no pixels."""
    found = intersections_over_unions(counts)
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


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
