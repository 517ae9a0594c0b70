# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beams of a line of antennas, against array theory."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal.beam_codebook import BeamCodebook, Paths, snapshots_of_paths, steering


def path(azimuth_deg: float, gain: complex = 1.0) -> Paths:
    """One path in the horizontal plane."""
    return Paths(np.array([gain]), np.deg2rad([azimuth_deg]), np.zeros(1), np.zeros(1))


@pytest.mark.parametrize("azimuth_deg", [-70.0, -30.0, 0.0, 12.5, 90.0])
def test_phase_between_elements_is_pi_times_the_sine(azimuth_deg):
    response = steering(np.deg2rad(azimuth_deg), elements=8)
    step = np.angle(response[1:] / response[:-1])
    wanted = np.pi * np.sin(np.deg2rad(azimuth_deg))
    np.testing.assert_allclose(np.exp(1j * step), np.exp(1j * wanted), atol=1e-12)
    np.testing.assert_allclose(np.abs(response), 1.0)


@pytest.mark.parametrize("apart", [0.0, 0.02, 0.1, 0.3])
def test_gain_is_the_array_factor(apart):
    """|sin(N pi u / 2) / sin(pi u / 2)|^2 / N for sines u apart: N at the beam's own direction."""
    codebook = BeamCodebook(elements=16)
    beam = 40
    sine = np.sin(codebook.azimuths_rad[beam]) + apart
    heard = steering(np.arcsin(sine), elements=16)[None]
    measured = codebook.power(codebook.covariance(heard), np.array([beam]))[0]
    half = np.pi * apart / 2
    factor = 16.0 if apart == 0 else (np.sin(16 * half) / np.sin(half)) ** 2 / 16
    assert measured == pytest.approx(factor, rel=1e-9)


@pytest.mark.parametrize("azimuth_deg", np.linspace(-44, 44, 23))
def test_the_strongest_beam_points_at_the_source(azimuth_deg):
    codebook = BeamCodebook()
    heard = snapshots_of_paths(path(azimuth_deg), 16, 8, 20e6, 0.0, np.random.default_rng(0))
    power = codebook.power(codebook.covariance(heard), np.arange(64))
    pointed_deg = np.rad2deg(codebook.azimuths_rad[power.argmax()])
    assert pointed_deg == pytest.approx(azimuth_deg, abs=90 / 64 / 2 + 1e-9)


def test_noise_keeps_its_variance_in_every_beam():
    """Mean of 20,000 exponential draws: within 4 standard errors, 4 / sqrt(20000) = 2.8 %."""
    codebook = BeamCodebook()
    heard = snapshots_of_paths(path(0.0, 0.0), 16, 20_000, 20e6, 0.25, np.random.default_rng(1))
    power = codebook.power(codebook.covariance(heard), np.arange(64))
    np.testing.assert_allclose(power, 0.25, rtol=0.028)


def test_paths_of_different_delay_add_in_power_and_those_of_one_delay_as_phasors():
    codebook = BeamCodebook(elements=1, beams=2)
    rng = np.random.default_rng(0)

    def power(delay_s: float) -> float:
        paths = Paths(np.array([1.0, -1.0]), np.zeros(2), np.zeros(2), np.array([0.0, delay_s]))
        heard = snapshots_of_paths(paths, 1, 64, 64e6, 0.0, rng)
        return codebook.power(codebook.covariance(heard), np.array([0]))[0]

    assert power(0.0) == pytest.approx(0.0, abs=1e-12)
    assert power(1 / 64e6) == pytest.approx(2.0, rel=1e-9)  # a whole turn over the band


def test_elements_hear_nothing_from_behind():
    heard = snapshots_of_paths(path(120.0), 16, 4, 20e6, 0.0, np.random.default_rng(0))
    assert np.abs(heard).max() == 0.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"elements": 0}, "elements is 0"),
        ({"beams": 1}, "beams is 1"),
        ({"sector_rad": 4.0}, "sector is 229"),
    ],
)
def test_bad_parameters(wrong, message):
    with pytest.raises(ValueError, match=message):
        BeamCodebook(**wrong)
