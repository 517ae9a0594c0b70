# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import atexit
import threading
import time
import weakref
from pathlib import Path

import numpy as np
from gnuradio import gr

from semisac_ml.data import DataError

from ..work_errors import announces_error, ends_flow_on_error
from .sigmf_fields import plain_value
from .sigmf_tags import tag_of
from .sigmf_writer import MOST_FREQUENCY_HZ, RecordingWriter

BUFFER_SAMPLES = 1 << 17
GATHER_SAMPLES = 1 << 14
GATHER_S = 0.005  # a call costs as much as thousands of samples: wait for more of them, but briefly


class sigmf_sink(announces_error, gr.sync_block):
    """Record samples with their tags as SigMF: the files of one recording, or of a collection, one a channel.

    Inputs 0...: samples, complex64, of each channel, in step.
    Every tag is recorded: rx_time, rx_freq and rx_rate as captures, the others as annotations; `sigmf_source`
    gives them back as they were. Of tags whose value holds until the next one (snr_db, noise_var,
    channel_gain) only changes are. docs/recordings.md describes the fields of the extension "semisac".

    Files bear the ending .unfinished while the flowgraph runs and get their names when it stops, also by
    Ctrl-C. A flowgraph that is started again, as lock() and unlock() do, writes another one: path-2, path-3.
    What is wrong with a recording when it ends, also that no sample came, is the block's `error`.

    path: of the recording; the endings .sigmf-data and .sigmf-meta are added.
    sample_rate_hz, center_frequency_hz: of all channels.
    channels: names of the channels; more than one make a collection.
    author, hardware, description: core fields; empty: left out.
    labels: class of each image of the set that is sent in turn, if known: the annotations of frames (tags
        frame_id and images) then say what they show.
    metadata: fields of the extension by name, such as {"targets": [...]}; see also `set_metadata`.
    overwrite: replace a recording of this name.

    Raises DataError when the recording exists already, cannot be written, or the package sigmf is missing.
    """

    def __init__(
        self,
        path,
        sample_rate_hz,
        center_frequency_hz=0.0,
        channels=("rx0",),
        author="",
        hardware="",
        description="",
        labels=None,
        metadata=None,
        overwrite=False,
    ):
        names = [str(name) for name in channels]
        if not names or len(set(names)) != len(names) or not all(name and "/" not in name for name in names):
            raise ValueError(f"channels are {names}, expected one name or more, all different")
        if not 0 < sample_rate_hz <= MOST_FREQUENCY_HZ:
            raise ValueError(f"sample_rate_hz is {sample_rate_hz}, expected complex samples a second")
        if not abs(center_frequency_hz) <= MOST_FREQUENCY_HZ:
            raise ValueError(f"center_frequency_hz is {center_frequency_hz}, expected at most 1e12 Hz")
        gr.sync_block.__init__(self, "sigmf_sink", [np.complex64] * len(names), None)
        core = {"author": author, "hw": hardware, "description": description}
        self._make = dict(
            path=path,
            channel_names=names,
            sample_rate_hz=float(sample_rate_hz),
            center_frequency_hz=float(center_frequency_hz),
            core=core,
            labels=labels,
        )
        self._overwrite = bool(overwrite)
        self._metadata = plain_value(metadata or {})
        self._lock = threading.Lock()
        self._writer = RecordingWriter(**self._make, overwrite=self._overwrite)  # errors before anything runs
        self._base, self._recordings = self._writer.base, 0  # of this block, finished
        self._samples = 0
        self._started = False
        self._file: Path | None = None
        # Buffers are made for this multiple; once they are, any number of samples may come (see start).
        self.set_output_multiple(BUFFER_SAMPLES)
        _finish_at_exit(self)

    def set_metadata(self, name: str, value: object) -> None:
        """Set a field of the extension until the flowgraph stops.

        value: or a function that gives it when the recording ends, such as for "counters".
        """
        with self._lock:
            self._metadata[name] = value if callable(value) else plain_value(value)

    def samples_recorded(self) -> int:
        """Samples of each channel so far."""
        return self._samples

    def file(self) -> Path | None:
        """File that opens the finished recording; None while it is written, or when no sample came."""
        return self._file

    def start(self):
        self.set_output_multiple(1)
        if self._writer is None:
            number = self._recordings + 1
            path = self._base if number == 1 else f"{self._base}-{number}"
            self._writer = RecordingWriter(**{**self._make, "path": path}, overwrite=self._overwrite)
        self._file = None
        self._samples = 0
        self._started = True
        self._first = [self.nitems_read(port) for port in range(len(self._writer.channels))]
        return True

    @ends_flow_on_error
    def work(self, input_items, output_items):
        count = len(input_items[0])
        for port, channel in enumerate(self._writer.channels):
            tags = self.get_tags_in_window(port, 0, count)
            channel.write(input_items[port], [tag_of(tag, self._first[port]) for tag in tags])
        self._samples += count
        if count < GATHER_SAMPLES:
            time.sleep(GATHER_S)
        return count

    def stop(self):
        self.finish()
        self.set_output_multiple(BUFFER_SAMPLES)
        return True

    def finish(self) -> Path | None:
        """Give the files their names; a second call does nothing. Returns as `file`."""
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is not None:
                try:
                    given = self._metadata.items()
                    fields = {
                        name: plain_value(value()) if callable(value) else value for name, value in given
                    }
                    self._file = writer.finish(fields)
                    self._recordings += self._file is not None
                    if self._file is None and self._started:
                        raise DataError(f"{writer.base}: no sample came, so that there is none")
                except Exception as error:  # noqa: BLE001 - GNU Radio would swallow it
                    self.error = error
                    gr.logger(self.name()).error(f"the recording is not complete: {error}")
                for key in sorted({key for channel in writer.channels for key in channel.skipped_keys()}):
                    gr.logger(self.name()).warn(
                        f"tags {key} were not recorded: their values have no JSON form"
                    )
        return self._file


def _finish_at_exit(sink: sigmf_sink) -> None:
    """Finish a recording whose flowgraph nobody stopped before the program ends."""
    held = weakref.ref(sink)

    def finish() -> None:
        found = held()
        if found is not None:
            found.finish()

    atexit.register(finish)
