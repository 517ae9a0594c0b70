# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of single trainings as means: over scenes, and over the seeds of trainings.

- Scenes share no drive. The ends of the interval of their mean lie from it as far as independent errors add:
  by the root of the sum of squares over their number.
- Trainings of several seeds meet the same drives: :mod:`semisac_ml.results.averages`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from semisac_ml.results import Result
from semisac_ml.results.averages import grouped_without, mean_of

from .comparison import SPAN
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
        mean_of(own, "scene", MEAN, independent=True)
        for own in grouped_without(rows, "scene")
        if len(own) == len(scenes) > 1
    ]
