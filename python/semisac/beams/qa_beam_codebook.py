#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam codebook: beams of antennas on a stream, of paths, of a recording; only those asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pmt
from gnuradio import gr, gr_unittest, semisac
from gnuradio.semisac.beams.beam_messages import pdu, read, tick

from semisac_ml.signal.beam_codebook import steering

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402


def told(block, *messages):
    """PDUs that a block sends on "power" when it is given (port, PDU) one after the other."""
    sent = []
    block.message_port_pub = lambda port, message: sent.append((pmt.symbol_to_string(port), read(message)))
    for port, message in messages:
        getattr(block, f"on_{port}")(message)
    return [found for port, found in sent if port == "power"]


def world(azimuth_deg: float, frame: int = 0, gain: complex = 1.0):
    """World of one path."""
    angle = np.deg2rad([azimuth_deg])
    return "world", pdu(np.array([gain], np.complex64), frame=frame, time_s=0.1 * frame, azimuth_rad=angle)


def ask(*beams: int, frame: int | None = 0):
    """Request for some beams."""
    return "measure", pdu(np.array(beams, np.int32), frame=frame)


class qa_beam_codebook(gr_unittest.TestCase):
    def test_paths_are_heard_by_the_beam_that_points_at_them(self):
        for azimuth_deg in (-40.0, -3.0, 27.0):
            block = semisac.beam_codebook(noise_power_db=-200)
            ((meta, power_db),) = told(block, world(azimuth_deg), ask(*range(64)))
            pointed_deg = np.rad2deg(block.codebook().azimuths_rad[power_db.argmax()])
            self.assertLessEqual(abs(pointed_deg - azimuth_deg), 90 / 64 / 2 + 1e-6)
            self.assertEqual((meta["modality"], meta["frame"], meta["time_s"]), ("power", 0, 0.0))

    def test_power_of_a_beam_at_its_centre_is_the_arrays_gain(self):
        """|gain|^2, times 16 elements, times the square of a patch's cosine."""
        block = semisac.beam_codebook(noise_power_db=-200)
        azimuth = block.codebook().azimuths_rad[50]
        ((_, power_db),) = told(block, world(np.rad2deg(azimuth), gain=0.5), ask(50))
        self.assertAlmostEqual(power_db[0], 10 * np.log10(0.25 * 16 * np.cos(azimuth) ** 2), places=4)

    def test_blocked_paths_leave_the_noise(self):
        """Mean of 64 beams and 64 snapshots, four of them independent a beam: within 1 dB."""
        block = semisac.beam_codebook(noise_power_db=-20, seed=3)
        ((_, power_db),) = told(block, world(0.0, gain=0.0), ask(*range(64)))
        self.assertAlmostEqual(power_db.mean(), -20.0, delta=1.0)

    def test_only_what_is_asked_for_is_measured_and_a_recording_is_given_back(self):
        recorded = np.random.default_rng(0).normal(-10, 3, 64).astype(np.float32)
        block = semisac.beam_codebook()
        ((meta, power_db),) = told(block, ("world", pdu(recorded, frame=7, time_s=0.7)), ask(9, 3, frame=7))
        self.assertEqual(meta["beams"].tolist(), [9, 3])
        np.testing.assert_array_equal(power_db, recorded[[9, 3]])

    def test_requests_wait_for_their_frame_and_late_ones_are_empty(self):
        block = semisac.beam_codebook()
        answers = told(
            block, ask(1, frame=1), world(0.0, 0), ask(2, frame=0), world(0.0, 1), ask(3, 4, frame=0)
        )
        self.assertEqual([(meta["frame"], len(power)) for meta, power in answers], [(0, 1), (1, 1), (0, 0)])
        self.assertEqual(dict(block.counts), {"answered": 2, "late": 1})

    def test_requests_that_wait_for_ever_are_given_up(self):
        block = semisac.beam_codebook()
        requests = [ask(1, frame=frame) for frame in range(1, 1001)]
        answers = told(block, world(0.0, 0), *requests, world(0.0, 1000))
        self.assertEqual(len(answers), 64)
        self.assertEqual(dict(block.counts), {"answered": 1, "late": 1000 - 64 + 63})

    def test_an_array_that_is_off_measures_nothing(self):
        block = semisac.beam_codebook()
        block.set_enabled(False)
        ((meta, power_db),) = told(block, world(0.0), ask(1, 2))
        self.assertEqual((len(power_db), len(meta["beams"])), (0, 0))
        self.assertEqual(dict(block.counts), {"empty": 1})

    def test_antennas_on_a_stream(self):
        """Two plane waves: power of the beam that points at each is the array's gain."""
        block = semisac.beam_codebook(snapshots=50, sample_rate_hz=100.0)
        azimuths = block.codebook().azimuths_rad
        waves = np.concatenate([np.tile(steering(azimuths[k], elements=16), (50, 1)) for k in (10, 44)])
        waves = waves.astype(np.complex64)
        sent = bt.record_messages(top := gr.top_block(), block, "all_beams")
        start = gr.tag_t()
        start.offset, start.key = 0, pmt.intern("rx_time")
        start.value = pmt.make_tuple(pmt.from_uint64(5), pmt.from_double(0.25))
        top.connect(bt.source(waves, [start]), (block, 0))
        top.run()
        self.assertEqual([one[0]["frame"] for one in sent], [0, 1])
        for (meta, power_db), beam, time_s in zip(sent, (10, 44), (5.75, 6.25), strict=True):
            self.assertEqual(int(np.argmax(power_db)), beam)
            self.assertAlmostEqual(power_db[beam], 10 * np.log10(16.0), places=3)
            self.assertAlmostEqual(meta["time_s"], time_s)

    def test_damaged_messages_are_counted(self):
        block = semisac.beam_codebook()
        told(
            block,
            ("world", pmt.intern("hello")),
            ("world", tick(frame=0, time_s=0.0)),
            ("world", pdu(np.zeros(3, np.float32), frame=0, time_s=0.0)),
            world(0.0),
            ask(64),
            ask(-1),
        )
        self.assertEqual(dict(block.counts), {"damaged": 5})

    def test_bad_parameters(self):
        for wrong, message in (
            ({"elements": 0}, "elements is 0"),
            ({"beams": 1}, "beams is 1"),
            ({"sector_deg": 200}, "sector is 200"),
            ({"snapshots": 0}, "snapshots is 0"),
            ({"bandwidth_hz": 0}, "above 0"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                semisac.beam_codebook(**wrong)


if __name__ == "__main__":
    gr_unittest.run(qa_beam_codebook)
