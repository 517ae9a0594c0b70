# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop as a flowgraph: what is replayed, an array that measures, a predictor, the tracker, the judge."""

from __future__ import annotations

import numpy as np
from gnuradio import gr, semisac

from semisac_ml.data.beam_recordings import BeamRecording
from semisac_ml.runtime import Bundle

from .settings import BEAMS, PREDICTOR, REPLAYED, Kill, working


class beam_tracking_flowgraph(gr.top_block):
    """Replay a recording and keep a beam on the vehicle.

    bundle: of the predictor; None: the tracker is alone.
    frames_per_s: 0: as fast as the loop goes. kills: sensors that fail. window: whether there is a widget.
    """

    def __init__(
        self,
        recording: BeamRecording,
        bundle: Bundle | None,
        frames_per_s: float,
        kills: list[Kill],
        cover: float,
        seed: int,
        window: bool,
    ):
        gr.top_block.__init__(self, "beam_tracking")
        array = recording.codebook
        own = {"elements": array.elements, "sector_deg": np.rad2deg(array.sector_rad)} if array else {}
        self.replay = semisac.beam_replay(recording, frames_per_s=frames_per_s)
        self.codebook = semisac.beam_codebook(seed=seed, **own)
        self.tracker = semisac.beam_tracker(cover=cover)
        self.sink = semisac.beam_sink(window=window)
        self.predictor = None
        if bundle is not None:
            self.predictor = semisac.beam_predictor(bundle, interval_s=recording.interval_s)
        self.waits = not frames_per_s  # each frame for the end of the one before
        self._recording = recording
        self._kills = kills
        taken = self.predictor.sensors() if self.predictor else []
        recorded = [name for name in REPLAYED if REPLAYED[name] in taken and name in recording.files]
        self._replayed = dict.fromkeys(["gps", *recorded], True)
        self._check_kills()
        self._connect()
        self.replay.before_frame = self._switch
        self.replay.set_sensors([REPLAYED[name] for name in self._replayed])

    def sensors(self) -> list[str]:
        """What can be switched off."""
        return [*self._replayed, BEAMS, *([PREDICTOR] if self.predictor else [])]

    def _check_kills(self) -> None:
        for kill in self._kills:
            if kill.sensor not in self.sensors():
                known = ", ".join(self.sensors())
                raise ValueError(f"--kill {kill} does nothing here, expected one of {known}")

    def _connect(self) -> None:
        self.msg_connect(self.replay, "frame", self.tracker, "frame")
        self.msg_connect(self.replay, "world", self.codebook, "world")
        self.msg_connect(self.replay, "observations", self.sink, "observations")
        self.msg_connect(self.tracker, "measure", self.codebook, "measure")
        self.msg_connect(self.codebook, "power", self.tracker, "power")
        self.msg_connect(self.codebook, "all_beams", self.sink, "all_beams")
        self.msg_connect(self.tracker, "beam", self.sink, "beam")
        self.msg_connect(self.tracker, "beam", self.replay, "next")
        if self.predictor:
            self.msg_connect(self.replay, "observations", self.predictor, "observations")
            self.msg_connect(self.tracker, "observations", self.predictor, "observations")
            self.msg_connect(self.predictor, "prediction", self.tracker, "prediction")
            self.msg_connect(self.predictor, "prediction", self.sink, "prediction")

    def set_working(self, sensor: str, works: bool) -> None:
        """Switch a sensor on or off."""
        if sensor == BEAMS:
            self.codebook.set_enabled(works)
        elif sensor == PREDICTOR:
            self.tracker.set_use_prediction(works)
        else:
            self._replayed[sensor] = works
            self.replay.set_sensors([REPLAYED[name] for name, alive in self._replayed.items() if alive])

    def _switch(self, row: int) -> None:
        """Switch sensors that begin or cease to fail with this frame; others stay as somebody set them."""
        now_s = row * self._recording.interval_s
        before_s = now_s - self._recording.interval_s
        for sensor in {kill.sensor for kill in self._kills}:
            works = working(self._kills, sensor, now_s)
            if row == 0 or works != working(self._kills, sensor, before_s):
                self.set_working(sensor, works)

    def blocks(self) -> list:
        """All blocks."""
        found = [self.replay, self.codebook, self.tracker, self.sink, self.predictor]
        return [block for block in found if block is not None]

    def error(self) -> Exception | None:
        """What ended the flow before its time, if anything did."""
        return next((block.error for block in self.blocks() if block.error is not None), None)

    def counters(self) -> dict[str, int]:
        """What became of messages, by block and in words; those that are 0 are left out."""
        counted = {
            "frames sent": self.replay.frames_sent(),
            "frames judged": self.sink.frames_complete(),
        }
        for block in (self.codebook, self.tracker):
            counted |= {
                f"{block.name().removeprefix('beam_')}: {what}": count for what, count in block.counts.items()
            }
        if self.predictor:
            counted |= {f"predictor: {what}": count for what, count in self.predictor.counters().items()}
        return {what: count for what, count in counted.items() if count}
