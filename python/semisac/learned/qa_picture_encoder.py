#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Picture encoder: packets of the network's code, numbered; the way to the decoder and through frames."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle, BundleError
from semisac_ml.signal import picture_packets as pp

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402
import tiny_picture_bundle as tiny  # noqa: E402
from patience import until  # noqa: E402

HEIGHT, WIDTH = 32, 48
LENGTH = HEIGHT * WIDTH * 3
USES = tiny.CHANNEL_USES
_folder = tempfile.TemporaryDirectory(prefix="semisac-pictures-")
BUNDLE = str(tiny.make_tiny_picture_bundle(Path(_folder.name) / "jssc" / "pictures"))


def pictures(count: int) -> np.ndarray:
    """Soft random pictures, uint8 [count, HEIGHT, WIDTH, 3]."""
    coarse = np.random.default_rng(1).integers(0, 256, (count, HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def encode(block, images: np.ndarray):
    """Packets of images sent through `block`, and the sink with their tags."""
    top = gr.top_block()
    sink = bt.sink(np.complex64, USES)
    source = semisac.image_source(images, batch=1)  # GNU Radio keeps no reference to a Python block
    top.connect(source, block, sink)
    top.run()
    return bt.contents(sink, np.complex64, USES), sink


def network_packets(image: np.ndarray, sent: int, snr_db: float) -> np.ndarray:
    pixels = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
    code = (
        Bundle.load(BUNDLE)
        .session("encoder")
        .run(image=pixels, snr_db=np.array([snr_db], np.float32), sent_channels=np.array([sent], np.float32))[
            "code"
        ]
    )
    return pp.packets_of(code[0], sent, USES)


class qa_picture_encoder(gr_unittest.TestCase):
    def test_equals_the_network_for_every_bandwidth(self):
        images = pictures(3)
        for ratio, sent in enumerate(tiny.SENT_CHANNELS):
            with self.subTest(sent=sent):
                packets, sink = encode(semisac.picture_encoder(BUNDLE, HEIGHT, WIDTH, sent, 6.0), images)
                expected = np.concatenate([network_packets(image, sent, 6.0) for image in images])
                np.testing.assert_allclose(packets, expected, atol=1e-5)
                each = len(expected) // 3
                ids = np.concatenate([pp.packet_ids(number, ratio, each) for number in range(3)])
                self.assertEqual(bt.tag_values(sink, "frame_id"), ids.tolist())
                self.assertEqual(bt.tag_values(sink, "picture_id"), [0, 1, 2])
                self.assertEqual(len(bt.tag_values(sink, "image_time")), 3)

    def test_frames_are_filled_with_a_pictures_first_packets(self):
        block = semisac.picture_encoder(BUNDLE, HEIGHT, WIDTH, 8, packets_per_frame=5)
        packets, sink = encode(block, pictures(2))
        self.assertEqual(block.packets_per_picture(), 15)  # 8 x 8 x 12 reals are 12 packets
        self.assertEqual(len(packets), 30)
        np.testing.assert_array_equal(packets[12:15], packets[:3])
        self.assertEqual(bt.tag_values(sink, "frame_id")[:15], pp.packet_ids(0, 1, 15).tolist())

    def test_pictures_come_out_of_the_decoder(self):
        """Without noise; pictures of one colour in each 4 x 4 pixels have all in four channels."""
        images = pictures(4)
        top = gr.top_block()
        source = semisac.image_source(images, batch=1)
        encoder = semisac.picture_encoder(BUNDLE, HEIGHT, WIDTH, 4)
        decoder = semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH)
        metrics = semisac.metrics_sink((HEIGHT, WIDTH, 3), classes=0, hypotheses=0)
        top.connect(source, encoder, decoder, (metrics, 1))
        top.connect(source, (metrics, 0))
        top.run()
        figures = metrics.summary()
        self.assertEqual(figures["frames_lost"].value, 0)
        self.assertEqual(metrics.frames_complete(), 4)
        self.assertGreater(figures["psnr_db"].value, 12.0)
        self.assertIn("latency_p95_ms", figures)

    def test_through_frames_on_the_air(self):
        """Bandwidth of the next picture changed on the way; ids and bandwidths come out as they went in."""
        images = pictures(9)
        parameters = semisac.frame_parameters(images_per_frame=4, channel_uses=USES)
        fingerprint = 0x123456
        encoder = semisac.picture_encoder(BUNDLE, HEIGHT, WIDTH, 8, packets_per_frame=4)
        encode_one = encoder._encode

        def change_on_the_way(picture):
            encoder.set_sent_channels(tiny.SENT_CHANNELS[encoder.pictures_sent() % 3])
            encode_one(picture)

        encoder._encode = change_on_the_way
        decoder = semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH, 4)
        top = gr.top_block()
        sink = bt.sink(np.uint8, LENGTH)
        source = semisac.image_source(images, batch=1)
        top.connect(
            source,
            encoder,
            semisac.frame_modulator(parameters, fingerprint),
            semisac.fading_channel(1, "awgn", 15.0, 1, parameters.sample_rate_hz),
            semisac.frame_synchronizer(parameters),
            semisac.frame_demodulator(parameters, fingerprint),
            decoder,
            sink,
        )
        top.run()
        self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(9)))
        self.assertEqual(bt.tag_values(sink, "sent_channels"), [4, 8, 16] * 3)
        self.assertEqual(bt.tag_values(sink, "packets_lost"), [0] * 9)
        self.assertLess(np.abs(np.array(bt.tag_values(sink, "snr_db")) - 15.0).max(), 1.5)

    def test_a_change_of_bandwidth_takes_effect_with_the_next_picture(self):
        encoder = semisac.picture_encoder(BUNDLE, HEIGHT, WIDTH, 16)
        top = gr.top_block()
        source = semisac.image_source(pictures(2), repeat=True, batch=1, images_per_s=200.0)
        sink = bt.sink(np.complex64, USES)
        top.connect(source, encoder, sink)
        top.start()
        for sent in (16, 4):
            encoder.set_sent_channels(sent)
            arrived = len(sink.data()) + 3 * 24 * USES
            until(lambda arrived=arrived: len(sink.data()) >= arrived)
        top.stop()
        top.wait()
        picture, ratio, place = pp.parts_of_ids(np.array(bt.tag_values(sink, "frame_id")))
        whole = picture < picture[-1]
        ratios = [set(ratio[whole & (picture == number)].tolist()) for number in range(picture[-1])]
        self.assertTrue(all(len(found) == 1 for found in ratios))
        counts = [place[picture == number].max() + 1 for number in range(picture[-1])]
        self.assertEqual(set(counts), {6, 24})
        self.assertEqual(encoder.sent_channels(), 4)

    def test_rejects_what_it_cannot_send(self):
        with self.assertRaisesRegex(BundleError, "such as jssc/hifi"):
            semisac.picture_encoder(bt.tiny_bundle())
        with self.assertRaisesRegex(ValueError, "height is 30, expected a multiple of 4 pixels: choose 32"):
            semisac.picture_encoder(BUNDLE, 30, 32)
        with self.assertRaisesRegex(ValueError, "sent_channels is 5, expected one of 4, 8, 16"):
            semisac.picture_encoder(BUNDLE, 32, 32, 5)
        with self.assertRaisesRegex(ValueError, "packets_per_frame is 0"):
            semisac.picture_encoder(BUNDLE, 32, 32, 4, packets_per_frame=0)
        with self.assertRaisesRegex(ValueError, "expected at most 8192"):
            semisac.picture_encoder(BUNDLE, 2160, 3840)


if __name__ == "__main__":
    gr_unittest.run(qa_picture_encoder)
