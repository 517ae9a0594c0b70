# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a radio reports beside samples: counted per kind, and tied to the frames that were hit."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

KINDS = ("late", "underflow", "overflow", "sequence", "gap", "changed", "vanished")
MOST_FRAMES = 4096


class EventCounters:
    """Events of one radio since it was opened. Any thread may add and read.

    Kinds: late (a frame came after its time), underflow (the transmitter ran out of samples), overflow (the
    host did not take received samples in time), sequence (packets lost on the way), gap (samples missing
    between time stamps), changed (another program changed a setting of the device), vanished (the device
    answers no more).

    stopping: set when the flowgraph is stopped: that its blocks end is then no fault.
    on_event: called with each event's kind, count, frame_id (-1 when unknown) and reason ("": none given), by
        the thread that added it.
    """

    stopping = False

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = Counter(dict.fromkeys(KINDS, 0))
        self._frames: deque[tuple[int, str]] = deque(maxlen=MOST_FRAMES)
        self._reasons: dict[str, str] = {}
        self.on_event: Callable[[str, int, int, str], None] = lambda *event: None

    def add(self, kind: str, count: int = 1, frame_id: int = -1, reason: str = "") -> None:
        """Count events of a kind; ValueError: no kind.

        frame_id: of the frame that was hit, -1 when unknown. reason: what happened, for people.
        """
        if kind not in KINDS:
            raise ValueError(f"kind of event is {kind!r}, expected one of {', '.join(KINDS)}")
        if kind == "vanished":
            reason = reason or "the device answers no more"
        with self._lock:
            self._counts[kind] += count
            if frame_id >= 0:
                self._frames.append((frame_id, kind))
            if reason:
                self._reasons.setdefault(kind, reason)
        self.on_event(kind, count, frame_id, reason)

    def counts(self) -> dict[str, int]:
        """Events by kind, all kinds."""
        with self._lock:
            return dict(self._counts)

    def frames_hit(self) -> list[tuple[int, str]]:
        """(frame_id, kind) of the last 4096 frames that were hit, oldest first."""
        with self._lock:
            return list(self._frames)

    def vanished(self) -> str:
        """Why the device is lost; "" while it is there."""
        return self.reasons().get("vanished", "")

    def reasons(self) -> dict[str, str]:
        """The first reason that was given, by kind."""
        with self._lock:
            return dict(self._reasons)

    def begin_run(self) -> None:
        """Before each start of the flowgraph: a device that was lost in the run before may be there again."""
        with self._lock:
            self._reasons.pop("vanished", None)
