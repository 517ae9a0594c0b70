# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The echo of SIMAC against the physics that its equations hold."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal.simo_echo import EchoSettings, simo_echo

LIGHT_MPS = 299792458.0


def test_shape_of_the_paper():
    echo = simo_echo(100.0, 2.0, 10.0)
    assert echo.shape == (10, 6000) and echo.dtype == np.complex64
    assert 1 / EchoSettings().sample_rate_hz == pytest.approx(16.7e-9, rel=0.01)


def test_doppler_tells_the_velocity():
    # long enough to resolve: 2 v f / c, f the middle of the sweep
    radar = EchoSettings(pulse_interval_s=0.1, sample_rate_hz=20e3, antennas=1)
    echo = simo_echo(50.0, 1.0, 30.0, radar)[0]
    peak = np.fft.fftfreq(len(echo), 1 / 20e3)[np.abs(np.fft.fft(echo)).argmax()]
    assert peak == pytest.approx(2 * 30.0 * 10.015e9 / LIGHT_MPS, abs=5.0)
    assert np.allclose(simo_echo(50.0, 1.0, 0.0, radar), simo_echo(50.0, 1.0, 0.0, radar)[:, :1])


def test_angle_tells_the_phase_between_antennas():
    for angle in (0.3, np.pi / 2, 2.5):
        echo = simo_echo(80.0, angle, 0.0)
        step = np.angle(echo[1:, 0] * echo[:-1, 0].conj())
        np.testing.assert_allclose(np.exp(1j * step), np.exp(-1j * np.pi * np.cos(angle)), atol=1e-5)


def test_strength_falls_with_the_square_of_the_distance():
    # lambda = c / (fc + B) rho / ((4 pi)^1.5 d^2)
    near, far = (np.abs(simo_echo(d, 1.0, 5.0)) for d in (50.0, 200.0))
    assert near.mean() / far.mean() == pytest.approx(16.0, rel=1e-5)
    assert near.mean() == pytest.approx(LIGHT_MPS / 10.03e9 * 100 / ((4 * np.pi) ** 1.5 * 2500), rel=1e-5)


def test_no_target_at_the_radar():
    with pytest.raises(ValueError, match="distance_m is 0.0, expected a number above 0"):
        simo_echo(0.0, 1.0, 1.0)
