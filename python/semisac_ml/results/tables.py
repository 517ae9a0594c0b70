# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of results: CSV with the columns of :mod:`semisac_ml.results.rows`, whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path

from semisac_ml.outputs import write_output
from semisac_ml.results.rows import Result, conditions_text, number_text, read_conditions

COLUMNS = tuple(one.name for one in fields(Result))
_NUMBERS = ("x", "value", "low", "high")


def write_results(file: Path, rows: Iterable[Result]) -> Path:
    """Write a file, one value a line, with six digits; its folder is made."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        told = {name: getattr(row, name) for name in COLUMNS}
        told["conditions"] = conditions_text(row.conditions)
        told["x"] = "" if row.x is None else number_text(row.x)
        for name in ("value", "low", "high"):
            told[name] = "" if told[name] is None else f"{told[name]:.6g}"
        writer.writerow(told.values())
    file.parent.mkdir(parents=True, exist_ok=True)
    write_output(file, text.getvalue())
    return file


def read_results(file: Path) -> list[Result]:
    """Rows of a file. Raises ValueError, in one line, for anything else."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            if set(reader.fieldnames or ()) != set(COLUMNS):
                raise ValueError(
                    f"line 1: columns are {', '.join(reader.fieldnames or ()) or 'missing'}, "
                    f"expected {', '.join(COLUMNS)}"
                )
            return [_row(told, reader.line_num) for told in reader]
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{file}: is no table of results: {error}; choose another file or folder") from error


def _row(told: dict[str, str], line: int) -> Result:
    if None in told or None in told.values():
        raise ValueError(f"line {line}: expected {len(COLUMNS)} cells")
    values: dict[str, object] = dict(told)
    for name, kind in (*((name, float) for name in _NUMBERS), ("n", int)):
        try:
            values[name] = kind(told[name]) if told[name] else None
        except ValueError:
            raise ValueError(f"line {line}: {name} is {told[name]!r}, expected a number") from None
    if values["value"] is None:
        raise ValueError(f"line {line}: value is empty, expected a number")
    try:
        values["conditions"] = read_conditions(told["conditions"])
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None
    return Result(**values)


@dataclass
class ResultTable:
    """Rows of a file that grows, and is whole after every measurement."""

    path: Path
    rows: list[Result] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path) -> ResultTable:
        """The table of a file, empty if there is none. Raises ValueError for another kind of file."""
        return cls(path, read_results(path) if path.is_file() else [])

    def replace(self, rows: list[Result], group: Callable[[Result], Hashable] = attrgetter("place")) -> None:
        """Put rows where older ones of the same group stood, or at the end, and write the file."""
        groups = {group(row) for row in rows}
        same = [place for place, row in enumerate(self.rows) if group(row) in groups]
        first = same[0] if same else len(self.rows)
        kept = [row for row in self.rows[first:] if group(row) not in groups]
        self.rows = [*self.rows[:first], *rows, *kept]
        write_results(self.path, self.rows)
