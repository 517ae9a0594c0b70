# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of claims, taken from files of results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semisac_ml.reproduction.declared import FIELDS, Claim, Item, Selector, Sum
from semisac_ml.results import Result, read_results
from semisac_ml.results.averages import over_seeds


@dataclass(frozen=True)
class Found:
    """What was measured, in the claim's unit. low, high: 95 % interval, None where the files have none.

    n: samples behind it, 0 if it is computed, None if unknown. seeds: of trainings or of channels. short: of
    a claim about several points, those at which the value falls short, "0.25, 0.5 of 0, 0.25, 0.5".
    """

    value: float
    low: float | None
    high: float | None
    n: int | None
    seeds: str
    short: str = ""

    @property
    def has_interval(self) -> bool:
        """Whether there is one, be it a point."""
        return self.low is not None and self.high is not None


class Results:
    """Files of results below a folder, each read once; trainings of several seeds are one row, their mean."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, list[Result] | None] = {}

    def rows(self, file: str) -> list[Result] | None:
        """Rows, None where the file is not there; none of a file that is not made of rows.

        Raises ValueError for a CSV file that is no table of results.
        """
        if file not in self._files:
            path = self.folder / file
            found = read_results(path) if path.is_file() and path.suffix == ".csv" else []
            self._files[file] = over_seeds(found) if path.is_file() else None
        return self._files[file]

    def found(self, item: Item, claim: Claim) -> Found | None:
        """What a claim is judged by; None where it is not measured.

        Raises ValueError where a selector means several rows.
        """
        rows = self.rows(item.file) if item.file else None
        if rows is None:
            return None
        if not claim.found:
            return Found(math.nan, None, None, None, "")
        added = [self._added(found, item.file, claim.factor) for found in claim.found]
        if None in added:
            return None
        least = min(added, key=lambda one: _favour(claim, one))
        return replace(least, short=_short(claim, added))

    def _added(self, terms: Sum, file: str, factor: float) -> Found | None:
        """Rows added up. Ends of the interval are the root of the sum of squares of the rows' away.

        That is the interval of independent figures (Zou and Donner, Statistics in Medicine 27, 2008), wider
        than need be for figures of the same test data.
        """
        chosen = [(weight * factor, self._only(selector, file)) for weight, selector in terms]
        if any(row is None for _, row in chosen):
            return None
        total = sum(weight * row.value for weight, row in chosen)
        low = high = None
        if all(row.low is not None and row.high is not None for _, row in chosen):
            ends = [
                sorted((weight * (row.low - row.value), weight * (row.high - row.value)))
                for weight, row in chosen
            ]
            low = total - math.hypot(*(min(end[0], 0.0) for end in ends))
            high = total + math.hypot(*(max(end[1], 0.0) for end in ends))
        counts = [row.n for _, row in chosen]
        n = None if None in counts else min((count for count in counts if count), default=0)
        seeds = " ".join(dict.fromkeys(" ".join(row.seed for _, row in chosen).split()))
        return Found(total, low, high, n, seeds)

    def _only(self, selector: Selector, usual: str) -> Result | None:
        """The row that a selector means, None where there is none. usual: file."""
        file = selector.file(usual)
        own = matching(selector, self.rows(file) or [])
        if len(own) > 1:
            raise ValueError(f"{file}: {len(own)} rows are {selector}, expected one")
        return own[0] if own else None


def _favour(claim: Claim, found: Found) -> float:
    """How much a figure speaks for a claim."""
    if claim.way == "about":
        return -abs(found.value - claim.goal)
    return -found.value if claim.way == "at most" else found.value


def _short(claim: Claim, found: Sequence[Found]) -> str:
    """Points of a claim at which the value falls short of the paper; empty where they are no points."""
    points = [dict(terms[-1][1].told).get("x") for terms in claim.found]
    several = all(isinstance(x, int | float) for x in points) and 1 < len(points) == len(set(points))
    if not several or claim.way == "about":
        return ""
    goal = claim.goal if claim.way == "at least" else -claim.goal
    short = [f"{x:g}" for x, one in zip(points, found, strict=True) if _favour(claim, one) < goal]
    return f"{', '.join(short)} of {', '.join(f'{x:g}' for x in points)}" if short else ""


def matching(selector: Selector, rows: Sequence[Result]) -> list[Result]:
    """Rows that a selector means."""
    return [
        row for row in rows if all(_fits(row, key, wanted) for key, wanted in selector.told if key != "file")
    ]


def _fits(row: Result, key: str, wanted: str | float) -> bool:
    stands = row.axis if key == "axis" else getattr(row, key) if key in FIELDS else row.conditions.get(key)
    if stands is None:
        return False
    if isinstance(wanted, str):
        return stands.startswith(wanted[:-1]) if wanted.endswith("*") else stands == wanted
    try:
        return math.isclose(float(stands), wanted, rel_tol=1e-9, abs_tol=1e-12)
    except ValueError:
        return False
