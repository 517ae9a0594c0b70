# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of merit of SIMAC, Eqs. (51) to (53), with intervals over drives or vehicles.

Eq. (52) divides by the squared norm of the error of all pixels; the mean is meant and taken. Eq. (53) has one
window for the whole picture; the usual ones of 7 x 7 pixels are taken (semisac_ml.signal.metrics). Frames of
a drive resemble each other: intervals come from drawing whole drives (or vehicles of a video) with
replacement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric, mean_over_groups

from .samples import STATES, Limits, TargetSet

NOMINAL_COVERAGE = 0.9
HALF_WIDTH = 1.6448536269514722
"""Deviations to either side that hold 90 % of a normal distribution."""
UNITS = {"distance": "m", "angle": "deg", "velocity": "mps"}


@dataclass(frozen=True)
class Outcome:
    """What came out for each sample of a part.

    rows: indices of the samples, int64. states: estimates by task in units (m, rad, m/s), float64 [samples];
    NaN where there is none. deviations: of those, as they are claimed, by task. pictures: uint8 [samples,
    side, side, 3], or None. sent: the same, of the truth.
    """

    rows: np.ndarray
    states: dict[str, np.ndarray]
    deviations: dict[str, np.ndarray] = field(default_factory=dict)
    pictures: np.ndarray | None = None
    sent: np.ndarray | None = None

    def of(self, places: np.ndarray) -> Outcome:
        """Some of the samples, by their places here."""
        return Outcome(
            self.rows[places],
            {task: values[places] for task, values in self.states.items()},
            {task: values[places] for task, values in self.deviations.items()},
            None if self.pictures is None else self.pictures[places],
            None if self.sent is None else self.sent[places],
        )


def figures(outcome: Outcome, samples: TargetSet, limits: Limits) -> dict[str, Metric]:
    """Figures by name: "distance_rmse" (normalised), "distance_rmse_m", ..., "psnr_db", "ssim".

    "distance_coverage": share of samples within the interval that is to hold 90 %, where deviations are told.

    Samples without an estimate are left out of RMSE; "distance_share" says how many have one, if not all do.
    """
    group = samples.group[outcome.rows]
    found: dict[str, Metric] = {}
    for place, task in enumerate(STATES):
        if task not in outcome.states:
            continue
        error = outcome.states[task] - samples.states[outcome.rows, place]
        there = np.isfinite(error)
        if not there.all():
            found[f"{task}_share"] = metrics.proportion(int(there.sum()), len(there))
        if not there.any():
            continue
        rmse = root_mean_square(error[there], group[there])
        found[f"{task}_rmse"] = scaled(rmse, 1.0 / (limits.high - limits.low)[place])
        if task in outcome.deviations:
            inside = np.abs(error) <= HALF_WIDTH * outcome.deviations[task]
            found[f"{task}_coverage"] = mean_over_groups(inside[there].astype(np.float64), group[there])
        found[f"{task}_rmse_{UNITS[task]}"] = scaled(rmse, 180.0 / math.pi if task == "angle" else 1.0)
    if outcome.pictures is not None:
        found["psnr_db"] = mean_over_groups(metrics.psnr_db(outcome.sent, outcome.pictures), group)
        found["ssim"] = mean_over_groups(metrics.ssim(outcome.sent, outcome.pictures), group)
    return found


def root_mean_square(errors: np.ndarray, group: np.ndarray) -> Metric:
    """Eq. (51), with an interval over groups."""
    mean = mean_over_groups(np.asarray(errors, dtype=np.float64) ** 2, group)
    return Metric(math.sqrt(mean.value), math.sqrt(max(mean.low, 0.0)), math.sqrt(mean.high), mean.n)


def has_interval(metric: Metric) -> bool:
    """Whether there is an interval: a single drive or vehicle tells nothing of others."""
    return metric.n > 1


def scaled(metric: Metric, factor: float) -> Metric:
    """The same in another unit."""
    return Metric(metric.value * factor, metric.low * factor, metric.high * factor, metric.n)
