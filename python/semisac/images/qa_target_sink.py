#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Target sink: the newest complete frame, and a map in which a target is where it is."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.signal.lfm_simo_echo import BELOW_ZERO, lfm_simo_echo

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
import block_testing as bt  # noqa: E402
import tiny_target_bundle as tiny  # noqa: E402

try:
    from PyQt5 import QtWidgets
except ImportError:
    QtWidgets = None

DISTANCE_M, AZIMUTH_RAD = 50.0, 0.3


@unittest.skipIf(QtWidgets is None, "needs PyQt5")
class qa_target_sink(gr_unittest.TestCase):
    def setUp(self):
        self.application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])

    def shown(self, lost=()):
        """Newest frame of three, and the sink."""
        echo = lfm_simo_echo(DISTANCE_M, AZIMUTH_RAD, 0.0, tiny.RADAR).transpose(0, 2, 1).ravel()
        state = np.array([DISTANCE_M, AZIMUTH_RAD, 1.0, 0.5, 0.1, 2.0], np.float32)
        columns = [
            np.arange(3, dtype=np.uint8)[:, None].repeat(3 * tiny.FRAME**2, axis=1),
            np.tile(echo, (3, 1)),
            np.full((3, 4), 0.5, np.float32),
            np.full((3, 3 * tiny.PICTURE**2), 7, np.uint8),
            np.tile(state, (3, 1)),
        ]
        block, top = semisac.target_sink(good.target_bundle()), gr.top_block()
        lossy = [bt.lose_frames(items.dtype.type, items.shape[1], lost) for items in columns[3:]]
        for port, items in enumerate(columns):
            tags = bt.frame_tags(frame_id=[0, 1, 2], **({"snr_db": [20.0, 12.5]} if port == 4 else {}))
            path = [bt.source(items, tags), *lossy[port - 3 :][: port > 2]]
            top.connect(*path, (block, port))
        top.run()
        return block.take_newest(), block

    def test_the_newest_frame_and_its_map(self):
        frame, block = self.shown()
        self.assertEqual(frame["frame_id"], 2)
        self.assertEqual(frame["camera"].shape, (tiny.FRAME, tiny.FRAME, 3))
        self.assertTrue((frame["camera"] == 2).all() and (frame["picture"] == 7).all())
        self.assertEqual(frame["snr_db"], 12.5)  # a tag holds until the next
        angle, range_bin = np.unravel_index(frame["power_db"].argmax(), frame["power_db"].shape)
        self.assertEqual(range_bin, round(DISTANCE_M / tiny.RADAR.range_bin_m) + BELOW_ZERO)
        sine = (2 * angle + 1) / len(frame["power_db"]) - 1
        self.assertAlmostEqual(sine, np.sin(AZIMUTH_RAD), delta=1 / len(frame["power_db"]))
        self.assertIsNone(block.take_newest())

    def test_a_frame_that_was_lost_is_not_shown(self):
        self.assertEqual(self.shown(lost=(2,))[0]["frame_id"], 1)

    def test_bad_parameters_are_refused(self):
        with self.assertRaises(ValueError):
            semisac.target_sink(good.target_bundle(), refresh_per_s=0.0)


if __name__ == "__main__":
    gr_unittest.run(qa_target_sink)
