# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the loop to its end or to Ctrl-C, with a progress bar or a window with switches."""

from __future__ import annotations

import time

from common.interruption import Interruption
from on_air.running import DONE, FAILED, INTERRUPTED, POLL_S, Ending
from on_air.window import Window
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .flowgraph import beam_tracking_flowgraph
from .settings import SENSORS

LAST_FRAME_S = 2.0  # all were sent, and no more came for so long
STANDSTILL_S = 30.0


class Run:
    """One run. count: frames that are replayed."""

    def __init__(self, flowgraph: beam_tracking_flowgraph, count: int, interruption: Interruption):
        self._flowgraph = flowgraph
        self._count = count
        self._interruption = interruption
        self._newest = (0, time.monotonic())  # frames that were done, and since when

    def to_its_end(self, console: Console | None, window: Window | None) -> Ending:
        """Start, wait, stop; console: for a progress bar."""
        progress = Progress(
            TextColumn("tracking"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=console or Console(quiet=True),
            disable=console is None or not console.is_terminal,
            transient=True,
        )
        self._interruption.runs = True
        self._flowgraph.start()
        try:
            with progress:
                task = progress.add_task("track", total=self._count, told="")

                def ending() -> Ending | None:
                    figures = self._flowgraph.sink.figures()
                    told = f"{figures['beams_per_frame'].value:.1f} beams a frame" if figures else ""
                    done = self._flowgraph.sink.frames_complete()
                    progress.update(task, completed=done, told=told)
                    return self._ending(done)

                if window is not None:
                    return window.show_until(ending, POLL_S)
                while (found := ending()) is None:
                    time.sleep(POLL_S)
                return found
        finally:
            self._flowgraph.stop()
            self._flowgraph.wait()

    def _ending(self, done: int) -> Ending | None:
        if self._interruption.requested:
            return Ending("interrupted", INTERRUPTED, f"interrupted after {done} of {self._count} frames")
        error = self._flowgraph.error()
        if error is not None:
            return Ending("failed", FAILED, f"the flowgraph stopped: {error}")
        if done >= self._count:
            return Ending("complete", DONE)
        if done > self._newest[0]:
            self._newest = (done, time.monotonic())
        if self._flowgraph.waits and time.monotonic() - self._newest[1] > STANDSTILL_S:
            return Ending("failed", FAILED, f"the loop stands still after {done} of {self._count} frames")
        if self._flowgraph.replay.frames_sent() >= self._count:
            if time.monotonic() - self._newest[1] > LAST_FRAME_S:
                return Ending("complete, frames lost", DONE)
        return None


def make_window(flowgraph: beam_tracking_flowgraph, title: str) -> Window:
    """Window with the sink's view, and a switch for each sensor."""
    from PyQt5 import QtWidgets

    switches = QtWidgets.QWidget()
    row = QtWidgets.QHBoxLayout(switches)
    for sensor in flowgraph.sensors():
        box = QtWidgets.QCheckBox(SENSORS[sensor])
        box.setChecked(True)
        box.toggled.connect(lambda works, sensor=sensor: flowgraph.set_working(sensor, works))
        row.addWidget(box)
    row.addStretch(1)
    return Window(title, [switches, flowgraph.sink.qwidget()])
