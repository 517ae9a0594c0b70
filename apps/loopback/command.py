# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of run_loopback.py: the host of all links."""

from __future__ import annotations

import importlib
import inspect
import shlex
import sys
import threading
from contextlib import ExitStack
from typing import Annotated

from common.interruption import Interruption
from cyclopts import App
from gnuradio import gr
from pydantic import Field, create_model
from rich.console import Console

from semisac_ml import command_line
from semisac_ml.command_line import Options, new_program
from semisac_ml.outputs import check_outputs, console_beside, write_output
from semisac_ml.signal.metrics import Metric

from .link import Link, kinds, link_flowgraph, link_for
from .options import LinkOptions, ReportOptions
from .report import write_report
from .results import RunResult, print_table
from .running import run_to_its_end

PATIENCE_AFTER_INTERRUPT_S = 0.2


def program() -> App:
    """The command line, with the options of all links that there are."""
    made = new_program("run_loopback.py")
    meanings = [f"for {kind.SERVES}: {kind.DATA}" for kind in kinds() if kind.DATA]
    data = Annotated[str, Field(description=f"What to send. With a bundle {'; '.join(meanings)}.")]
    told = create_model("LinkOptions", __base__=LinkOptions, data=(data, LinkOptions().data))
    own = dict.fromkeys(model for kind in kinds() for model in kind.OPTIONS)
    models = {"told": told, **{f"own_{number}": model for number, model in enumerate(own)}}
    models["report"] = ReportOptions
    defaults = {name: model() for name, model in models.items()}

    def loopback(**given: Options) -> int:
        chosen = defaults | given
        return run_link(chosen.pop("told"), chosen.pop("report"), *chosen.values())

    loopback.__doc__ = run_link.__doc__
    loopback.__annotations__ = {**models, "return": int}
    loopback.__signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=model, default=defaults[name])
            for name, model in models.items()
        ]
    )
    made.default(loopback)
    return made


def run_link(told: LinkOptions, report: ReportOptions, *own: Options) -> int:
    """Send images through the learned link, sense a target with the same symbols, and report how it went.

    Without options: the 64 sample images, bundle jssc/awgn, 3 dB. Ctrl-C ends the run and reports what was
    done.
    """
    bundle = told.load(told.bundle)
    kind = link_for(bundle)
    for options in own:
        if type(options) not in kind.OPTIONS:
            users = " or ".join(other.SERVES for other in kinds() if type(options) in other.OPTIONS)
            options.refuse((), f"with this --bundle, expected one for {users}")
    link = kind(bundle, told, *own)
    page = None if report.no_report else report.report
    check_outputs({"--json": report.json_file, "--report": page})
    held = link.load()
    count = told.images or held

    messages = Console(stderr=True)
    for warning in link.warnings:
        messages.print(f"run_loopback: warning: {warning}", style="yellow", soft_wrap=True, highlight=False)
    printed = console_beside(report.json_file, page)
    result = _run(link, count, None if report.quiet else printed)
    with ExitStack() as outputs:  # each comes out, the files first, whatever becomes of the others
        if not report.quiet:
            outputs.callback(print_table, result, printed)
        if page:
            outputs.callback(write_report, result, page)
        if report.json_file:
            outputs.callback(write_output, report.json_file, result.as_json())
    if page and not report.quiet:
        printed.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)
    if result.failure:
        print(f"run_loopback: {' '.join(result.failure.split())}", file=sys.stderr)
        return 1
    if not result.finished:
        of_all = f" of {count}" if count else ""
        print(f"run_loopback: interrupted after {result.done}{of_all} {link.ITEMS}", file=sys.stderr)
        return 130
    return 0


def _run(link: Link, count: int, console: Console | None) -> RunResult:
    """Run the flowgraph and collect what it gave."""
    gr.logging().set_default_level(gr.log_levels.err)
    flowgraph = link.flowgraph(count)
    loading = threading.Thread(target=_load, args=link.MODULES, daemon=True)
    with Interruption() as interruption:
        # modules only then: GNU Radio complains when others map memory while it maps its buffers
        finished = run_to_its_end(flowgraph, link.ITEMS, count or None, console, interruption, loading.start)
        error = flowgraph.error()
        figures = None
        if finished and error is None:
            try:
                figures = _figures_of_whole_run(flowgraph, console)
            except KeyboardInterrupt:
                finished = False
        if figures is None:
            figures = flowgraph.figures(False, 0.0 if loading.is_alive() else PATIENCE_AFTER_INTERRUPT_S)
    return RunResult(
        link=link,
        command=shlex.join(["python", *sys.argv]),
        images=count,
        done=flowgraph.done(),
        finished=finished and error is None,
        failure="" if error is None else f"the flowgraph stopped: {error}",
        figures=figures,
        kept=flowgraph.kept(),
        air=flowgraph.air(),
    )


def _figures_of_whole_run(flowgraph: link_flowgraph, console: Console | None) -> dict[str, Metric]:
    if console is None:
        return flowgraph.figures(True, None)
    with console.status("comparing what was sent and received"):
        return flowgraph.figures(True, None)


def _load(*modules: str) -> None:
    for module in modules:
        importlib.import_module(module)


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return command_line.run_program(program(), arguments)
