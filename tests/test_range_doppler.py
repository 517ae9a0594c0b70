# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Range-Doppler maps from samples: where physics puts a target, what leakage removal takes, noise of 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from semisac_ml.signal import radar_trials, range_doppler
from semisac_ml.signal.cfar import CfarWindow
from semisac_ml.signal.radar_detection import DetectionSettings, detect

SAMPLE_RATE_HZ = 5e6
CARRIER_HZ = 2.45e9
LIGHT_MPS = 299792458.0


def echo(samples: np.ndarray, delay_samples: float, doppler_hz: float) -> np.ndarray:
    """Samples delayed by a fraction too (circularly) and shifted in frequency."""
    frequency = np.fft.fftfreq(len(samples))
    delayed = np.fft.ifft(np.fft.fft(samples) * np.exp(-2j * np.pi * frequency * delay_samples))
    return delayed * np.exp(2j * np.pi * doppler_hz * np.arange(len(samples)) / SAMPLE_RATE_HZ)


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)


class OfdmBurst:
    """OFDM symbols of complex Gaussian data, 80 samples each, and the geometry of their maps."""

    def __init__(self, symbols: int = 64, constant_modulus: bool = False, seed: int = 1):
        self.geometry = radar_trials.ofdm_geometry(slow_times=symbols, slow_time_s=80 / SAMPLE_RATE_HZ)
        self.used = self.geometry.spectrum > 0
        rng = np.random.default_rng(seed)
        data = noise(rng, symbols, 64)
        if constant_modulus:
            data /= np.abs(data)
        time = np.fft.ifft(data * self.used, axis=1) * 8.0
        self.samples = np.concatenate([time[:, -16:], time], axis=1).ravel()
        self.first = np.arange(symbols) * 80 + 16

    def spectra(self, samples):
        return range_doppler.ofdm_spectra(samples, self.first, 64, self.used)

    def map(self, received, regularisation=1.0, removal="none"):
        products, power = range_doppler.transmitted_products(
            self.spectra(received), self.spectra(self.samples)
        )
        products = range_doppler.remove_leakage(products, power, removal)
        cells = range_doppler.divided_cells(products, power, regularisation)
        return range_doppler.range_doppler_map(cells, self.geometry)


@pytest.mark.parametrize("regularisation", [0.01, 1.0, np.inf])
def test_a_target_peaks_where_physics_puts_it(regularisation):
    # One sample of delay is c/(2 fs), a velocity v a Doppler shift of 2 v fc/c; both are exact bins.
    burst = OfdmBurst()
    doppler_hz = 5 * burst.geometry.doppler_bin_hz
    rd_map = burst.map(echo(burst.samples, 7.0, doppler_hz)[None], regularisation)
    row, column = np.unravel_index(np.abs(rd_map[0]).argmax(), (64, 64))
    assert (row, column) == (32 + 5, 7)
    assert burst.geometry.ranges_m[column] == pytest.approx(7 * LIGHT_MPS / (2 * SAMPLE_RATE_HZ))
    velocity_mps = burst.geometry.velocities_mps[row]
    assert 2 * velocity_mps * CARRIER_HZ / LIGHT_MPS == pytest.approx(doppler_hz)


def test_noise_of_a_map_has_variance_one():
    rng = np.random.default_rng(2)
    for window in ("rectangular", "hamming"):
        burst = OfdmBurst()
        burst.geometry = replace(burst.geometry, range_window=window, doppler_window=window)
        powers = [
            np.mean(np.abs(burst.map(noise(rng, 2, len(burst.samples)), regularisation)) ** 2)
            for regularisation in (0.1, 1.0, np.inf)
            for _ in range(20)
        ]
        # 20 maps of 2 x 64 x 52 independent cells: 0.3 %; of Gaussian symbols the weights vary a little
        assert np.mean(powers) == pytest.approx(1.0, abs=0.02)


def test_division_costs_the_snr_that_theory_says():
    # (E g)^2/E(g^2/p) with g = p/(p + lambda), p exponential: 0.72 dB at lambda 1, 2.8 dB at 0.1.
    burst = OfdmBurst(symbols=256)
    received = burst.samples[None] / 4.0
    peak = {value: np.abs(burst.map(received, value)[0, 128, 0]) ** 2 for value in (0.1, 1.0, np.inf)}
    loss_db = [10 * np.log10(peak[np.inf] / peak[value]) for value in (1.0, 0.1)]
    np.testing.assert_allclose(loss_db, [0.72, 2.8], atol=0.15)


def test_fractional_delay_and_doppler_are_refined_within_their_bounds():
    burst = OfdmBurst(constant_modulus=True)
    rng = np.random.default_rng(6)
    doppler_hz, delay = 3.3 * burst.geometry.doppler_bin_hz, 6.4
    received = 0.5 * echo(burst.samples, delay, doppler_hz) + noise(rng, len(burst.samples))
    (found,) = detect(burst.map(received[None]), burst.geometry)
    range_m = delay * LIGHT_MPS / (2 * SAMPLE_RATE_HZ)
    assert found.range_m == pytest.approx(range_m, abs=4 * found.range_deviation_m)
    velocity_mps = doppler_hz * LIGHT_MPS / (2 * CARRIER_HZ)
    assert found.velocity_mps == pytest.approx(velocity_mps, abs=4 * found.velocity_deviation_mps)
    assert found.snr_db == pytest.approx(10 * np.log10(0.25 * 52 * 64), abs=1.0)


def test_leakage_removal_uncovers_a_target():
    # Leakage 40 dB above the target; its random pedestal would cover it.
    burst = OfdmBurst()
    rng = np.random.default_rng(7)
    target = 0.3 * echo(burst.samples, 9.2, 10.4 * burst.geometry.doppler_bin_hz)
    received = (30.0 * burst.samples + target + noise(rng, len(burst.samples)))[None]
    settings = DetectionSettings(false_alarm_rate=1e-7, false_alarms_per="cell")
    for removal in ("zero_delay", "static"):
        found = detect(burst.map(received, np.inf, removal), burst.geometry, settings)
        assert len(found) == 1
        assert found[0].range_m == pytest.approx(9.2 * LIGHT_MPS / (2 * SAMPLE_RATE_HZ), abs=2.0)
    # clutter that stands still at two delays goes with "static" only
    clutter = 3.0 * echo(burst.samples, 3.5, 0.0) + 2.0 * echo(burst.samples, 5.7, 0.0)
    found = detect(burst.map(received + clutter, np.inf, "static"), burst.geometry, settings)
    assert len(found) == 1
    with pytest.raises(ValueError, match="leakage removal is 'all'"):
        burst.map(received, 1.0, "all")


def test_lfm_pulses_measure_range_and_velocity_apart():
    # An up-chirp of 512 samples over 4 MHz: one pulse mistakes Doppler f for a delay of -T/B f.
    length, interval, pulses, range_bins, bandwidth_hz = 512, 700, 32, 1024, 4e6
    duration_s = length / SAMPLE_RATE_HZ
    t = np.arange(length) / SAMPLE_RATE_HZ - duration_s / 2
    pulse = np.exp(1j * np.pi * bandwidth_hz / duration_s * t**2)
    samples = np.zeros((pulses, interval), dtype=complex)
    samples[:, :length] = pulse
    sent = range_doppler.pulse_spectra(samples.ravel(), np.arange(pulses) * interval, length, range_bins)
    geometry = range_doppler.MapGeometry(
        carrier_hz=CARRIER_HZ,
        cell_spacing_hz=SAMPLE_RATE_HZ / range_bins,
        slow_time_s=interval / SAMPLE_RATE_HZ,
        slow_times=pulses,
        doppler_bins=pulses,
        spectrum=np.abs(sent[0]) ** 2 / (np.abs(sent[0]) ** 2).mean(),
        coupling_s_per_hz=duration_s / bandwidth_hz,
    )
    rng = np.random.default_rng(9)
    settings = DetectionSettings(
        false_alarm_rate=1e-7, false_alarms_per="cell", window=CfarWindow(reference=(12, 4))
    )
    delay, doppler_hz = 40.3, 1.9e3
    received = 0.3 * echo(samples.ravel(), delay, doppler_hz)
    received = received + noise(rng, len(received))
    spectra = range_doppler.pulse_spectra(received, np.arange(pulses) * interval, interval, range_bins)
    products, power = range_doppler.transmitted_products(spectra[None], sent)
    cells = range_doppler.divided_cells(products, power, np.inf)
    rd_map = range_doppler.range_doppler_map(cells, geometry)
    (found,) = detect(rd_map, geometry, settings)
    assert found.range_m == pytest.approx(
        delay * LIGHT_MPS / (2 * SAMPLE_RATE_HZ), abs=4 * found.range_deviation_m
    )
    velocity_mps = doppler_hz * LIGHT_MPS / (2 * CARRIER_HZ)
    assert found.velocity_mps == pytest.approx(velocity_mps, abs=4 * found.velocity_deviation_mps)
    assert found.snr_db == pytest.approx(10 * np.log10(0.09 * length * pulses), abs=1.0)
    # without the correction the range would be off by c/2 T/B f = 7.3 m
    assert LIGHT_MPS / 2 * geometry.coupling_s_per_hz * doppler_hz > 5 * found.range_deviation_m


def test_bad_parameters():
    with pytest.raises(ValueError, match="range_bins is 32, expected an even number of at least 64"):
        range_doppler.zero_padded(np.ones(64), 32)
    with pytest.raises(ValueError, match="window is 'hann'"):
        range_doppler.window("hann", np.zeros(3), 3)
