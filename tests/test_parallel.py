# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Independent jobs on processes and on a real Dask cluster of two workers: the same results, whoever dies."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import parallel_jobs
import pytest
from parallel_jobs import dask_cluster, die, divide, draw, draw_or_die, times_begun
from patience import until

from semisac_ml.parallel import JobError, Workers, run_jobs

SEEDS = range(8)


@pytest.fixture
def cluster(tmp_path_factory):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'semisac[cluster]'")
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield Workers(scheduler=address)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    return {f"seed {seed}": draw(seed, folder) for seed in SEEDS}


def named(folder: Path, *more: object) -> dict[str, tuple]:
    return {f"seed {seed}": (seed, folder, *more) for seed in SEEDS}


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_processes(processes, expected, tmp_path):
    assert dict(run_jobs(draw, named(tmp_path), Workers(processes))) == expected
    used = {file.name.split("-")[1] for file in tmp_path.iterdir()}
    assert len(used) <= processes and (str(os.getpid()) in used) == (processes == 1)


def test_results_of_a_cluster_are_those_of_one_process(cluster, expected, tmp_path):
    assert dict(run_jobs(draw, named(tmp_path), cluster)) == expected
    assert times_begun(tmp_path) == dict.fromkeys(SEEDS, 1)


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_is_killed_loses_nothing(cluster, expected, tmp_path):
    assert dict(run_jobs(draw_or_die, named(tmp_path, 3), cluster)) == expected
    assert (tmp_path / "died").is_file()


@pytest.mark.slow
def test_a_process_that_is_killed_costs_what_it_did_alone(expected, tmp_path, capfd):
    got = []
    for name, result in run_jobs(draw_or_die, named(tmp_path, 3), Workers(2)):
        assert (name, result) == (name, expected[name])
        got.append(name)
    assert sorted(got) == sorted(expected)  # each once
    told = capfd.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "a process died" in told[0]
    # what the other process did at that time is done again too, but nothing that had an answer
    assert sum(times_begun(tmp_path).values()) <= len(SEEDS) + 2


@pytest.mark.slow
def test_processes_that_keep_dying_are_one_line():
    with pytest.raises(JobError, match=r"^processes died 3 times in a row, of jobs first, second; .*memory"):
        list(run_jobs(die, {"first": (), "second": ()}, Workers(2)))


@pytest.mark.slow
def test_a_job_that_kills_every_worker_is_one_line(tmp_path_factory):
    pytest.importorskip("distributed")
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as address, pytest.raises(JobError) as told:
        # the scheduler gives up after three more; with two workers there is nobody left, and it would wait
        import distributed

        with distributed.Client(address) as client:
            client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
        list(run_jobs(die, {"first": ()}, Workers(scheduler=address)))
    assert str(told.value).startswith("first: KilledWorker: ") and "\n" not in str(told.value)


@pytest.mark.parametrize("processes", [1, 2])
def test_errors_name_their_job(processes):
    jobs = {"one": (1,), "nought": (0,)}
    with pytest.raises(JobError, match=r"^nought: ZeroDivisionError: division by zero$"):
        list(run_jobs(divide, jobs, Workers(processes)))


def test_errors_on_a_cluster_name_their_job(cluster):
    with pytest.raises(JobError, match=r"^nought: ZeroDivisionError: division by zero$"):
        list(run_jobs(divide, {"one": (1,), "nought": (0,)}, cluster))


def test_a_scheduler_that_is_not_there_is_told_quickly(free_port):
    pytest.importorskip("distributed")
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(JobError, match=f"^no Dask worker at the scheduler {address} within 5 s "):
        list(run_jobs(divide, {"one": (1,)}, Workers(scheduler=address)))


def test_an_address_that_is_none_is_told():
    pytest.importorskip("distributed")
    with pytest.raises(JobError, match="^no Dask worker at the scheduler nowhere://1 "):
        list(run_jobs(divide, {"one": (1,)}, Workers(scheduler="nowhere://1")))


def test_workers_that_do_several_jobs_in_a_process_are_refused(tmp_path):
    pytest.importorskip("distributed")
    with dask_cluster(tmp_path, threads=2) as address, pytest.raises(JobError, match="--nthreads 1"):
        list(run_jobs(divide, {"one": (1,)}, Workers(scheduler=address)))


def test_a_cluster_that_is_slow_to_let_go_hides_no_interrupt(cluster, monkeypatch, capfd):
    from distributed import Client

    real = Client.close

    def slow(self, *told, **more):
        if self.status != "closed":
            real(self, *told, **more)
            raise TimeoutError("timed out after 10 s.")

    monkeypatch.setattr(Client, "close", slow)
    results = run_jobs(divide, {str(k): (1,) for k in range(50)}, cluster)
    next(results)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert capfd.readouterr().err == ""


def test_without_dask_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *more, **others):
        if name.partition(".")[0] == "distributed":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *more, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(JobError, match=r"^Dask is not installed.*semisac\[cluster\]"):
        list(run_jobs(divide, {"one": (1,)}, Workers(scheduler="tcp://127.0.0.1:1")))


PROGRAM = """
import sys
from pathlib import Path
from parallel_jobs import draw
from semisac_ml.parallel import Workers, run_jobs
folder, workers = Path(sys.argv[1]), Workers(2) if len(sys.argv) < 3 else Workers(scheduler=sys.argv[2])
done = 0
try:
    for name, _ in run_jobs(draw, {str(k): (k, folder) for k in range(500)}, workers):
        done += 1
        (folder / f"done{done}").touch()
except KeyboardInterrupt:
    sys.exit(130)
"""


def interrupted(folder: Path, *address: str) -> None:
    """Ctrl-C, which all processes of the terminal hear: the program ends at once, and quietly."""
    paths = [str(Path(parallel_jobs.__file__).parent), *sys.path]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, *address],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        until((folder / "done3").is_file)  # what is done arrives long before all is
        os.killpg(program.pid, signal.SIGINT)
        _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (130, "")
    until(lambda: not alive(program.pid))


def alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_ctrl_c_ends_all_processes(tmp_path):
    interrupted(tmp_path)


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_to_do_to_a_cluster(cluster, tmp_path):
    interrupted(tmp_path, cluster.scheduler)
    time.sleep(1.0)
    begun = len(times_begun(tmp_path))
    time.sleep(1.0)
    assert len(times_begun(tmp_path)) == begun
    assert list(run_jobs(divide, {"one": (1,)}, cluster)) == [("one", 1.0)]
