# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ctrl-C as a request, so that a flowgraph that runs is never left running."""

from __future__ import annotations

import signal


class Interruption:
    """Ctrl-C, SIGTERM and a terminal that closes (unless nohup was told to ignore that): a KeyboardInterrupt
    while a program is set up, a request once it `runs`.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.requested = False
        self.runs = False
        self._before = {}

    def __enter__(self) -> Interruption:
        hung_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        numbers = self.SIGNALS if hung_up else self.SIGNALS[:2]
        self._before = {number: signal.signal(number, self._take) for number in numbers}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number, frame) -> None:
        self.requested = True
        if not self.runs:
            raise KeyboardInterrupt
