# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of benchmarks/pictures.py."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.processor import machine
from semisac_ml.results import ResultTable
from semisac_ml.signal import metrics
from semisac_ml.systems.jssc_hifi.comparison import SENT_CHANNELS, Comparison
from semisac_ml.systems.jssc_hifi.learned_code import LearnedCode

from .air_command import known
from .air_trials import Row
from .on_air import ROOT, watch

RESULTS = ROOT / "results" / "jssc_hifi" / "loopback.csv"
BUNDLE = "jssc/hifi"
MULTIPATH = ("--taps", "0:0,200:-3,450:-6")
RATIO = Fraction(1, 12)
SNR_DB = (0.0, 5.0, 10.0, 15.0, 20.0)
PACE = 15.0

program = new_program("benchmarks/pictures.py")


def loopback(*arguments: str) -> dict[str, dict[str, float]]:
    """Figures of apps/run_loopback.py with pictures of 256 x 256 through OFDM frames, the radar running."""
    command = ["apps/run_loopback.py", "--bundle", BUNDLE, "--bandwidth-ratio", str(RATIO), "--no-report"]
    return watch([*command, *arguments]).content["metrics"]


def speed(pictures: int) -> Iterator[Row]:
    """Pictures a second as fast as it goes, and latency at a pace."""
    link = "256 x 256, 1/12, OFDM, radar of 4 antennas, 10 dB"
    figures = loopback("--data", "synthetic", "--images", str(pictures))
    yield Row(
        "pictures a second", f"{link}, full speed", pictures, figures["images_per_s"]["value"], "/s", ">= 15"
    )
    yield Row("latency, p95", f"{link}, full speed", pictures, figures["latency_p95_ms"]["value"], "ms", "")
    figures = loopback("--data", "synthetic", "--images", str(pictures), "--images-per-s", str(PACE))
    condition = f"{link}, {PACE:g} pictures a second wanted"
    yield Row("latency, p95", condition, pictures, figures["latency_p95_ms"]["value"], "ms", "")
    dropped = figures["pictures_dropped"]["value"]
    yield Row("pictures dropped as late", condition, pictures, dropped, "pictures", "0")


def quality(pictures: int) -> Iterator[Row]:
    """PSNR of photographs over samples and multipath, beside the symbols of an ideal OFDM link."""
    comparison = Comparison("photographs", picture_size=256)
    photographs = comparison.pictures()
    code = LearnedCode(BUNDLE)
    with tempfile.TemporaryDirectory() as folder:
        from PIL import Image

        for number, pixels in enumerate(photographs):
            Image.fromarray(pixels).save(Path(folder) / f"{number}.png")
        for snr_db in SNR_DB:
            arguments = ("--data", folder, "--images", str(pictures), "--snr-db", str(snr_db))
            for name, channel in (("AWGN", ()), ("paths 0, 200, 450 ns", MULTIPATH)):
                found = loopback(*arguments, *channel)["psnr_db"]
                condition = f"frames of OFDM, {name}, 1/12, {snr_db:g} dB"
                yield Row("PSNR, mean of pictures", condition, pictures, found["value"], "dB", "")
            for name, channel in (("AWGN", "awgn"), ("8 Rayleigh taps", "ofdm")):
                rebuilt = code.reconstruct(photographs, snr_db, SENT_CHANNELS[RATIO], channel, seed=0)
                found = metrics.mean(metrics.psnr_db(photographs, rebuilt))
                condition = f"ideal symbols, {name}, 1/12, {snr_db:g} dB"
                yield Row("PSNR, mean of pictures", condition, len(photographs), found.value, "dB", "")


MEASUREMENTS: dict[str, Callable[[int], Iterator[Row]]] = {"speed": speed, "quality": quality}
PICTURES = {"speed": 150, "quality": 32}


class MeasureOptions(Options):
    """What is measured, and where it is written."""

    only: list[str] = Field([], description=f"Measure this alone; may be repeated: {', '.join(PICTURES)}.")
    pictures: int | None = Field(None, ge=1, description="Of each run, in the place of the usual ones.")
    file: Annotated[Path, Parameter(name="--csv")] = Field(
        RESULTS, description="File to write; rows of other measurements stay."
    )


@program.default
def pictures(*, options: MeasureOptions = MeasureOptions()) -> int:
    """Measure how fast pictures of 256 x 256 pass the whole link, how late, and how good they arrive."""
    chosen, table = known(options.only, PICTURES), ResultTable.open(options.file)
    print(machine())
    for name in chosen:
        for row in MEASUREMENTS[name](options.pictures or PICTURES[name]):
            goal = f", goal {row.goal}" if row.goal else ""
            print(f"{row.measurement}: {row.condition}: {row.value:.4g} {row.unit}{goal}", flush=True)
            table.replace([row.result("jssc_hifi", "loopback")])
    return 0


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
