# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reference of the targets' echoes against physics; the C++ block is compared with it in its own QA."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semisac_ml.signal.targets import (
    SPEED_OF_LIGHT_MPS,
    PointTarget,
    RadarScene,
    clutter,
    doppler_hz,
    echo_power,
    frame_gains,
    frame_truth,
    steering_vector,
    target_echoes,
)

RATE_HZ = 20e6
CARRIER_HZ = 2.45e9
SCENE = RadarScene(RATE_HZ, CARRIER_HZ)
ONE_SAMPLE_M = SPEED_OF_LIGHT_MPS / (2 * RATE_HZ)


def band_limited(samples: int) -> np.ndarray:
    """Unit power within 0.4 of the sample rate."""
    rng = np.random.default_rng(3)
    spectrum = rng.normal(size=samples) + 1j * rng.normal(size=samples)
    spectrum[np.abs(np.fft.fftfreq(samples)) > 0.4] = 0.0
    signal = np.fft.ifft(spectrum)
    return signal / np.sqrt(np.mean(np.abs(signal) ** 2))


@pytest.mark.parametrize("samples", [3.0, 3.5, 40.25])
def test_delay_is_two_r_over_c(samples):
    sent = band_limited(600)
    target = PointTarget(samples * ONE_SAMPLE_M, snr_db=0.0)
    echo = target_echoes(sent, [target], SCENE)[0][0][100:500]
    frequency = np.fft.fftfreq(600)  # the delay as a slope of phase over frequency
    expected = np.fft.ifft(np.fft.fft(sent) * np.exp(-2j * np.pi * frequency * samples))[100:500]
    phase = np.exp(-2j * np.pi * CARRIER_HZ * samples / RATE_HZ)
    np.testing.assert_allclose(echo, phase * expected, atol=2e-3)


@pytest.mark.parametrize("velocity", [-60.0, 40.0])
def test_doppler_is_two_v_over_the_wavelength(velocity):
    echo = target_echoes(np.ones(30_000), [PointTarget(300.0, velocity, snr_db=0.0)], SCENE)[0][0][100:]
    slope = np.polyfit(np.arange(len(echo)), np.unwrap(np.angle(echo)), 1)[0]
    assert slope / (2 * np.pi) * RATE_HZ == pytest.approx(doppler_hz(velocity, CARRIER_HZ), abs=0.05)
    assert doppler_hz(velocity, CARRIER_HZ) == 2 * velocity * CARRIER_HZ / SPEED_OF_LIGHT_MPS


def test_range_moves_with_the_target():
    # closing at 30 km/s: 1e-3 s later it is 30 m nearer, 4 samples at 20 MS/s
    samples = 40_000
    sent = band_limited(samples)
    fast = PointTarget(1000.0, 30e3, snr_db=0.0)
    echo = target_echoes(sent, [fast], SCENE)[0][0]
    echo = echo * np.exp(-2j * np.pi * doppler_hz(30e3, CARRIER_HZ) / RATE_HZ * np.arange(samples))
    for start in (5000, 25_000):
        part = np.arange(start, start + 400)
        lags = np.arange(100, 140)
        match = [abs(np.vdot(sent[part - lag], echo[part])) for lag in lags]
        range_m = 1000.0 - 30e3 * (start + 200) / RATE_HZ
        assert lags[int(np.argmax(match))] == pytest.approx(range_m / ONE_SAMPLE_M, abs=0.51)


def test_radar_equation():
    target = PointTarget(100.0, rcs_m2=2.0)
    scene = RadarScene(RATE_HZ, CARRIER_HZ, transmit_power_w=3.0, transmit_gain_db=10.0, receive_gain_db=7.0)
    wavelength = SPEED_OF_LIGHT_MPS / CARRIER_HZ
    expected = 3.0 * 10 * 10**0.7 * wavelength**2 * 2.0 / ((4 * math.pi) ** 3 * 100.0**4)
    assert echo_power(target, scene, 100.0) == pytest.approx(expected)
    assert echo_power(target, scene, 200.0) == pytest.approx(expected / 16)
    received = target_echoes(np.ones(400), [target], scene)[0][0][200:]
    assert np.mean(np.abs(received) ** 2) == pytest.approx(expected, rel=1e-3)


def test_phase_across_the_array_is_that_of_the_angle():
    scene = RadarScene(RATE_HZ, CARRIER_HZ, antennas=5, spacing_wavelengths=0.5)
    received, _ = target_echoes(np.ones(300), [PointTarget(50.0, azimuth_rad=-0.7, snr_db=0.0)], scene)
    ratios = received[:, 200] / received[0, 200]
    np.testing.assert_allclose(ratios, np.exp(1j * np.pi * np.arange(5) * np.sin(-0.7)), atol=1e-5)
    np.testing.assert_allclose(ratios, steering_vector(-0.7, 5), atol=1e-5)


def test_an_absent_target_is_silent_for_the_samples_of_its_frame():
    frames = [(200 * i, i) for i in range(20)]
    scene = RadarScene(RATE_HZ, CARRIER_HZ, target_probability=0.5)
    target = PointTarget(60 * ONE_SAMPLE_M, snr_db=0.0)
    received, present = target_echoes(np.ones(4000), [target], scene, seed=2, frames=frames)
    assert 0 < present.sum() < 20
    for (first, _), there in zip(frames[:-1], present, strict=False):
        inside = np.abs(received[0, first + 80 : first + 240])  # 20 samples from its edges
        assert np.abs(inside - there).max() < 2e-2  # a constant: its interpolation ripples at edges


def test_truth_and_gains_belong_to_the_numbers_of_frames():
    truth = frame_truth(range(20_000), 0.3, seed=1)
    assert truth.mean() == pytest.approx(0.3, abs=5 * math.sqrt(0.21 / 20_000))
    assert np.array_equal(frame_truth([77, 5], 0.3, seed=1), truth[[77, 5]])
    gains = frame_gains(range(5000), 2, seed=1)
    assert np.abs((np.abs(gains) ** 2).mean(axis=0) - 1).max() < 5 / math.sqrt(5000)
    assert abs((gains[:, 0] * gains[:, 1].conj()).mean()) < 5 / math.sqrt(5000)
    assert np.array_equal(frame_gains([9], 1, seed=1)[0], gains[9, :1])


def test_clutter_has_its_power_and_stands_still():
    scene = RadarScene(
        RATE_HZ, CARRIER_HZ, clutter_scatterers=1000, clutter_gain_db=-20.0, clutter_range_m=500.0
    )
    found = clutter(scene, seed=4)
    ranges, azimuths, gains = (np.array(values) for values in zip(*found, strict=True))
    assert (np.abs(gains) ** 2).sum() == pytest.approx(0.01, rel=5 / math.sqrt(1000))
    assert 0.0 < ranges.min() and 450.0 < ranges.max() <= 500.0
    assert np.abs(azimuths).max() <= np.pi / 2
    few = RadarScene(RATE_HZ, CARRIER_HZ, clutter_scatterers=3, clutter_gain_db=0.0, clutter_range_m=500.0)
    received = target_echoes(np.ones(2000), [], few, seed=4)[0][0]
    np.testing.assert_allclose(received[200:-50], received[1000], rtol=1e-5)


def test_leakage_is_a_copy_of_the_signal():
    scene = RadarScene(RATE_HZ, CARRIER_HZ, antennas=2, leakage_gain_db=-40.0)
    sent = band_limited(300)
    received, _ = target_echoes(sent, [], scene)
    np.testing.assert_allclose(received, 0.01 * np.stack([sent, sent]), atol=1e-7)


def test_noise_is_independent_from_antenna_to_antenna():
    scene = RadarScene(RATE_HZ, CARRIER_HZ, antennas=2, noise_variance=4.0)
    received, _ = target_echoes(np.zeros(100_000), [], scene, seed=6)
    assert np.abs((np.abs(received) ** 2).mean(axis=1) / 4.0 - 1).max() < 5 / math.sqrt(100_000)
    assert abs(np.vdot(received[0], received[1])) / 4e5 < 5 / math.sqrt(100_000)
