# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames of several items, of a stream in which any item may be missing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..work_errors import pass_over
from . import frame_tags


@dataclass
class SymbolFrame:
    """A frame: its id, tags of its first item by name (NaN where there is none), items as they come."""

    frame_id: int
    tags: Mapping[str, float]
    length: int
    items: list[np.ndarray] = field(default_factory=list)

    @property
    def values(self) -> np.ndarray:
        """[items, item length]."""
        return np.concatenate(self.items)


class SymbolFrames:
    """Collect the items of a stream's frames: each goes from the item with its frame_id on.

    A frame that the next one's begin cuts short is passed over and counted as "truncated" in the block's
    ``counts``; so are, as "stray items", items that belong to none.

    keys: of tags that a frame may have, by name; a tag that is missing is NaN.
    """

    def __init__(self, keys: Mapping[str, object]):
        self._keys = dict(keys)
        self._open: SymbolFrame | None = None

    def begin_anew(self) -> None:
        """A run of the flowgraph begins."""
        self._open = None

    def take(self, block, port: int, items: np.ndarray, length_of) -> list[SymbolFrame]:
        """Whole frames that the items of an input of this call complete.

        length_of: function of a frame's tags by name: how many items it has.
        """
        tags = frame_tags.CallTags(block, port, len(items))
        ids = tags.longs(frame_tags.FRAME_ID)
        told = {name: tags.doubles(key) for name, key in self._keys.items()}
        starts = np.flatnonzero(ids >= 0)
        whole = self._go_on(block, items[: starts[0] if len(starts) else len(items)])
        edges = [*starts.tolist(), len(items)]
        for start, end in itertools.pairwise(edges):
            if self._open is not None:
                pass_over(block, "truncated", f"frame {self._open.frame_id} is cut short")
            own = {name: float(values[start]) for name, values in told.items()}
            self._open = SymbolFrame(int(ids[start]), own, int(length_of(own)))
            whole += self._go_on(block, items[start:end])
        return whole

    def _go_on(self, block, items: np.ndarray) -> list[SymbolFrame]:
        """Items without a frame_id but in front of them."""
        if not len(items):
            return []
        frame, wanted = self._open, 0
        if frame is not None:
            wanted = frame.length - sum(map(len, frame.items))
            frame.items.append(items[:wanted].copy())
        if len(items) > wanted:
            pass_over(block, "stray items", "an item belongs to no frame", len(items) - wanted)
        if frame is None or len(items) < wanted:
            return []
        self._open = None
        return [frame]
