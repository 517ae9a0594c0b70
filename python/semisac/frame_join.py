# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring together what the branches of a flowgraph say about the same frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy as np
from gnuradio import gr

from . import frame_tags
from .work_errors import ends_flow_on_error

Columns = Mapping[str, np.ndarray]


class FrameJoin:
    """Join the frames of several branches by frame_id.

    Each branch delivers its frames in the order of their ids, at its own time. A frame is complete when every
    branch has delivered it; it is lost when the first branch has it and another branch has gone past it.

    branches: number of branches; branch 0 is the one that holds every frame sent.
    most_waiting: frames of branch 0 that may wait for the others; the oldest beyond that are lost, so that a
        branch that delivers nothing any more does not fill the memory.
    """

    def __init__(self, branches: int, most_waiting: int = 8192):
        self._waiting: list[list[tuple[np.ndarray, dict[str, np.ndarray]]]] = [[] for _ in range(branches)]
        self._last_id = np.full(branches, -1, np.int64)
        self._decided = -1
        self._most_waiting = most_waiting
        self.delivered = 0
        self.lost = 0

    def waiting(self) -> int:
        """Frames of branch 0 that are neither complete nor lost."""
        return sum(len(ids) for ids, _ in self._waiting[0])

    def add(
        self, branch: int, ids: np.ndarray, columns: Columns
    ) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        """Deliver frames of one branch; ids int64 [frames], increasing, columns arrays [frames, ...].

        Returns
        -------
        (ids, columns) of the frames that are complete now, columns of all branches together; None when there
        are none.
        """
        if len(ids) == 0:
            return None
        self._waiting[branch].append((ids, dict(columns)))
        self._last_id[branch] = ids[-1]
        if branch == 0:
            self.delivered += len(ids)
        return self._decide(int(self._last_id.min()))

    def _decide(self, decided: int) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        surplus = self.waiting() - self._most_waiting
        if surplus > 0:
            decided = max(decided, int(np.concatenate([ids for ids, _ in self._waiting[0]])[surplus - 1]))
        if decided <= self._decided:
            return None
        self._decided = decided
        branches = [self._take(branch, decided) for branch in range(len(self._waiting))]
        common = branches[0][0]
        for ids, _ in branches[1:]:
            if not np.array_equal(common, ids):
                common = np.intersect1d(common, ids, assume_unique=True)
        self.lost += len(branches[0][0]) - len(common)
        if len(common) == 0:
            return None
        joined: dict[str, np.ndarray] = {}
        for ids, columns in branches:
            chosen = slice(None) if len(ids) == len(common) else np.searchsorted(ids, common)
            joined.update({name: values[chosen] for name, values in columns.items()})
        return common, joined

    def _take(self, branch: int, decided: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Remove the frames up to id `decided` from what waits, and give them as one piece."""
        pieces, kept = [], []
        for ids, columns in self._waiting[branch]:
            split = int(np.searchsorted(ids, decided, side="right"))
            if split:
                pieces.append((ids[:split], {name: values[:split] for name, values in columns.items()}))
            if split < len(ids):
                kept.append((ids[split:], {name: values[split:] for name, values in columns.items()}))
        self._waiting[branch] = kept
        if not pieces:
            return np.empty(0, np.int64), {}
        if len(pieces) == 1:
            return pieces[0]
        names = pieces[0][1]
        return (
            np.concatenate([ids for ids, _ in pieces]),
            {name: np.concatenate([columns[name] for _, columns in pieces]) for name in names},
        )


class frame_collector(gr.sync_block):
    """Deliver the items of one branch, with their frame_id, to a function.

    Input 0: vectors of any kind, one item a frame, tag frame_id.

    name: column under which the items are delivered.
    dtype, length: kind of the vector.
    deliver: called as deliver(ids, columns) from the scheduler's thread.
    read_tags: further columns: {name: function of CallTags}.
    finish: called when the flowgraph stops.
    """

    def __init__(
        self,
        name: str,
        dtype,
        length: int,
        deliver: Callable[[np.ndarray, Columns], None],
        read_tags: Mapping[str, Callable] | None = None,
        finish: Callable[[], None] | None = None,
    ):
        gr.sync_block.__init__(self, f"collect_{name}", [(dtype, length)], None)
        self._column = name
        self._deliver = deliver
        self._read_tags = dict(read_tags or {})
        self._finish = finish

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

    def stop(self):
        if self._finish is not None:
            self._finish()
        return True


class joined_branches(gr.hier_block2):
    """Sink that takes the sent images and what the decoders made of them, and joins them by frame_id.

    Base of ``metrics_sink`` and ``image_sink``, which say in `_take_frames` what they do with complete
    frames. Every branch is read at its own pace, so that a branch that lost frames or ended early holds up no
    other.
    """

    def __init__(self, name: str, image_length: int, classes: int, hypotheses: int):
        kinds = [("sent", np.uint8, image_length), ("received", np.uint8, image_length)]
        kinds += [("probabilities", np.float32, classes)] if classes else []
        kinds += [("sensing", np.float32, hypotheses)] if hypotheses else []
        sizes = [np.dtype(dtype).itemsize * length for _, dtype, length in kinds]
        gr.hier_block2.__init__(
            self, name, gr.io_signature.makev(len(sizes), len(sizes), sizes), gr.io_signature(0, 0, 0)
        )
        self._lock = threading.Lock()
        self._join = FrameJoin(len(kinds))
        self._running_branches = len(kinds)
        self._collectors = []
        for branch, (column, dtype, length) in enumerate(kinds):
            collector = frame_collector(
                column, dtype, length, self._deliver_to(branch), self._tags_of(column), self._branch_finished
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

    def _branch_finished(self) -> None:
        with self._lock:
            self._running_branches -= 1
            if self._running_branches == 0:
                self._running_branches = len(self._collectors)
                self._flow_finished()

    def _take_frames(self, ids: np.ndarray, frames: dict[str, np.ndarray]) -> None:
        raise NotImplementedError

    def _flow_finished(self) -> None:
        """Called once when all branches have stopped."""

    def error(self) -> Exception | None:
        """What ended the flow, when a branch of this sink failed."""
        return next(
            (collector.error for collector in self._collectors if getattr(collector, "error", None)), None
        )
