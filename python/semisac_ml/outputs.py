# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way to write a file that people asked for: whole or not at all, and never in the place of a device.

A regular file, or one that a link leads to, is written under another name beside it and renamed. Anything
else that is there (a device, a pipe, what the shell opened) is written into, and "-" is standard output.
Outputs never make the folder that they lie in.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

STANDARD_OUTPUT = "-"
_ITS_NAMES = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_OPENED_BY_OTHERS = ("/dev/fd/", "/dev/std", "/proc/")  # a rename would part them from what they are
_MOST_LINKS = 40


def check_outputs(outputs: Mapping[str, str | os.PathLike[str] | None]) -> None:
    """Raise ValueError unless each file can be written, and no two are the same.

    outputs: by the option that names it; None: not asked for.
    """
    options: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        _check_output(option, path)
        if is_replaced(path) or is_standard_output(path):
            place = STANDARD_OUTPUT if is_standard_output(path) else os.path.realpath(path)
            if place in options:
                raise ValueError(
                    f"{option} and {options[place]} are both {os.fspath(path)}: choose another file for one"
                )
            options[place] = option


def _check_output(option: str, path: str | os.PathLike[str]) -> None:
    if is_standard_output(path):
        trouble = _trouble_of_printing()
        if trouble is not None:
            raise ValueError(f"{option} is standard output, but {trouble.strerror}: choose a file")
        return
    file, folder = os.fspath(path), os.path.dirname(path) or os.curdir
    if not file:
        raise ValueError(f"{option} is empty, expected a file")
    if not os.path.isdir(folder):
        raise ValueError(f"{file}: the folder {folder} does not exist: make it, or choose another file")
    if os.path.isdir(file):
        raise ValueError(f"{file}: is a folder, expected a file")
    if not os.access(file if os.path.exists(file) else folder, os.W_OK):
        raise ValueError(f"{file}: cannot be written: choose another file")


def _trouble_of_printing() -> OSError | None:
    """Why nothing more comes through standard output, in a program in which printing does not raise."""
    take = getattr(sys.stdout, "take_trouble", None)
    return take() if take else None


def is_standard_output(path: str | os.PathLike[str]) -> bool:
    """Whether that is "-", or a name of standard output or a link to one."""
    text = os.fspath(path)
    for _ in range(_MOST_LINKS):
        if text == STANDARD_OUTPUT or os.path.abspath(text) in _ITS_NAMES:
            return True
        if not os.path.islink(text):
            break
        text = os.path.join(os.path.dirname(text), os.readlink(text))
    return False


def console_beside(*files: str | os.PathLike[str] | None) -> Console:
    """Console for tables beside outputs: standard error where one of these is standard output."""
    from rich.console import Console

    taken = any(file is not None and is_standard_output(file) for file in files)
    return Console(stderr=taken)


def is_replaced(path: str | os.PathLike[str]) -> bool:
    """Whether a file of that name would be replaced or made anew, not written into."""
    if is_standard_output(path) or os.path.abspath(path).startswith(_OPENED_BY_OTHERS):
        return False
    try:
        mode = os.stat(path).st_mode  # of what links lead to
    except OSError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)  # a folder: the rename says what is wrong


@contextlib.contextmanager
def output_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file to write; what stands in it at the end goes to ``path``, and nothing after an error.

    Raises OSError, which names it, where nothing can be written. Of standard output, whoever reads may stop.
    """
    try:
        if is_replaced(path):
            yield from _beside(Path(os.path.realpath(path)))
        else:
            yield from _into(path)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _beside(target: Path) -> Iterator[Path]:
    # processes of other machines may write the same
    unfinished = target.with_name(f".{target.stem}.{os.uname().nodename}-{os.getpid()}.part{target.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _into(path: str | os.PathLike[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="semisac-") as folder:
        unfinished = Path(folder) / f"output{Path(path).suffix}"
        yield unfinished
        with unfinished.open("rb") as content:
            if not is_standard_output(path):
                with open(path, "wb") as target:
                    shutil.copyfileobj(content, target)
                return
            sys.stdout.flush()
            shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.flush()
    trouble = _trouble_of_printing()
    if trouble is not None and trouble.errno != errno.EPIPE:
        raise OSError(trouble.errno, trouble.strerror, "standard output")


def write_output(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write text (UTF-8) or bytes as :func:`output_file` does; a name in a text that is none is spelled."""
    with output_file(path) as unfinished:
        text = isinstance(content, str)
        unfinished.write_bytes(content.encode("utf-8", "backslashreplace") if text else content)


def print_json(content: object) -> None:
    """Print what was asked for as JSON; unlike what is printed for people, it must not be lost."""
    write_output(STANDARD_OUTPUT, json.dumps(content, indent=2) + "\n")
