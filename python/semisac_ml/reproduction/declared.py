# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a paper says, as data: figures, tables and claims, each with the rows of results that answer it.

A system declares ``PAPER`` in its module ``reproduction``. No measured figure stands there: numbers are the
paper's own, and what is measured here is named by the file, the row and the column that hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Way = Literal["at least", "at most", "about"]
FIELDS = ("figure", "variant", "inputs", "x", "metric")


@dataclass(frozen=True)
class Selector:
    """The row of a file in which all this stands; another word than a column's is a condition.

    "axis" is the name of the quantity x, "file" another file than the item's. A text that ends in * is the
    beginning of what stands there.
    """

    told: tuple[tuple[str, str | float], ...]

    def file(self, usual: str) -> str:
        """File below the folder of results; usual: of the item."""
        return str(dict(self.told).get("file", usual))

    def __str__(self) -> str:
        return ", ".join(f"{key} {value}" for key, value in self.told)


Sum = tuple[tuple[float, Selector], ...]
"""Rows with the factors with which they are added up."""


def row(**told: str | float) -> Selector:
    """Selector of a row, as keywords."""
    return Selector(tuple(told.items()))


def value(**told: str | float) -> Sum:
    """What stands in one row."""
    return ((1.0, row(**told)),)


def difference(first: Selector, second: Selector) -> Sum:
    """By how much the first row is above the second."""
    return ((1.0, first), (-1.0, second))


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper, or one number of its tables.

    says: in our words. printed: the number as the paper prints it; empty where it says only which of two is
    better. goal: that number, in `unit`, 0 without one. found: what is measured; several: tested at the one
    that is least in its favour. of: what that is. factor: from the file's unit to `unit`. tolerance: of a
    number that is to be "about" the paper's, relative. cannot: why it is not tested here; nothing: why there
    is nothing that could be measured.
    """

    says: str
    of: str = ""
    found: tuple[Sum, ...] = ()
    printed: str = ""
    goal: float = 0.0
    way: Way = "at least"
    unit: str = ""
    factor: float = 1.0
    tolerance: float = 0.0
    cannot: str = ""
    nothing: str = ""


@dataclass(frozen=True)
class Command:
    """Command line that measures.

    minutes: of the measuring, on two cores. hours: of the trainings before it, on two cores; several commands
    may have the same. data: names of data sets. folders: that must be there, with what makes each.
    runs: folder of trainings that must be there. trainings: commands that make them. untrained: of a command
    that trains by itself what is missing; told the folder of its results, it says what is, "" for nothing.
    together: beginning of its line; commands of one paper that have the same are run as one. parallel: it
    takes --processes and --scheduler.
    """

    line: str
    minutes: float
    hours: float = 0.0
    data: tuple[str, ...] = ()
    folders: tuple[tuple[str, str], ...] = ()
    runs: str = ""
    trainings: tuple[str, ...] = ()
    untrained: Callable[[Path], str] | None = None
    together: str = ""
    parallel: bool = False


@dataclass(frozen=True)
class Item:
    """A figure, a table or a section of a paper.

    where: in the paper. shows: what it is. command: that measures it, into `file` below the folder of results
    and `picture` beside it.
    """

    where: str
    shows: str
    claims: tuple[Claim, ...]
    command: Command | None = None
    file: str = ""
    picture: str = ""
    note: str = ""


@dataclass(frozen=True)
class Paper:
    """Of one system. apart: what makes its figures and ours differ, whatever else."""

    title: str
    authors: str
    page: str
    items: tuple[Item, ...]
    apart: str = ""
    commands: tuple[Command, ...] = field(init=False)

    def __post_init__(self) -> None:
        own = dict.fromkeys(item.command for item in self.items if item.command)
        object.__setattr__(self, "commands", tuple(own))


def kept_in(folder: str) -> Callable[[Path], str]:
    """Of a command that keeps what it trains in a folder: whether that is there."""
    return lambda results: (
        "" if Path(folder).is_dir() else f"its trainings are not in {folder}, expected those of --full"
    )


def always_trains(results: Path) -> str:
    """Of a command that keeps no training."""
    return "it trains on each split, expected --full"


def only_in_full(results: Path) -> str:
    """Of a command whose figures are not the paper's, which has no time in a quick run."""
    return "no figure of the paper's, expected --full"


def drawing(where: str, shows: str, built: str) -> Item:
    """A figure or table in which nothing is measured. built: where the code has it."""
    return Item(where, shows, (Claim(shows, nothing=built),))


def selectors(claims: Iterable[Claim]) -> list[Selector]:
    """All rows that claims are read from."""
    return [one for claim in claims for found in claim.found for _, one in found]
