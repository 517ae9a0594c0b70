# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Detection at a constant false-alarm rate: thresholds from exact theory, masks, local maxima.

A cell is the power summed over L looks (antennas), Gamma(L) under noise. It is compared with a multiple of
the noise level that n reference cells around it show: their mean (CA) or the k-th smallest (OS). Sources:
Richards, Fundamentals of Radar Signal Processing, sections 7.3 to 7.6; for OS Rohling, IEEE Trans. AES-19,
1983.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from . import radar_bounds

METHODS = ("ca", "os")
_QUADRATURE_NODES = 200
MOST_CORRELATED = 64
"""References up to which their correlation is accounted for exactly."""


def _check_rate(false_alarm_rate: float) -> None:
    if not 0.0 < false_alarm_rate < 1.0:
        raise ValueError(f"false_alarm_rate is {false_alarm_rate}, expected a number between 0 and 1")


def ca_factor(false_alarm_rate: float, reference_cells: float, looks: int = 1) -> float:
    """Multiple of the references' mean from which a cell is a detection.

    Cell over mean of n references, each a sum of L looks, is F-distributed with 2 L and 2 L n degrees of
    freedom; for one look n (Pfa^(-1/n) - 1). n need not be whole: see :func:`effective_cells`.
    """
    _check_rate(false_alarm_rate)
    return float(stats.f.isf(false_alarm_rate, 2 * looks, 2 * looks * reference_cells))


def correlated_false_alarm_rate(factor: float, correlation: np.ndarray, looks: int = 1) -> float:
    """Pfa of a cell above factor times the mean of references that noise correlates with it and each other.

    The cell z0 and its references make a quadratic form |z0|^2 - factor/n sum |zi|^2 of Gaussian numbers. Its
    eigenvalues are one positive, x0, and -x1 ... -xn; with m = x/x0 it is above zero where a Gamma(L) number
    exceeds sum m Gamma(L), which has the probability sum over j < L of the coefficients of z^j in
    prod (1 + m - m z)^-L. For one look that is prod 1/(1 + m).

    Parameters
    ----------
    correlation : ndarray, complex [1 + n, 1 + n]
        Normalised, Hermitian; the cell comes first.
    """
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.conj().T
    weights = np.full(len(correlation), -factor / (len(correlation) - 1))
    weights[0] = 1.0
    eigenvalues = np.linalg.eigvalsh((root * weights) @ root)
    ratio = np.maximum(-eigenvalues[:-1], 0.0) / eigenvalues[-1]
    share = ratio / (1.0 + ratio)
    coefficients = [1.0]
    for j in range(1, looks):
        powers = [(share**k).sum() * coefficients[j - k] for k in range(1, j + 1)]
        coefficients.append(looks / j * sum(powers))
    return float(np.exp(-looks * np.log1p(ratio).sum()) * sum(coefficients))


def correlated_ca_factor(false_alarm_rate: float, correlation: np.ndarray, looks: int = 1) -> float:
    """Multiple of the references' mean for :func:`correlated_false_alarm_rate`."""
    _check_rate(false_alarm_rate)

    def excess(logarithm: float) -> float:
        rate = correlated_false_alarm_rate(float(np.exp(logarithm)), correlation, looks)
        return float(np.log(max(rate, 1e-300) / false_alarm_rate))

    return float(np.exp(optimize.brentq(excess, -10.0, 12.0, xtol=1e-12, rtol=1e-12)))


def separate_cells(bins: int, weights: np.ndarray, level: float) -> float:
    """Cells along an axis of a map whose noise exceeds a high level one without the other.

    Noise that exceeds a level in one cell is likely to do so in the next if the axis is oversampled. A
    Gaussian field of spectral variance V is near a peak a parabola over an exponential excess, so that the
    next cell stays below with probability erf(pi sqrt(V level)/bins): 1 for cells far apart, and Rice's rate
    of crossings for cells close together (Leadbetter, Lindgren, Rootzen, Extremes and Related Properties of
    Random Sequences and Processes, chapters 8 and 12).

    Parameters
    ----------
    weights : ndarray, float [cells before the FFT]
        Variance of the noise in each, window included.
    level : float
        Threshold over the noise variance of a cell.
    """
    spread = radar_bounds.weighted_variance(np.arange(len(weights)), weights)
    return max(1.0, bins * math.erf(math.pi * math.sqrt(spread * level) / bins))


def map_rate(cell_rate: float, cells: float) -> float:
    """Probability 1 - (1 - p)^N that one of N cells exceeds its threshold."""
    return -math.expm1(cells * math.log1p(-cell_rate))


def cell_rate(map_rate: float, cells: float) -> float:
    """Inverse of :func:`map_rate`."""
    _check_rate(map_rate)
    return -math.expm1(math.log1p(-map_rate) / cells)


def ca_detection_probability(snr: float, factor: float, reference_cells: float, looks: int = 1) -> float:
    """P(detection) of a steady target (Swerling 0) of SNR snr, linear and summed over the looks.

    The ratio is then noncentral F with noncentrality 2 snr; infinitely many references leave noncentral
    chi-square.
    """
    if np.isinf(reference_cells):
        return float(stats.ncx2.sf(2 * looks * factor, 2 * looks, 2 * snr))
    return float(stats.ncf.sf(factor, 2 * looks, 2 * looks * reference_cells, 2 * snr))


def ca_loss_db(
    false_alarm_rate: float, reference_cells: float, looks: int = 1, detection_probability: float = 0.9
) -> float:
    """SNR in dB that estimating the noise from n cells costs against knowing it, Swerling 0."""
    known = stats.chi2.isf(false_alarm_rate, 2 * looks) / (2 * looks)

    def needed_db(factor: float, cells: float) -> float:
        def missing(snr_db: float) -> float:
            snr = 10.0 ** (snr_db / 10.0)
            return ca_detection_probability(snr, factor, cells, looks) - detection_probability

        return float(optimize.brentq(missing, 0.0, 40.0))

    estimated = ca_factor(false_alarm_rate, reference_cells, looks)
    return needed_db(estimated, reference_cells) - needed_db(known, np.inf)


def os_false_alarm_rate(factor: float, reference_cells: int, rank: int, looks: int = 1) -> float:
    """Pfa of a cell above factor times the rank-th smallest of n references.

    For one look the product of (n - i)/(n - i + factor) over i = 0 ... rank - 1. For more the mean of
    P(cell > factor x) over x: its distribution function is beta(rank, n - rank + 1), by Gauss-Legendre.
    """
    if looks == 1:
        remaining = reference_cells - np.arange(rank)
        return float(np.prod(remaining / (remaining + factor)))
    nodes, weights = np.polynomial.legendre.leggauss(_QUADRATURE_NODES)
    level = (nodes + 1.0) / 2.0
    density = np.exp(
        special.gammaln(reference_cells + 1)
        - special.gammaln(rank)
        - special.gammaln(reference_cells - rank + 1)
        + (rank - 1) * np.log(level)
        + (reference_cells - rank) * np.log1p(-level)
    )
    exceeded = special.gammaincc(looks, factor * special.gammaincinv(looks, level))
    return float((weights / 2.0 * density * exceeded).sum())


def os_factor(false_alarm_rate: float, reference_cells: int, rank: int, looks: int = 1) -> float:
    """Multiple of the rank-th smallest reference from which a cell is a detection."""
    _check_rate(false_alarm_rate)
    if not 1 <= rank <= reference_cells:
        raise ValueError(f"rank is {rank}, expected 1 to {reference_cells}, the number of reference cells")

    def excess(logarithm: float) -> float:
        rate = os_false_alarm_rate(float(np.exp(logarithm)), reference_cells, rank, looks)
        return float(np.log(max(rate, 1e-300) / false_alarm_rate))

    return float(np.exp(optimize.brentq(excess, -20.0, 20.0, xtol=1e-13, rtol=1e-13)))


def os_mean(reference_cells: int, rank: int, looks: int = 1) -> float:
    """Mean of the rank-th smallest of n references of unit noise in each look: what it is divided by."""
    if looks == 1:
        return float((1.0 / (reference_cells - np.arange(rank))).sum())
    nodes, weights = np.polynomial.legendre.leggauss(_QUADRATURE_NODES)
    level = (nodes + 1.0) / 2.0
    density = stats.beta.pdf(level, rank, reference_cells - rank + 1)
    return float((weights / 2.0 * density * special.gammaincinv(looks, level)).sum())


@dataclass(frozen=True)
class CfarWindow:
    """Cells around the one tested, the same on both of its sides, along range and along Doppler.

    guard, reference: cells on each side, (along range, along Doppler); 2 (sum of reference) in all.
    stride: distance of neighbouring references in bins, (range, Doppler): the oversampling of the map, for
        cells between would say nothing new. Guards are counted in strides too.
    """

    guard: tuple[int, int] = (2, 2)
    reference: tuple[int, int] = (8, 8)
    stride: tuple[int, int] = (1, 1)

    @property
    def offsets(self) -> np.ndarray:
        """Places of the references relative to the cell, int [n, 2]: rows (Doppler), columns (range)."""
        found = []
        for axis in (0, 1):  # range, Doppler
            for step in range(self.guard[axis] + 1, self.guard[axis] + self.reference[axis] + 1):
                for sign in (-1, 1):
                    shift = sign * step * self.stride[axis]
                    found.append((0, shift) if axis == 0 else (shift, 0))
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def check(self, doppler_bins: int, range_bins: int) -> None:
        """ValueError unless there are references and the map holds them without meeting the cell again."""
        if sum(self.reference) < 1:
            raise ValueError("reference cells are 0 on both axes, expected at least 1: give some")
        for axis, name, bins in ((0, "range", range_bins), (1, "Doppler", doppler_bins)):
            reach = 2 * (self.guard[axis] + self.reference[axis]) * self.stride[axis] + 1
            if self.reference[axis] and reach > bins:
                raise ValueError(
                    f"guard and reference cells reach over {reach} bins in {name}, expected at most {bins}: "
                    "take fewer of them, or a larger FFT"
                )


def effective_cells(
    window: CfarWindow, range_correlation: np.ndarray, doppler_correlation: np.ndarray
) -> float:
    """Number of independent references whose mean has the variance of this window's.

    n^2/sum |rho|^2 over all pairs of references; parameters as :func:`window_correlation`.
    """
    correlation = window_correlation(window, range_correlation, doppler_correlation)[1:, 1:]
    return float(len(correlation) ** 2 / (np.abs(correlation) ** 2).sum())


def window_correlation(
    window: CfarWindow, range_correlation: np.ndarray, doppler_correlation: np.ndarray
) -> np.ndarray:
    """Correlation of noise in a cell and its references, complex [1 + n, 1 + n].

    Unused subcarriers, windows and zero-padding make neighbouring cells of a map alike.

    Parameters
    ----------
    range_correlation, doppler_correlation : ndarray, complex [range_bins], [doppler_bins]
        Normalised autocorrelation of noise along each axis of the map at lags 0, 1, ..., cyclic.
    """
    offsets = np.concatenate([np.zeros((1, 2), dtype=np.int64), window.offsets])
    rows = doppler_correlation[(offsets[:, None, 0] - offsets[None, :, 0]) % len(doppler_correlation)]
    columns = range_correlation[(offsets[:, None, 1] - offsets[None, :, 1]) % len(range_correlation)]
    return rows * columns


def noise_level(power: np.ndarray, window: CfarWindow, method: str = "ca", rank: int = 0) -> np.ndarray:
    """Mean (CA) or rank-th smallest (OS) of each cell's references; the map is cyclic on both axes.

    Parameters
    ----------
    power : ndarray, float [doppler_bins, range_bins]
        Summed over the antennas.
    """
    if method not in METHODS:
        raise ValueError(f"CFAR method is {method!r}, expected one of {', '.join(METHODS)}")
    shifted = (np.roll(power, (-row, -column), axis=(0, 1)) for row, column in window.offsets)
    if method == "ca":
        return sum(shifted) / len(window.offsets)
    return np.partition(np.stack(list(shifted)), rank - 1, axis=0)[rank - 1]


def local_maxima(power: np.ndarray) -> np.ndarray:
    """Cells not smaller than any of their eight neighbours, bool [doppler_bins, range_bins], cyclic."""
    largest = np.ones(power.shape, dtype=bool)
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            if row or column:
                largest &= power >= np.roll(power, (row, column), axis=(0, 1))
    return largest
