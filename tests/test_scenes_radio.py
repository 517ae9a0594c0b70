# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radar cube, beams and channel from given paths: what a physicist expects of each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

from semisac_ml.data.scenes import beams, channel, radar
from semisac_ml.data.scenes.geometry import Part
from semisac_ml.data.scenes.ray_tracer import mirror_amplitude

LIGHT = constants.speed_of_light


def one_echo(range_m: float, rate_mps: float, azimuth_deg: float, amplitude: float = 1.0) -> radar.Echoes:
    return radar.Echoes(
        np.array([amplitude], complex),
        *(np.array([v]) for v in (range_m, rate_mps, np.radians(azimuth_deg), 0.0)),
    )


def peak(cube: np.ndarray, settings: radar.RadarSettings) -> tuple[float, float, float]:
    """Range, range rate and azimuth (degrees) of the strongest cell of a cube, transformed 8 times finer
    around the strongest one of its plain transform.
    """
    samples, chirps, angles = settings.samples, settings.chirps, 256
    plain = np.abs(np.fft.fft2(cube, axes=(1, 2))).sum(axis=0)
    ranges, speeds = (8 * place + np.arange(-8, 9) for place in np.unravel_index(plain.argmax(), plain.shape))
    to_range = np.exp(-2j * np.pi * np.outer(ranges, np.arange(samples)) / (8 * samples))
    to_speed = np.exp(-2j * np.pi * np.outer(np.arange(chirps), speeds) / (8 * chirps))
    spectrum = np.abs(np.fft.fft(to_range @ cube @ to_speed, angles, axis=0))
    k, n, m = np.unravel_index(spectrum.argmax(), spectrum.shape)
    n, m = ranges[n] % (8 * samples), (speeds[m] + 4 * chirps) % (8 * chirps) - 4 * chirps
    sine = 2.0 * ((k + angles // 2) % angles - angles // 2) / angles
    return n / 8 * settings.range_bin_m, m / 8 * settings.doppler_bin_mps, np.degrees(np.arcsin(sine))


@pytest.mark.parametrize(
    ("range_m", "rate_mps", "azimuth_deg"), [(30.0, 0.0, 0.0), (52.6, -9.7, -20.0), (11.3, 14.0, 35.0)]
)
def test_an_echo_peaks_where_geometry_says(range_m, rate_mps, azimuth_deg):
    settings = radar.RadarSettings()
    cube = radar.beat_samples(one_echo(range_m, rate_mps, azimuth_deg), settings)
    found = peak(cube, settings)
    assert found[0] == pytest.approx(range_m, abs=settings.range_bin_m / 8)
    assert found[1] == pytest.approx(rate_mps, abs=settings.doppler_bin_mps / 8)
    assert found[2] == pytest.approx(azimuth_deg, abs=1.0)


def test_bins_follow_from_bandwidth_and_observation_time():
    settings = radar.RadarSettings()
    assert settings.range_bin_m == pytest.approx(LIGHT / (2 * 149.9e6))
    assert settings.fastest_mps == pytest.approx(settings.doppler_bin_mps * settings.chirps / 2)


def test_any_number_of_antennas():
    settings = radar.RadarSettings(antennas=10, samples=64, chirps=16)
    assert radar.beat_samples(one_echo(20, 3, 5), settings).shape == (10, 64, 16)


def test_a_plate_seen_head_on_obeys_the_radar_equation():
    """A patch that fills the ray: sigma = 4 rho area, power P G^2 lambda^2 sigma / ((4 pi)^3 R^4)."""
    settings, distance, solid = radar.RadarSettings(), 40.0, 1e-4
    echoes = radar.echoes_from_rays(
        np.array([distance]),
        np.zeros(1),
        np.zeros(1),
        np.zeros(1),
        np.array([solid]),
        np.ones(1),
        np.array([int(Part.CLOTHES)]),
        settings,
    )
    section = 4 * radar.BACKSCATTER[Part.CLOTHES] * (1 + radar.HEAD_ON) * solid * distance**2
    expected = (
        settings.transmit_power_w
        * settings.antenna_gain**2
        * settings.wavelength_m**2
        * section
        / ((4 * np.pi) ** 3 * distance**4)
    )
    assert np.abs(echoes.amplitude[0]) ** 2 == pytest.approx(expected)


def test_noise_of_the_converter_is_what_the_settings_say():
    settings = radar.RadarSettings()
    counts = radar.digitised(np.zeros((4, 128, 64), complex), settings, np.random.default_rng(1))
    assert counts.dtype == np.int16
    assert counts.shape == (4, 128, 64, 2)
    assert counts.std() == pytest.approx(settings.noise_counts, rel=0.02)


def test_signal_to_noise_ratio_of_a_known_power():
    settings = radar.RadarSettings()
    echo = one_echo(30.0, 4.0, 0.0, np.sqrt(100 * settings.noise_w))
    counts = radar.digitised(radar.beat_samples(echo, settings), settings, np.random.default_rng(1)).astype(
        float
    )
    power = (counts**2).sum(axis=-1).mean()
    assert power == pytest.approx(101 * 2 * settings.noise_counts**2, rel=0.02)


def test_rough_mirrors_leave_what_rayleigh_and_ament_say():
    """Mast and vehicle 6 m and 2 m above a plane, 8 m apart: 45 degrees; then head on, smooth, and twice."""
    start, mirror, end = [0.0, 0.0, 6.0], [6.0, 0.0, 0.0], [8.0, 0.0, 2.0]
    wavelength = LIGHT / 60e9
    phase = 4 * np.pi * 1e-3 * np.cos(np.pi / 4) / wavelength
    kept = mirror_amplitude(np.array([[start, mirror, end]]), np.array([[1e-3]]), 60e9)
    assert kept == pytest.approx([np.exp(-(phase**2) / 2)])
    # the criterion of Rayleigh: heights that shift the phase by 90 degrees
    head_on = np.array([[start, [0.0, 0.0, 0.0], start]])
    assert mirror_amplitude(head_on, np.array([[wavelength / 8]]), 60e9) == pytest.approx(
        [np.exp(-(np.pi**2) / 8)]
    )
    straight = np.array([[start, end, end], [start, mirror, end]])
    assert mirror_amplitude(straight, np.zeros((2, 1)), 60e9) == pytest.approx([1.0, 1.0])
    twice = np.array([[start, mirror, [12.0, 0.0, 6.0], [18.0, 0.0, 0.0]]])
    assert mirror_amplitude(twice, np.array([[1e-3, 1e-3]]), 60e9) == pytest.approx([np.exp(-(phase**2))])


@pytest.mark.parametrize("azimuth_deg", [-40.0, -13.9, 0.5, 27.0])
def test_the_strongest_beam_points_at_the_transmitter(azimuth_deg):
    power = beams.beam_powers(
        np.array([1e-4 + 0j]),
        np.array([1e-7]),
        np.radians([azimuth_deg]),
        np.zeros(1),
        1e-13,
        np.random.default_rng(2),
    )
    pointed = np.degrees(beams.beam_azimuths_rad()[power.argmax()])
    assert pointed == pytest.approx(azimuth_deg, abs=90 / beams.BEAMS)


def test_beams_have_the_gain_of_the_array_and_a_floor_of_noise():
    gain, noise = 1e-4, 1e-13
    power = beams.beam_powers(
        np.array([gain + 0j]),
        np.zeros(1),
        beams.beam_azimuths_rad()[[32]],
        np.zeros(1),
        noise,
        np.random.default_rng(2),
    )
    assert power.max() == pytest.approx(beams.ELEMENTS * gain**2, rel=0.03)
    nothing = beams.beam_powers(*(np.zeros(0),) * 4, noise_w=noise, rng=np.random.default_rng(2))
    assert nothing.mean() == pytest.approx(noise, rel=0.06)


def channel_of(doppler_hz, delay_s, arrival_deg=0.0, **options):
    count = len(np.atleast_1d(doppler_hz))
    arrival = np.zeros((count, 2))
    arrival[:, 0] = np.radians(arrival_deg)
    settings = channel.ChannelSettings(**options)
    return channel.channel_from_paths(
        np.ones(count, complex),
        np.atleast_1d(delay_s),
        np.atleast_1d(doppler_hz),
        np.zeros((count, 2)),
        arrival,
        settings,
    )


def test_channel_has_the_shape_of_the_paper():
    assert channel_of(0.0, 1e-7).shape == (14, 100, 64, 8)


def test_doppler_spectrum_matches_the_speed():
    """20 m/s straight at the station at 28 GHz shifts by v fc / c."""
    shift = 20.0 * channel.CARRIER_HZ / LIGHT
    interval = channel.ChannelSettings().symbol_interval_s
    h = channel_of(shift, 2e-7, symbols=1024, subcarriers=1)[:, 0, 0, 0]
    frequency = np.fft.fftfreq(8192, interval)[np.abs(np.fft.fft(h, 8192)).argmax()]
    assert frequency == pytest.approx(shift, abs=1 / (8192 * interval))


def test_phase_over_subcarriers_is_that_of_the_delay():
    h = channel_of(0.0, 3e-7)[0, :, 0, 0]
    turn = np.angle(h[1:] / h[:-1])
    assert turn == pytest.approx(-2 * np.pi * 120e3 * 3e-7)


def test_phase_over_antennas_is_that_of_the_angle():
    h = channel_of(0.0, 0.0, arrival_deg=25.0)[0, 50, :, 0]
    assert np.angle(h[1:] / h[:-1]) == pytest.approx(np.pi * np.sin(np.radians(25.0)))


def test_normalised_channel_has_unit_power_per_element():
    rng = np.random.default_rng(3)
    h = channel.channel_from_paths(
        1e-6 * rng.standard_normal(6),
        1e-7 * rng.random(6),
        100 * rng.random(6),
        rng.random((6, 2)),
        rng.random((6, 2)),
        normalised=True,
    )
    assert (np.abs(h) ** 2).mean() == pytest.approx(1.0, rel=1e-5)


def test_no_paths_are_no_channel():
    none = np.zeros(0)
    h = channel.channel_from_paths(none, none, none, np.zeros((0, 2)), np.zeros((0, 2)))
    assert not h.any()
