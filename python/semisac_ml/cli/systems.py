# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train|evaluate|export SYSTEM``: whatever folders semisac_ml.systems finds.

A system takes part in an action by a module of that name with a function ``command``, which typer turns into
a command. The module is imported only when its command is asked for; a list of systems imports none of them.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup

from semisac_ml.systems import system_folders, systems_with


def install_command(extra: str) -> str:
    """How to install an optional part of the package, from the source tree if that is where it runs."""
    root = Path(__file__).resolve().parents[3]
    if extra == "train" and Path(sys.prefix) == root / ".venv":
        return f"make train-env (in {root})"  # pip alone might bring CUDA
    if (root / "pyproject.toml").is_file():
        return f"pip install -e '{root}[{extra}]'"
    return f"pip install 'semisac[{extra}]'"


def missing_package(error: ModuleNotFoundError, purpose: str) -> str | None:
    """What to tell the user about an optional package that is absent; None if a part of ours is."""
    missing = (error.name or "").partition(".")[0]
    if missing in ("", "semisac_ml"):
        return None
    named = "PyTorch" if missing == "torch" else missing
    return f"{named} is not installed, expected for {purpose}: {install_command('train')}"


class _Systems(TyperGroup):
    """A group whose commands are the systems."""

    def list_commands(self, ctx: typer.Context) -> list[str]:
        return systems_with(self.name or "")

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:
        """A stand-in that only carries the system's description, for lists; see resolve_command."""
        return (
            TyperCommand(cmd_name, help=_summary(cmd_name)) if cmd_name in self.list_commands(ctx) else None
        )

    def resolve_command(self, ctx: typer.Context, args: list[str]):
        """Import the system that the command line names."""
        if args[0] not in self.list_commands(ctx):
            known = ", ".join(self.list_commands(ctx)) or "none"
            ctx.fail(f"unknown system {args[0]!r}, expected one of: {known}")
        return args[0], _command(self.name or "", args[0]), args[1:]


def system_commands(action: str, summary: str) -> typer.Typer:
    """The group of commands for one action."""
    group = typer.Typer(
        name=action,
        cls=_Systems,
        no_args_is_help=True,
        help=summary,
        subcommand_metavar="SYSTEM",
    )

    @group.callback()
    def _group() -> None:
        pass

    _group.__doc__ = summary
    return group


def _command(action: str, system: str) -> TyperCommand:
    module_name = f"semisac_ml.systems.{system}.{action}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        message = missing_package(error, f"'semisac {action} {system}'")
        if message is None:
            raise
        raise ValueError(message) from error
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")
    single.command(name=system, context_settings={"help_option_names": ["-h", "--help"]})(module.command)
    return typer.main.get_command(single)


def _summary(system: str) -> str:
    """First line of the docstring of a system's package, without importing it."""
    import ast

    try:
        source = system_folders()[system] / "__init__.py"
        text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    except (KeyError, OSError, SyntaxError):
        return ""
    return text.splitlines()[0] if text else ""
