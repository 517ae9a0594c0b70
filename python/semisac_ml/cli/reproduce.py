# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac reproduce``: the papers' claims beside what is measured, recomputed if asked, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.outputs import check_outputs, print_json, write_output
from semisac_ml.shared_options import ParallelOptions, PrintOptions
from semisac_ml.systems import system_module, systems_with

if TYPE_CHECKING:
    from rich.console import Console

    from semisac_ml.reproduction.declared import Paper
    from semisac_ml.reproduction.runs import Outcome, Step
    from semisac_ml.reproduction.verdicts import Judged

System = Annotated[str, Parameter(metavar="SYSTEM", help="Of one system only [default: all].")]


class ReproduceOptions(ParallelOptions):
    """What is recomputed before the page is written, where everything lies, and who does the jobs of commands
    that have several."""

    quick: bool = Field(
        False,
        description="Measure first what needs no training: bundles that ship, and networks that are trained "
        "already. At most 15 minutes on two cores for the bundles.",
    )
    full: bool = Field(
        False, description="Train first what has to be trained, then measure everything: days on two cores."
    )
    again: bool = Field(False, description="Also what --run says is done.")
    run: Path = Field(
        Path("runs/reproduce"),
        description="Folder in which is noted what is done, with the commands' logs: after Ctrl-C the same "
        "command goes on.",
    )
    results: Path = Field(Path("results"), description="Folder of the result files.")
    page: Path = Field(Path("docs/reproduction.md"), description="The page that is written.")


def reproduce(
    system: System = "",
    /,
    *,
    options: ReproduceOptions = ReproduceOptions(),
    printing: PrintOptions = PrintOptions(),
) -> None:
    """Set every figure, table and claim of the papers beside what is measured here, with a verdict.

    Without --quick and --full nothing is measured: the page is written from the result files that are there,
    in a second. With them, result files are replaced. What lacks its data set or trainings is left out, and
    listed. The page holds all systems, whichever is named.
    """
    from semisac_ml.reproduction.page import written
    from semisac_ml.reproduction.readings import Results
    from semisac_ml.reproduction.runs import planned
    from semisac_ml.reproduction.verdicts import judged

    if options.quick and options.full:
        raise ValueError("--quick and --full are both given, expected one of them")
    if not (options.quick or options.full):
        options.refuse(
            ("again", "run", "processes", "scheduler"),
            "without --quick or --full, expected one of them with it",
        )
    if not options.results.is_dir():
        raise ValueError(
            f"{options.results}: no such folder, expected the source tree's results: run it there, or choose "
            "--results"
        )
    check_outputs({"--page": options.page})
    papers = {name: system_module(name, "reproduction").PAPER for name in systems_with("reproduction")}
    chosen = {system: system_module(system, "reproduction").PAPER} if system else papers
    console = _console(printing.as_json)
    outcomes: list[Outcome] = []
    if options.quick or options.full:
        steps = planned(chosen, options.full, options.results)
        before = {name: judged(paper, Results(options.results)) for name, paper in chosen.items()}
        outcomes = _run(steps, options, console)
    results = Results(options.results)
    rows = {name: judged(paper, results) for name, paper in chosen.items()}
    write_output(options.page, written(papers, options.results, options.page))
    if printing.as_json:
        print_json(_document(chosen, rows, outcomes, options.page))
    else:
        _print(rows, system, console)
        console.print(f"written: {options.page}")
    if outcomes and not printing.as_json:
        _print_changes(before, rows, console)
    failed = [one for one in outcomes if one.state == "failed"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(outcomes)} commands failed; the first: {failed[0].told}")


def _console(as_json: bool) -> Console:
    from rich.console import Console

    return Console(stderr=as_json, highlight=False, soft_wrap=True)


def _run(steps: list[Step], options: ReproduceOptions, console: Console) -> list[Outcome]:
    """Run commands with a bar; says at once what each came to."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from semisac_ml.reproduction.runs import Record, run_step

    options.run.mkdir(parents=True, exist_ok=True)
    record, outcomes = Record(options.run), []
    asked = {"--processes": options.processes, "--scheduler": options.scheduler}
    who = [word for name, value in asked.items() if value is not None for word in (name, str(value))]
    if options.again:
        record.forget()
    to_do = [step for step in steps if not step.why]
    told = "{task.fields[left]:.0f} min left" if options.quick else ""
    columns = TextColumn("{task.description}"), BarColumn(14), TimeElapsedColumn(), TextColumn(told)
    total = sum(step.minutes for step in to_do)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, left=total)
        passed = 0.0
        try:
            for step in steps:
                place = sum(one.state != "left out" for one in outcomes) + (not step.why)
                progress.update(task, description=f"{place} of {len(to_do)}: {_short(step.line)}")

                def waiting(seconds: float, step: Step = step, passed: float = passed) -> None:
                    now = passed + min(seconds / 60.0, 0.95 * step.minutes)
                    progress.update(task, completed=now, left=total - now)

                outcomes.append(run_step(step, record, waiting, who))
                passed += 0.0 if step.why else step.minutes
                progress.update(task, completed=passed, left=total - passed)
                _say(outcomes[-1], console)
        except KeyboardInterrupt:
            done = sum(one.state in ("done", "done before") for one in outcomes)
            console.print(f"interrupted: {done} of {len(to_do)} commands are done; the same command goes on")
            raise
    return outcomes


def _short(line: str, most: int = 40) -> str:
    line = line.removeprefix("semisac ")
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _say(outcome: Outcome, console: Console) -> None:
    told = f": {outcome.told}" if outcome.told else ""
    took = f" ({outcome.seconds:.0f} s)" if outcome.state == "done" else ""
    console.print(f"{outcome.state}: {outcome.line}{took}{told}", markup=False)


def _print(rows: Mapping[str, list[Judged]], system: str, console: Console) -> None:
    from rich import box
    from rich.table import Table

    from semisac_ml.reproduction.page import figure
    from semisac_ml.reproduction.verdicts import VERDICTS, tally

    if system:
        table = Table("in the paper", "what it says", "measured", "verdict", box=box.SIMPLE)
        for row in rows[system]:
            said = " ".join(filter(None, (row.claim.says, row.claim.printed)))
            found = figure(row.found, row.claim.unit) if row.found and row.claim.found else ""
            table.add_row(row.item.where, said, found, row.verdict)
        console.print(table, soft_wrap=False)
    counts = {name: tally(own) for name, own in rows.items()}
    table = Table("claims", *counts, box=box.SIMPLE)
    for verdict in VERDICTS:
        table.add_row(verdict, *(str(own.get(verdict, "")) for own in counts.values()))
    console.print(table, soft_wrap=False)


def _print_changes(
    before: Mapping[str, list[Judged]], after: Mapping[str, list[Judged]], console: Console
) -> None:
    """Which verdicts are other ones than the result files had before."""
    pairs = [(name, old, new) for name in after for old, new in zip(before[name], after[name], strict=True)]
    figures = sum(old.found != new.found for _, old, new in pairs if new.found and new.claim.found)
    console.print(f"{figures} figures are others than in the files that were there before")
    for name, old, new in pairs:
        if old.verdict != new.verdict:
            console.print(
                f"{name}, {new.item.where}: {new.claim.says}: was {old.verdict}, is {new.verdict}",
                markup=False,
            )


def _document(
    papers: Mapping[str, Paper],
    rows: Mapping[str, list[Judged]],
    outcomes: list[Outcome],
    page: Path,
) -> dict[str, object]:
    """All rows, for programs."""
    from semisac_ml.reproduction.verdicts import tally

    return {
        "page": str(page),
        "commands": [asdict(one) for one in outcomes],
        "systems": {
            name: {
                "paper": papers[name].title,
                "verdicts": tally(own),
                "rows": [_row(row) for row in own],
            }
            for name, own in rows.items()
        },
    }


def _row(row: Judged) -> dict[str, object]:
    claim, item = row.claim, row.item
    return {
        "where": item.where,
        "says": claim.says,
        "printed": claim.printed,
        "of": claim.of,
        "measured": asdict(row.found) if row.found and claim.found else None,
        "unit": claim.unit,
        "verdict": row.verdict,
        "why": claim.cannot or claim.nothing,
        "command": item.command.line if item.command else "",
        "csv": item.file,
    }
