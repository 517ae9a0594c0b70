# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait for the flowgraph's end or for Ctrl-C, with a progress bar."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from common.interruption import Interruption
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .link import link_flowgraph

POLL_S = 0.05
STOP_S = 5.0


def run_to_its_end(
    flowgraph: link_flowgraph,
    items: str,
    count: int | None,
    console: Console | None,
    interruption: Interruption,
    meanwhile: Callable[[], None],
) -> bool:
    """Start a flowgraph, wait and stop it; True when it ended by itself, False when Ctrl-C stopped it.

    items: what is counted. count: how many in all, None: unknown. console: None: show nothing.
    meanwhile: called once the flowgraph runs.
    """
    ended = threading.Event()
    ended.set()  # nothing to wait for until it has begun

    def wait() -> None:
        flowgraph.wait()
        ended.set()

    progress = Progress(
        TextColumn(f"sending {items}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console or Console(quiet=True),
        disable=console is None,
        transient=True,
    )
    interruption.runs = True
    try:
        flowgraph.start()
        ended.clear()
        threading.Thread(target=wait, daemon=True).start()
        meanwhile()
        with progress:
            task = progress.add_task("send", total=count, rate="")
            started = time.monotonic()
            while not (ended.wait(POLL_S) or interruption.requested):
                done = flowgraph.done()
                rate = done / (time.monotonic() - started)
                progress.update(task, completed=done, rate=f"{rate:.0f} {items}/s")
            progress.update(task, completed=flowgraph.done())
        return not interruption.requested
    finally:
        flowgraph.stop()
        ended.wait(STOP_S)
        interruption.runs = False
