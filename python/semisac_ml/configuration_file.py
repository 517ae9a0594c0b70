# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options from a TOML file that several programs share.

Sections such as [radio] and [frame] hold the options of models with that ``section``, one named after a
program, such as [run_receiver], those that it has beside them; keys are the options' names with underscores.
Every program reads its sections and leaves those of the others alone; the command line goes before the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin

from cyclopts import Argument, ArgumentCollection, Token

Sections = dict[str, dict[str, Argument]]


def _is_number(value: object, kind: type | UnionType) -> bool:
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


def read_into(
    arguments: ArgumentCollection, config: Argument, program: str, programs: Collection[str]
) -> None:
    """Give a file's values to the arguments of a program that the command line leaves out.

    config: the argument that names the file. program: name of the section that is this program's own.
    programs: names of other programs, the sections of which are left alone.

    Raises ValueError for a file that is none, for sections of no program, for options that do not exist and
    for values of another kind.
    """
    file = Path(config.tokens[-1].value)
    sections = _sections(arguments, config, program)
    for section, entries in _content(file).items():
        if not isinstance(entries, dict):
            raise ValueError(
                f"--config {file}: {section!r} stands in no section, expected it below one of "
                f"{_listed(sections)}"
            )
        if section in sections:
            for key, value in entries.items():
                _give(sections[section], key, value, f"--config {file}: [{section}]")
        elif section not in programs:
            raise ValueError(
                f"--config {file}: no section is called [{section}], expected {_listed(sections)}, "
                "or another program's name"
            )


def check_not_empty(option: str, value: object, default: object) -> None:
    """Raise ValueError for an empty text where that does not stand for none: a shell's variable that is not
    set would otherwise mean the present folder.
    """
    if value == "" and default != "":
        raise ValueError(f"{option} is empty, expected a value; is a variable not set?")


def _content(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"--config {file}: cannot be read ({error.strerror}): choose another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"--config {file}: not a TOML file: {error}") from None


def _sections(arguments: ArgumentCollection, config: Argument, program: str) -> Sections:
    """Arguments by section and key, the program's own section last."""
    found: Sections = {program: {}}
    for root in (argument for argument in arguments if not argument.keys):
        section = found.setdefault(getattr(root.hint, "section", "") or program, {})
        for argument in root.children_recursive or [root]:
            if argument is not config and not argument.children:
                section[argument.name.lstrip("-").replace("-", "_").lower()] = argument
    return {**{name: found[name] for name in found if name != program}, program: found[program]}


def _give(known: dict[str, Argument], key: str, value: object, where: str) -> None:
    if key not in known:
        raise ValueError(f"{where} has no option {key!r}, expected one of {', '.join(sorted(known))}")
    argument = known[key]
    fits, expected = FITTING[kind_of(argument.hint)]
    if not fits(value):
        raise ValueError(f"{where} {key} is {value!r}, expected {expected}")
    check_not_empty(f"{where} {key}", value, argument.field_info.default)
    if not argument.tokens:
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            argument.append(
                Token(keyword=argument.name, value=str(one), source=f"{where} {key}", index=index)
            )


def kind_of(hint: object) -> type:
    """Kind of a type hint, of those that a file may hold."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return kind_of(next(one for one in get_args(hint) if one is not NoneType))
    if origin is Literal:
        return type(get_args(hint)[0])
    if origin in (list, tuple):
        return list
    return hint if hint in FITTING else str


def _listed(sections: Sections) -> str:
    return ", ".join(f"[{section}]" for section in sections)
