# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One measured comparison, and the file that keeps them."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semisac_ml.outputs import write_output

Measurement = Callable[[float], float]  # seconds to measure for -> rate


@dataclass(frozen=True)
class Comparison:
    """Something to measure, and its peer.

    group: what --only names. name: of this measurement. unit: of both rates. peer: what it is compared with,
    peer_conditions: and how that is set. measure, measure_peer: functions of the seconds to spend, that
    return the rate. goal: least ratio wanted, or None.
    """

    group: str
    name: str
    unit: str
    peer: str
    peer_conditions: str
    measure: Measurement
    measure_peer: Measurement
    goal: float | None = None


@dataclass(frozen=True)
class Record:
    """What came out: medians of both rates, and the median of the ratios of neighbouring measurements."""

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    ratio: float
    goal: float | None
    machine: str
    date: str


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
        ratio=statistics.median(own / peer for own, peer in pairs),
        goal=comparison.goal,
        machine=machine(),
        date=datetime.date.today().isoformat(),
    )


def machine() -> str:
    """Processor and number of usable cores."""
    model = "unknown processor"
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                model = " ".join(value.split())
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} core{'s' if cores > 1 else ''}"


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
