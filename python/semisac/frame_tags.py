# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stream tags that travel with every frame, read for many items at once.

One item is one frame, and its tags sit at the item's own offset. ``frame_id`` grows by one for every image
that leaves ``image_source``; a block that loses a frame leaves a gap and never renumbers, so that every
output can be tied to its image.

| key | value | written by |
|---|---|---|
| frame_id | uint64, strictly increasing | image_source |
| label | long, class of the image, -1 unknown | image_source |
| tx_time | double, seconds since the epoch when the image left | image_source |
| snr_db, noise_var | double, mean Es/N0 and noise power of each channel use | fading_channel |
| channel_gain | complex, h of the frame | fading_channel |
| sensing_snr_db | double, echo SNR of the nearest range | echo_channel |
| target_hypothesis | long, 0 no target, 1 + r target in range r | echo_channel |
"""

from __future__ import annotations

import numpy as np
import pmt

from . import semisac_python
from .semisac_python import read_complex_tags, read_double_tags, read_integer_tags

FRAME_ID = pmt.intern("frame_id")
LABEL = pmt.intern("label")
TX_TIME = pmt.intern("tx_time")
SNR_DB = pmt.intern("snr_db")
NOISE_VAR = pmt.intern("noise_var")
CHANNEL_GAIN = pmt.intern("channel_gain")
SENSING_SNR_DB = pmt.intern("sensing_snr_db")
TARGET_HYPOTHESIS = pmt.intern("target_hypothesis")


class FrameTagError(RuntimeError):
    """An item came without a tag that its block cannot do without."""


def _held(items: np.ndarray, values: np.ndarray, count: int, last) -> np.ndarray:
    """One value an item: one without the tag keeps that of the item before it, the first keeps `last`."""
    if len(items) == count and np.array_equal(items, np.arange(count)):
        return values
    position = np.searchsorted(items, np.arange(count), side="right")
    return np.concatenate([np.asarray([last], dtype=values.dtype), values])[position]


def read_doubles(block, port: int, count: int, key, last: float) -> np.ndarray:
    """Real tag of each of the first `count` items, float32 [count]; a missing one keeps the last."""
    items, values = read_double_tags(block.gateway, port, count, key)
    return _held(items, values, count, last).astype(np.float32)


def read_times(block, port: int, count: int) -> np.ndarray:
    """tx_time of each of the first `count` items, float64 [count], seconds; NaN where it is missing."""
    return _exact(*read_double_tags(block.gateway, port, count, TX_TIME), count, np.nan)


def read_longs(block, port: int, count: int, key, missing: int = -1) -> np.ndarray:
    """Integer tag of each of the first `count` items, int64 [count]; `missing` where there is none."""
    return _exact(*read_integer_tags(block.gateway, port, count, key), count, missing)


def read_complex(block, port: int, count: int, key, last: complex) -> np.ndarray:
    """Complex tag of each of the first `count` items, complex64 [count]; a missing one keeps the last."""
    items, values = read_complex_tags(block.gateway, port, count, key)
    return _held(items, values, count, last).astype(np.complex64)


def _exact(items: np.ndarray, values: np.ndarray, count: int, missing) -> np.ndarray:
    if len(items) == count and np.array_equal(items, np.arange(count)):
        return values
    filled = np.full(count, missing, dtype=values.dtype)
    filled[items] = values
    return filled


def read_frame_ids(block, port: int, count: int) -> np.ndarray:
    """frame_id of each of the first `count` items of this work call, int64 [count].

    The ids of a stream strictly increase: when the last is the first plus count - 1, none is missing in
    between and the tags need not be read one by one.

    Raises
    ------
    FrameTagError
        An item carries no frame_id.
    """
    if count == 0:
        return np.empty(0, np.int64)
    first = _frame_id_at(block, port, 0)
    last = _frame_id_at(block, port, count - 1)
    if last - first == count - 1:
        return np.arange(first, last + 1)
    items, values = read_integer_tags(block.gateway, port, count, FRAME_ID)
    ids = _exact(items, values, count, -1)
    if ids.min() < 0:
        _raise_missing(block, port, int(np.argmin(ids)))
    return ids


def _frame_id_at(block, port: int, item: int) -> int:
    tags = block.get_tags_in_window(port, item, item + 1, FRAME_ID)
    if not tags:
        _raise_missing(block, port, item)
    return pmt.to_uint64(tags[-1].value)


def _raise_missing(block, port: int, item: int) -> None:
    raise FrameTagError(
        f"{block.name()}: item {block.nitems_read(port) + item} of input {port} has no frame_id tag, "
        "expected one on every item: start the flowgraph at an image_source and keep its tags"
    )


def copy_tags(block, from_port: int, items: np.ndarray, to_port: int = 0) -> None:
    """Put every tag of the chosen input items (increasing, relative to this call) on outputs 0, 1, 2, ..."""
    semisac_python.copy_tags(block.gateway, from_port, items, to_port)
