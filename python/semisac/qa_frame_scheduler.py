#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame scheduler: slots, exact times, whole bursts, streams, cycles."""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from radio_testing import (  # noqa: E402
    exact_time,
    noise,
    run_until,
    tag,
    tags_of_frames,
    values_by_offset,
    wait_until,
    waiting_source,
    window_sink,
)

FRAME, OCCUPIED = 500, 440
START = (1_700_000_000, 0.125)


def later(seconds: float):
    """Condition that holds so long after it was first asked."""
    asked = []

    def holds() -> bool:
        asked.append(time.monotonic())
        return asked[-1] - asked[0] > seconds

    return holds


def frames(count: int, length: int = FRAME):
    """Samples of frames one behind the other, and their tags."""
    return noise(count * length), tags_of_frames(range(0, count * length, length), length)


def scheduled(block, samples, tags):
    """Samples and tags of a scheduler whose input ends."""
    top = gr.top_block()
    sink = blocks.vector_sink_c()
    top.connect(blocks.vector_source_c(samples.tolist(), False, 1, tags), block, sink)
    top.run()
    return np.array(sink.data(), np.complex64), sink.tags()


class qa_frame_scheduler(gr_unittest.TestCase):
    def test_bursts_follow_each_other_at_exact_times(self):
        for rate in (1e6, 61.44e6, 100e6 / 3):
            for hours in (0, 1000):
                with self.subTest(rate=rate, hours=hours):
                    block = semisac.frame_scheduler(rate, "bursts", 0.2, OCCUPIED)
                    block.set_start_time(*START)
                    block.set_time_now(START[0] + 3600 * hours, START[1])
                    samples, tags = frames(120)
                    out, out_tags = scheduled(block, samples, tags)
                    expected = samples.reshape(-1, FRAME)[:, :OCCUPIED]
                    np.testing.assert_array_equal(out.reshape(-1, OCCUPIED), expected)

                    offsets = list(range(0, 120 * OCCUPIED, OCCUPIED))
                    starts = values_by_offset(out_tags, "start_sample")
                    self.assertEqual(list(starts), offsets)
                    slots = np.array(list(starts.values()))
                    np.testing.assert_array_equal(np.diff(slots) % FRAME, 0)
                    self.assertEqual(np.sum(np.diff(slots) // FRAME - 1), block.slots_skipped())
                    self.assertGreaterEqual(slots[0], (3600 * hours + 0.2) * rate)
                    for offset, (full, fraction) in values_by_offset(out_tags, "tx_time").items():
                        error = full + Fraction(fraction) - exact_time(START, starts[offset], rate)
                        self.assertLess(abs(error), 3e-16)
                        self.assertTrue(0 <= fraction < 1)
                    ids = list(values_by_offset(out_tags, "frame_id").values())
                    self.assertEqual(ids, list(range(120)))
                    self.assertEqual(list(values_by_offset(out_tags, "packet_len").values()), [FRAME] * 120)
                    self.assertEqual(list(values_by_offset(out_tags, "tx_sob")), offsets)
                    self.assertEqual(
                        list(values_by_offset(out_tags, "tx_eob")), [o + OCCUPIED - 1 for o in offsets]
                    )
                    self.assertEqual(block.frames_scheduled(), 120)
                    for number in (0, 7, 119):
                        start = exact_time(START, slots[number], rate)
                        for inside in (0, OCCUPIED, FRAME - 1):
                            moment = start + Fraction(inside) / Fraction(rate)
                            self.assertEqual(
                                block.sample_at(int(moment), float(moment - int(moment))),
                                slots[number] + inside,
                            )
                            self.assertEqual(block.frame_at_sample(int(slots[number]) + inside), number)
                    self.assertEqual(block.frame_at_sample(int(slots[0]) - 1), -1)
                    self.assertEqual(block.frame_at_sample(int(slots[-1]) + FRAME), -1)

    def test_frames_wait_for_the_start_time(self):
        block = semisac.frame_scheduler(1e6, "bursts", 0.01)
        samples, tags = frames(3)
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        top.connect(blocks.vector_source_c(samples.tolist(), False, 1, tags), block, sink)
        top.start()
        self.assertFalse(wait_until(lambda: len(sink.data()), 0.1))
        block.set_start_time(5, 0.0)
        top.wait()
        self.assertEqual(len(sink.data()), 3 * FRAME)
        self.assertEqual(block.start_time(), (5, 0.0))
        # the clock goes on from the moment in which the start time was set
        self.assertGreaterEqual(min(values_by_offset(sink.tags(), "start_sample").values()), 0.01 * 1e6)

    def test_late_source_skips_slots(self):
        samples, tags = frames(6)
        halves = [(samples[:1500], tags[:9]), (samples[1500:], tags_of_frames([0, 500, 1000], FRAME, 3))]
        block = semisac.frame_scheduler(1e6, "bursts", 0.005)
        block.set_start_time(0, 0.0)
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        source = waiting_source(halves, [None, later(0.2)])
        top.connect(source, block, sink)
        top.run()
        np.testing.assert_array_equal(np.array(sink.data(), np.complex64), samples)
        slots = np.array(list(values_by_offset(sink.tags(), "start_sample").values()))
        np.testing.assert_array_equal(slots % FRAME, slots[0] % FRAME)
        self.assertGreaterEqual(slots[3] - slots[2], 0.15 * 1e6)
        self.assertEqual(np.sum(np.diff(slots) // FRAME - 1), block.slots_skipped())

    def test_no_slot_is_skipped_for_a_radio_that_waits(self):
        samples, tags = frames(40)
        halves = [
            (samples[:1500], tags[:9]),
            (samples[1500:], tags_of_frames(range(0, 37 * FRAME, FRAME), FRAME, 3)),
        ]
        block = semisac.frame_scheduler(1e6, "bursts", 0.005, OCCUPIED)
        block.set_time_scale(0.0)
        block.set_start_time(*START)
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        source = waiting_source(halves, [None, later(0.05)])
        top.connect(source, block, sink)
        top.run()
        slots = list(values_by_offset(sink.tags(), "start_sample").values())
        self.assertEqual(slots, list(range(0, 40 * FRAME, FRAME)))
        self.assertEqual(block.slots_skipped(), 0)

    def test_bursts_are_written_whole(self):
        length = 30_000  # several times the usual buffer
        samples, tags = frames(12, length)
        for most_items in (0, 1000):  # a call; room is room all the same
            block = semisac.frame_scheduler(20e6, "bursts", 0.001, length - 4)
            block.set_start_time(0, 0.0)
            top = gr.top_block()
            source = blocks.vector_source_c(samples.tolist(), False, 1, tags)
            sink = window_sink()
            top.connect(source, block, sink)
            top.run(*([most_items] if most_items else []))
            self.assertEqual(
                sorted(values_by_offset(sink.tags, "tx_eob")), [(length - 4) * (k + 1) - 1 for k in range(12)]
            )
            np.testing.assert_array_equal(
                np.concatenate(sink.samples), samples.reshape(-1, length)[:, : length - 4].ravel()
            )
            if most_items == 0:  # who reads finds whole bursts
                self.assertEqual([end % (length - 4) for end in sink.ends], [0] * len(sink.ends))

    def test_frames_that_touch_are_one_burst(self):
        """A USRP needs 3 samples between bursts; where the silence is shorter there are none."""
        for occupied, joined in ((0, True), (FRAME, True), (FRAME - 3, True), (FRAME - 4, False)):
            with self.subTest(occupied=occupied):
                block = semisac.frame_scheduler(1e6, "bursts", 0.2, occupied)
                block.set_time_scale(0.0)
                block.set_start_time(*START)
                samples, tags = frames(20)
                out, out_tags = scheduled(block, samples, tags)
                step = FRAME if joined else FRAME - 4
                np.testing.assert_array_equal(out, samples.reshape(-1, FRAME)[:, :step].ravel())
                begins = list(range(0, 20 * step, step))
                self.assertEqual(list(values_by_offset(out_tags, "tx_sob")), [0] if joined else begins)
                ends = [begin + step - 1 for begin in begins]
                self.assertEqual(list(values_by_offset(out_tags, "tx_eob")), ends[-1:] if joined else ends)
                # every frame says its time: behind an underflow the radio finds its place again
                times = values_by_offset(out_tags, "tx_time")
                self.assertEqual(list(times), begins)
                for number, (full, fraction) in enumerate(times.values()):
                    self.assertAlmostEqual(
                        full - START[0] + fraction - START[1], number * FRAME / 1e6, delta=1e-9
                    )

    def test_a_slot_is_left_out_behind_the_end_of_a_burst(self):
        """The next frame is not there in time to go on with the burst."""
        samples, tags = frames(6)
        halves = [(samples[:1500], tags[:9]), (samples[1500:], tags_of_frames([0, 500, 1000], FRAME, 3))]
        block = semisac.frame_scheduler(1e6, "bursts", 0.005)
        block.set_time_scale(0.0)
        block.set_start_time(0, 0.0)
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        source = waiting_source(halves, [None, lambda: block.frames_scheduled() == 3])
        top.connect(source, block, sink)
        top.run()
        np.testing.assert_array_equal(np.array(sink.data(), np.complex64), samples)
        slots = list(values_by_offset(sink.tags(), "start_sample").values())
        self.assertEqual(slots, [0, 500, 1000, 2000, 2500, 3000])
        self.assertEqual(list(values_by_offset(sink.tags(), "tx_sob")), [0, 1500])
        self.assertEqual(list(values_by_offset(sink.tags(), "tx_eob")), [1499, 2999])
        self.assertEqual(block.slots_skipped(), 1)

    def test_goes_on_behind_lock_and_unlock(self):
        """The runtime stops and starts all blocks; nobody sets the time again."""
        block = semisac.frame_scheduler(1e6, "bursts", 0.005, OCCUPIED)
        block.set_start_time(*START)
        samples, tags = frames(4)
        top = gr.top_block()
        source = blocks.vector_source_c(samples.tolist(), True, 1, tags)
        sink, other = blocks.null_sink(8), blocks.null_sink(8)
        top.connect(source, block, sink)
        top.start()
        self.assertTrue(wait_until(lambda: block.frames_scheduled() > 20))
        top.lock()
        top.connect(block, other)
        top.unlock()
        self.assertTrue(wait_until(lambda: other.nitems_read(0) > 20 * OCCUPIED))
        top.stop()
        top.wait()

    def test_samples_beyond_full_scale_are_counted(self):
        samples, tags = frames(4)
        samples *= 0.2
        samples[[3, 700, 1999]] = [1.5, -1j * 1.001, complex(np.nan, 0)]
        block = semisac.frame_scheduler(1e6, "stream")
        scheduled(block, samples, tags)
        self.assertEqual(block.samples_clipped(), 3)

    def test_frames_between_samples(self):
        block = semisac.frame_scheduler(1e6, "bursts", 0.2, OCCUPIED)
        block.set_time_scale(0.0)
        block.set_start_time(*START)
        scheduled(block, *frames(20))
        self.assertEqual(block.frames_between(0, 1500), [(0, 0), (500, 1), (1000, 2), (1500, 3)])
        self.assertEqual(block.frames_between(1, 1499), [(500, 1), (1000, 2)])
        self.assertEqual(block.frames_between(-100, -1), [])
        self.assertEqual(block.frames_between(10_000, 20_000), [])
        self.assertEqual(block.frames_between(1500, 0), [])

    def test_tags_of_another_radio_are_left_out(self):
        """Recordings that are sent again, and sources whose tx_time is none of UHD."""
        samples, tags = frames(2)
        foreign = [
            tag(0, "tx_time", 1.7e9), tag(0, "tx_sob", True), tag(0, "tx_eob", True),
            tag(500, "start_sample", 99), tag(500, "tx_time", 1.7e9),
        ]  # fmt: skip
        for mode in ("bursts", "stream"):
            block = semisac.frame_scheduler(1e6, mode)
            block.set_time_scale(0.0)
            block.set_start_time(*START)
            _, out_tags = scheduled(block, samples, tags + foreign)
            for key in ("tx_time", "tx_sob", "tx_eob", "start_sample"):
                values = [pmt.to_python(one.value) for one in out_tags if str(one.key) == key]
                self.assertNotIn(1.7e9, values)
                self.assertNotIn(99, values)
            offsets = [one.offset for one in out_tags if str(one.key) == "tx_time"]
            self.assertEqual(sorted(offsets), [0, 500] if mode == "bursts" else [])

    def test_burst_longer_than_the_buffer_ends_with_an_error(self):
        block = semisac.frame_scheduler(1e6, "bursts", 0.0, 400)
        block.set_start_time(0, 0.0)
        samples, tags = frames(2, 100_000)
        out, _ = scheduled(block, samples, tags)  # 400 of each are sent
        self.assertEqual(len(out), 800)
        block = semisac.frame_scheduler(1e6, "bursts", 0.0)
        block.set_min_output_buffer(8192)
        block.set_start_time(0, 0.0)
        out, _ = scheduled(block, samples, tags)
        self.assertEqual(len(out), 0)

    def test_ends_when_nobody_listens(self):
        block = semisac.frame_scheduler(1e6, "bursts", 0.0, OCCUPIED)
        block.set_start_time(0, 0.0)
        samples, tags = frames(200)
        top = gr.top_block()
        source = blocks.vector_source_c(samples.tolist(), True, 1, tags)
        sink = blocks.vector_sink_c()
        top.connect(source, block, blocks.head(8, 1000), sink)
        top.run()
        self.assertEqual(len(sink.data()), 1000)

    def test_frame_cut_short_is_dropped(self):
        samples, tags = frames(4)
        samples = np.concatenate([samples[:700], samples[1000:]])  # 300 samples of frame 1
        tags = tags_of_frames([0, 500, 700, 1200], FRAME)
        block = semisac.frame_scheduler(1e6, "bursts")
        block.set_start_time(0, 0.0)
        out, out_tags = scheduled(block, samples, tags)
        np.testing.assert_array_equal(out, np.concatenate([samples[:500], samples[700:]]))
        self.assertEqual(list(values_by_offset(out_tags, "frame_id").values()), [0, 2, 3])
        self.assertEqual(block.frames_truncated(), 1)

    def test_absurd_lengths_and_ids_are_no_frames(self):
        for key, wrong in (
            ("packet_len", 2**45),
            ("packet_len", pmt.from_uint64(2**63)),
            ("packet_len", 1e3),
            ("packet_len", "long"),
            ("packet_len", -1),
            ("frame_id", "first"),
            ("frame_id", -7),
            ("frame_id", pmt.PMT_NIL),
        ):
            with self.subTest(key=key, wrong=wrong):
                samples, tags = frames(4)
                tags = [one for one in tags if one.offset != FRAME or pmt.symbol_to_string(one.key) != key]
                tags.append(tag(FRAME, key, wrong))
                block = semisac.frame_scheduler(1e6, "bursts")
                block.set_start_time(0, 0.0)
                out, out_tags = scheduled(block, samples, tags)
                np.testing.assert_array_equal(out, np.delete(samples, slice(FRAME, 2 * FRAME)))
                self.assertEqual(list(values_by_offset(out_tags, "frame_id").values()), [0, 2, 3])
                self.assertEqual(block.frames_truncated(), 1)

    def test_stream_is_continuous(self):
        samples, tags = frames(6)
        portions = [(samples[:1100], tags[:9]), (samples[1100:], tags_of_frames([400, 900, 1400], FRAME, 3))]
        block = semisac.frame_scheduler(1e6, "stream")
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        source = waiting_source(portions, [None, lambda: block.nitems_written(0) > 3 * FRAME])
        top.connect(source, block, sink)
        top.run()
        out = np.array(sink.data(), np.complex64)
        starts = values_by_offset(sink.tags(), "start_sample")
        self.assertEqual(list(starts), list(starts.values()))
        self.assertEqual(list(values_by_offset(sink.tags(), "frame_id").values()), list(range(6)))
        expected = np.zeros_like(out)
        for number, start in enumerate(starts):
            expected[start : start + FRAME] = samples[FRAME * number : FRAME * (number + 1)]
        np.testing.assert_array_equal(out, expected)
        self.assertGreater(len(out), len(samples))  # silence while the source waited
        self.assertEqual(block.frame_at_sample(list(starts)[4] + 3), 4)

    def test_paced_stream_keeps_to_the_wall_clock(self):
        block = semisac.frame_scheduler(1e6, "stream", paced=True)
        samples, tags = frames(2)
        top = gr.top_block()
        source = waiting_source([(samples, tags)], ends=False)
        sink = blocks.vector_sink_c()
        top.connect(source, block, sink)
        begun = time.monotonic()
        self.assertTrue(run_until(top, lambda: len(sink.data()) > 20_000))
        # 10 ms are given ahead of their time
        self.assertLessEqual(len(sink.data()), (time.monotonic() - begun + 0.01) * 1e6 + 1)

    def test_cycle_repeats(self):
        samples, tags = frames(5)
        block = semisac.frame_scheduler(1e6, "cyclic", cycle_frames=3)
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        top.connect(
            blocks.vector_source_c(samples.tolist(), False, 1, tags), block, blocks.head(8, 10_250), sink
        )
        top.run()
        cycle = samples[: 3 * FRAME]
        np.testing.assert_array_equal(np.array(sink.data(), np.complex64), np.resize(cycle, 10_250))
        starts = values_by_offset(sink.tags(), "start_sample")
        self.assertEqual(list(starts), list(range(0, 10_250, FRAME)))
        self.assertEqual(list(starts.values()), list(starts))
        self.assertEqual(list(values_by_offset(sink.tags(), "frame_id").values()), [0, 1, 2] * 7)
        self.assertEqual(block.cycle_samples(), 3 * FRAME)

    def test_cycle_begins_where_the_input_ends_or_at_flush(self):
        samples, tags = frames(2)
        for flush in (False, True):
            with self.subTest(flush=flush):
                block = semisac.frame_scheduler(1e6, "cyclic", cycle_frames=9)
                top = gr.top_block()
                source = waiting_source([(samples, tags)], ends=not flush)
                sink = blocks.vector_sink_c()
                top.connect(source, block, blocks.head(8, 3300), sink)
                top.start()
                if flush:
                    self.assertFalse(wait_until(lambda sink=sink: len(sink.data()), 0.1))
                    block.to_basic_block()._post(pmt.intern("flush"), pmt.PMT_T)
                self.assertTrue(wait_until(lambda sink=sink: len(sink.data()) == 3300))
                top.stop()
                top.wait()
                np.testing.assert_array_equal(np.array(sink.data(), np.complex64), np.resize(samples, 3300))

    def test_runs_again(self):
        samples, tags = frames(3)
        block = semisac.frame_scheduler(1e6, "bursts", 0.0)
        for _ in range(2):
            block.set_start_time(*START)
            out, out_tags = scheduled(block, samples, tags)
            np.testing.assert_array_equal(out, samples)
            self.assertEqual(block.frames_scheduled(), 3)
            self.assertLess(min(values_by_offset(out_tags, "start_sample").values()), 1e6)

    def test_refuses_what_makes_no_sense(self):
        for arguments, message in (
            ((0.0,), "frame_scheduler: sample_rate_hz is 0, expected 1000 to 1e"),
            ((1e6, "sometimes"), 'mode is "sometimes", expected "bursts", "stream" or "cyclic"'),
            ((1e6, "bursts", -1.0), "lead_time_s is -1"),
            ((1e6, "bursts", 0.0, -1), "occupied_samples is -1"),
            ((1e6, "cyclic"), "cycle_frames is 0, expected 1 to 4096"),
        ):
            with self.assertRaises(ValueError) as caught:
                semisac.frame_scheduler(*arguments)
            self.assertIn(message, str(caught.exception))
        block = semisac.frame_scheduler(1e6)
        for call in (block.set_start_time, block.set_time_now):
            with self.assertRaises(ValueError):
                call(0, 1.0)
        with self.assertRaises(ValueError):
            block.set_time_scale(1e-4)

    def test_other_tags_of_a_frame_stay_with_it(self):
        samples, tags = frames(2)
        tags += [tag(500, "snr_db", 3.0), tag(510, "noise_var", 0.5)]
        block = semisac.frame_scheduler(1e6, "bursts")
        block.set_start_time(0, 0.0)
        _, out_tags = scheduled(block, samples, tags)
        self.assertEqual(values_by_offset(out_tags, "snr_db"), {500: 3.0})
        self.assertEqual(values_by_offset(out_tags, "noise_var"), {})


if __name__ == "__main__":
    gr_unittest.run(qa_frame_scheduler)
