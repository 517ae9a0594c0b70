# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How well beams were tracked, against a sweep of all of them in every frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from .beams import CHALLENGE_DISTANCE
from .metrics import Metric, mean, proportion

MOST_FRAMES = 100_000  # two hours and more, at ten a second


class TrackingScore:
    """Frames of a track with the truth beside them.

    beam, measured: the beam that was used and how many were measured, a number a frame. best: the strongest
    of all beams. loss_db: power of the strongest over that of the beam that was used. Of a long run the
    latest frames are kept; count: of all.
    """

    def __init__(self, beams: int) -> None:
        self.beams = beams
        self._frames: deque[tuple[int, int, int, float]] = deque(maxlen=MOST_FRAMES)
        self.count = 0

    @property
    def beam(self) -> list[int]:
        return [frame[0] for frame in self._frames]

    @property
    def measured(self) -> list[int]:
        return [frame[1] for frame in self._frames]

    @property
    def best(self) -> list[int]:
        return [frame[2] for frame in self._frames]

    @property
    def loss_db(self) -> list[float]:
        return [frame[3] for frame in self._frames]

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, beam: int, measured: int, power_db: np.ndarray) -> None:
        """One frame; power_db: of all beams, [beams]."""
        self.count += 1
        loss_db = float(power_db.max() - power_db[beam])
        self._frames.append((int(beam), int(measured), int(power_db.argmax()), loss_db))

    def off(self) -> np.ndarray:
        """Distance from the strongest beam in each frame, int64 [frames]."""
        return np.abs(np.array(self.beam, dtype=np.int64) - np.array(self.best, dtype=np.int64))

    def figures(self) -> dict[str, Metric]:
        """Beams a frame, what of a sweep is saved, mean loss, frames right and lost; {} without frames."""
        if not self._frames:
            return {}
        off = self.off()
        saved = 1.0 - np.array(self.measured) / self.beams
        return {
            "beams_per_frame": mean(np.array(self.measured, dtype=float), least=0.0),
            "overhead_saved": mean(saved, most=1.0),
            "power_loss_db": mean(np.array(self.loss_db), least=0.0),
            "best_beam": proportion(int((off == 0).sum()), len(off)),
            "lost": proportion(int((off > CHALLENGE_DISTANCE).sum()), len(off)),
        }
