# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Targets in a range-Doppler map: threshold, refine, subtract, look again.

The strongest local maximum above its threshold is refined and its echo taken out of the cells, until no cell
exceeds its threshold any more. So neither the side lobes of a strong target nor its nearness hide a weak one
(CLEAN; targets within reach of each other are refined again in turn, as in RELAX: Li and Stoica, IEEE Trans.
Signal Processing 44, 1996). ``cfar_detector`` does the same in C++.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import cfar, peak_refinement, radar_bounds
from .cfar import CfarWindow
from .range_doppler import MapGeometry, cells_of_map, range_doppler_map

NEAR_CELLS = 3.0  # resolution cells in which main lobes overlap
RELAX_ROUNDS = 4
GUARD_CELLS, REFERENCE_CELLS = 2, 8  # on each side
RATE_STEPS = 4  # from the rate of a map to that of a cell, of which the number of cells hardly depends
NEGATIVE_RANGE_SHARE = 0.1  # the last tenth of the range axis is read as range below zero


@dataclass(frozen=True)
class DetectionSettings:
    """How targets are told from noise.

    method: "ca" or "os". false_alarm_rate: probability that a map of noise shows a target, or, with
    false_alarms_per "cell", that a cell of it exceeds its threshold. window: references; None for those of
    :func:`fitting_window`. rank: of the reference cell that "os" takes, 1 is the smallest; 0 means three
    quarters of them. most_targets: where the search ends.
    """

    method: str = "ca"
    false_alarm_rate: float = 0.01
    false_alarms_per: str = "map"
    window: CfarWindow | None = None
    rank: int = 0
    most_targets: int = 32


@dataclass(frozen=True)
class Detection:
    """A target; azimuth and what is not measured are NaN, deviations Cramér-Rao bounds at the measured SNR.

    range_m: c tau/2. velocity_mps: closing speed. azimuth_rad: from broadside. snr_db: behind the matched
    filter, over all cells and antennas.
    """

    range_m: float
    velocity_mps: float
    azimuth_rad: float
    snr_db: float
    range_deviation_m: float
    velocity_deviation_mps: float
    azimuth_deviation_rad: float


def natural_stride(geometry: MapGeometry) -> tuple[int, int]:
    """Step between references along range and Doppler: bins over occupied cells, rounded."""
    occupied = peak_refinement.extents(geometry)
    bins = (geometry.range_bins, geometry.doppler_bins)
    return tuple(max(1, math.floor(bins[axis] / occupied[axis] + 0.5)) for axis in (0, 1))


def fitting_window(geometry: MapGeometry) -> CfarWindow:
    """Two guards and eight references on each side of a cell, along range and Doppler.

    Maps with too few rows for four references have none along Doppler and sixteen along range; fewer where
    the map is smaller.
    """
    stride = natural_stride(geometry)
    bins = (geometry.range_bins, geometry.doppler_bins)
    room = [(bins[axis] - 1) // (2 * stride[axis]) - GUARD_CELLS for axis in (0, 1)]
    if room[1] >= REFERENCE_CELLS // 2:
        return CfarWindow(
            reference=(min(room[0], REFERENCE_CELLS), min(room[1], REFERENCE_CELLS)), stride=stride
        )
    return CfarWindow((GUARD_CELLS, 0), (min(room[0], 2 * REFERENCE_CELLS), 0), stride)


def separate_cells(geometry: MapGeometry, level: float) -> float:
    """Cells of a map whose noise exceeds a level, in noise variances, one without the other."""
    along_range = np.fft.fftshift(geometry.range_weights**2 * geometry.spectrum)
    range_cells = cfar.separate_cells(geometry.range_bins, along_range, level)
    return range_cells * cfar.separate_cells(geometry.doppler_bins, geometry.doppler_weights**2, level)


class Threshold:
    """Factor and noise estimate of CFAR for maps of one geometry.

    factor: multiple of the level from which a cell is a detection. cell_rate, map_rate: false-alarm rates.
    """

    def __init__(self, geometry: MapGeometry, settings: DetectionSettings):
        self._settings = settings
        self._window = settings.window or fitting_window(geometry)
        self._window.check(geometry.doppler_bins, geometry.range_bins)
        self._looks, self._count = geometry.antennas, len(self._window.offsets)
        self._rank = settings.rank or max(1, (3 * self._count) // 4)
        self._noise = noise_correlation(geometry)
        if settings.method == "ca":
            self._per_look = float(self._looks)
        else:
            self._per_look = cfar.os_mean(self._count, self._rank, self._looks)
        self.cell_rate = settings.false_alarm_rate
        if settings.false_alarms_per == "map":
            self.cell_rate = cfar.cell_rate(
                settings.false_alarm_rate, geometry.range_bins * geometry.doppler_bins
            )
            for _ in range(RATE_STEPS):
                self.cell_rate = cfar.cell_rate(settings.false_alarm_rate, self._separate_cells(geometry))
        elif settings.false_alarms_per != "cell":
            raise ValueError(f"false_alarms_per is {settings.false_alarms_per!r}, expected map or cell")
        self.factor = self._factor(self.cell_rate)
        self.map_rate = cfar.map_rate(self.cell_rate, self._separate_cells(geometry))

    def _separate_cells(self, geometry: MapGeometry) -> float:
        return separate_cells(geometry, self._factor(self.cell_rate) * self._per_look)

    def _factor(self, rate: float) -> float:
        if self._settings.method != "ca":
            return cfar.os_factor(rate, self._count, self._rank, self._looks)
        if self._count <= cfar.MOST_CORRELATED:
            correlation = cfar.window_correlation(self._window, *self._noise)
            return cfar.correlated_ca_factor(rate, correlation, self._looks)
        return cfar.ca_factor(rate, cfar.effective_cells(self._window, *self._noise), self._looks)

    def level(self, power: np.ndarray) -> np.ndarray:
        """Noise level beside each cell, to be multiplied with the factor."""
        return cfar.noise_level(power, self._window, self._settings.method, self._rank)

    def noise_variance(self, level: float) -> float:
        """Noise variance of a cell of one antenna, from the level beside it."""
        return level / self._per_look


def noise_correlation(geometry: MapGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Normalised autocorrelation of the map's noise along range and along Doppler, cyclic lags."""
    along_range = np.fft.ifft(geometry.range_weights**2 * geometry.spectrum)
    along_doppler = np.fft.fft(geometry.doppler_weights**2, geometry.doppler_bins)
    return along_range / along_range[0], along_doppler / along_doppler[0]


def detect(
    rd_map: np.ndarray, geometry: MapGeometry, settings: DetectionSettings | None = None
) -> list[Detection]:
    """Targets of a map, the strongest first.

    Parameters
    ----------
    rd_map : ndarray, complex [antennas, doppler_bins, range_bins]
    geometry : MapGeometry
    settings : DetectionSettings, optional
    """
    settings = settings or DetectionSettings()
    threshold = Threshold(geometry, settings)
    residual = cells_of_map(np.asarray(rd_map, dtype=np.complex128), geometry)
    standing = geometry.doppler_bins // 2  # the row in which nothing is left with static_removed
    residual = peak_refinement.without_leakage(residual, geometry)
    found: list[_Target] = []
    while len(found) < settings.most_targets:
        current = range_doppler_map(residual, geometry)
        power = summed_power(current, geometry)
        level = threshold.level(power)
        candidates = np.where((power > threshold.factor * level) & cfar.local_maxima(power), power, 0.0)
        if geometry.static_removed:
            candidates[standing] = 0.0
        row, column = np.unravel_index(candidates.argmax(), power.shape)
        if candidates[row, column] == 0.0:
            break
        frequency = peak_refinement.start(current, residual, geometry, int(row), int(column))
        target = _Target(frequency, 0j)
        residual = _fit(target, residual, geometry)
        near = [other for other in found if _is_near(other, target, geometry)]
        for _ in range(RELAX_ROUNDS if near else 0):
            for one in [*near, target]:
                residual = _fit(one, residual, geometry)
        found.append(target)
    if len(found) > 1:  # the first was refined beside the others' side lobes
        for one in found:
            residual = _fit(one, residual, geometry)
    # What is left when all targets are gone shows the noise without their side lobes.
    level = threshold.level(summed_power(range_doppler_map(residual, geometry), geometry))
    detections = (
        _detection(one, threshold.noise_variance(float(level[_cell(one, geometry)])), geometry)
        for one in found
    )
    return sorted(detections, key=lambda one: -one.snr_db)


def summed_power(rd_map: np.ndarray, geometry: MapGeometry) -> np.ndarray:
    """Power of a map over the antennas, float [doppler_bins, range_bins].

    With ``static_removed`` over the share of the noise that is left: noise is even again, and the power of an
    echo its likelihood. The row of speed zero, in which nothing is left, is the mean of those beside it.
    """
    power = (np.abs(rd_map) ** 2).sum(axis=0)
    if not geometry.static_removed:
        return power
    if geometry.slow_times == 1:
        return np.zeros_like(power)
    standing = geometry.doppler_bins // 2
    kept = geometry.kept_noise
    kept[standing] = 1.0
    power /= kept[:, None]
    power[standing] = (power[standing - 1] + power[(standing + 1) % geometry.doppler_bins]) / 2.0
    return power


@dataclass
class _Target:
    frequency: np.ndarray
    amplitude: complex


def _cell(target: _Target, geometry: MapGeometry) -> tuple[int, int]:
    """Row and column of the map nearest to a target."""
    row = round(target.frequency[1] * geometry.doppler_bins) + geometry.doppler_bins // 2
    column = round(target.frequency[0] * geometry.range_bins)
    return row % geometry.doppler_bins, column % geometry.range_bins


def _fit(target: _Target, residual: np.ndarray, geometry: MapGeometry) -> np.ndarray:
    """Refine a target on the residual and its own echo; the residual without the echo as it is now."""
    cells = residual
    if target.amplitude != 0.0:
        cells = residual + peak_refinement.echo_cells(geometry, target.frequency, target.amplitude)
    target.frequency = peak_refinement.refine(cells, geometry, target.frequency)
    target.amplitude = peak_refinement.fitted_amplitude(cells, geometry, target.frequency)
    return cells - peak_refinement.echo_cells(geometry, target.frequency, target.amplitude)


def _is_near(one: _Target, other: _Target, geometry: MapGeometry) -> bool:
    apart = np.abs((one.frequency - other.frequency + 0.5) % 1.0 - 0.5) * peak_refinement.extents(geometry)
    return bool((apart[:2] < NEAR_CELLS).all())


def _detection(target: _Target, noise_variance: float, geometry: MapGeometry) -> Detection:
    cells = geometry.antennas * geometry.slow_times * geometry.spectrum.sum()
    # |S|^2 holds the noise once besides the target
    kept = peak_refinement.kept_energy(geometry, target.frequency)
    snr = max(abs(target.amplitude) ** 2 * kept * cells / noise_variance - 1.0, 1e-3)
    delay_axis, _, _ = peak_refinement.coordinates(geometry)
    delay_deviation = radar_bounds.frequency_deviation(
        snr, delay_axis * geometry.cell_spacing_hz, geometry.spectrum
    )
    spread = peak_refinement.doppler_spread(geometry, target.frequency[1])
    doppler_deviation = radar_bounds.spread_deviation(snr, spread) / geometry.slow_time_s

    doppler = (target.frequency[1] + 0.5) % 1.0 - 0.5
    doppler_hz = doppler / geometry.slow_time_s
    cycles = (target.frequency[0] + NEGATIVE_RANGE_SHARE) % 1.0 - NEGATIVE_RANGE_SHARE
    delay_s = cycles / geometry.cell_spacing_hz + geometry.coupling_s_per_hz * doppler_hz
    if geometry.coupling_s_per_hz and math.isfinite(doppler_deviation):
        delay_deviation = math.hypot(delay_deviation, geometry.coupling_s_per_hz * doppler_deviation)

    azimuth = azimuth_deviation = math.nan
    if geometry.antennas > 1:
        sine = ((target.frequency[2] + 0.5) % 1.0 - 0.5) / geometry.element_spacing
        azimuth = math.asin(min(max(sine, -1.0), 1.0))
        azimuth_deviation = radar_bounds.azimuth_deviation_rad(
            snr, geometry.antennas, azimuth, geometry.element_spacing
        )
    measured = geometry.slow_times > 1
    return Detection(
        range_m=radar_bounds.range_from_delay(delay_s),
        velocity_mps=radar_bounds.velocity_from_doppler(doppler_hz, geometry.carrier_hz)
        if measured
        else math.nan,
        azimuth_rad=azimuth,
        snr_db=10.0 * math.log10(snr),
        range_deviation_m=radar_bounds.range_from_delay(delay_deviation),
        velocity_deviation_mps=radar_bounds.velocity_from_doppler(doppler_deviation, geometry.carrier_hz)
        if measured
        else math.nan,
        azimuth_deviation_rad=azimuth_deviation,
    )
