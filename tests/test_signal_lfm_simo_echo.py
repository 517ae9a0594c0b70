# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chirped echo of SIMAC: delay, Doppler and phase of physics, and estimates at their bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from semisac_ml.signal import radar_bounds
from semisac_ml.signal.lfm_simo_echo import (
    BELOW_ZERO,
    LfmSimoRadar,
    chirp,
    echo_map,
    lfm_simo_echo,
    matched_filtered,
    received_pulses,
)
from semisac_ml.signal.radar_detection import DetectionSettings, detect

LIGHT_MPS = 299792458.0
RADAR = LfmSimoRadar()


def test_the_numbers_of_the_paper():
    assert RADAR.pulse_samples == 6000
    assert lfm_simo_echo(50.0, 0.2, 3.0).shape == (10, 64, 32)
    assert RADAR.range_bin_m == pytest.approx(LIGHT_MPS / 60e6)
    assert RADAR.fastest_mps == pytest.approx(LIGHT_MPS / (4 * 10e9 * 1e-4))


def test_distance_is_a_delay():
    # what comes back is what was sent, 2 d/c later, whole samples here, and turned by one phase
    radar = replace(RADAR, antennas=1, pulses=2)
    distance_m = 30 * LIGHT_MPS / 60e6 / 2
    received = received_pulses(distance_m, 0.0, 0.0, radar)[0].ravel()
    time_s = (np.arange(2 * 6000) + 0.5) / 60e6 - 1e-4
    sent = chirp(time_s, radar)
    ratio = received[30:] / sent[:-30]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert np.angle(ratio[0] * np.exp(4j * np.pi * 10e9 * distance_m / LIGHT_MPS)) == pytest.approx(
        0, abs=1e-6
    )


def test_the_echo_is_the_matched_filter_of_the_samples():
    # the part of a pulse in which the one before comes back, 0.5 % of it here, is what differs
    radar = replace(RADAR, antennas=2, pulses=4)
    for distance_m, azimuth_rad, velocity_mps in ((71.3, 0.4, 17.0), (20.0, -0.6, -9.0)):
        samples = matched_filtered(received_pulses(distance_m, azimuth_rad, velocity_mps, radar), radar)
        echo = lfm_simo_echo(distance_m, azimuth_rad, velocity_mps, radar)
        assert np.abs(samples - echo).max() < 0.01 * np.abs(echo).max()


def test_the_peak_lies_at_the_delay_less_what_doppler_hides():
    for distance_m, velocity_mps in ((60.0, 0.0), (60.0, 30.0), (90.0, -30.0)):
        echo = np.abs(lfm_simo_echo(distance_m, 0.0, velocity_mps)[0, 0])
        doppler_hz = 2 * velocity_mps * 10e9 / LIGHT_MPS
        expected = 2 * distance_m / LIGHT_MPS * 30e6 - doppler_hz * 1e-4 + BELOW_ZERO
        assert abs(echo.argmax() - expected) <= 0.5


def test_velocity_is_a_doppler_shift():
    for velocity_mps in (-20.0, 5.0, 33.0):
        echo = lfm_simo_echo(40.0, 0.1, velocity_mps)[0, :, 11]
        turn = np.angle(echo[1:] * echo[:-1].conj()) / (2 * np.pi * 1e-4)
        np.testing.assert_allclose(turn, 2 * velocity_mps * 10e9 / LIGHT_MPS, atol=0.1)


def test_angle_is_the_phase_between_antennas():
    for azimuth_rad in (-0.7, 0.0, 0.3):
        echo = lfm_simo_echo(40.0, azimuth_rad, 2.0)[:, 5, 11]
        step = np.angle(echo[1:] * echo[:-1].conj())
        np.testing.assert_allclose(step, np.pi * np.sin(azimuth_rad), atol=1e-4)


def test_power_is_that_of_the_radar_equation():
    radar = replace(RADAR, transmit_power_w=2e-3, noise_figure=4.0)
    received_w = 2e-3 * (LIGHT_MPS / 10e9) ** 2 * 100 / ((4 * np.pi) ** 3 * 80.0**4)
    noise_w = 1.380649e-23 * 290 * 60e6 * 4
    assert radar.snr(80.0) == pytest.approx(received_w / noise_w * 6000 * 64 * 10)
    # the kept range bins hold nearly all the energy
    echo = lfm_simo_echo(80.0, 0.2, 3.0, radar)
    assert np.square(np.abs(echo)).sum() == pytest.approx(radar.snr(80.0), rel=0.02)


def test_noise_has_variance_one():
    far = replace(RADAR, transmit_power_w=1e-20)
    noise = lfm_simo_echo(100.0, 0.0, 0.0, far, np.random.default_rng(1))
    # 20480 exponential numbers: their mean has a deviation of 0.7 %
    assert np.square(np.abs(noise)).mean() == pytest.approx(1.0, abs=0.025)
    assert np.square(np.abs(echo_map(noise, far))).mean() == pytest.approx(1.0, abs=0.05)


def test_the_projects_detector_finds_it_at_the_bounds():
    # 100 trials tell a deviation to 7 %, 0.6 dB; a bias or a wrong unit would show
    rng = np.random.default_rng(7)
    errors, azimuth_rad, velocity_mps = [], 0.35, 12.0
    distance_m = 70.0
    radar = replace(RADAR, antennas=6, pulses=32)
    for _ in range(100):
        state = (distance_m + rng.uniform(-2, 2), azimuth_rad, velocity_mps + rng.uniform(-2, 2))
        echo = lfm_simo_echo(*state, radar, rng)
        found = detect(echo_map(echo, radar), radar.geometry, DetectionSettings(most_targets=1))[0]
        errors.append([found.range_m - state[0], found.velocity_mps - state[2], found.azimuth_rad - state[1]])
    measured = np.sqrt(np.square(errors).mean(axis=0))
    loss_db = 20 * np.log10(measured / radar.deviations(distance_m, azimuth_rad))
    assert np.abs(loss_db).max() < 1.8, loss_db


def test_bounds_are_those_of_the_module():
    range_m, velocity_mps, azimuth_rad = RADAR.deviations(60.0, 0.5)
    snr = RADAR.snr(60.0)
    assert range_m == pytest.approx(LIGHT_MPS / 2 * radar_bounds.delay_deviation_s(snr, 30e6))
    # Doppler over M pulses: 6/(snr (2 pi T)^2 (M^2 - 1))
    doppler_hz = np.sqrt(6 / (snr * (64**2 - 1))) / (2 * np.pi * 1e-4)
    assert velocity_mps == pytest.approx(doppler_hz * LIGHT_MPS / 2 / 10e9)
    assert azimuth_rad == pytest.approx(np.sqrt(6 / (snr * 99)) / np.pi / np.cos(0.5))


def test_what_cannot_be():
    with pytest.raises(ValueError, match="distance_m is -1.0, expected a number above 0"):
        lfm_simo_echo(-1.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="range_bins is 7, expected an even number"):
        LfmSimoRadar(range_bins=7)
    with pytest.raises(ValueError, match="bandwidth_hz is 70000000.0, expected more than 0"):
        LfmSimoRadar(bandwidth_hz=70e6)
