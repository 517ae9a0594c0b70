# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following the strongest beam while measuring few: the last best and its neighbours, and guards.

A frame measures the beam that is expected from the last best and its velocity, one to each side, then
climbs: while the strongest of those measured is at the edge, its next neighbour is measured too. Three guard
beams rotate over an even grid, so that a path that appears elsewhere is found. A fall of power is no sign of
a lost track: one that is lost sits on the noise floor, which does not fall. A track starts with a sweep of
every other beam.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .beam_choice import measured_beams

REACH = 1
GUARDS = 3
GUARD_GRID = 8
GUARD_STRIDE = 3
START_SWEEP = 32
MOST_CLIMBS = 6


@dataclass
class BeamTracker:
    """State of a track.

    beams: of the codebook.
    reach: beams measured to each side of the expected one.
    guards: rotating beams a frame.
    guard_grid: evenly spread beams that the guards go round; a beam's lobe covers its neighbours.
    spread: beams of the sweep that starts a track.
    """

    beams: int = 64
    reach: int = REACH
    guards: int = GUARDS
    guard_grid: int = GUARD_GRID
    spread: int = START_SWEEP
    best: int | None = None
    velocity: float = 0.0
    _guard: int = 0
    _seen: dict[int, float] = field(default_factory=dict)

    def restart(self) -> None:
        """Forget the track: the next frame sweeps."""
        self.best, self.velocity = None, 0.0

    def step(
        self, measure: Callable[[np.ndarray], np.ndarray], expected: np.ndarray | None = None
    ) -> tuple[int, int]:
        """Measure what is needed in one frame; returns the strongest beam found and how many were measured.

        Parameters
        ----------
        measure : callable
            Power in dB of the beams whose numbers it is given.
        expected : ndarray, int, optional
            Beams that a prediction expects, measured as well.
        """
        self._seen = {}
        if self.best is None:
            self._look(measure, measured_beams(self.spread, self.beams))
        else:
            centre = int(np.clip(round(self.best + self.velocity), 0, self.beams - 1))
            self._look(measure, np.arange(centre - self.reach, centre + self.reach + 1))
            self._look(measure, self._guards())
        if expected is not None:
            self._look(measure, np.asarray(expected))
        found = self._climb(measure)
        if self.best is not None:
            moved = found - self.best
            # a leap is another path, not a velocity
            self.velocity = 0.5 * self.velocity + 0.5 * moved if abs(moved) <= self.reach + 2 else 0.0
        self.best = found
        return found, len(self._seen)

    def _guards(self) -> np.ndarray:
        """The next guard beams: of an even grid, far apart, all in turn."""
        turn = (self._guard + np.arange(self.guards)) % self.guard_grid
        self._guard = (self._guard + self.guards) % self.guard_grid
        # an odd stride visits all places of a grid whose size is a power of two
        return measured_beams(self.guard_grid, self.beams)[GUARD_STRIDE * turn % self.guard_grid]

    def _look(self, measure: Callable[[np.ndarray], np.ndarray], wanted: np.ndarray) -> None:
        new = [
            int(beam)
            for beam in dict.fromkeys(wanted.tolist())
            if 0 <= beam < self.beams and beam not in self._seen
        ]
        if new:
            self._seen |= dict(zip(new, measure(np.array(new)).tolist(), strict=True))

    def _strongest(self) -> int:
        return max(self._seen, key=self._seen.__getitem__)

    def _climb(self, measure: Callable[[np.ndarray], np.ndarray]) -> int:
        for _ in range(MOST_CLIMBS):
            top = self._strongest()
            before = len(self._seen)
            self._look(measure, np.array([top - 1, top + 1]))
            if len(self._seen) == before:
                break
        return self._strongest()


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
