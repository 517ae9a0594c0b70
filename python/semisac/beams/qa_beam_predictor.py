#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam predictor: what its network says of the same inputs; sensors missing, late and stale; tags."""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pmt
from gnuradio import gr, gr_unittest, semisac
from gnuradio.semisac.beams.beam_messages import pdu, read, tick

from semisac_ml.runtime import Bundle, BundleError
from semisac_ml.signal.beam_choice import choose_beams

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402
from tiny_beam_bundle import make_tiny_beam_bundle  # noqa: E402

_folder = tempfile.TemporaryDirectory(prefix="semisac-tiny-")


@cache
def tiny(camera: bool = False) -> str:
    """Folder of a made-up bundle."""
    return str(make_tiny_beam_bundle(Path(_folder.name) / "vi_beam" / f"tiny{int(camera)}", camera))


def absent(camera: bool = False) -> dict[str, np.ndarray]:
    """Inputs of the network with nothing seen."""
    inputs = {
        "power_db": np.zeros((1, 5, 64), np.float32),
        "measured": np.zeros((1, 5, 64), np.float32),
        "position_m": np.zeros((1, 5, 2), np.float32),
        "position_known": np.zeros((1, 5), np.float32),
        "site": np.array([-1]),
    }
    if camera:
        inputs |= {
            "camera_features": np.zeros((1, 64), np.float32),
            "camera_known": np.zeros(1, np.float32),
        }
    return inputs


def network(inputs: dict[str, np.ndarray], camera: bool = False) -> np.ndarray:
    """What the bundle says when it is called directly."""
    return Bundle.load(tiny(camera)).session("beams").run(**inputs)["probability"]


def predictions(block, *messages):
    """Predictions that a block sends when it is given observations."""
    sent = []
    block.message_port_pub = lambda port, message: sent.append(read(message))
    for message in messages:
        block.on_observations(message)
    return sent


def seen(modality: str, time_s: float, values, **meta):
    """Observation."""
    return pdu(np.asarray(values, np.float32), modality=modality, time_s=time_s, **meta)


class qa_beam_predictor(gr_unittest.TestCase):
    def test_prediction_is_the_bundles(self):
        rng = np.random.default_rng(0)
        block = semisac.beam_predictor(tiny(), site="scenario2")
        beams = np.array([4, 12, 20, 60], np.int32)
        power = rng.normal(-12, 3, 4).astype(np.float32)
        inputs = absent()
        inputs["power_db"][0, 4, beams], inputs["measured"][0, 4, beams] = power, 1
        inputs["position_m"][0, 2], inputs["position_known"][0, 2] = [3.0, -7.0], 1
        inputs["site"][:] = 1
        ((meta, probability),) = predictions(
            block,
            seen("position", 0.8, [3.0, -7.0]),
            seen("power", 1.0, power, beams=beams),
            tick(frame=10, time_s=1.0),
        )
        wanted = network(inputs)
        np.testing.assert_allclose(probability, wanted[0], atol=1e-5)
        self.assertEqual(meta["beams"].tolist(), choose_beams(wanted, tempering=0.5)[0].tolist())
        np.testing.assert_allclose(meta["probabilities"], wanted[0][meta["beams"]], atol=1e-5)
        self.assertEqual((meta["frame"], meta["time_s"]), (10, 1.0))

    def test_missing_sensors_are_absent(self):
        ((_, probability),) = predictions(semisac.beam_predictor(tiny()), tick(frame=0, time_s=0.0))
        np.testing.assert_allclose(probability, network(absent())[0], atol=1e-6)

    def test_stale_messages_are_ignored_and_counted(self):
        block = semisac.beam_predictor(tiny())
        found = predictions(
            block,
            tick(frame=0, time_s=10.0),
            seen("position", 9.0, [0.0, 5.0]),
            tick(frame=1, time_s=10.1),
        )
        np.testing.assert_allclose(found[1][1], network(absent())[0], atol=1e-6)
        self.assertEqual(block.counters()["position stale"], 1)

    def test_a_sensor_of_the_manifest_needs_no_change_here(self):
        block = semisac.beam_predictor(tiny(camera=True))
        features = np.zeros(64)
        features[17] = 4.0
        found = predictions(block, seen("camera", 0.0, features), tick(frame=0, time_s=0.0))
        inputs = absent(camera=True)
        inputs["camera_features"][0], inputs["camera_known"][0] = features, 1
        np.testing.assert_allclose(found[0][1], network(inputs, camera=True)[0], atol=1e-6)
        self.assertEqual(found[0][0]["beams"][0], 17)

    def test_another_vehicle_is_not_predicted_from_the_last(self):
        block = semisac.beam_predictor(tiny())
        messages = seen("position", 0.0, [0.0, 9.0]), tick(frame=0, time_s=0.1, new_drive=True)
        ((_, probability),) = predictions(block, *messages)
        np.testing.assert_allclose(probability, network(absent())[0], atol=1e-6)

    def test_stream_of_sweeps_with_tags(self):
        """Items of power; NaN is not measured. Each prediction sees the four items before it."""
        rng = np.random.default_rng(1)
        sweeps = rng.normal(-12, 3, (9, 64)).astype(np.float32)
        sweeps[rng.random(sweeps.shape) < 0.7] = np.nan
        block = semisac.beam_predictor(tiny(), reported=3)
        sink = bt.sink(np.float32, 64)
        top = gr.top_block()
        tags = bt.frame_tags(frame_id=list(range(9)), time_s=[0.1 * k for k in range(9)])
        top.connect(bt.source(sweeps, tags), block, sink)
        top.run()
        found = bt.contents(sink, np.float32, 64)
        self.assertEqual(len(found), 9)
        for item in range(9):
            inputs = absent()
            for age in range(min(item + 1, 5)):
                known = np.isfinite(sweeps[item - age])
                inputs["measured"][0, 4 - age] = known
                inputs["power_db"][0, 4 - age] = np.where(known, sweeps[item - age], 0)
            np.testing.assert_allclose(found[item], network(inputs)[0], atol=1e-5)
        self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(9)))
        np.testing.assert_allclose(bt.tag_values(sink, "time_s"), 0.1 * np.arange(9), atol=1e-9)
        ranked = np.array(bt.tag_values(sink, "beams"))
        np.testing.assert_array_equal(ranked, choose_beams(found, 3, tempering=0.5))
        np.testing.assert_allclose(
            bt.tag_values(sink, "probabilities"), np.take_along_axis(found, ranked, 1), atol=1e-6
        )

    def test_a_gap_in_time_shifts_nothing(self):
        """An item that comes a second later has forgotten the one before."""
        sweeps = np.full((2, 64), np.nan, np.float32)
        sweeps[0, 5] = -3.0
        sink = bt.sink(np.float32, 64)
        top = gr.top_block()
        source = bt.source(sweeps, bt.frame_tags(time_s=[0.0, 1.0]))
        block = semisac.beam_predictor(tiny())  # a flowgraph does not keep blocks of Python
        top.connect(source, block, sink)
        top.run()
        np.testing.assert_allclose(bt.contents(sink, np.float32, 64)[1], network(absent())[0], atol=1e-6)

    def test_damaged_messages_are_counted(self):
        block = semisac.beam_predictor(tiny())
        wrong = seen("position", 0.0, [1.0]), pmt.intern("hello"), tick(frame=1), pmt.from_long(3)
        self.assertEqual(predictions(block, *wrong), [])
        counters = block.counters()
        self.assertEqual((counters["damaged"], counters["position refused"]), (3, 1))

    def test_bad_parameters(self):
        with self.assertRaisesRegex(BundleError, "expected one that predicts beams"):
            semisac.beam_predictor(bt.tiny_bundle())
        with self.assertRaisesRegex(ValueError, "reported is 0"):
            semisac.beam_predictor(tiny(), reported=0)
        with self.assertRaisesRegex(ValueError, "interval is 0"):
            semisac.beam_predictor(tiny(), interval_s=0)


if __name__ == "__main__":
    gr_unittest.run(qa_beam_predictor)
