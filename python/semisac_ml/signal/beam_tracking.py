# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following the strongest beam while measuring few, with a prediction or without.

Without one a frame measures the beam that is expected from the last best and its velocity, one to each side,
and three guard beams that rotate over an even grid, so that a path that appears elsewhere is found. A fall of
power is no sign of a lost track: one that is lost sits on the noise floor, which does not fall. A track
starts with a sweep of every other beam.

With a prediction it measures the most probable beams until these hold `cover` of the probability, the beam
that is expected from the last best, and two guards. If the `most` likeliest hold less than `unsure`, the
prediction is not worth following: the frame sweeps every fourth beam instead. This takes probabilities that
are calibrated, which those of a network at a strange site are not: a running mean tells in how many frames
the strongest beam was not among those predicted. Above `doubted` the frame goes on as without a prediction,
until predictions come right again.

Then, either way, it climbs: while the strongest of those measured is at the edge, its next neighbour is
measured too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from .beam_choice import measured_beams

REACH = 1
GUARDS = 3
GUARD_GRID = 8
GUARD_STRIDE = 3
START_SWEEP = 32
MOST_CLIMBS = 6
COVER = 0.95
MOST_PREDICTED = 8
UNSURE = 0.5
PREDICTED_GUARDS = 2
UNSURE_SWEEP = 16
DOUBTED = 0.3
DOUBT_MEMORY = 0.9  # ten frames
BESIDE = 1  # beams by which a prediction may be off and is still right

Looks = Generator[np.ndarray, np.ndarray, tuple[int, int]]


@dataclass
class BeamTracker:
    """State of a track.

    beams: of the codebook.
    reach: beams measured to each side of the expected one.
    guards: rotating beams a frame; predicted_guards: with a prediction.
    guard_grid: evenly spread beams that the guards go round; a beam's lobe covers its neighbours.
    spread: beams of the sweep that starts a track; unsure_spread: of that in place of a prediction.
    cover: share of the predicted probability that is measured, in at most `most` beams.
    unsure: a prediction whose `most` likeliest beams hold less is not followed.
    doubted: share of wrong predictions above which none is followed; doubt: that share, of late.
    best: beam of the last frame, None before the first.
    """

    beams: int = 64
    reach: int = REACH
    guards: int = GUARDS
    guard_grid: int = GUARD_GRID
    spread: int = START_SWEEP
    cover: float = COVER
    most: int = MOST_PREDICTED
    unsure: float = UNSURE
    predicted_guards: int = PREDICTED_GUARDS
    unsure_spread: int = UNSURE_SWEEP
    doubted: float = DOUBTED
    doubt: float = 0.0
    best: int | None = None
    velocity: float = 0.0
    _guard: int = 0
    _seen: dict[int, float] = field(default_factory=dict)

    def restart(self) -> None:
        """Forget the track: the next frame sweeps, or goes by its prediction alone."""
        self.best, self.velocity = None, 0.0

    def step(
        self, measure: Callable[[np.ndarray], np.ndarray], probability: np.ndarray | None = None
    ) -> tuple[int, int]:
        """Measure what is needed in one frame; returns the strongest beam found and how many were measured.

        Parameters
        ----------
        measure : callable
            Power in dB of the beams whose numbers it is given.
        probability : ndarray, float [beams], optional
            That each beam is the strongest, as predicted.
        """
        looks = self.looks(probability)
        try:
            wanted = next(looks)
            while True:
                wanted = looks.send(measure(wanted))
        except StopIteration as end:
            return end.value

    def looks(self, probability: np.ndarray | None = None) -> Looks:
        """One frame for a caller who cannot wait: yields beams to measure, is sent their power in dB.

        An empty answer says that nothing can be measured: the beam is then the most probable, or the last.
        Returns the strongest beam found and how many were measured.
        """
        self.new_frame()
        for wanted in self._first_looks(None if self.doubts() else probability):
            yield from self._look(wanted)
        yield from self._climb()
        found = self._strongest(probability)
        if self._seen and probability is not None and not self.is_unsure(probability):
            wrong = np.abs(self._likeliest(probability) - found).min() > BESIDE
            self.doubt = DOUBT_MEMORY * self.doubt + (1.0 - DOUBT_MEMORY) * wrong
        if self.best is not None:
            moved = found - self.best
            # a leap is another path, not a velocity
            self.velocity = 0.5 * self.velocity + 0.5 * moved if abs(moved) <= self.reach + 2 else 0.0
        self.best = found
        return found, len(self._seen)

    def new_frame(self) -> None:
        """Forget what the last frame measured."""
        self._seen = {}

    def give_up(self) -> tuple[int, int]:
        """The strongest beam found and how many were measured, of a frame that is over too early."""
        self.best = self._strongest()
        return self.best, len(self._seen)

    def doubts(self) -> bool:
        """Whether predictions were wrong too often of late to be followed."""
        return self.doubt > self.doubted

    def is_unsure(self, probability: np.ndarray) -> bool:
        """Whether a prediction is not worth following."""
        return bool(np.sort(probability)[-self.most :].sum() < self.unsure)

    def power_db(self) -> dict[int, float]:
        """What the last frame measured, by beam."""
        return dict(self._seen)

    def _first_looks(self, probability: np.ndarray | None) -> list[np.ndarray]:
        if probability is not None:
            sweep = measured_beams(self.unsure_spread, self.beams)
            first = sweep if self.is_unsure(probability) else self._likeliest(probability)
            return [first, self._expected(0), self._guards(self.predicted_guards)]
        if self.best is None:
            return [measured_beams(self.spread, self.beams)]
        return [self._expected(self.reach), self._guards(self.guards)]

    def _expected(self, reach: int) -> np.ndarray:
        """The beam that is expected from the last best, and so many to each side; none at the start."""
        if self.best is None:
            return np.empty(0, dtype=np.int64)
        centre = int(np.clip(round(self.best + self.velocity), 0, self.beams - 1))
        return np.arange(centre - reach, centre + reach + 1)

    def _likeliest(self, probability: np.ndarray) -> np.ndarray:
        """The most probable beams, as many as hold `cover`, `most` at most."""
        ranked = np.argsort(-np.asarray(probability), kind="stable")[: self.most]
        held = np.cumsum(np.asarray(probability)[ranked])
        return ranked[: int(np.searchsorted(held, self.cover)) + 1]

    def _guards(self, count: int) -> np.ndarray:
        """The next guard beams: of an even grid, far apart, all in turn."""
        turn = (self._guard + np.arange(count)) % self.guard_grid
        self._guard = (self._guard + count) % self.guard_grid
        # an odd stride visits all places of a grid whose size is a power of two
        return measured_beams(self.guard_grid, self.beams)[GUARD_STRIDE * turn % self.guard_grid]

    def _look(self, wanted: np.ndarray) -> Generator[np.ndarray, np.ndarray, None]:
        new = [
            int(beam)
            for beam in dict.fromkeys(wanted.tolist())
            if 0 <= beam < self.beams and beam not in self._seen
        ]
        if new:
            power_db = yield np.array(new)
            if len(power_db):
                answers = zip(new, power_db.tolist(), strict=True)
                self._seen |= {beam: level for beam, level in answers if math.isfinite(level)}

    def _strongest(self, probability: np.ndarray | None = None) -> int:
        if self._seen:
            return max(self._seen, key=self._seen.__getitem__)
        if probability is not None:
            return int(np.argmax(probability))
        return self.beams // 2 if self.best is None else self.best

    def _climb(self) -> Generator[np.ndarray, np.ndarray, None]:
        for _ in range(MOST_CLIMBS):
            top = self._strongest()
            before = len(self._seen)
            if before:
                yield from self._look(np.array([top - 1, top + 1]))
            if len(self._seen) == before:
                break


@dataclass(frozen=True)
class TrackingRecord:
    """A track over the frames of one or more drives.

    beam: beam used in each frame, int64 [frames]. measured: beams measured in each frame, int64 [frames].
    """

    beam: np.ndarray
    measured: np.ndarray


def track(power_db: np.ndarray, sequence: np.ndarray, tracker: BeamTracker | None = None) -> TrackingRecord:
    """Replay recorded sweeps; a new drive starts a new track.

    Parameters
    ----------
    power_db : ndarray, float [frames, beams]
    sequence : ndarray, int [frames]
        Number of the drive.
    tracker : BeamTracker, optional
    """
    tracker = tracker or BeamTracker(beams=power_db.shape[1])
    found = []
    for frame, row in enumerate(power_db):
        if frame == 0 or sequence[frame] != sequence[frame - 1]:
            tracker.restart()
        found.append(tracker.step(lambda wanted, row=row: row[wanted]))
    beam, measured = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return TrackingRecord(beam, measured)
