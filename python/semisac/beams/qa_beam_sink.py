#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam sink: figures against a sweep, whatever order messages come in, and what is on the screen."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from gnuradio import gr_unittest, semisac
from gnuradio.semisac.beams.beam_messages import pdu
from PyQt5 import QtWidgets

POWER_DB = np.array(
    [[-9.0, -4.0, -6.0, -12.0] * 4, [-1.0, -2.0, -3.0, -4.0] * 4, [-5.0] * 15 + [-2.0]], np.float32
)
USED = (1, 1, 2)
MEASURED = ([0, 1, 2], [1], [1, 2])


def truth(frame: int):
    """Power of all beams."""
    return pdu(POWER_DB[frame], frame=frame, time_s=0.1 * frame)


def tracked(frame: int):
    """Beam of a frame."""
    beams = np.array(MEASURED[frame], np.int32)
    return pdu(POWER_DB[frame][beams], frame=frame, time_s=0.1 * frame, beam=USED[frame], measured=beams)


class qa_beam_sink(gr_unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])

    def test_figures_whatever_comes_first(self):
        sink = semisac.beam_sink(beams=16, window=False)
        sink.on_all_beams(truth(0))
        sink.on_beam(tracked(0))
        sink.on_beam(tracked(1))
        sink.on_beam(tracked(2))
        sink.on_all_beams(truth(2))
        self.assertEqual(sink.frames_complete(), 2)
        sink.on_all_beams(truth(1))
        figures = {name: metric.value for name, metric in sink.figures().items()}
        self.assertAlmostEqual(figures["beams_per_frame"], 2.0)
        self.assertAlmostEqual(figures["overhead_saved"], 1 - 2 / 16)
        self.assertAlmostEqual(figures["power_loss_db"], (0.0 + 1.0 + 3.0) / 3)
        self.assertAlmostEqual(figures["best_beam"], 1 / 3)
        self.assertAlmostEqual(figures["lost"], 1 / 3)  # beam 2 where 15 is the strongest

    def test_no_frames_no_figures(self):
        sink = semisac.beam_sink(window=False)
        self.assertEqual(sink.figures(), {})
        self.assertIsNone(sink.take_newest())

    def test_the_vehicle_is_where_it_says(self):
        """20 m east, 10 m north of the station: the ring lies half as far up as to the right of it."""
        sink = semisac.beam_sink(beams=16)
        sink.on_observations(
            pdu(np.array([20.0, 10.0], np.float32), modality="position", frame=0, time_s=0.0)
        )
        sink.on_prediction(pdu(np.full(16, 1 / 16, np.float32), frame=0, time_s=0.0))
        sink.on_beam(tracked(0))
        sink.on_all_beams(truth(0))
        view = sink.qwidget()
        view._refresh()
        view.resize(1000, 600)
        image = view.grab().toImage().convertToFormat(13)  # RGB888
        line = image.bytesPerLine()
        pixels = np.frombuffer(image.bits().asstring(image.sizeInBytes()), np.uint8).reshape(600, line)
        left = pixels[:, :3000].reshape(600, 1000, 3)[26:, :400].astype(int)
        red = np.argwhere(np.abs(left - [0xD6, 0x45, 0x45]).sum(axis=2) < 6)
        dark = np.argwhere(np.abs(left[:, 40:380] - [0x1F, 0x29, 0x33]).sum(axis=2) < 6) + [0, 40]
        station = dark[(dark[:, 0] > 40) & (dark[:, 0] < 500)].mean(axis=0)
        ends = red[red[:, 1] > red[:, 1].max() - 10].mean(axis=0)
        up, right = station[0] - ends[0], ends[1] - station[1]
        self.assertGreater(right, 50)
        self.assertAlmostEqual(up / right, 0.5, delta=0.06)

    def test_numbers_that_begin_anew(self):
        """Frames with large numbers that never are complete keep no place from smaller ones."""
        sink = semisac.beam_sink(beams=16, window=False)
        power_db = np.zeros(16, np.float32)
        for number in [*range(10**6, 10**6 + 100), *range(50)]:
            at = {"frame": number, "time_s": 0.1 * number}
            sink.on_beam(pdu(power_db[:1], **at, beam=1, measured=np.array([1], np.int32)))
            if number < 50:
                sink.on_all_beams(pdu(power_db, **at))
        self.assertEqual(sink.frames_complete(), 50)

    def test_what_is_not_finite_spoils_no_figure(self):
        sink = semisac.beam_sink(beams=16, window=False)
        for number in range(3):
            sink.on_beam(tracked(number))
            power_db = np.linspace(-20.0, -10.0, 16).astype(np.float32)
            power_db[3] = np.nan if number == 1 else power_db[3]
            sink.on_all_beams(pdu(power_db, frame=number, time_s=0.1 * number))
        self.assertEqual(sink.frames_complete(), 2)
        self.assertTrue(np.isfinite(sink.figures()["power_loss_db"].value))
        self.assertEqual(sink.counts["damaged"], 1)

    def test_damaged_messages_are_counted(self):
        sink = semisac.beam_sink(beams=16, window=False)
        sink.on_all_beams(pdu(np.zeros(3, np.float32), frame=0, time_s=0.0))
        sink.on_beam(pdu(np.zeros(3, np.float32), frame=0, time_s=0.0))
        self.assertEqual(sink.counts["damaged"], 2)


if __name__ == "__main__":
    gr_unittest.run(qa_beam_sink)
