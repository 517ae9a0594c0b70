#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image source: what leaves, in which order, with which tags."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac
from PIL import Image

from semisac_ml.data import DataError

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402
import video_files  # noqa: E402
from patience import until  # noqa: E402

try:
    import av  # noqa: F401

    HAS_AV = True
except ImportError:
    HAS_AV = False


def send(source, length: int = bt.IMAGE_LENGTH):
    """Images [items, length] and the sink that holds their tags."""
    top = gr.top_block()
    sink = bt.sink(np.uint8, length)
    top.connect(source, sink)
    top.run()
    return bt.contents(sink, np.uint8, length), sink


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
                times = bt.tag_values(sink, "image_time")
                self.assertEqual(times, sorted(times))
                self.assertTrue(before <= times[0] and times[-1] <= time.time())

    def test_count_repeats_the_set_and_goes_on_counting(self):
        images = bt.pictures(5)
        sent, sink = send(semisac.image_source(images, range(5), batch=3, count=12))
        np.testing.assert_array_equal(sent, images.reshape(5, -1)[np.arange(12) % 5])
        self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(12)))
        self.assertEqual(bt.tag_values(sink, "label"), [i % 5 for i in range(12)])

    def test_a_second_run_sends_the_same_images_under_new_numbers(self):
        pictures = bt.pictures(8)
        source, sink = semisac.image_source(pictures, count=5), bt.sink(np.uint8, bt.IMAGE_LENGTH)
        top = gr.top_block()
        top.connect(source, sink)
        for run in range(3):
            sink.reset()
            top.run()
            found = bt.contents(sink, np.uint8, bt.IMAGE_LENGTH)
            np.testing.assert_array_equal(found, pictures[:5].reshape(5, -1))
            self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(5 * run, 5 * run + 5)))
        self.assertEqual(source.images_sent(), 15)

    def test_unknown_labels_are_minus_one(self):
        _, sink = send(semisac.image_source(bt.pictures(3)))
        self.assertEqual(bt.tag_values(sink, "label"), [-1, -1, -1])

    def test_a_paced_source_sends_no_faster(self):
        source = semisac.image_source(bt.pictures(6), images_per_s=40.0)
        begun = time.time()  # the pace begins later, and the first image may leave late
        _, sink = send(source)
        times = np.array(bt.tag_values(sink, "image_time"))
        earliest = np.arange(6) / 40.0
        self.assertTrue((times - begun >= earliest - 1e-3).all(), times - begun)

    def test_repeats_until_stopped(self):
        source = semisac.image_source(bt.pictures(3), repeat=True, batch=2)
        top = gr.top_block()
        head_room = bt.sink(np.uint8, bt.IMAGE_LENGTH)
        top.connect(source, head_room)
        top.start()
        until(lambda: len(head_room.data()) >= 10 * bt.IMAGE_LENGTH)
        top.stop()
        top.wait()
        arrived = bt.contents(head_room, np.uint8, bt.IMAGE_LENGTH)[:10]
        np.testing.assert_array_equal(arrived, bt.pictures(3).reshape(3, -1)[np.arange(10) % 3])
        self.assertGreaterEqual(source.images_sent(), 10)

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

    def test_scales_picture_files_to_the_size_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            Image.new("RGB", (30, 20), (10, 20, 30)).save(Path(folder) / "one.png")
            sent, _ = send(semisac.image_source(folder, size=16), 768)
        np.testing.assert_array_equal(sent.reshape(-1, 3), [[10, 20, 30]] * 256)

    def test_pictures_of_any_proportions(self):
        with tempfile.TemporaryDirectory() as folder:
            Image.new("RGB", (30, 20), (10, 20, 30)).save(Path(folder) / "one.png")
            cropped, _ = send(semisac.image_source(folder, size=(8, 16)), 384)
            padded, _ = send(semisac.image_source(folder, size=(8, 16), fit="pad"), 384)
        np.testing.assert_array_equal(cropped.reshape(-1, 3), [[10, 20, 30]] * 128)
        there = padded.reshape(8, 16, 3).any(axis=2)  # 12 x 8 pixels in the middle
        np.testing.assert_array_equal(there, np.broadcast_to((np.arange(16) // 2 % 7) > 0, (8, 16)))

    def test_late_images_of_a_set_are_dropped_on_request(self):
        """A sink that takes 20 ms an image gets at most one in two, and the newest ones."""

        class slow_sink(gr.sync_block):
            def __init__(self):
                gr.sync_block.__init__(self, "slow_sink", [(np.uint8, bt.IMAGE_LENGTH)], None)
                self.first_pixels = []

            def work(self, input_items, output_items):
                time.sleep(0.02)
                self.first_pixels.append(int(input_items[0][0][0]))
                return 1

        images = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None, None], (60, 32, 32, 3))
        source = semisac.image_source(images, images_per_s=200.0, drop_late=True)
        sink = slow_sink()
        top = gr.top_block()
        top.connect(source, sink)
        top.run()
        self.assertEqual(source.images_sent() + source.images_dropped(), 60)
        self.assertEqual(source.images_sent(), len(sink.first_pixels))
        self.assertGreater(source.images_dropped(), 20)
        self.assertTrue((np.diff(sink.first_pixels) > 0).all())

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
        with self.assertRaisesRegex(ValueError, "drop_late is for images at a pace"):
            semisac.image_source(bt.pictures(2), drop_late=True)
        with self.assertRaisesRegex(ValueError, "size is 16, expected 32, that of sample"):
            semisac.image_source("sample", size=16)
        with self.assertRaisesRegex(ValueError, "no such file, expected a video"):
            semisac.image_source("nowhere/none.mp4")


class slow_sink(gr.sync_block):
    """Take an image a call, and time for each."""

    def __init__(self, seconds: float):
        gr.sync_block.__init__(self, "slow_sink", [(np.uint8, bt.IMAGE_LENGTH)], None)
        self._seconds = seconds
        self.levels: list[int] = []

    def work(self, input_items, output_items):
        self.levels.append(int(input_items[0][0][0]))
        time.sleep(self._seconds)
        return 1


@unittest.skipUnless(HAS_AV, "videos need the package av")
class qa_image_source_videos(gr_unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "grey.mkv"

    def tearDown(self):
        self.folder.cleanup()

    def write(self, count: int, rate: int = 100) -> str:
        return str(video_files.write_video(self.file, video_files.grey_levels(count), rate))

    def test_without_a_pace_every_picture_of_a_file_is_sent(self):
        for batch in (1, 7, 64):
            with self.subTest(batch=batch):
                source = semisac.image_source(self.write(40), batch=batch)
                sent, sink = send(source)
                np.testing.assert_array_equal(sent[:, 0], np.arange(40))
                self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(40)))
                self.assertEqual(bt.tag_values(sink, "label"), [-1] * 40)
                self.assertEqual(source.images_dropped(), 0)

    def test_count_goes_on_at_the_beginning_of_the_file(self):
        sent, _ = send(semisac.image_source(self.write(5), count=12, batch=4))
        np.testing.assert_array_equal(sent[:, 0], np.arange(12) % 5)

    def test_a_paced_file_runs_in_its_own_time_and_is_thinned_out(self):
        begin = time.monotonic()
        source = semisac.image_source(self.write(50), images_per_s=20.0)
        sent, sink = send(source)
        self.assertGreaterEqual(time.monotonic() - begin, 0.45)
        levels = sent[:, 0].astype(int)
        self.assertEqual(len(levels) + source.images_dropped(), 10)
        self.assertGreater(len(levels), 0)  # a slow computer misses some
        self.assertTrue(np.isin(levels, np.arange(0, 50, 5)).all(), levels)
        self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(len(levels))))

    def test_pictures_that_are_not_taken_in_time_are_dropped_and_counted(self):
        source, sink = semisac.image_source(self.write(100), images_per_s=100.0), slow_sink(0.1)
        top = gr.top_block()
        top.connect(source, sink)
        top.run()
        self.assertGreater(source.images_dropped(), 0)
        self.assertEqual(source.images_sent() + source.images_dropped(), 100)
        self.assertEqual(len(sink.levels), source.images_sent())
        self.assertEqual(sink.levels, sorted(set(sink.levels)))
        self.assertEqual(sink.levels[-1], 99)

    def test_a_flowgraph_with_a_video_can_be_started_again(self):
        source = semisac.image_source(self.write(5))
        top, sink = gr.top_block(), bt.sink(np.uint8, bt.IMAGE_LENGTH)
        top.connect(source, sink)
        top.run()
        top.run()
        levels = bt.contents(sink, np.uint8, bt.IMAGE_LENGTH)[:, 0]
        np.testing.assert_array_equal(levels, np.tile(np.arange(5), 2))

    def test_a_camera_that_breaks_off_ends_the_flowgraph_with_the_reason(self):
        source = semisac.image_source(self.write(5), images_per_s=100.0)
        source._feed._video.live = True
        broken = DataError("camera: cannot be read any further (No such device)")
        read = source._feed._video.next_frame
        frames = iter(range(3))

        def fail_after_three():
            if next(frames, None) is None:
                raise broken
            return read()

        source._feed._video.next_frame = fail_after_three
        send(source)
        self.assertIs(source.error, broken)

    def test_stopping_leaves_no_thread(self):
        source = semisac.image_source(self.write(5), repeat=True, images_per_s=1.0)
        top = gr.top_block()
        top.connect(source, bt.sink(np.uint8, bt.IMAGE_LENGTH))
        top.start()
        until(source.images_sent)
        top.stop()
        top.wait()
        self.assertFalse([thread for thread in threading.enumerate() if thread.name == "video"])


if __name__ == "__main__":
    unittest.main()
