# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of ``semisac``, and how mistakes are reported."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from semisac_ml import __version__

from . import bundle, data, information
from .systems import missing_package, system_commands

# The base class of typer's own usage errors; typer brings its own click from 0.16 on.
_UsageError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

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
    """Run a command line and return its exit code; set SEMISAC_DEBUG=1 to see where an error comes from."""
    command = typer.main.get_command(program)
    try:
        result = command.main(arguments, prog_name="semisac", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return 2
        return _complain(error.format_message(), getattr(error, "ctx", None))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        message = missing_package(error, "this command")
        if message is None or os.environ.get("SEMISAC_DEBUG"):
            raise
        return _complain(message)
    except (ValueError, OSError) as error:  # BundleError and DataError are ValueErrors
        if os.environ.get("SEMISAC_DEBUG"):
            raise
        return _complain(str(error))
    return result if isinstance(result, int) else 0


def _complain(message: str, context: typer.Context | None = None) -> int:
    hint = f" (see '{context.command_path} --help')" if context is not None else ""
    print(f"semisac: {' '.join(message.split())}{hint}", file=sys.stderr)
    return 2
