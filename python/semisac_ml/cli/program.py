# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of ``semisac``, and how mistakes are reported."""

from __future__ import annotations

from typing import Annotated

import typer

from semisac_ml import __version__

from . import bundle, data, information, radio
from .mistakes import run_program
from .systems import missing_package, system_commands

program = typer.Typer(
    name="semisac",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Joint sensing and semantic communications: train, measure and export learned links.",
)
program.add_typer(system_commands("train", "Train a system; continues from its last checkpoint."))
program.add_typer(system_commands("evaluate", "Measure a trained system and redraw its figures."))
program.add_typer(system_commands("export", "Write a trained system as a bundle of ONNX networks."))
program.add_typer(bundle.commands)
program.add_typer(data.commands)
program.add_typer(radio.commands)
program.command("info")(information.info)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"semisac {__version__}")
        raise typer.Exit


@program.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Options of the program itself."""


def run(arguments: list[str] | None = None) -> int:
    """Run a command line of ``semisac`` and return its exit code."""
    return run_program(
        program, "semisac", arguments, explain=lambda error: missing_package(error, "this command")
    )
