#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Learned encoder: equal to its network, for every batch, and clear about what it cannot run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.data import cifar10
from semisac_ml.runtime import Bundle, BundleError

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402


def encode(block, images: np.ndarray):
    """Symbols [items, channel uses] of images sent through `block`, and the sink with their tags."""
    top = gr.top_block()
    source = semisac.image_source(images, range(len(images)))
    sink = bt.sink(np.complex64, bt.CHANNEL_USES)
    top.connect(source, block, sink)
    top.run()
    return bt.contents(sink, np.complex64, bt.CHANNEL_USES), sink


def network_symbols(images: np.ndarray, snr_db: float) -> np.ndarray:
    """Symbols that the network itself gives."""
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
    session = Bundle.load(bt.tiny_bundle()).session("encoder")
    pairs = session.run(image=pixels, snr_db=np.full(len(images), snr_db, np.float32))["symbols"]
    return pairs[..., 0] + 1j * pairs[..., 1]


class qa_jscc_encoder(gr_unittest.TestCase):
    def test_equals_the_network_for_every_batch(self):
        images = bt.pictures(37)
        expected = network_symbols(images, 3.0)
        for batch in (1, 8, 64):
            with self.subTest(batch=batch):
                symbols, sink = encode(semisac.jscc_encoder(bt.tiny_bundle(), 3.0, batch), images)
                np.testing.assert_allclose(symbols, expected, rtol=0, atol=1e-5)
                self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(37)))

    def test_every_image_has_unit_mean_power(self):
        symbols, _ = encode(semisac.jscc_encoder(bt.tiny_bundle()), bt.pictures(20))
        np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1.0, atol=1e-5)

    def test_takes_no_more_than_a_batch(self):
        block = semisac.jscc_encoder(bt.tiny_bundle(), batch=4)
        block._session = recorder = bt.RecordingSession(block._session)
        encode(block, bt.pictures(30))
        sizes = [len(call["image"]) for call in recorder.calls]
        self.assertEqual(sum(sizes), 30)
        self.assertLessEqual(max(sizes), 4)

    def test_snr_reaches_the_network(self):
        block = semisac.jscc_encoder(bt.tiny_bundle(), 3.0)
        block._session = recorder = bt.RecordingSession(block._session)
        block.set_snr_db(-4.5)
        encode(block, bt.pictures(2))
        self.assertEqual({float(snr) for call in recorder.calls for snr in call["snr_db"]}, {-4.5})
        self.assertEqual(block.snr_db(), -4.5)

    def test_runs_in_the_precision_that_is_asked_for(self):
        images = cifar10.sample()[0][:8]  # int8 is calibrated for pictures of things
        symbols = {
            precision: encode(semisac.jscc_encoder("jssc/awgn", precision=precision), images)[0]
            for precision in ("float32", "int8")
        }
        error = np.sqrt(np.mean(np.abs(symbols["int8"] - symbols["float32"]) ** 2))
        self.assertTrue(0.0 < error < 0.3, error)  # of symbols of unit power
        given = Bundle.load("jssc/awgn", precision="int8")
        np.testing.assert_array_equal(encode(semisac.jscc_encoder(given), images)[0], symbols["int8"])

    def test_remembered_images_are_not_encoded_again(self):
        images = bt.pictures(10)
        sent = images[np.arange(60) % 10]
        block = semisac.jscc_encoder(bt.tiny_bundle(), 3.0, 8, remember=16)
        block._session = recorder = bt.RecordingSession(block._session)
        symbols, sink = encode(block, sent)
        np.testing.assert_allclose(symbols, network_symbols(sent, 3.0), rtol=0, atol=1e-5)
        self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(60)))
        self.assertEqual(sum(len(call["image"]) for call in recorder.calls), 10)
        block.set_snr_db(-4.5)
        symbols, _ = encode(block, sent)
        np.testing.assert_allclose(symbols, network_symbols(sent, -4.5), rtol=0, atol=1e-5)
        self.assertEqual(sum(len(call["image"]) for call in recorder.calls), 20)

    def test_more_images_than_are_remembered(self):
        sent = bt.pictures(30)[np.arange(90) % 30]
        block = semisac.jscc_encoder(bt.tiny_bundle(), 3.0, 8, remember=5)
        symbols, _ = encode(block, sent)
        np.testing.assert_allclose(symbols, network_symbols(sent, 3.0), rtol=0, atol=1e-5)
        self.assertLessEqual(len(block._remembered), 5)

    def test_rejects_bad_parameters(self):
        with self.assertRaisesRegex(ValueError, "remember is -1"):
            semisac.jscc_encoder(bt.tiny_bundle(), remember=-1)
        with self.assertRaisesRegex(ValueError, "snr_db is nan"):
            semisac.jscc_encoder(bt.tiny_bundle(), float("nan"))
        with self.assertRaisesRegex(ValueError, "batch is 0"):
            semisac.jscc_encoder(bt.tiny_bundle(), batch=0)
        with self.assertRaisesRegex(ValueError, "precision is 'int4', expected one of auto, float32, int8"):
            semisac.jscc_encoder(bt.tiny_bundle(), precision="int4")
        with self.assertRaisesRegex(BundleError, "holds no network in int8: choose float32 or auto"):
            semisac.jscc_encoder(bt.tiny_bundle(), precision="int8")
        with self.assertRaisesRegex(BundleError, "nothing/here"):
            semisac.jscc_encoder("nothing/here")
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(BundleError):
            semisac.jscc_encoder(folder)

    def test_a_failing_network_ends_the_flow(self):
        class Broken:
            def run(self, **inputs):
                raise ValueError("made to fail")

        block = semisac.jscc_encoder(bt.tiny_bundle())
        block._session = Broken()
        symbols, _ = encode(block, bt.pictures(3))
        self.assertEqual(len(symbols), 0)
        self.assertIn("made to fail", str(block.error))


if __name__ == "__main__":
    gr_unittest.run(qa_jscc_encoder)
