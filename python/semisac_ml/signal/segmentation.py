# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Intersection over union of segmentations, from pixels counted."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

from .metrics import CONFIDENCE, Metric

DRAWS = 2000
"""Of groups of scenes, for an interval."""
GOLDEN = 0.618034


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
    """Of the classes that were there or were predicted; NaN of no pixels."""
    found = intersections_over_unions(counts)
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def mean_iou_of_scenes(counts: np.ndarray, groups: Sequence[str] | None = None, seed: int = 0) -> Metric:
    """Mean IoU of all pixels, with its 95 % interval over groups of scenes that are drawn again (bootstrap).

    Parameters
    ----------
    counts : ndarray, int [scenes, classes, classes]
        As :func:`confusion` counts them, one scene at least.
    groups : sequence of str, optional
        Of each scene: scenes of one drive are alike. By default each is by itself.
    seed : int
        Of what is drawn again.

    Returns
    -------
    Metric
        n: groups. With a single one the interval has no width.
    """
    names, member = np.unique(np.arange(len(counts)) if groups is None else groups, return_inverse=True)
    by_group = np.zeros((len(names), *counts.shape[1:]), np.int64)
    np.add.at(by_group, member.ravel(), counts)
    value = mean_iou(by_group.sum(axis=0))
    if len(names) == 1:
        return Metric(value, value, value, 1)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(names), np.full(len(names), 1.0 / len(names)), DRAWS)
    totals = np.tensordot(drawn, by_group, axes=1)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile([mean_iou(one) for one in totals], [tail, 100.0 - tail])
    return Metric(value, min(float(low), value), max(float(high), value), len(names))


def class_colours(classes: int) -> np.ndarray:
    """Colours to show classes in, uint8 [classes, 3]: class 0 dark grey, the others of hues far apart."""
    found = np.full((classes, 3), 48, np.uint8)
    for number in range(1, classes):
        hue = (number * GOLDEN) % 1.0
        found[number] = np.rint(255.0 * np.array(colorsys.hsv_to_rgb(hue, 0.75, 0.95)))
    return found
