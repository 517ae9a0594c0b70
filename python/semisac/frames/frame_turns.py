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

    The ids of a branch increase; where they go back, its next turn begins. A single id out of line, behind
    which they go on as before it, begins none. A branch that lost so much that its ids do not go back is set
    right by the first one that branch 0, which holds every frame sent, did not have in that turn; until then
    it is a turn behind.

    places: turn and id of the newest frame of each branch; (0, -1) before the first.
    """

    OUT_OF_LINE = -1  # in the place of a turn

    def __init__(self, branches: int):
        self.places: list[Place] = [(0, -1)] * branches
        self._before = [-1] * branches  # id in front of the newest
        self._ends: dict[int, int] = {}  # last id of branch 0 in turns that others have not left

    def begin_anew(self) -> None:
        """All branches start together."""
        branches = len(self.places)
        self.places = [(max(self.places)[0] + 1, -1)] * branches
        self._before, self._ends = [-1] * branches, {}

    def level(self) -> None:
        """Branches find each other no more: all are in the same turn from here on."""
        self.places = [(max(self.places)[0], last) for _, last in self.places]
        self._ends = {}

    def of(self, branch: int, ids: np.ndarray) -> np.ndarray:
        """Turn of each of the next frames of a branch, int64 [frames]; ids int64 [frames]."""
        turn, last = self.places[branch]
        if len(ids) and self._before[branch] < ids[0] <= last:
            last = self._before[branch]  # the newest was out of line
        goes_back = ids[1:] <= ids[:-1]
        as_before = ids[1:] > np.concatenate([[last], ids[:-2]])[: len(ids) - 1]
        sound = np.append(~(goes_back & as_before), True)[: len(ids)]
        kept = ids[sound]
        turns = np.full(len(ids), self.OUT_OF_LINE)
        turns[sound] = turn + np.cumsum(kept <= np.concatenate([[last], kept[:-1]])[: len(kept)])
        end = self._ends.get(turn)
        if branch and end is not None:
            strange = np.flatnonzero((turns == turn) & (ids > end))
            if len(strange):
                turns[strange[0] :] += sound[strange[0] :]
        return turns

    def passed(self, branch: int, turns: np.ndarray, ids: np.ndarray) -> None:
        """These frames of a branch have been taken."""
        sound = turns != self.OUT_OF_LINE
        turn, last = self.places[branch]
        turns = np.concatenate([[turn], turns[sound]])
        ids = np.concatenate([[last], ids[sound]])
        if len(ids) == 1:
            return
        if branch == 0:
            for step in np.flatnonzero(np.diff(turns)):
                self._ends[int(turns[step])] = int(ids[step])
        self.places[branch] = (int(turns[-1]), int(ids[-1]))
        self._before[branch] = int(ids[-2])
        oldest = min(self.places)[0]
        self._ends = {turn: end for turn, end in self._ends.items() if turn >= oldest}


def count_up_to(place: Place, turns: np.ndarray, ids: np.ndarray) -> int:
    """How many of a branch's frames come in front of the first one behind a place."""
    turn, last = place
    behind = np.flatnonzero((turns > turn) | ((turns == turn) & (ids > last)))
    return int(behind[0]) if len(behind) else len(ids)


def in_common(branches: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """Where in each branch, (turns, ids), the frames are that all branches have; increasing."""
    first = np.stack(branches[0])
    if all(np.array_equal(first, np.stack(branch)) for branch in branches[1:]):
        return [np.arange(first.shape[1])] * len(branches)
    pairs = np.concatenate([np.stack(branch, axis=1) for branch in branches])
    numbers = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    ends = np.cumsum([len(ids) for _, ids in branches])[:-1]
    numbered = np.split(numbers, ends)
    common = reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), numbered)
    return [np.flatnonzero(np.isin(own, common)) for own in numbered]
