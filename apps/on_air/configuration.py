# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options from a TOML file that all programs share.

Sections [radio] and [frame] hold the options of these groups, a section named after a program, such as
[run_receiver], those that it has beside them; keys are the options' names with underscores. Every program
reads the first two and its own, and leaves those of the others alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import typer

from semisac_ml.cli.mistakes import check_not_empty

PROGRAMS = Path(__file__).resolve().parents[1]
KINDS = {
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "list": (
        "a list of texts",
        lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
    ),
    "integer": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "float": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "text": ("a text", lambda value: isinstance(value, str)),
}


def read_into(context: typer.Context, file: Path | None) -> Path | None:
    """Make a file's values the defaults of the command line that is being read. Raises ValueError."""
    if file is not None and not context.resilient_parsing:
        values = read(file, _keys(context), _program(context))
        defaults = {parameter.name: parameter.default for parameter in context.command.params}
        for name, value in values.items():
            check_not_empty(f"--config {file}: {name}", value, defaults.get(name))
        context.default_map = {**(context.default_map or {}), **values}
    return file


def read(file: Path, keys: dict[str, dict[str, type]], program: str) -> dict[str, object]:
    """Values by option of one program, the kinds of which are checked.

    keys: for each of the sections that the program reads, the type of each option: bool, int, float, str or
        list (of texts).

    Raises ValueError for a file that is none, for sections of no program and for options that do not exist.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"--config {file}: cannot be read ({error.strerror}): choose another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"--config {file}: not a TOML file: {error}") from None
    values: dict[str, object] = {}
    for section, entries in content.items():
        if not isinstance(entries, dict):
            raise ValueError(
                f"--config {file}: {section!r} stands in no section, expected it below one of "
                f"{_sections(keys)}"
            )
        if section in keys:
            values |= _checked(file, section, entries, keys[section])
        elif not (PROGRAMS / f"{section}.py").exists():
            raise ValueError(
                f"--config {file}: no section is called [{section}], expected {_sections(keys)}, or another "
                "program's name"
            )
    return values


def _is_number(value: object, kind) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


FITTING = {
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (lambda value: _is_number(value, int), "a whole number"),
    float: (lambda value: _is_number(value, int | float), "a number"),
    str: (lambda value: isinstance(value, str), "a text"),
    list: (
        lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
        "a list of texts",
    ),
}


def _checked(file: Path, section: str, entries: dict, kinds: dict[str, type]) -> dict[str, object]:
    for key, value in entries.items():
        if key not in kinds:
            raise ValueError(
                f"--config {file}: [{section}] has no option {key!r}, expected one of "
                f"{', '.join(sorted(kinds))}"
            )
        fits, expected = FITTING[kinds[key]]
        if not fits(value):
            raise ValueError(f"--config {file}: [{section}] {key} is {value!r}, expected {expected}")
    return entries


def _keys(context: typer.Context) -> dict[str, dict[str, type]]:
    kinds = context.command.callback.kinds
    return {name or _program(context): dict(options) for name, options in kinds.items()}


def _program(context: typer.Context) -> str:
    return Path(context.command_path).stem


def _sections(keys: dict[str, dict[str, type]]) -> str:
    return ", ".join(f"[{section}]" for section in keys)
