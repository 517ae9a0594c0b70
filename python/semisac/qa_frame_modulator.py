#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame modulator: the C++ block against the numpy reference, and what ends a frame."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from block_testing import frame_tags, frames, source, tag_values  # noqa: E402
from frame_testing import random_parameters  # noqa: E402
from patience import until  # noqa: E402

from semisac_ml.signal.frame import FrameParameters  # noqa: E402
from semisac_ml.signal.frame_modulation import modulate_frame  # noqa: E402

SMALL = FrameParameters(images_per_frame=4, gap_samples=100)


def modulate(parameters, symbols, ids=None, most_items=0, block=None):
    """Samples and tags of all frames that a modulator makes of images' symbols."""
    top = gr.top_block()
    sink = blocks.vector_sink_c()
    tags = () if ids is None else frame_tags(frame_id=ids)
    top.connect(source(symbols, tags), block or semisac.frame_modulator(parameters, 0xABCDEF), sink)
    top.run(most_items) if most_items else top.run()
    return np.array(sink.data(), np.complex64), sink


class pausing_source(gr.sync_block):
    """Source of a few items that does not end behind them until it is told to."""

    def __init__(self, items):
        gr.sync_block.__init__(self, "pausing_source", None, [(np.complex64, items.shape[1])])
        self._items = items
        self.ended = False

    def work(self, input_items, output_items):
        count = min(len(self._items), len(output_items[0]))
        if count == 0:
            time.sleep(0.001)
            return -1 if self.ended else 0
        output_items[0][:count] = self._items[:count]
        self._items = self._items[count:]
        return count


def reference(parameters, symbols, ids, first_items):
    """Frames that begin with the items `first_items`, by the numpy reference."""
    ends = [*first_items[1:], len(symbols)]
    pieces = [
        modulate_frame(symbols[first:end], parameters, ids[first], 0xABCDEF)
        for first, end in zip(first_items, ends, strict=True)
    ]
    return np.concatenate(pieces)


class qa_frame_modulator(gr_unittest.TestCase):
    def test_equals_the_reference(self):
        for seed in range(24):
            parameters = random_parameters(seed)
            with self.subTest(parameters=parameters):
                count = 2 * parameters.images_per_frame + 1
                symbols = frames(count, parameters.channel_uses, seed)
                first_id = 2**32 - 3 if seed % 2 else 17
                ids = list(range(first_id, first_id + count))
                samples, sink = modulate(parameters, symbols, ids)
                firsts = [0, parameters.images_per_frame, 2 * parameters.images_per_frame]
                expected = reference(parameters, symbols, ids, firsts)
                np.testing.assert_allclose(samples, expected, rtol=0, atol=2e-6)
                self.assertEqual(tag_values(sink, "frame_id"), [ids[first] for first in firsts])

    def test_power_is_that_of_the_subcarriers(self):
        # Es/N0 is that of the samples: 52 of 64 subcarriers of unit power. Standard error of the power of
        # n = 60 * 720 samples is 1 / sqrt(n) = 0.5 %.
        symbols = frames(60 * 32)
        parameters = FrameParameters()
        samples, _ = modulate(parameters, symbols)
        body = samples.reshape(60, -1)[:, parameters.body_start :]
        self.assertAlmostEqual(np.mean(np.abs(body) ** 2), 52 / 64, delta=0.025 * 52 / 64)

    def test_signs_keep_peaks_low(self):
        # Equal symbols would add up to 10 log10(52) = 17.2 dB over the mean. With random signs the power of a
        # sample is close to exponential: of the 34 * 80 samples of a frame one exceeds 10 dB with
        # probability 2720 exp(-10) = 0.12, 11.5 dB with 0.002.
        samples, _ = modulate(FrameParameters(), np.ones((32, 10), np.complex64))
        power = np.abs(samples[1024:]) ** 2
        self.assertLess(10 * np.log10(power.max() / power.mean()), 11.5)

    def test_frame_ends_where_ids_jump(self):
        ids = [5, 6, 7, 8, 9, 20, 21, 22, 40, 41]
        symbols = frames(len(ids))
        samples, sink = modulate(SMALL, symbols, ids)
        np.testing.assert_allclose(samples, reference(SMALL, symbols, ids, [0, 4, 5, 8]), rtol=0, atol=2e-6)
        self.assertEqual(tag_values(sink, "frame_id"), [5, 9, 20, 40])
        self.assertEqual(tag_values(sink, "images"), [4, 1, 3, 2])
        self.assertEqual(tag_values(sink, "packet_len"), 4 * [SMALL.frame_samples])
        starts = sorted(tag.offset for tag in sink.tags() if pmt.symbol_to_string(tag.key) == "packet_len")
        self.assertEqual(starts, [SMALL.frame_samples * frame for frame in range(4)])

    def test_images_without_ids_are_counted(self):
        symbols = frames(9)
        samples, sink = modulate(SMALL, symbols)
        np.testing.assert_allclose(
            samples, reference(SMALL, symbols, list(range(9)), [0, 4, 8]), rtol=0, atol=2e-6
        )
        self.assertEqual(tag_values(sink, "frame_id"), [0, 4, 8])

    def test_does_not_depend_on_chunks(self):
        symbols = frames(22)
        whole, _ = modulate(SMALL, symbols)
        for most_items in (1, 7, 1000):
            split, sink = modulate(SMALL, symbols, most_items=most_items)
            np.testing.assert_array_equal(split, whole)
            self.assertEqual(tag_values(sink, "images"), [4, 4, 4, 4, 4, 2])

    def test_second_run_starts_over(self):
        block = semisac.frame_modulator(SMALL, 0xABCDEF)
        first, _ = modulate(SMALL, frames(6), block=block)
        second, _ = modulate(SMALL, frames(6), block=block)
        np.testing.assert_array_equal(first, second)
        self.assertEqual(block.frames_sent(), 2)

    def test_nothing_in_nothing_out(self):
        samples, _ = modulate(SMALL, frames(1)[:0])
        self.assertEqual(len(samples), 0)

    def test_flush_sends_what_waits(self):
        top = gr.top_block()
        block = semisac.frame_modulator(SMALL)
        pausing = pausing_source(frames(2))
        top.connect(pausing, block, blocks.null_sink(gr.sizeof_gr_complex))
        top.start()
        try:
            until(lambda: block.nitems_read(0) == 2)
            block._post(pmt.intern("flush"), pmt.PMT_T)
            until(block.frames_sent)
            self.assertEqual(block.frames_sent(), 1)
        finally:
            pausing.ended = True
            top.wait()
        self.assertEqual(block.frames_sent(), 1)

    def test_bad_parameters(self):
        with self.assertRaisesRegex(ValueError, "bundle_fingerprint is 16777216, expected 0 to 16777215"):
            semisac.frame_modulator(SMALL, 1 << 24)
        with self.assertRaises(TypeError):
            semisac.frame_modulator(5)


if __name__ == "__main__":
    gr_unittest.run(qa_frame_modulator)
