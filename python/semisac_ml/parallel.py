# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Independent jobs, run by processes of this machine (loky) or by the workers of a Dask cluster.

What a job gives depends on its arguments alone, so results are the same however many run at a time. A job is
done again where the process that had it has died, and only that one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from typing import Any

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
CONNECT_SECONDS = 5
"""After which a scheduler that does not answer, or has no worker, is given up."""
MOST_UNDER_WAY = 1000
"""Jobs that a scheduler knows at a time: its memory, and seconds until the first result."""
MOST_DEATHS = 3
"""Of processes in a row without a job done between them; Dask has the same limit for each job."""

_alone = threading.Lock()


@dataclass(frozen=True)
class Workers:
    """Who does the jobs.

    processes: of this machine, None for one a core. scheduler: address of a Dask scheduler, whose workers
    take all jobs instead.
    """

    processes: int | None = None
    scheduler: str | None = None

    def count(self, jobs: int) -> int:
        """Processes of this machine for so many jobs."""
        return max(1, min(self.processes or len(os.sched_getaffinity(0)), jobs))


class JobError(ValueError):
    """A job failed; the message names it."""


def run_jobs(
    function: Callable[..., Any], jobs: Mapping[str, tuple], workers: Workers
) -> Iterator[tuple[str, Any]]:
    """Results of jobs as they are done.

    Parameters
    ----------
    function : what is called, of a module that workers can import; one call at a time in a process
    jobs : arguments by the name of the job, which errors are told with
    workers : Workers
        With one process and no scheduler, everything runs in this one.

    Yields
    ------
    name of a job and what the function gave.

    Raises
    ------
    JobError
        If a job fails, processes keep dying, or there is no cluster. The others are ended.
    """
    if workers.scheduler is None and workers.count(len(jobs)) == 1:
        for name, arguments in jobs.items():
            with _named(name):
                result = function(*arguments)
            yield name, result
        return
    left, deaths = dict(jobs), 0
    while left:
        try:
            with _executor(workers, len(left)) as executor:
                waiting = iter(list(left))
                under_way: dict[Future, str] = {}
                while left:
                    for name in itertools.islice(waiting, MOST_UNDER_WAY - len(under_way)):
                        under_way[executor.submit(_only, function, *left[name])] = name
                    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                        name = under_way.pop(future)
                        with _named(name):
                            result = future.result()
                        del left[name]
                        deaths = 0
                        yield name, result
        except BrokenExecutor:
            deaths += 1
            if deaths == MOST_DEATHS:
                raise JobError(
                    f"processes died {deaths} times in a row, of jobs {_some(left)}; was memory short? Try "
                    "fewer --processes"
                ) from None
            print(f"a process died; what it did is done again ({len(left)} jobs are left)", file=sys.stderr)


def _only(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, which may change settings of the process, without another beside it."""
    with _alone:
        return function(*arguments)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Errors of a job as one line that names it."""
    try:
        yield
    except (BrokenExecutor, JobError):
        raise
    except CancelledError:
        raise JobError(
            f"{name}: the Dask scheduler is gone; what is done is kept, run again to go on"
        ) from None
    except Exception as error:
        if os.environ.get("SEMISAC_DEBUG"):
            raise
        raise JobError(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _some(names: Mapping[str, tuple]) -> str:
    few = list(names)[:3]
    return ", ".join(few) + (", …" if len(names) > len(few) else "")


def _executor(workers: Workers, jobs: int) -> contextlib.AbstractContextManager[Executor]:
    return _local(workers.count(jobs)) if workers.scheduler is None else _cluster(workers.scheduler)


@contextlib.contextmanager
def _local(processes: int) -> Iterator[Executor]:
    from loky import ProcessPoolExecutor

    executor = ProcessPoolExecutor(processes, initializer=_leave_interrupts, env=ONE_THREAD)
    try:
        yield executor
    finally:
        # none has anything to do, unless this is the way out of an error or of Ctrl-C
        executor.shutdown(wait=True, kill_workers=True)


def _leave_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first of them ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        if error.name not in ("dask", "distributed"):
            raise
        raise JobError(
            "Dask is not installed, expected for --scheduler: pip install 'semisac[cluster]', the same on "
            "all machines"
        ) from None
    with contextlib.ExitStack() as stack:
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
            stack.callback(_leave, client)
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise JobError(
                f"no Dask worker at the scheduler {address} within {CONNECT_SECONDS} s "
                f"({' '.join(str(error).split())}): start `dask scheduler` and `dask worker ADDRESS "
                "--nthreads 1`, or leave --scheduler out"
            ) from None
        several = [name for name, threads in client.nthreads().items() if threads > 1]
        if several:
            raise JobError(
                f"worker {several[0]} does several jobs in one process, expected one: start `dask worker "
                "ADDRESS --nthreads 1 --nworkers CORES`"
            )
        executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)  # cancels what has not begun


def _leave(client: Any) -> None:
    """Close the connection to a scheduler, which forgets what was asked when it ends.

    A scheduler, or a machine, that is too busy to do so in time is no error: all results are there, or
    Ctrl-C or an error of a job is on its way out, which this must not take the place of.
    """
    try:
        client.close()
    except TimeoutError:
        client.status = "closed"  # else it is tried again, and told of, when Python ends
