# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a set of scenes: ``python -m semisac_ml.data.scenes.generate FOLDER PROCESSES PLAN``, in .venv-scenes.

Drives are shared out among processes, each with one thread. A run that was broken off goes on where it
stopped.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import sys
import time
from pathlib import Path

from semisac_ml.data import DataError
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


def generate(folder: Path, plan: Plan, processes: int = 1) -> None:
    """Make a set of scenes, or go on with it.

    Raises
    ------
    DataError
        If the folder holds something else, or a drive cannot be made.
    """
    claim(folder, plan)
    drives = plan.drives()
    missing = [len(missing_steps(folder, k, settings)) for k, settings in enumerate(drives)]
    total, left = sum(d.steps for d in drives), sum(missing)
    work = [(k, settings) for k, settings in enumerate(drives) if missing[k]]
    processes = max(1, min(processes, len(work)))
    if left:
        _announce(plan, total, left, len(drives), processes)
        _run(folder, work, total, left, processes)
    assemble(folder, plan)


def _announce(plan: Plan, total: int, left: int, drives: int, processes: int) -> None:
    minutes = plan.estimated_seconds(left, processes) / 60
    done = f", {total - left} are there already" if left < total else ""
    print(
        f"{total} steps in {drives} drives{done}: about {minutes:.0f} minutes and {left * 0.45:.0f} MB "
        f"with {processes} process{'es' if processes > 1 else ''}",
        flush=True,
    )


def _run(folder: Path, work: list[tuple[int, DriveSettings]], total: int, left: int, processes: int) -> None:
    context = multiprocessing.get_context("spawn")
    jobs, news = context.Queue(), context.Queue()
    for job in work:
        jobs.put(job)
    for _ in range(processes):
        jobs.put(None)
    workers = [
        context.Process(target=_work, args=(folder, jobs, news), daemon=True) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    try:
        _watch(workers, news, total, left)
    finally:
        for worker in workers:
            worker.terminate()


def _work(folder: Path, jobs, news) -> None:
    try:
        while (job := jobs.get()) is not None:
            make_drive(folder, *job, news.put)
        news.put(None)
    except KeyboardInterrupt:
        pass
    except Exception as error:  # whatever it is, the parent says it in one line and ends the others
        if os.environ.get("SEMISAC_DEBUG"):
            raise
        news.put(f"drive {job[0]} ({job[1].layout}, {job[1].time}): {type(error).__name__}: {error}")


def _watch(workers: list, news, total: int, left: int) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("scenes"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("scenes", total=total, completed=total - left, pace="")
        ended, parts = 0, []
        while ended < len(workers):
            try:
                said = news.get(timeout=2.0)
            except queue.Empty:
                if not any(worker.is_alive() for worker in workers) and news.empty():
                    codes = [worker.exitcode for worker in workers]
                    raise DataError(
                        f"a process of the generator died (exit codes {codes}); run again to go on"
                    ) from None
                continue
            if isinstance(said, str):
                raise DataError(said)
            if said is None:
                ended += 1
                continue
            parts.append(said)
            bar.update(task, advance=1, pace=f"{sum(said.values()):.1f} s a step")
    mean = {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}
    shares = ", ".join(f"{name} {seconds:.2f}" for name, seconds in sorted(mean.items(), key=lambda p: -p[1]))
    print(f"a step took {sum(mean.values()):.2f} s: {shares}")


def main(arguments: list[str]) -> int:
    """Command line of the generator; mistakes are one line on stderr."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        folder, processes, text = arguments
        generate(Path(folder), Plan.from_json(text, "options"), int(processes))
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
