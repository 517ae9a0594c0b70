# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made-up observations with known targets, and repeated trials of the estimators and detectors on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from . import cfar, peak_refinement, radar_bounds
from .cfar import CfarWindow
from .radar_detection import DetectionSettings, Threshold, detect, summed_power
from .range_doppler import MapGeometry, range_doppler_map, zero_padded


def ofdm_geometry(
    *,
    fft_size: int = 64,
    guard_subcarriers: int = 6,
    slow_times: int = 64,
    oversampling: int = 1,
    sample_rate_hz: float = 5e6,
    slow_time_s: float = 500e-6,
    carrier_hz: float = 2.45e9,
    **settings,
) -> MapGeometry:
    """Geometry of maps of OFDM symbols: DC and the edges are not used, one subcarrier less on the right."""
    index = np.fft.fftfreq(fft_size, 1.0 / fft_size).round()
    used = (index >= -fft_size // 2 + guard_subcarriers) & (index <= fft_size // 2 - guard_subcarriers)
    spectrum = zero_padded((used & (index != 0)).astype(np.float64), oversampling * fft_size)
    return MapGeometry(
        carrier_hz=carrier_hz,
        cell_spacing_hz=sample_rate_hz / fft_size,
        slow_time_s=slow_time_s,
        slow_times=slow_times,
        doppler_bins=oversampling * slow_times,
        spectrum=spectrum,
        **settings,
    )


def one_frequency(slow_times: int, antennas: int) -> MapGeometry:
    """Geometry of a single subcarrier, in which delay does not matter."""
    geometry = ofdm_geometry(slow_times=slow_times, antennas=antennas)
    doppler_bins = SEARCH_OVERSAMPLING * slow_times if slow_times > 1 else 2
    return replace(geometry, doppler_bins=doppler_bins, spectrum=np.array([1.0, 0.0]))


SEARCH_OVERSAMPLING = 4
ESTIMATED = {
    "range": lambda: replace(ofdm_geometry(slow_times=1, oversampling=SEARCH_OVERSAMPLING), doppler_bins=2),
    "doppler": lambda: one_frequency(slow_times=64, antennas=1),
    "angle": lambda: one_frequency(slow_times=1, antennas=10),
    "joint": lambda: ofdm_geometry(slow_times=32, oversampling=2, antennas=4),
}
"""Observations whose errors are held against the bounds: one parameter alone, or all three together."""


def noise_cells(geometry: MapGeometry, rng: np.random.Generator) -> np.ndarray:
    """White noise of unit variance in the samples: variance ``spectrum`` in the cells."""
    shape = (geometry.antennas, geometry.slow_times, geometry.range_bins)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) * np.sqrt(geometry.spectrum / 2.0)


def observed_cells(
    geometry: MapGeometry, frequencies: np.ndarray, snr_db: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Noise and targets at frequencies [targets, 3] of :mod:`peak_refinement`, of random phase.

    snr_db: of each target, behind the matched filter over all cells and antennas.
    """
    cells = noise_cells(geometry, rng)
    energy = geometry.antennas * geometry.slow_times * geometry.spectrum.sum()
    for frequency, level in zip(frequencies, snr_db, strict=True):
        amplitude = np.sqrt(10.0 ** (level / 10.0) / energy) * np.exp(2j * np.pi * rng.random())
        cells += peak_refinement.echo_cells(geometry, frequency, amplitude)
    return cells


def random_frequency(geometry: MapGeometry, rng: np.random.Generator) -> np.ndarray:
    """Delay, Doppler and angle anywhere on the axes but near their ends, float [3]."""
    angle = rng.uniform(-0.4, 0.4) if geometry.antennas > 1 else 0.0
    return np.array([rng.uniform(0.05, 0.8), rng.uniform(-0.4, 0.4), angle])


def bound(geometry: MapGeometry, snr_db: float) -> np.ndarray:
    """Cramér-Rao deviations of the three frequencies, in cycles a cell, float [3]."""
    snr = 10.0 ** (snr_db / 10.0)
    delay, doppler, angle = peak_refinement.coordinates(geometry)
    return np.array(
        [
            radar_bounds.frequency_deviation(snr, delay, geometry.spectrum),
            radar_bounds.frequency_deviation(snr, doppler),
            radar_bounds.frequency_deviation(snr, angle),
        ]
    )


def estimation_errors(
    geometry: MapGeometry, snr_db: float, trials: int, rng: np.random.Generator
) -> np.ndarray:
    """Errors of the three frequencies of one target at the map's largest peak, float [trials, 3].

    Where an axis has one cell there is nothing to estimate, and the error means nothing.
    """
    errors = np.empty((trials, 3))
    movable = peak_refinement.extents(geometry) > 1
    for trial in range(trials):
        truth = random_frequency(geometry, rng) * movable
        cells = observed_cells(geometry, truth[None], [snr_db], rng)
        rd_map = range_doppler_map(cells, geometry)
        power = (np.abs(rd_map) ** 2).sum(axis=0)
        row, column = (int(i) for i in np.unravel_index(power.argmax(), power.shape))
        first = peak_refinement.start(rd_map, cells, geometry, row, column)
        estimate = peak_refinement.refine(cells, geometry, first)
        errors[trial] = (estimate - truth + 0.5) % 1.0 - 0.5
    return errors


def loss_to_bound_db(errors: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """RMSE over the bound in dB, float [3]; NaN where there is no bound."""
    finite = np.isfinite(deviation)
    ratio = np.sqrt((errors**2).mean(axis=0)) / np.where(finite, deviation, 1.0)
    return np.where(finite, 20.0 * np.log10(np.where(finite, ratio, 1.0)), np.nan)


def share_of_pairs_found(
    geometry: MapGeometry,
    axis: int,
    separation_cells: float,
    snr_db: float,
    trials: int,
    rng: np.random.Generator,
    settings: DetectionSettings | None = None,
) -> float:
    """Share of trials in which both of two equal targets are found, each within half a resolution cell.

    axis: 0 they differ in delay, 1 in Doppler. separation_cells: in resolution cells, 1/B or 1/(M T).
    """
    size = peak_refinement.extents(geometry)
    found = 0
    for _ in range(trials):
        pair = np.repeat(random_frequency(geometry, rng)[None], 2, axis=0)
        pair[1, axis] += separation_cells / size[axis]
        cells = observed_cells(geometry, pair, [snr_db, snr_db], rng)
        detections = detect(range_doppler_map(cells, geometry), geometry, settings)
        estimates = np.array([_frequencies(geometry, one) for one in detections]).reshape(-1, 2)
        apart = np.abs((estimates[:, None] - pair[None, :, :2] + 0.5) % 1.0 - 0.5) * size[:2]
        found += bool(len(detections) and (apart.max(axis=2) < 0.5).any(axis=0).all())
    return found / trials


def _frequencies(geometry: MapGeometry, detection) -> tuple[float, float]:
    doppler_hz = detection.velocity_mps / radar_bounds.velocity_from_doppler(1.0, geometry.carrier_hz)
    delay_s = detection.range_m / radar_bounds.range_from_delay(1.0) - geometry.coupling_s_per_hz * doppler_hz
    return delay_s * geometry.cell_spacing_hz, doppler_hz * geometry.slow_time_s


def false_alarms(
    geometry: MapGeometry, settings: DetectionSettings, maps: int, rng: np.random.Generator
) -> int:
    """Cells above their threshold in maps of noise alone."""
    threshold = Threshold(geometry, settings)
    count = 0
    for _ in range(maps):
        power = (np.abs(range_doppler_map(noise_cells(geometry, rng), geometry)) ** 2).sum(axis=0)
        count += int((power > threshold.factor * threshold.level(power)).sum())
    return count


def maps_with_false_alarms(
    geometry: MapGeometry, settings: DetectionSettings, maps: int, rng: np.random.Generator
) -> int:
    """Maps of noise alone of which a cell is above its threshold."""
    threshold = Threshold(geometry, settings)
    count = 0
    for _ in range(maps):
        cells = peak_refinement.without_leakage(noise_cells(geometry, rng), geometry)
        power = summed_power(range_doppler_map(cells, geometry), geometry)
        count += bool((power > threshold.factor * threshold.level(power)).any())
    return count


def false_alarms_of_white_maps(
    shape: tuple[int, int, int],
    window: CfarWindow,
    method: str,
    factor: float,
    rank: int,
    maps: int,
    rng: np.random.Generator,
) -> int:
    """Cells above the threshold in maps [doppler_bins, range_bins] of independent noise.

    shape: doppler_bins, range_bins and looks; the power of a cell is Gamma(looks).
    """
    doppler_bins, range_bins, looks = shape
    count = 0
    for _ in range(maps):
        power = rng.standard_gamma(looks, size=(doppler_bins, range_bins))
        count += int((power > factor * cfar.noise_level(power, window, method, rank)).sum())
    return count
