# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/performance.md, made of the stored records and the text beside this file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from semisac_ml.results import read_results

from .record import GOAL, Record

TEXT = Path(__file__).with_name("performance.md")
STORED = Path(__file__).resolve().parents[2] / "results" / "benchmarks"
"""Of block_times.csv and operator_times.csv."""
PLACE = re.compile(r"^\{(\w+)([^}]*)\}$", re.MULTILINE)
WHY = {
    "echo_processor": "all antennas are transformed in one thread.",
    "link and radar": "times of its blocks are below.",
    "encoder of": "convolutions take nearly all of the time, in bytes three fifths of it on AVX2: see below.",
    "prediction of a beam, vi_beam/street": "networks of camera, LiDAR and radar are in it.",
    "pictures through": "the networks take nearly all of the time, see below.",
    "latency of pictures": "more pictures come than the networks can take, see below.",
}
"""Why rows that begin so fall short, as long as they do."""


def written(records: Sequence[Record], stored: Path = STORED) -> str:
    """The page. Raises ValueError for a record that has no place on it."""
    left = {one.name: one for one in records}
    machines: dict[str, None] = dict.fromkeys(one.machine for one in records)

    def fill(place: re.Match[str]) -> str:
        kind, told = place[1], place[2].split()
        if kind == "table":
            own = [one for one in records if re.match(rf"({'|'.join(told)})\b", one.name)]
            for one in own:
                left.pop(one.name, None)
            return _table(own, len(machines) > 1)
        return _short(records) if kind == "short" else _times(stored / f"{kind}.csv")

    text = PLACE.sub(fill, TEXT.read_text(encoding="utf-8"))
    if left:
        raise ValueError(f"{TEXT}: {next(iter(left))!r} has no table, expected one for each row: add it")
    return text.replace("{machines}", " and on ".join(machines) or "nothing yet")


def _table(records: Sequence[Record], of_several: bool) -> str:
    if not records:
        return "Nothing stored yet."
    lines = [
        f"| measured | value | peer | its value | ratio | goal | date{', machine' * of_several} |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in records:
        peer = one.peer.replace("|", "\\|")
        goal = "" if one.goal is None else f"{one.goal:g}"
        ratio = f"{one.ratio:.2f}"
        if one.goal is not None:
            ratio = f"**{ratio}**" if one.ratio >= one.goal else f"{ratio} (short)"
        where = f", {one.machine}" * of_several
        values = f"{_figure(one.value)} {one.unit} | {peer} | {_figure(one.peer_value)}"
        lines.append(f"| {one.name} | {values} | {ratio} | {goal} | {one.date}{where} |")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _short(records: Sequence[Record]) -> str:
    lines = []
    for one in records:
        if one.goal is None or one.ratio >= one.goal:
            continue
        asked = (
            f"{_figure(one.peer_value)} {one.unit}"
            if one.peer.startswith(GOAL)
            else f"a ratio of {one.goal:g}"
        )
        found = f"{_figure(one.value)} {one.unit}" if one.peer.startswith(GOAL) else f"{one.ratio:.2f}"
        why = next((f": {text}" for name, text in WHY.items() if one.name.startswith(name)), ".")
        lines.append(f"- **{one.name}**: {found}, asked {asked}{why}")
    return "\n".join(lines) or "Nothing that is stored."


def _times(file: Path) -> str:
    """Of each flowgraph or network a table: block or operator, share, time."""
    if not file.exists():
        return "Nothing stored yet."
    tables: dict[str, list[str]] = {}
    rows = read_results(file)
    for share, each in zip(rows[::2], rows[1::2], strict=True):
        what, counted = share.figure.removesuffix("_times"), each.metric.removeprefix("time_a_")
        head = [f"| {what} | share of the processor time | {each.unit} a {counted} |", "|---|---|---|"]
        lines = tables.setdefault(", ".join(share.conditions.values()), head)
        lines.append(f"| {share.variant} | {100 * share.value:.1f} % | {each.value:.3g} |")
    return "\n\n".join(f"**{name}**\n\n" + "\n".join(lines) for name, lines in tables.items())
