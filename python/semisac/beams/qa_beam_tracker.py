#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop of beam tracking in a flowgraph: what the numpy tracker does, with sensors that fail."""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pmt
from gnuradio import gr, gr_unittest, semisac
from gnuradio.semisac.beams.beam_messages import pdu, read, tick

from semisac_ml.data.beam_recordings import BeamRecording
from semisac_ml.runtime import Bundle
from semisac_ml.runtime.observations import Observations
from semisac_ml.signal.beam_tracking import BeamTracker, track

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
from patience import until  # noqa: E402
from tiny_beam_bundle import make_tiny_beam_bundle  # noqa: E402

_folder = tempfile.TemporaryDirectory(prefix="semisac-tiny-")


@cache
def tiny() -> str:
    """Folder of a made-up bundle."""
    return str(make_tiny_beam_bundle(Path(_folder.name) / "vi_beam" / "tiny"))


def recording(frames: int = 60, drives: int = 2, seed: int = 0) -> BeamRecording:
    """Drives whose strongest beam is 31.5 + the position north, as the tiny bundle has it."""
    rng = np.random.default_rng(seed)
    north = np.concatenate([np.linspace(-25, 25, frames) + rng.normal(0, 1) for _ in range(drives)])
    apart = np.arange(64) - (31.5 + north[:, None])
    power_db = np.maximum(-0.3 * apart**2, -12.0) + rng.normal(0, 0.2, apart.shape) - 8.0
    drive = np.repeat(np.arange(drives), frames)
    step = np.tile(np.arange(frames), drives)
    return BeamRecording(
        name="made up",
        interval_s=0.1,
        site=["scenario1"] * len(drive),
        drive=drive,
        sequence=drive,
        time_s=0.1 * step + 100.0 * drive,
        position_m=np.stack([np.zeros(len(north)), north], axis=1).astype(np.float32),
        power_db=power_db.astype(np.float32),
    )


class Loop:
    """Flowgraph of the whole loop, run as fast as it goes.

    bundle: of the predictor, "" for none.
    """

    def __init__(self, recorded: BeamRecording, bundle: str = "", position: bool = True):
        self.top = top = gr.top_block()
        self.frames = len(recorded)
        self.replay = semisac.beam_replay(recorded, frames_per_s=0, sensors=("position",) if position else ())
        self.codebook = semisac.beam_codebook()
        self.tracker = semisac.beam_tracker()
        self.sink = semisac.beam_sink(window=False)
        self.predictor = semisac.beam_predictor(bundle) if bundle else None
        for source, out, target, into in (
            (self.replay, "frame", self.tracker, "frame"),
            (self.replay, "world", self.codebook, "world"),
            (self.replay, "observations", self.sink, "observations"),
            (self.tracker, "measure", self.codebook, "measure"),
            (self.codebook, "power", self.tracker, "power"),
            (self.codebook, "all_beams", self.sink, "all_beams"),
            (self.tracker, "beam", self.sink, "beam"),
            (self.tracker, "beam", self.replay, "next"),
        ):
            top.msg_connect(source, out, target, into)
        if self.predictor:
            for source in (self.replay, self.tracker):
                top.msg_connect(source, "observations", self.predictor, "observations")
            for target in (self.tracker, self.sink):
                top.msg_connect(self.predictor, "prediction", target, "prediction")

    def run(self) -> Loop:
        """Run to the end of the recording."""
        self.top.start()
        until(lambda: self.sink.frames_complete() >= self.frames)
        self.top.stop()
        self.top.wait()
        return self


def by_hand(recorded: BeamRecording, gps: bool) -> tuple[list[int], list[int]]:
    """The same loop without a flowgraph: bundle and tracker called directly."""
    bundle = Bundle.load(tiny())
    session = bundle.session("beams")
    observations = Observations(bundle, "beams", 0.1, site=0)
    tracker = BeamTracker()
    beams, measured = [], []
    for frame, time_s in enumerate(recorded.time_s):
        if frame == 0 or recorded.drive[frame] != recorded.drive[frame - 1]:
            tracker.restart()
            observations.forget()
        if gps:
            observations.add("position", time_s, recorded.position_m[frame])
        probability = session.run(**observations.inputs(time_s))["probability"][0]
        beam, count = tracker.step(lambda wanted, frame=frame: recorded.power_db[frame][wanted], probability)
        power_db = tracker.power_db()
        observations.add("power", time_s, list(power_db.values()), list(power_db))
        beams.append(beam)
        measured.append(count)
    return beams, measured


class qa_beam_tracker(gr_unittest.TestCase):
    def test_loop_without_predictor_is_the_numpy_tracker(self):
        recorded = recording()
        score = Loop(recorded).run().sink.score()
        wanted = track(recorded.power_db, recorded.drive)
        self.assertEqual(score.beam, wanted.beam.tolist())
        self.assertEqual(score.measured, wanted.measured.tolist())

    def test_loop_with_predictor_is_the_bundle_and_the_tracker_called_directly(self):
        recorded = recording(frames=40)
        loop = Loop(recorded, tiny()).run()
        beams, measured = by_hand(recorded, gps=True)
        self.assertEqual(loop.sink.score().beam, beams)
        self.assertEqual(loop.sink.score().measured, measured)
        self.assertEqual(loop.predictor.counters()["predictions"], 80)
        self.assertEqual(loop.tracker.counts["late"] + loop.tracker.counts["unanswered"], 0)

    def test_without_positions_the_loop_goes_by_power(self):
        recorded = recording(frames=40)
        loop = Loop(recorded, tiny(), position=False).run()
        beams, measured = by_hand(recorded, gps=False)
        self.assertEqual((loop.sink.score().beam, loop.sink.score().measured), (beams, measured))

    def test_without_measurements_the_loop_goes_by_prediction(self):
        """The network weighs older positions as well, hence lags: by up to two beams at 1.3 beams a frame."""
        loop = Loop(recording(frames=40), tiny())
        loop.codebook.set_enabled(False)
        loop.run()
        self.assertEqual(sum(loop.sink.score().measured), 0)
        self.assertLessEqual(loop.sink.score().off().max(), 2)

    def test_without_measurements_and_prediction_the_middle_beam_is_kept(self):
        loop = Loop(recording())
        loop.codebook.set_enabled(False)
        self.assertEqual(set(loop.run().sink.score().beam), {32})

    def test_frames_that_are_over_too_early_and_answers_too_late_are_counted(self):
        block = semisac.beam_tracker()
        sent = []
        block.message_port_pub = lambda port, message: sent.append(
            (pmt.symbol_to_string(port), read(message))
        )
        block.is_heard = lambda port: False
        block.on_frame(tick(frame=0, time_s=0.0, new_drive=True))
        block.on_power(pdu(np.arange(32, dtype=np.float32), frame=0))
        block.on_frame(tick(frame=1, time_s=0.1))  # the climb of frame 0 is not yet answered
        block.on_power(pdu(np.arange(2, dtype=np.float32), frame=0))
        block.on_prediction(pdu(np.full(64, 1 / 64, np.float32), frame=0))
        self.assertEqual(dict(block.counts), {"frames": 2, "unanswered": 1, "late": 2})
        (meta, power_db), *_ = [found for port, found in sent if port == "beam"]
        self.assertEqual((meta["frame"], meta["beam"], len(power_db)), (0, 63, 32))

    def test_unsure_predictions_are_counted_and_swept(self):
        block = semisac.beam_tracker()
        sent = []
        block.message_port_pub = lambda port, message: sent.append(
            (pmt.symbol_to_string(port), read(message))
        )
        block.is_heard = lambda port: True
        block.on_frame(tick(frame=0, time_s=0.0))
        block.on_prediction(pdu(np.full(64, 1 / 64, np.float32), frame=0))
        self.assertEqual(block.counts["unsure"], 1)
        self.assertEqual(sent[-1][1][1].tolist(), list(range(2, 64, 4)))

    def test_bad_parameters(self):
        for wrong, message in (
            ({"cover": 0}, "cover is 0"),
            ({"unsure": 2}, "unsure is 2"),
            ({"most": 65}, "most is 65"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                semisac.beam_tracker(**wrong)


if __name__ == "__main__":
    gr_unittest.run(qa_beam_tracker)
