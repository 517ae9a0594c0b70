#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Range-Doppler sink: the newest map where its target is, rings where the detector says, axes to the edge."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac
from gnuradio.semisac import map_drawing
from PyQt5 import QtWidgets


class qa_range_doppler_sink(gr_unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])

    def setUp(self):
        self.parameters = semisac.radar_parameters(semisac.frame_parameters(), antennas=2, doppler_bins=64)

    def show(self, maps: np.ndarray, sink):
        top = gr.top_block()
        top.connect(blocks.vector_source_c(maps.ravel(), False, self.parameters.map_cells), sink)
        top.run()
        return sink.take_newest()

    def test_newest_map_is_the_mean_power_of_the_antennas(self):
        rng = np.random.default_rng(1)
        shape = (3, 2, self.parameters.doppler_bins, self.parameters.range_bins)
        maps = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
        shown = self.show(maps, semisac.range_doppler_sink(self.parameters))
        expected = 10 * np.log10(np.mean(np.abs(maps[-1]) ** 2, axis=0))
        np.testing.assert_allclose(shown["power_db"], expected, atol=1e-3)

    def test_ring_is_on_the_target(self):
        # A target in column 5 and row 40: the ring's centre must be the brightest cell's.
        maps = np.zeros((1, 2, self.parameters.doppler_bins, self.parameters.range_bins), np.complex64)
        maps[0, :, 40, 5] = 100.0
        sink = semisac.range_doppler_sink(self.parameters, longest_range_m=400.0)
        found = {
            "range_m": 5 * self.parameters.range_bin_m,
            "velocity_mps": 8 * self.parameters.velocity_bin_mps,
            "snr_db": 40.0,
        }
        sink._take_detections(pmt.to_pmt({"frame_id": 0, "detections": [found]}))
        maps_shown = self.show(maps, sink)
        self.assertEqual(maps_shown["power_db"].shape[1], int(np.ceil(400.0 / self.parameters.range_bin_m)))
        view = sink.qwidget()
        view._newest = maps_shown
        view.resize(800, 600)
        image = view.grab().toImage().convertToFormat(13)  # RGB888
        pixels = np.frombuffer(image.bits().asstring(image.sizeInBytes()), np.uint8).reshape(600, -1)
        pixels = pixels[:, :2400].reshape(600, 800, 3).astype(int)
        bright = np.argwhere(np.abs(pixels - map_drawing.colours(np.array(99.0), 0.0, 35.0)).sum(axis=2) < 6)
        white = np.argwhere((pixels[60:540, 80:760] > 250).all(axis=2)) + [60, 80]
        np.testing.assert_allclose(white.mean(axis=0), bright.mean(axis=0), atol=3.0)

    def test_cross_is_where_the_map_s_tag_says_that_the_target_is(self):
        maps = np.zeros((2, 2, self.parameters.doppler_bins, self.parameters.range_bins), np.complex64)
        maps[1, :, 40, 5] = 100.0
        true = {
            "range_m": 5 * self.parameters.range_bin_m,
            "velocity_mps": 8 * self.parameters.velocity_bin_mps,
        }
        tags = [
            gr.python_to_tag((item, pmt.intern("targets"), pmt.to_pmt(value), pmt.PMT_F))
            for item, value in ((0, [{**true, "range_m": 0.0}]), (1, [{**true, "azimuth_rad": 0.1}]))
        ]
        sink = semisac.range_doppler_sink(self.parameters, longest_range_m=400.0)
        top = gr.top_block()
        top.connect(blocks.vector_source_c(maps.ravel(), False, self.parameters.map_cells, tags), sink)
        top.run()
        newest = sink.take_newest()
        self.assertEqual(newest["targets"], [{name: true[name] for name in ("range_m", "velocity_mps")}])
        view = sink.qwidget()
        view._newest = newest
        view.resize(800, 600)
        image = view.grab().toImage().convertToFormat(13)  # RGB888
        pixels = np.frombuffer(image.bits().asstring(image.sizeInBytes()), np.uint8).reshape(600, -1)
        pixels = pixels[:, :2400].reshape(600, 800, 3).astype(int)
        bright = np.argwhere(np.abs(pixels - map_drawing.colours(np.array(99.0), 0.0, 35.0)).sum(axis=2) < 6)
        orange = np.argwhere(np.abs(pixels - [255, 140, 26]).sum(axis=2) < 30)
        self.assertGreater(len(orange), 10)
        np.testing.assert_allclose(orange.mean(axis=0), bright.mean(axis=0), atol=3.0)
        self.assertEqual(self.show(maps[:1], sink)["targets"], [])  # a map of a real radio has none

    def test_ticks_are_round_and_inside(self):
        for low, high in ((-14.99, 914.0), (-1912.0, 1850.0), (0.0, 0.37), (-26.0, 26.0)):
            ticks = map_drawing.ticks(low, high)
            self.assertTrue(3 <= len(ticks) <= 8)
            self.assertTrue((ticks >= low).all() and (ticks <= high).all())
            step = ticks[1] - ticks[0]
            mantissa = step / 10 ** np.floor(np.log10(step) + 1e-9)
            self.assertIn(round(mantissa), (1, 2, 5))
            self.assertNotIn("-0", [f"{tick:g}" for tick in ticks])

    def test_bad_parameters(self):
        with self.assertRaisesRegex(ValueError, "ceiling_db is -1, expected more than floor_db"):
            semisac.range_doppler_sink(self.parameters, ceiling_db=-1)
        with self.assertRaisesRegex(ValueError, "refresh_per_s is 0"):
            semisac.range_doppler_sink(self.parameters, refresh_per_s=0)


if __name__ == "__main__":
    gr_unittest.run(qa_range_doppler_sink)
