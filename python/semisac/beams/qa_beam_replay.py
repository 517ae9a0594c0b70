#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam replay: every frame of a recording in order, with its time, position and power or paths."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from gnuradio import gr_unittest, semisac
from gnuradio.semisac.beams.beam_messages import read, tick

from semisac_ml.data import DataError, beam_recordings

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
from patience import until  # noqa: E402


def sent_by(block, frames: int):
    """Messages of a block without a flowgraph, as (port, dictionary, values), until so many frames came."""
    found = []
    block.send = lambda port, message: found.append((port, *read(message)))
    block.start()
    for answered in range(frames):
        until(lambda answered=answered: sum(port == "frame" for port, *_ in found) > answered)
        block.on_next(tick())
    block.stop()
    return found


class qa_beam_replay(gr_unittest.TestCase):
    def test_frames_in_order_world_and_position_before_their_frame(self):
        recording = beam_recordings.load("sample")
        found = sent_by(semisac.beam_replay("sample", frames_per_s=0), 9)
        self.assertEqual([port for port, *_ in found], ["world", "observations", "frame"] * 9)
        ticks = [meta for port, meta, _ in found if port == "frame"]
        self.assertEqual([meta["frame"] for meta in ticks], list(range(9)))
        self.assertEqual([meta["new_drive"] for meta in ticks], [k in (0, 5) for k in range(9)])
        self.assertEqual([meta["site"] for meta in ticks], list(recording.site))
        np.testing.assert_allclose([meta["time_s"] for meta in ticks], recording.time_s)
        powers = [values for port, _, values in found if port == "world"]
        np.testing.assert_allclose(powers, recording.power_db)
        positions = [values for port, _, values in found if port == "observations"]
        np.testing.assert_allclose(positions, recording.position_m)

    def test_a_frame_that_is_asked_for_while_one_is_sent_comes_behind_it(self):
        block, found = semisac.beam_replay("sample", frames_per_s=0), []

        def send(port, message):
            time.sleep(0.01)
            found.append((port, read(message)[0]["frame"]))

        block.send = send
        block.start()
        for _ in range(12):  # of 9
            block.on_next(tick())
        block.stop()
        ports = ("world", "observations", "frame")
        self.assertEqual(found, [(port, frame) for frame in range(9) for port in ports])

    def test_paths_of_made_up_drives(self):
        made = beam_recordings.made_up(seed=4)
        found = sent_by(semisac.beam_replay(frames_per_s=0, count=3, seed=4), 3)
        for (_, meta, gain), paths in zip(found[::3], made.paths[:3], strict=True):
            np.testing.assert_allclose(gain, paths.gain, rtol=1e-6)
            np.testing.assert_allclose(meta["azimuth_rad"], paths.azimuth_rad)

    def test_paced_frames_end_and_repeated_ones_go_on_in_time(self):
        self.assertEqual(len(sent_by(semisac.beam_replay("sample", frames_per_s=1000), 9)), 27)
        found = sent_by(semisac.beam_replay("sample", frames_per_s=1000, repeat=True), 25)
        times = [meta["time_s"] for port, meta, _ in found if port == "frame"]
        self.assertTrue((np.diff(times) > 0).all())
        self.assertGreaterEqual(times[9] - times[8], beam_recordings.BETWEEN_DRIVES_S - 1e-9)

    def test_positions_can_be_switched_off(self):
        found = sent_by(semisac.beam_replay("sample", frames_per_s=0, sensors=()), 9)
        self.assertNotIn("observations", [port for port, *_ in found])

    def test_bad_parameters(self):
        with self.assertRaisesRegex(ValueError, "frames_per_s is -1"):
            semisac.beam_replay(frames_per_s=-1)
        with self.assertRaisesRegex(DataError, "no such folder"):
            semisac.beam_replay("/no/such/folder")


if __name__ == "__main__":
    gr_unittest.run(qa_beam_replay)
