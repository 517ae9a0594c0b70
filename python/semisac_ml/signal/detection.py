# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exact limits of telling whether a target is there, from a known waveform and from energy alone.

The waveform x has n reals, hence n/2 complex symbols of unit mean power, ``||x||^2 = n/2``; the echo is ``y =
g sqrt(snr) x + w`` with w ~ CN(0, 1) in each symbol, or y = w. Everything depends on rho = (n/2) snr, the SNR
behind the matched filter, and on what is known of g. Every accuracy is that of the Bayes decision for a prior
P(target); it is the ceiling of any decoder on that channel (decide for the larger posterior; Kay,
Fundamentals of Statistical Signal Processing, vol. II, chapters 3 and 4; Van Trees, part I, section 4.4).

For several ranges, frequency offsets, and posteriors of given echoes see :mod:`semisac_ml.signal.posterior`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import integrate, optimize, special, stats

from .posterior import exponential_nodes, presence_accuracy_frequency_offset, range_accuracy, range_posterior

__all__ = [
    "energy_accuracy_awgn",
    "energy_accuracy_rayleigh",
    "matched_filter_snr",
    "presence_accuracy_awgn",
    "presence_accuracy_frequency_offset",
    "presence_accuracy_rayleigh",
    "presence_accuracy_rayleigh_known_gain",
    "presence_accuracy_two_hop_rayleigh",
    "presence_accuracy_unknown_phase",
    "range_accuracy",
    "range_posterior",
    "roc_awgn",
    "roc_energy_awgn",
    "roc_energy_rayleigh",
    "roc_rayleigh",
    "roc_two_hop_rayleigh",
    "roc_unknown_phase",
]

Snr = float | np.ndarray


def matched_filter_snr(n: int, snr_db: float) -> float:
    """rho = (n/2) snr: SNR behind the matched filter of n reals, linear."""
    if n < 2 or n % 2:
        raise ValueError(f"n is {n}, expected an even number of reals, two for each complex symbol")
    return n / 2 * 10.0 ** (snr_db / 10.0)


def _log_odds_against(prior: float) -> float:
    """ln((1 - prior)/prior): the log-likelihood ratio from which "target" is the likelier answer."""
    if not 0.0 < prior < 1.0:
        raise ValueError(f"prior is {prior}, expected a probability of target between 0 and 1")
    return math.log((1.0 - prior) / prior)


def _for_each_snr(accuracy: Callable[[float], float], snr_db: Snr) -> Snr:
    values = np.vectorize(accuracy, otypes=[np.float64])(np.asarray(snr_db, dtype=np.float64))
    return float(values) if np.ndim(snr_db) == 0 else values


def _weighted(prior: float, false_alarm: float, detection: float) -> float:
    return (1.0 - prior) * (1.0 - false_alarm) + prior * detection


def _threshold(log_ratio: Callable[[float], float], target: float, scale: float) -> float:
    """Smallest statistic >= 0 from which an increasing log-likelihood ratio exceeds the target."""
    if log_ratio(0.0) >= target:
        return 0.0
    high = scale
    while log_ratio(high) < target:
        high *= 2.0
    return float(optimize.brentq(lambda value: log_ratio(value) - target, 0.0, high, xtol=1e-12, rtol=1e-12))


def presence_accuracy_awgn(n: int, snr_db: Snr, prior: float = 0.5) -> Snr:
    """Ceiling for a known gain, g = 1: coherent matched filter.

    For equal priors Phi(sqrt(n snr)/2); in general, with d = sqrt(2 rho) and t = ln((1 - P)/P),
    P Phi(d/2 - t/d) + (1 - P) Phi(d/2 + t/d).

    Parameters
    ----------
    n : int
        Reals of the waveform, even.
    snr_db : float or ndarray
        Echo SNR for each complex symbol, dB.
    prior : float
        P(target).

    Returns
    -------
    float or ndarray
        P(correct), of the shape of snr_db.
    """
    against = _log_odds_against(prior)

    def accuracy(snr: float) -> float:
        distance = math.sqrt(2.0 * matched_filter_snr(n, snr))
        return _weighted(
            prior,
            stats.norm.sf(distance / 2 + against / distance),
            stats.norm.cdf(distance / 2 - against / distance),
        )

    return _for_each_snr(accuracy, snr_db)


def presence_accuracy_unknown_phase(n: int, snr_db: Snr, prior: float = 0.5) -> Snr:
    """Ceiling for |g| = 1 and a phase uniform on the circle: envelope of the matched filter.

    With T = |x^H y|^2/||x||^2 the likelihood ratio is exp(-rho) I0(2 sqrt(rho T)); 2T is chi-square with two
    degrees of freedom, noncentral by 2 rho if the target is there, so that P(detection) is Marcum's Q.
    Parameters as :func:`presence_accuracy_awgn`.
    """
    against = _log_odds_against(prior)

    def accuracy(snr: float) -> float:
        rho = matched_filter_snr(n, snr)

        def log_ratio(value: float) -> float:
            argument = 2.0 * math.sqrt(rho * value)
            return math.log(special.ive(0, argument)) + argument - rho

        threshold = _threshold(log_ratio, against, 1.0 + rho)
        return _weighted(prior, math.exp(-threshold), stats.ncx2.sf(2 * threshold, 2, 2 * rho))

    return _for_each_snr(accuracy, snr_db)


def presence_accuracy_rayleigh(n: int, snr_db: Snr, prior: float = 0.5) -> Snr:
    """Ceiling for g ~ CN(0, 1) that is not known.

    T is exponential with mean 1, or 1 + rho with a target. For equal priors 1/2 [1 + (1 + rho)^(-1/rho)
    rho/(1 + rho)]. Parameters as :func:`presence_accuracy_awgn`; snr_db is the mean SNR.
    """
    against = _log_odds_against(prior)

    def accuracy(snr: float) -> float:
        rho = matched_filter_snr(n, snr)
        threshold = max((math.log1p(rho) + against) * (1.0 + rho) / rho, 0.0)
        return _weighted(prior, math.exp(-threshold), math.exp(-threshold / (1.0 + rho)))

    return _for_each_snr(accuracy, snr_db)


def presence_accuracy_rayleigh_known_gain(n: int, snr_db: Snr, prior: float = 0.5) -> Snr:
    """Ceiling for g ~ CN(0, 1) that the detector is told: mean of the coherent ceiling over |g|^2 ~ Exp(1).

    For equal priors 1/2 [1 + sqrt(rho/(4 + rho))]. Parameters as :func:`presence_accuracy_awgn`.
    """
    against = _log_odds_against(prior)

    def accuracy(snr: float) -> float:
        if against == 0.0:
            rho = matched_filter_snr(n, snr)
            return 0.5 * (1.0 + math.sqrt(rho / (4.0 + rho)))

        def integrand(power: float) -> float:
            return math.exp(-power) * float(presence_accuracy_awgn(n, snr + 10.0 * math.log10(power), prior))

        return _integral(integrand, 1e-12, 1.0) + _integral(integrand, 1.0, 40.0)

    return _for_each_snr(accuracy, snr_db)


def presence_accuracy_two_hop_rayleigh(n: int, snr_db: Snr, prior: float = 0.5) -> Snr:
    """Ceiling for g = h1 h2, both CN(0, 1) and unknown (transmitter to target, target to transmitter).

    Given v = |h2|^2 ~ Exp(1), T is exponential with mean 1 + rho v; the likelihood ratio, the mean of
    exp(T rho v/(1 + rho v))/(1 + rho v) over v, grows with T. Numerical integration over v. Parameters as
    :func:`presence_accuracy_awgn`.
    """
    against = _log_odds_against(prior)

    def accuracy(snr: float) -> float:
        rho = matched_filter_snr(n, snr)

        hops, weights = np.array(exponential_nodes(400)).T
        spread = 1.0 + rho * hops

        def log_ratio(value: float) -> float:
            return float(special.logsumexp(value * rho * hops / spread - np.log(spread), b=weights))

        threshold = _threshold(log_ratio, against, 1.0 + math.log1p(rho))
        return _weighted(prior, math.exp(-threshold), _two_hop_detection(rho, threshold))

    return _for_each_snr(accuracy, snr_db)


def energy_accuracy_awgn(n: int, snr_db: Snr, prior: float = 0.5) -> Snr:
    """Best accuracy from the echo's energy S = ||y||^2 alone, |g| = 1.

    2S is chi-square with n degrees of freedom, noncentral by 2 rho with a target. A learned waveform may beat
    this (its energy test is optimal for unstructured symbols only). Parameters as
    :func:`presence_accuracy_awgn`.
    """
    against = _log_odds_against(prior)

    def accuracy(snr: float) -> float:
        rho = matched_filter_snr(n, snr)

        def log_ratio(value: float) -> float:
            # ratio of densities: exp(-rho) 0F1(n/2, rho S), in logarithms through the scaled Bessel function
            if value == 0.0:
                return -rho
            order, argument = n / 2 - 1, 2.0 * math.sqrt(rho * value)
            bessel = special.ive(order, argument)
            if bessel <= 0.0:  # underflow: first term of the series
                return -rho
            return (
                math.log(bessel) + argument + special.gammaln(n / 2) - order * math.log(argument / 2.0) - rho
            )

        threshold = _threshold(log_ratio, against, n / 2 + rho)
        return _weighted(prior, stats.gamma.sf(threshold, n / 2), stats.ncx2.sf(2 * threshold, n, 2 * rho))

    return _for_each_snr(accuracy, snr_db)


def energy_accuracy_rayleigh(n: int, snr_db: Snr, prior: float = 0.5) -> Snr:
    """Best accuracy from the echo's energy alone, g ~ CN(0, 1).

    With a target S is the sum of an exponential of mean 1 + rho (along the waveform) and of n/2 - 1 of mean
    1. Parameters as :func:`presence_accuracy_awgn`.
    """
    against = _log_odds_against(prior)

    def accuracy(snr: float) -> float:
        rho = matched_filter_snr(n, snr)
        threshold = _threshold(lambda s: _energy_log_ratio_rayleigh(n, rho, s), against, n / 2 + rho)
        return _weighted(
            prior, stats.gamma.sf(threshold, n / 2), _energy_detection_rayleigh(n, rho, threshold)
        )

    return _for_each_snr(accuracy, snr_db)


def roc_awgn(n: int, snr_db: float, false_alarm: np.ndarray) -> np.ndarray:
    """P(detection) at each P(false alarm), known gain: Phi(Phi^-1(Pfa) + sqrt(n snr))."""
    false_alarm = np.asarray(false_alarm, dtype=np.float64)
    return stats.norm.cdf(stats.norm.ppf(false_alarm) + math.sqrt(2.0 * matched_filter_snr(n, snr_db)))


def roc_unknown_phase(n: int, snr_db: float, false_alarm: np.ndarray) -> np.ndarray:
    """P(detection), |g| = 1 and unknown phase: Marcum's Q1(sqrt(2 rho), sqrt(-2 ln Pfa))."""
    return stats.ncx2.sf(2.0 * _exponential_threshold(false_alarm), 2, 2.0 * matched_filter_snr(n, snr_db))


def roc_rayleigh(n: int, snr_db: float, false_alarm: np.ndarray) -> np.ndarray:
    """P(detection), unknown g ~ CN(0, 1): Pfa^(1/(1 + rho))."""
    return np.asarray(false_alarm, dtype=np.float64) ** (1.0 / (1.0 + matched_filter_snr(n, snr_db)))


def roc_two_hop_rayleigh(n: int, snr_db: float, false_alarm: np.ndarray) -> np.ndarray:
    """P(detection), unknown g = h1 h2: mean of Pfa^(1/(1 + rho v)) over v ~ Exp(1)."""
    rho = matched_filter_snr(n, snr_db)
    detection = np.vectorize(
        lambda t: _two_hop_detection(rho, t) if math.isfinite(t) else 0.0, otypes=[np.float64]
    )
    return detection(_exponential_threshold(false_alarm))


def roc_energy_awgn(n: int, snr_db: float, false_alarm: np.ndarray) -> np.ndarray:
    """P(detection) of the energy detector, |g| = 1."""
    threshold = stats.gamma.isf(np.asarray(false_alarm, dtype=np.float64), n / 2)
    return stats.ncx2.sf(2.0 * threshold, n, 2.0 * matched_filter_snr(n, snr_db))


def roc_energy_rayleigh(n: int, snr_db: float, false_alarm: np.ndarray) -> np.ndarray:
    """P(detection) of the energy detector, g ~ CN(0, 1)."""
    rho = matched_filter_snr(n, snr_db)
    detection = np.vectorize(lambda s: _energy_detection_rayleigh(n, rho, s) if math.isfinite(s) else 0.0)
    return detection(stats.gamma.isf(np.asarray(false_alarm, dtype=np.float64), n / 2)).astype(np.float64)


def _exponential_threshold(false_alarm: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -np.log(np.asarray(false_alarm, dtype=np.float64))


def _integral(integrand: Callable[[float], float], low: float, high: float) -> float:
    return float(integrate.quad(integrand, low, high, epsabs=1e-11, epsrel=1e-10, limit=400)[0])


def _mean_over_exponential(function: Callable[[float], float]) -> float:
    """Mean of a function of v ~ Exp(1), integrated over ln v, where functions of 1 + rho v vary evenly."""
    return _integral(lambda t: math.exp(t - math.exp(t)) * function(math.exp(t)), -28.0, 3.8)


def _two_hop_detection(rho: float, threshold: float) -> float:
    return _mean_over_exponential(lambda v: math.exp(-threshold / (1.0 + rho * v)))


def _energy_log_ratio_rayleigh(n: int, rho: float, energy: float) -> float:
    """ln of the ratio of the densities of S, e^(b S) P(m, b S) Gamma(m + 1)/((1 + rho) (b S)^m).

    b = rho/(1 + rho), m = n/2 - 1, P the regularised lower incomplete gamma function.
    """
    rest = n // 2 - 1
    argument = rho / (1.0 + rho) * energy
    share = special.gammainc(rest, argument) if rest else 1.0
    if argument < 1e-3 or share <= 0.0:  # P(m, z) Gamma(m + 1)/z^m tends to 1 - m z/(m + 1)
        scaled = math.log1p(-argument * rest / (rest + 1.0))
    else:
        scaled = math.log(share) + special.gammaln(rest + 1.0) - rest * math.log(argument)
    return argument + scaled - math.log1p(rho)


def _energy_detection_rayleigh(n: int, rho: float, threshold: float) -> float:
    """P(S > s) with a target: Q(m, s) + e^(-s/(1 + rho)) b^(-m) P(m, b s); b, m, P as above, Q = 1 - P."""
    rest = n // 2 - 1
    if rest == 0 or threshold <= 0.0:
        return math.exp(-threshold / (1.0 + rho))
    slope = rho / (1.0 + rho)
    share = special.gammainc(rest, slope * threshold)
    if share <= 0.0:
        return float(special.gammaincc(rest + 1, threshold))
    spread = math.exp(math.log(share) - rest * math.log(slope) - threshold / (1.0 + rho))
    return float(special.gammaincc(rest, threshold)) + spread
