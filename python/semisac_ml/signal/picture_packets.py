# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets of a picture's code: what travels in a frame in the place of an image.

The code of a picture is real values, (channels, rows, columns), of which the first channels are sent. These
values go through a fixed permutation and two by two, a and b, to complex symbols (a + jb)/sqrt(2), which are
cut into packets of channel_uses symbols; the last packet is filled with symbols of the first. As values of
all places and channels meet in a packet at random, a packet that is lost thins the code of the whole picture
out, and the decoder fills it in from what is around; no part of the picture is missing.

The permutation sorts the words of Philox of (seed, Stream.PICTURE_PACKETS), of which the seed holds rows,
columns and sent channels: whoever knows these three knows it.

A packet says itself where it belongs, by its frame_id:

| bits | field |
|---|---|
| from 16 up | number of the picture |
| 13 to 15 | which of the bundle's numbers of sent channels it has |
| 0 to 12 | number of the packet in the picture |

The frame's header carries the lower 32 bits of it behind a checksum, so that a receiver learns the bandwidth
of each picture from any packet of it. Packets beyond those of the code are its first ones again: they fill
the frame that the last packets of a picture began.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .complex_pairs import as_complex, as_pairs
from .random_stream import Stream, sample_words

PACKET_BITS, RATIO_BITS = 13, 3
MOST_PACKETS = 1 << PACKET_BITS
MOST_RATIOS = 1 << RATIO_BITS
MOST_PICTURES = 1 << 63 - PACKET_BITS - RATIO_BITS  # numbers, of ids that int64 can hold


def packet_count(shape: tuple[int, int, int], sent_channels: int, channel_uses: int) -> int:
    """Packets of one picture.

    shape: (channels, rows, columns) of the code. Raises ValueError for more than an id can count.
    """
    channels, rows, columns = shape
    if not 1 <= sent_channels <= channels:
        raise ValueError(f"sent_channels is {sent_channels}, expected 1 to {channels}, those of the code")
    packets = -(-(sent_channels * rows * columns) // (2 * channel_uses))
    if packets > MOST_PACKETS:
        raise ValueError(
            f"a picture has {packets} packets, expected at most {MOST_PACKETS}: send a smaller picture"
        )
    return packets


def packet_ids(picture: int, ratio: int, packets: int) -> np.ndarray:
    """frame_id of the packets of a picture, uint64 [packets].

    ratio: place of its number of sent channels in the bundle's list. Raises ValueError for a ratio or a
    number of packets that an id cannot hold.
    """
    if not 0 <= ratio < MOST_RATIOS:
        raise ValueError(f"ratio is {ratio}, expected 0 to {MOST_RATIOS - 1}")
    if not 0 <= packets <= MOST_PACKETS:
        raise ValueError(f"packets are {packets}, expected 0 to {MOST_PACKETS}: fewer in a frame")
    first = (picture << RATIO_BITS | ratio) << PACKET_BITS
    return np.arange(first, first + packets, dtype=np.uint64)


def parts_of_ids(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, ratio and packet that ids (int64) say, int64 each."""
    return ids >> (PACKET_BITS + RATIO_BITS), ids >> PACKET_BITS & (MOST_RATIOS - 1), ids & (MOST_PACKETS - 1)


@lru_cache(maxsize=16)
def permutation(rows: int, columns: int, sent_channels: int) -> np.ndarray:
    """Place in the sent code (channel, then row, then column) of each value in the order of sending, int64
    [values].
    """
    seed = (rows << 20 | columns) << 16 | sent_channels
    words = sample_words(seed, Stream.PICTURE_PACKETS, 0, sent_channels * rows * columns)
    order = np.argsort(words, kind="stable")
    order.flags.writeable = False
    return order


def packets_of(code: np.ndarray, sent_channels: int, channel_uses: int) -> np.ndarray:
    """Packets of one picture.

    Parameters
    ----------
    code : ndarray, float [channels, rows, columns]
        Of mean square 1 over the first sent_channels.
    sent_channels : int
    channel_uses : int
        Complex symbols of a packet.

    Returns
    -------
    ndarray, complex64 [packets, channel_uses]
        Of mean power 1 over the picture.
    """
    packets = packet_count(code.shape, sent_channels, channel_uses)
    order = permutation(*code.shape[1:], sent_channels)
    values = np.resize(code[:sent_channels].ravel()[order], packets * 2 * channel_uses)
    scaled = values.astype(np.float32) * np.float32(np.sqrt(0.5))
    return as_complex(scaled.reshape(packets, channel_uses, 2))


def code_of(
    packets: np.ndarray,
    came: np.ndarray,
    snr_db: np.ndarray,
    shape: tuple[int, int, int],
    sent_channels: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Code of one picture from the packets that came.

    Values that came twice, those that fill the last packet, are averaged with weights of their SNR, and their
    SNR is the sum.

    Parameters
    ----------
    packets : ndarray, complex64 [packets, channel_uses]
        Received, y = x + w; what stands where nothing came does not matter.
    came : ndarray, bool [packets]
    snr_db : ndarray, float [packets]
        Es/N0 of each packet.
    shape : (channels, rows, columns) of the code.
    sent_channels : int

    Returns
    -------
    received : ndarray, float32 of that shape
        0 where nothing came.
    worth : ndarray, float32 of that shape
        snr / (1 + snr) of each value, 0 where nothing came.

    Raises
    ------
    ValueError
        If the number of packets is not that of such a picture.
    """
    channels, rows, columns = shape
    channel_uses = packets.shape[1]
    expected = packet_count(shape, sent_channels, channel_uses)
    if len(packets) != expected:
        raise ValueError(f"packets are {len(packets)}, expected {expected} of a picture of this size")
    snr = np.where(came, 10.0 ** (np.asarray(snr_db, np.float64) / 10.0), 0.0).astype(np.float32)
    values = as_pairs(packets.astype(np.complex64, copy=False)) * np.float32(np.sqrt(2.0))
    values = np.where(came[:, None, None], values, np.float32(0.0)).ravel()
    snr_of_values = np.repeat(snr, 2 * channel_uses)
    count = sent_channels * rows * columns
    received, total = values[:count], snr_of_values[:count].copy()
    again = len(values) - count  # fewer than a packet holds, but more than the code where it is tiny
    if again:
        received = received.copy()
        weighted, place = received * total, np.arange(count, len(values)) % count
        np.add.at(weighted, place, values[count:] * snr_of_values[count:])
        np.add.at(total, place, snr_of_values[count:])
        twice = np.unique(place)
        received[twice] = weighted[twice] / np.maximum(total[twice], np.float32(1e-30))
    order = permutation(rows, columns, sent_channels)
    code, worth = np.zeros((2, channels * rows * columns), np.float32)
    code[order] = received
    worth[order] = total / (1.0 + total)
    return code.reshape(shape), worth.reshape(shape)
