# SPDX-License-Identifier: GPL-3.0-or-later
"""Gains and noise that all compared schemes meet alike, picture by picture.

- "awgn": gain 1.
- "rayleigh": one gain a picture, |h|^2 exponential with mean 1.
- "ofdm": OFDM through a multipath channel that is drawn for each picture: one gain a subcarrier
  (:func:`power_gains`). Synchronisation and channel estimation are ideal here; with real ones the same link
  runs in ``apps/run_loopback.py --phy ofdm``.

SNR is mean Es/N0 of a complex channel use. The receiver knows the gains, the transmitter only their mean.
"""

from __future__ import annotations

import numpy as np

from semisac_ml.signal import random_stream
from semisac_ml.signal.random_stream import Stream

CHANNELS = ("awgn", "rayleigh", "ofdm")
FFT_SIZE, SUBCARRIERS = 64, 52
TAPS, TAP_DECAY = 8, 2.0


def power_gains(channel: str, pictures: int, channel_uses: int, seed: int) -> np.ndarray:
    """|h|^2 of each channel use, float64 (pictures, channel_uses).

    OFDM: 8 taps a sample apart, mean powers falling by e^-1 in 2 samples, each tap Rayleigh, their mean sum
    1; 52 of 64 subcarriers carry symbols, filled one OFDM symbol after the other, cyclic prefix long enough.
    """
    if channel not in CHANNELS:
        raise ValueError(f"channel is {channel!r}, expected one of {', '.join(CHANNELS)}")
    if channel == "awgn":
        return np.ones((pictures, channel_uses))
    if channel == "rayleigh":
        draws = random_stream.complex_normal_frames(seed, Stream.FADING, 0, pictures, 1)
        return np.broadcast_to(np.abs(draws) ** 2, (pictures, channel_uses))
    profile = np.exp(-np.arange(TAPS) / TAP_DECAY)
    draws = random_stream.complex_normal_frames(seed, Stream.FADING, 0, pictures, TAPS)
    response = np.fft.fft(draws * np.sqrt(profile / profile.sum()), FFT_SIZE, axis=1)
    used = np.r_[1 : SUBCARRIERS // 2 + 1, FFT_SIZE - SUBCARRIERS // 2 : FFT_SIZE]
    symbols = -(-channel_uses // SUBCARRIERS)
    return np.tile(np.abs(response[:, used]) ** 2, (1, symbols))[:, :channel_uses]


def received_symbols(symbols: np.ndarray, snr: np.ndarray, seed: int, first_picture: int = 0) -> np.ndarray:
    """Symbols divided by their gain, y = x + w, w of variance 1 / snr; all (pictures, channel_uses)."""
    noise = random_stream.complex_normal_frames(seed, Stream.NOISE, first_picture, *symbols.shape)
    return symbols + noise / np.sqrt(np.maximum(snr, 1e-6))


def permutation(values: int, seed: int = 0) -> np.ndarray:
    """Order in which a picture's values are sent, so that neighbours do not fade together."""
    return np.argsort(random_stream.uniform(seed, Stream.PN_SIGNS, values, values), kind="stable")
