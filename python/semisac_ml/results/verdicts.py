# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule by which a claim is met or not, from a number and what is measured, with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping

MET, BEATEN, REFUTED, UNDECIDED = "met", "beaten", "refuted", "undecided"
COLOURS: Mapping[str, str] = {MET: "#d8f0d8", BEATEN: "#d8f0d8", UNDECIDED: "#eeeeee", REFUTED: "#f6d5d5"}


def against_number(
    value: float, low: float | None, high: float | None, goal: float, at_most: bool = False
) -> str:
    """A number that is to be reached. Without an interval the value alone decides, and nothing is beaten."""
    short, worst, best = _beyond(value, low, high, goal, at_most)
    if worst > 0.0 and low is not None and high is not None:
        return BEATEN
    return MET if short >= 0.0 else UNDECIDED if best >= 0.0 else REFUTED


def against_order(value: float, low: float | None, high: float | None, goal: float = 0.0) -> str:
    """How much better something is than what it is said to be better than; or a figure, goal: of chance."""
    _, worst, best = _beyond(value, low, high, goal, False)
    return MET if worst > 0.0 else REFUTED if best < 0.0 else UNDECIDED


def _beyond(
    value: float, low: float | None, high: float | None, goal: float, at_most: bool
) -> tuple[float, float, float]:
    """How far beyond the goal the value is, and the ends of its interval, the worse first."""
    sign = -1.0 if at_most else 1.0
    ends = (value, value) if low is None or high is None else (low, high)
    worst, best = sorted(sign * (end - goal) for end in ends)
    return sign * (value - goal), worst, best
