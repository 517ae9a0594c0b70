#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multimodal encoder: its network's symbols, pairs by frame_id, sensors that fail, a link that changes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pmt
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle, BundleError

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
import block_testing as bt  # noqa: E402
import tiny_target_bundle as tiny  # noqa: E402

COUNT = 40
ECHO = tiny.RADAR.antennas * tiny.ECHO_LENGTH


def network(pictures, echoes, snr_db=10.0, bits=1.0, present=(1.0, 1.0)) -> dict[str, np.ndarray]:
    """What the network itself makes of frames without a channel between."""
    count = len(pictures)
    pixels = pictures.reshape(count, tiny.FRAME, tiny.FRAME, 3).transpose(0, 3, 1, 2) / np.float32(255)
    return (
        Bundle.load(good.target_bundle())
        .session("encoder")
        .run(
            frame=np.ascontiguousarray(pixels),
            echo=echoes.view(np.float32).reshape(count, tiny.RADAR.antennas, -1, 2),
            channel_state=np.tile(np.array([snr_db / 10, bits, 0.0], np.float32), (count, 1)),
            present=np.tile(np.array(present, np.float32), (count, 1)),
        )
    )


def symbols_of(found: dict[str, np.ndarray]) -> np.ndarray:
    return found["symbols"].view(np.complex64)


class qa_multimodal_encoder(gr_unittest.TestCase):
    def setUp(self):
        generator = np.random.default_rng(1)
        self.pictures = generator.integers(0, 256, (COUNT, tiny.FRAME**2 * 3), dtype=np.uint8)
        self.echoes = bt.frames(COUNT, ECHO)
        self.tags = bt.frame_tags(frame_id=list(range(COUNT)))

    def encode(self, block, lost=((), ()), echoes=None, box=True):
        """Symbols, boxes, and the sink with the tags."""
        top = gr.top_block()
        items = (self.pictures, self.echoes if echoes is None else echoes)
        lossy = [bt.lose_frames(sent.dtype.type, sent.shape[1], lost[n]) for n, sent in enumerate(items)]
        for port, sent in enumerate(items):
            top.connect(bt.source(sent, self.tags), lossy[port], (block, port))
        symbols, boxes = bt.sink(np.complex64, tiny.CHANNEL_USES), bt.sink(np.float32, 4)
        top.connect((block, 0), symbols)
        if box:
            top.connect((block, 1), boxes)
        top.run()
        found = bt.contents(symbols, np.complex64, tiny.CHANNEL_USES)
        return found, bt.contents(boxes, np.float32, 4), symbols

    def test_equals_the_network_for_every_batch(self):
        expected = network(self.pictures, self.echoes)
        for batch in (1, 7, 64):
            with self.subTest(batch=batch):
                block = semisac.multimodal_encoder(good.target_bundle(), batch=batch)
                symbols, boxes, sink = self.encode(block)
                np.testing.assert_allclose(symbols, symbols_of(expected), rtol=1e-4, atol=1e-6)
                np.testing.assert_allclose(boxes, expected["box"], rtol=1e-4, atol=1e-6)
                self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(COUNT)))
                np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1.0, rtol=1e-4)

    def test_the_box_need_not_be_connected(self):
        symbols, _, _ = self.encode(semisac.multimodal_encoder(good.target_bundle()), box=False)
        np.testing.assert_allclose(symbols, symbols_of(network(self.pictures, self.echoes)), atol=1e-5)

    def test_a_lost_frame_is_counted_and_shifts_nothing(self):
        block = semisac.multimodal_encoder(good.target_bundle(), batch=5)
        symbols, _, sink = self.encode(block, lost=((0, 7, 8), (8, 20)))
        kept = sorted(set(range(COUNT)) - {0, 7, 8, 20})
        expected = symbols_of(network(self.pictures[kept], self.echoes[kept]))
        np.testing.assert_allclose(symbols, expected, rtol=1e-4, atol=1e-5)
        self.assertEqual(bt.tag_values(sink, "frame_id"), kept)
        self.assertEqual(block.frames_dropped(), 3)  # 8 is missing in both

    def test_a_sensor_that_does_not_work_is_not_looked_at(self):
        for camera, radar in ((False, True), (True, False), (False, False)):
            with self.subTest(camera=camera, radar=radar):
                block = semisac.multimodal_encoder(good.target_bundle(), camera=camera, radar=radar)
                symbols, _, _ = self.encode(block)
                expected = network(self.pictures, self.echoes, present=(float(camera), float(radar)))
                np.testing.assert_allclose(symbols, symbols_of(expected), rtol=1e-4, atol=1e-5)
        block.set_camera(True)
        block.set_radar(True)
        expected = network(self.pictures, self.echoes)
        self.tags = bt.frame_tags(frame_id=list(range(COUNT, 2 * COUNT)))
        np.testing.assert_allclose(self.encode(block)[0], symbols_of(expected), rtol=1e-4, atol=1e-5)

    def test_a_damaged_echo_is_a_radar_that_does_not_work(self):
        echoes = self.echoes.copy()
        echoes[3, 5] = np.nan
        block = semisac.multimodal_encoder(good.target_bundle())
        symbols, _, _ = self.encode(block, echoes=echoes)
        expected = symbols_of(network(self.pictures, self.echoes))
        expected[3] = symbols_of(network(self.pictures[3:4], self.echoes[3:4], present=(1.0, 0.0)))[0]
        np.testing.assert_allclose(symbols, expected, rtol=1e-4, atol=1e-5)
        self.assertEqual(block.counts["damaged"], 1)

    def test_the_channel_by_message_and_modulation_by_equation_50(self):
        for told_db, snr_db, bits in ((12.0, 12.0, 2.0), (20.5, 20.5, 3.0), (40.0, 25.0, 4.0), (-5.0, 0, 1)):
            with self.subTest(told_db=told_db):
                block = semisac.multimodal_encoder(good.target_bundle(), snr_db=3.0)
                block.to_basic_block()._post(pmt.intern("channel"), pmt.to_pmt({"snr_db": told_db}))
                symbols, _, _ = self.encode(block)
                expected = symbols_of(network(self.pictures, self.echoes, snr_db, bits))
                np.testing.assert_allclose(symbols[-1], expected[-1], rtol=1e-4, atol=1e-5)
                self.assertEqual(block.snr_db(), told_db)

    def test_other_bundles_and_bad_parameters_are_refused(self):
        with self.assertRaisesRegex(BundleError, "sends images, expected one that sends what camera and"):
            semisac.multimodal_encoder(bt.tiny_bundle())
        for wrong in ({"batch": 0}, {"snr_db": float("nan")}):
            with self.assertRaises(ValueError):
                semisac.multimodal_encoder(good.target_bundle(), **wrong)


if __name__ == "__main__":
    gr_unittest.run(qa_multimodal_encoder)
