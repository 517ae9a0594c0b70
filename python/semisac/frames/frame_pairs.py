# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Items of two inputs that belong to the same frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import frame_tags
from .frame_turns import FrameTurns, count_up_to, in_common

MOST_ALONE = 1024  # items in a row without a partner, whose turns then are wrong


class FramePairs:
    """Pair the items of two inputs of a block by frame_id; what one of them lost is counted and passed over.

    read: items of each input that the last call decided, to be consumed. ids: frame_id of each item that it
    looked at, int64, by input. dropped: items so far that found no partner, by input.
    """

    def __init__(self) -> None:
        self._turns = FrameTurns(2)
        self._alone = 0
        self.read = [0, 0]
        self.ids: list[np.ndarray] = []
        self.dropped = [0, 0]

    def begin_anew(self) -> None:
        """A run of the flowgraph begins."""
        self._turns.begin_anew()

    def find(self, block, counts: Sequence[int]) -> list[np.ndarray]:
        """Which of the first `counts` items of each input, at least one each, are of the same frames."""
        self.ids = ids = [frame_tags.read_frame_ids(block, port, count) for port, count in enumerate(counts)]
        turns = [self._turns.of(port, own) for port, own in enumerate(ids)]
        # nothing behind this place can still find its partner
        decided = min((int(turn[-1]), int(own[-1])) for turn, own in zip(turns, ids, strict=True))
        self.read = [count_up_to(decided, *branch) for branch in zip(turns, ids, strict=True)]
        read = [(turns[port][:count], ids[port][:count]) for port, count in enumerate(self.read)]
        chosen = in_common(read)
        for port in (0, 1):
            self._turns.passed(port, *read[port])
            self.dropped[port] += self.read[port] - len(chosen[port])
        self._alone = 0 if len(chosen[0]) else self._alone + sum(self.read)
        if self._alone > MOST_ALONE:
            self._turns.level()
            self._alone = 0
        return chosen
