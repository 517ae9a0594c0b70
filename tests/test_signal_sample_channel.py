# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reference channel at sample rate against theory: delays, fading, clocks, oscillators, front ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import j0

from semisac_ml.signal import random_stream
from semisac_ml.signal.delay_profile import PROFILES, tdl_profile
from semisac_ml.signal.fractional_delay import read_between
from semisac_ml.signal.phasor import TURN, oscillator, phase_from_turns
from semisac_ml.signal.random_stream import Stream
from semisac_ml.signal.sample_channel import (
    ChannelSettings,
    clarke_waves,
    lost_samples,
    sample_channel,
    tap_gains,
)

RATE_HZ = 5e6
CLEAN = {"snr_db": 200.0}


def tone(cycles_per_sample: float, samples: int) -> np.ndarray:
    return np.exp(2j * np.pi * cycles_per_sample * np.arange(samples))


def frequency_of(signal: np.ndarray) -> float:
    """Frequency of a pure tone in cycles a sample, from the slope of its phase."""
    return np.polyfit(np.arange(len(signal)), np.unwrap(np.angle(signal)) / (2 * np.pi), 1)[0]


def send(samples: np.ndarray, seed: int = 1, **settings) -> np.ndarray:
    values = ChannelSettings(**{**CLEAN, **settings})
    return sample_channel(samples, values, sample_rate_hz=RATE_HZ, seed=seed).astype(np.complex128)


def test_sample_draws_are_words_of_the_stream_wherever_one_starts():
    together = random_stream.sample_words(3, Stream.SAMPLE_NOISE, 0, 50, lane=2)
    for first in (1, 4, 23):
        apart = random_stream.sample_words(3, Stream.SAMPLE_NOISE, first, 20, lane=2)
        assert np.array_equal(apart, together[first : first + 20])
    assert not np.array_equal(random_stream.sample_words(3, Stream.SAMPLE_NOISE, 0, 50), together)


def test_noise_is_circular_gaussian_and_white():
    draws = random_stream.sample_normal(5, Stream.SAMPLE_NOISE, 0, 400_000)
    deviation = 1 / np.sqrt(draws.size)
    assert abs((np.abs(draws) ** 2).mean() - 1) < 4 * deviation
    assert abs((draws**2).mean()) < 4 * np.sqrt(2) * deviation
    assert abs((np.abs(draws) ** 4).mean() - 2) < 4 * np.sqrt(20) * deviation
    for lag in (1, 2, 3, 4, 8):
        assert abs((draws[lag:] * draws[:-lag].conj()).mean()) < 4 * deviation


def test_fixed_point_phases_do_not_drift():
    step = phase_from_turns(0.123456789)
    assert abs(step / TURN - 0.123456789) < 1e-15
    far = np.array([2**40, 2**40 + 1])
    turned = oscillator(0.123456789, far)
    assert np.angle(turned[1] / turned[0]) / (2 * np.pi) == pytest.approx(0.123456789, abs=1e-12)
    assert phase_from_turns(-0.25) == 3 << 62


@pytest.mark.parametrize("cycles", [0.0, 0.1, -0.3, 0.43])
@pytest.mark.parametrize("delay", [0.25, 3.0, 7.9])
def test_a_delay_turns_a_tone_by_its_frequency(cycles, delay):
    received = send(tone(cycles, 200), delay_samples=delay)[40:160]
    np.testing.assert_allclose(
        received, tone(cycles, 200)[40:160] * np.exp(-2j * np.pi * cycles * delay), atol=4e-4
    )


def test_a_pulse_arrives_one_sample_late_for_each_sample_period_of_delay():
    pulse = np.zeros(64)
    pulse[10] = 1.0
    received = send(pulse, delays_s=(0.0, 5 / RATE_HZ), gains_db=(0.0, -6.0))
    assert set(np.flatnonzero(np.abs(received) > 1e-6)) == {10, 15}
    assert 20 * np.log10(abs(received[15] / received[10])) == pytest.approx(-6.0, abs=1e-5)
    assert (np.abs(received) ** 2).sum() == pytest.approx(1.0, abs=1e-6)


def test_interpolation_of_the_samples_themselves_changes_nothing():
    signal = tone(0.2, 50)
    assert np.abs(read_between(signal, np.arange(50.0)) - signal).max() < 1e-12


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_have_unit_power_and_unit_delay_spread(name):
    """TR 38.901 normalises its tables so; they are rounded to a tenth of a dB."""
    taps = tdl_profile(name)
    powers, delays = np.array([t.power for t in taps]), np.array([t.delay for t in taps])
    spread = np.sqrt(powers @ delays**2 - (powers @ delays) ** 2)
    assert powers.sum() == pytest.approx(1.0)
    assert spread == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("name", "k_db"), [("D", 13.3), ("E", 22.0)])
def test_first_tap_of_a_profile_with_a_clear_path_has_its_k(name, k_db):
    los = tdl_profile(name)[0].los
    assert 10 * np.log10(los / (1 - los)) == pytest.approx(k_db, abs=0.01)


@pytest.mark.parametrize("name", ["A", "D"])
def test_power_delay_profile_is_that_of_the_table(name):
    # 4000 independent blocks: the mean power of a Rayleigh tap has deviation 1 / sqrt(4000)
    settings = ChannelSettings(profile=name, delay_spread_s=1e-7, model="rayleigh")
    gains = tap_gains(settings, 4000, RATE_HZ, seed=2)
    measured = (np.abs(gains) ** 2).mean(axis=1)
    expected = np.array([tap.power for tap in settings.taps()])
    assert np.abs(measured / expected - 1).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("k_db", [-3.0, 6.0])
def test_k_of_a_rician_channel_from_its_moments(k_db):
    # E|h|^2 = 1, var |h|^2 = (1 + 2 K) / (1 + K)^2
    gain = tap_gains(ChannelSettings(model="rician", rician_k_db=k_db), 60_000, RATE_HZ, seed=3)[0]
    power = np.abs(gain) ** 2
    k = 10 ** (k_db / 10)
    assert power.mean() == pytest.approx(1.0, abs=5 * power.std() / np.sqrt(power.size))
    assert power.var() == pytest.approx((1 + 2 * k) / (1 + k) ** 2, rel=0.05)
    assert 10 * np.log10(abs(gain.mean()) ** 2 / gain.var()) == pytest.approx(k_db, abs=0.1)


def test_correlation_under_doppler_is_that_of_clarke():
    # mean over 600 realisations of h(t) conj h(0): each has |.| <= 8/sqrt(8), deviation about 1 / sqrt(600)
    doppler, lags = 0.01, np.arange(0, 100, 5)
    waves = np.array([clarke_waves(doppler, 8, lags, seed)[0] for seed in range(600)])
    correlation = (waves * waves[:, :1].conj()).mean(axis=0)
    assert np.abs(correlation - j0(2 * np.pi * doppler * lags)).max() < 4 / np.sqrt(600)


def test_fading_under_doppler_is_nearly_rayleigh():
    waves = np.concatenate([clarke_waves(0.3, 16, np.arange(0, 4000, 7), seed)[0] for seed in range(60)])
    power = np.abs(waves) ** 2
    assert power.mean() == pytest.approx(1.0, abs=0.03)
    for quantile in (0.1, 0.5, 0.9):
        assert (power < -np.log(1 - quantile)).mean() == pytest.approx(quantile, abs=0.02)


@pytest.mark.parametrize("ppm", [-100.0, 20.0, 1000.0])
def test_clock_offset_moves_a_tone_by_its_millionths(ppm):
    received = send(tone(0.2, 20_000), clock_offset_ppm=ppm)[50:-50]
    assert frequency_of(received) / 0.2 - 1 == pytest.approx(ppm * 1e-6, abs=5e-9)
    assert abs(len(send(tone(0.2, 20_000), clock_offset_ppm=ppm)) - 20_000 / (1 + ppm * 1e-6)) <= 1


def test_carrier_offset_moves_a_tone_by_itself():
    received = send(tone(0.1, 5000), carrier_offset_hz=1234.5)
    assert (frequency_of(received) - 0.1) * RATE_HZ == pytest.approx(1234.5, abs=1e-3)


def test_phase_noise_has_the_line_of_its_width():
    # E exp(j(phi(t + tau) - phi(t))) = exp(-pi linewidth tau)
    width = 2e3
    received = send(np.ones(400_000), linewidth_hz=width)
    for lag in (10, 50, 200):
        measured = (received[lag:] * received[:-lag].conj()).mean()
        expected = np.exp(-np.pi * width * lag / RATE_HZ)
        assert abs(measured - expected) < 5 * np.sqrt((1 - expected**2) * lag / 400_000)
    assert np.abs(np.abs(received) - 1).max() < 1e-6


@pytest.mark.parametrize("end", ["tx", "rx"])
def test_image_of_an_iq_imbalance(end):
    gain_db, phase_deg = 1.0, 5.0
    settings = {f"{end}_iq_gain_db": gain_db, f"{end}_iq_phase_deg": phase_deg, f"{end}_dc_offset": 0.1j}
    spectrum = np.fft.fft(send(tone(0.125, 800), **settings)) / 800
    g, c = 10 ** (gain_db / 20), np.cos(np.deg2rad(phase_deg))
    expected = (1 + 2 * g * c + g**2) / (1 - 2 * g * c + g**2)
    assert abs(spectrum[100] / spectrum[-100]) ** 2 == pytest.approx(expected, rel=1e-4)
    assert spectrum[0] == pytest.approx(0.1j, abs=1e-6)
    assert (np.abs(spectrum[[100, -100]]) ** 2).sum() == pytest.approx(1.0, abs=0.01)


def test_amplifier_saturates_and_is_linear_far_below():
    levels = np.array([1e-3, 1.0, 1e3])
    received = send(levels, pa_saturation=1.0, pa_smoothness=2.0).real
    np.testing.assert_allclose(received, [1e-3, 2**-0.25, 1.0], rtol=1e-5)


def test_gaps_take_their_share():
    settings = ChannelSettings(gap_probability=0.05, gap_length=20)
    lost = lost_samples(settings, 400_000, seed=4)
    assert lost.mean() == pytest.approx(0.05, abs=5 * np.sqrt(0.05 * 0.95 / 20_000))
    assert not lost_samples(ChannelSettings(), 100, seed=4).any()


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="model is 'rice'"):
        ChannelSettings(model="rice")
    with pytest.raises(ValueError, match="delays_s has 1 taps"):
        ChannelSettings(delays_s=(0.0,))
    with pytest.raises(ValueError, match="profile is 'F'"):
        ChannelSettings(profile="F").taps()
