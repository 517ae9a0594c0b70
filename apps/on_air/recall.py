# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Symbols of what was sent, found again when the echo comes back, once or many times."""

from __future__ import annotations

import threading
import time

import numpy as np
from gnuradio import gr
from gnuradio.semisac.frames import frame_tags
from gnuradio.semisac.work_errors import ends_flow_on_error

REMEMBERED = 1 << 15  # images, at 1900 images a second those of 17 s
PATIENCE_S = 0.5  # for symbols that come a little later than their echo
STEP_S = 0.005


class SentSymbols:
    """The symbols of the last images that were sent, by frame_id; any thread may write and read.

    newest: frame_id of the last image.
    """

    def __init__(self, channel_uses: int):
        self._lock = threading.Lock()
        self._symbols = np.zeros((REMEMBERED, channel_uses), np.complex64)
        self._ids = np.full(REMEMBERED, -1, np.int64)
        self.newest = -1

    def remember(self, ids: np.ndarray, symbols: np.ndarray) -> None:
        """Keep the symbols of images."""
        with self._lock:
            self._symbols[ids % REMEMBERED] = symbols
            self._ids[ids % REMEMBERED] = ids
            self.newest = int(ids[-1])

    def recall(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the images are known, bool, and their symbols."""
        with self._lock:
            known = self._ids[ids % REMEMBERED] == ids
            return known, self._symbols[ids[known] % REMEMBERED]


class symbol_memory(gr.sync_block):
    """Remember the symbols of each image.

    Input 0: symbols, complex64[channel uses], tag frame_id.
    """

    def __init__(self, sent: SentSymbols, channel_uses: int):
        gr.sync_block.__init__(self, "symbol_memory", [(np.complex64, channel_uses)], None)
        self._sent = sent

    @ends_flow_on_error
    def work(self, input_items, output_items):
        count = len(input_items[0])
        ids = frame_tags.CallTags(self, 0, count).longs(frame_tags.FRAME_ID)
        self._sent.remember(ids, input_items[0])
        return count


class symbol_recall(gr.basic_block):
    """Give each echo with the symbols that it is the echo of, for `sensing_decoder`.

    A radio that repeats what it sends gives echoes of the same images again and again. Here every echo finds
    its symbols, and both get a new frame_id that increases; the old one is the new one of the first pass.

    Input 0: echoes, complex64[channel uses], tags frame_id and sensing_snr_db.
    Output 0: symbols, output 1: the echoes, both complex64[channel uses] with those tags.
    """

    def __init__(self, sent: SentSymbols, channel_uses: int, reference_snr_db: float):
        item = (np.complex64, channel_uses)
        gr.basic_block.__init__(self, "symbol_recall", [item], [item, item])
        self._sent = sent
        self._snr_db = reference_snr_db
        self._last_id = self._shift = 0
        self._began = False
        self.unknown = 0
        self.set_tag_propagation_policy(gr.TPP_DONT)

    def forecast(self, noutput_items, ninputs):
        return [1] * ninputs

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        count = min(len(input_items[0]), len(output_items[0]), len(output_items[1]))
        tags = frame_tags.CallTags(self, 0, count)
        ids = tags.longs(frame_tags.FRAME_ID)
        snr_db = tags.held_doubles(frame_tags.SENSING_SNR_DB, self._snr_db)
        self._snr_db = float(snr_db[-1])
        known, symbols = self._recall(ids)
        given = len(symbols)
        output_items[0][:given] = symbols
        output_items[1][:given] = input_items[0][:count][known]
        if given:
            increasing = self._increasing(ids[known]).astype(np.uint64)
            for port in (0, 1):
                frame_tags.tag_items(self, port, frame_tags.FRAME_ID, increasing)
            frame_tags.tag_items(self, 1, frame_tags.SENSING_SNR_DB, snr_db[known].astype(np.float64))
        self.unknown += count - given
        self.consume(0, count)
        return given

    def _recall(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        deadline = time.monotonic() + PATIENCE_S
        known, symbols = self._sent.recall(ids)
        while not known.all() and ids[~known].max() > self._sent.newest and time.monotonic() < deadline:
            time.sleep(STEP_S)
            known, symbols = self._sent.recall(ids)
        return known, symbols

    def _increasing(self, ids: np.ndarray) -> np.ndarray:
        """Ids moved up so that they increase where the radio began again."""
        steps = np.diff(ids, prepend=self._last_id if self._began else ids[0] - 1)
        again = np.where(steps <= 0, 1 - steps, 0)
        moved = ids + self._shift + np.cumsum(again)
        self._shift += int(again.sum())
        self._last_id, self._began = int(ids[-1]), True
        return moved
