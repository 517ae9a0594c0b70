# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines of all programs: options are models, a mistake is one line on stderr and an exit code.

A program is a function of options and arguments::

    class RadioOptions(Options):
        section = "radio"
        sample_rate_hz: float = Field(1e6, gt=0, description="Complex samples a second.")

    program = new_program("record.py", examples=("record.py drive --sample-rate-hz 2e6",))

    @program.default
    def record(path: Path, /, *, radio: RadioOptions = RadioOptions()) -> int:
        ...

    sys.exit(run_program(program))

Names, kinds, ranges, choices and help of the options come from the models; a group of them in the help is
``@Parameter(group=Group("Radio"))`` above the model. What reads a model elsewhere (a manifest, a JSON file)
has ``model_dump`` and ``model_validate`` of pydantic.
"""

from __future__ import annotations

import difflib
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

import cyclopts
from cyclopts import App, Argument, ArgumentCollection, Group, Parameter, Token
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from semisac_ml.configuration_file import FITTING, check_not_empty, kind_of, read_into

EXIT_CODES = "Exit codes: 0 done, 1 the run failed, 2 a mistake in the options, 130 interrupted."
OnOff = Annotated[bool, Parameter(negative=None)]
"""Kind of an option that ``--no-`` before its name turns off."""
OPTIONS = Group("Options", sort_key=1)
GROUPS = {
    "group_arguments": Group("Arguments", sort_key=0),
    "group_parameters": OPTIONS,
    "group_commands": Group("Commands"),
}


class OptionError(ValueError):
    """A value that does not fit its option. name: of the option. rest: what it is, what was expected."""

    def __init__(self, name: str, rest: str) -> None:
        super().__init__(f"{name} {rest}")
        self.name, self.rest = name, rest


@Parameter(name="*", allow_leading_hyphen=True)
class Options(BaseModel):
    """Base of all models of options. Frozen; unknown names are refused.

    section: of a configuration file in which the options stand, "" for the section named after the program.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    section: ClassVar[str] = ""

    def __init__(self, /, **values: Any) -> None:
        """Raises ValueError, an OptionError where a value does not fit its option."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _first_mistake(type(self), error) from None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Help on an option ends with its range."""
        for field in cls.model_fields.values():
            limits = _limits(field.metadata)
            if limits and not (field.description or "").endswith(f"[{limits}]"):
                field.description = f"{field.description or ''} [{limits}]".lstrip()

    def replaced(self, **values: Any) -> Self:
        """The same with other values. Raises ValueError."""
        return type(self)(**dict(self) | values)

    def words(self, usual: Self | None = None) -> list[str]:
        """Words of a command line that give these options; what equals the usual ones is left out.

        usual: without them the defaults.
        """
        found = []
        for name, field in type(self).model_fields.items():
            value, option = getattr(self, name), _typed(name, field)
            expected = field.get_default(call_default_factory=True) if usual is None else getattr(usual, name)
            if isinstance(value, Options):
                found += value.words(expected)
            elif value == expected:
                continue
            elif isinstance(value, bool):
                found.append(option if value else option.replace("--", "--no-", 1))
            elif isinstance(value, tuple):
                found.append(f"{option} {','.join(f'{one:.6g}' for one in value)}")
            else:
                several = value if isinstance(value, list) else [value]
                found += [f"{option} {shlex.quote(str(one))}" for one in several]
        return found

    def given(self, *names: str) -> list[str]:
        """Those of these options that the caller gave, as they are typed; of all options without names."""
        fields = type(self).model_fields
        return [_typed(name, fields[name]) for name in names or fields if name in self.model_fields_set]

    def refuse(self, names: Iterable[str], why: str) -> None:
        """Raise ValueError where one of these options was given.

        why: it does nothing, and what was expected: "with --phy symbols, expected --phy ofdm with it".
        """
        given = self.given(*names)
        if given:
            raise ValueError(f"{', '.join(given)} {'does' if len(given) == 1 else 'do'} nothing {why}")


def new_program(
    name: str,
    help: str | None = None,
    *,
    examples: Sequence[str] = (),
    exit_codes: str = EXIT_CODES,
    programs: Collection[str] = (),
    **settings: Any,
) -> App:
    """Command line in the form that all programs have.

    name: as a user types it, such as "run_receiver.py". help: in Markdown, of a program of several commands;
    that of one command is the docstring of its function. examples: calls, for the end of the help.
    programs: names of others, whose sections in a configuration file this program leaves alone; such a file
    is read if there is an option ``--config``. settings: further ones of a cyclopts App.
    """
    lines = "\n\n".join(f"`{example}`" for example in examples)
    program = App(
        name,
        help,
        help_format="markdown",
        help_epilogue=f"Examples:\n\n{lines}\n\n{exit_codes}" if lines else exit_codes,
        default_parameter=Parameter(negative=(), allow_repeating=True, show_default=readable),
        config=partial(_complete, frozenset(programs)),
        **{**GROUPS, "version_flags": (), **settings},
    )
    for flag in (*program.help_flags, *program.version_flags):
        program[flag].group = OPTIONS
    return program


def new_commands(name: str, help: str) -> App:
    """A group of commands of a program, which is made known to it by ``program.command``."""
    return App(name, help, **GROUPS)


def run_program(
    program: App,
    arguments: Sequence[str] | None = None,
    *,
    name: str = "",
    explain: Callable[[ModuleNotFoundError], str | None] = lambda error: None,
) -> int:
    """Run a command line and return its exit code; set SEMISAC_DEBUG=1 to see where an error comes from.

    0 done, 1 the run failed, 2 a mistake of the caller, 130 interrupted.

    name: before each line on stderr, if other than the program's.
    explain: turns a missing package into a message, None if the package is none that the program asks for.
    """
    name = name or program_name(program)
    debug = bool(os.environ.get("SEMISAC_DEBUG"))
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command, bound = _parsed(program, given)
        if command.__name__ == "help_print" and not set(given).intersection(program.help_flags):
            from rich.console import Console

            program.help_print(given, console=Console(stderr=True))
            return 2
        result = command(*bound.args, **bound.kwargs)
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__  # of a lazy command
        message = explain(missing) if isinstance(missing, ModuleNotFoundError) else None
        if message is None or debug:
            raise
        return _complain(name, message, 2)
    except (ValueError, OSError) as error:  # BundleError and DataError are ValueErrors
        if debug:
            raise
        return _complain(name, said_of(error), 2)
    except RuntimeError as error:
        if debug:
            raise
        return _complain(name, str(error), 1)
    return result if isinstance(result, int) else 0


def _parsed(program: App, given: list[str]) -> tuple[Callable[..., Any], inspect.BoundArguments]:
    """The function that a command line names, and its arguments. Raises ValueError for a mistake in it."""
    try:
        return program.parse_args(given, exit_on_error=False, print_error=False)[:2]
    except cyclopts.CycloptsError as error:
        typed = " ".join((program.name[0], *(error.command_chain or ())))
        raise ValueError(f"{_said_of_mistake(error, given)} (see '{typed} --help')") from error


def program_name(program: App) -> str:
    """Name of a program without folder and ending: before its messages, and of its section of a file."""
    return PurePath(program.name[0]).stem


def readable(value: object) -> str | None:
    """A default as a person would type it, None for those that say nothing."""
    if value is None or value is False or value in ("", [], ()):
        return None
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        short = f"{value:g}" if float(f"{value:g}") == value else repr(value)
        mantissa, e, exponent = short.partition("e")
        return f"{mantissa}e{int(exponent)}" if e else short
    return "true" if value is True else str(value)


def said_of(error: ValueError | OSError) -> str:
    """Of what the system says of a file: its name first, without the number."""
    named = isinstance(error, OSError) and error.filename is not None and error.strerror
    return f"{os.fsdecode(error.filename)}: {error.strerror}" if named else str(error)


def _complain(name: str, message: str, code: int) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    return code


def _complete(programs: frozenset[str], app: App, commands: tuple[str, ...], arguments: ArgumentCollection):
    """What cyclopts calls once it has read the command line: refuse empty texts, then read the file."""
    for argument in arguments:
        for token in argument.tokens:
            if token.value == "" and token.implicit_value is cyclopts.UNSET:
                check_not_empty(token.keyword or _shown(argument), "", argument.field_info.default)
    config = next((argument for argument in arguments if argument.name == "--config"), None)
    if config is not None and config.tokens:
        read_into(arguments, config, program_name(app), programs)


def _said_of_mistake(error: cyclopts.CycloptsError, given: list[str]) -> str:
    """What is wrong with a command line, in one sentence: the option's name, its value, what was expected."""
    if isinstance(error, cyclopts.ValidationError) and isinstance(error.__cause__, ValidationError):
        return _said_of_value(error.argument, error.__cause__.errors()[0])
    if isinstance(error, cyclopts.CoercionError) and error.argument and error.token:
        return f"{_shown(error.argument)} is {error.token.value!r}, expected {_expected(error.argument.hint)}"
    if isinstance(error, cyclopts.MissingArgumentError):
        if error.keyword:
            return f"{error.keyword} stands without a value, expected {_expected(error.argument.hint)}"
        unknown = next((word for word in error.unused_tokens or () if word.startswith("--")), None)
        if unknown:  # likely the one that is missing, with a mistake in it
            token = Token(keyword=unknown.partition("=")[0], source="cli")
            known = error.app.assemble_argument_collection()
            return str(cyclopts.UnknownOptionError(verbose=False, token=token, argument_collection=known))
        return f"{_shown(error.argument)} is missing, expected {_expected(error.argument.hint)}"
    if isinstance(error, cyclopts.UnknownCommandError):
        word, known = error.unused_tokens[0], [name for name in error.app if not name.startswith("-")]
        close = difflib.get_close_matches(word, known, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        return f"{word!r} is no command, expected one of: {', '.join(known) or 'none'}{meant}"
    if isinstance(error, cyclopts.UnusedCliTokensError):
        word = error.unused_tokens[0]
        where = f"argument {given.index(word) + 1}"
        check_not_empty(where, word, None)
        return f"{where} is {word!r}, expected an option"
    return str(error)


def _first_mistake(options: type[Options], error: ValidationError) -> ValueError:
    """The first of what is wrong with values, in our words."""
    first = error.errors()[0]
    if first["type"] == "value_error":  # of a validator of ours, which says it all
        return first["ctx"]["error"]
    name, fields = str(first["loc"][0]), options.model_fields
    if name not in fields:
        return OptionError(name, f"is unknown, expected one of {', '.join(fields)}")
    if first["type"] == "missing":
        return OptionError(name, f"is missing, expected {_expected(fields[name].annotation)}")
    if first["type"].startswith(("greater_than", "less_than")):
        return OptionError(name, f"is {first['input']}, expected {_limits(fields[name].metadata)}")
    return OptionError(name, f"is {first['input']!r}, expected {_expected(fields[name].annotation)}")


def _said_of_value(argument: Argument, first: dict[str, Any]) -> str:
    """The same with the option as it is typed. argument: of the model, or one that stands for itself."""
    error = first.get("ctx", {}).get("error")
    if error is None:
        return f"{_shown(argument)} is {first['input']!r}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    if isinstance(error, OptionError):
        for option in argument.children_recursive:
            if option.field_info.name == error.name:
                return f"{_shown(option)} {error.rest}"
    return str(error)


def _shown(argument: Argument) -> str:
    """An option as it is typed, an argument as help shows it, or where it stands in a file."""
    source = argument.tokens[0].source if argument.tokens else ""
    if source not in ("", "cli"):
        return source
    name = argument.name
    return name if name.startswith("-") else argument.parameter.metavar or name.upper()


def _expected(hint: Any) -> str:
    """What a value of a kind looks like."""
    for kind in (*get_args(hint), hint):
        if get_origin(kind) is Literal:
            return f"one of {', '.join(map(str, get_args(kind)))}"
    kind = kind_of(hint)
    return FITTING[kind][1] if kind in (bool, int, float) else "a value"


def _limits(metadata: Iterable[object]) -> str:
    """The range that annotations state, such as "1 to 8", "0 or more", "above 0, at most 1"; "" for none."""
    found = {
        name: getattr(item, name)
        for item in metadata
        for name in ("gt", "ge", "lt", "le")
        if getattr(item, name, None) is not None
    }
    if {"ge", "le"} <= found.keys():
        return f"{found['ge']:g} to {found['le']:g}"
    words = {"gt": "above {:g}", "ge": "{:g} or more", "lt": "below {:g}", "le": "at most {:g}"}
    return ", ".join(text.format(found[name]) for name, text in words.items() if name in found)


def _typed(name: str, field: FieldInfo) -> str:
    """An option as it is typed."""
    named = (item.name[0] for item in field.metadata if isinstance(item, Parameter) and item.name)
    return next(named, f"--{name.replace('_', '-')}")
