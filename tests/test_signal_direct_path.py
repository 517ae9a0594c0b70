# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delay and gain of a direct path against exact delays and the Cramér-Rao bound."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal.direct_path import direct_path

SAMPLES, GUARD, BANDWIDTH = 4096, 64, 0.8


def burst(seed: int) -> np.ndarray:
    """Noise in 0.8 of the band with silence around it, unit power within."""
    rng = np.random.default_rng(seed)
    spectrum = rng.standard_normal(SAMPLES) + 1j * rng.standard_normal(SAMPLES)
    spectrum[np.abs(np.fft.fftfreq(SAMPLES)) > BANDWIDTH / 2] = 0.0
    signal = np.fft.ifft(spectrum)
    signal *= np.blackman(SAMPLES)
    return signal / np.sqrt(np.mean(np.abs(signal) ** 2))


def delayed(signal: np.ndarray, delay: float) -> np.ndarray:
    return np.fft.ifft(np.fft.fft(signal) * np.exp(-2j * np.pi * np.fft.fftfreq(len(signal)) * delay))


@pytest.mark.parametrize("delay", [0.0, 3.0, 0.37, -2.81, 7.5])
def test_a_delay_between_samples_is_found(delay):
    sent = burst(1)
    found, gain = direct_path(sent, 0.1j * delayed(sent, delay))
    assert found == pytest.approx(delay, abs=2e-3)
    assert gain == pytest.approx(0.1j, abs=2e-4)


def test_the_error_is_at_the_cramer_rao_bound():
    """At 0 dB a sample, 200 trials: the deviation is known within 5 % (one sigma), allow 1 dB."""
    sent = burst(2)
    rng = np.random.default_rng(3)
    noise = (rng.standard_normal((200, SAMPLES)) + 1j * rng.standard_normal((200, SAMPLES))) / np.sqrt(2)
    found = [direct_path(sent, delayed(sent, 1.3) + w)[0] for w in noise]
    spectrum = np.abs(np.fft.fft(sent)) ** 2 / SAMPLES
    bound = 1.0 / np.sqrt(2.0 * np.sum((2 * np.pi * np.fft.fftfreq(SAMPLES)) ** 2 * spectrum))
    assert abs(np.mean(found) - 1.3) < 4 * bound / np.sqrt(200)
    assert 20 * np.log10(np.std(found) / bound) < 1.0


def test_the_strongest_of_two_paths_is_taken():
    """Side lobes of the other one, 0.3 as strong and 4 lobes away, pull by less than a tenth of a sample."""
    sent = burst(4)
    received = delayed(sent, 1.0) + 0.3 * delayed(sent, 6.0)
    assert direct_path(sent, received)[0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("sent", "received"), [(np.zeros(100), np.ones(100)), (np.ones(99), np.ones(100)), (1, 2)]
)
def test_what_cannot_be_compared_is_refused(sent, received):
    with pytest.raises(ValueError, match="expected two streams"):
        direct_path(np.asarray(sent), np.asarray(received))
