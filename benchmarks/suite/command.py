# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of benchmarks/run.py."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from gnuradio import gr
from pydantic import Field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.outputs import write_output
from semisac_ml.processor import machine
from semisac_ml.runtime import Bundle, ImageLink

from . import air, channels, frames, learned, links, mimo, page, predictions, programs, radar, simac
from .air_command import known
from .record import Comparison, LeftOut, Record, fallen, merged, read, record, unchecked, with_best, write
from .table import figure, table

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
    "encoder",
    "predictions",
    "pictures",
    "receiver",
    "uplinks",
    "scenes",
    "air_interface",
    "pluto",
    "on_air",
    "targets",
)
ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "benchmarks" / "bench.json"
PAGE = ROOT / "docs" / "performance.md"
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
        description="File to write; with --only other rows of it stay. "
        "[default: results/benchmarks/bench.json after a whole run, else none]",
    )
    page: bool = Field(
        False, description="Measure nothing: write docs/performance.md from results/benchmarks/bench.json."
    )


@program.default
def bench(*, options: MeasureOptions = MeasureOptions()) -> int:
    """Measure blocks, networks and programs beside their peers: ONNX Runtime, GNU Radio's blocks, PyTorch.

    Each of them and its peer are measured in turn, several times over; the table shows medians. Ratios are
    held against those of results/benchmarks/bench.json: one that is twice more than 20 % below is a failure,
    and the file then stays as it was, unless --json names it.
    """
    if options.page:
        _write_page()
        return 0
    chosen, file = known(options.only, NAMES), options.json_file
    if file is not None and not file.parent.is_dir():
        raise ValueError(f"--json: the folder {file.parent} does not exist: make it, or choose another file")
    stored, kept = read(RESULTS), read(file or RESULTS)
    gr.logging().set_default_level(gr.log_levels.err)
    bundle = Bundle.load(options.bundle, precision="auto")
    every = _comparisons(bundle, options.batch)
    wanted = [one for one in every if one.group in chosen]
    repeats, seconds = (1, 0.1) if options.quick else (options.repeats, options.seconds)
    if os.getloadavg()[0] > BUSY_LOAD:
        print("bench: warning: other programs keep this machine busy: rates will be too low", file=sys.stderr)

    console = Console(highlight=False)
    records: list[Record] = []
    title = f"{datetime.date.today()}, {machine()}; bundle {options.bundle}, batch {options.batch}"
    try:
        _measure(wanted, repeats, seconds, console, records)
        low = {} if options.quick else fallen(records, stored)
        if low:
            _measure_again(low, wanted, repeats, seconds, console, records)
            low = fallen(records, stored)
    except KeyboardInterrupt:
        if records:
            console.print(table(records, title))
        print("bench: interrupted, nothing written", file=sys.stderr)
        return 130
    console.print(table(records, title))
    whole = not (options.quick or options.only)
    for line in (*low.values(), *(unchecked(records, stored) if whole else ())):
        print(f"bench: {line}", file=sys.stderr)
    if low and whole and file is None:
        print(f"bench: {RESULTS} stays as it was; --json {RESULTS} replaces it", file=sys.stderr)
    elif whole or file is not None:
        names = [one.name for one in every]
        if options.only:
            names = [one.name for one in kept] + [
                name for name in names if name not in {o.name for o in kept}
            ]
        if not low:  # else --json says that what fell is the measure from now on
            records = with_best(records, kept)
        write(merged(records, kept, names), file or RESULTS)
        console.print(f"written: {file or RESULTS}", soft_wrap=True)
        if (file or RESULTS).resolve() == RESULTS:
            _write_page()
    return 1 if low else 0


def _write_page() -> None:
    write_output(PAGE, page.written(read(RESULTS)))
    print(f"written: {PAGE}")


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
        learned.encoder_comparison(networks),
        *predictions.comparisons(),
        *programs.comparisons(),
        *links.comparisons(),
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
    times = [min(repeats, one.most_repeats or repeats) for one in wanted]
    with progress:
        task = progress.add_task("", total=sum(times))
        for comparison, often in zip(wanted, times, strict=True):
            progress.update(task, description=comparison.name[:40])
            pairs = []
            try:
                for repeat in range(often):
                    pairs.append(_pair(comparison, seconds, repeat % 2 == 1))
                    progress.advance(task)
            except LeftOut as why:
                console.print(f"left out: {comparison.name}: {why}", soft_wrap=True)
                progress.advance(task, often)
                continue
            records.append(record(comparison, pairs))
            if not console.is_terminal:  # which shows a bar
                done = records[-1]
                console.print(
                    f"{done.name}: {figure(done.value)} {done.unit}, ratio {done.ratio:.3g}", soft_wrap=True
                )


def _pair(comparison: Comparison, seconds: float, peer_first: bool) -> tuple[float, float]:
    order = (comparison.measure, comparison.measure_peer)
    figures = [measure(seconds) for measure in (order[::-1] if peer_first else order)]
    return tuple(figures[::-1] if peer_first else figures)


def _measure_again(
    low: Mapping[str, str],
    wanted: Sequence[Comparison],
    repeats: int,
    seconds: float,
    console: Console,
    records: list[Record],
) -> None:
    """Replace records that fell: something else may have disturbed them."""
    again: list[Record] = []
    _measure([one for one in wanted if one.name in low], repeats, seconds, console, again)
    records[:] = merged(again, records, [one.name for one in records])


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments, name="bench")
