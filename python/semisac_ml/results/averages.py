# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of single trainings as means over their seeds.

Trainings that differ in their seed alone, condition "training_seed", meet the same test data. The ends of
the interval of their mean are the means of their ends: what other test data may change, which more seeds do
not make less. How far seeds lie apart stands beside it as a standard deviation, "<metric>_sd".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

import numpy as np

from .rows import Result

SEED_KEY = "training_seed"


def over_seeds(rows: list[Result]) -> list[Result]:
    """Means over trainings, and where there are several, their standard deviation."""
    found = []
    for own in grouped_without(rows, SEED_KEY):
        if SEED_KEY not in own[0].conditions:
            found.append(own[0])
            continue
        mean = mean_of(own, SEED_KEY, "", independent=False)
        found.append(replace(mean, seed=" ".join(sorted(row.conditions[SEED_KEY] for row in own))))
        if len(own) > 1:
            spread = float(np.std([row.value for row in own], ddof=1))
            metric = f"{mean.metric}_sd"
            found.append(replace(found[-1], metric=metric, value=spread, low=None, high=None, n=len(own)))
    return found


def grouped_without(rows: list[Result], key: str) -> list[list[Result]]:
    """Rows that differ in a condition alone, together."""

    def rest(row: Result) -> Hashable:
        told = {name: value for name, value in row.conditions.items() if name != key}
        return replace(row, conditions=told).place

    return grouped(rows, rest)


def grouped(rows: Iterable[Result], group: Callable[[Result], Hashable]) -> list[list[Result]]:
    """Rows of the same group together, in the order of their first ones."""
    found: dict[Hashable, list[Result]] = {}
    for row in rows:
        found.setdefault(group(row), []).append(row)
    return list(found.values())


def mean_of(rows: list[Result], key: str, said: str, *, independent: bool) -> Result:
    """Mean of rows that differ in a condition, which then says what it is told, or is left out.

    said: what it is told; left out if empty. independent: whether errors of the rows are.
    """
    value = float(np.mean([row.value for row in rows]))
    low = high = None
    if all(row.low is not None and row.high is not None for row in rows):
        below = np.array([row.value - row.low for row in rows])
        above = np.array([row.high - row.value for row in rows])
        if independent:
            low, high = (math.sqrt((way**2).sum()) / len(rows) for way in (below, above))
        else:
            low, high = below.mean(), above.mean()
        low, high = value - float(low), value + float(high)
    told = {name: text for name, text in rows[0].conditions.items() if name != key}
    if said:
        told[key] = said
    counts = [row.n for row in rows]
    n = None if None in counts else sum(counts) if independent else counts[0]
    return replace(rows[0], conditions=told, value=value, low=low, high=high, n=n)
