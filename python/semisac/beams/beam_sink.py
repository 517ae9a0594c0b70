# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from gnuradio import gr

from semisac_ml.signal.metrics import Metric
from semisac_ml.signal.tracking_score import TrackingScore

from .beam_messages import frame_of, real, seconds_of, takes_pdus

REMEMBERED = 4000
WAITING = 64


@dataclass
class TrackedFrame:
    """What was told of one frame; None where it was not.

    power_db: of all beams, float32 [beams]. beam: the one used. measured, measured_db: beams measured, and
    their power. probability: as predicted, float32 [beams]. position_m: float [2].
    """

    frame: int
    time_s: float
    power_db: np.ndarray | None = None
    beam: int | None = None
    measured: np.ndarray | None = None
    measured_db: np.ndarray | None = None
    probability: np.ndarray | None = None
    position_m: np.ndarray | None = None


@dataclass
class _Frames:
    """The newest frames, by number."""

    kept: dict[int, TrackedFrame] = field(default_factory=dict)

    def of(self, meta: dict) -> TrackedFrame:
        number, time_s = frame_of(meta), seconds_of(meta)
        if number is None:
            raise ValueError("a message is of no frame")
        found = self.kept.setdefault(number, TrackedFrame(number, time_s))
        while len(self.kept) > WAITING:
            del self.kept[next(iter(self.kept))]  # the one heard of first: numbers may begin anew
        return found


class beam_sink(takes_pdus, gr.basic_block):
    """Judge a track of beams against a sweep of all, and show it (Qt): map, beams, power, figures.

    Frames that come faster than the screen are passed over by it, not by the figures.

    Message in ``beam``: of `beam_tracker`.
    Message in ``all_beams``: of `beam_codebook`, the truth.
    Message in ``prediction``: of `beam_predictor`.
    Message in ``observations``: positions, for the map.

    beams: of the codebook.
    window: whether there is a widget; without it, no Qt is needed.
    refresh_per_s: pictures a second on the screen.

    Raises RuntimeError when PyQt5 is missing.
    """

    def __init__(self, beams=64, window=True, refresh_per_s=10.0):
        gr.basic_block.__init__(self, "beam_sink", None, None)
        if not refresh_per_s > 0:
            raise ValueError(f"refresh_per_s is {refresh_per_s}, expected a positive rate")
        self._lock = threading.Lock()
        self._frames = _Frames()
        self._score = TrackingScore(int(beams))
        self._trail: deque[tuple[float, float, int]] = deque(maxlen=REMEMBERED)
        self._levels: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._newest: TrackedFrame | None = None
        self._view = self._make_view(float(refresh_per_s)) if window else None
        for port in ("all_beams", "prediction", "observations", "beam"):
            self.listen(port, getattr(self, f"_take_{port}"))

    def _make_view(self, refresh_per_s: float):
        try:
            from .beam_view import BeamView
        except ImportError as error:
            raise RuntimeError(f"beam_sink needs PyQt5 ({error}): install python3-pyqt5") from error
        return BeamView(self.take_newest, refresh_per_s)

    def qwidget(self):
        """The Qt widget, to be put into a layout."""
        return self._view

    def frames_complete(self) -> int:
        """Frames judged so far."""
        return self._score.count

    def figures(self) -> dict[str, Metric]:
        """Figures of the frames so far, of a long run the latest; see :meth:`TrackingScore.figures`."""
        with self._lock:
            return self._score.figures()

    def score(self) -> TrackingScore:
        """All frames; to be read after the flow has ended."""
        return self._score

    def trail(self) -> np.ndarray:
        """Metres east and north and the beam used, of frames with a position, float [frames, 3]."""
        with self._lock:
            return np.array(self._trail, dtype=float).reshape(-1, 3)

    def take_newest(self) -> dict | None:
        """What the widget paints, or None when nothing is new: frame, trail, levels, figures.

        levels: power in dB of the beam used and of the strongest in the newest frames, float [frames, 2].
        """
        with self._lock:
            frame, self._newest = self._newest, None
            if frame is None:
                return None
            levels = np.array(self._levels, dtype=float).reshape(-1, 2)
            trail = np.array(self._trail, dtype=float).reshape(-1, 3)
            return {"frame": frame, "trail": trail, "levels": levels, "figures": self._score.figures()}

    def _take_all_beams(self, meta: dict, values: np.ndarray) -> None:
        values = real(values, self._score.beams, "power of all beams")
        with self._lock:
            frame = self._frames.of(meta)
            frame.power_db = values
            self._judge(frame)

    def _take_prediction(self, meta: dict, values: np.ndarray) -> None:
        values = real(values, self._score.beams, "probability of all beams")
        with self._lock:
            self._frames.of(meta).probability = values

    def _take_observations(self, meta: dict, values: np.ndarray) -> None:
        if str(meta.get("modality")) == "position":
            values = real(values, 2, "position")
            with self._lock:
                frame = self._frames.of(meta)
                frame.position_m = values
                if frame.beam is not None:
                    self._trail.append((*values.tolist(), frame.beam))

    def _take_beam(self, meta: dict, values: np.ndarray) -> None:
        beam, measured = int(meta["beam"]), np.asarray(meta["measured"])
        if not 0 <= beam < self._score.beams:
            raise ValueError(f"beam is {beam}, expected 0 to {self._score.beams - 1}")
        real(values, len(measured), "power of the beams measured")
        real(measured, len(measured), "numbers of the beams measured")
        with self._lock:
            frame = self._frames.of(meta)
            frame.beam, frame.measured, frame.measured_db = beam, measured, values
            if frame.position_m is not None:
                self._trail.append((*frame.position_m.tolist(), frame.beam))
            self._judge(frame)

    def _judge(self, frame: TrackedFrame) -> None:
        """Count a frame once both its beam and its truth are known."""
        if frame.beam is None or frame.power_db is None:
            return
        self._score.add(frame.beam, len(frame.measured), frame.power_db)
        self._levels.append((float(frame.power_db[frame.beam]), float(frame.power_db.max())))
        self._newest = frame
