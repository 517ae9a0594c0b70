# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of merit with their 95 % intervals, the same in training, in the flowgraph and in reports.

PSNR of a set of images is stated in two ways that differ (Jensen): :func:`psnr_db` averaged over images,
which is what "PSNR" means here unless said otherwise, and :func:`psnr_of_mean_mse`, -10 log10 of the mean
MSE, for which the bounds of rate-distortion theory hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLED = 2000


@dataclass(frozen=True)
class Metric:
    """A figure, the ends of its 95 % interval, and the number of samples behind it."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Plain numbers {"value", "low", "high", "n"} for JSON."""
        return asdict(self)


def _samples(values: np.ndarray | Sequence[float]) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise ValueError(
            "no samples, expected at least one: a metric without samples is left out of a report"
        )
    return array


def proportion(successes: int, n: int) -> Metric:
    """Share of successes with Wilson's 95 % interval.

    Raises
    ------
    ValueError
        If n < 1 or successes is outside 0 .. n.
    """
    successes, n = int(successes), int(n)
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}, expected 0 <= successes <= n and n >= 1")
    with np.errstate(divide="ignore"):  # the test's p-value, of no use here, may underflow
        interval = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    value = successes / n  # rounding may put an end of the interval a hair inside 0 or 1
    return Metric(value, min(float(interval.low), value), max(float(interval.high), value), n)


def mean(values: np.ndarray | Sequence[float], least: float = -math.inf, most: float = math.inf) -> Metric:
    """Mean of independent samples with Student's 95 % interval; of no width for a single sample.

    Student's interval knows no bounds: it is cut where no mean can be, below least and above most.
    """
    array = _samples(values)
    value = float(array.mean())
    if array.size == 1:
        return Metric(value, value, value, 1)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, array.size - 1))
    half = quantile * float(array.std(ddof=1)) / math.sqrt(array.size)
    low, high = min(max(value - half, least), value), max(min(value + half, most), value)
    return Metric(value, low, high, int(array.size))


def drawn_groups(stratum: np.ndarray, seed: int = 0) -> np.ndarray:
    """How often each group was drawn with replacement within its stratum, float64 [drawings, groups].

    One fewer than there are in each stratum are drawn (J. N. K. Rao and C. F. J. Wu, "Resampling inference
    with complex survey data", 1988): as many would make intervals too narrow by sqrt((groups - 1) / groups).
    A stratum of one group is always drawn: nothing tells how another would differ.

    Parameters
    ----------
    stratum : ndarray, int [groups]
    seed : int
    """
    rng = np.random.default_rng(seed)
    times = np.ones((RESAMPLED, len(stratum)))
    for one in np.unique(stratum):
        own = np.flatnonzero(stratum == one)
        if len(own) > 1:
            times[:, own] = rng.multinomial(len(own) - 1, np.full(len(own), 1.0 / len(own)), RESAMPLED)
    return times


def mean_over_groups(
    values: np.ndarray,
    group: np.ndarray,
    stratum: np.ndarray | None = None,
    cell: np.ndarray | None = None,
    seed: int = 0,
) -> Metric:
    """Mean of samples that resemble each other within groups, such as the frames of a drive.

    The 95 % interval is from drawing whole groups with replacement (:func:`drawn_groups`).

    Parameters
    ----------
    values : ndarray, float [samples]
    group : ndarray, int [samples]
        Number of the group of each sample.
    stratum : ndarray, int [samples], optional
        Part within which groups are drawn, such as the site of a drive; a group lies in one of them.
    cell : ndarray, int [samples], optional
        The figure is the mean over cells of each one's mean over samples. The strata by default.
    seed : int
        Of the drawing.

    Returns
    -------
    Metric
        n is the number of groups.
    """
    array = _samples(values)
    stratum = np.zeros(array.size, np.int64) if stratum is None else np.asarray(stratum)
    _, first, which = np.unique(group, return_index=True, return_inverse=True)
    _, place = np.unique(stratum if cell is None else cell, return_inverse=True)
    shape = (len(first), int(place.max()) + 1)
    pair = which * shape[1] + place
    size = shape[0] * shape[1]
    sums = np.bincount(pair, array, size).reshape(shape)
    counts = np.bincount(pair, minlength=size).reshape(shape)
    value = float((sums.sum(axis=0) / counts.sum(axis=0)).mean())
    times = drawn_groups(stratum[first], seed)
    with np.errstate(invalid="ignore"):  # a cell may have none of the groups that were drawn
        means = np.nanmean((times @ sums) / (times @ counts), axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Metric(value, min(float(low), value), max(float(high), value), len(first))


def percentile(values: np.ndarray | Sequence[float], percent: float) -> Metric:
    """Percentile, such as p50 or p99 of a latency, with its distribution-free 95 % interval.

    The ends are order statistics: the number of samples below the true percentile is binomial(n,
    percent/100). With few samples the ends are the smallest and the largest.

    Parameters
    ----------
    values : array
        Independent samples.
    percent : float
        0 < percent < 100.
    """
    if not 0.0 < percent < 100.0:
        raise ValueError(f"percent is {percent}, expected a number between 0 and 100")
    array = np.sort(_samples(values))
    tail = (1 - CONFIDENCE) / 2
    n, share = array.size, percent / 100.0
    low = max(int(stats.binom.ppf(tail, n, share)) - 1, 0)
    high = min(int(stats.binom.ppf(1 - tail, n, share)), n - 1)
    value = float(np.percentile(array, percent))
    return Metric(value, min(float(array[low]), value), max(float(array[high]), value), n)


def _unit_scale(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    return images.astype(np.float64) / 255.0 if images.dtype == np.uint8 else images.astype(np.float64)


def _pairs(sent: np.ndarray, received: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sent, received = _unit_scale(sent), _unit_scale(received)
    if sent.shape != received.shape or sent.ndim < 2:
        raise ValueError(f"shapes are {sent.shape} and {received.shape}, expected two equal [images, ...]")
    return sent, received


def mse(sent: np.ndarray, received: np.ndarray) -> np.ndarray:
    """Mean squared error of each image, float64 [images], on the scale where white is 1.

    Parameters
    ----------
    sent, received : ndarray [images, ...]
        uint8 (0 to 255) or floating point (0 to 1), each by its own dtype.
    """
    sent, received = _pairs(sent, received)
    return ((sent - received) ** 2).reshape(len(sent), -1).mean(axis=1)


def psnr_db(sent: np.ndarray, received: np.ndarray) -> np.ndarray:
    """PSNR of each image in dB, float64 [images]: -10 log10(MSE), data range 1; 120 dB for equal images."""
    return -10.0 * np.log10(np.maximum(mse(sent, received), 1e-12))


def psnr_of_mean_mse(mse_values: np.ndarray | Sequence[float]) -> Metric:
    """-10 log10 of the mean MSE in dB, with the 95 % interval of that mean."""
    metric = mean(mse_values, least=0.0)
    low, high = (-10.0 * math.log10(max(end, 1e-12)) for end in (metric.high, metric.low))
    return Metric(-10.0 * math.log10(max(metric.value, 1e-12)), low, high, metric.n)


def ssim(sent: np.ndarray, received: np.ndarray) -> np.ndarray:
    """Structural similarity of each image, float64 [images]: scikit-image's 7x7 window, data range 1.

    Parameters
    ----------
    sent, received : ndarray [images, height, width, 3]
        uint8 or floating point, RGB in the last axis.
    """
    from skimage.metrics import structural_similarity

    sent, received = _pairs(sent, received)
    pairs = zip(sent, received, strict=True)
    return np.array([structural_similarity(a, b, data_range=1.0, channel_axis=-1) for a, b in pairs])


def roc(truth: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Receiver operating characteristic.

    Parameters
    ----------
    truth : ndarray, bool or 0/1 [decisions]
        Whether the target was there.
    score : ndarray, float [decisions]
        Probability of presence, or any number that grows with it.

    Returns
    -------
    false_alarm, detection, threshold : ndarray, float64
        Rates for "present if score >= threshold".
    """
    from sklearn.metrics import roc_curve

    truth = np.asarray(truth, dtype=bool)
    if truth.all() or not truth.any():
        raise ValueError("truth holds one class only, expected frames with and without a target")
    return roc_curve(truth, np.asarray(score, dtype=np.float64), drop_intermediate=True)


def confusion_matrix(truth: np.ndarray, decision: np.ndarray, classes: int) -> np.ndarray:
    """Counts, int64 [classes, classes]: row the truth, column the decision."""
    from sklearn import metrics as sklearn_metrics

    return sklearn_metrics.confusion_matrix(truth, decision, labels=np.arange(classes)).astype(np.int64)
