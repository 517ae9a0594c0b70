#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the time of a network goes, operator by operator, in each precision that its bundle holds.

python benchmarks/operator_times.py    writes results/benchmarks/operator_times.csv

ONNX Runtime's own profile of one thread, medians over calls. Inputs are made up: no time depends on them.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import onnxruntime

from semisac_ml.results import Result, write_results
from semisac_ml.results.rows import command_line
from semisac_ml.runtime import Bundle

FILE = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "operator_times.csv"
NETWORKS = {
    ("jssc/awgn", "encoder"): {"batch": 64},
    ("jssc/hifi", "encoder"): {"batch": 1, "height": 256, "width": 256},
    ("jssc/hifi", "reconstruction"): {"batch": 1, "rows": 64, "columns": 64},
    ("jssc/hifi", "task"): {"batch": 1, "rows": 64, "columns": 64},
}
"""Bundle and network, and the length of each axis."""
WARM_UP, CALLS = 3, 15
LEAST = 0.01  # share that is worth a row


def profile(bundle: Bundle, network: str, precision: str, axes: dict[str, int]) -> dict[str, float]:
    """Seconds of one inference by operator, in the order of what they take."""
    placed = bundle.placed(precision=precision)
    feed = placed.session(network).made_up(axes)
    stated = placed.manifest.int8.networks if precision == "int8" else placed.manifest.networks
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(placed.path / stated[network].file), options)
        for _ in range(WARM_UP + CALLS):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            taken[event["name"], event["args"]["op_name"]].append(event["dur"] / 1e6)
    found: dict[str, float] = defaultdict(float)
    for (_, operator), seconds in taken.items():
        found[operator] += statistics.median(seconds[WARM_UP:])
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def measured() -> list[Result]:
    """Rows of all networks, in each precision that there is."""
    rows = []
    for (name, network), axes in NETWORKS.items():
        bundle = Bundle.load(name)
        in_int8 = bundle.manifest.int8.networks if bundle.manifest.int8 else {}
        for precision in ("float32", "int8")[: 1 + (network in in_int8)]:
            seconds = profile(bundle, network, precision, axes)
            whole = sum(seconds.values())
            print(f"{name}, {network}, {precision}: {1e3 * whole / axes['batch']:.3g} ms a sample")
            for operator, own in seconds.items():
                if own < LEAST * whole:
                    continue
                told = {
                    "system": "benchmarks",
                    "figure": "operator_times",
                    "variant": operator,
                    "conditions": {"network": f"{name}, {network}", "precision": precision},
                    "command": command_line(),
                }
                rows.append(Result(**told, metric="share", value=own / whole))
                rows.append(
                    Result(**told, metric="time_a_sample", value=1e3 * own / axes["batch"], unit="ms")
                )
                print(f"    {operator:20s} {own / whole:6.1%}")
    return rows


if __name__ == "__main__":
    print(f"written: {write_results(FILE, measured())}")
