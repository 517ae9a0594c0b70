#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gap filler: losses against a numpy reference, start times, clocks that jump, tags."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import until  # noqa: E402
from radio_testing import (  # noqa: E402
    exact_time,
    noise,
    paused_sink,
    tag,
    time_value,
    values_by_offset,
    waiting_source,
)

RATE = 100e6 / 3
START = (12, 0.75)


def stamp(offset: int, sample: int, rate: float = RATE, start=START):
    """rx_time of sample `sample` of the radio, on item `offset` of the stream."""
    time = exact_time(start, sample, rate)
    return tag(offset, "rx_time", time_value(int(time), float(time - int(time))))


def lossy(samples: np.ndarray, losses: list[tuple[int, int]], first: int = 0):
    """What a radio gives that loses `count` samples from `place` on, with its time stamps."""
    kept = np.ones(len(samples), bool)
    kept[:first] = False
    for place, count in losses:
        kept[place : place + count] = False
    places = np.flatnonzero(kept)
    begins = np.flatnonzero(np.diff(places, prepend=-2) > 1)
    return samples[kept], [stamp(offset, places[offset]) for offset in begins], kept


def fill(block, channels, tags, most_items: int = 0):
    """Outputs of a filler, complex64 [channels, samples], and the tags of the first and the last."""
    top = gr.top_block()
    sinks = [blocks.vector_sink_c() for _ in channels]
    for port, (samples, sink) in enumerate(zip(channels, sinks, strict=True)):
        top.connect(blocks.vector_source_c(samples.tolist(), False, 1, tags), (block, port))
        top.connect((block, port), sink)
    top.run(*([most_items] if most_items else []))
    return np.array([sink.data() for sink in sinks], np.complex64), sinks[0].tags(), sinks[-1].tags()


class qa_gap_filler(gr_unittest.TestCase):
    def test_the_largest_part_of_all_channels_is_told_once(self):
        samples = np.stack([noise(5000, 1), noise(5000, 2)])
        samples[1, 4321] = 3.0 - 9.5j
        block = semisac.gap_filler(RATE, 2)
        fill(block, samples, [])
        self.assertEqual(block.take_peak(), 9.5)
        self.assertEqual(block.take_peak(), 0.0)

    def test_what_is_no_number_does_not_hide_the_largest_part(self):
        samples = noise(5000) * 0.1
        samples[[10, 2000]] = [complex(np.nan, 0.0), complex(0.25, np.nan)]
        samples[700] = 0.9
        block = semisac.gap_filler(RATE)
        fill(block, [samples], [])
        self.assertEqual(block.take_peak(), np.float32(0.9))

    def test_a_time_in_any_spelling_and_what_is_none(self):
        samples = noise(1000)
        spelled = [
            (pmt.to_pmt((12, 0.75)), pmt.to_pmt((12, 0.75 + 600 / RATE))),  # long, as Python writes them
            (pmt.make_tuple(pmt.from_uint64(12), pmt.from_long(0)), time_value(12, 600 / RATE)),
        ]
        for first, second in spelled:
            out, _, _ = fill(
                semisac.gap_filler(RATE), [samples], [tag(0, "rx_time", first), tag(500, "rx_time", second)]
            )
            self.assertEqual(len(out[0]), 1100)
        none = [
            time_value(12, np.nan), time_value(12, np.inf), time_value(12, -0.5), time_value(12, 2.0),
            pmt.to_pmt((-3, 0.5)), pmt.to_pmt(("12", 0.5)), pmt.to_pmt((12,)), pmt.to_pmt(12.75), pmt.PMT_NIL,
        ]  # fmt: skip
        for value in none:
            block = semisac.gap_filler(RATE)
            tags = [stamp(0, 0), tag(500, "rx_time", value), stamp(700, 800)]
            out, out_tags, _ = fill(block, [samples], tags)
            self.assertEqual(values_by_offset(out_tags, "gap"), {700: 100})
            self.assertEqual((block.gaps(), block.times_backwards()), (1, 0))

    def test_long_outages(self):
        """Without a start time 10 s are a loss, more is a clock set anew; with one, 600 s are."""
        rate = 1e4
        samples = noise(2000)
        for given, lost_s, filled in (
            (False, 9.9, True), (False, 10.1, False), (True, 10.1, True), (True, 70.0, True),
            (True, 601.0, False),
        ):  # fmt: skip
            with self.subTest(given=given, lost_s=lost_s):
                lost = round(lost_s * rate)
                block = semisac.gap_filler(rate)
                if given:
                    block.set_start_time(*START)
                tags = [stamp(0, 0, rate), stamp(1000, 1000 + lost, rate), stamp(1500, 1600 + lost, rate)]
                out, out_tags, _ = fill(block, [samples], tags)
                place = 1000 + lost if filled else 1000
                gaps = {1000: lost, 1500 + lost: 100} if filled else {1500: 100}
                self.assertEqual(values_by_offset(out_tags, "gap"), gaps)
                self.assertEqual(values_by_offset(out_tags, "clock_set"), {} if filled else {1000: lost})
                np.testing.assert_array_equal(out[0][place : place + 500], samples[1000:1500])
                self.assertEqual(block.times_backwards(), int(not filled))

    def test_a_first_sample_long_behind_the_start(self):
        rate, lost = 1e4, 111_000
        block = semisac.gap_filler(rate)
        block.set_start_time(*START)
        out, out_tags, _ = fill(block, [noise(100)], [stamp(0, lost, rate)])
        self.assertEqual(values_by_offset(out_tags, "gap"), {0: lost})
        self.assertEqual(len(out[0]), lost + 100)

    def test_says_whether_the_radio_gives_none_or_nobody_takes_them(self):
        block = semisac.gap_filler(RATE)
        top = gr.top_block()
        valve = paused_sink()
        source = waiting_source([(noise(100_000), [])], ends=False)
        top.connect(source, block, valve)
        top.start()
        try:
            until(lambda: block.nitems_written(0) > 0 and source.nitems_written(0) > block.nitems_written(0))
            self.assertFalse(block.waits_for_samples())
            valve.open.set()
            until(lambda: valve.nitems_read(0) == 100_000)
            until(block.waits_for_samples)
        finally:
            valve.open.set()
            top.stop()
            top.wait()

    def test_random_losses_equal_the_reference(self):
        rng = np.random.default_rng(3)
        for trial in range(12):
            samples = np.stack([noise(20_000, 2 * trial), noise(20_000, 2 * trial + 1)])
            losses = [(int(rng.integers(1, 18_000)), int(rng.integers(1, 900))) for _ in range(7)]
            received, tags, kept = lossy(samples[0], losses)
            block = semisac.gap_filler(RATE, 2)
            if trial % 2:
                block.set_start_time(*START)
            out, first_tags, last_tags = fill(
                block, [received, samples[1][kept]], tags, (0, 17, 1000)[trial % 3]
            )
            np.testing.assert_array_equal(out, np.where(kept, samples, 0))
            begins = np.flatnonzero(np.diff(kept.astype(int), append=1) == -1) + 1
            lengths = [int(np.argmax(kept[begin:])) for begin in begins]
            for one in (first_tags, last_tags):
                gaps = values_by_offset(one, "gap")
                self.assertEqual(gaps, dict(zip(begins, lengths, strict=True)))
            self.assertEqual(block.gaps(), len(begins))
            self.assertEqual(block.samples_lost(), np.sum(~kept))
            self.assertEqual(block.times_backwards(), 0)
            self.assertEqual(list(values_by_offset(first_tags, "rx_time")), [0, *(begins + lengths)])
            self.assertEqual(block.start_time()[0], START[0])
            self.assertAlmostEqual(block.start_time()[1], START[1], delta=1e-15)

    def test_starts_at_the_start_time(self):
        samples = noise(3000)
        early = exact_time(START, -400, RATE)
        for first in (0, 1, 399, 400, 401, 700):  # sample 400 is of the start time
            received, _, kept = lossy(samples, [], first)
            tags = [stamp(0, first, start=(int(early), float(early - int(early))))]
            block = semisac.gap_filler(RATE)
            block.set_start_time(*START)
            out, out_tags, _ = fill(block, [received], tags)
            np.testing.assert_array_equal(out[0], np.where(kept, samples, 0)[400:])
            self.assertEqual(values_by_offset(out_tags, "gap"), {0: first - 400} if first > 400 else {})

    def test_loss_before_the_start_time(self):
        samples = noise(3000)
        received, tags, kept = lossy(samples, [(100, 50), (900, 300)])
        block = semisac.gap_filler(RATE)
        start = exact_time(START, 1000, RATE)
        block.set_start_time(int(start), float(start - int(start)))
        out, out_tags, _ = fill(block, [received], tags)
        np.testing.assert_array_equal(out[0], np.where(kept, samples, 0)[1000:])
        self.assertEqual(values_by_offset(out_tags, "gap"), {0: 200})
        self.assertEqual((block.gaps(), block.samples_lost(), block.times_backwards()), (1, 200, 0))

    def test_all_passes_without_times(self):
        samples = noise(5000)
        block = semisac.gap_filler(RATE)
        out, _, _ = fill(block, [samples], [tag(7, "frame_id", 3)])
        np.testing.assert_array_equal(out[0], samples)
        self.assertEqual(block.gaps(), 0)

    def test_clock_set_anew_is_no_loss(self):
        samples = noise(4000)
        tags = [stamp(0, 0), stamp(1000, 400), stamp(2000, 1500), stamp(3000, int(1e10))]
        block = semisac.gap_filler(RATE)
        out, out_tags, _ = fill(block, [samples], tags)
        # back by 600; then 100 lost by the new time; then far ahead
        expected = np.concatenate([samples[:2000], np.zeros(100), samples[2000:]])
        np.testing.assert_array_equal(out[0], expected.astype(np.complex64))
        self.assertEqual(values_by_offset(out_tags, "gap"), {2000: 100})
        self.assertEqual((block.gaps(), block.samples_lost(), block.times_backwards()), (1, 100, 2))

    def test_times_are_rounded_to_samples(self):
        samples = noise(300)
        for shift in (-0.45, 0.45):
            second = exact_time(START, 110, RATE) + Fraction(shift) / Fraction(RATE)
            tags = [stamp(0, 0), tag(100, "rx_time", time_value(int(second), float(second - int(second))))]
            out, out_tags, _ = fill(semisac.gap_filler(RATE), [samples], tags)
            self.assertEqual(values_by_offset(out_tags, "gap"), {100: 10})
            self.assertEqual(len(out[0]), 310)

    def test_tags_keep_to_their_samples(self):
        samples = noise(2000)
        received, tags, kept = lossy(samples, [(500, 100)])
        places = np.flatnonzero(kept)
        tags += [tag(int(o), "mark", int(places[o])) for o in (0, 499, 500, 1234)]
        _, out_tags, _ = fill(semisac.gap_filler(RATE), [received], tags, 33)
        marks = values_by_offset(out_tags, "mark")
        self.assertEqual(list(marks), list(marks.values()))
        self.assertEqual(len(marks), 4)

    def test_runs_again(self):
        samples = noise(2000)
        received, tags, kept = lossy(samples, [(500, 100)])
        block = semisac.gap_filler(RATE)
        for _ in range(2):
            out, _, _ = fill(block, [received], tags)
            np.testing.assert_array_equal(out[0], np.where(kept, samples, 0))
            self.assertEqual(block.gaps(), 1)

    def test_refuses_what_makes_no_sense(self):
        for arguments in ((10.0,), (1e6, 0), (1e6, 17)):
            with self.assertRaises(ValueError):
                semisac.gap_filler(*arguments)
        with self.assertRaises(ValueError):
            semisac.gap_filler(1e6).set_start_time(0, -0.1)


if __name__ == "__main__":
    gr_unittest.run(qa_gap_filler)
