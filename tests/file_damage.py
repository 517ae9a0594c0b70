# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to damage a file of a made-up sample; each returns what does it to the sample's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import made_up_data
import numpy as np
from PIL import Image


def values(file: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], object]:
    """Change the array of a .npy file."""

    def make(home: Path) -> None:
        stored = np.load(home / file)
        np.save(home / file, change(stored.copy()))

    return make


def put(place: object, value: object) -> Callable[[np.ndarray], np.ndarray]:
    def change(stored: np.ndarray) -> np.ndarray:
        stored[place] = value
        return stored

    return change


def words(file: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    """Change the content of a text file."""
    return lambda home: (home / file).write_text(change((home / file).read_text()))


def cell(file: str, column: str, row: int, value: object) -> Callable[[Path], object]:
    """Put a value into a table."""

    def make(home: Path) -> None:
        columns = made_up_data.read_csv(home / file)
        columns[column][row] = value
        made_up_data.write_csv(home / file, columns)

    return make


def column(file: str, name: str, change: Callable[[list], list] | None) -> Callable[[Path], object]:
    """Change a column of a table, or take it away."""

    def make(home: Path) -> None:
        columns = made_up_data.read_csv(home / file)
        stored = columns.pop(name)
        made_up_data.write_csv(home / file, columns if change is None else columns | {name: change(stored)})

    return make


def gone(file: str) -> Callable[[Path], object]:
    return lambda home: (home / file).unlink()


def cut(file: str, share: float = 0.5) -> Callable[[Path], object]:
    def make(home: Path) -> None:
        content = (home / file).read_bytes()
        (home / file).write_bytes(content[: int(len(content) * share)])

    return make


def pixels(file: str, shape: tuple[int, ...], value: int = 3) -> Callable[[Path], object]:
    return lambda home: Image.fromarray(np.full(shape, value, dtype=np.uint8)).save(home / file)


def line(file: str, number: int, change: Callable[[list[str]], list[str]]) -> Callable[[Path], object]:
    """Change the words of a line of a text file, counted from 0."""

    def make(home: Path) -> None:
        lines = (home / file).read_text().splitlines()
        lines[number] = " ".join(change(lines[number].split()))
        (home / file).write_text("\n".join(lines) + "\n")

    return make


def word(place: int, value: object) -> Callable[[list[str]], list[str]]:
    return lambda row: [*row[:place], str(value), *row[place + 1 :]]


def swap_lines(file: str, one: int, other: int) -> Callable[[Path], object]:
    def change(text: str) -> str:
        lines = text.splitlines()
        lines[one], lines[other] = lines[other], lines[one]
        return "\n".join(lines) + "\n"

    return words(file, change)
