# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train|evaluate|export SYSTEM``: whatever folders semisac_ml.systems finds.

A system takes part in an action by a module of that name with a function ``command``, the parameters of which
are the options. The module is imported only when its command is asked for; a list of systems imports none of
them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App

from semisac_ml.command_line import new_commands
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


def system_commands(action: str, summary: str, named: Sequence[str]) -> App:
    """The group of commands for one action: the systems.

    named: words of the command line; a system among them is described by its command, the others in a list.
    """
    group = new_commands(action, summary)
    group.usage = f"Usage: semisac {action} SYSTEM [OPTIONS]"
    for system in systems_with(action):
        described = None if system in named else _summary(system)
        group.command(f"semisac_ml.systems.{system}.{action}:command", name=system, help=described)
    return group


def _summary(system: str) -> str:
    """First line of the docstring of a system's package, without importing it."""
    import ast

    try:
        source = system_folders()[system] / "__init__.py"
        text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    except (KeyError, OSError, SyntaxError):
        return ""
    return text.splitlines()[0] if text else ""
