# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recomputing what the page shows: the commands of all papers, one after another, going on where it ended.

Each command runs in a process of its own, its output in a log. What is done is noted in a folder and not done
again; what a command had begun it goes on with by itself where it keeps checkpoints.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semisac_ml.outputs import write_output
from semisac_ml.reproduction.declared import Command, Paper, kept_in

PROGRAM = "import sys; sys.argv[0] = 'semisac'; from semisac_ml.cli import main; main()"
"""Started so that results name the command as it is typed."""
RESULTS = "results"
WAIT_S, PATIENCE_S = 0.5, 20.0


@dataclass(frozen=True)
class Step:
    """A command to run. why: it is left out, "" if it is not. minutes: that it may take, 0: unknown.

    parallel: it takes words that say who does its jobs.
    """

    line: str
    minutes: float = 0.0
    why: str = ""
    parallel: bool = False


@dataclass(frozen=True)
class Outcome:
    """state: done, done before, left out or failed. told: why, or what the command said last."""

    line: str
    state: str
    told: str = ""
    seconds: float = 0.0


def planned(papers: Mapping[str, Paper], full: bool, results: Path) -> list[Step]:
    """Commands of papers in their order. full: also those that train, and that make folders they need."""
    steps: dict[str, Step] = {}
    for paper in papers.values():
        folders = {_key(item.command): Path(item.file).parent for item in paper.items if item.command}
        for command in joined(paper.commands):
            folder = folders[_key(command)]
            for step in _of_command(command, full, results, folder):
                steps.setdefault(step.line, step)
    return list(steps.values())


def _key(command: Command) -> str:
    """The same for commands that are run as one."""
    return command.together or command.line


def joined(commands: Iterable[Command]) -> list[Command]:
    """Commands, of which those that are run together are one, in the place of the first."""
    found: dict[str, Command] = {}
    for command in commands:
        first = found.get(_key(command))
        if first is not None:
            line = first.line + command.line.removeprefix(command.together)
            command = replace(first, line=line, minutes=first.minutes + command.minutes)
        found[_key(command)] = command
    return list(found.values())


def _of_command(command: Command, full: bool, results: Path, folder: Path) -> Iterator[Step]:
    line = with_results(command.line, results, folder)
    why = _missing_data(command) or ("" if full else _missing_networks(command, results / folder))
    if full and not why:
        for place, how in command.folders:
            if not Path(place).is_dir():
                yield Step(how)
        for training in command.trainings:
            yield Step(training)
    yield Step(line, command.minutes, why, command.parallel)


def with_results(line: str, results: Path, folder: Path) -> str:
    """A command that writes below another folder of results. folder: of its files, below that."""
    if results == Path(RESULTS):
        return line
    words = shlex.split(line)
    if "--json" in words:  # in the same folder, which it does not make
        place = words.index("--json") + 1
        words[place] = str(results / folder / Path(words[place]).name)
        return shlex.join(words)
    if "--results" in words:
        del words[words.index("--results") : words.index("--results") + 2]
    return shlex.join([*words, "--results", str(results / folder)])


def _missing_data(command: Command) -> str:
    for name in command.data:
        try:
            importlib.import_module(f"semisac_ml.data.{name}").find_folder()
        except ValueError as error:
            return str(error)
    return ""


def _missing_networks(command: Command, results: Path) -> str:
    if command.untrained is not None:
        try:
            told = command.untrained(results)
        except ModuleNotFoundError as error:
            told = f"{error.name} is not installed, expected for its networks"
        if told:
            return told
    if command.runs and not Path(command.runs).is_dir():
        return kept_in(command.runs)(results)
    for place, how in command.folders:
        if not Path(place).is_dir():
            return f"{place} is not there, expected what `{how}` makes"
    return ""


class Record:
    """What has been done, noted in a folder, with the logs of all commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log(self, line: str) -> Path:
        """Log of a command."""
        return self.folder / f"{_digest(line)}.log"

    def seconds(self, line: str) -> float | None:
        """How long a command took that is done, None for another."""
        try:
            return float(json.loads(self._file(line).read_text(encoding="utf-8"))["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, line: str, seconds: float) -> None:
        """A command is done."""
        write_output(self._file(line), json.dumps({"command": line, "seconds": round(seconds, 1)}) + "\n")

    def forget(self) -> None:
        """Of everything."""
        for file in self.folder.glob("*.done.json"):
            file.unlink()

    def _file(self, line: str) -> Path:
        return self.folder / f"{_digest(line)}.done.json"


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:12]


def run_step(
    step: Step, record: Record, waiting: Callable[[float], None], who: Sequence[str] = ()
) -> Outcome:
    """Run a command, unless it is left out or done. waiting: told the seconds that it took so far.

    who: words that a parallel one gets, of who does its jobs; what is done is done, whoever did it.
    Ctrl-C ends the command as its own would, and is passed on.
    """
    if step.why:
        return Outcome(step.line, "left out", step.why)
    before = record.seconds(step.line)
    if before is not None:
        return Outcome(step.line, "done before", seconds=before)
    started = time.monotonic()
    log = record.log(step.line)
    with log.open("w", encoding="utf-8") as output:
        output.write(f"{step.line}\n")
        output.flush()
        words = [*shlex.split(step.line)[1:], *(who if step.parallel else ())]
        code = _waited(words, output, started, waiting)
    seconds = time.monotonic() - started
    if code:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
        return Outcome(step.line, "failed", f"{last} (exit code {code}, {log})", seconds)
    record.note(step.line, seconds)
    return Outcome(step.line, "done", seconds=seconds)


def _waited(words: list[str], output, started: float, waiting: Callable[[float], None]) -> int:
    """Exit code of a command of semisac; in a session of its own, so that Ctrl-C reaches it once."""
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        while True:
            try:
                return child.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                waiting(time.monotonic() - started)
    finally:
        if child.poll() is None:
            _end(child)


def _end(child: subprocess.Popen) -> None:
    child.send_signal(signal.SIGINT)
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
