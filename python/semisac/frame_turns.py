# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames of several branches by their ids, also where these begin anew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

Place = tuple[int, int]  # turn and id: compared as they stand


class FrameTurns:
    """Tell apart frames of the same id: a transmitter was started again, or a recording repeats.

    The ids of a branch increase; where they go back, its next turn begins. A branch that lost so much that
    its ids do not go back is set right by the first one that branch 0, which holds every frame sent, did not
    have in that turn; until then it is a turn behind.

    places: turn and id of the newest frame of each branch; (0, -1) before the first.
    """

    def __init__(self, branches: int):
        self.places: list[Place] = [(0, -1)] * branches
        self._ends: dict[int, int] = {}  # last id of branch 0 in turns that others have not left

    def begin_anew(self) -> None:
        """All branches start together."""
        self.places = [(max(self.places)[0] + 1, -1)] * len(self.places)
        self._ends = {}

    def of(self, branch: int, ids: np.ndarray) -> np.ndarray:
        """Turn of each of the next frames of a branch, int64 [frames]; ids int64 [frames]."""
        turn, last = self.places[branch]
        turns = turn + np.cumsum(ids <= np.concatenate([[last], ids[:-1]]))
        end = self._ends.get(turn)
        if branch and end is not None:
            strange = np.flatnonzero((turns == turn) & (ids > end))
            if len(strange):
                turns[strange[0] :] += 1
        return turns

    def passed(self, branch: int, turns: np.ndarray, ids: np.ndarray) -> None:
        """These frames of a branch have been taken."""
        if len(ids) == 0:
            return
        if branch == 0:
            every = np.concatenate([[self.places[0][0]], turns])
            for step in np.flatnonzero(np.diff(every)):
                self._ends[int(every[step])] = int(ids[step - 1]) if step else self.places[0][1]
        self.places[branch] = (int(turns[-1]), int(ids[-1]))
        oldest = min(self.places)[0]
        self._ends = {turn: end for turn, end in self._ends.items() if turn >= oldest}


def count_up_to(place: Place, turns: np.ndarray, ids: np.ndarray) -> int:
    """How many of a branch's frames, in their order, are not behind a place."""
    turn, last = place
    return int(np.count_nonzero((turns < turn) | ((turns == turn) & (ids <= last))))


def in_common(branches: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """Where in each branch, (turns, ids), the frames are that all branches have."""
    first = np.stack(branches[0])
    if all(np.array_equal(first, np.stack(branch)) for branch in branches[1:]):
        return [np.arange(first.shape[1])] * len(branches)
    pairs = np.concatenate([np.stack(branch, axis=1) for branch in branches])
    numbers = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    ends = np.cumsum([len(ids) for _, ids in branches])[:-1]
    numbered = np.split(numbers, ends)
    common = reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), numbered)
    return [np.searchsorted(own, common) for own in numbered]
