# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference of the C++ block ``echo_processor``: samples sent and received to echo vectors and maps."""

from __future__ import annotations

import numpy as np

from .frame_mapping import body_cells, pn_signs
from .radar_bounds import SPEED_OF_LIGHT_MPS
from .radar_parameters import RadarParameters
from .range_doppler import (
    divided_cells,
    ofdm_spectra,
    pulse_spectra,
    range_doppler_map,
    remove_leakage,
    transmitted_products,
    zero_padded,
)

NOISE_FRAMES = 32
"""Frames over which the noise variance is averaged: the 33rd counts 1/32, and so on."""
MOST_LEAP = 100.0
"""Times the mean that a single frame's variance counts at most."""


def symbol_spectra(samples: np.ndarray, parameters: RadarParameters) -> np.ndarray:
    """Unitary FFT of all symbols of a frame, complex [..., header and body symbols, fft_size]."""
    frame = parameters.frame
    first = np.array(
        [
            frame.symbol_start(symbol) + frame.prefix_samples
            for symbol in range(frame.header_symbols + frame.body_symbols)
        ]
    )
    return ofdm_spectra(samples, first, frame.fft_size, np.ones(frame.fft_size))


def guard_noise_variance(received: np.ndarray, parameters: RadarParameters) -> float:
    """Mean power on the subcarriers at the edges that carry nothing, over symbols and antennas of a frame."""
    frame = parameters.frame
    edge = frame.fft_size // 2 - frame.guard_subcarriers
    index = np.abs(np.fft.fftfreq(frame.fft_size, 1.0 / frame.fft_size).round())
    spectra = symbol_spectra(received, parameters)
    return float(np.mean(np.abs(spectra[..., index > edge]) ** 2))


def averaged_noise_variance(variances: np.ndarray) -> np.ndarray:
    """Running mean that becomes an exponential one: weight 1/n for frame n up to NOISE_FRAMES.

    A variance that is not finite or not above 0 is left out, and each counts as MOST_LEAP times the mean at
    most: a damaged frame does not spoil what comes behind it.
    """
    means = np.empty(len(variances))
    mean, count = 0.0, 0
    for frame, variance in enumerate(variances):
        if np.isfinite(variance) and variance > 0.0:
            count = min(count + 1, NOISE_FRAMES)
            mean += ((min(variance, MOST_LEAP * mean) if mean > 0.0 else variance) - mean) / count
        means[frame] = mean
    return means


def echo_vectors(
    received: np.ndarray,
    parameters: RadarParameters,
    delay_samples: float = 0.0,
    noise_variance: float = 1.0,
    velocity_mps: float = 0.0,
    leaking: np.ndarray | None = None,
) -> np.ndarray:
    """Symbols of all images as the echo brings them back, noise variance 1.

    y = g sqrt(snr) x + w where the echo comes delay_samples late from a target that closes in at
    velocity_mps; the cyclic prefix lets the delay be undone as a phase on each subcarrier, the Doppler shift
    is undone from symbol to symbol.

    Parameters
    ----------
    received : ndarray, complex [samples]
        A frame at the first antenna, from the moment it was sent.
    leaking : ndarray, complex [samples], optional
        The frame as transmitted: what comes of it without delay is taken out first, by least squares.

    Returns
    -------
    ndarray, complex [images_per_frame, channel_uses]
    """
    frame = parameters.frame
    used = frame.used_subcarriers
    symbols = np.arange(frame.header_symbols + frame.body_symbols)
    time = np.array([frame.symbol_start(symbol) for symbol in symbols]) + frame.prefix_samples
    doppler = 2.0 * velocity_mps * parameters.carrier_hz / SPEED_OF_LIGHT_MPS / frame.sample_rate_hz
    turn = np.exp(2j * np.pi * (used * delay_samples / frame.fft_size - doppler * time[:, None]))
    index = body_cells(frame)[0]
    cells = symbol_spectra(received, parameters)[:, used % frame.fft_size]
    if leaking is not None:
        sent = symbol_spectra(leaking, parameters)[:, used % frame.fft_size]
        images = sent.ravel()[index]
        cells = cells - np.vdot(images, cells.ravel()[index]) / np.vdot(images, images) * sent
    return (cells * turn * pn_signs(frame)).ravel()[index] / np.sqrt(noise_variance)


def without_leakage(transmitted: np.ndarray, received: np.ndarray, parameters: RadarParameters) -> np.ndarray:
    """Received samples without what comes of the transmitted ones at once, by least squares.

    Chirps are matched-filtered with nothing but the chirp; the symbols that leak in behind it would be noise.
    Fitted over the samples that are looked at, one complex gain for each antenna and frame.
    """
    looked_at = np.zeros(len(transmitted), dtype=bool)
    for pulse in range(max(parameters.frame.pulses, 1)):
        first = parameters.pulse_first(pulse)
        looked_at[first : first + parameters.pulse_length] = True
    sent = transmitted * looked_at
    gain = received @ np.conj(sent) / max(np.vdot(sent, sent).real, np.finfo(np.float32).tiny)
    return received - gain[:, None] * sent


def frame_products(
    transmitted: np.ndarray, received: np.ndarray, parameters: RadarParameters, leakage_removal: str = "none"
) -> tuple[np.ndarray, np.ndarray]:
    """Z and P of a frame's observations, summed in each group.

    Parameters
    ----------
    transmitted : ndarray, complex [samples]
    received : ndarray, complex [antennas, samples]
    leakage_removal : str
        Of chirps here, see :func:`without_leakage`; of symbols it is done behind.

    Returns
    -------
    products : ndarray, complex [antennas, observations, cells]
    power : ndarray, float [observations, cells]
        Cells are subcarriers, or frequencies of the range FFT.
    """
    if parameters.mode == "lfm":
        first = [parameters.pulse_first(pulse) for pulse in range(max(parameters.frame.pulses, 1))]
        length = parameters.pulse_length
        if leakage_removal != "none":
            received = without_leakage(transmitted, received, parameters)
        spectra = pulse_spectra(received, np.array(first), length, parameters.range_bins) / np.sqrt(length)
        sent = np.broadcast_to(parameters.chirp_spectrum, spectra.shape[1:])
    else:
        spectra = symbol_spectra(received, parameters)
        used = np.zeros(parameters.frame.fft_size)
        used[parameters.frame.used_subcarriers % parameters.frame.fft_size] = 1.0
        sent = symbol_spectra(transmitted, parameters) * used
    products, power = transmitted_products(spectra, sent)
    summed = [products[:, group].sum(axis=1) for group in parameters.groups]
    return np.stack(summed, axis=1), np.stack([power[group].sum(axis=0) for group in parameters.groups])


def frames_map(
    transmitted: np.ndarray,
    received: np.ndarray,
    parameters: RadarParameters,
    *,
    regularisation: float = 1.0,
    leakage_removal: str = "none",
    noise_variance: float = 1.0,
) -> np.ndarray:
    """Map of the frames of one interval; cells of noise alone have variance 1.

    Parameters
    ----------
    transmitted : ndarray, complex [frames_per_interval, samples]
    received : ndarray, complex [frames_per_interval, antennas, samples]
    regularisation : float
        Of the division by OFDM symbols, see :func:`divided_cells`; chirps are matched-filtered.

    Returns
    -------
    ndarray, complex [antennas, doppler_bins, range_bins]
    """
    parts = [
        frame_products(x, y, parameters, leakage_removal) for x, y in zip(transmitted, received, strict=True)
    ]
    products = np.concatenate([part[0] for part in parts], axis=1)
    power = np.concatenate([part[1] for part in parts], axis=0)
    if parameters.mode == "ofdm" or leakage_removal == "static":
        products = remove_leakage(products, power, leakage_removal)
    if parameters.mode == "lfm":
        cells = products / np.sqrt(power[power > 0.0].mean())
    else:
        cells = zero_padded(divided_cells(products, power, regularisation), parameters.range_bins)
    return range_doppler_map(cells / np.sqrt(noise_variance), parameters.geometry)
