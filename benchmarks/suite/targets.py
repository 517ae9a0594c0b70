# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of benchmarks/targets.py."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.processor import machine
from semisac_ml.results import Result, ResultTable
from semisac_ml.results.drawing import line_charts
from semisac_ml.results.rows import GOAL
from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric

from .on_air import ROOT, watch

X = "Es/N0 of the channel (dB)"
LABELS = {
    "distance_rmse_m": "RMSE of the distance (m)",
    "angle_rmse_deg": "RMSE of the angle (degrees)",
    "velocity_rmse_mps": "RMSE of the velocity (m/s)",
    "psnr_db": "PSNR of the target's picture (dB)",
}
UNITS = {"distance_rmse_m": "m", "angle_rmse_deg": "deg", "velocity_rmse_mps": "mps", "psnr_db": "dB"}
BARE, RECEIVED, FRAMES = "bare symbols", "bare symbols at the Es/N0 received", "frames of OFDM"
MOST_RATIO = 1.1

program = new_program("benchmarks/targets.py")


class MeasureOptions(Options):
    """What is measured, and where it is written."""

    bundle: str = Field("simac/small-awgn", description="Bundle, name or folder.")
    data: str = Field("sample", description="Targets, as of run_loopback.py.")
    layout: str | None = Field(None, description="Layout of a street.")
    snr_db: str = Field("5,10,15,20,25", description="Es/N0 of the channel in dB.")
    taps: str = Field("0:0,200:-3,500:-8", description="Paths as NS:DB,NS:DB,….")
    seeds: int = Field(4, ge=1, description="Channels and noises, each of another seed.")
    results: Path = Field(ROOT / "results" / "simac", description="Folder of ofdm.csv and ofdm.png.")

    def snrs(self) -> list[float]:
        """Numbers of --snr-db. Raises ValueError."""
        try:
            return [float(part) for part in self.snr_db.split(",")]
        except ValueError:
            raise ValueError(f"--snr-db is {self.snr_db!r}, expected numbers in dB such as 5,15,25") from None


def loopback(options: MeasureOptions, *arguments: str) -> dict:
    """What apps/run_loopback.py tells of a run, as its JSON file says it."""
    command = ["apps/run_loopback.py", "--bundle", options.bundle, "--data", options.data, "--no-report"]
    command += ["--layout", options.layout] if options.layout else []
    return watch([*command, *arguments]).content


def measure(options: MeasureOptions, snr_db: float) -> tuple[dict[str, str], dict[str, list[dict]]]:
    """Conditions, and by variant the figures of each seed.

    Of a channel that does not fade, bare symbols are sent once more, at the Es/N0 that the receiver of the
    frames had: several paths cost some of it, which is no fault of the link.
    """
    found: dict[str, list[dict]] = {BARE: [], RECEIVED: [], FRAMES: []}
    conditions = {}
    for seed in range(options.seeds):
        shared = ("--seed", str(seed), "--snr-db")
        frames = loopback(options, "--taps", options.taps, "--phy", "ofdm", *shared, str(snr_db))
        fades = frames["settings"]["channel"] == "rayleigh"
        scene = frames["settings"]["data"].partition(",")[0]
        conditions = {"scene": scene, "fading": "rayleigh" if fades else "awgn", "taps": options.taps}
        found[FRAMES].append(frames["metrics"])
        found[BARE].append(loopback(options, "--phy", "symbols", *shared, str(snr_db))["metrics"])
        if not fades:
            received_db = frames["metrics"]["received_snr_db"]["value"]
            again = loopback(options, "--phy", "symbols", *shared, str(received_db))
            found[RECEIVED].append(again["metrics"])
    return conditions, {variant: runs for variant, runs in found.items() if runs}


def pooled(runs: list[dict], metric: str) -> Metric:
    """One figure of several runs: errors are squared before their mean is taken."""
    values = np.array([run[metric]["value"] for run in runs])
    if "rmse" not in metric:
        return metrics.mean(values)
    mean = metrics.mean(values**2, least=0.0)
    return Metric(math.sqrt(mean.value), math.sqrt(mean.low), math.sqrt(mean.high), mean.n)


def rows(snr_db: float, conditions: Mapping[str, str], found: Mapping[str, list[dict]]) -> Iterator[Result]:
    """Rows of one SNR, ratios of frames over bare symbols at the same SNR among them."""
    same = found.get(RECEIVED, found[BARE])
    told = {"system": "simac", "figure": "ofdm", "x": snr_db}
    for variant, runs in found.items():
        for metric in (*LABELS, "received_snr_db"):
            figure = pooled(runs, metric)
            unit = UNITS.get(metric, "dB")
            yield Result.of(
                figure, **told, variant=variant, conditions={"x": X, **conditions}, metric=metric, unit=unit
            )
    for metric in LABELS:
        if "rmse" in metric:
            ratio = pooled(found[FRAMES], metric).value / pooled(same, metric).value
            yield Result(
                **told,
                variant=f"{FRAMES} over {RECEIVED if same is found.get(RECEIVED) else BARE}",
                conditions={"x": X, **conditions, GOAL: f"<= {MOST_RATIO:g}"},
                metric=f"{metric.partition('_')[0]}_rmse_ratio",
                value=ratio,
                n=len(same),
            )


@program.default
def targets(*, options: MeasureOptions = MeasureOptions()) -> int:
    """Measure errors over frames of OFDM through several paths, beside those over bare symbols.

    Rows go to ofdm.csv in --results, in place of older ones of the same, curves of all there to ofdm.png.
    """
    snrs, table = options.snrs(), ResultTable.open(options.results / "ofdm.csv")
    print(machine())
    for snr_db in snrs:
        measured = list(rows(snr_db, *measure(options, snr_db)))
        for row in measured:
            goal = f", goal {row.conditions[GOAL]}" if GOAL in row.conditions else ""
            print(f"{snr_db:g} dB: {row.variant}: {row.metric}: {row.value:.4g} {row.unit}{goal}", flush=True)
        table.replace(measured)
    draw(options.results / "ofdm.png", table.rows)
    return 0


def draw(file: Path, measured: list[Result]) -> None:
    """Curves of all figures that have one."""
    names = [BARE, RECEIVED, FRAMES]
    line_charts(
        file,
        [row for row in measured if row.variant in names],
        LABELS,
        panel=lambda row: f"{row.conditions['scene']}, {row.conditions['fading']}",
        style=lambda row: {"label": row.variant, "color": f"C{names.index(row.variant)}", "marker": "o"},
    )


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
