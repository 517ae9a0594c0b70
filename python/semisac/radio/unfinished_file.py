# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are written for long and get their names when they are whole."""

from __future__ import annotations

import fcntl
import os
import stat
import weakref
from pathlib import Path

from semisac_ml.data import DataError

ENDING = ".unfinished"


class UnfinishedFile:
    """A file that bears the ending .unfinished until `finish`. One program at a time writes it.

    One that nothing was written into vanishes with this object.

    target: path without that ending. replace: what a program that was killed has left may be written over.

    Raises DataError when another program writes it, something was left there, or it cannot be made.
    """

    def __init__(self, target: Path, replace: bool):
        self.target = target
        self.path = target.with_name(target.name + ENDING)
        self.size = 0
        try:
            self._file = self._hold(replace)
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be written ({error.strerror}): choose another path"
            ) from error
        weakref.finalize(self, _remove_empty, self._file, self.path)

    def _hold(self, replace: bool):
        """The file, opened, locked and empty."""
        while True:
            number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
            file = os.fdopen(number, "r+b", buffering=0)
            try:
                self._lock(number)
                found = os.fstat(number)
                if not stat.S_ISREG(found.st_mode):
                    raise DataError(f"{self.path} is no file: choose another path")
                if not _is_at(self.path, found):  # its writer has finished in this moment
                    file.close()
                    continue
                if found.st_size and not replace:
                    raise DataError(
                        f"{self.path} was left by a program that was killed: rename it to keep what it "
                        "holds, or remove it"
                    )
                file.truncate(0)
                return file
            except BaseException:
                file.close()
                raise

    def _lock(self, number: int) -> None:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{self.target} is being written by another program: wait for its end, or choose another path"
            ) from None
        except OSError:
            pass  # a file system without locks

    def append(self, content: bytes | memoryview) -> None:
        """Write all bytes or, after an OSError such as of a full disk, none."""
        left = memoryview(content).cast("B")
        whole = len(left)
        try:
            while len(left):
                left = left[self._write_some(left) :]
        except OSError:
            self.cut(self.size)
            raise
        self.size += whole

    def _write_some(self, raw: memoryview) -> int:
        return self._file.write(raw)

    def cut(self, size: int) -> None:
        """Keep the first bytes alone."""
        self._file.truncate(size)
        self._file.seek(size)
        self.size = size

    def read(self, piece_bytes: int = 1 << 20):
        """What was written, piece by piece."""
        place = 0
        while piece := os.pread(self._file.fileno(), piece_bytes, place):
            yield piece
            place += len(piece)

    def lines(self):
        """What was written, line by line, as text."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")

    def is_there(self) -> bool:
        """Whether the path still leads to what was written."""
        return _is_at(self.path, os.fstat(self._file.fileno()))

    def finish(self) -> None:
        """Give it its name. Raises OSError."""
        os.replace(self.path, self.target)
        self._file.close()

    def discard(self) -> None:
        """Remove it, unless something else is in its place."""
        if not self._file.closed:
            if self.is_there():
                self.path.unlink()
            self._file.close()


def _is_at(path: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), found)
    except FileNotFoundError:
        return False


def _remove_empty(file, path: Path) -> None:
    if not file.closed:
        found = os.fstat(file.fileno())
        if found.st_size == 0 and _is_at(path, found):
            path.unlink()
        file.close()
