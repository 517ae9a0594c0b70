# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of single trainings as means: over scenes, and over the seeds of trainings.

- Scenes share no drive. The ends of the interval of their mean lie from it as far as independent errors add:
  by the root of the sum of squares over their number.
- Trainings of several seeds meet the same drives. The ends of the interval of their mean are the means of
  their ends: what draws of drives and vehicles may change, which more seeds do not make less. How far seeds
  lie apart stands beside it as a standard deviation, "<metric>_sd".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

import numpy as np

from semisac_ml.results import Result

from .comparison import SEED_KEY, SPAN
from .samples import STATES
from .scoring import UNITS

MEAN = "mean of scenes"
SINGLE_TASK = "without ssd"


def normalised(rows: list[Result]) -> list[Result]:
    """RMSE as shares of each scene's span, "<task>_rmse"; of scenes whose span is among the rows."""
    spans = {
        (row.conditions["scene"], row.metric.partition("_")[0]): row.value
        for row in rows
        if row.variant == SPAN
    }
    ends = {f"{task}_rmse_{UNITS[task]}": task for task in STATES}
    found = []
    for row in rows:
        task = ends.get(row.metric)
        span = spans.get((row.conditions["scene"], task)) if task else None
        if span:
            low, high = (None if end is None else end / span for end in (row.low, row.high))
            value = row.value / span
            found.append(replace(row, metric=f"{task}_rmse", value=value, low=low, high=high, unit="1"))
    return found


def single_tasks_joined(rows: Iterable[Result]) -> list[Result]:
    """Networks that were trained for one task each as one system."""
    return [
        replace(row, variant=SINGLE_TASK) if row.variant.startswith(f"{SINGLE_TASK}: ") else row
        for row in rows
    ]


def over_scenes(rows: list[Result]) -> list[Result]:
    """Means of what was measured on all scenes of which there are rows; none of a single scene."""
    scenes = {row.conditions["scene"] for row in rows}
    return [
        _mean(own, "scene", MEAN, independent=True)
        for own in _without(rows, "scene")
        if len(own) == len(scenes) > 1
    ]


def over_seeds(rows: list[Result]) -> list[Result]:
    """Means over trainings, and where there are several, their standard deviation."""
    found = []
    for own in _without(rows, SEED_KEY):
        if SEED_KEY not in own[0].conditions:
            found.append(own[0])
            continue
        mean = _mean(own, SEED_KEY, "", independent=False)
        found.append(replace(mean, seed=" ".join(sorted(row.conditions[SEED_KEY] for row in own))))
        if len(own) > 1:
            spread = float(np.std([row.value for row in own], ddof=1))
            metric = f"{mean.metric}_sd"
            found.append(replace(found[-1], metric=metric, value=spread, low=None, high=None, n=len(own)))
    return found


def _without(rows: list[Result], key: str) -> list[list[Result]]:
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


def _mean(rows: list[Result], key: str, said: str, *, independent: bool) -> Result:
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
