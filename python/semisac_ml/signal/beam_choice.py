# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which beams to measure, and which to report when their probabilities are known."""

from __future__ import annotations

import numpy as np

REPORTED = 5
FARTHEST_BEAMS = 5
TOP_WEIGHT = 0.5


def measured_beams(count: int, beams: int = 64) -> np.ndarray:
    """Evenly spread beams of a partial sweep, int64 [count]: the middle of each of `count` equal groups.

    8 of 64 are 4, 12, … 60. The first of each group (0, 8, …) is worse: beam 0 never wins.
    """
    if not 1 <= count <= beams or beams % count:
        raise ValueError(f"{count} of {beams} beams, expected a divisor of {beams}")
    step = beams // count
    return np.arange(count, dtype=np.int64) * step + step // 2


def choose_beams(
    probability: np.ndarray,
    count: int = REPORTED,
    farthest: int = FARTHEST_BEAMS,
    top_weight: float = TOP_WEIGHT,
    tempering: float = 1.0,
) -> np.ndarray:
    """Beams to report, the best first, by expected cost, int64 [samples, count].

    The first beam has the least expected cost; each further one lowers the expected cost of the set most,
    where the cost of a set is that of its nearest member. The cost of beam b when k is the strongest is
    min(|b - k| / farthest, 1), what the challenge of 2022 counts, plus `top_weight` where b is not k.

    Parameters
    ----------
    probability : ndarray, float [samples, beams]
        That each beam is the strongest.
    count : int
        1 to beams.
    farthest : int
        Distance in beams from which all errors are alike.
    top_weight : float
        0 or more; large values rank by probability alone.
    tempering : float
        Exponent of the probabilities, above 0. Below 1 the choice hedges: what is calibrated on some drives
        is too sure on others.
    """
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim != 2 or not 1 <= count <= probability.shape[1]:
        raise ValueError(f"{count} of probabilities {probability.shape}, expected [samples, beams] and fewer")
    if tempering <= 0.0:
        raise ValueError(f"tempering is {tempering}, expected a number above 0")
    probability, beams = probability**tempering, probability.shape[1]
    apart = np.abs(np.arange(beams)[:, None] - np.arange(beams))
    cost = np.minimum(apart / farthest, 1.0) + top_weight * (apart > 0)
    chosen = np.empty((len(probability), count), dtype=np.int64)
    left = np.full(probability.shape, cost.max() + 1.0)  # cost so far, if each beam were the strongest
    for place in range(count):
        chosen[:, place] = _cheapest(probability, left, cost, chosen[:, :place])
        left = np.minimum(left, cost[chosen[:, place]])
    return chosen


def _cheapest(probability: np.ndarray, left: np.ndarray, cost: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The beam that lowers the expected cost most, int64 [samples]; none that is taken."""
    expected = np.empty(probability.shape)
    for beam in range(probability.shape[1]):
        expected[:, beam] = (probability * np.minimum(left, cost[beam])).sum(axis=1)
    np.put_along_axis(expected, taken, np.inf, axis=1)
    return expected.argmin(axis=1)
