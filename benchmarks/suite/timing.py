# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rates in the steady state: of a running flowgraph, and of a function called again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

from gnuradio import gr

WARM_UP = 0.25  # of the time measured
POLL_S = 0.0005
LONGEST_SILENCE_S = 600.0  # whatever else the computer does, something hangs


class Stalled(RuntimeError):
    """A flowgraph that gives nothing any more."""


def flowgraph_rate(
    flowgraph: gr.top_block,
    items: Callable[[], int],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Items a second of a flowgraph that runs for ever.

    Start, warm-up and stop are left out, and both ends of the measured time lie where the count has just
    changed, so that a rate is not rounded to whole batches.

    items: count so far, from another thread than the flowgraph's. clock: says the time that is meant, in
    seconds.

    Raises Stalled when the count stands still.
    """
    flowgraph.start()
    try:
        _next_change(items, clock() + WARM_UP * seconds, clock)
        first_time, first = _next_change(items, 0.0, clock)
        last_time, last = _next_change(items, first_time + seconds, clock)
    finally:
        flowgraph.stop()
        flowgraph.wait()
    return (last - first) / (last_time - first_time)


def _next_change(items: Callable[[], int], after: float, clock: Callable[[], float]) -> tuple[float, int]:
    """First time behind `after` at which the count changes, and the count then."""
    seen = items()
    changed = time.perf_counter()
    while True:
        time.sleep(POLL_S)
        count, now = items(), clock()
        if count != seen:
            if now >= after:
                return now, count
            seen, changed = count, time.perf_counter()
        elif time.perf_counter() - changed > LONGEST_SILENCE_S:
            raise Stalled(f"the flowgraph gave no item for {LONGEST_SILENCE_S:g} s, after {count}")


def call_rate(
    call: Callable[[], object],
    items_a_call: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Items a second of a function, called for the given time after a warm-up.

    clock: says the time that is meant, in seconds.
    """
    end = clock() + WARM_UP * seconds
    call()
    while clock() < end:
        call()
    calls, start = 0, clock()
    while (now := clock()) - start < seconds or calls == 0:
        call()
        calls += 1
    return calls * items_a_call / (now - start)
