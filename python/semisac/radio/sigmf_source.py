# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.data import DataError
from semisac_ml.data.sigmf_recording import RecordedChannel, Recording

from ..work_errors import announces_error, ends_flow_on_error
from . import sigmf_tags

BUFFER_SAMPLES = 1 << 17
PACE_S = 0.01  # a paced source sends as many samples a call as this time holds


class sigmf_source(announces_error, gr.sync_block):
    """Replay a SigMF recording: the same samples, bit by bit, with the same tags on the same samples.

    Outputs 0...: samples, complex64, of each channel of the recording. Recordings of other programs are taken
    too, if their samples are complex; integers are scaled to a full scale of 1. Where their captures tell
    that samples were lost (core:global_index), or that the receiver was tuned, zeros stand in their place and
    the tag gap (long) says how many; a frame of a channel "sent" that this tears has the tag lost.

    path: of the recording, with or without the ending of one of its files.
    channels: number of outputs; the recording must have as many channels or more.
    paced: send at the recording's sample rate; else as fast as the flowgraph takes them.
    repeat: start again at the end, for ever. Tags are repeated, and so are numbers of frames in them.
    check_hash: read all samples before and compare their hash.

    Raises DataError when the recording is missing, cut off, no valid SigMF or has too few channels.
    """

    def __init__(self, path, channels=1, paced=False, repeat=False, check_hash=False):
        self.recording = Recording.open(path, bool(check_hash))
        chosen = self.recording.channels[: int(channels)]
        if len(chosen) != int(channels) or not chosen:
            raise ValueError(
                f"channels is {channels}, expected 1 to {len(self.recording.channels)}, those of "
                f"{self.recording.base}"
            )
        if paced and not self.recording.sample_rate_hz:
            raise ValueError(
                f"{self.recording.base} holds no core:sample_rate to pace it by: set paced to False"
            )
        gr.sync_block.__init__(self, "sigmf_source", None, [np.complex64] * len(chosen))
        torn = [(sample, {"key": "lost", "symbol": "gap"}) for sample in self.recording.frames_torn()]
        self._readers = [
            ChannelReader(channel, () if number else torn) for number, channel in enumerate(chosen)
        ]
        self._count = self.recording.sample_count
        self._paced = bool(paced)
        self._repeat = bool(repeat)
        self._sent = 0
        for port in range(len(chosen)):
            self.set_min_output_buffer(port, BUFFER_SAMPLES)

    def samples_sent(self) -> int:
        """Samples of each channel that have left so far."""
        return self._sent

    def start(self):
        self._sent = 0
        self._begin = time.monotonic()
        return True

    def _due(self) -> int:
        """Samples that the pace allows now; waits until there are enough to be worth a call."""
        rate = self.recording.sample_rate_hz
        enough = max(1, min(int(rate * PACE_S), self._count - self._sent % self._count))
        late = self._begin + (self._sent + enough) / rate - time.monotonic()
        if late > 0:
            time.sleep(late)
        return max(int((time.monotonic() - self._begin) * rate) - self._sent, 1)

    @ends_flow_on_error
    def work(self, input_items, output_items):
        place = self._sent % self._count if self._count else 0
        if self._count == 0 or (not self._repeat and self._sent >= self._count):
            return -1  # WORK_DONE
        count = min(len(output_items[0]), self._count - place)
        if self._paced:
            count = min(count, self._due())
        for port, reader in enumerate(self._readers):
            reader.channel.read(place, output_items[port][:count])
            written = self.nitems_written(port)
            for sample, key, value in reader.tags(place, count):
                self.add_item_tag(port, written + sample - place, key, value)
        self._sent += count
        return count


class ChannelReader:
    """A channel and its tags as PMT.

    more: (sample, tag) that the channel does not know of. Raises DataError for a tag without a known value.
    """

    def __init__(self, channel: RecordedChannel, more=()):
        self.channel = channel
        tags = sorted([*channel.tags(), *more], key=lambda entry: entry[0])
        try:
            self._tags = [(sample, pmt.intern(tag["key"]), sigmf_tags.from_json(tag)) for sample, tag in tags]
        except ValueError as error:
            raise DataError(f"{channel.data_file}: {error}: correct its metadata") from error
        self._tag_samples = np.array([tag[0] for tag in self._tags], np.int64)

    def tags(self, first: int, count: int):
        """(sample, key, PMT) of the tags on samples from first on."""
        low, high = np.searchsorted(self._tag_samples, (first, first + count))
        return self._tags[low:high]
