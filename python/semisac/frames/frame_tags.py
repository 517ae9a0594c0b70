# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stream tags that travel with every frame, read for many items at once.

Tags come from anywhere: one whose value is of another kind than the table says, or not finite, is taken as
missing, and counted as a "strange tag" in the ``counts`` of the block that reads it.

One item is one frame, and its tags sit at the item's own offset. What is the same for many frames (snr_db,
noise_var, sensing_snr_db, and channel_gain without fading) is said once a work call and holds until the next.
``frame_id`` grows by one for every image that leaves ``image_source``; a block that loses a frame leaves a
gap and never renumbers, so that every output can be tied to its image. Where a transmitter begins anew, or a
recording is repeated, it goes back.

| key | value | written by |
|---|---|---|
| frame_id | uint64, strictly increasing | image_source |
| label | long, class of the image, -1 unknown | image_source |
| image_time | double, seconds since the epoch when the image left | image_source |
| snr_db, noise_var | double, mean Es/N0 and noise power of each channel use | fading_channel, \
frame_demodulator, mimo_ofdm_channel |
| channel_gain | complex, h of the frame; 1 once equalised | fading_channel, frame_demodulator |
| cfo_hz | double, carrier offset that was taken off | frame_synchronizer, frame_demodulator |
| gap | long, items that were lost from this one on | fading_channel |
| sensing_snr_db | double, echo SNR of the nearest range | echo_channel |
| target_hypothesis | long, 0 no target, 1 + r target in range r | echo_channel, target_emulator (0 or 1) |
| doppler_hz | double, largest Doppler shift of a user's paths | mimo_ofdm_channel (down) |
| precoder | c32vector, antennas x chains, where beams of OFDM symbols change | who sends over \
mimo_ofdm_channel |

Of pictures in packets each packet is a frame; its frame_id has fields (semisac_ml.signal.picture_packets).
The pictures themselves are numbered as by image_source:

| key | value | written by |
|---|---|---|
| picture_id | uint64, number of the picture, on its first packet | picture_encoder |
| packets_lost | long, of the picture | picture_decoder |
| sent_channels | long, channels of the code that were sent of the picture | picture_decoder |

On samples a frame of many images has its tags on its first sample, as long as it is a stream: frame_id (of
the first image), images (long) and packet_len (long, samples), written by frame_modulator. frame_synchronizer
gives each frame sample_index (uint64) and timing_samples (double), when it began.

On samples to and from a radio:

| key | value | written by |
|---|---|---|
| start_sample | uint64, when the frame is sent, in samples | frame_scheduler |
| tx_sob, tx_eob | true, first and last sample of a burst | frame_scheduler |
| tx_time | tuple (uint64 whole seconds, double fraction), when the frame is sent | frame_scheduler |
| rx_time, rx_rate | tuple as tx_time; double; first sample, and behind each loss | radio |
| gap | long, samples that were lost from this one on, zeros in their place | gap_filler, \
fading_channel |
| clock_set | long, samples by which times are ahead of their places from this sample on | gap_filler |
| lost | symbol, why the frame is not to be used: gap, late, underflow, alignment, ... | echo_aligner |
| realigned | double, new latency in samples | echo_aligner |
"""

from __future__ import annotations

import numpy as np
import pmt

from ..semisac_python import add_tags, call_tags
from ..work_errors import pass_over

# Beyond these networks compute with infinities.
MOST_SNR_DB = 100.0  # either way
MOST_GAIN = 1e6

FRAME_ID = pmt.intern("frame_id")
LABEL = pmt.intern("label")
IMAGE_TIME = pmt.intern("image_time")
SNR_DB = pmt.intern("snr_db")
NOISE_VAR = pmt.intern("noise_var")
CHANNEL_GAIN = pmt.intern("channel_gain")
CFO_HZ = pmt.intern("cfo_hz")
SENSING_SNR_DB = pmt.intern("sensing_snr_db")
TARGET_HYPOTHESIS = pmt.intern("target_hypothesis")
PICTURE_ID = pmt.intern("picture_id")
PACKETS_LOST = pmt.intern("packets_lost")
SENT_CHANNELS = pmt.intern("sent_channels")


class FrameTagError(RuntimeError):
    """An item came without a tag that its block cannot do without."""


class CallTags:
    """Tags on the first `count` items of an input in the work call that runs, read at once."""

    def __init__(self, block, port: int, count: int):
        self._block = block
        self._tags = call_tags(block.gateway, port, count)
        self._count = count
        self._strange = 0

    def longs(self, key, missing: int = -1) -> np.ndarray:
        """Integer of each item, int64 [count]; `missing` where there is none."""
        return self._exact(*self._read(self._tags.integers, key), missing)

    def doubles(self, key) -> np.ndarray:
        """Real value of each item, float64 [count]; NaN where there is none."""
        return self._exact(*self._read(self._tags.doubles, key), np.nan)

    def times(self) -> np.ndarray:
        """image_time of each item, float64 [count], seconds; NaN where it is missing."""
        return self.doubles(IMAGE_TIME)

    def held_doubles(self, key, last: float) -> np.ndarray:
        """Real value of each item, float32 [count]; a missing one keeps that of the item before, at first
        `last`.
        """
        return self._held(*self._read(self._tags.doubles, key), last).astype(np.float32)

    def held_snrs_db(self, key, last: float) -> np.ndarray:
        """The same of an SNR in dB, within +-100."""
        snr_db = self._held(*self._read(self._tags.doubles, key), last)
        return np.clip(snr_db, -MOST_SNR_DB, MOST_SNR_DB).astype(np.float32)

    def held_gains(self, last: complex) -> np.ndarray:
        """channel_gain of each item, complex64 [count]; a missing one, or one of more than 1e6, keeps that of
        the item before, at first `last`.
        """
        items, values = self._read(self._tags.complexes, CHANNEL_GAIN)
        sound = np.abs(values) <= MOST_GAIN
        return self._held(items[sound], values[sound], last).astype(np.complex64)

    def copy_to(self, block, items: np.ndarray, port: int = 0) -> None:
        """Put every tag of the chosen items (increasing) on outputs 0, 1, 2, ... of this call."""
        self._tags.copy_to(block.gateway, items, port)

    def _read(self, reader, key) -> tuple[np.ndarray, np.ndarray]:
        found = reader(key)
        new = self._tags.strange - self._strange
        if new:
            self._strange += new
            pass_over(self._block, "strange tags", f"the value of a tag {key} is none that it can have", new)
        return found

    def _exact(self, items: np.ndarray, values: np.ndarray, missing) -> np.ndarray:
        if len(items) == self._count:
            return values
        filled = np.full(self._count, missing, dtype=values.dtype)
        filled[items] = values
        return filled

    def _held(self, items: np.ndarray, values: np.ndarray, last) -> np.ndarray:
        if len(items) == self._count:
            return values
        position = np.searchsorted(items, np.arange(self._count), side="right")
        return np.concatenate([np.asarray([last], dtype=values.dtype), values])[position]


def tag_items(block, port: int, key, values: np.ndarray) -> None:
    """Put one tag on each item that this call writes; values uint64, int64 or float64 [items]."""
    add_tags(block.gateway, port, key, values)


def read_frame_ids(block, port: int, count: int) -> np.ndarray:
    """frame_id of each of the first `count` items of this work call, int64 [count].

    Raises
    ------
    FrameTagError
        An item carries no frame_id.
    """
    if count == 0:
        return np.empty(0, np.int64)
    ids = CallTags(block, port, count).longs(FRAME_ID)
    if ids.min() < 0:
        raise_missing(block, port, int(np.argmin(ids)))
    return ids


def seconds_of(value) -> float | None:
    """Seconds of a time as a radio gives it, tuple (whole, fraction); None for anything else."""
    if not pmt.is_tuple(value) or pmt.length(value) != 2:
        return None
    whole, fraction = pmt.to_python(value)
    if type(whole) is not int or not isinstance(fraction, float) or not np.isfinite(fraction):
        return None
    return whole + fraction


def raise_missing(block, port: int, item: int) -> None:
    """Raise FrameTagError for an item without a frame_id."""
    raise FrameTagError(
        f"{block.name()}: item {block.nitems_read(port) + item} of input {port} has no frame_id tag, "
        "expected one on every item: start the flowgraph at an image_source and keep its tags"
    )
