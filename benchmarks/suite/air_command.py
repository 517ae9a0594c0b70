# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of benchmarks/air_interface.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from gnuradio import gr
from pydantic import Field

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.data import DataError, wifi_iq
from semisac_ml.results import ResultTable

from . import air_images, air_trials
from .air_trials import Row, share_failed

RESULTS = Path(__file__).resolve().parents[2] / "results" / "air_interface" / "frames.csv"
QUICK = {"lost": 1000, "detected": 200, "noise": 2_000_000, "wifi": 4, "bounds": 400, "images": 200}
FULL = {
    "lost": 1_000_000,
    "detected": 20_000,
    "noise": 1_000_000_000,
    "wifi": 100,
    "bounds": 4000,
    "images": 10_000,
}
BUNDLE = "jssc/awgn"
REPEATS = {False: 1, True: 5}  # of the images
SNRS_DB = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0)

program = new_program("benchmarks/air_interface.py")


class MeasureOptions(Options):
    """What is measured, and where it is written."""

    full: bool = Field(False, description="As many trials as the figures need: an hour.")
    only: list[str] = Field([], description=f"Measure this alone; may be repeated: {', '.join(QUICK)}.")
    file: Annotated[Path, Parameter(name="--csv")] = Field(
        RESULTS, description="File to write; rows of other measurements stay."
    )


@program.default
def air_interface(*, options: MeasureOptions = MeasureOptions()) -> int:
    """Measure frames lost, frames that were never sent, and times and carrier offsets over their bounds."""
    chosen, table = known(options.only, QUICK), ResultTable.open(options.file)
    gr.logging().set_default_level(gr.log_levels.err)
    for name, measure in _measurements(options.full).items():
        if name in chosen:
            for row in measure():
                print(_line(row))
                table.replace([row.result("air_interface", "frames")])
    return 0


def known(only: Sequence[str], names: Collection[str]) -> Collection[str]:
    """What is measured: all, or what --only names. Raises ValueError."""
    unknown = [name for name in only if name not in names]
    if unknown:
        raise ValueError(f"--only is {unknown[0]!r}, expected one of {', '.join(names)}")
    return only or names


def _line(row: Row) -> str:
    upper = "" if row.upper_95 is None else f", below {row.upper_95:.3g} with 95 %"
    goal = f", goal {row.goal}" if row.goal else ""
    trials = f"{row.condition} ({row.trials:,})"
    return f"{row.measurement}: {trials}: {row.value:.4g} {row.unit}{upper}{goal}"


def _measurements(full: bool) -> dict[str, Callable[[], Iterator[Row]]]:
    trials = FULL if full else QUICK

    def detected() -> Iterator[Row]:
        for seed, (snr_db, goal) in enumerate(((0.0, "<= 0.1"), (-5.0, "<= 1"))):
            condition = f"Es/N0 {snr_db:g} dB, 3 paths, carrier and clock +-20 ppm"
            for sent, found, right in air_trials.detected(snr_db, trials["detected"], seed + 1):
                if sent % 1000 == 0 or sent == trials["detected"]:
                    yield share_failed("frames not detected", condition, max(sent - found, 0), sent, goal)
                    yield share_failed("frames without right header", condition, sent - right, sent, goal)

    def in_wifi() -> Iterator[Row]:
        try:
            captures = list(wifi_iq.load_all().values())
        except DataError as missing:
            print(f"left out: {missing}")
            return
        for sir_db in (10.0, 0.0):
            yield from air_trials.false_frames_in_wifi(captures, trials["wifi"], sir_db, 1)

    def bounds() -> Iterator[Row]:
        for seed, snr_db in enumerate(SNRS_DB):
            yield from air_trials.timing_and_carrier(snr_db, trials["bounds"], seed + 1)

    def images() -> Iterator[Row]:
        for snr_db in (0.0, 3.0, 10.0):
            yield from air_images.images_over_frames(BUNDLE, snr_db, trials["images"], REPEATS[full])

    return {
        "lost": lambda: iter(air_trials.lost_without_noise(trials["lost"])),
        "detected": detected,
        "noise": lambda: iter(air_trials.false_frames_in_noise(trials["noise"], 1)),
        "wifi": in_wifi,
        "bounds": bounds,
        "images": images,
    }


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
