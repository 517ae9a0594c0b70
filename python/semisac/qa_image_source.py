#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image source: what leaves, in which order, with which tags."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
import block_testing as bt  # noqa: E402


def send(source):
    """Images [items, 3072] and the sink that holds their tags."""
    top = gr.top_block()
    sink = bt.sink(np.uint8, bt.IMAGE_LENGTH)
    top.connect(source, sink)
    top.run()
    return bt.contents(sink, np.uint8, bt.IMAGE_LENGTH), sink


class qa_image_source(gr_unittest.TestCase):
    def test_sends_every_image_once_whatever_the_batch(self):
        images = bt.pictures(13)
        for batch in (1, 4, 13, 64):
            with self.subTest(batch=batch):
                before = time.time()
                sent, sink = send(semisac.image_source(images, range(13), batch=batch))
                np.testing.assert_array_equal(sent, images.reshape(13, -1))
                self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(13)))
                self.assertEqual(bt.tag_values(sink, "label"), list(range(13)))
                times = bt.tag_values(sink, "tx_time")
                self.assertEqual(times, sorted(times))
                self.assertTrue(before <= times[0] and times[-1] <= time.time())

    def test_count_repeats_the_set_and_goes_on_counting(self):
        images = bt.pictures(5)
        sent, sink = send(semisac.image_source(images, range(5), batch=3, count=12))
        np.testing.assert_array_equal(sent, images.reshape(5, -1)[np.arange(12) % 5])
        self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(12)))
        self.assertEqual(bt.tag_values(sink, "label"), [i % 5 for i in range(12)])

    def test_unknown_labels_are_minus_one(self):
        _, sink = send(semisac.image_source(bt.pictures(3)))
        self.assertEqual(bt.tag_values(sink, "label"), [-1, -1, -1])

    def test_a_paced_source_sends_no_faster(self):
        source = semisac.image_source(bt.pictures(6), images_per_s=40.0)
        _, sink = send(source)
        times = np.array(bt.tag_values(sink, "tx_time"))
        earliest = np.arange(6) / 40.0
        self.assertTrue((times - times[0] >= earliest - 1e-3).all(), times - times[0])

    def test_repeats_until_stopped(self):
        source = semisac.image_source(bt.pictures(3), repeat=True, batch=2)
        top = gr.top_block()
        head_room = bt.sink(np.uint8, bt.IMAGE_LENGTH)
        top.connect(source, head_room)
        top.start()
        while source.images_sent() < 10:
            time.sleep(0.001)
        top.stop()
        top.wait()
        self.assertGreaterEqual(len(head_room.data()), bt.IMAGE_LENGTH)

    def test_reads_picture_files(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = bt.pictures(1)[0]
            Image.fromarray(picture).save(Path(folder) / "one.png")
            sent, _ = send(semisac.image_source(folder))
        np.testing.assert_array_equal(sent, picture.reshape(1, -1))

    def test_sends_the_shipped_sample(self):
        sent, sink = send(semisac.image_source("sample"))
        self.assertEqual(sent.shape, (64, bt.IMAGE_LENGTH))
        self.assertEqual(set(bt.tag_values(sink, "label")), set(range(10)))

    def test_rejects_wrong_images_and_labels(self):
        with self.assertRaisesRegex(ValueError, "expected uint8"):
            semisac.image_source(bt.pictures(2).astype(np.float32))
        with self.assertRaisesRegex(ValueError, "at least one image"):
            semisac.image_source(bt.pictures(2)[:0])
        with self.assertRaisesRegex(ValueError, "one for each of 2 images"):
            semisac.image_source(bt.pictures(2), [1, 2, 3])
        with self.assertRaisesRegex(ValueError, "batch is 0"):
            semisac.image_source(bt.pictures(2), batch=0)
        with self.assertRaisesRegex(ValueError, "images_per_s is -1"):
            semisac.image_source(bt.pictures(2), images_per_s=-1)


if __name__ == "__main__":
    gr_unittest.run(qa_image_source)
