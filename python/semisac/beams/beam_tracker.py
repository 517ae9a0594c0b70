# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
from gnuradio import gr

from semisac_ml.signal.beam_tracking import COVER, MOST_PREDICTED, UNSURE, BeamTracker, Looks

from .beam_messages import WHOLE_NUMBERS, frame_of, pdu, real, seconds_of, takes_pdus, tick


class beam_tracker(takes_pdus, gr.basic_block):
    """Keep on the strongest beam while measuring few, in every frame.

    With a predictor it asks for a prediction, measures the likeliest beams until these hold `cover` of the
    probability, and two guards; an unsure prediction is not followed: the frame sweeps every fourth beam.
    Without one, or while predictions are wrong too often, it measures around the last best beam, and three
    guards. Then it climbs to the strongest
    (`semisac_ml.signal.beam_tracking`: the block says what that class says, message by message).

    Message in ``frame``: PDU that begins a frame, {frame, time_s}; new_drive: true starts a new track; site.
    Message in ``power``: PDU, float32, of `beam_codebook`; empty: nothing could be measured.
    Message in ``prediction``: PDU, float32[beams], of `beam_predictor`.
    Message out ``measure``: PDU, int32, beams to measure; {frame}.
    Message out ``observations``: PDUs for `beam_predictor`: what was measured, and what asks for a
        prediction.
    Message out ``beam``: PDU, float32, power in dB of the beams that were measured; {frame, time_s, beam:
        the strongest of them, measured: their numbers}.

    beams: of the codebook.
    cover, most: share of the predicted probability that is measured, in so many beams at most.
    unsure: a prediction whose `most` likeliest beams hold less is not followed.
    use_prediction: whether to ask for predictions; only if ``observations`` is connected.

    `counts`: frames; "unsure" predictions; "doubted" ones, not followed because of those before;
    "unanswered", frames that were over before all was measured; "late", answers to frames that were over;
    "damaged" messages.

    Raises ValueError for a bad parameter.
    """

    def __init__(self, beams=64, cover=COVER, most=MOST_PREDICTED, unsure=UNSURE, use_prediction=True):
        gr.basic_block.__init__(self, "beam_tracker", None, None)
        if not 0 < cover <= 1 or not 0 <= unsure <= 1:
            raise ValueError(f"cover is {cover} and unsure is {unsure}, expected shares of 1")
        if not 1 <= int(most) <= int(beams):
            raise ValueError(f"most is {most}, expected 1 to {beams} beams")
        self._made = {
            "beams": int(beams),
            "cover": float(cover),
            "most": int(most),
            "unsure": float(unsure),
        }
        self.set_use_prediction(use_prediction)
        self._begin_track()
        self.listen("frame", self._begin)
        self.listen("power", self._take_power)
        self.listen("prediction", self._take_prediction)
        self.announce("measure", "observations", "beam")

    def _begin_track(self) -> None:
        self._tracker = BeamTracker(**self._made)
        self._frame: dict | None = None
        self._looks: Looks | None = None

    def start(self):
        """A run begins a new track."""
        self._begin_track()
        return True

    def set_use_prediction(self, use_prediction: bool) -> None:
        """Whether to ask for predictions, from the next frame on."""
        self._use_prediction = bool(use_prediction)

    def _begin(self, meta: dict, values: np.ndarray) -> None:
        time_s, frame = seconds_of(meta), frame_of(meta)
        if frame is None:
            raise ValueError("a frame has no number")
        if self._frame is not None:
            self.counts["unanswered"] += 1
            self._finish(*self._tracker.give_up())
        self._frame, self._looks = {"frame": frame, "time_s": time_s}, None
        self._tracker.new_frame()
        self.counts["frames"] += 1
        if meta.get("new_drive") is True:
            self._tracker.restart()
        if self._use_prediction and self.is_heard("observations"):
            self.send("observations", tick(**{**meta, **self._frame}))
        else:
            self._start(None)

    def _take_prediction(self, meta: dict, values: np.ndarray) -> None:
        values = real(values, self._tracker.beams, "probability of all beams")
        if self._frame is None or self._looks is not None or frame_of(meta) != self._frame["frame"]:
            self.counts["late"] += 1
            return
        self.counts["unsure"] += self._tracker.is_unsure(values)
        self.counts["doubted"] += self._tracker.doubts()
        self._start(values)

    def _start(self, probability: np.ndarray | None) -> None:
        self._looks = self._tracker.looks(probability)
        self._ask(lambda: next(self._looks))

    def _take_power(self, meta: dict, values: np.ndarray) -> None:
        if self._frame is None or self._looks is None or frame_of(meta) != self._frame["frame"]:
            self.counts["late"] += 1
            return
        if values.dtype.kind not in "fiu":
            raise ValueError(f"power of {values.dtype}, expected real numbers")
        if len(values) and self.is_heard("observations"):
            told = {key: meta[key] for key in ("modality", "beams", "time_s", "frame")}
            self.send("observations", pdu(values, **told))
        self._ask(lambda: self._looks.send(values))

    def _ask(self, go_on) -> None:
        """Ask for the next measurements, or end the frame."""
        try:
            wanted = go_on()
        except StopIteration as end:
            self._finish(*end.value)
            return
        self.send("measure", pdu(wanted.astype(WHOLE_NUMBERS), frame=self._frame["frame"]))

    def _finish(self, beam: int, measured: int) -> None:
        power_db = self._tracker.power_db()
        told, self._frame, self._looks = self._frame, None, None
        numbers = np.array(list(power_db), dtype=WHOLE_NUMBERS)
        values = np.array(list(power_db.values()), dtype=np.float32)
        self.send("beam", pdu(values, **told, beam=beam, measured=numbers))
