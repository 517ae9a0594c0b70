# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Range-Doppler maps from a known transmission: OFDM symbol division and LFM matched filtering.

Both start from cells: the spectrum of each OFDM symbol or pulse, [antennas, slow times, range_bins],
frequency in the order of the FFT. With X sent and Y received, an echo of delay tau and Doppler f leaves

    Y[m, k] = a X[m, k] exp(-j 2 pi k df tau) exp(j 2 pi m T f) + noise.

What is linear in Y and free of X, a weighted Y conj(X), is the sum of such plane waves with weights
``spectrum``; its two-dimensional FFT is the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .radar_bounds import SPEED_OF_LIGHT_MPS

WINDOWS = ("rectangular", "hamming")
LEAKAGE_REMOVALS = ("none", "zero_delay", "static")


@dataclass(frozen=True)
class MapGeometry:
    """What the axes of a map mean.

    carrier_hz: carrier, turns Doppler into velocity.
    cell_spacing_hz: spacing df of the frequency cells.
    slow_time_s: interval T from one OFDM symbol, pulse or frame to the next.
    slow_times: number M of them, at most doppler_bins.
    doppler_bins: rows of the map, even; row doppler_bins/2 is Doppler zero.
    spectrum: float [range_bins], weight of each frequency cell, in the order of the FFT, 0 where nothing is
        sent: the echo's amplitude there and the variance of the noise, both relative.
    antennas, element_spacing: uniform linear array, spacing in wavelengths.
    range_window, doppler_window: "rectangular" or "hamming" over the occupied cells.
    coupling_s_per_hz: delay that a Doppler shift of 1 Hz hides, T/B for an up-chirp of length T and
        bandwidth B, 0 for OFDM: the peak lies at tau - coupling f.
    zero_delay_removed: the mean over all cells was taken out of them (leakage removal "zero_delay").
    static_removed: the mean over slow time was (leakage removal "static").
    """

    carrier_hz: float
    cell_spacing_hz: float
    slow_time_s: float
    slow_times: int
    doppler_bins: int
    spectrum: np.ndarray
    antennas: int = 1
    element_spacing: float = 0.5
    range_window: str = "rectangular"
    doppler_window: str = "rectangular"
    coupling_s_per_hz: float = 0.0
    zero_delay_removed: bool = False
    static_removed: bool = False

    @property
    def range_bins(self) -> int:
        return len(self.spectrum)

    @property
    def frequency_index(self) -> np.ndarray:
        """k of each cell in the order of the FFT, int [range_bins]: 0 ... R/2 - 1, -R/2 ... -1."""
        return np.fft.fftfreq(self.range_bins, 1.0 / self.range_bins).round().astype(np.int64)

    @property
    def delay_bin_s(self) -> float:
        return 1.0 / (self.range_bins * self.cell_spacing_hz)

    @property
    def doppler_bin_hz(self) -> float:
        return 1.0 / (self.doppler_bins * self.slow_time_s)

    @property
    def range_bin_m(self) -> float:
        return SPEED_OF_LIGHT_MPS * self.delay_bin_s / 2.0

    @property
    def velocity_bin_mps(self) -> float:
        return SPEED_OF_LIGHT_MPS * self.doppler_bin_hz / (2.0 * self.carrier_hz)

    @property
    def ranges_m(self) -> np.ndarray:
        """Range of each column, float [range_bins]."""
        return np.arange(self.range_bins) * self.range_bin_m

    @property
    def velocities_mps(self) -> np.ndarray:
        """Closing speed of each row, float [doppler_bins]."""
        return (np.arange(self.doppler_bins) - self.doppler_bins // 2) * self.velocity_bin_mps

    @property
    def range_weights(self) -> np.ndarray:
        """Window over the frequency cells, float [range_bins], 0 where nothing is sent."""
        index = self.frequency_index
        occupied = self.spectrum > 0.0
        low, high = index[occupied].min(), index[occupied].max()
        return window(self.range_window, index - (low + high) / 2.0, high - low + 1) * occupied

    @property
    def doppler_weights(self) -> np.ndarray:
        """Window over slow time, float [slow_times]."""
        times = np.arange(self.slow_times) - (self.slow_times - 1) / 2.0
        return window(self.doppler_window, times, self.slow_times)

    @property
    def kept_noise(self) -> np.ndarray:
        """Share of the noise that is left in each row of the map, float [doppler_bins]; 1 but for
        ``static_removed``: 1 - M |mean of w exp(-j 2 pi m p)|^2/sum w^2.
        """
        if not self.static_removed:
            return np.ones(self.doppler_bins)
        weights = self.doppler_weights
        spectrum = np.fft.fftshift(np.fft.fft(weights, self.doppler_bins))
        return 1.0 - np.abs(spectrum) ** 2 / self.slow_times / (weights**2).sum()

    @property
    def scale(self) -> float:
        """Factor behind the FFTs: cells of noise variance ``spectrum`` give maps of noise variance 1."""
        noise = (self.range_weights**2 * self.spectrum).sum() * (self.doppler_weights**2).sum()
        return 1.0 / float(np.sqrt(noise))


def window(name: str, distance: np.ndarray, length: int) -> np.ndarray:
    """Weights at distances from the window's centre, which is ``length`` long.

    "hamming" is 0.54 + 0.46 cos(2 pi distance/length): side lobes of -41 dB for 1.34 dB of SNR. It is nowhere
    zero, so that it can be divided out again before a peak is refined.
    """
    if name == "rectangular":
        return np.ones(len(distance))
    if name == "hamming":
        return 0.54 + 0.46 * np.cos(2.0 * np.pi * distance / length)
    raise ValueError(f"window is {name!r}, expected one of {', '.join(WINDOWS)}")


def transmitted_products(received: np.ndarray, transmitted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Z = Y conj(X) and P = |X|^2, all that a map takes from the samples.

    Parameters
    ----------
    received : ndarray, complex [antennas, slow times, cells]
    transmitted : ndarray, complex [slow times, cells]

    Returns
    -------
    products : ndarray, complex [antennas, slow times, cells]
    power : ndarray, float [slow times, cells]
    """
    return received * np.conj(transmitted), np.abs(transmitted) ** 2


def remove_leakage(products: np.ndarray, power: np.ndarray, removal: str) -> np.ndarray:
    """Take what does not move out of Z, by least squares for each antenna.

    "zero_delay" fits Y = a X with one a: the leakage from transmitter to receiver. "static" fits
    Y[m, k] = h[k] X[m, k], any delays: clutter too, and targets that stand still.
    """
    tiny = np.finfo(np.float64).tiny
    if removal == "none":
        return products
    if removal == "zero_delay":
        gain = products.sum(axis=(1, 2), keepdims=True) / max(power.sum(), tiny)
        return products - gain * power
    if removal == "static":
        gain = products.sum(axis=1, keepdims=True) / np.maximum(power.sum(axis=0), tiny)
        return products - gain * power
    raise ValueError(f"leakage removal is {removal!r}, expected one of {', '.join(LEAKAGE_REMOVALS)}")


def divided_cells(products: np.ndarray, power: np.ndarray, regularisation: float) -> np.ndarray:
    """Regularised division Z/(P + lambda mean P), scaled to the noise variance of Y where a cell is sent.

    lambda = 0 is plain division: flat cells, but noise without bound where |X| is small. lambda = inf is the
    matched filter Z: least noise, with side lobes from the random |X|^2. For symbols that are complex
    Gaussian the loss of SNR against the matched filter is 0.7 dB at lambda = 1 and 2.8 dB at 0.1; the
    pedestal beside a target falls by 5 and 12 dB. With constant |X| nothing changes.

    With finite lambda each observation is brought to the same gain: symbols of constant modulus (header) and
    of random modulus (images) would else weigh slow time and give an echo side lobes in Doppler.
    """
    occupied = power > 0.0
    mean = power[occupied].mean() if occupied.any() else 1.0
    if np.isinf(regularisation):
        weight = np.full_like(power, 1.0 / mean)
    else:
        weight = np.where(occupied, 1.0 / np.where(occupied, power + regularisation * mean, 1.0), 0.0)
        gain = (weight * power).sum(axis=1, keepdims=True)
        weight = np.divide(weight, gain, out=np.zeros_like(weight), where=gain > 0.0)
    noise = (weight**2 * power)[occupied].mean() if occupied.any() else 1.0
    return products * (weight / np.sqrt(noise))


def range_doppler_map(cells: np.ndarray, geometry: MapGeometry) -> np.ndarray:
    """Two-dimensional transform of cells.

    map[a, d, r] = scale sum_m sum_k w[m] w[k] cells[a, m, k] exp(j 2 pi k r/R) exp(-j 2 pi m (d - D/2)/D)

    Parameters
    ----------
    cells : ndarray, complex [antennas, slow_times, range_bins]
        Frequency in the order of the FFT.

    Returns
    -------
    ndarray, complex [antennas, doppler_bins, range_bins]
        Row d is the Doppler (d - D/2)/(D T), column r the delay r/(R df). Cells of noise variance
        ``geometry.spectrum`` give noise variance 1.
    """
    weights = geometry.doppler_weights[:, None] * geometry.range_weights
    ranges = np.fft.ifft(cells * weights, axis=2) * geometry.range_bins
    rows = np.fft.fft(ranges, geometry.doppler_bins, axis=1)
    return np.fft.fftshift(rows, axes=1) * geometry.scale


def cells_of_map(rd_map: np.ndarray, geometry: MapGeometry) -> np.ndarray:
    """The cells that gave a map, windows undone; complex [antennas, slow_times, range_bins]."""
    rows = np.fft.ifft(np.fft.ifftshift(rd_map, axes=1), axis=1)[:, : geometry.slow_times]
    cells = np.fft.fft(rows, axis=2) / geometry.range_bins / geometry.scale
    weights = geometry.doppler_weights[:, None] * geometry.range_weights
    return np.divide(cells, weights, out=np.zeros_like(cells), where=weights > 0.0)


def ofdm_spectra(samples: np.ndarray, first: np.ndarray, fft_size: int, used: np.ndarray) -> np.ndarray:
    """Unitary FFT of OFDM symbols, unused subcarriers zeroed.

    Parameters
    ----------
    samples : ndarray, complex [..., time]
    first : ndarray, int [symbols]
        First sample of each symbol behind its prefix.
    used : ndarray, bool [fft_size]
        In the order of the FFT.

    Returns
    -------
    ndarray, complex [..., symbols, fft_size]
    """
    windows = samples[..., np.asarray(first)[:, None] + np.arange(fft_size)]
    return np.fft.fft(windows, axis=-1) / np.sqrt(fft_size) * used


def pulse_spectra(samples: np.ndarray, first: np.ndarray, length: int, range_bins: int) -> np.ndarray:
    """FFT of a pulse and what follows it, zero-padded to range_bins; complex [..., pulses, range_bins]."""
    windows = samples[..., np.asarray(first)[:, None] + np.arange(length)]
    return np.fft.fft(windows, range_bins, axis=-1)


def zero_padded(cells: np.ndarray, range_bins: int) -> np.ndarray:
    """Cells on a finer range grid: zeros put between the highest and the lowest frequency."""
    size = cells.shape[-1]
    if range_bins < size or range_bins % 2:
        raise ValueError(f"range_bins is {range_bins}, expected an even number of at least {size}")
    padded = np.zeros((*cells.shape[:-1], range_bins), dtype=cells.dtype)
    padded[..., : size // 2] = cells[..., : size // 2]
    padded[..., range_bins - size // 2 :] = cells[..., size // 2 :]
    return padded
