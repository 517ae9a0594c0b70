#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the processor time of whole links goes, block by block.

python benchmarks/block_times.py    writes results/benchmarks/block_times.csv
make bench ARGS=--page              puts it on the page

Each block of a flowgraph has a thread of its own, of which the kernel counts the time on a processor: neither
waiting nor other programs count.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "apps"))

from gnuradio import blocks, gr, semisac  # noqa: E402
from loopback.links.pictures import PictureOptions, PicturesOfAnySize  # noqa: E402
from loopback.options import LinkOptions  # noqa: E402
from suite.air import link_and_radar  # noqa: E402

from semisac_ml.results import Result, write_results  # noqa: E402
from semisac_ml.results.rows import command_line  # noqa: E402
from semisac_ml.runtime import Bundle  # noqa: E402

FILE = ROOT / "results" / "benchmarks" / "block_times.csv"
WARM_UP_S, SECONDS = 2.0, 10.0
LEAST = 0.005  # share that is worth a row
KEPT_LETTERS = 15  # of a thread's name


def pictures() -> tuple[gr.top_block, Callable[[], float]]:
    """The link of run_loopback.py with pictures of 256 x 256, and how many have been received."""
    link = PicturesOfAnySize(
        Bundle.load("jssc/hifi", precision="auto"),
        LinkOptions(data="synthetic"),
        PictureOptions(bandwidth_ratio="1/12"),
    )
    link.load()
    flowgraph = link.flowgraph(10**9)
    return flowgraph, flowgraph.decoder.pictures_received


FLOWGRAPHS = {
    "link and radar": (link_and_radar, "sample", 1e9, "ns"),
    "pictures": (pictures, "picture", 1e3, "ms"),
}
"""How each is made, what it counts, and the unit of times: how many there are in a second, and its name."""


def thread_seconds() -> dict[str, float]:
    """Seconds on a processor of each thread of this process, by name; of those alike their sum."""
    found: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        name = (task / "comm").read_text().strip()
        found[name] = found.get(name, 0.0) + int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def block_of(thread: str) -> str:
    """Name of the block whose thread it is: the kernel keeps the beginning of name and number."""
    stem = thread.rstrip("0123456789")
    if len(thread) < KEPT_LETTERS:
        return stem
    return next((name for name in (*dir(semisac), *dir(blocks)) if name.startswith(stem)), stem)


def measured(name: str) -> list[Result]:
    """Rows of a flowgraph, the slowest block first."""
    make, counted, in_a_second, unit = FLOWGRAPHS[name]
    flowgraph, count = make()
    flowgraph.start()
    time.sleep(WARM_UP_S)
    before, first = thread_seconds(), count()
    time.sleep(SECONDS)
    after, last = thread_seconds(), count()
    flowgraph.stop()
    flowgraph.wait()
    own = Path(f"/proc/self/task/{threading.main_thread().native_id}/comm").read_text().strip()
    taken: dict[str, float] = {}
    for thread, seconds in after.items():
        if thread != own:
            block = block_of(thread)
            taken[block] = taken.get(block, 0.0) + seconds - before.get(thread, 0.0)
    total = sum(taken.values())
    rows = []
    for block, seconds in sorted(taken.items(), key=lambda one: -one[1]):
        if seconds < LEAST * total:
            continue
        told = {
            "system": "benchmarks",
            "figure": "block_times",
            "variant": block,
            "conditions": {"flowgraph": name},
            "command": command_line(),
        }
        share, each = seconds / total, in_a_second * seconds / (last - first)
        rows.append(Result(**told, metric="share", value=share))
        rows.append(Result(**told, metric=f"time_a_{counted}", value=each, unit=unit))
        print(f"{name}: {block:20s} {100 * share:5.1f} %  {each:7.3g} {unit} a {counted}", flush=True)
    rate = (last - first) / SECONDS
    print(f"{name}: {rate:.4g} {counted}s a second, {total / SECONDS:.2f} processors")
    return rows


def main() -> None:
    """Measure, print and write."""
    gr.logging().set_default_level(gr.log_levels.err)
    rows = [row for name in FLOWGRAPHS for row in measured(name)]
    print(f"written: {write_results(FILE, rows)}")


if __name__ == "__main__":
    main()
