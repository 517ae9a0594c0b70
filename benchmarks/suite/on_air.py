# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of benchmarks/on_air.py."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.processor import machine
from semisac_ml.results import ResultTable

from .air_command import known
from .air_trials import Row

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "on_air" / "programs.csv"
SETTLED = 0.2  # share of a run after which its memory should stand
SOAK_S = 1800.0

program = new_program("benchmarks/on_air.py")


@dataclass
class Watched:
    """What a program was seen to do: its JSON file, seconds of processor time, memory over time (KiB)."""

    content: dict
    processor_s: float
    memory_kib: np.ndarray

    def growth_kib(self) -> float:
        """Memory of the last fifth of the run over that of the fifth behind the settling."""
        samples = self.memory_kib[int(SETTLED * len(self.memory_kib)) :]
        fifth = max(1, len(samples) // 4)
        return float(np.median(samples[-fifth:]) - np.median(samples[:fifth]))


def watch(arguments: list[str], interval_s: float = 0.5) -> Watched:
    """Run a program of apps/ on a terminal of its own and look at its processor time and memory.

    Raises RuntimeError when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        leader, follower = pty.openpty()  # so that the live status is drawn as for a person
        program = subprocess.Popen(
            [sys.executable, *arguments, "--json", str(file)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=follower,
        )  # fmt: skip
        os.close(follower)
        shown: list[bytes] = []
        threading.Thread(target=_drain, args=(leader, shown), daemon=True).start()
        memory, processor_s = [], 0.0
        while program.poll() is None:
            try:
                status = Path(f"/proc/{program.pid}/status").read_text()
                fields = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                break
            resident = [line for line in status.splitlines() if line.startswith("VmRSS")]
            if resident:
                memory.append(int(resident[0].split()[1]))
                processor_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            time.sleep(interval_s)
        if program.wait() != 0:
            raise RuntimeError(
                f"{' '.join(arguments)} failed: {b''.join(shown)[-500:].decode(errors='replace')}"
            )
        return Watched(json.loads(file.read_text()), processor_s, np.array(memory))


def _drain(leader: int, shown: list[bytes]) -> None:
    while True:
        try:
            text = os.read(leader, 65536)
        except OSError:
            return
        shown[:] = [*shown[-3:], text]


def _receiver(seconds: float, *arguments: str) -> Watched:
    """run_receiver.py with both decoders on every frame, at 2 MS/s of simulated air."""
    program = ["apps/run_receiver.py", "--radio", "simulation", "--sample-rate-hz", "2e6"]
    return watch([*program, "--truth", "sample", "--duration-s", str(seconds), *arguments])


def fastest(seconds: float) -> tuple[float, int]:
    """Millions of samples a second that the receiver takes where nothing holds it back; samples in all."""
    content = _receiver(seconds, "--radio-option", "time_scale=20").content
    samples = content["counters"]["frames_received"] * content["frame_samples"]
    return samples / content["duration_s"] / 1e6, int(samples)


def at_pace(seconds: float) -> Watched:
    """The receiver in real time at 2 MS/s."""
    return _receiver(seconds)


def receiver(seconds: float) -> Iterator[Row]:
    """The receiver at 2 MS/s with both decoders on every frame, and as fast as it goes."""
    rate, samples = fastest(seconds)
    condition = f"both decoders on every frame, simulated air included, {seconds:g} s"
    yield Row("most samples received", condition, samples, rate, "MS/s", ">= 2")
    seen = at_pace(seconds)
    content = seen.content
    counters, took_s = content["counters"], content["duration_s"]
    detected = counters["frames_detected"]
    lost = detected - counters["frames_received"]
    condition = f"receiver at 2 MS/s, simulated air included, {seconds:g} s"
    yield Row("frames detected but not received", condition, detected, lost, "frames", "<= 2, on their way")
    yield Row("processor", condition, detected, seen.processor_s / took_s, "cores", "<= 2")
    share = 100.0 * content["status_cpu_share"]
    yield Row("counters and live status", condition, detected, share, "% of a core", "<= 1")


def soak(seconds: float) -> Iterator[Row]:
    """Receiver and sensing for long, side by side: does their memory grow?"""
    programs = {
        "run_receiver": ["--truth", "sample"],
        "run_sensing": ["--gate-m", "600", "--gate-mps", "8"],
    }

    def run(name: str) -> Watched:
        command = [f"apps/{name}.py", "--radio", "simulation", "--duration-s", str(seconds)]
        return watch([*command, *programs[name]], interval_s=2.0)

    with ThreadPoolExecutor() as pool:
        for name, seen in zip(programs, pool.map(run, programs), strict=True):
            counters = seen.content["counters"]
            frames = counters.get("frames_received", counters.get("frames_processed", 0))
            condition = f"{name} at 1 MS/s, {seconds:g} s"
            yield Row("growth of memory", condition, frames, seen.growth_kib(), "KiB", "flat")
            yield Row("largest memory", condition, frames, float(seen.memory_kib.max()) / 1024, "MiB", "")


MEASUREMENTS: dict[str, Callable[[float], Iterator[Row]]] = {"receiver": receiver, "soak": soak}
SECONDS = {"receiver": 30.0, "soak": 60.0}
FULL_SECONDS = {"receiver": 60.0, "soak": SOAK_S}


class MeasureOptions(Options):
    """What is measured, for how long, and where it is written."""

    full: bool = Field(False, description="As long as the figures need: an hour.")
    only: list[str] = Field([], description=f"Measure this alone; may be repeated: {', '.join(SECONDS)}.")
    seconds: float | None = Field(None, description="Of each run, in the place of the usual ones.")
    file: Annotated[Path, Parameter(name="--csv")] = Field(
        RESULTS, description="File to write; rows of other measurements stay."
    )


@program.default
def on_air(*, options: MeasureOptions = MeasureOptions()) -> int:
    """Measure whether the programs keep up with a radio, what they cost, and whether their memory grows."""
    chosen, table = known(options.only, SECONDS), ResultTable.open(options.file)
    usual = FULL_SECONDS if options.full else SECONDS
    print(machine())
    for name in chosen:
        for row in MEASUREMENTS[name](options.seconds or usual[name]):
            goal = f", goal {row.goal}" if row.goal else ""
            print(f"{row.measurement}: {row.condition}: {row.value:.4g} {row.unit}{goal}")
            table.replace([row.result("on_air", "programs")])
    return 0


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
