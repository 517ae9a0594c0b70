# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a program prints is for people, and never ends a run or costs its results.

Whoever reads may stop reading, a disk may be full, a terminal may know other characters: nothing of that
raises. Only Python writes to the program's standard output; what compiled code prints (GNU Radio's log
among it) goes to standard error, so that `--json -` is JSON.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import select
import sys
import unicodedata
from collections.abc import Iterator
from typing import TextIO

PLAIN = {"–": "-", "—": "-", "−": "-", "×": "x", "·": "*", "°": " deg", "“": '"', "”": '"', "’": "'"}


class _Descriptor(io.FileIO):
    """A descriptor that takes everything; what went wrong first is its `trouble`, and then all is dropped."""

    dead = False
    trouble: OSError | None = None

    def fail(self, trouble: OSError) -> None:
        self.dead, self.trouble = True, trouble

    def write(self, data) -> int:
        while not self.dead:
            try:
                written = super().write(data)
            except OSError as error:
                self.fail(error)
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # somebody made it non-blocking: it is full for now
        return len(data)


class PrintedStream(io.TextIOWrapper):
    """A stream that nothing makes raise.

    descriptor: to write to. like: the stream in whose place it comes, None: there was none.
    """

    def __init__(self, descriptor: int, like: TextIO | None):
        self._descriptor = _Descriptor(descriptor, "w", closefd=False)
        unbuffered = getattr(like, "write_through", False)
        super().__init__(
            self._descriptor if unbuffered else io.BufferedWriter(self._descriptor),
            encoding=getattr(like, "encoding", None) or "utf-8",
            errors="semisac.plain",
            line_buffering=getattr(like, "line_buffering", False),
            write_through=unbuffered,
        )
        if like is None:
            self._descriptor.fail(OSError(errno.EBADF, "it is closed"))

    def take_trouble(self) -> OSError | None:
        """What went wrong, if anything did and nobody else has taken it to tell it."""
        trouble, self._descriptor.trouble = self._descriptor.trouble, None
        return trouble


@contextlib.contextmanager
def harmless_printing(name: str) -> Iterator[None]:
    """While a program runs, printing is harmless, and standard output is its own.

    Where others have put streams of theirs in place of the process's own, they keep them.

    name: of the program, to say at the end that what it printed is lost.
    """
    if sys.stdout is not sys.__stdout__ or sys.stderr is not sys.__stderr__:
        yield
        return
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # else a file that is opened would get this number, and what is printed
            os.open(os.devnull, os.O_RDONLY)
    before = sys.stdout, sys.stderr
    for stream in filter(None, before):
        stream.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    sys.stdout, sys.stderr = PrintedStream(own, before[0]), PrintedStream(2, before[1])
    try:
        yield
    finally:
        sys.stdout.flush()
        trouble = sys.stdout.take_trouble()
        if trouble is not None and trouble.errno not in (errno.EPIPE, errno.EBADF):
            print(f"{name}: what it printed is lost: {trouble.strerror}", file=sys.stderr)
        sys.stderr.flush()


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Instead of a character that an encoding lacks; of a file's name that is no text, its bytes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character, end = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), end
    plain = PLAIN.get(character) or unicodedata.normalize("NFKD", character)
    return plain if plain.isascii() else character.encode("ascii", "backslashreplace").decode("ascii"), end


codecs.register_error("semisac.plain", _plain)
