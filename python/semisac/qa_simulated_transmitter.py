#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated transmitter: bursts at their times, and each fault as a radio reports it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import until  # noqa: E402
from radio_testing import (  # noqa: E402
    exact_time,
    message_log,
    noise,
    tag,
    tags_of_frames,
    time_value,
    values_by_offset,
    waiting_source,
)

RATE = 1e6
START = (77, 0.5)
FRAME, OCCUPIED = 1000, 800
PACKET = 1000  # samples that are looked at as one
SOON = 10_000  # samples until the first burst


def timed(samples: np.ndarray, start: int, offset: int = 0) -> list:
    """Tags of a burst that is sent from sample `start` on, and lies at `offset` of the stream."""
    moment = exact_time(START, start, RATE)
    return [
        tag(offset, "tx_sob", True),
        tag(offset, "tx_time", time_value(int(moment), float(moment - int(moment)))),
        tag(offset, "packet_len", FRAME),
        tag(offset, "frame_id", pmt.from_uint64(start)),
        tag(offset + len(samples) - 1, "tx_eob", True),
    ]


class transmission:
    """A transmitter with its source, sink and events, running while the `with` lasts."""

    def __init__(self, source, time_scale: float = 0.0):
        self.block = semisac.simulated_transmitter(RATE, time_scale)
        self.block.set_start_time(*START)
        self.sink, self.log, self.source = blocks.vector_sink_c(), message_log(), source
        self.top = gr.top_block()
        self.top.connect(source, self.block, self.sink)
        self.top.msg_connect(self.block, "async_msgs", self.log, "in")

    def __enter__(self):
        self.top.start()
        return self

    def __exit__(self, *_):
        self.top.stop()
        self.top.wait()

    def out(self, samples: int) -> np.ndarray:
        """The first so many samples, when they have been sent."""
        until(lambda: len(self.sink.data()) >= samples)
        return np.array(self.sink.data()[:samples], np.complex64)

    def events(self, kind: str) -> list[int]:
        """Samples at which events of a kind happened."""
        moments = [full - START[0] + fraction - START[1] for full, fraction in self.log.events(kind)]
        return [round(moment * RATE) for moment in moments]


def seconds_ahead(radio: transmission) -> float:
    """Of the radio's clock before the samples that it gave."""
    full, fraction = radio.block.time_now()
    return full - START[0] + fraction - START[1] - radio.block.nitems_written(0) / RATE


def bursts(starts):
    """Samples and tags of timed bursts."""
    samples = noise(OCCUPIED * len(starts)).reshape(-1, OCCUPIED)
    tags = [
        one for number, start in enumerate(starts) for one in timed(samples[number], start, number * OCCUPIED)
    ]
    return samples, blocks.vector_source_c(samples.ravel().tolist(), False, 1, tags)


class qa_simulated_transmitter(gr_unittest.TestCase):
    def test_bursts_are_sent_at_their_times(self):
        starts = [SOON + first for first in (0, 1000, 1803, 4001)]
        samples, source = bursts(starts)
        with transmission(source) as radio:
            out = radio.out(SOON + 7000)
            expected = np.zeros(SOON + 7000, np.complex64)
            for start, burst in zip(starts, samples, strict=True):
                expected[start : start + OCCUPIED] = burst
            np.testing.assert_array_equal(out, expected)
            self.assertEqual(radio.block.bursts_sent(), 4)
            until(lambda: len(radio.log.messages) == 4)
            self.assertEqual(radio.events("burst_ack"), [start + OCCUPIED - 1 for start in starts])
            tags = radio.sink.tags()
            self.assertEqual(values_by_offset(tags, "frame_id"), {start: start for start in starts})
            self.assertEqual(values_by_offset(tags, "tx_time"), {})
            full, fraction = radio.block.time_now()
            self.assertGreaterEqual(full - START[0] + fraction - START[1], (SOON + 7000) / RATE)

    def test_a_burst_that_follows_too_closely_loses_its_first_packet(self):
        """radio_tx_core.v and new_tx_control.v look at no time within 3 samples of the end of a burst."""
        for gap, is_late in ((0, True), (1, True), (2, True), (3, False)):
            with self.subTest(gap=gap):
                first, second = noise(OCCUPIED, 1), noise(2 * PACKET, 2)
                start = SOON + OCCUPIED + gap
                portions = [(first, timed(first, SOON)), (second, timed(second, start))]
                with transmission(waiting_source(portions)) as radio:
                    out = radio.out(2 * SOON)
                    until(lambda radio=radio: radio.block.bursts_sent() == 2)
                    until(lambda radio=radio: len(radio.events("burst_ack")) == 2)
                expected = np.zeros(2 * SOON, np.complex64)
                expected[SOON : SOON + OCCUPIED] = first
                expected[start : start + len(second)] = second
                if is_late:
                    expected[start : start + PACKET] = 0
                np.testing.assert_array_equal(out, expected)
                self.assertEqual(radio.block.packets_late(), is_late)
                # when it was found, whichever time it should have been
                self.assertEqual(radio.events("time_error"), [SOON + OCCUPIED + 3] * is_late)

    def test_within_a_burst_no_time_is_looked_at(self):
        first, second = noise(OCCUPIED, 1), noise(OCCUPIED, 2)
        tags = [one for one in timed(second, SOON + OCCUPIED) if str(one.key) != "tx_sob"]
        portions = [(first, timed(first, SOON)[:-1]), (second, tags)]
        with transmission(waiting_source(portions)) as radio:
            out = radio.out(2 * SOON)
            until(lambda: radio.events("burst_ack"))
        np.testing.assert_array_equal(out[SOON : SOON + 2 * OCCUPIED], np.concatenate([first, second]))
        self.assertEqual(radio.events("burst_ack"), [SOON + 2 * OCCUPIED - 1])
        self.assertEqual((radio.block.bursts_sent(), radio.block.packets_late()), (1, 0))

    def test_late_packets_are_dropped_one_by_one(self):
        """A burst of 2300 samples is wholly late while another is sent; one of the next is so for its
        head.
        """
        first, late, half = noise(4 * PACKET, 1), noise(2300, 2), noise(3 * PACKET, 3)
        portions = [
            (first, timed(first, SOON)),
            (late, timed(late, SOON + 10)),
            (half, timed(half, SOON + 4 * PACKET - 1500)),
        ]
        with transmission(waiting_source(portions)) as radio:
            out = radio.out(9 * SOON)
            until(lambda: len(radio.events("burst_ack")) == 2)
            expected = np.zeros(9 * SOON, np.complex64)
            expected[SOON : SOON + 4 * PACKET] = first
            begin = SOON + 4 * PACKET + 500
            expected[begin : begin + PACKET] = half[2 * PACKET :]
            np.testing.assert_array_equal(out, expected)
            # each packet's event has the time at which it was found
            self.assertEqual(radio.events("time_error"), [SOON + 4 * PACKET + 3] * 5)
            self.assertEqual((radio.block.bursts_sent(), radio.block.packets_late()), (2, 5))

    def test_injected_faults_hit_the_next_bursts(self):
        starts = [SOON + FRAME * k for k in range(8)]
        samples, source = bursts(starts)
        radio = transmission(source)
        radio.block.inject_late(2)
        radio.block.inject_underflow(3)
        with radio:
            out = radio.out(SOON + 10_000)
            until(lambda: len(radio.events("burst_ack")) == 3)
            # a moment before the third frame, and before the next of each that ran dry
            late = [starts[2] - 8] * 2 + [start - 8 for start in starts[3:6]]
            self.assertEqual(radio.events("time_error"), late)
            self.assertEqual(radio.events("underflow"), [start + OCCUPIED // 2 for start in starts[2:5]])
            expected = np.zeros(SOON + 10_000, np.complex64)
            for number, start in enumerate(starts):
                kept = 0 if number < 2 else OCCUPIED // 2 if number < 5 else OCCUPIED
                expected[start : start + kept] = samples[number, :kept]
            np.testing.assert_array_equal(out, expected)
            self.assertEqual(radio.block.bursts_sent(), 3)
            self.assertEqual(radio.block.underflows(), 3)

    def test_burst_that_comes_in_halves_runs_dry(self):
        """On the wall clock, with a start as far ahead as this computer needs to be in time."""
        burst, after = noise(OCCUPIED, 1), noise(OCCUPIED, 2)
        for soon in (50_000, 500_000, 5_000_000, 50_000_000):
            tags = timed(burst, soon)
            portions = [
                (burst[:300], tags[:-1]),
                (burst[300:], [tag(499, "tx_eob", True)]),
                (after, timed(after, 4 * soon)),
            ]
            behind = soon + 1000
            source = waiting_source(
                portions, [None, lambda end=behind: radio.block.nitems_written(0) > end, None], ends=False
            )
            with (radio := transmission(source, 1.0)):
                out = radio.out(4 * soon + FRAME)
            if np.any(out[soon : soon + 300]) and np.any(out[4 * soon :]):
                break
        until(lambda: radio.events("underflow"))
        self.assertEqual(radio.events("underflow"), [soon + 300])
        self.assertEqual(len(radio.events("time_error")), 1)  # the second half, whole and past
        expected = np.zeros(4 * soon + FRAME, np.complex64)
        expected[soon : soon + 300] = burst[:300]
        expected[4 * soon : 4 * soon + OCCUPIED] = after
        np.testing.assert_array_equal(out, expected)

    def test_stream_without_times_is_sent_as_it_comes(self):
        samples = noise(6000)
        portions = [(samples[:2500], tags_of_frames([0, 1000, 2000], FRAME)), (samples[2500:], [])]
        source = waiting_source(portions, [None, lambda: radio.block.underflows()], ends=False)
        with (radio := transmission(source, 1.0)):
            until(lambda: source.nitems_written(0) == radio.block.nitems_read(0) == len(samples))
            out = radio.out(radio.block.nitems_written(0))
            until(lambda: len(radio.events("underflow")) == radio.block.underflows())
            sent = np.flatnonzero(out)
            np.testing.assert_array_equal(out[sent], samples)
            holes = np.flatnonzero(np.diff(sent) > 1)
            self.assertIn(2499, list(holes))  # others where the source's thread was slow
            self.assertIn(sent[2499] + 1, radio.events("underflow"))

    def test_injected_underflow_of_a_stream_holds_it_up(self):
        samples = noise(6000)
        source = blocks.vector_source_c(
            samples.tolist(), False, 1, tags_of_frames(range(0, 6000, FRAME), FRAME)
        )
        radio = transmission(source)
        radio.block.inject_underflow(1)
        with radio:
            out = radio.out(SOON)
            sent = np.flatnonzero(out)
            np.testing.assert_array_equal(out[sent], samples)
            until(lambda: radio.events("underflow"))
            self.assertEqual(radio.events("underflow"), [sent[FRAME // 2 - 1] + 1])
            self.assertEqual(sent[FRAME // 2] - sent[FRAME // 2 - 1], 1001)

    def test_stalls_lose_nothing(self):
        starts = [SOON + FRAME * k for k in range(20)]
        samples, source = bursts(starts)
        with transmission(source) as radio:
            radio.block.inject_stall(0.05)
            out = radio.out(SOON + 20 * FRAME)
            np.testing.assert_array_equal(out[SOON:].reshape(-1, FRAME)[:, :OCCUPIED], samples)
            np.testing.assert_array_equal(out[:SOON], 0)
            until(lambda: len(radio.events("burst_ack")) == 20)
            self.assertEqual(len(radio.log.messages), 20)

    def test_vanished_radio_stops_when_told(self):
        _, source = bursts([SOON])
        with transmission(source, 1.0) as radio:
            radio.out(2000)
            radio.block.inject_vanish()
            until(lambda: seconds_ahead(radio) > 0.02)  # the clock goes on alone
            count = len(radio.sink.data())
            until(lambda: seconds_ahead(radio) > 0.07)
            self.assertEqual(len(radio.sink.data()), count)
        with radio:  # plugged in again
            radio.out(count + 2000)

    def test_no_faster_than_the_wall_clock(self):
        _, source = bursts([SOON])
        begun = time.monotonic()
        with transmission(source, 1.0) as radio:
            radio.out(200_000)
            sent = radio.block.nitems_written(0)
            self.assertLessEqual(sent, (time.monotonic() - begun) * RATE)

    def test_a_clock_of_the_samples_waits_for_them(self):
        """The second burst comes after the first has been sent; the clock then stands where that ended."""
        starts = [SOON, SOON + OCCUPIED + 3]
        samples = noise(2 * OCCUPIED).reshape(2, OCCUPIED)
        portions = [(one, timed(one, start)) for one, start in zip(samples, starts, strict=True)]
        waited = []

        def sent_one() -> bool:
            if radio.block.bursts_sent() == 1:
                waited.append(radio.block.time_now())
            return len(waited) > 20

        with (radio := transmission(waiting_source(portions, [None, sent_one]))):
            out = radio.out(2 * SOON)
        expected = np.zeros(2 * SOON, np.complex64)
        for start, one in zip(starts, samples, strict=True):
            expected[start : start + OCCUPIED] = one
        np.testing.assert_array_equal(out, expected)
        moment = exact_time(START, SOON + OCCUPIED, RATE)
        self.assertEqual(set(waited), {(int(moment), float(moment - int(moment)))})
        self.assertEqual((radio.block.packets_late(), radio.block.underflows()), (0, 0))

    def test_refuses_what_makes_no_sense(self):
        for arguments in ((10.0,), (1e6, -1.0), (1e6, 1e-4), (1e6, 1e4)):
            with self.assertRaises(ValueError):
                semisac.simulated_transmitter(*arguments)
        block = semisac.simulated_transmitter(1e6)
        for call in (block.inject_late, block.inject_underflow):
            with self.assertRaises(ValueError):
                call(0)


if __name__ == "__main__":
    gr_unittest.run(qa_simulated_transmitter)
