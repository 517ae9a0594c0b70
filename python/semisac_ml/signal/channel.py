# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference of the communication channel and of the target's echo, one item a frame.

Every channel use carries unit mean power, E|x|^2 = 1, and SNR is Es/N0 for each complex channel use at the
receiver. The C++ blocks ``fading_channel`` and ``echo_channel`` draw from the same streams and must give the
same frames.
"""

from __future__ import annotations

import numpy as np

from . import random_stream
from .random_stream import Stream

CHANNEL_MODELS = ("awgn", "rayleigh")
FADING_MODELS = ("none", "rayleigh", "two_hop_rayleigh")


def noise_variance(snr_db: float | np.ndarray) -> float | np.ndarray:
    """Noise power N0 of each complex channel use (I and Q together), unit signal power: 10^(-snr_db/10)."""
    return 10.0 ** (-np.asarray(snr_db, dtype=np.float64) / 10.0)[()]


def range_snr_db(sensing_snr_db: float, ranges: int, range_step_db: float = 3.0) -> np.ndarray:
    """Echo SNR in dB of each range, float64 [ranges]: sensing_snr_db, then a step less each."""
    return sensing_snr_db - range_step_db * np.arange(ranges, dtype=np.float64)


def echo_samples(channel_uses: int, ranges: int = 1, delay_symbols_per_range: int = 0) -> int:
    """Length of the echo item: room for the copy of the farthest range."""
    return channel_uses + (ranges - 1) * delay_symbols_per_range


def _frames(symbols: np.ndarray) -> np.ndarray:
    symbols = np.asarray(symbols)
    if symbols.ndim != 2:
        raise ValueError(
            f"symbols have shape {symbols.shape}, expected [frames, channel uses]: add the missing axis"
        )
    return symbols.astype(np.complex128)


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(allowed)}")


def fading_channel(
    symbols: np.ndarray, model: str, snr_db: float, seed: int, first_frame: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Send frames over y = h x + w, w ~ CN(0, N0), N0 = 10^(-snr_db/10).

    Parameters
    ----------
    symbols : ndarray, complex [frames, channel_uses]
        Unit mean power.
    model : "awgn" or "rayleigh"
        h = 1, or h ~ CN(0, 1) drawn once a frame (block fading); snr_db is then the mean SNR.
    snr_db : float
        Es/N0 in dB for each complex channel use.
    seed : int
        Seed of streams FADING and NOISE.
    first_frame : int
        Index of the first frame since the start.

    Returns
    -------
    received : ndarray, complex64 [frames, channel_uses]
    gain : ndarray, complex64 [frames]
        The h of each frame.

    Raises
    ------
    ValueError
        For a wrong shape or an unknown model.
    """
    symbols = _frames(symbols)
    _choice("model", model, CHANNEL_MODELS)
    frames, channel_uses = symbols.shape
    gain = np.ones(frames, dtype=np.complex128)
    if model == "rayleigh":
        gain = random_stream.complex_normal_frames(seed, Stream.FADING, first_frame, frames, 1)[:, 0]
    noise = random_stream.complex_normal_frames(seed, Stream.NOISE, first_frame, frames, channel_uses)
    received = gain[:, None] * symbols + np.sqrt(noise_variance(snr_db)) * noise
    return received.astype(np.complex64), gain.astype(np.complex64)


def draw_hypothesis(
    frames: int, ranges: int = 1, target_probability: float = 0.5, seed: int = 0, first_frame: int = 0
) -> np.ndarray:
    """Truth of each frame from stream TARGET, int64 [frames]: 0 no target, 1 + r target in range r."""
    if not 0.0 <= target_probability <= 1.0:
        raise ValueError(f"target_probability is {target_probability}, expected a number from 0 to 1")
    draws = random_stream.uniform_frames(seed, Stream.TARGET, first_frame, frames, 2)
    range_index = np.minimum(np.floor(draws[:, 1] * ranges), ranges - 1).astype(np.int64)
    return np.where(draws[:, 0] <= target_probability, 1 + range_index, 0)


def echo_channel(
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
    seed: int = 0,
    first_frame: int = 0,
    hypothesis: np.ndarray | int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Echo of each frame off a target, seen by the transmitter's sensing receiver of noise variance 1.

    y[k] = g sqrt(snr_r) x[k - r d] exp(j 2 pi f (k - r d)) + w[k],  w ~ CN(0, 1),

    snr_r = 10^((snr - r step)/10), with d symbols of delay a range. With no target y = w.

    Parameters
    ----------
    symbols : ndarray, complex [frames, channel_uses]
        Unit mean power.
    sensing_snr_db : float
        Echo SNR of range 0 in dB, for each complex symbol.
    ranges : int
        Number of ranges a target may lie in.
    range_step_db : float
        Fall of the SNR from one range to the next, dB.
    delay_symbols_per_range : int
        Extra round-trip delay of each range in symbols; 0 is the source's model, where ranges differ in SNR
        only.
    fading : "none", "rayleigh" or "two_hop_rayleigh"
        g = 1, h1, or h1 h2 (transmitter to target, target to transmitter), each CN(0, 1).
    random_phase : bool
        Turn g by a phase uniform on (0, 2 pi] (phase shift off the target).
    max_frequency_offset : float
        f is uniform on (-max, max], cycles a symbol (speed of the target).
    target_probability : float
        P(target present); its range is uniform.
    seed, first_frame : int
        Streams TARGET, ECHO_FADING, ECHO_NOISE, and the index of the first frame.
    hypothesis : int or ndarray of int [frames], optional
        Truth to force: 0 no target, 1 + r target in range r.

    Returns
    -------
    echo : ndarray, complex64 [frames, channel_uses + (ranges - 1) delay_symbols_per_range]
    hypothesis : ndarray, int64 [frames]
        The truth.

    Raises
    ------
    ValueError
        For a wrong shape, an unknown fading model, or a hypothesis outside 0 .. ranges.
    """
    symbols = _frames(symbols)
    _choice("fading", fading, FADING_MODELS)
    if ranges < 1 or delay_symbols_per_range < 0:
        raise ValueError(
            f"ranges is {ranges} and delay {delay_symbols_per_range}, expected ranges >= 1 and delay >= 0"
        )
    frames, channel_uses = symbols.shape
    if hypothesis is None:
        truth = draw_hypothesis(frames, ranges, target_probability, seed, first_frame)
    else:
        truth = np.array(np.broadcast_to(np.asarray(hypothesis, dtype=np.int64), (frames,)))
        if truth.size and (truth.min() < 0 or truth.max() > ranges):
            raise ValueError(
                f"hypothesis {truth.min()}..{truth.max()} is outside 0..{ranges}: 0 none, 1 + range index"
            )

    draws = random_stream.uniform_frames(seed, Stream.ECHO_FADING, first_frame, frames, 6)
    hops = random_stream.normal_from_uniform(draws[:, :4])
    gain = np.ones(frames, dtype=np.complex128)
    if fading != "none":
        gain = hops[:, 0] if fading == "rayleigh" else hops[:, 0] * hops[:, 1]
    if random_phase:
        gain = gain * np.exp(2j * np.pi * draws[:, 4])
    frequency = (2.0 * draws[:, 5] - 1.0) * max_frequency_offset
    turned = symbols * np.exp(2j * np.pi * frequency[:, None] * np.arange(channel_uses))

    length = echo_samples(channel_uses, ranges, delay_symbols_per_range)
    echo = random_stream.complex_normal_frames(seed, Stream.ECHO_NOISE, first_frame, frames, length)
    amplitude = 10.0 ** (range_snr_db(sensing_snr_db, ranges, range_step_db) / 20.0)
    for index in range(ranges):
        rows = np.flatnonzero(truth == 1 + index)
        start = index * delay_symbols_per_range
        echo[rows, start : start + channel_uses] += amplitude[index] * gain[rows, None] * turned[rows]
    return echo.astype(np.complex64), truth
