# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boxes of successive pictures joined to tracks: which box of now is which of before.

A track expects its box where the last one was, moved on by the last step of its middle. Boxes of now and
expected ones are paired so that the sum of their overlaps (intersection over union) is greatest; those that
do not overlap are no pair. No appearance is looked at, so that two that pass each other may swap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

PATIENCE = 3  # frames that a track goes on without a box


def overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (left, top, right, bottom), float64 [boxes, others]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=2)
    area, area_of_others = (np.prod(one[:, 2:] - one[:, :2], axis=1) for one in (boxes, others))
    return common / np.maximum(area[:, None] + area_of_others - common, 1e-12)


@dataclass
class BoxTracks:
    """Tracks of one camera. patience: frames that a track goes on unseen."""

    patience: int = PATIENCE
    _number: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    _box: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    _velocity: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    _unseen: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    _next: int = 0

    def step(self, boxes: np.ndarray) -> np.ndarray:
        """Number of the track of each box of the next picture, int64 [boxes]; those of new ones are new.

        boxes: left, top, right, bottom in pixels, [boxes, 4].
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        expected = self._box + self._velocity
        pairs = overlap(boxes, expected)
        own, old = linear_sum_assignment(-pairs)
        met = pairs[own, old] > 0.0
        own, old = own[met], old[met]
        number, velocity = np.full(len(boxes), -1), np.zeros_like(boxes)
        number[own] = self._number[old]
        velocity[own] = np.tile(_middle(boxes[own]) - _middle(self._box[old]), 2)
        new = np.flatnonzero(number < 0)
        number[new] = self._next + np.arange(len(new))
        self._next += len(new)
        gone = np.setdiff1d(np.flatnonzero(self._unseen < self.patience), old)
        self._number = np.concatenate([number, self._number[gone]])
        self._box = np.concatenate([boxes, expected[gone]])
        self._velocity = np.concatenate([velocity, self._velocity[gone]])
        self._unseen = np.concatenate([np.zeros(len(boxes), np.int64), self._unseen[gone] + 1])
        return number


def _middle(boxes: np.ndarray) -> np.ndarray:
    return 0.5 * (boxes[:, :2] + boxes[:, 2:])
