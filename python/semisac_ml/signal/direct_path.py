# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delay and gain of the strongest path from what was sent to what was received."""

from __future__ import annotations

import numpy as np

OVERSAMPLING = 16


def direct_path(
    sent: np.ndarray, received: np.ndarray, most_delay_samples: float = 8.0
) -> tuple[float, complex]:
    """Strongest path by the matched filter.

    The filter's output is interpolated 16 times; a parabola through its largest magnitude and the two beside
    it is within 0.1 % of a sample of the peak. Other paths closer than the inverse of the bandwidth pull it
    towards them.

    Parameters
    ----------
    sent, received : complex [samples]
        Of the same time. The signal must begin and end with silence as long as the delay, or what lies beyond
        counts as noise.
    most_delay_samples : float
        Delays of -most_delay_samples to most_delay_samples are looked at.

    Returns
    -------
    delay_samples : float
        Of received behind sent.
    gain : complex
        Of the path, by least squares.

    Raises
    ------
    ValueError
        Different lengths, nothing sent, or too few samples for the delays.
    """
    sent, received = np.asarray(sent, complex), np.asarray(received, complex)
    energy = float(np.sum(np.abs(sent) ** 2))
    reach = int(np.ceil(most_delay_samples)) + 1
    if sent.shape != received.shape or sent.ndim != 1 or energy == 0.0 or len(sent) < 2 * reach:
        raise ValueError(
            f"sent is {list(sent.shape)} with energy {energy:g}, received {list(received.shape)}, expected "
            f"two "
            f"streams of the same length, {2 * reach} samples or more, with something sent"
        )
    length = 2 * len(sent)
    spectrum = np.fft.fft(received, length) * np.conj(np.fft.fft(sent, length))
    padded = np.zeros(OVERSAMPLING * length, complex)
    half = length // 2
    padded[:half], padded[-half:] = spectrum[:half], spectrum[half:]
    output = OVERSAMPLING * np.fft.ifft(padded)
    lags = np.arange(-reach * OVERSAMPLING, reach * OVERSAMPLING + 1)
    magnitudes = np.abs(output[lags])
    inner = slice(OVERSAMPLING, -OVERSAMPLING)
    peak = OVERSAMPLING + int(np.argmax(magnitudes[inner]))
    below, at, above = magnitudes[peak - 1 : peak + 2]
    curvature = below - 2.0 * at + above
    fraction = 0.5 * (below - above) / curvature if curvature < 0.0 else 0.0
    delay = (lags[peak] + fraction) / OVERSAMPLING
    frequencies = np.fft.fftfreq(length)
    gain = np.sum(spectrum * np.exp(2j * np.pi * frequencies * delay)) / length / energy
    return float(delay), complex(gain)
