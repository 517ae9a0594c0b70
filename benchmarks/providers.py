#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which networks of the bundles that ship another provider of ONNX Runtime runs, and how fast beside the CPU.

python benchmarks/providers.py [PROVIDER]    writes results/benchmarks/providers.csv; openvino without a name

One thread, batches of 64, the two in turn; ratios are medians. What is refused, and why, is a row too. The
provider's package must be installed: docs/inference.md.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from semisac_ml.results import Result, write_results
from semisac_ml.results.rows import command_line
from semisac_ml.runtime import Bundle, BundleError, Session, list_bundles

FILE = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "providers.csv"
BATCH, PAIRS, LEAST_S = 64, 7, 0.05


def seconds(session: Session, feed: dict[str, np.ndarray]) -> float:
    """Of one inference, from as many as fill a moment."""
    begin, calls = time.perf_counter(), 0
    while (taken := time.perf_counter() - begin) < LEAST_S or not calls:
        session.infer(feed)
        calls += 1
    return taken / calls


def measured(provider: str) -> Iterator[Result]:
    """Rows of all networks."""
    for name in list_bundles():
        bundle = Bundle.load(name)
        for network in bundle.manifest.networks:
            told = {
                "system": "benchmarks",
                "figure": "providers",
                "variant": f"{name}, {network}",
                "command": command_line(),
            }
            place = {"provider": provider}
            try:
                other = bundle.session(network, provider=provider)
            except BundleError as error:
                why = " ".join(str(error).partition(f"networks.{network}: ")[2].replace(";", ",").split())
                yield Result(**told, conditions={**place, "why": why}, metric="runs", value=0)
                continue
            yield Result(**told, conditions=place, metric="runs", value=1)
            own = bundle.session(network)
            feed = own.made_up(bundle.probe_axes(batch=BATCH))
            given = other.infer(feed).values()
            finite = [np.isfinite(one.reshape(len(one), -1)).all(axis=1) for one in given]
            broken = max(np.count_nonzero(~one) for one in finite)
            yield Result(**told, conditions=place, metric="items_not_finite", value=broken, n=BATCH)
            ratios = [seconds(own, feed) / seconds(other, feed) for _ in range(PAIRS)]
            yield Result(**told, conditions=place, metric="speedup", value=statistics.median(ratios), n=PAIRS)


def main(provider: str = "openvino") -> None:
    """Measure, print and write."""
    rows = []
    for row in measured(provider):
        print(f"{row.variant}: {row.metric} {row.value:.3g} {row.conditions.get('why', '')}", flush=True)
        rows.append(row)
    print(f"written: {write_results(FILE, rows)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
