#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconstruction decoder: equal to its network with the tags of each frame, also when they change live."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle, ImageLink

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402
from patience import until  # noqa: E402


def decode(block, received: np.ndarray, tags=()) -> np.ndarray:
    """Images uint8 [items, 3072] of received symbols."""
    top = gr.top_block()
    sink = bt.sink(np.uint8, bt.IMAGE_LENGTH)
    top.connect(bt.source(received, tags), block, sink)
    top.run()
    return bt.contents(sink, np.uint8, bt.IMAGE_LENGTH)


def network_images(received: np.ndarray, gain: np.ndarray, snr_db: np.ndarray) -> np.ndarray:
    """Images uint8 [items, 3072] that the network itself gives."""
    session = Bundle.load(bt.tiny_bundle()).session("reconstruction")
    image = session.run(
        received=np.stack([received.real, received.imag], axis=-1),
        channel_gain=np.stack([gain.real, gain.imag], axis=-1).astype(np.float32),
        snr_db=snr_db.astype(np.float32),
    )["image"]
    return np.rint(image * np.float32(255)).astype(np.uint8).transpose(0, 2, 3, 1).reshape(len(received), -1)


class qa_jscc_decoder(gr_unittest.TestCase):
    def assert_same_images(self, images: np.ndarray, expected: np.ndarray) -> None:
        # A matrix product may round otherwise in another batch: one step of 255 at most, and rarely.
        self.assertEqual(images.shape, expected.shape)
        difference = np.abs(images.astype(int) - expected)
        self.assertLessEqual(difference.max(), 1)
        self.assertLess(difference.mean(), 1e-3)

    def test_equals_the_network_with_the_tags_of_each_frame(self):
        received = bt.frames(41)
        gain = bt.frames(41, 1, seed=3)[:, 0]
        snr_db = np.linspace(-10, 20, 41)
        tags = bt.frame_tags(channel_gain=[complex(g) for g in gain], snr_db=snr_db.tolist())
        expected = network_images(received, gain, snr_db)
        for batch in (1, 7, 64):
            with self.subTest(batch=batch):
                images = decode(semisac.jscc_decoder(bt.tiny_bundle(), batch), received, tags)
                self.assert_same_images(images, expected)

    def test_a_frame_without_tags_keeps_the_last_values(self):
        received = bt.frames(9)
        tags = [bt.tag(3, "snr_db", 15.0), bt.tag(6, "snr_db", -5.0), bt.tag(3, "channel_gain", 0.5 + 0.5j)]
        snr_db = np.array([3.0] * 3 + [15.0] * 3 + [-5.0] * 3)  # 3 dB: the bundle's reference
        gain = np.array([1.0] * 3 + [0.5 + 0.5j] * 6)
        images = decode(semisac.jscc_decoder(bt.tiny_bundle(), 2), received, tags)
        self.assert_same_images(images, network_images(received, gain, snr_db))

    def test_the_network_is_told_no_snr_that_it_was_not_trained_for(self):
        low, high = Bundle.load(bt.tiny_bundle()).interface(ImageLink).channel.snr_db
        told = np.array([low - 30.0, low, 3.0, high, high + 60.0])
        received = bt.frames(5)
        images = decode(semisac.jscc_decoder(bt.tiny_bundle()), received, bt.frame_tags(snr_db=told.tolist()))
        gain = np.ones(5, complex)
        self.assert_same_images(images, network_images(received, gain, np.clip(told, low, high)))

    def test_a_live_change_of_snr_reaches_the_network(self):
        decoder = semisac.jscc_decoder(bt.tiny_bundle())
        decoder._session = recorder = bt.RecordingSession(decoder._session)
        channel = semisac.fading_channel(bt.CHANNEL_USES, "awgn", 3.0, 1)
        source = semisac.image_source(bt.pictures(4), repeat=True, batch=4, images_per_s=2000.0)
        encoder = semisac.jscc_encoder(bt.tiny_bundle(), 3.0, 4)
        top = gr.top_block()
        top.connect(source, encoder, channel, decoder, bt.sink(np.uint8, bt.IMAGE_LENGTH))
        top.start()
        for snr_db in (3.0, 17.0):
            channel.set_snr_db(snr_db)
            until(lambda snr_db=snr_db: recorder.calls and recorder.calls[-1]["snr_db"][-1] == snr_db)
        top.stop()
        top.wait()
        seen = np.concatenate([call["snr_db"] for call in recorder.calls])
        self.assertEqual(set(seen.tolist()), {3.0, 17.0})
        self.assertTrue((np.diff(seen) >= 0).all())

    def test_a_frame_that_is_not_finite_is_taken_as_zeros_and_counted(self):
        received = bt.frames(6)
        damaged = received.copy()
        damaged[1, 2], damaged[4, 0], damaged[4, 1] = np.nan, np.inf, 1e20
        received[[1, 4]] = 0.0
        decoder = semisac.jscc_decoder(bt.tiny_bundle())
        images = decode(decoder, damaged, [])
        self.assert_same_images(images, network_images(received, np.ones(6, complex), np.full(6, 3.0)))
        self.assertEqual(decoder.counts["damaged"], 2)

    def test_tags_of_another_kind_are_as_if_missing_and_counted(self):
        received = bt.frames(6)
        tags = [bt.tag(1, "snr_db", 15.0), bt.tag(2, "snr_db", "high"), bt.tag(3, "snr_db", float("nan"))]
        tags += [bt.tag(4, "channel_gain", "high"), bt.tag(5, "channel_gain", complex(1e300, 0.0))]
        decoder = semisac.jscc_decoder(bt.tiny_bundle())
        images = decode(decoder, received, tags)
        snr_db = np.array([3.0] + [15.0] * 5)
        self.assert_same_images(images, network_images(received, np.ones(6, complex), snr_db))
        self.assertEqual(decoder.counts["strange tags"], 3)

    def test_rejects_a_bad_batch(self):
        with self.assertRaisesRegex(ValueError, "batch is -1"):
            semisac.jscc_decoder(bt.tiny_bundle(), -1)


if __name__ == "__main__":
    gr_unittest.run(qa_jscc_decoder)
