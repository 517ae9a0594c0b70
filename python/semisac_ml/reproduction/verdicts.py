# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What papers' claims come to: the rule of :mod:`semisac_ml.results.verdicts`, and what cannot be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semisac_ml.reproduction.declared import Claim, Item, Paper
from semisac_ml.reproduction.readings import Found, Results
from semisac_ml.results.verdicts import BEATEN, MET, REFUTED, UNDECIDED, against_number, against_order

DRAWN, NOT_YET = "drawn", "not measured yet"
CANNOT, NOTHING = "cannot be tested here", "nothing to measure"
VERDICTS = (MET, BEATEN, REFUTED, UNDECIDED, DRAWN, NOT_YET, CANNOT, NOTHING)


def verdict(claim: Claim, found: Found | None) -> str:
    """One of VERDICTS. found: None where nothing is measured, or nothing is to be."""
    if claim.nothing:
        return NOTHING
    if claim.cannot:
        return CANNOT
    if found is None:
        return NOT_YET
    if not claim.found:
        return DRAWN
    if claim.way == "about":
        near = abs(found.value - claim.goal) <= claim.tolerance * abs(claim.goal)
        return MET if near else REFUTED
    measured = found.value, found.low, found.high
    if claim.printed:
        return against_number(*measured, claim.goal, claim.way == "at most")
    return against_order(*measured, claim.goal)


@dataclass(frozen=True)
class Judged:
    """A claim with what was found."""

    item: Item
    claim: Claim
    found: Found | None
    verdict: str


def judged(paper: Paper, results: Results) -> list[Judged]:
    """All claims of a paper."""
    rows = []
    for item in paper.items:
        for claim in item.claims:
            found = results.found(item, claim)
            rows.append(Judged(item, claim, found, verdict(claim, found)))
    return rows


def tally(rows: Sequence[Judged]) -> dict[str, int]:
    """How many claims have each verdict."""
    return {name: count for name in VERDICTS if (count := sum(row.verdict == name for row in rows))}
