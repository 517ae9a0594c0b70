# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bayes-optimal answer to "is there a target, and in which range?", and how often it is right.

The waveform is known, as it is to a receiver that stands at the transmitter.

Range r lies d symbols behind range r - 1 (d = 0: ranges differ in SNR only) and a step in dB below it. Noise
is white, so the log-likelihood ratio of "target in range r" against "no target" depends on the echo only
through the matched filter x_r^H y (x_r the waveform from sample r d on) and on ||x||^2, also when the copies
of several ranges overlap:

    gain known to be g      2 sqrt(snr_r) Re(g* x_r^H y) - snr_r |g|^2 ||x||^2
    |g| = 1, phase unknown  ln I0(2 sqrt(snr_r) |x_r^H y|) - snr_r ||x||^2
    g ~ CN(0, 1) unknown    snr_r |x_r^H y|^2/(1 + rho_r) - ln(1 + rho_r),  rho_r = snr_r ||x||^2
    g = h1 h2 unknown       mean of the ratio above over rho_r -> rho_r v, v ~ Exp(1)

and an unknown frequency offset averages the ratio over the offset.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from .channel import FADING_MODELS, echo_channel, echo_samples, range_snr_db
from .metrics import Metric, mean, proportion

_FREQUENCY_NODES = 24
_FRAMES_AT_ONCE = 4096


def range_posterior(
    echo: np.ndarray,
    symbols: np.ndarray,
    *,
    sensing_snr_db: float,
    ranges: int = 1,
    range_step_db: float = 3.0,
    delay_symbols_per_range: int = 0,
    fading: str = "none",
    random_phase: bool = False,
    max_frequency_offset: float = 0.0,
    target_probability: float = 0.5,
    prior: np.ndarray | None = None,
    gain: np.ndarray | None = None,
) -> np.ndarray:
    """Posterior probability of each hypothesis.

    Parameters
    ----------
    echo : ndarray, complex [frames, samples]
        Noise variance 1; samples = channel_uses + (ranges - 1) delay_symbols_per_range.
    symbols : ndarray, complex [frames, channel_uses]
        The waveform sent.
    sensing_snr_db, range_step_db : float
        Echo SNR of range 0, and its fall a range, dB.
    ranges, delay_symbols_per_range : int
    fading : "none", "rayleigh" or "two_hop_rayleigh"
        Distribution of g; only its distribution is known, unless gain is given.
    random_phase : bool
        Phase unknown also without fading.
    max_frequency_offset : float
        Offset uniform on (-max, max], cycles a symbol.
    target_probability : float
        P(target); ranges are equally likely.
    prior : ndarray [1 + ranges], optional
        Probabilities of all hypotheses, instead of target_probability.
    gain : ndarray, complex [frames], optional
        The g of each frame, if known (fading and random_phase are then ignored).

    Returns
    -------
    ndarray, float64 [frames, 1 + ranges]
        Index 0 is "no target"; rows sum to 1.

    Raises
    ------
    ValueError
        For shapes that do not fit or an unknown fading model.
    """
    echo = np.asarray(echo, dtype=np.complex128)
    symbols = np.asarray(symbols, dtype=np.complex128)
    if fading not in FADING_MODELS:
        raise ValueError(f"fading is {fading!r}, expected one of {', '.join(FADING_MODELS)}")
    if symbols.ndim != 2 or echo.shape != (
        len(symbols),
        echo_samples(symbols.shape[-1], ranges, delay_symbols_per_range),
    ):
        raise ValueError(
            f"echo has shape {echo.shape} and symbols {symbols.shape}, expected [frames, channel_uses] and "
            "[frames, channel_uses + (ranges - 1) delay]"
        )
    if prior is None:
        prior = np.r_[1.0 - target_probability, np.full(ranges, target_probability / ranges)]
    prior = np.asarray(prior, dtype=np.float64)
    if prior.shape != (1 + ranges,) or (prior < 0).any() or prior.sum() <= 0:
        raise ValueError(f"prior is {prior}, expected {1 + ranges} probabilities")

    snr = 10.0 ** (range_snr_db(sensing_snr_db, ranges, range_step_db) / 10.0)
    posterior = np.empty((len(symbols), 1 + ranges))
    for first in range(0, len(symbols), _FRAMES_AT_ONCE):
        rows = slice(first, first + _FRAMES_AT_ONCE)
        matched = _matched_filter(
            echo[rows], symbols[rows], ranges, delay_symbols_per_range, max_frequency_offset
        )
        energy = (np.abs(symbols[rows]) ** 2).sum(axis=1)[:, None, None]
        known = None if gain is None else np.asarray(gain, dtype=np.complex128)[rows, None, None]
        ratio = _log_likelihood_ratio(matched, energy, snr[None, :, None], fading, random_phase, known)
        ratio = special.logsumexp(ratio, axis=2, b=frequency_offsets(max_frequency_offset)[1])
        with np.errstate(divide="ignore"):
            logits = np.log(prior) + np.concatenate([np.zeros((len(ratio), 1)), ratio], axis=1)
        posterior[rows] = special.softmax(logits, axis=1)
    return posterior


def range_accuracy(
    n: int,
    sensing_snr_db: float,
    ranges: int = 1,
    *,
    range_step_db: float = 3.0,
    delay_symbols_per_range: int = 0,
    fading: str = "none",
    random_phase: bool = False,
    max_frequency_offset: float = 0.0,
    target_probability: float | None = None,
    symbols: np.ndarray | None = None,
    frames: int = 40_000,
    seed: int = 1,
) -> Metric:
    """Accuracy of the Bayes-optimal decision over 1 + ranges hypotheses, by Monte Carlo.

    The mean of the largest posterior is an unbiased estimate of it with less variance than counting right
    answers.

    Parameters
    ----------
    n : int
        Reals of the waveform, two for each complex symbol.
    sensing_snr_db, ranges, range_step_db, delay_symbols_per_range, fading, random_phase, max_frequency_offset
        As :func:`range_posterior`.
    target_probability : float, optional
        P(target); ranges/(1 + ranges), all hypotheses equally likely, by default.
    symbols : ndarray, complex [frames, n/2], optional
        Waveforms of unit mean power. By default complex Gaussian ones, scaled to unit mean power a frame; the
        waveform matters only if copies overlap in part, or with a frequency offset.
    frames, seed : int
        Number of frames, and the seed of waveform and echo.

    Returns
    -------
    Metric
    """
    if symbols is None:
        generator = np.random.Generator(np.random.Philox(key=seed))
        symbols = generator.standard_normal((frames, n // 2, 2)) @ np.array([1.0, 1.0j])
    symbols = symbols / np.sqrt((np.abs(symbols) ** 2).mean(axis=1, keepdims=True))
    if target_probability is None:
        target_probability = ranges / (1.0 + ranges)
    channel = {
        "sensing_snr_db": sensing_snr_db,
        "ranges": ranges,
        "range_step_db": range_step_db,
        "delay_symbols_per_range": delay_symbols_per_range,
        "fading": fading,
        "random_phase": random_phase,
        "max_frequency_offset": max_frequency_offset,
        "target_probability": target_probability,
    }
    echo, _ = echo_channel(symbols, seed=seed, **channel)
    return mean(range_posterior(echo, symbols, **channel).max(axis=1))


def presence_accuracy_frequency_offset(
    n: int,
    snr_db: float,
    max_frequency_offset: float,
    fading: str = "none",
    prior: float = 0.5,
    frames: int = 40_000,
    seed: int = 1,
) -> Metric:
    """Ceiling with unknown phase and an offset uniform on (-max, max] cycles a symbol, by Monte Carlo.

    For a waveform of constant modulus; fading "none", "rayleigh" or "two_hop_rayleigh" of unknown gain.
    """
    return range_accuracy(
        n,
        snr_db,
        fading=fading,
        random_phase=True,
        max_frequency_offset=max_frequency_offset,
        target_probability=prior,
        symbols=np.ones((frames, n // 2), dtype=np.complex128),
        seed=seed,
    )


def _matched_filter(
    echo: np.ndarray, symbols: np.ndarray, ranges: int, delay: int, max_frequency_offset: float
) -> np.ndarray:
    """x_r^H y for each range and each node of the frequency offset, complex128 [frames, ranges, nodes]."""
    uses = symbols.shape[1]
    offsets, _ = frequency_offsets(max_frequency_offset)
    turn = np.exp(-2j * np.pi * np.arange(uses)[:, None] * offsets)
    windows = np.stack([echo[:, r * delay : r * delay + uses] for r in range(ranges)], axis=1)
    return (np.conj(symbols)[:, None, :] * windows) @ turn


def _log_likelihood_ratio(
    matched: np.ndarray,
    energy: np.ndarray,
    snr: np.ndarray,
    fading: str,
    random_phase: bool,
    gain: np.ndarray | None,
) -> np.ndarray:
    """ln of the likelihood ratio against noise alone; shapes broadcast to [frames, ranges, nodes]."""
    rho = snr * energy
    if gain is not None:
        return 2.0 * np.sqrt(snr) * (np.conj(gain) * matched).real - np.abs(gain) ** 2 * rho
    if fading == "none" and not random_phase:
        return 2.0 * np.sqrt(snr) * matched.real - rho
    power = np.abs(matched) ** 2
    if fading == "none":
        argument = 2.0 * np.sqrt(snr * power)
        return np.log(special.i0e(argument)) + argument - rho
    if fading == "rayleigh":
        return snr * power / (1.0 + rho) - np.log1p(rho)
    ratios = []
    for second_hop, weight in exponential_nodes():
        spread = 1.0 + rho * second_hop
        ratios.append(np.log(weight) + snr * second_hop * power / spread - np.log(spread))
    return special.logsumexp(ratios, axis=0)


def code_book_accuracy(
    code_book: np.ndarray,
    echo: np.ndarray,
    hypothesis: np.ndarray,
    *,
    sensing_snr_db: float,
    fading: str = "none",
    max_frequency_offset: float = 0.0,
    frequency_nodes: int = 6,
) -> Metric:
    """Accuracy of the best decision by who knows the code, but not which of its words was sent.

    Words are equally likely, and so is a target; the phase of its echo is unknown.

    Parameters
    ----------
    code_book : ndarray, complex [words, channel_uses]
    echo : ndarray, complex [frames, channel_uses]
        Noise variance 1.
    hypothesis : ndarray, int [frames]
        Greater than 0 where there is a target.
    sensing_snr_db, fading, max_frequency_offset
        As :func:`range_posterior`.
    frequency_nodes : int
        Of the mean over the offset.
    """
    snr = np.float32(10.0 ** (sensing_snr_db / 10.0))
    words = np.conj(code_book).astype(np.complex64)
    energy = (np.abs(words) ** 2).sum(axis=1)[:, None, None]
    offsets, weights = frequency_offsets(max_frequency_offset, frequency_nodes)
    turn = np.exp(-2j * np.pi * np.arange(words.shape[1]) * offsets[:, None])
    found = np.empty(len(echo), bool)
    for place, one in enumerate(np.asarray(echo)):
        matched = (words @ (one * turn).T.astype(np.complex64))[:, None]
        ratio = _log_likelihood_ratio(matched, energy, snr, fading, True, None)
        found[place] = special.logsumexp(ratio, b=weights / len(words)) > 0.0
    return proportion(int((found == (hypothesis > 0)).sum()), len(found))


def frequency_offsets(
    max_frequency_offset: float, count: int = _FREQUENCY_NODES
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets in cycles a symbol and weights of the mean over (-max, max]: Gauss-Legendre."""
    if max_frequency_offset <= 0.0:
        return np.zeros(1), np.ones(1)
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return max_frequency_offset * nodes, weights / 2.0


def exponential_nodes(count: int = 48) -> list[tuple[float, float]]:
    """Nodes v and weights of the mean over v ~ Exp(1): Gauss-Legendre over ln v, smooth there."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    low, high = -16.0, 3.7
    logarithm = low + (high - low) * (nodes + 1.0) / 2.0
    second_hop = np.exp(logarithm)
    weights = weights * (high - low) / 2.0 * np.exp(logarithm - second_hop)
    return list(zip(second_hop.tolist(), (weights / weights.sum()).tolist(), strict=True))
