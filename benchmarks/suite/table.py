# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from .record import Record

CAPTION = "ratio: how good ours is, more is better: own over peer, of latencies and other costs peer over own"


def table(records: Sequence[Record], title: str) -> Table:
    """One row a record; the ratio is green where the goal is met."""
    made = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE, padding=(0, 1, 0, 0))
    made.caption, made.caption_justify, made.caption_style = CAPTION, "left", ""
    made.add_column("measured", min_width=18)
    for column in ("value", "unit", "peer", "its value", "ratio", "goal"):
        made.add_column(column, justify="left" if column in ("unit", "peer") else "right", no_wrap=True)
    for one in records:
        colour = "default" if one.goal is None else "green" if one.ratio >= one.goal else "red"
        made.add_row(
            one.name,
            figure(one.value),
            one.unit,
            one.peer.partition(" (")[0],
            figure(one.peer_value),
            f"[{colour}]{one.ratio:.2f}[/]",
            "" if one.goal is None else f"{one.goal:g}",
        )
    return made


def figure(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
