# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Table II of SIMAC, measured: parameters, operations, latency and memory of each network.

One sample, one thread. Times are the processor time of the thread that calls, which stands still while other
programs run, but feels what they leave in the caches: networks of a millisecond seem slower on a busy
machine. ONNX Runtime, as blocks run it, and PyTorch take turns, so that their ratio feels it less.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from semisac_ml.results import Result
from semisac_ml.results.drawing import legend_below, picture, side_by_side
from semisac_ml.runtime import Session
from semisac_ml.signal.metrics import percentile

from .costs import PAPER, Cost, cost
from .peak_memory import in_new_process, peak_mb, session_peak_mb
from .timed_networks import NETWORKS, TimedNetwork, timed_network

FIGURE = "table2"
ROUNDS = 50
WARM_UP = 3
GOAL = 1.5
"""Of the speed of ONNX Runtime over that of PyTorch."""
PRINTED = "paper, as printed"
PRINTED_RUNTIME = "RTX 4090"
PRINTED_LATENCY_MS = {"MSF": 0.68, "LSE": 0.44, "SSD": 0.35, "all": 1.5}
PRINTED_TOTAL = Cost(176_300_000, 19_800_000_000)
RUNTIMES = ("ONNX Runtime", "PyTorch")
ALL = "all"
"""Name of the networks of a variant one after the other."""


@dataclass(frozen=True)
class Measured:
    """What one network takes.

    seconds: processor time of every round, float64 [rounds], by runtime; peak_mb: by runtime. difference:
    largest, of an output of the ONNX file from PyTorch's.
    """

    cost: Cost
    seconds: dict[str, np.ndarray]
    peak_mb: dict[str, float]
    difference: float


def in_turn(calls: Sequence[Callable[[], object]], rounds: int) -> list[np.ndarray]:
    """Processor time of each call in seconds, float64 [rounds]; order swapped every round."""
    for call in calls:
        for _ in range(WARM_UP):
            call()
    found = np.zeros((len(calls), rounds))
    for number in range(rounds):
        order = range(len(calls)) if number % 2 == 0 else reversed(range(len(calls)))
        for place in order:
            begin = time.thread_time()
            calls[place]()
            found[place, number] = time.thread_time() - begin
    return list(found)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold PyTorch to one thread, and to inference."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def exported(one: TimedNetwork, file: Path) -> Session:
    """The network in ONNX Runtime, as in a file that is written.

    Raises ValueError if an output differs from PyTorch's by more than it may.
    """
    file.write_bytes(one.as_onnx())
    session = Session(file.read_bytes(), *one.interface())
    difference = one.difference(session)
    if difference > one.tolerance:
        raise ValueError(
            f"{file.stem}: an output differs from PyTorch's by {difference:.2g}, expected {one.tolerance:g}"
        )
    return session


def measure(variant: str, name: str, rounds: int = ROUNDS, seed: int = 0) -> Measured:
    """One network, in memory by itself."""
    one = timed_network(variant, name, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{variant}-{name}.onnx"
        session = exported(one, file)
        peaks = (
            in_new_process(session_peak_mb, file, *one.interface(), one.arrays),
            in_new_process(torch_peak_mb, variant, name, seed),
        )
    arrays, tensors = one.arrays, tuple(one.sample.values())
    with one_thread():
        times = in_turn((lambda: session.run(**arrays), lambda: one.network(*tensors)), rounds)
    return Measured(
        cost(one.network, *tensors),
        dict(zip(RUNTIMES, times, strict=True)),
        dict(zip(RUNTIMES, peaks, strict=True)),
        one.difference(session),
    )


def torch_peak_mb(variant: str, name: str, seed: int) -> float:
    """Peak memory of this process, in MB, after one run of a network by PyTorch."""
    one = timed_network(variant, name, seed)
    with one_thread():
        one.run()
    return peak_mb()


def complexity_rows(
    variants: Sequence[str] = tuple(NETWORKS),
    rounds: int = ROUNDS,
    seed: int = 0,
    console: Console | None = None,
) -> list[Result]:
    """Table II as printed and as measured: the paper's networks, the small ones, the tuned ones.

    Parameters
    ----------
    variants : sequence of str
        Some of NETWORKS.
    rounds : int
        Runs of each network in each runtime that latencies are medians of.
    seed : int
        Of weights and inputs.
    console : Console, optional
        Told which network is being measured.
    """
    rows = printed_rows()
    for variant in variants:
        found = {}
        for name in NETWORKS[variant]:
            if console is not None:
                console.print(f"measuring {name} of {variant} …")
            found[name] = measure(variant, name, rounds, seed)
            rows += network_rows(variant, name, found[name], seed)
        rows += sum_rows(variant, list(found.values()), seed)
    return rows


def printed_rows() -> list[Result]:
    """The paper's own figures."""
    rows = []
    for name, value in {**PAPER, ALL: PRINTED_TOTAL}.items():
        told = {"system": "simac", "figure": FIGURE, "variant": PRINTED, "conditions": {"network": name}}
        rows += _cost_rows(value, told)
        told["conditions"] = {"network": name, "runtime": PRINTED_RUNTIME}
        rows.append(Result(**told, metric="latency_ms", value=PRINTED_LATENCY_MS[name]))
    return rows


def network_rows(variant: str, name: str, found: Measured, seed: int = 0) -> list[Result]:
    """Rows of one network."""
    told = _told(variant, name, seed)
    rows = [*_cost_rows(found.cost, told), *_time_rows(found.seconds, told)]
    for runtime, value in found.peak_mb.items():
        conditions = {**told["conditions"], "runtime": runtime}
        rows.append(Result(**{**told, "conditions": conditions}, metric="peak_memory_mb", value=value, n=1))
    rows.append(Result(**told, metric="largest_difference", value=found.difference, n=1))
    return rows


def sum_rows(variant: str, found: Sequence[Measured], seed: int = 0) -> list[Result]:
    """Rows of all networks of a variant one after the other."""
    told = _told(variant, ALL, seed)
    whole = Cost(sum(one.cost.parameters for one in found), sum(one.cost.operations for one in found))
    seconds = {runtime: np.sum([one.seconds[runtime] for one in found], axis=0) for runtime in RUNTIMES}
    return [*_cost_rows(whole, told), *_time_rows(seconds, told)]


def _told(variant: str, name: str, seed: int) -> dict[str, object]:
    conditions = {"network": name}
    return dict(system="simac", figure=FIGURE, variant=variant, conditions=conditions, seed=str(seed))


def _cost_rows(value: Cost, told: dict[str, object]) -> list[Result]:
    return [
        Result.of(value.parameters, **told, metric="parameters"),
        Result.of(value.operations, **told, metric="flops", unit="FLOP"),
    ]


def _time_rows(seconds: dict[str, np.ndarray], told: dict[str, object]) -> list[Result]:
    """Latencies, and the ratio of those that are neighbours."""
    rows = []
    for runtime, times in seconds.items():
        conditions = {**told["conditions"], "runtime": runtime}
        metric = percentile(1e3 * times, 50)
        rows.append(Result.of(metric, **{**told, "conditions": conditions}, metric="latency_ms"))
    ratio = percentile(seconds["PyTorch"] / seconds["ONNX Runtime"], 50)
    conditions = {**told["conditions"], "goal": GOAL}
    rows.append(Result.of(ratio, **{**told, "conditions": conditions}, metric="speedup"))
    return rows


def table(rows: Sequence[Result]) -> Table:
    """Rows as Table II shows them, one network a line."""
    heads = ("parameters", "FLOP", "ONNX Runtime", "PyTorch", "ratio", "peak memory", "difference")
    found = Table(title="Table II: batch 1, one thread; memory of ONNX Runtime, of PyTorch")
    found.add_column("networks")
    found.add_column("")
    for head in heads:
        found.add_column(head, justify="right")
    for variant, network in dict.fromkeys((row.variant, row.conditions["network"]) for row in rows):
        own = {
            (row.metric, row.conditions.get("runtime", "")): row.value
            for row in rows
            if (row.variant, row.conditions["network"]) == (variant, network)
        }
        latency = [own.get(("latency_ms", runtime)) for runtime in RUNTIMES]
        peaks = [own.get(("peak_memory_mb", runtime)) for runtime in RUNTIMES]
        printed = own.get(("latency_ms", PRINTED_RUNTIME))
        found.add_row(
            variant,
            network,
            f"{own['parameters', ''] / 1e6:.3g} M",
            f"{own['flops', ''] / 1e9:.3g} G",
            *(
                [f"{one:.2f} ms" if one else "" for one in latency]
                if printed is None
                else [f"{printed:.2f} ms, {PRINTED_RUNTIME}", ""]
            ),
            f"{own['speedup', '']:.2f}" if ("speedup", "") in own else "",
            ", ".join(f"{one:.0f}" for one in peaks if one) + (" MB" if any(peaks) else ""),
            f"{own['largest_difference', '']:.1g}" if ("largest_difference", "") in own else "",
            end_section=network == ALL,
        )
    return found


def draw(file: Path, rows: Sequence[Result]) -> None:
    """Latencies by network, those of a variant side by side; the paper's beside those of its size."""
    latencies = [row for row in rows if row.metric == "latency_ms"]
    variants = [one for one in NETWORKS if any(row.variant == one for row in latencies)]
    with picture(file, 4.2 * len(variants), 4.1) as figure:
        for axis, variant in zip(figure.subplots(1, len(variants), squeeze=False)[0], variants, strict=True):
            shown = [row for row in latencies if row.variant == variant]
            printed = [row for row in latencies if row.variant == PRINTED and variant == "paper"]
            side_by_side(axis, shown + printed, lambda row: row.conditions["network"], _series)
            axis.set_yscale("log" if printed else "linear")
            axis.set_ylabel("latency (ms)")
            axis.set_title(f"{variant}, {_size(rows, variant)}")
        legend_below(figure, len(RUNTIMES) + 1)


def _series(row: Result) -> str:
    runtime = row.conditions["runtime"]
    return f"{runtime}, as printed" if row.variant == PRINTED else f"{runtime}, one thread"


def _size(rows: Sequence[Result], variant: str) -> str:
    """Parameters and operations of all networks of a variant."""
    own = {
        row.metric: row.value
        for row in rows
        if (row.variant, row.conditions["network"]) == (variant, ALL) and "runtime" not in row.conditions
    }
    return f"{own['parameters'] / 1e6:.3g} M parameters, {own['flops'] / 1e9:.3g} GFLOP"
