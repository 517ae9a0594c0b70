# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How all programs report mistakes: one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

# The base class of typer's own usage errors; typer brings its own click from 0.16 on.
_UsageError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def run_program(
    program: typer.Typer,
    name: str,
    arguments: list[str] | None,
    *,
    typed: str | None = None,
    explain: Callable[[ModuleNotFoundError], str | None] = lambda error: None,
) -> int:
    """Run a command line and return its exit code; set SEMISAC_DEBUG=1 to see where an error comes from.

    0 done, 1 the run failed, 2 a mistake of the caller, 130 interrupted.

    name: of the program, at the start of each line on stderr. typed: how a user types it, if other.
    explain: turns a missing package into a message, None if the package is none that the program asks for.
    """
    command = typer.main.get_command(program)
    try:
        _check_given(command, sys.argv[1:] if arguments is None else arguments)
        result = command.main(arguments, prog_name=typed or name, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _complain(name, "interrupted", 130)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return 2
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context is not None else " (see --help)"
        return _complain(name, error.format_message() + hint, 2)
    except ModuleNotFoundError as error:
        message = explain(error)
        if message is None or os.environ.get("SEMISAC_DEBUG"):
            raise
        return _complain(name, message, 2)
    except (ValueError, OSError) as error:  # BundleError and DataError are ValueErrors
        if os.environ.get("SEMISAC_DEBUG"):
            raise
        return _complain(name, said_of(error), 2)
    except RuntimeError as error:
        if os.environ.get("SEMISAC_DEBUG"):
            raise
        return _complain(name, str(error), 1)
    return result if isinstance(result, int) else 0


def check_not_empty(option: str, value: object, default: object) -> None:
    """Raise ValueError for an empty text where that does not stand for none: a shell's variable that is not
    set would otherwise mean the present folder.
    """
    if value == "" and default != "":
        raise ValueError(f"{option} is empty, expected a value; is a variable not set?")


def _check_given(command, arguments: list[str]) -> None:
    options: dict[str, object] = {}
    for number, text in enumerate(arguments):
        command = getattr(command, "commands", {}).get(text, command)
        options |= {name: parameter.default for parameter in command.params for name in parameter.opts}
        name, equals, value = text.partition("=")
        if equals and name.startswith("--"):
            check_not_empty(name, value, options.get(name))
        elif not text:
            before = arguments[number - 1] if number else ""
            check_not_empty(
                before if before in options else f"argument {number + 1}", text, options.get(before)
            )


def said_of(error: ValueError | OSError) -> str:
    """Of what the system says of a file: its name first, without the number."""
    named = isinstance(error, OSError) and error.filename is not None and error.strerror
    return f"{os.fsdecode(error.filename)}: {error.strerror}" if named else str(error)


def _complain(name: str, message: str, code: int) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    return code
