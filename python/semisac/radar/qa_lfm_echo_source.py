#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Echoes of a target: the reference's, the radar equation's, and where a physicist looks for them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.signal.lfm_simo_echo import BELOW_ZERO, lfm_simo_echo

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
import block_testing as bt  # noqa: E402
import tiny_target_bundle as tiny  # noqa: E402

LENGTH = tiny.RADAR.antennas * tiny.ECHO_LENGTH


def echoes(**settings) -> tuple[np.ndarray, list[int]]:
    """Echoes [frames, antennas, pulses, range_bins] and their ids."""
    top = gr.top_block()
    sink = bt.sink(np.complex64, LENGTH)
    source = semisac.lfm_echo_source(good.target_bundle(), **settings)
    top.connect(source, sink)
    top.run()
    found = bt.contents(sink, np.complex64, LENGTH)
    shape = (-1, tiny.RADAR.antennas, tiny.RADAR.range_bins, tiny.RADAR.pulses)
    return found.reshape(shape).transpose(0, 1, 3, 2), bt.tag_values(sink, "frame_id")


class qa_lfm_echo_source(gr_unittest.TestCase):
    def test_is_the_reference_with_noise_of_variance_one(self):
        states = np.tile([60.0, 0.4, -12.0], (200, 1))
        found, ids = echoes(states=states)
        noise = found - lfm_simo_echo(60.0, 0.4, -12.0, tiny.RADAR)
        # 51,200 draws: the mean of their squares has a deviation of 0.0044
        self.assertAlmostEqual(float(np.mean(np.abs(noise) ** 2)), 1.0, delta=0.02)
        self.assertLess(abs(noise.mean()), 0.02)
        self.assertEqual(ids, list(range(200)))

    def test_a_target_is_where_its_delay_says(self):
        distance_m = 8 * tiny.RADAR.range_bin_m
        found, _ = echoes(states=[[distance_m, 0.0, 0.0]])
        power = np.mean(np.abs(found[0]) ** 2, axis=(0, 1))
        self.assertEqual(int(power.argmax()), 8 + BELOW_ZERO)

    def test_noise_depends_on_seed_and_frame_alone(self):
        states = good.target_states()
        first, _ = echoes(states=states, count=20, seed=3, batch=7)
        np.testing.assert_array_equal(first, echoes(states=states, count=20, seed=3, batch=1)[0])
        self.assertTrue((first != echoes(states=states, count=20, seed=4)[0]).all())
        self.assertTrue((first[0] != first[len(states)]).any())  # repeats, with other noise

    def test_bad_parameters_are_refused(self):
        for wrong in (
            {"states": [[0.0, 0.0, 0.0]]},
            {"states": [1.0, 2.0, 3.0]},
            {"states": [[np.nan, 0.0, 0.0]]},
            {"states": [[5.0, 0.0, 0.0]], "seed": -1},
            {"states": [[5.0, 0.0, 0.0]], "count": -1},
            {"states": [[5.0, 0.0, 0.0]], "batch": 0},
        ):
            with self.subTest(**wrong), self.assertRaises(ValueError):
                semisac.lfm_echo_source(good.target_bundle(), **wrong)


if __name__ == "__main__":
    gr_unittest.run(qa_lfm_echo_source)
