#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated receiver: converter, times, losses, beginnings; and the way there and back through all blocks."""

from __future__ import annotations

import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
from gnuradio import blocks, gr, gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import until  # noqa: E402
from radio_testing import (  # noqa: E402
    exact_time,
    noise,
    run_until,
    tag,
    tags_of_frames,
    values_by_offset,
    wait_until,
    waiting_source,
)

RATE = 1e6
START = (3, 0.25)


def receive(block, channels, tags=(), most_items: int = 0):
    """Outputs of a receiver, complex64 [channels, samples], and the tags of the last."""
    top = gr.top_block()
    sinks = [blocks.vector_sink_c() for _ in channels]
    for port, (samples, sink) in enumerate(zip(channels, sinks, strict=True)):
        top.connect(blocks.vector_source_c(samples.tolist(), False, 1, list(tags)), (block, port))
        top.connect((block, port), sink)
    top.run(*([most_items] if most_items else []))
    return np.array([sink.data() for sink in sinks], np.complex64), sinks[-1].tags()


def converted(samples: np.ndarray, bits: int) -> np.ndarray:
    """What a converter of full scale 1 makes of samples."""
    steps = 2.0 ** (bits - 1)
    parts = np.stack([samples.real, samples.imag]).astype(np.float32) * np.float32(steps)
    levels = np.clip(np.rint(parts), -steps, steps - 1) / steps
    return (levels[0] + 1j * levels[1]).astype(np.complex64)


class qa_simulated_receiver(gr_unittest.TestCase):
    def test_converter_clips_and_rounds(self):
        samples = 0.5 * noise(20_000)
        samples[:4] = [0.9999, -1.0, 1.0 + 5j, -7.0 - 1j]
        for bits in (2, 8, 12, 16):
            block = semisac.simulated_receiver(RATE, bits)
            out, _ = receive(block, [samples])
            np.testing.assert_array_equal(out[0], converted(samples, bits))
            steps = 2.0 ** (bits - 1)
            parts = np.rint(samples.view(np.float32).reshape(-1, 2) * np.float32(steps))
            clipped = np.any((parts > steps - 1) | (parts < -steps), axis=1)
            self.assertEqual(block.samples_clipped(), np.sum(clipped))

    def test_quantisation_noise_is_that_of_theory(self):
        samples = 0.1 * noise(200_000)
        out, _ = receive(semisac.simulated_receiver(RATE, 12), [samples])
        variance = np.mean(np.abs(out[0] - samples) ** 2)
        self.assertAlmostEqual(variance * 6 / 2.0**-22, 1.0, delta=0.02)  # 6 standard errors

    def test_losses_and_times(self):
        channels = [0.3 * noise(30_000, 1), 0.3 * noise(30_000, 2)]
        block = semisac.simulated_receiver(RATE, 12, 2)
        block.set_start_time(*START)
        losses = [(4000, 100), (9000, 1), (4050, 200), (20_000, 5000)]
        for place, count in losses:
            block.inject_loss(count, place)
        marks = [tag(o, "mark", o) for o in (0, 3999, 4000, 8999, 9001, 25_000)]
        out, tags = receive(block, channels, marks, 700)
        kept = np.ones(30_000, bool)
        for place, count in ((4000, 100), (4100, 200), (9000, 1), (20_000, 5000)):
            kept[place : place + count] = False  # one that is due in a loss follows it
        np.testing.assert_array_equal(out[0], converted(channels[0], 12)[kept])
        np.testing.assert_array_equal(out[1], converted(channels[1], 12)[kept])
        places = np.flatnonzero(kept)
        begins = np.flatnonzero(np.diff(places, prepend=-2) > 1)
        times = values_by_offset(tags, "rx_time")
        self.assertEqual(list(times), list(begins))
        for offset, (full, fraction) in times.items():
            error = full + Fraction(fraction) - exact_time(START, places[offset], RATE)
            self.assertLess(abs(error), 3e-16)
        self.assertEqual(values_by_offset(tags, "rx_rate"), {int(offset): RATE for offset in begins})
        found = values_by_offset(tags, "mark")
        self.assertEqual({places[offset] for offset in found}, set(found.values()))
        self.assertEqual(sorted(found.values()), [0, 3999, 8999, 9001, 25_000])
        self.assertEqual((block.overflows(), block.samples_lost()), (4, 5301))

    def test_gap_filler_puts_all_in_its_place(self):
        rng = np.random.default_rng(8)
        samples = 0.2 * noise(60_000)
        block, filler = semisac.simulated_receiver(RATE), semisac.gap_filler(RATE)
        block.set_start_time(*START)
        for place in np.sort(rng.integers(10, 59_000, 25)):
            block.inject_loss(int(rng.integers(1, 800)), int(place))
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        top.connect(blocks.vector_source_c(samples.tolist()), block, filler, sink)
        top.run()
        out = np.array(sink.data(), np.complex64)
        expected = converted(samples, 12)[: len(out)]
        for place, count in values_by_offset(sink.tags(), "gap").items():
            expected[place : place + count] = 0
        np.testing.assert_array_equal(out, expected)
        lost = block.samples_lost() - (60_000 - len(out))  # a loss at the end shows in nothing
        self.assertEqual(filler.samples_lost(), lost)

    def test_begins_at_random_and_the_same_again(self):
        samples = 0.2 * noise(5000)
        beginnings = []
        for _ in range(2):
            block = semisac.simulated_receiver(RATE, random_start_samples=999, seed=5)
            block.set_start_time(*START)
            for _ in range(20):
                out, tags = receive(block, [samples])
                offset = block.start_offset_samples()
                beginnings.append(offset)
                np.testing.assert_array_equal(out[0], converted(samples, 12)[offset:])
                full, fraction = values_by_offset(tags, "rx_time")[0]
                self.assertAlmostEqual(full - 3 + fraction - 0.25, offset / RATE, delta=1e-15)
                self.assertEqual(block.samples_lost(), 0)
        self.assertEqual(beginnings[:20], beginnings[20:])
        self.assertGreater(len(set(beginnings)), 15)
        self.assertTrue(0 <= min(beginnings) and max(beginnings) <= 999)

    def test_without_time_stamps(self):
        block = semisac.simulated_receiver(RATE, timestamps=False)
        block.inject_loss(10, 50)
        out, tags = receive(block, [noise(100)])
        self.assertEqual(out.shape, (1, 90))
        self.assertEqual(values_by_offset(tags, "rx_time"), {})

    def test_vanishes_and_stalls(self):
        block = semisac.simulated_receiver(RATE)
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        source = semisac.simulated_transmitter(RATE)  # on the wall clock
        top.connect(blocks.vector_source_c([]), source, block, sink)
        top.start()
        self.assertTrue(wait_until(lambda: len(sink.data()) > 1000))
        block.inject_stall(0.05)
        self.assertTrue(wait_until(lambda: len(sink.data()) > 100_000))
        block.inject_vanish()
        until(lambda: block.nitems_read(0) < source.nitems_written(0))  # it takes no more
        count = block.nitems_written(0)
        until(lambda: source.time_now()[1] > (source.nitems_written(0) + 50_000) / RATE)
        self.assertEqual(block.nitems_written(0), count)
        top.stop()
        top.wait()

    def test_a_converter_has_no_level_for_what_is_no_number(self):
        samples = noise(64) * 0.1
        samples[[0, 31, 63]] = [complex(np.nan, 0.0), complex(0.0, np.nan), complex(np.nan, np.nan)]
        block = semisac.simulated_receiver(RATE)
        out, _ = receive(block, [samples])
        self.assertTrue(np.all(np.isfinite(out.view(np.float32))))
        self.assertEqual(out[0, 63], -1 - 1j)
        self.assertEqual(block.samples_clipped(), 3)

    def test_a_start_time_holds_from_the_next_start_on(self):
        block = semisac.simulated_receiver(RATE)
        block.set_start_time(3, 0.0)
        block.inject_loss(10, 500)
        changed = threading.Event()
        source = waiting_source([(noise(400), []), (noise(400), [])], [None, changed.is_set])
        top = gr.top_block()
        sink = blocks.vector_sink_c()
        top.connect(source, block, sink)
        top.start()
        until(lambda: block.nitems_written(0) == 400)
        block.set_start_time(9, 0.5)
        changed.set()
        top.wait()
        times = values_by_offset(sink.tags(), "rx_time")
        self.assertEqual(times[0], (3, 0.0))
        self.assertEqual(times[500][0], 3)

    def test_refuses_what_makes_no_sense(self):
        for arguments in ((10.0,), (1e6, 1), (1e6, 17), (1e6, 12, 0), (1e6, 12, 1, True, -1)):
            with self.assertRaises(ValueError):
                semisac.simulated_receiver(*arguments)
        block = semisac.simulated_receiver(1e6)
        with self.assertRaises(ValueError):
            block.inject_loss(0)
        for _ in range(4096):
            block.inject_loss(1, 10)
        with self.assertRaises(ValueError):
            block.inject_loss(1)

    def test_frames_through_a_whole_radio(self):
        """Scheduler, transmitter, receiver, filler: every frame lies where its start_sample says."""
        frame, occupied, count = 2000, 1800, 60
        samples = (0.2 * noise(frame * count)).reshape(count, frame)
        samples[:, occupied:] = 0
        tags = tags_of_frames(range(0, frame * count, frame), frame)
        source = blocks.vector_source_c(samples.ravel().tolist(), False, 1, tags)
        scheduler = semisac.frame_scheduler(RATE, "bursts", 0.05, occupied)
        transmitter = semisac.simulated_transmitter(RATE, 0.0)
        receiver, filler = semisac.simulated_receiver(RATE), semisac.gap_filler(RATE)
        scheduler.set_time_scale(0.0)
        scheduler.set_start_time(*START)
        filler.set_start_time(*START)
        transmitter.set_start_time(*START)
        receiver.set_start_time(*START)
        receiver.inject_loss(700, 100_000)
        sent, sink = blocks.vector_sink_c(), blocks.vector_sink_c()
        top = gr.top_block()
        top.connect(source, scheduler, transmitter, receiver, filler, sink)
        top.connect(scheduler, sent)
        self.assertTrue(
            run_until(top, lambda: transmitter.bursts_sent() == count and len(sink.data()) > 100_700)
        )
        starts = list(values_by_offset(sent.tags(), "start_sample").values())
        self.assertEqual(starts, list(range(0, count * frame, frame)))
        out = np.array(sink.data(), np.complex64)
        expected = np.zeros(len(out) + frame, np.complex64)
        for start, one in zip(starts, samples, strict=True):
            if start + frame <= len(expected):
                expected[start : start + frame] = converted(one, 12)
        expected[100_000:100_700] = 0
        np.testing.assert_array_equal(out, expected[: len(out)])
        self.assertEqual(values_by_offset(sink.tags(), "gap"), {100_000: 700})
        self.assertEqual(transmitter.packets_late(), 0)


if __name__ == "__main__":
    gr_unittest.run(qa_simulated_receiver)
