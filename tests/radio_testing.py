# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the blocks between frames and a radio share: tagged frames, sources that wait, times."""

from __future__ import annotations

import threading
import time
from fractions import Fraction

import numpy as np
import pmt
from gnuradio import gr
from patience import HANG_S, until, wait_until


def noise(samples: int, seed: int = 1) -> np.ndarray:
    """CN(0, 1), complex64 [samples]."""
    parts = np.random.default_rng(seed).standard_normal((samples, 2)) / np.sqrt(2)
    return (parts[:, 0] + 1j * parts[:, 1]).astype(np.complex64)


def tag(offset: int, key: str, value) -> gr.tag_t:
    """Tag of a stream; `value` is a pmt already, or a Python value (integers become long)."""
    made = gr.tag_t()
    made.offset = int(offset)
    made.key = pmt.intern(key)
    made.value = value if isinstance(value, pmt.pmt_base) else pmt.to_pmt(value)
    return made


def tags_of_frames(starts, frame_samples: int, first_id: int = 0, images: int = 1) -> list[gr.tag_t]:
    """Tags as frame_modulator writes them, on frames that begin at `starts`."""
    return [
        one
        for number, start in enumerate(starts)
        for one in (
            tag(start, "frame_id", pmt.from_uint64(first_id + number * images)),
            tag(start, "images", images),
            tag(start, "packet_len", frame_samples),
        )
    ]


def time_value(full: int, fraction: float):
    """Value of tx_time and rx_time."""
    return pmt.make_tuple(pmt.from_uint64(int(full)), pmt.from_double(float(fraction)))


def values_by_offset(tags, key: str) -> dict:
    """Python values of one key, by offset."""
    return {one.offset: pmt.to_python(one.value) for one in tags if pmt.symbol_to_string(one.key) == key}


def exact_time(start: tuple[int, float], sample: int, rate: float) -> Fraction:
    """Time of a sample, without any rounding."""
    return start[0] + Fraction(start[1]) + Fraction(int(sample)) / Fraction(rate)


class waiting_source(gr.sync_block):
    """Samples with tags in portions; each goes out when its condition holds.

    conditions: functions, None where there is nothing to wait for. ends: whether the stream ends behind them.
    """

    def __init__(self, portions, conditions=None, ends: bool = True):
        gr.sync_block.__init__(self, "waiting_source", None, [np.complex64])
        self._portions = [(np.asarray(samples, np.complex64), list(tags)) for samples, tags in portions]
        self._conditions = list(conditions or [None] * len(self._portions))
        self._ends = ends
        self._begun = False
        self._done = 0

    def work(self, input_items, output_items):
        if not self._portions:
            if self._ends:
                return -1
            time.sleep(0.002)
            return 0
        if not self._begun:
            condition = self._conditions.pop(0)
            if condition is not None:
                until(condition)  # GNU Radio asks a source that gave nothing only four times a second
            self._begun, self._done = True, 0
            for one in self._portions[0][1]:
                self.add_item_tag(0, self.nitems_written(0) + one.offset, one.key, one.value)
        samples = self._portions[0][0][self._done :]
        count = min(len(samples), len(output_items[0]))
        output_items[0][:count] = samples[:count]
        self._done += count
        if count == len(samples):
            self._portions.pop(0)
            self._begun = False
        return count


class paused_sink(gr.sync_block):
    """Takes nothing until it is opened."""

    def __init__(self):
        gr.sync_block.__init__(self, "paused_sink", [np.complex64], None)
        self.open = threading.Event()

    def work(self, input_items, output_items):
        self.open.wait()
        return len(input_items[0])


class window_sink(gr.sync_block):
    """Keep samples, tags, and where each work call ended."""

    def __init__(self):
        gr.sync_block.__init__(self, "window_sink", [np.complex64], None)
        self.ends, self.samples, self.tags = [], [], []

    def work(self, input_items, output_items):
        count = len(input_items[0])
        self.tags += self.get_tags_in_window(0, 0, count)
        self.samples.append(input_items[0].copy())
        self.ends.append(self.nitems_read(0) + count)
        return count


class message_log(gr.basic_block):
    """Keep the messages of a port, with what waits for a number of them."""

    def __init__(self):
        gr.basic_block.__init__(self, "message_log", None, None)
        self.messages: list = []
        self._changed = threading.Condition()
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self._keep)

    def _keep(self, message):
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def events(self, kind: str) -> list[tuple[int, float]]:
        """Times of the asynchronous events of one kind, in the form of gr-uhd."""
        found = []
        for message in self.messages:
            assert pmt.symbol_to_string(pmt.car(message)) == "uhd_async_msg"
            content = pmt.cdr(message)
            codes = pmt.dict_ref(content, pmt.intern("event_code"), pmt.PMT_NIL)
            if kind in [pmt.symbol_to_string(pmt.nth(i, codes)) for i in range(pmt.length(codes))]:
                moment = pmt.dict_ref(content, pmt.intern("time_spec"), pmt.PMT_NIL)
                found.append((pmt.to_long(pmt.car(moment)), pmt.to_double(pmt.cdr(moment))))
        return found


def run_until(top: gr.top_block, condition, longest_s: float = HANG_S) -> bool:
    """Start a flowgraph, stop it when the condition holds; whether it came to hold."""
    top.start()
    try:
        return wait_until(condition, longest_s)
    finally:
        top.stop()
        top.wait()
