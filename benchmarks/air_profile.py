#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the processor time of link and radar goes, block by block.

python benchmarks/air_profile.py    writes results/benchmarks/profile.csv

Each block of a flowgraph has a thread of its own, of which the kernel counts the time on a processor: neither
waiting nor other programs count.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from suite.air import link_and_radar

from semisac_ml.results import Result, write_results
from semisac_ml.results.rows import command_line

FILE = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "profile.csv"
WARM_UP_S, SECONDS = 1.0, 10.0


def thread_seconds() -> dict[str, float]:
    """Seconds on a processor of each thread of this process, by name; of those alike their sum."""
    found: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        name = (task / "comm").read_text().strip()
        found[name] = found.get(name, 0.0) + int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def main() -> None:
    """Measure, print and write."""
    flowgraph, samples = link_and_radar()
    flowgraph.start()
    time.sleep(WARM_UP_S)
    before, first = thread_seconds(), samples()
    time.sleep(SECONDS)
    after, last = thread_seconds(), samples()
    flowgraph.stop()
    flowgraph.wait()
    own = threading.main_thread().native_id
    name_of_own = Path(f"/proc/self/task/{own}/comm").read_text().strip()
    taken = {name: s - before.get(name, 0.0) for name, s in after.items() if name != name_of_own}
    total = sum(taken.values())
    rows = []
    for name, seconds in sorted(taken.items(), key=lambda one: -one[1]):
        if seconds < 0.001 * total:
            continue
        each = seconds / (last - first) * 1e9
        told = {"system": "benchmarks", "figure": "profile", "variant": name.rstrip("0123456789")}
        rows.append(Result(**told, metric="share", value=seconds / total, command=command_line()))
        rows.append(Result(**told, metric="time_a_sample", value=each, unit="ns", command=command_line()))
        print(f"{name:20s} {100 * seconds / total:5.1f} %  {each:6.2f} ns a sample", flush=True)
    print(f"{(last - first) / SECONDS / 1e6:.2f} MS/s, {total / SECONDS:.2f} processors")
    print(f"written: {write_results(FILE, rows)}")


if __name__ == "__main__":
    main()
