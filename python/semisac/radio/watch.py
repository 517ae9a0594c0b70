# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time limits of calls to a device, and a thread that looks after an open one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from .events import EventCounters

Result = TypeVar("Result")


class Overdue(RuntimeError):
    """A call did not return in time."""


class Call(Generic[Result]):
    """A call of a function in a thread that does not keep the program alive. name: of the thread."""

    def __init__(self, function: Callable[[], Result], name: str = "call"):
        self._done: list[tuple[bool, object]] = []
        self._ended = threading.Event()

        def run() -> None:
            try:
                self._done.append((True, function()))
            except BaseException as error:  # handed to the caller, whatever it is
                self._done.append((False, error))
            self._ended.set()

        threading.Thread(target=run, name=name, daemon=True).start()

    def result(self, seconds: float) -> Result:
        """What it returned, or raised; Overdue when it has not ended within `seconds` from now."""
        if not self._ended.wait(seconds):
            raise Overdue(f"no answer within {seconds:g} s")
        fine, value = self._done[0]
        if fine:
            return value
        try:
            raise value
        finally:
            del value  # or error and frame hold each other, and what the call had open


def within(seconds: float, function: Callable[[], Result], name: str = "call") -> Result:
    """Result of a function, or its exception; Overdue when it takes longer than `seconds`.

    It runs in a thread that is given up when its time is over. name: of it.
    """
    return Call(function, name).result(seconds)


class BlockThreads:
    """Whether the threads of blocks go on.

    A block of GNU Radio that throws ends its thread: that is logged, and the flowgraph waits for it for ever.
    """

    LOOKS = 3  # without its thread, one after the other: it may be about to begin
    LONGEST_NAME = 11  # of a block whose thread has a name that can be told, whatever its number

    def __init__(self):
        self._blocks: list[tuple[object, str]] = []
        self._missed: dict[str, int] = {}

    def add(self, block, why: str) -> None:
        """Look after a block, if its thread can be told; why: what to say when that has ended."""
        if hasattr(block, "detail"):
            self._blocks.append((block, why))

    def see(self) -> None:
        """Raises RuntimeError when a block's thread has ended, though its work is not done."""
        running = _thread_names() if self._blocks else set()
        for block, why in self._blocks:
            name, detail = f"{block.name()}{block.unique_id()}", block.detail()
            untold = len(block.name()) > self.LONGEST_NAME or detail is None
            waits = untold or running & _names_of_thread(block) or detail.done()
            self._missed[name] = 0 if waits else self._missed.get(name, 0) + 1
            if self._missed[name] >= self.LOOKS:
                raise RuntimeError(f"{block.name()} has failed: {why}")


def _names_of_thread(block) -> set[str]:
    """What the thread of a block may be called: of the 15 characters that Linux keeps, versions of GNU Radio
    choose differently.
    """
    name, number = block.name(), str(block.unique_id())
    whole = name + number
    return {whole[:15], (whole[:11] + whole[-5:])[:15], name[: 15 - len(number)] + number}


def _thread_names() -> set[str]:
    """Names of this process's threads."""
    names = set()
    for thread in os.listdir("/proc/self/task"):
        try:
            names.add(Path(f"/proc/self/task/{thread}/comm").read_text().rstrip("\n"))
        except OSError:
            continue  # ended in this moment
    return names


class Watch:
    """Call `look` again and again while a radio is open; what it raises means that the device is lost.

    events: where "vanished" is counted.
    interval_s: between two looks.
    """

    def __init__(self, events: EventCounters, look: Callable[[], None], interval_s: float = 0.25):
        self._events = events
        self._look = look
        self._interval_s = interval_s
        self._threads = BlockThreads()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, block, why: str) -> None:
        """Look after a block's thread too; why: what to say when it has ended."""
        self._threads.add(block, why)

    def start(self) -> None:
        """Begin; a watch that goes on already is left alone."""
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, name="radio_watch", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Begin no further look."""
        self._ended.set()

    def stop(self, longest_s: float = 2.0) -> None:
        """End, within the time that one look takes, or without it after `longest_s`."""
        self.end()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=longest_s)

    def _run(self) -> None:
        while not self._ended.wait(self._interval_s):
            try:
                self._look()
                self._threads.see()
            except Exception as error:  # whatever a driver raises
                if not self._events.stopping:
                    self._events.add("vanished", reason=f"the device answers no more ({error})")
                return


class Progress:
    """Whether a number of samples still grows.

    Raises TimeoutError from `see` when it has not for timeout_s.
    """

    def __init__(self, timeout_s: float):
        self._timeout_s = timeout_s
        self.restart()

    def restart(self) -> None:
        """Begin to wait anew."""
        self._samples = -1
        self._since = time.monotonic()

    def see(self, samples: int, expected: bool = True) -> None:
        """Take note of how many samples have come so far; expected: whether nothing but the device holds
        them up.
        """
        now = time.monotonic()
        if samples != self._samples or not expected:
            self._samples, self._since = samples, now
        elif now - self._since > self._timeout_s:
            raise TimeoutError(f"no samples for {self._timeout_s:g} s")
