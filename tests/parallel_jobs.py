# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs for tests, in a module that other processes can import, and a Dask cluster on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from patience import until


def draw(seed: int, folder: Path) -> float:
    """A mean of draws; leaves a file that names the job and the process."""
    (folder / f"{seed}-{os.getpid()}-{time.time_ns()}").touch()
    time.sleep(0.2)
    return float(np.random.default_rng(seed).normal(size=1000).mean())


def draw_or_die(seed: int, folder: Path, deadly: int) -> float:
    """The same, but whoever takes one of the jobs first dies of it."""
    if seed == deadly:
        try:
            (folder / "died").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
    return draw(seed, folder)


def die() -> None:
    """As for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def divide(number: int) -> float:
    """Fails of zero."""
    return 1 / number


def times_begun(folder: Path) -> dict[int, int]:
    """How many times each job of `draw` was begun."""
    found: dict[int, int] = {}
    for file in folder.glob("*-*-*"):
        seed = int(file.name.partition("-")[0])
        found[seed] = found.get(seed, 0) + 1
    return found


def address_in(file: Path) -> str | None:
    """What a scheduler writes there, once it has: the file is empty for a moment."""
    try:
        return json.loads(file.read_text())["address"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None


@contextlib.contextmanager
def dask_cluster(folder: Path, python: str | Path = sys.executable, threads: int = 1) -> Iterator[str]:
    """Address of a scheduler on 127.0.0.1 with two workers that nobody starts again."""
    told = folder / "scheduler.json"
    tests, package = Path(__file__).parent, Path(__file__).parents[1] / "python"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tests, package)))}
    processes: list[subprocess.Popen] = []
    with (folder / "cluster.log").open("w") as log:

        def start(*words: object) -> None:
            command = [str(python), "-m", "dask", *map(str, words), "--no-dashboard"]
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

        try:
            start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", told)
            until(lambda: address_in(told))
            address = address_in(told)
            for place in range(2):
                where = ("--host", "127.0.0.1", "--local-directory", folder / f"worker{place}")
                start("worker", address, "--nthreads", threads, "--no-nanny", *where)
            yield address
        finally:
            for process in processes:
                process.kill()
                process.wait()
