# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the air does to samples, one thing a function: for tests and figures of frames.

Independent of ``sample_channel``, the reference of the block ``fading_channel``, and of its interpolation.
"""

from __future__ import annotations

import numpy as np

MARGIN = 64  # samples of silence on either side that interpolation may take from


def multipath(samples: np.ndarray, delays: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Samples over paths of any real delay >= 0 in samples, complex128 [same length]."""
    size = len(samples) + int(np.ceil(np.max(delays))) + MARGIN
    frequency = np.fft.fftfreq(size)
    response = np.exp(-2j * np.pi * np.outer(frequency, delays)) @ np.asarray(gains)
    return np.fft.ifft(np.fft.fft(samples, size) * response)[: len(samples)]


def resample(samples: np.ndarray, clock_ppm: float, delay: float = 0.0, taps: int = 32) -> np.ndarray:
    """Samples as a clock sees them that is fast by clock_ppm and late by `delay` samples.

    y[n] = x(n / (1 + ppm 1e-6) - delay), by a sinc under a Hann window, `taps` samples to either side.
    """
    time = np.arange(len(samples)) / (1.0 + clock_ppm * 1e-6) - delay
    whole = np.floor(time).astype(np.int64)
    fraction = np.maximum(time - whole, 1e-12)
    padded = np.concatenate([np.zeros(taps), samples, np.zeros(taps + 1)])
    place = np.clip(whole + taps, taps - 1, len(padded) - taps - 1)
    # sinc and window at fraction - tap, from sines and cosines of the fraction alone
    sine = np.sin(np.pi * fraction) / np.pi
    turned = np.exp(1j * np.pi * fraction / taps)
    result = np.zeros(len(samples), np.complex128)
    for tap in range(-taps + 1, taps + 1):
        window = 0.5 + 0.5 * (turned * np.exp(-1j * np.pi * tap / taps)).real
        weight = sine * (-1.0) ** tap / (fraction - tap) * window
        result += padded[place + tap] * weight
    return result


def turn(samples: np.ndarray, cfo_hz: float, sample_rate_hz: float) -> np.ndarray:
    """Samples with a carrier offset."""
    return samples * np.exp(2j * np.pi * cfo_hz / sample_rate_hz * np.arange(len(samples)))


def noise(rng: np.random.Generator, count: int, snr_db: float) -> np.ndarray:
    """White noise of variance 10^(-snr_db / 10) a sample."""
    draws = rng.standard_normal((count, 2)) @ np.array([1.0, 1.0j])
    return draws * np.sqrt(0.5 * 10.0 ** (-snr_db / 10.0))
