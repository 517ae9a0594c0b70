# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the start of a flowgraph to a silent radio, whatever ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from common.interruption import Interruption
from gnuradio.semisac.radio import RadioError
from gnuradio.semisac.radio.watch import Overdue, within

POLL_S = 0.05
STOP_S = 0.9  # for the flowgraph's threads, and then
CLOSE_S = 1.5  # for the device, which may take a second to be silent
USUAL_TIMEOUT_S = 3.0  # whoever gives a device longer than this to answer, gives it longer to end
DONE, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Ending:
    """Why a run ended: reason in a word or two, exit code, and what to tell when it is not 0."""

    reason: str
    code: int = DONE
    message: str = ""


class Run:
    """One run of a flowgraph with a radio.

    flowgraph: with `error()`, what went wrong in a block, and `finished()`, whether it has done its work.
    radio: its settings say how patient to be with it.
    duration_s: 0: no limit. show: called often with the seconds since the start.
    """

    def __init__(self, flowgraph, radio, interruption: Interruption, duration_s: float, show: Callable):
        self._flowgraph = flowgraph
        self._radio = radio
        self._interruption = interruption
        self._duration_s = duration_s
        self._show = show
        self._ended = threading.Event()
        self._window_closed = False
        self.seconds = 0.0

    def to_its_end(self, window=None) -> Ending:
        """Start, wait for the end, stop, silence the radio. Threads that hang are named in the message."""
        self._interruption.runs = True
        self._ended.set()  # nothing to wait for until it has begun
        self._radio.events.stopping = False
        self._radio.prepare()
        self._flowgraph.start()
        self._ended.clear()
        started = time.monotonic()
        threading.Thread(target=self._wait, name="wait", daemon=True).start()

        def ending() -> Ending | None:
            self.seconds = time.monotonic() - started
            found = self._ending()
            if found is None:
                self._show(self.seconds)
            return found

        if window is None:
            found = ending()
            while found is None:
                self._ended.wait(POLL_S)
                found = ending()
            return found
        return window.show_until(ending, POLL_S)

    def stop(self) -> tuple[list[str], bool]:
        """Stop the flowgraph and close the radio; what went wrong with that, and whether a thread hangs."""
        troubles, hangs = [], False
        self._radio.events.stopping = True
        patience = max(1.0, self._radio.settings.timeout_s / USUAL_TIMEOUT_S)
        for what, call, seconds in (
            ("flowgraph does not stop", self._stop_flowgraph, STOP_S),
            ("radio does not close", self._radio.close, CLOSE_S),
        ):
            try:
                within(patience * seconds, call, "stop")
            except Overdue:
                troubles.append(f"the {what}: left without it")
                hangs = True
            except RadioError as error:  # what it says is for people
                troubles.append(str(error))
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, the results must be written
                troubles.append(f"the {what}: {error}")
        return troubles, hangs

    def _wait(self) -> None:
        self._flowgraph.wait()
        self._ended.set()

    def _stop_flowgraph(self) -> None:
        self._flowgraph.stop()
        self._ended.wait()

    def _ending(self) -> Ending | None:
        if self._interruption.requested:
            return Ending("interrupted", INTERRUPTED, f"interrupted after {self.seconds:.1f} s")
        lost = self._radio.events.vanished()
        if lost:
            return Ending("radio lost", FAILED, f"the radio is lost: {lost}")
        error = self._flowgraph.error()
        if error is not None:
            return Ending("failed", FAILED, f"the flowgraph stopped: {error}")
        if self._flowgraph.finished():
            return Ending("complete")
        if self._ended.is_set():
            return Ending("end of the stream")
        if self._duration_s and self.seconds >= self._duration_s:
            return Ending("duration")
        return None
