#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segmentation sink: the newest complete frame, and the mean IoU of the frames so far."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import BundleError
from semisac_ml.signal.segmentation import class_colours

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
import block_testing as bt  # noqa: E402
import tiny_fusion_bundle as tiny  # noqa: E402

try:
    from PyQt5 import QtWidgets
except ImportError:
    QtWidgets = None

PIXELS = tiny.HEIGHT * tiny.WIDTH


@unittest.skipIf(QtWidgets is None, "needs PyQt5")
class qa_segmentation_sink(gr_unittest.TestCase):
    def setUp(self):
        self.application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])

    def shown(self, frames=50):
        """Newest of three frames of class 1: of two half and all is found, of one nothing came."""
        truth = np.ones((3, PIXELS), np.uint8)
        received = truth.copy()
        received[0, : PIXELS // 2] = 0
        colour = np.arange(3, dtype=np.uint8)[:, None].repeat(3 * PIXELS, axis=1)
        block, top = semisac.segmentation_sink(good.fusion_bundle(), frames), gr.top_block()
        lossy = bt.lose_frames(np.uint8, PIXELS, [2])
        for port, items in enumerate((colour, colour[:, :PIXELS], received, truth)):
            tags = bt.frame_tags(frame_id=[0, 1, 2], **({"snr_db": [-3.0, -4.0]} if port == 2 else {}))
            top.connect(*[bt.source(items, tags), lossy][: 1 + (port == 2)], (block, port))
        top.run()
        return block.take_newest(), block

    def test_the_newest_frame_and_the_mean_iou(self):
        frame, block = self.shown()
        self.assertEqual((frame["frame_id"], frame["snr_db"], frame["present"]), (1, -4.0, [1]))
        # class 1: 3/2 of 2 pictures; class 0: nothing of what was said to be it
        self.assertAlmostEqual(frame["mean_iou"], (0.75 + 0.0) / 2)
        self.assertEqual(frame["colour"].shape, (tiny.HEIGHT, tiny.WIDTH, 3))
        self.assertEqual((int(frame["colour"].max()), int(frame["thermal"].max())), (1, 1))
        colour = class_colours(tiny.CLASSES)[1]
        self.assertTrue((frame["received"] == colour).all() and (frame["truth"] == colour).all())
        self.assertIsNone(block.take_newest())
        self.assertEqual(self.shown(frames=1)[0]["mean_iou"], 1.0)

    def test_it_paints(self):
        frame, block = self.shown()
        view = block.qwidget()
        view._take_newest = lambda: frame
        view._refresh()
        view.resize(900, 740)
        pixels = view.grab().toImage()
        seen = {pixels.pixelColor(x, y).getRgb()[:3] for x in range(0, 900, 5) for y in range(0, 740, 5)}
        self.assertIn(tuple(class_colours(tiny.CLASSES)[1].tolist()), seen)

    def test_other_bundles_and_bad_parameters_are_refused(self):
        with self.assertRaisesRegex(BundleError, "expected one that sends pictures of several users"):
            semisac.segmentation_sink(bt.tiny_bundle())
        with self.assertRaisesRegex(ValueError, "frames is 0"):
            semisac.segmentation_sink(good.fusion_bundle(), 0)


if __name__ == "__main__":
    gr_unittest.run(qa_segmentation_sink)
