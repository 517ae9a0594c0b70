# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a set of scenes: ``python -m semisac_ml.data.scenes.generate FOLDER WHO PLAN``, in .venv-scenes.

WHO is a number of processes, or the address of a Dask scheduler. Drives are shared out among them. A run that
was broken off goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from semisac_ml.parallel import Workers, run_jobs
from semisac_ml.printing import harmless_printing

from .assemble import assemble
from .drive import DriveSettings, prepare
from .plan import Plan, claim
from .writers import truth_file, write_drive, write_step


def missing_steps(folder: Path, sequence: int, settings: DriveSettings) -> list[int]:
    """Steps of a drive that are not written yet."""
    return [k for k in range(settings.steps) if not truth_file(folder, sequence, k).is_file()]


def make_drive(folder: Path, sequence: int, settings: DriveSettings, report) -> None:
    """Write the missing steps of a drive; `report` is called with the seconds of each step's parts."""
    from .ray_tracer import RayTracer
    from .step import Senses

    steps = missing_steps(folder, sequence, settings)
    if not steps:
        return
    drive = prepare(settings)
    senses = Senses(drive, RayTracer(drive.world.bodies))
    write_drive(folder, drive, sequence)
    for number in steps:
        step = senses.sense(number)
        start = time.perf_counter()
        write_step(folder, drive, sequence, number, step)
        report({**step.seconds, "files": time.perf_counter() - start})


def drive_seconds(folder: Path, sequence: int, settings: DriveSettings) -> list[dict[str, float]]:
    """Make a drive; the seconds of each step's parts."""
    parts: list[dict[str, float]] = []
    make_drive(folder, sequence, settings, parts.append)
    return parts


def generate(folder: Path, plan: Plan, workers: Workers = Workers(1)) -> None:
    """Make a set of scenes, or go on with it. Workers of a cluster see the folder under the same name.

    Raises
    ------
    DataError
        If the folder holds something else.
    JobError
        If a drive cannot be made.
    """
    claim(folder, plan)
    drives = plan.drives()
    work = {k: settings for k, settings in enumerate(drives) if missing_steps(folder, k, settings)}
    if work:
        total = sum(settings.steps for settings in drives)
        left = _missing(folder, work)
        _announce(plan, total, left, len(drives), workers, len(work))
        _run(folder, work, total, workers)
    assemble(folder, plan)


def _announce(plan: Plan, total: int, left: int, drives: int, workers: Workers, jobs: int) -> None:
    done = f", {total - left} are there already" if left < total else ""
    if workers.scheduler is None:
        count = workers.count(jobs)
        minutes = plan.estimated_seconds(left, count) / 60
        who = f"about {minutes:.0f} minutes with {count} process{'es' if count > 1 else ''}"
    else:
        hours = plan.estimated_seconds(left, 1) / 3600
        who = f"about {hours:.1f} hours of one core, shared by the workers at {workers.scheduler}"
    print(f"{total} steps in {drives} drives{done}: {left * 0.45:.0f} MB, {who}", flush=True)


def _run(folder: Path, work: Mapping[int, DriveSettings], total: int, workers: Workers) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("scenes"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    jobs = {
        f"drive {k} ({settings.layout}, {settings.time})": (folder, k, settings)
        for k, settings in work.items()
    }
    parts = []
    with Progress(*columns) as bar:
        task = bar.add_task("scenes", total=total, pace="")
        with _counted(lambda: bar.update(task, completed=total - _missing(folder, work))):
            for _, found in run_jobs(drive_seconds, jobs, workers):
                parts += found
                bar.update(task, pace=f"{sum(found[-1].values()):.1f} s a step")
    mean = {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}
    shares = ", ".join(f"{name} {seconds:.2f}" for name, seconds in sorted(mean.items(), key=lambda p: -p[1]))
    print(f"a step took {sum(mean.values()):.2f} s: {shares}")


def _missing(folder: Path, work: Mapping[int, DriveSettings]) -> int:
    """Steps that are not written yet, of some drives."""
    return sum(len(missing_steps(folder, k, settings)) for k, settings in work.items())


@contextlib.contextmanager
def _counted(show: Callable[[], None]) -> Iterator[None]:
    """Show how far it is every two seconds, or less often where looking takes long, and at the end."""
    ended = threading.Event()

    def watch() -> None:
        pause = 0.0
        while not ended.wait(pause):
            start = time.perf_counter()
            show()
            pause = 2.0 + 20.0 * (time.perf_counter() - start)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        show()


def main(arguments: list[str]) -> int:
    """Command line of the generator; mistakes are one line on stderr."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        folder, who, text = arguments
        workers = Workers(int(who)) if who.isdecimal() else Workers(scheduler=who)
        generate(Path(folder), Plan.from_json(text, "options"), workers)
    except KeyboardInterrupt:
        print("semisac: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"semisac: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    with harmless_printing("semisac"):
        exit_code = main(sys.argv[1:])
    sys.exit(exit_code)
