# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the bits of the header and the symbols of the images lie in the cells of a frame.

A cell is one subcarrier of one OFDM symbol. Cells are counted symbol by symbol, in each from the lowest used
subcarrier up: cell s U + i is used subcarrier i of U in symbol s, and symbol 0 is the first of the header.
"""

from __future__ import annotations

import numpy as np

from .frame import CODED_HEADER_BITS, FrameParameters
from .random_stream import Stream

SIGN_SEED = 0
BIT_STEP = 89
"""Coded bits go to cells in steps of so many, prime to their number 236 = 4 * 59: neighbours part."""
REPETITION_STEP = 53
"""Each repetition begins so many bits later: the same bit meets other subcarriers."""


def pn_signs(parameters: FrameParameters) -> np.ndarray:
    """Signs by which all cells are multiplied, float64 [symbols, used subcarriers], -1 or 1.

    They part equal values on neighbouring subcarriers (pilots, images without noise), which would add up to
    peaks in time. The sign of subcarrier i of symbol s is that of bit i of the words of the random stream
    PN_SIGNS with seed 0 and frame index s, lowest bit of the first word first, 1 for minus.
    """
    symbols = parameters.header_symbols + parameters.body_symbols
    used = len(parameters.used_subcarriers)
    words = -(-used // 64)
    signs = np.empty((symbols, used))
    generator = np.random.Philox(key=np.array([SIGN_SEED, Stream.PN_SIGNS], np.uint64))
    state = generator.state
    for symbol in range(symbols):
        state["state"]["counter"][:] = (0, symbol, 0, 0)
        state["buffer_pos"] = 4
        generator.state = state
        bits = np.unpackbits(generator.random_raw(words).view(np.uint8), bitorder="little")
        signs[symbol] = 1.0 - 2.0 * bits[:used]
    return signs


def _data_cells(parameters: FrameParameters, first_symbol: int, symbols: int) -> np.ndarray:
    """Cells of some symbols that are no pilots, increasing."""
    used = np.arange(len(parameters.used_subcarriers))
    found = [
        symbol * len(used) + used[(used - symbol) % parameters.pilot_spacing != 0]
        for symbol in range(first_symbol, first_symbol + symbols)
    ]
    return np.concatenate(found)


def header_cells(parameters: FrameParameters) -> tuple[np.ndarray, np.ndarray]:
    """Cells of the header that carry bits, and the coded bit of each.

    Place j of repetition r = j // 236 carries bit (89 j + 53 r) mod 236. All cells are filled, beyond
    header_repetitions where they are not a multiple of the coded bits.

    Returns
    -------
    cells, bits : ndarray, int64 [places]
    """
    cells = _data_cells(parameters, 0, parameters.header_symbols)
    place = np.arange(len(cells))
    return cells, (BIT_STEP * place + REPETITION_STEP * (place // CODED_HEADER_BITS)) % CODED_HEADER_BITS


def body_cells(parameters: FrameParameters) -> tuple[np.ndarray, np.ndarray]:
    """Cell of each symbol of each image, and the cells that are left over.

    The cells of the body are put in the order of their subcarriers, and among those of one subcarrier in that
    of time. Symbol u of image i of a full frame of I images then takes place floor((u I + i) M / L) of the M
    cells, L = I channel_uses: each image has its symbols at equal distances over the whole band.

    Returns
    -------
    cells : ndarray, int64 [images_per_frame, channel_uses]
    unused : ndarray, int64 [body_cells - images_per_frame * channel_uses]
        Filled with ones, times the signs.
    """
    cells = _data_cells(parameters, parameters.header_symbols, parameters.body_symbols)
    position = cells % len(parameters.used_subcarriers)
    by_frequency = cells[np.argsort(position, kind="stable")]
    images, uses = parameters.images_per_frame, parameters.channel_uses
    rank = np.arange(uses)[None, :] * images + np.arange(images)[:, None]
    place = rank * len(cells) // (images * uses)
    return by_frequency[place], np.delete(by_frequency, place.ravel())
