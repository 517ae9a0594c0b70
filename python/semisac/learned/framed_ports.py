# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames of a network cut out of the items of a block's inputs, and put into those of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pmt

from .onnx_ports import ITEMS, TensorPort

Tag = tuple[int, object, object]  # place, key and value


@dataclass(frozen=True)
class Overlap:
    """Samples that frames of streams share with the frame before and the frame after."""

    before: int = 0
    after: int = 0

    @classmethod
    def checked(cls, before: int, after: int, ports: Sequence[TensorPort]) -> Overlap:
        """Raises ValueError for one that inputs cannot have."""
        for name, samples in (("before", before), ("after", after)):
            if int(samples) != samples or samples < 0:
                raise ValueError(f"{name} is {samples}, expected a number of samples, 0 or more")
        made = cls(int(before), int(after))
        lengths = {port.length for port in ports if port.stream}
        if made != cls() and len(lengths) != 1:
            frames = (
                f"frames of {', '.join(map(str, sorted(lengths)))} samples" if lengths else "vectors alone"
            )
            raise ValueError(
                f"before is {before} and after is {after}, but the inputs are {frames}: only streams of one "
                "length of frame can overlap"
            )
        if lengths and made.before + made.after >= min(lengths):
            raise ValueError(
                f"before + after is {made.before + made.after}, expected less than the frame's "
                f"{min(lengths)} samples"
            )
        return made


class FramedInput:
    """Items of an input that wait for their frame."""

    def __init__(self, port: TensorPort, overlap: Overlap, most_frames: int):
        overlap = overlap if port.stream else Overlap()
        self.port, self._before, self._after = port, overlap.before, overlap.after
        self.new = (port.length if port.stream else 1) - overlap.before - overlap.after
        self._most = overlap.before + most_frames * self.new + overlap.after
        self.clear()

    def clear(self) -> None:
        length = 1 if self.port.stream else self.port.length
        self._kept = np.zeros((self._before, length), ITEMS[self.port.kind])
        self.ended, self.tags = False, []

    def room(self) -> int:
        """Items that can be taken."""
        return max(0, self._most - len(self._kept))

    def put(self, items: np.ndarray, tags: Sequence[Tag], ended: bool) -> int:
        """Take items, no more than there is room for, and tell how many were not finite.

        tags: their places count from the first of these items. ended: no others come.
        """
        waiting = len(self._kept) - self._before
        items = items.reshape(len(items), self._kept.shape[1])
        damaged = 0
        if items.dtype.kind in "fc":
            finite = np.isfinite(items).all(axis=1)
            damaged = len(items) - int(np.count_nonzero(finite))
            if damaged:
                items = np.where(finite[:, None], items, items.dtype.type(0))
        self._kept = np.concatenate([self._kept, items])
        self.tags += [(waiting + place, key, value) for place, key, value in tags]
        self.ended = ended
        return damaged

    def frames(self) -> int:
        """Frames that can be cut out; behind the last sample are zeros."""
        waiting = len(self._kept) - self._before
        if self.ended:
            return -(-waiting // self.new)
        return max(0, waiting - self._after) // self.new

    def cut(self, frames: int) -> tuple[np.ndarray, int, list[Tag]]:
        """Values [frames, length] of the next frames, how many new samples are in them, and their tags."""
        new = min(frames * self.new, len(self._kept) - self._before)
        if self.port.stream:
            needed = self._before + frames * self.new + self._after
            samples = np.concatenate([self._kept[:needed, 0], np.zeros(max(0, needed - len(self._kept)),
                                                                        self._kept.dtype)])  # fmt: skip
            values = np.lib.stride_tricks.sliding_window_view(samples, self.port.length)[:: self.new]
        else:
            values = self._kept[:frames]
        tags = [tag for tag in self.tags if tag[0] < new]
        self.tags = [(place - new, key, value) for place, key, value in self.tags if place >= new]
        self._kept = self._kept[new:]
        return values, new, tags


class FramedOutput:
    """Items of an output that nobody has taken yet.

    Raises ValueError where the part of a stream's frame that belongs to the new samples is no whole number of
    samples.
    """

    def __init__(self, port: TensorPort, inputs: Sequence[FramedInput], overlap: Overlap):
        self.port, self._first, self._each = port, 0, port.length if port.stream else 1
        streams = [source for source in inputs if source.port.stream]
        if port.stream and overlap != Overlap():
            length = streams[0].port.length
            self._first, rest = divmod(port.length * overlap.before, length)
            self._each, more = divmod(port.length * streams[0].new, length)
            if rest or more:
                raise ValueError(
                    f"output {port.tensor.name} has {port.length} samples for a frame of {length}, of which "
                    f"those of {streams[0].new} new ones behind {overlap.before} are no whole number: "
                    "take it as a vector, or let frames overlap by others"
                )
        self.clear()

    def clear(self) -> None:
        self._kept = np.zeros((0, 1 if self.port.stream else self.port.length), ITEMS[self.port.kind])
        self._tags: list[Tag] = []

    def waiting(self) -> int:
        """Items that nobody has taken."""
        return len(self._kept)

    def put(self, values: np.ndarray, cuts: Sequence[tuple[FramedInput, int, list[Tag]]]) -> None:
        """Values [frames, length], and of each input the new samples that were in them, and their tags."""
        each = self._each
        self._kept = values
        if self.port.stream:
            shares = [-(-new * each // source.new) for source, new, _ in cuts if source.port.stream]
            self._kept = values[:, self._first : self._first + each].reshape(-1, 1)[
                : min(shares, default=None)
            ]
        told: set[tuple[int, str, str]] = set()
        self._tags = []
        for source, _, tags in cuts:
            here = set()
            for sample, key, value in tags:
                frame, place = divmod(sample, source.new)
                tag = (min(frame * each + place * each // source.new, len(self._kept) - 1), key, value)
                said = (tag[0], str(key), pmt.write_string(value)) if len(cuts) > 1 else None
                if said not in told:
                    self._tags.append(tag)
                here.add(said)
            told |= here - {None}

    def give(self, items: np.ndarray) -> tuple[int, list[Tag]]:
        """Put as much as fits into the items of an output: how many items, and their tags."""
        count = min(len(items), len(self._kept))
        items[:count] = self._kept[:count].reshape(items[:count].shape)
        tags = [tag for tag in self._tags if tag[0] < count]
        self._tags = [(place - count, key, value) for place, key, value in self._tags if place >= count]
        self._kept = self._kept[count:]
        return count, tags
