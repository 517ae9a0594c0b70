# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Maximum-likelihood delay, Doppler and angle of a point target: oversampled start, then Newton.

The cells are C[a, m, k] = A s[k] exp(j 2 pi (-k p_r + m p_d + a p_a)) + noise of variance s[k]; p_r = df tau,
p_d = T f and p_a = d sin(azimuth) are frequencies in cycles a cell. Their likelihood is greatest where

    L(p) = |S(p)|^2,  S(p) = sum C[a, m, k] exp(-j 2 pi (-k p_r + m p_d + a p_a))

is, whatever s (Kay, Fundamentals of Statistical Signal Processing, vol. I, example 7.16). With x_i the
coordinate of parameter i and S_i = sum x_i C exp(...), S_ij alike,

    dL/dp_i = 4 pi Im(conj(S) S_i),   d2L/dp_i dp_j = 8 pi^2 Re(conj(S_j) S_i - conj(S) S_ij).

Where the mean over slow time was taken out of the cells (``static_removed``), so was that of the echo: of
exp(j 2 pi m p_d) less its mean D(p_d) the share g = 1 - D^2 of the energy is left, and the likelihood is
|S|^2/g.
"""

from __future__ import annotations

import math

import numpy as np

from .range_doppler import MapGeometry

NEWTON_STEPS = 12
CONVERGED = 1e-6  # step in cycles over the whole axis: far below any bound that single precision can reach
ANGLE_OVERSAMPLING = 8
LEAST_DOPPLER = 1e-3  # resolution cells from speed zero at which what stands still can be told apart
LEAST_KEPT = 1e-2  # of an echo's energy: nearer to leakage nothing is told apart from it
START_OFFSETS = np.array([-0.5, -0.25, 0.0, 0.25, 0.5])  # of a bin of the map


def coordinates(geometry: MapGeometry) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinate of each cell for delay (-k), Doppler (m) and angle (a), centred at 0."""
    delay = -geometry.frequency_index.astype(np.float64)
    delay -= np.average(delay, weights=geometry.spectrum)
    doppler = np.arange(geometry.slow_times) - (geometry.slow_times - 1) / 2.0
    angle = np.arange(geometry.antennas) - (geometry.antennas - 1) / 2.0
    return delay, doppler, angle


def extents(geometry: MapGeometry) -> np.ndarray:
    """Occupied length of each axis in cells, float [3]: one over it is the resolution in cycles a cell."""
    occupied = geometry.frequency_index[geometry.spectrum > 0.0]
    return np.array([occupied.max() - occupied.min() + 1.0, geometry.slow_times, geometry.antennas])


def wave(geometry: MapGeometry, frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """exp(j 2 pi x p) along each axis, for p = (p_r, p_d, p_a)."""
    return tuple(
        np.exp(2j * np.pi * axis * p) for axis, p in zip(coordinates(geometry), frequency, strict=True)
    )


def correlation(cells: np.ndarray, geometry: MapGeometry, frequency: np.ndarray) -> complex:
    """S(p)."""
    delay, doppler, angle = wave(geometry, frequency)
    return complex(np.conj(angle) @ ((cells @ np.conj(delay)) @ np.conj(doppler)))


def moments(cells: np.ndarray, geometry: MapGeometry, frequency: np.ndarray):
    """S, S_i [3] and S_ij [3, 3] at p; the long axis, delay, is summed first."""
    powers = []
    for axis, turn in zip(coordinates(geometry), wave(geometry, frequency), strict=True):
        powers.append(np.conj(turn) * axis ** np.arange(3)[:, None])  # [order 0 ... 2, cells of the axis]
    sums = np.einsum("amr,dm->adr", cells @ powers[0].T, powers[1])
    sums = np.einsum("adr,na->rdn", sums, powers[2])  # orders along delay, Doppler, angle
    unit = np.eye(3, dtype=np.int64)
    first = np.array([sums[tuple(unit[i])] for i in range(3)])
    second = np.array([[sums[tuple(unit[i] + unit[j])] for j in range(3)] for i in range(3)])
    return sums[0, 0, 0], first, second


def kept_share(geometry: MapGeometry, doppler: float) -> tuple[float, float, float]:
    """Share g(p_d) of an echo's energy that is in the cells, and its first two derivatives; 1 but for
    ``static_removed``, see the module's text. Not below that of a thousandth of a resolution cell.
    """
    if not geometry.static_removed:
        return 1.0, 0.0, 0.0
    mean, slope, curvature = _mean_wave(geometry, doppler)
    return 1.0 - mean**2, -2.0 * mean * slope, -2.0 * (slope**2 + mean * curvature)


def kept_energy(geometry: MapGeometry, frequency: np.ndarray) -> float:
    """Share of an echo's energy that the removal of leakage left in the cells."""
    if geometry.zero_delay_removed:
        return max(1.0 - abs(_mean_cell(geometry, frequency)) ** 2, LEAST_KEPT)
    return kept_share(geometry, frequency[1])[0]


def without_leakage(cells: np.ndarray, geometry: MapGeometry) -> np.ndarray:
    """Cells without the mean that the removal of leakage takes out; symbols of random power leave some."""
    if geometry.zero_delay_removed:
        weight = geometry.slow_times * geometry.spectrum.sum()
        return cells - cells.sum(axis=(1, 2), keepdims=True) / weight * geometry.spectrum
    if geometry.static_removed:
        return cells - cells.mean(axis=1, keepdims=True)
    return cells


def _mean_cell(geometry: MapGeometry, frequency: np.ndarray) -> complex:
    """Mean of exp(j 2 pi x p) over frequency, weighted by the spectrum, and slow time."""
    delay, doppler, _ = wave(geometry, frequency)
    return complex(doppler.mean() * np.average(delay, weights=geometry.spectrum))


def doppler_spread(geometry: MapGeometry, doppler: float) -> float:
    """V of the bound of p_d (see ``radar_bounds``), for the SNR of what is left of the echo.

    Without ``static_removed`` the mean square of the coordinates; else, with the amplitude unknown,
    (V - D'^2/((2 pi)^2 g))/g.
    """
    axis = coordinates(geometry)[1]
    spread = float(np.mean(axis**2))
    if not geometry.static_removed or spread == 0.0:
        return spread
    mean, slope, _ = _mean_wave(geometry, doppler)
    kept = 1.0 - mean**2
    return (spread - slope**2 / (4.0 * np.pi**2 * kept)) / kept


def _mean_wave(geometry: MapGeometry, doppler: float) -> tuple[float, float, float]:
    """Mean D of exp(j 2 pi m p_d) over slow time, real for it is centred, and its first two derivatives."""
    least = LEAST_DOPPLER / geometry.slow_times
    doppler = (doppler + 0.5) % 1.0 - 0.5
    if abs(doppler) < least:
        doppler = math.copysign(least, doppler)
    turn = 2.0 * np.pi * coordinates(geometry)[1]
    cosine, sine = np.cos(turn * doppler), np.sin(turn * doppler)
    return float(cosine.mean()), float(-(turn * sine).mean()), float(-(turn**2 * cosine).mean())


def start(rd_map: np.ndarray, cells: np.ndarray, geometry: MapGeometry, row: int, column: int) -> np.ndarray:
    """Frequencies p [3] near the peak at a cell of the map: quarter bins, angle by a padded FFT."""
    angle = 0.0
    if geometry.antennas > 1:
        size = ANGLE_OVERSAMPLING * geometry.antennas
        angle = int(np.abs(np.fft.fft(rd_map[:, row, column], size)).argmax()) / size
        angle -= angle >= 0.5
    delay_axis, doppler_axis, angle_axis = coordinates(geometry)
    delays = (column + START_OFFSETS) / geometry.range_bins
    dopplers = (row - geometry.doppler_bins // 2 + START_OFFSETS) / geometry.doppler_bins
    if geometry.slow_times == 1:
        dopplers = np.zeros(1)  # every row is the same
    beam = np.tensordot(np.exp(-2j * np.pi * angle_axis * angle), cells, 1)
    near = np.exp(-2j * np.pi * dopplers[:, None] * doppler_axis) @ (
        beam @ np.exp(-2j * np.pi * delay_axis[:, None] * delays)
    )
    likelihood = np.abs(near) ** 2 / np.array([kept_share(geometry, p)[0] for p in dopplers])[:, None]
    best = np.unravel_index(likelihood.argmax(), near.shape)
    return np.array([delays[best[1]], dopplers[best[0]], angle])


def refine(cells: np.ndarray, geometry: MapGeometry, frequency: np.ndarray) -> np.ndarray:
    """Frequencies p [3] at the maximum of L near a start.

    A Newton step where L is concave, else one of Fisher scoring; no step is longer than half a resolution
    cell, and one that loses likelihood is halved.
    """
    size = extents(geometry)
    free = [0, 1, 2] if geometry.antennas > 1 else [0, 1]
    free = [axis for axis in free if size[axis] > 1]
    spread = np.array([np.average(axis**2) for axis in coordinates(geometry)])
    spread[0] = np.average(coordinates(geometry)[0] ** 2, weights=geometry.spectrum)
    for _ in range(NEWTON_STEPS):
        likelihood, gradient, hessian = _likelihood(cells, geometry, frequency)
        gradient, hessian = gradient[free], hessian[np.ix_(free, free)]
        if np.linalg.eigvalsh(hessian)[-1] < 0.0:
            step = -np.linalg.solve(hessian, gradient)
        else:
            step = gradient / (8.0 * np.pi**2 * likelihood * spread[free])
        step *= min(1.0, float((0.5 / (np.abs(step) * size[free] + 1e-30)).min()))
        full = np.zeros(3)
        full[free] = step
        for _ in range(6):
            next_kept = kept_share(geometry, frequency[1] + full[1])[0]
            if abs(correlation(cells, geometry, frequency + full)) ** 2 / next_kept >= likelihood:
                break
            full /= 2.0
        frequency = frequency + full
        if (np.abs(full) * size).max() < CONVERGED:
            break
    return frequency


def _likelihood(cells: np.ndarray, geometry: MapGeometry, frequency: np.ndarray):
    """|S|^2/g, its gradient [3] and its Hessian [3, 3]."""
    sum0, first, second = moments(cells, geometry, frequency)
    power = abs(sum0) ** 2
    gradient = 4.0 * np.pi * (np.conj(sum0) * first).imag
    hessian = 8.0 * np.pi**2 * (np.outer(np.conj(first), first) - np.conj(sum0) * second).real
    kept, slope, curvature = kept_share(geometry, frequency[1])
    turn, bend = -slope / kept**2, 2.0 * slope**2 / kept**3 - curvature / kept**2  # derivatives of 1/g
    doppler = np.array([0.0, 1.0, 0.0])
    mixed = turn * (np.outer(gradient, doppler) + np.outer(doppler, gradient))
    hessian = hessian / kept + mixed + power * bend * np.outer(doppler, doppler)
    return power / kept, gradient / kept + power * turn * doppler, hessian


def echo_cells(geometry: MapGeometry, frequency: np.ndarray, amplitude: complex) -> np.ndarray:
    """The cells A s[k] exp(j 2 pi x p) that a target leaves, complex [antennas, slow_times, range_bins]."""
    delay, doppler, angle = wave(geometry, frequency)
    if geometry.static_removed:
        doppler = doppler - doppler.mean()
    if geometry.zero_delay_removed:
        cells = (doppler[:, None] * delay - _mean_cell(geometry, frequency)) * geometry.spectrum
        return amplitude * angle[:, None, None] * cells
    return amplitude * angle[:, None, None] * doppler[:, None] * (delay * geometry.spectrum)


def fitted_amplitude(cells: np.ndarray, geometry: MapGeometry, frequency: np.ndarray) -> complex:
    """Least-squares A at frequencies p."""
    weight = geometry.antennas * geometry.slow_times * geometry.spectrum.sum()
    return correlation(cells, geometry, frequency) / (weight * kept_energy(geometry, frequency))
