# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way to write a file that people asked for: whole or not at all, and never in the place of a device.

A regular file, or one that a link leads to, is written under another name beside it and renamed. Anything
else that is there (a device, a pipe, what the shell opened) is written into, and "-" is standard output.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

STANDARD_OUTPUT = "-"
_OPENED_BY_OTHERS = ("/dev/fd/", "/dev/std", "/proc/")  # a rename would part them from what they are


def is_replaced(path: str | os.PathLike[str]) -> bool:
    """Whether a file of that name would be replaced or made anew, not written into."""
    if os.fspath(path) == STANDARD_OUTPUT or os.path.abspath(path).startswith(_OPENED_BY_OTHERS):
        return False
    try:
        mode = os.stat(path).st_mode  # of what links lead to
    except OSError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)  # a folder: the rename says what is wrong


@contextlib.contextmanager
def output_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file to write; what stands in it at the end goes to ``path``, and nothing after an error.

    Raises OSError where nothing can be written.
    """
    if not is_replaced(path):
        with tempfile.TemporaryDirectory(prefix="semisac-") as folder:
            unfinished = Path(folder) / f"output{Path(path).suffix}"
            yield unfinished
            with unfinished.open("rb") as content:
                if os.fspath(path) == STANDARD_OUTPUT:
                    sys.stdout.flush()
                    shutil.copyfileobj(content, sys.stdout.buffer)
                    sys.stdout.flush()
                else:
                    with open(path, "wb") as target:
                        shutil.copyfileobj(content, target)
        return
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def write_output(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write text (UTF-8) or bytes as :func:`output_file` does."""
    with output_file(path) as unfinished:
        unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
