# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference of the C++ block ``frame_modulator``: images' symbols to the samples of a frame.

Every used subcarrier carries E|x|^2 = 1 and the Fourier transform is unitary, so that white noise of variance
N0 a sample is noise of variance N0 on each subcarrier. Chirps have modulus 1.
"""

from __future__ import annotations

import numpy as np

from .frame import FrameParameters
from .frame_header import FrameHeader, coded_header, parameters_checksum
from .frame_mapping import body_cells, header_cells, pn_signs
from .lfm import frame_chirp


def frame_grid(
    symbols: np.ndarray, parameters: FrameParameters, frame_id: int = 0, bundle_fingerprint: int = 0
) -> np.ndarray:
    """Values of all cells of a frame.

    Parameters
    ----------
    symbols : ndarray, complex [images, channel_uses]
        One row an image, unit mean power; at most images_per_frame of them, at least one. The cells of
        images that are missing hold ones, times the signs.
    frame_id : int
        Id of the first image.
    bundle_fingerprint : int
        24 bits, see frame_header.

    Returns
    -------
    ndarray, complex128 [header_symbols + body_symbols, used subcarriers]

    Raises
    ------
    ValueError
        If symbols have another shape.
    """
    symbols = np.asarray(symbols)
    images, uses = parameters.images_per_frame, parameters.channel_uses
    if symbols.ndim != 2 or not 1 <= len(symbols) <= images or symbols.shape[1] != uses:
        raise ValueError(
            f"symbols have shape {symbols.shape}, expected [1 to {images}, {uses}]: give one row an image"
        )
    signs = pn_signs(parameters)
    grid = np.ones(signs.size, np.complex128)
    header = FrameHeader(frame_id, len(symbols), bundle_fingerprint, parameters_checksum(parameters))
    cells, bits = header_cells(parameters)
    grid[cells] = 1.0 - 2.0 * coded_header(header)[bits]
    cells, _ = body_cells(parameters)
    grid[cells[: len(symbols)]] = symbols
    return grid.reshape(signs.shape) * signs


def modulate_symbols(grid: np.ndarray, parameters: FrameParameters) -> np.ndarray:
    """Samples of OFDM symbols with their prefixes, complex128 [symbols, symbol_samples]."""
    spectrum = np.zeros((len(grid), parameters.fft_size), np.complex128)
    spectrum[:, parameters.used_subcarriers % parameters.fft_size] = grid
    samples = np.fft.ifft(spectrum, norm="ortho", axis=1)
    return np.concatenate([samples[:, -parameters.prefix_samples :], samples], axis=1)


def modulate_frame(
    symbols: np.ndarray, parameters: FrameParameters, frame_id: int = 0, bundle_fingerprint: int = 0
) -> np.ndarray:
    """Samples of one frame, complex64 [frame_samples]; see :func:`frame_grid`."""
    pieces = modulate_symbols(frame_grid(symbols, parameters, frame_id, bundle_fingerprint), parameters)
    frame = np.zeros(parameters.frame_samples, np.complex128)
    chirp = frame_chirp(parameters)
    length = parameters.chirp_samples
    frame[:length] = chirp
    frame[length : 2 * length] = chirp.conj()
    for pulse in range(parameters.pulses):
        start = parameters.pulse_start(pulse)
        frame[start : start + length] = chirp
    for symbol, samples in enumerate(pieces):
        start = parameters.symbol_start(symbol)
        frame[start : start + len(samples)] = samples
    return frame.astype(np.complex64)
