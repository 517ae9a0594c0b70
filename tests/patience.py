# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what other threads and programs do: until it has happened. No test waits for a time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

# Nothing that works takes so long, on any machine: whoever waits for it has found a hang.
HANG_S = 600.0
POLL_S = 0.002


def wait_until(condition: Callable[[], object], longest_s: float = HANG_S) -> bool:
    """Wait for a condition; whether it came to hold."""
    end = time.monotonic() + longest_s
    while not condition():
        if time.monotonic() > end:
            return bool(condition())
        time.sleep(POLL_S)
    return True


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition. Raises AssertionError when it never comes to hold."""
    assert wait_until(condition), "it does not happen"
