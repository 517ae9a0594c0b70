# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac reproduce`` as people use it: mistakes, what is left out, Ctrl-C and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from semisac_ml.cli.program import run as semisac
from semisac_ml.reproduction import runs
from semisac_ml.reproduction.declared import Claim, Command, Item, Paper, kept_in
from semisac_ml.reproduction.runs import planned, with_results

EVALUATE = '''
"""Measuring a made-up system."""
import os
import time
from pathlib import Path

from semisac_ml.command_line import Options
from semisac_ml.results import Result, write_results


class EvaluateOptions(Options):
    figure: str
    results: Path = Path("results/made_up")


def command(*, options: EvaluateOptions) -> None:
    name = options.figure
    if name == "broken":
        raise ValueError("broken: it always is, expected nothing else")
    if name == "slow":
        Path("started").write_text(str(os.getpid()))
        while not Path("go").is_file():
            time.sleep(0.05)
    told = {"system": "made_up", "figure": name, "metric": "dba", "value": 0.95, "low": 0.94, "high": 0.96}
    write_results(options.results / f"{name}.csv", [Result(**told, n=10, seed="0")])
'''
REPRODUCTION = """
'''Claims of a made-up paper.'''
from semisac_ml.reproduction.declared import Claim, Command, Item, Paper, value

FOLDERS = {{"absent": (("absent", "semisac data scenes absent --frames 10"),)}}


def item(name):
    claim = Claim("right", "DBA", (value(metric="dba"),), "0.9", 0.9, unit="DBA")
    command = Command(f"semisac evaluate made_up --figure {{name}}", 1.0, folders=FOLDERS.get(name, ()))
    return Item(f"Figure {{name}}", "Made up", (claim,), command, f"made_up/{{name}}.csv")


PAPER = Paper("On nothing", "A. Body", "made_up.md", tuple(item(name) for name in {names}))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a system of its own, for programs that are started there."""
    (tmp_path / "systems" / "made_up").mkdir(parents=True)
    (tmp_path / "results").mkdir()
    (tmp_path / "docs").mkdir()
    monkeypatch.setenv("SEMISAC_SYSTEMS", str(tmp_path / "systems"))
    return tmp_path


def make_system(place: Path, *names: str) -> None:
    folder = place / "systems" / "made_up"
    (folder / "__init__.py").write_text('"""Made up."""\n')
    (folder / "evaluate.py").write_text(EVALUATE)
    (folder / "reproduction.py").write_text(REPRODUCTION.format(names=names))


def started(place: Path, *words: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "semisac_ml.cli", "reproduce", *words],
        cwd=place,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(place: Path, *words: str) -> tuple[int, str, str]:
    process = started(place, *words)
    told, wrong = process.communicate(timeout=120)
    return process.returncode, told, wrong


@pytest.mark.slow
def test_what_lacks_something_is_listed_and_what_fails_is_told(place):
    make_system(place, "1", "absent", "broken")
    code, told, wrong = done(place, "made_up", "--quick")
    assert code == 1 and "1 of 3 commands failed; the first: semisac: broken: it always is" in wrong
    assert "done: semisac evaluate made_up --figure 1" in told
    assert "left out: semisac evaluate made_up --figure absent: absent is not there, expected what" in told
    assert "`semisac data scenes absent --frames 10` makes" in told
    assert "failed: semisac evaluate made_up --figure broken" in told
    page = (place / "docs" / "reproduction.md").read_text()
    assert "| right: **0.9** | DBA: 0.950 [0.940, 0.960] DBA (seed 0, n = 10) | **beaten** |" in page
    assert "## jssc" in page and page.count("not measured yet") > 100
    rows = (place / "results" / "made_up" / "1.csv").read_text()
    assert "semisac evaluate made_up --figure 1\n" in rows  # as it is typed
    code, told, wrong = done(place, "made_up", "--quick")
    assert code == 1 and "done before: semisac evaluate made_up --figure 1" in told
    code, told, wrong = done(place, "made_up", "--quick", "--again")
    assert code == 1 and "done: semisac evaluate made_up --figure 1" in told


@pytest.mark.slow
def test_after_an_interruption_the_same_command_goes_on(place):
    make_system(place, "1", "slow")
    process = started(place, "made_up", "--quick")
    deadline = time.monotonic() + 60.0
    while not (place / "started").is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    told, wrong = process.communicate(timeout=60)
    assert process.returncode == 130, wrong
    assert "interrupted: 1 of 2 commands are done; the same command goes on" in told
    assert not Path(f"/proc/{(place / 'started').read_text()}").exists()
    assert not (place / "docs" / "reproduction.md").exists()
    (place / "go").touch()
    code, told, wrong = done(place, "made_up", "--quick", "--json")
    assert code == 0, wrong
    document = json.loads(told)
    assert [one["state"] for one in document["commands"]] == ["done before", "done"]
    (row, _) = document["systems"]["made_up"]["rows"]
    assert row["measured"] == {"value": 0.95, "low": 0.94, "high": 0.96, "n": 10, "seeds": "0", "short": ""}
    assert row["verdict"] == "beaten" and row["csv"] == "made_up/1.csv"
    assert document["systems"]["made_up"]["verdicts"] == {"beaten": 2}


@pytest.mark.slow
def test_without_either_word_nothing_is_measured(place):
    make_system(place, "1")
    code, told, wrong = done(place, "made_up")
    assert code == 0 and "written: docs/reproduction.md" in told and "not measured yet" in told
    assert not (place / "runs").exists() and not (place / "results" / "made_up").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nosuch"], "nosuch has no reproduction, expected one of the systems: csc_sa_net, jssc"),
        (["--quick", "--full"], "--quick and --full are both given, expected one of them"),
        (["--again"], "--again does nothing without --quick or --full"),
        (["--processes", "2"], "--processes does nothing without --quick or --full"),
        (["--results", "nowhere"], "nowhere: no such folder, expected the source tree's results"),
        (["--page", "nowhere/page.md"], "nowhere/page.md: the folder nowhere does not exist"),
        (["--page", "docs"], "docs: is a folder, expected a file"),
    ],
)
def test_mistakes_are_told_in_one_line(words, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "docs").mkdir()
    assert semisac(["reproduce", *words]) == 2
    told = capsys.readouterr().err
    assert expected in told and told.count("\n") == 1


def test_a_damaged_file_is_told_and_the_page_stays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "jssc").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "reproduction.md").write_text("before")
    (tmp_path / "results" / "jssc" / "figure4.csv").write_text("a,b\n1,2\n")
    assert semisac(["reproduce"]) == 2
    assert "results/jssc/figure4.csv: is no table of results" in capsys.readouterr().err
    assert (tmp_path / "docs" / "reproduction.md").read_text() == "before"


def paper(*commands: Command) -> dict[str, Paper]:
    items = tuple(
        Item(f"Figure {place}", "Made up", (Claim("shown", "it"),), command, f"made_up/sub/{place}.csv")
        for place, command in enumerate(commands)
    )
    return {"made_up": Paper("On nothing", "A. Body", "made_up.md", items)}


def test_trainings_come_first_and_only_if_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    street = ("runs/street", "semisac data scenes runs/street")
    papers = paper(
        Command("semisac evaluate a", 1.0, 9.0, (), (street,), "runs/a", ("semisac train a",)),
        Command("semisac evaluate b", 2.0, untrained=kept_in("runs/b")),
        Command("semisac evaluate c", 3.0),
    )
    results = Path("results")
    quick = planned(papers, False, results)
    assert [one.line for one in quick if not one.why] == ["semisac evaluate c"]
    assert quick[0].why == "its trainings are not in runs/a, expected those of --full"
    assert quick[1].why == "its trainings are not in runs/b, expected those of --full"
    Path("runs/a").mkdir(parents=True)
    wanted = "runs/street is not there, expected what `semisac data scenes runs/street` makes"
    assert planned(papers, False, results)[0].why == wanted
    Path("runs/street").mkdir()
    assert planned(papers, False, results)[0].why == ""
    Path("runs/street").rmdir()
    assert [one.line for one in planned(papers, True, results)] == [
        *("semisac data scenes runs/street", "semisac train a", "semisac evaluate a"),
        *("semisac evaluate b", "semisac evaluate c"),
    ]


def test_a_missing_data_set_leaves_out_the_trainings_too(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    monkeypatch.setattr("semisac_ml.data.virat.find_folder", missing)
    papers = paper(Command("semisac evaluate a", 1.0, 9.0, ("virat",), trainings=("semisac train a",)))
    (step,) = planned(papers, True, Path("results"))
    assert step.line == "semisac evaluate a" and step.why == "virat is not here, expected it there"


def missing() -> Path:
    raise ValueError("virat is not here, expected it there")


def test_who_does_the_jobs_is_told_to_commands_that_have_several(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(runs, "_waited", lambda words, *how: started.append(words) or 0)
    papers = paper(Command("semisac evaluate a", 1.0, parallel=True), Command("semisac evaluate b", 1.0))
    record, steps = runs.Record(tmp_path), planned(papers, False, Path("results"))
    who = ["--scheduler", "tcp://10.0.0.1:8786"]
    for step in steps:
        assert runs.run_step(step, record, print, who).state == "done"
    assert started == [["evaluate", "a", *who], ["evaluate", "b"]]
    again = [runs.run_step(step, record, print, ["--processes", "2"]).state for step in steps]
    assert again == ["done before"] * 2


def test_results_go_where_they_are_wanted():
    assert with_results("semisac evaluate a --results results/a", Path("results"), Path("a")) == (
        "semisac evaluate a --results results/a"
    )
    assert with_results("semisac evaluate a --results results/a -x 1", Path("/new place"), Path("a/b")) == (
        "semisac evaluate a -x 1 --results '/new place/a/b'"
    )
    assert with_results("semisac evaluate a --json results/a/b.json", Path("/new place"), Path("a")) == (
        "semisac evaluate a --json '/new place/a/b.json'"
    )
    (step,) = planned(paper(Command("semisac evaluate a", 1.0)), False, Path("elsewhere"))
    assert step.line == "semisac evaluate a --results elsewhere/made_up/sub"


def test_figures_of_one_set_of_trainings_are_measured_together():
    words = "semisac evaluate a --runs r"
    commands = [Command(f"{words} --figure {name}", 0.5, together=words) for name in ("1", "2")]
    papers = paper(commands[0], Command("semisac evaluate b", 1.0), commands[1])
    lines = {one.line: one.minutes for one in planned(papers, False, Path("elsewhere"))}
    assert lines == {
        "semisac evaluate a --runs r --figure 1 --figure 2 --results elsewhere/made_up/sub": 1.0,
        "semisac evaluate b --results elsewhere/made_up/sub": 1.0,
    }


def test_figures_of_jssc_whose_trainings_have_no_rows_are_left_to_the_full_run(tmp_path):
    pytest.importorskip("torch")
    from semisac_ml.results import write_results
    from semisac_ml.systems.jssc.reproduction import PAPER
    from semisac_ml.systems.jssc.trained_figures import jobs

    (command,) = (one for one in PAPER.commands if one.line.endswith("--figure 6"))
    told = jobs("6", tmp_path, None, 3)
    assert (
        command.untrained(tmp_path)
        == f"{len(told)} of its trainings have no rows yet, expected those of --full"
    )
    rows = [job.place.row(job.point.variant, job.point.x, "mse", 0.02, job.seed) for job in told]
    write_results(tmp_path / "figure6.csv", rows[1:])
    assert command.untrained(tmp_path).startswith("1 of its trainings")
    write_results(tmp_path / "figure6.csv", rows)
    assert command.untrained(tmp_path) == ""
