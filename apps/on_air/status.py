# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes on, on the terminal, while a program runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.table import Table

Rows = list[tuple[str, str]]
TERMINAL_INTERVAL_S = 0.5
FILE_INTERVAL_S = 5.0


class Status:
    """Rows of names and values on standard error: redrawn on a terminal, elsewhere a line at the start and
    now and then.

    rows: gives them. quiet: show nothing.
    """

    def __init__(self, rows: Callable[[], Rows], quiet: bool):
        self._rows = rows
        self._quiet = quiet
        self._console = Console(file=sys.stderr, highlight=False)
        terminal = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live = Live(console=self._console, auto_refresh=False, transient=True) if terminal else None
        self._interval_s = TERMINAL_INTERVAL_S if terminal else FILE_INTERVAL_S
        self._next_s = 0.0
        self.cpu_s = 0.0

    def __enter__(self) -> Status:
        if self._live and not self._quiet:
            self._live.start()
        return self

    def __exit__(self, *error) -> None:
        if self._live and not self._quiet:
            self._live.stop()

    def show(self, seconds: float) -> None:
        """Show what is now, if it is time to."""
        if self._quiet or seconds < self._next_s:
            return
        self._next_s = seconds + self._interval_s
        begun = time.thread_time()
        rows = [("time", f"{seconds:.0f} s"), *self._rows()]
        if self._live:
            self._live.update(_table(rows), refresh=True)
        else:
            print(", ".join(f"{name} {value}" for name, value in rows if value), file=sys.stderr, flush=True)
        self.cpu_s += time.thread_time() - begun


def _table(rows: Rows) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows:
        if value:
            table.add_row(name, value)
    return table
