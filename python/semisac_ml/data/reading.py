# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of data sets, read with distrust: whatever is wrong is one DataError that names file and field."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from . import DataError
from .decoding import as_rgb, unreadable


def wrong(file: object, field: str, what: str, expected: str) -> DataError:
    """The error of a file, in the form "file: field: what is wrong, expected what"."""
    return DataError(f"{file}: {field}: {what}, expected {expected}")


def find_folder(names: Sequence[str], root: str | os.PathLike[str] | None, get: str) -> Path:
    """The first folder of these names below root, or root itself if it has one of them.

    Parameters
    ----------
    names : sequence of str
        Paths below a folder of data sets, the usual one first.
    root : path, optional
        Folder of data sets; by default where :func:`semisac_ml.data.folders.roots` looks.
    get : str
        What to download and where to put it, for the error.

    Raises
    ------
    DataError
        If there is none.
    """
    from .folders import roots

    places = [Path(root).expanduser()] if root is not None else roots()
    for place in places:
        for name in names:
            if (place / name).is_dir():
                return place / name
            if place.is_dir() and place.parts[-len(Path(name).parts) :] == Path(name).parts:
                return place
    raise DataError(f"{names[0]} not found in {', '.join(map(str, places))}: {get}")


def inside(folder: Path, name: str, source: Path, field: str) -> Path:
    """The file that a table names, relative to its folder; DataError if the name leads out of it."""
    relative = Path(name.strip().replace("\\", "/"))
    if not name.strip() or relative.is_absolute() or ".." in relative.parts:
        raise wrong(source, field, f"names {name!r}", f"a file below {folder}")
    return folder / relative


def text(file: Path, field: str) -> str:
    """The content of a text file (UTF-8)."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise wrong(file, field, f"cannot be read ({error.strerror})", "a text file") from error
    except UnicodeDecodeError as error:
        raise wrong(file, field, "is no text", "a text file of numbers or names") from error


def numbers(file: Path, field: str, count: int | None = None) -> np.ndarray:
    """The numbers of a text file, finite, float64 [count], whatever white space or comma is between."""
    words = text(file, field).replace(",", " ").split()
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise wrong(file, field, f"is no number ({error})", "numbers") from error
    if count is not None and len(values) != count:
        raise wrong(file, field, f"holds {len(values)} numbers", f"{count}")
    if not np.isfinite(values).all():
        raise wrong(file, field, f"number {int(np.argmin(np.isfinite(values))) + 1} is not finite", "numbers")
    return values


class Table(dict[str, list[str]]):
    """Columns of a CSV file by their names; lines: of each row its line in the file, counted from 1."""

    lines: list[int]


def table(file: Path, columns: Iterable[str]) -> Table:
    """A CSV file with a header, by column; each must be of the same length and hold the columns named."""
    reader = csv.reader(io.StringIO(text(file, "header"), newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise wrong(
            file, f"line {reader.line_num}", f"cannot be read ({error})", "comma-separated values"
        ) from None
    if not rows:
        raise wrong(file, "header", "is missing: the file is empty", "a CSV file with a header")
    header = [name.strip() for name in rows[0][1]]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise wrong(
                file,
                "header",
                f"has {name} between its columns",
                "commas, and points in numbers: export it so",
            )
    for column in columns:
        if column not in header:
            raise wrong(file, column, "is missing", f"a column of this name beside {', '.join(header[:8])}")
    repeated = {name for name in header if name and header.count(name) > 1}
    if repeated:
        raise wrong(file, sorted(repeated)[0], "is the name of two columns", "one")
    if len(rows) == 1:
        raise wrong(file, "rows", "are missing", "one row a sample")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise wrong(file, f"line {line}", f"has {len(row)} columns", f"{len(header)} as in the header")
    found = Table({name: [row[place] for _, row in rows[1:]] for place, name in enumerate(header)})
    found.lines = [line for line, _ in rows[1:]]
    return found


def integers(file: Path, columns: Table, column: str, rows: Iterable[int] | None = None) -> np.ndarray:
    """A column of a table, or some rows of it, as int64; whole numbers may be written as 3.0."""
    found = []
    for row in range(len(columns.lines)) if rows is None else rows:
        word = columns[column][row]
        try:
            value = float(word)
        except ValueError:
            value = float("nan")
        if not (value.is_integer() and abs(value) < 2**53):
            raise wrong(file, column, f"is {word!r} in line {columns.lines[row]}", "a whole number")
        found.append(int(value))
    return np.array(found, dtype=np.int64)


def array(file: Path, field: str, kinds: str = "fiu") -> np.ndarray:
    """An array of a ``.npy`` file; kinds: the kinds of numpy that are allowed. Never unpickles."""
    if not file.is_file():
        raise wrong(file, field, "is missing", "a .npy file")
    try:
        stored = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise wrong(file, field, f"cannot be read ({str(error)[:120]})", "a .npy file of numbers") from error
    if not isinstance(stored, np.ndarray) or stored.dtype.kind not in kinds:
        kind = getattr(stored, "dtype", type(stored).__name__)
        raise wrong(file, field, f"holds {kind}", "an array of numbers")
    finite = np.isfinite(stored)
    if not finite.all():
        place = tuple(int(k) for k in np.argwhere(~finite)[0])
        raise wrong(file, field, f"is not finite at {place}", "finite numbers")
    return stored


def picture(file: Path, field: str, mode: str = "RGB") -> np.ndarray:
    """A picture, all of it decoded: uint8 [height, width, 3] for RGB, 4 for RGBA, [height, width] for L.

    mode: "RGB" turns other pictures into RGB (see :func:`~semisac_ml.data.decoding.as_rgb`); "RGBA" takes
    four channels only; "L" takes one channel only and returns the stored numbers, which of a picture with a
    palette are the indices.
    """
    from PIL import Image

    if not file.is_file():
        raise wrong(file, field, "is missing", "a picture")
    try:
        with Image.open(file) as stored:
            stored.load()
            if mode == "RGB" and stored.mode != "RGBA":
                return np.asarray(as_rgb(stored, f"{file}: {field}"))
            if stored.mode != mode and (mode, stored.mode) != ("L", "P"):
                raise wrong(file, field, f"has the channels {stored.mode}", f"{mode}")
            return np.asarray(stored)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - the decoders raise many kinds
        raise unreadable(f"{file}: {field}", error) from error
