# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One measured comparison, and the file that keeps them."""

from __future__ import annotations

import dataclasses
import datetime
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from semisac_ml.outputs import write_output
from semisac_ml.processor import machine

Measurement = Callable[[float], float]  # seconds to measure for -> rate
GOAL = "goal"
"""Peer of what is asked as a plain figure."""
COSTS = ("ms", "s", "% of a core", "cores", "times", "samples")
"""Units of what should be small."""
LEAST_OF_STORED = 0.8
"""Share of its stored ratio that a comparison must reach."""


class LeftOut(Exception):
    """What a measurement needs is not installed; says what."""


@dataclass(frozen=True)
class Comparison:
    """Something to measure, and its peer.

    group: what --only names. name: of this measurement. unit: of both figures. peer: what it is compared
    with, peer_conditions: and how that is set. measure, measure_peer: functions of the seconds to spend, that
    return the figure; they may raise LeftOut. goal: least ratio wanted, or None. most_repeats: of what takes
    long.
    """

    group: str
    name: str
    unit: str
    peer: str
    peer_conditions: str
    measure: Measurement
    measure_peer: Measurement
    goal: float | None = None
    most_repeats: int | None = None


def asked(
    group: str, name: str, unit: str, figure: float, conditions: str, measure: Measurement, repeats: int = 3
) -> Comparison:
    """A comparison with a plain figure that an issue asks for; that is no measurement."""
    return Comparison(
        group=group,
        name=name,
        unit=unit,
        peer=GOAL,
        peer_conditions=conditions,
        measure=measure,
        measure_peer=lambda seconds: figure,
        goal=1.0,
        most_repeats=repeats,
    )


@dataclass(frozen=True)
class Record:
    """What came out: medians of both figures, and the median of the ratios of neighbouring measurements.

    The ratio says how good ours is: own over the peer's, the other way round for costs such as a latency.
    best: of the ratios that were stored before, where one was higher; a row that gets worse by little each
    time falls all the same.
    """

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    ratio: float
    goal: float | None
    machine: str
    date: str
    best: float | None = None

    @property
    def reference(self) -> float:
        """What later ratios are held against."""
        return self.ratio if self.best is None else self.best


def record(comparison: Comparison, pairs: Sequence[tuple[float, float]]) -> Record:
    """Sum up pairs of (own rate, rate of the peer), each pair measured one right after the other.

    The ratio is the median of the pairs' ratios: a machine that slows down for a while slows both of a pair.
    """
    return Record(
        name=comparison.name,
        value=statistics.median(own for own, _ in pairs),
        unit=comparison.unit,
        peer=f"{comparison.peer} ({comparison.peer_conditions})",
        peer_value=statistics.median(peer for _, peer in pairs),
        ratio=statistics.median(_ratio(comparison.unit, *pair) for pair in pairs),
        goal=comparison.goal,
        machine=machine(),
        date=datetime.date.today().isoformat(),
    )


def _ratio(unit: str, own: float, peer: float) -> float:
    return peer / own if unit in COSTS else own / peer


def fallen(records: Sequence[Record], stored: Sequence[Record]) -> dict[str, str]:
    """A line for each record more than 20 % below the best stored one of the same name and peer, by name.

    A ratio to a peer of the same run is compared whichever machine the stored one is of; one to a plain
    figure says how fast the machine is, and is compared on the same machine alone.
    """
    lines = {}
    for one, old in _comparable(records, stored):
        if one.ratio < LEAST_OF_STORED * old.reference:
            lines[one.name] = (
                f"{one.name}: ratio {one.ratio:.3g}, more than 20 % below the best that was stored, "
                f"{old.reference:.3g} ({old.date}, {old.machine})"
            )
    return lines


def unchecked(records: Sequence[Record], stored: Sequence[Record]) -> list[str]:
    """A line for each record that no stored one can be compared with, and for each stored one without."""
    compared = {one.name for one, _ in _comparable(records, stored)}
    new = [f"{one.name}: nothing stored to compare with" for one in records if one.name not in compared]
    names = {one.name for one in records}
    return new + [f"{one.name}: is stored, was not measured" for one in stored if one.name not in names]


def _comparable(records: Sequence[Record], stored: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    before = {(one.name, one.peer): one for one in stored}
    for one in records:
        old = before.get((one.name, one.peer))
        if old is not None and not (old.peer.startswith(GOAL) and old.machine != one.machine):
            yield one, old


def with_best(records: Sequence[Record], stored: Sequence[Record]) -> list[Record]:
    """The records, each with the best ratio of its kind so far."""
    best = {one.name: old.reference for one, old in _comparable(records, stored)}
    return [
        dataclasses.replace(one, best=best[one.name]) if best.get(one.name, 0.0) > one.ratio else one
        for one in records
    ]


def merged(records: Sequence[Record], stored: Sequence[Record], order: Sequence[str]) -> list[Record]:
    """Stored rows with those of the same names replaced, in an order of names; others are dropped."""
    of_name = {one.name: one for one in (*stored, *records)}
    return [of_name[name] for name in order if name in of_name]


def read(file: Path) -> list[Record]:
    """Records of a file; none where there is no file. Raises ValueError for one of another kind."""
    if not file.exists():
        return []
    try:
        return [Record(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} holds no benchmarks ({error}): remove it, or choose another file") from None


def write(records: Sequence[Record], file: Path) -> None:
    """Write records as a JSON list, under a temporary name first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rounded = [
        {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in dataclasses.asdict(r).items()
        }
        for r in records
    ]
    write_output(file, json.dumps(rounded, indent=2) + "\n")
