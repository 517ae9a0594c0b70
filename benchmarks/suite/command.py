# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of benchmarks/run.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from gnuradio import gr
from pydantic import Field
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.runtime import Bundle, ImageLink

from . import air, channels, frames, learned, mimo, radar, simac
from .air_command import known
from .record import Comparison, Record, machine, record, write

NAMES = (
    "jscc_encoder",
    "jscc_decoder",
    "task_decoder",
    "sensing_decoder",
    "fading_channel",
    "echo_channel",
    "mimo_ofdm_channel",
    "frames",
    "echo_processor",
    "cfar_detector",
    "target_emulator",
    "air",
    "simac",
    "loopback",
)
RESULTS = Path(__file__).resolve().parents[2] / "results" / "benchmarks" / "bench.json"
BUSY_LOAD = 0.5

program = new_program("benchmarks/run.py")


class MeasureOptions(Options):
    """What is measured, how, and where it is written."""

    bundle: str = Field(
        "jssc/awgn",
        description="Trained networks: folder of a bundle, or system/name of one that ships.",
    )
    only: list[str] = Field([], description=f"Measure this alone; may be repeated: {', '.join(NAMES)}.")
    batch: int = Field(256, ge=1, description="Most frames in one inference, here and at the peer.")
    repeats: int = Field(7, ge=1, description="Pairs of measurements of each benchmark.")
    seconds: float = Field(1.0, ge=0.01, description="Length of one measurement.")
    quick: bool = Field(False, description="One pair of 0.1 s each: to see that it runs, not how fast.")
    json_file: Annotated[Path | None, Parameter(name="--json")] = Field(
        None,
        description="File to write. [default: results/benchmarks/bench.json after a whole run, else none]",
    )


@program.default
def bench(*, options: MeasureOptions = MeasureOptions()) -> int:
    """Measure blocks and networks beside their peers: ONNX Runtime, GNU Radio's channels, PyTorch.

    Each of them and its peer are measured in turn, several times over; the table shows medians.
    """
    chosen, file = known(options.only, NAMES), options.json_file
    if file is not None and not file.parent.is_dir():
        raise ValueError(f"--json: the folder {file.parent} does not exist: make it, or choose another file")
    gr.logging().set_default_level(gr.log_levels.err)
    bundle = Bundle.load(options.bundle)
    wanted = [one for one in _comparisons(bundle, options.batch) if one.group in chosen]
    repeats, seconds = (1, 0.1) if options.quick else (options.repeats, options.seconds)
    if os.getloadavg()[0] > BUSY_LOAD:
        print("bench: warning: other programs keep this machine busy: rates will be too low", file=sys.stderr)

    console = Console(highlight=False)
    records: list[Record] = []
    title = f"bundle {options.bundle}, batch {options.batch}, 1 thread an inference; {machine()}"
    try:
        _measure(wanted, repeats, seconds, console, records)
    except KeyboardInterrupt:
        if records:
            console.print(_table(records, title))
        print("bench: interrupted, nothing written", file=sys.stderr)
        return 130
    console.print(_table(records, title))
    file = file or (None if options.quick or options.only else RESULTS)
    if file is not None:
        write(records, file)
        console.print(f"written: {file}", soft_wrap=True)
    return 0


def _comparisons(bundle: Bundle, batch: int) -> list[Comparison]:
    networks = learned.Networks(bundle, batch)
    return [
        *learned.comparisons(networks),
        *channels.comparisons(bundle.interface(ImageLink).symbols.channel_uses),
        *mimo.comparisons(),
        *frames.comparisons(),
        *radar.comparisons(),
        *air.comparisons(),
        *simac.comparisons(),
        learned.loopback_comparison(networks),
    ]


def _measure(
    wanted: Sequence[Comparison], repeats: int, seconds: float, console: Console, records: list[Record]
) -> None:
    """Measure each comparison and its peer in turn; append to `records` as they are done."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with progress:
        task = progress.add_task("", total=len(wanted) * repeats)
        for comparison in wanted:
            progress.update(task, description=comparison.name)
            pairs = []
            for repeat in range(repeats):
                order = (comparison.measure, comparison.measure_peer)
                rates = [measure(seconds) for measure in (order if repeat % 2 == 0 else order[::-1])]
                pairs.append(tuple(rates if repeat % 2 == 0 else rates[::-1]))
                progress.advance(task)
            records.append(record(comparison, pairs))


def _table(records: Sequence[Record], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("measured", min_width=18)
    for column in ("rate", "unit", "peer", "its rate", "ratio", "goal"):
        table.add_column(column, justify="left" if column in ("unit", "peer") else "right", no_wrap=True)
    for one in records:
        colour = "default" if one.goal is None else "green" if one.ratio >= one.goal else "red"
        table.add_row(
            one.name,
            _rate(one.value),
            one.unit,
            one.peer.partition(" (")[0],
            _rate(one.peer_value),
            f"[{colour}]{one.ratio:.2f}[/]",
            "" if one.goal is None else f"{one.goal:.2f}",
        )
    return table


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments, name="bench")
