# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cramér-Rao bounds of test samples at their radar SNR, and how far systems are from them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from semisac_ml.results import Result
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar

from .comparison import IN_UNITS, SYSTEM, row_of
from .samples import STATES, TargetSet
from .scoring import UNITS, Outcome, has_interval, root_mean_square, scaled

BOUND = "Cramér-Rao bound"
RADAR_AXIS = "SNR of the radar (dB)"
BIN_DB = 4.0
FEWEST = 20
"""Samples of a bin that is told of."""


def bounds(samples: TargetSet, rows: np.ndarray, radar: LfmSimoRadar | None = None) -> np.ndarray:
    """Least deviations of distance, azimuth and velocity of samples, float64 [rows, 3], m, rad, m/s."""
    radar = radar or LfmSimoRadar()
    found = [radar.deviations(samples.distance_m[row], samples.azimuth_rad[row]) for row in rows]
    return np.array(found)[:, [0, 2, 1]]


def bound_rows(
    samples: TargetSet, rows: np.ndarray, radar: LfmSimoRadar | None = None, **told: object
) -> list[Result]:
    """Root mean square of the bounds of samples: what no unbiased estimate from the echo alone is below."""
    least, group = bounds(samples, rows, radar), samples.group[rows]
    return [
        row_of(
            scaled(root_mean_square(least[:, place], group), IN_UNITS[task]),
            f"{task}_rmse_{UNITS[task]}",
            variant=BOUND,
            inputs="radar",
            **told,
        )
        for place, task in enumerate(STATES)
    ]


def over_bound(
    outcome: Outcome, samples: TargetSet, name: str, radar: LfmSimoRadar | None = None, **conditions: str
) -> Iterator[Result]:
    """RMSE over the bound in dB, by the radar's SNR: errors are divided by the bound of their sample.

    Bins of 4 dB with fewer than 20 samples are left out.
    """
    radar = radar or LfmSimoRadar()
    rows = outcome.rows
    least = bounds(samples, rows, radar)
    snr_db = np.array([10.0 * math.log10(radar.snr(one)) for one in samples.distance_m[rows]])
    bins = np.floor(snr_db / BIN_DB).astype(int)
    for place, task in enumerate(STATES):
        ratio = (outcome.states[task] - samples.states[rows, place]) / least[:, place]
        for number in np.unique(bins):
            own = (bins == number) & np.isfinite(ratio)
            if own.sum() < FEWEST:
                continue
            found = root_mean_square(ratio[own], samples.group[rows[own]])
            yield Result(
                system=SYSTEM,
                figure="bounds",
                variant=name,
                conditions={"x": RADAR_AXIS, **conditions},
                x=BIN_DB * (float(number) + 0.5),
                metric=f"{task}_over_bound_db",
                value=_db(found.value),
                low=_db(found.low) if has_interval(found) else None,
                high=_db(found.high) if has_interval(found) else None,
                n=int(own.sum()),
            )


def _db(ratio: float) -> float:
    return 20.0 * math.log10(max(ratio, 1e-6))
