# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of a run as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from common.results import described, figure_table, placed, versions
from rich.console import Console
from rich.table import Table

from semisac_ml.signal.metrics import Metric

from .air import AirSummary, TargetAccuracy
from .link import Link


@dataclass(frozen=True)
class RunResult:
    """One run: what was sent how, the figures, and what the report shows.

    link: that was run. images: that were to be sent. done: that came through.
    figures: by name. kept: what the link's report shows.
    air: of waveform and radar, None without them.
    finished: whether the run ended by itself. failure: what ended it otherwise, "" if nothing or Ctrl-C.
    """

    link: Link
    command: str
    images: int
    done: int
    finished: bool
    figures: dict[str, Metric]
    kept: object
    air: AirSummary | None = None
    failure: str = ""
    date: datetime = field(default_factory=lambda: datetime.now(UTC))

    def rows(self) -> list[dict[str, str]]:
        """Figures that apply, as text."""
        return described(self.figures, self.link.ROWS)

    def as_json(self) -> str:
        """The figures, and everything needed to get them again."""
        content = {
            "metrics": {name: metric.as_dict() for name, metric in self.figures.items()},
            "settings": {"images": self.images, "data": self.link.source, **self.link.settings()},
            "bundle": {"name": self.link.bundle.name, "fingerprint": self.link.bundle.fingerprint},
            "inference": placed(self.link.bundle),
            **self.link.stated(),
            **({"air": self.air.plain()} if self.air else {}),
            "finished": self.finished,
            "message": self.failure,
            "command": self.command,
            "date": self.date.isoformat(timespec="seconds"),
            "versions": versions(),
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


def print_table(result: RunResult, console: Console) -> None:
    """Print the figures."""
    title = ", ".join((result.link.bundle.name, *result.link.conditions()))
    table = figure_table(title, samples=True)
    for row in result.rows():
        table.add_row(row["label"], row["value"], row["interval"], row["samples"])
    console.print(table)
    if result.air:
        _print_air(result.air, console)


def _print_air(air: AirSummary, console: Console) -> None:
    counters = ", ".join(f"{count} {name}" for name, count in air.counters.items() if count)
    console.print(f"On the air: {counters}.", highlight=False)
    table = Table(header_style="dim", title="Radar: root mean square error (Cramér-Rao deviation)")
    for heading in ("target", "found", "range", "speed", "azimuth"):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    for target in air.targets:
        table.add_row(target.truth, f"{target.found} of {target.maps}", *error_texts(target))
    console.print(table)


def error_texts(target: TargetAccuracy) -> list[str]:
    """Errors of range, speed and azimuth as "RMSE (deviation)"; a dash where nothing was measured."""
    units = {"range_m": (1.0, " m"), "velocity_mps": (1.0, " m/s"), "azimuth_rad": (180.0 / np.pi, "°")}
    texts = []
    for name, (factor, unit) in units.items():
        found = target.errors.get(name)
        texts.append(f"{factor * found[0]:.3g}{unit} ({factor * found[1]:.2g})" if found else "–")
    return texts
