#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam pattern sink: a beam that is steered somewhere has its gain there."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pmt
from gnuradio import gr_unittest, semisac

from semisac_ml.runtime import BundleError
from semisac_ml.signal.mimo_ofdm import steering

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
import block_testing as bt  # noqa: E402
import tiny_fusion_bundle as tiny  # noqa: E402
from driven_flow import Flow  # noqa: E402

try:
    from PyQt5 import QtWidgets
except ImportError:
    QtWidgets = None

ARRIVALS, DEPARTURES = (-0.5, 0.25), (0.75, -0.2)  # sines, of each chain


def message(values, **head):
    entries = pmt.dict_add(pmt.to_pmt(head), pmt.intern("frame_id"), pmt.from_uint64(7))
    return pmt.cons(entries, pmt.init_c32vector(values.size, values.ravel().tolist()))


@unittest.skipIf(QtWidgets is None, "needs PyQt5")
class qa_beam_pattern_sink(gr_unittest.TestCase):
    def setUp(self):
        self.application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])

    def test_beams_have_their_gain_where_they_are_steered(self):
        combiner = steering(np.array(ARRIVALS), tiny.CELL.station_antennas).conj()
        precoder = steering(np.array(DEPARTURES), tiny.CELL.user_antennas).T
        block = semisac.beam_pattern_sink(good.fusion_bundle())
        Flow(block, [], [("combiner", message(combiner)), ("beams", message(precoder, user=1))]).run()
        newest = block.take_newest()
        self.assertEqual(set(newest), {"base station", "thermal", "frame_id"})
        self.assertEqual(newest["frame_id"], 7)
        for name, sines in (("base station", ARRIVALS), ("thermal", DEPARTURES)):
            pattern = newest[name]
            places = np.linspace(-1.0, 1.0, pattern.shape[1])
            np.testing.assert_allclose(places[pattern.argmax(axis=1)], sines, atol=0.01)
            np.testing.assert_allclose(pattern.max(axis=1), 0.0, atol=0.05)
        self.assertIsNone(block.take_newest())

    def test_other_bundles_are_refused(self):
        with self.assertRaisesRegex(BundleError, "expected one that sends pictures of several users"):
            semisac.beam_pattern_sink(bt.tiny_bundle())


if __name__ == "__main__":
    gr_unittest.run(qa_beam_pattern_sink)
