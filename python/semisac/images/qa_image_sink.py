#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image sinks: the newest complete frame, with its own pictures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np  # noqa: E402
from gnuradio import gr, gr_unittest, semisac  # noqa: E402
from PyQt5 import QtWidgets  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402

FRAMES = 9
CLASSES = ("plane", "car", "bird", "cat")


def painted(widget, width: int, height: int) -> np.ndarray:
    """What the widget shows, uint8 [height, width, 3]."""
    widget.resize(width, height)
    image = widget.grab().toImage().convertToFormat(13)  # RGB888
    rows = np.frombuffer(image.bits().asstring(image.sizeInBytes()), np.uint8).reshape(height, -1)
    return rows[:, : 3 * width].reshape(height, width, 3)


class qa_image_sink(gr_unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])

    def show(self, lost=()):
        """Sink through which FRAMES frames of one colour each went."""
        shades = (np.arange(FRAMES) * 25 + 10).astype(np.uint8)
        sent = np.zeros((FRAMES, 32, 32, 3), np.uint8)
        sent[..., 0] = shades[:, None, None]
        received = np.zeros_like(sent)
        received[..., 2] = shades[:, None, None]
        rng = np.random.default_rng(1)
        ids = {"frame_id": range(FRAMES)}
        sink = semisac.image_sink(CLASSES, hypotheses=3)
        streams = (
            (sent.reshape(FRAMES, -1), {**ids, "label": [3] * FRAMES}),
            (received.reshape(FRAMES, -1), ids),
            (rng.dirichlet(np.ones(4), FRAMES).astype(np.float32), ids),
            (
                rng.dirichlet(np.ones(3), FRAMES).astype(np.float32),
                {**ids, "target_hypothesis": [1] * FRAMES},
            ),
        )
        top = gr.top_block()
        lossy = bt.lose_frames(np.uint8, bt.IMAGE_LENGTH, lost)
        for branch, (items, tags) in enumerate(streams):
            chain = [bt.source(items, bt.frame_tags(**tags))] + ([lossy] if branch == 1 else [])
            top.connect(*chain, (sink, branch))
        top.run()
        return sink, shades

    def test_newest_frame(self):
        sink, shades = self.show()
        frame = sink.take_newest()
        self.assertEqual(frame["frame_id"], FRAMES - 1)
        self.assertEqual(frame["label"], 3)
        self.assertEqual(frame["hypothesis"], 1)
        self.assertTrue((frame["sent"][..., 0] == shades[-1]).all())
        self.assertIsNone(sink.take_newest())

    def test_a_lost_frame_does_not_mix_pictures(self):
        sink, shades = self.show(lost=(FRAMES - 1, 2))
        frame = sink.take_newest()
        self.assertEqual(frame["frame_id"], FRAMES - 2)
        self.assertTrue((frame["sent"][..., 0] == shades[-2]).all())
        self.assertTrue((frame["received"][..., 2] == shades[-2]).all())
        self.assertEqual(frame["frames_lost"], 1)  # the last one is still awaited

    def test_paints_both_pictures(self):
        sink, shades = self.show()
        widget = sink.qwidget()
        empty = painted(widget, 900, 360)
        widget._refresh()
        full = painted(widget, 900, 360)
        self.assertFalse((full == empty).all())
        for colour in ([shades[-1], 0, 0], [0, 0, shades[-1]]):
            self.assertGreater(np.count_nonzero((full == colour).all(axis=-1)), 200 * 200)

    def test_any_size_can_be_painted(self):
        sink, _ = self.show()
        widget = sink.qwidget()
        widget._refresh()
        widget.setMinimumSize(0, 0)
        for size in ((620, 300), (60, 40), (2000, 300)):
            painted(widget, *size)

    def received(self, class_names=CLASSES):
        """Sink that shows what a receiver knows, and the pictures and probabilities that it got."""
        pictures = bt.pictures(FRAMES)
        probabilities = np.random.default_rng(1).dirichlet(np.ones(4), FRAMES).astype(np.float32)
        sink = semisac.received_image_sink(class_names)
        tags = bt.frame_tags(frame_id=[7, 8, 9, 0, 1, 2, 3, 4, 5], snr_db=[2.0] * 5)
        top = gr.top_block()
        top.connect(bt.source(pictures.reshape(FRAMES, -1), tags), sink)
        if class_names:
            top.connect(bt.source(probabilities), (sink, 1))
        top.run()
        return sink, pictures, probabilities

    def test_a_receiver_shows_the_newest_image_also_when_numbers_begin_anew(self):
        sink, pictures, probabilities = self.received()
        self.assertEqual(sink.images_received(), FRAMES)
        newest = sink.take_newest()
        self.assertEqual((newest["frame_id"], newest["snr_db"]), (5, 2.0))
        np.testing.assert_array_equal(newest["received"], pictures[-1])
        np.testing.assert_array_equal(newest["probabilities"], probabilities[-1])
        self.assertIsNone(sink.take_newest())
        self.assertNotIn("probabilities", self.received(())[0].take_newest())

    def test_a_receiver_paints_one_picture(self):
        for class_names in (CLASSES, ()):
            sink, _, _ = self.received(class_names)
            widget = sink.qwidget()
            empty = painted(widget, 700, 360)
            widget._refresh()
            full = painted(widget, 700, 360)
            colours = {tuple(pixel) for pixel in sink._view._newest["received"].reshape(-1, 3)[:3]}
            self.assertFalse((full == empty).all())
            for colour in colours:
                self.assertTrue((full == colour).all(axis=-1).any(), colour)


if __name__ == "__main__":
    gr_unittest.run(qa_image_sink)
