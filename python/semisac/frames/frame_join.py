# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring together what the branches of a flowgraph say about the same frame."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from gnuradio import gr

from ..work_errors import ends_flow_on_error
from . import frame_tags
from .frame_turns import FrameTurns, Place, count_up_to, in_common

Columns = Mapping[str, np.ndarray]
MOST_WAITING, MOST_WAITING_BYTES = 8192, 1 << 28  # of all branches together


@dataclass
class _Frames:
    """Some frames of one branch, in their order."""

    turns: np.ndarray
    ids: np.ndarray
    columns: Columns

    def part(self, chosen) -> _Frames:
        columns = {name: values[chosen] for name, values in self.columns.items()}
        return _Frames(self.turns[chosen], self.ids[chosen], columns)

    def behind(self, count: int) -> _Frames:
        """All but the first so many; a copy, so that those are let go."""
        if count == 0:
            return self
        rest = self.part(slice(count, None))
        columns = {name: values.copy() for name, values in rest.columns.items()}
        return _Frames(rest.turns.copy(), rest.ids.copy(), columns)

    @staticmethod
    def together(pieces: Sequence[_Frames]) -> _Frames:
        if len(pieces) == 1:
            return pieces[0]
        if not pieces:
            return _Frames(np.empty(0, np.int64), np.empty(0, np.int64), {})
        columns = {name: np.concatenate([one.columns[name] for one in pieces]) for name in pieces[0].columns}
        turns, ids = (np.concatenate([getattr(one, name) for one in pieces]) for name in ("turns", "ids"))
        return _Frames(turns, ids, columns)


class FrameJoin:
    """Join the frames of several branches by frame_id.

    Each branch delivers its frames in the order of their ids, at its own time; ids may begin anew
    (`FrameTurns`). A frame is complete when every branch has delivered it; it is lost when the first branch
    has it and another branch has gone past it.

    branches: number of branches; branch 0 is the one that holds every frame sent.
    most_waiting: frames of a branch that may wait for the others; the oldest beyond that are lost, so that a
        branch that delivers nothing any more does not fill the memory.
    """

    def __init__(self, branches: int, most_waiting: int = MOST_WAITING):
        self._waiting: list[list[_Frames]] = [[] for _ in range(branches)]
        self._turns = FrameTurns(branches)
        self._decided: Place = (0, -1)
        self._most_waiting = most_waiting
        self.delivered = 0
        self.lost = 0

    def waiting(self, branch: int = 0) -> int:
        """Frames of a branch that are neither complete nor lost."""
        return sum(len(frames.ids) for frames in self._waiting[branch])

    def begin_anew(self) -> None:
        """Begin with a new run of the flowgraph: what waits is lost."""
        self.lost += self.waiting()
        self._waiting = [[] for _ in self._waiting]
        self._turns.begin_anew()
        self._decided = self._turns.places[0]

    def add(
        self, branch: int, ids: np.ndarray, columns: Columns
    ) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        """Deliver frames of one branch; ids int64 [frames], columns arrays [frames, ...].

        Returns
        -------
        (ids, columns) of the frames that are complete now, columns of all branches together; None when there
        are none.
        """
        if len(ids) == 0:
            return None
        turns = self._turns.of(branch, ids)
        self._turns.passed(branch, turns, ids)
        frames = _Frames(turns, ids, columns)
        sound = turns != FrameTurns.OUT_OF_LINE
        if not sound.all():
            frames = frames.part(sound)
        late = count_up_to(self._decided, frames.turns, frames.ids)
        if branch == 0:
            self.delivered += len(ids)
            self.lost += len(ids) - len(frames.ids) + late
        self._waiting[branch].append(frames.behind(late))
        given_up = list(self._given_up())
        if given_up:
            self._turns.level()
        return self._decide(max([min(self._turns.places), *given_up]))

    def _given_up(self) -> Iterator[Place]:
        """Newest frame of those of each branch that wait beyond what may."""
        for branch, waiting in enumerate(self._waiting):
            surplus = self.waiting(branch) - self._most_waiting
            if surplus > 0:
                every = _Frames.together(waiting)
                yield int(every.turns[surplus - 1]), int(every.ids[surplus - 1])

    def _decide(self, decided: Place) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        if decided <= self._decided:
            return None
        self._decided = decided
        branches = [self._take(branch) for branch in range(len(self._waiting))]
        chosen = in_common([(frames.turns, frames.ids) for frames in branches])
        self.lost += len(branches[0].ids) - len(chosen[0])
        if len(chosen[0]) == 0:
            return None
        joined: dict[str, np.ndarray] = {}
        for frames, places in zip(branches, chosen, strict=True):
            whole = len(places) == len(frames.ids)
            joined.update((frames if whole else frames.part(places)).columns)
        return branches[0].ids[chosen[0]], joined

    def _take(self, branch: int) -> _Frames:
        """Remove the frames that are decided from what waits, and give them as one piece."""
        pieces, kept = [], []
        for frames in self._waiting[branch]:
            split = count_up_to(self._decided, frames.turns, frames.ids)
            if split:
                pieces.append(frames.part(slice(split)))
            if split < len(frames.ids):
                kept.append(frames.behind(split))
        self._waiting[branch] = kept
        return _Frames.together(pieces)


class frame_collector(gr.sync_block):
    """Deliver the items of one branch, with their frame_id, to a function.

    Input 0: vectors of any kind, one item a frame, tag frame_id.

    name: column under which the items are delivered.
    dtype, length: kind of the vector.
    deliver: called as deliver(ids, columns) from the scheduler's thread.
    read_tags: further columns: {name: function of CallTags}.
    begin, finish: called when the flowgraph starts and stops.
    """

    def __init__(
        self,
        name: str,
        dtype,
        length: int,
        deliver: Callable[[np.ndarray, Columns], None],
        read_tags: Mapping[str, Callable] | None = None,
        begin: Callable[[], None] = lambda: None,
        finish: Callable[[], None] = lambda: None,
    ):
        gr.sync_block.__init__(self, f"collect_{name}", [(dtype, length)], None)
        self._column = name
        self._deliver = deliver
        self._read_tags = dict(read_tags or {})
        self._begin, self._finish = begin, finish

    @ends_flow_on_error
    def work(self, input_items, output_items):
        items = input_items[0]
        count = len(items)
        ids = frame_tags.read_frame_ids(self, 0, count)
        columns = {self._column: items.copy()}
        if self._read_tags:
            tags = frame_tags.CallTags(self, 0, count)
            columns |= {name: read(tags) for name, read in self._read_tags.items()}
        self._deliver(ids, columns)
        return count

    def start(self):
        self._begin()
        return True

    def stop(self):
        self._finish()
        return True


Kind = tuple[str, type, int]
"""Name, type and length of the vectors of a branch."""


def image_kinds(image_length: int, classes: int, hypotheses: int) -> list[Kind]:
    """Branches of sent images and of what the decoders made of them; 0 leaves one out."""
    kinds: list[Kind] = [("sent", np.uint8, image_length), ("received", np.uint8, image_length)]
    kinds += [("probabilities", np.float32, classes)] if classes else []
    kinds += [("sensing", np.float32, hypotheses)] if hypotheses else []
    return kinds


class joined_branches(gr.hier_block2):
    """Sink that takes what was sent and what became of it, and joins them by frame_id.

    Base of ``metrics_sink``, ``image_sink`` and ``target_sink``, which say in `_take_frames` what they do
    with complete frames. Every branch is read at its own pace, so that a branch that lost frames or ended
    early holds up no other. The first of the `kinds` holds every frame sent.
    """

    def __init__(self, name: str, kinds: Sequence[Kind]):
        sizes = [np.dtype(dtype).itemsize * length for _, dtype, length in kinds]
        gr.hier_block2.__init__(
            self, name, gr.io_signature.makev(len(sizes), len(sizes), sizes), gr.io_signature(0, 0, 0)
        )
        self._lock = threading.Lock()
        frame_bytes = sum(np.dtype(dtype).itemsize * length for _, dtype, length in kinds)
        self._join = FrameJoin(len(kinds), int(np.clip(MOST_WAITING_BYTES // frame_bytes, 16, MOST_WAITING)))
        self._running_branches = 0
        self._collectors = []
        for branch, (column, dtype, length) in enumerate(kinds):
            collector = frame_collector(
                column,
                dtype,
                length,
                self._deliver_to(branch),
                self._tags_of(column),
                self._branch_begins,
                self._branch_finished,
            )
            self.connect((self, branch), (collector, 0))
            self._collectors.append(collector)

    @staticmethod
    def _tags_of(column: str) -> dict[str, Callable]:
        if column == "sent":
            return {
                "label": lambda tags: tags.longs(frame_tags.LABEL),
                "image_time": lambda tags: tags.times(),
            }
        if column == "sensing":
            return {"hypothesis": lambda tags: tags.longs(frame_tags.TARGET_HYPOTHESIS)}
        return {}

    def _deliver_to(self, branch: int) -> Callable[[np.ndarray, Columns], None]:
        def deliver(ids: np.ndarray, columns: Columns) -> None:
            with self._lock:
                joined = self._join.add(branch, ids, columns)
                if joined is not None:
                    self._take_frames(*joined)

        return deliver

    def _branch_begins(self) -> None:
        with self._lock:
            if self._running_branches == 0:
                self._join.begin_anew()
            self._running_branches += 1

    def _branch_finished(self) -> None:
        with self._lock:
            self._running_branches -= 1
            if self._running_branches == 0:
                self._flow_finished()

    def _take_frames(self, ids: np.ndarray, frames: dict[str, np.ndarray]) -> None:
        raise NotImplementedError

    def _flow_finished(self) -> None:
        """Called once when all branches have stopped."""

    @property
    def counts(self) -> Counter:
        """What the branches passed over, by kind."""
        return sum((getattr(collector, "counts", Counter()) for collector in self._collectors), Counter())

    def error(self) -> Exception | None:
        """What ended the flow, when a branch of this sink failed."""
        return next(
            (collector.error for collector in self._collectors if getattr(collector, "error", None)), None
        )
