# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of results, in one style: curves with their intervals, and values side by side by name."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from semisac_ml.outputs import output_file
from semisac_ml.results.rows import Result
from semisac_ml.results.verdicts import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.titlesize": 10,
    "grid.alpha": 0.3,
    "legend.fontsize": 8,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
}
DOTS_PER_INCH = 110

Text = Callable[[Result], str]
Style = Callable[[Result], dict[str, Any] | None]


@contextlib.contextmanager
def picture(
    file: str | os.PathLike[str], width: float, height: float, grid: bool = True, dpi: int = DOTS_PER_INCH
) -> Iterator[Figure]:
    """A figure to draw into, width and height in inches, which is then written as PNG; not after an error."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE | {"axes.grid": grid}):
        figure = Figure((width, height), layout="constrained")
        yield figure
        with output_file(file) as unfinished:
            figure.savefig(unfinished, format="png", dpi=dpi)


def show_image(axis: Axes, pixels: np.ndarray, **options: Any) -> None:
    """An image on axes that have no other meaning."""
    axis.imshow(pixels, **options)
    axis.grid(False)
    axis.set_xticks([])
    axis.set_yticks([])


def spread(rows: Sequence[Result]) -> np.ndarray | None:
    """How far the intervals go below and above the values, float64 [2, rows]; None where all are points."""
    ends = [
        (0.0 if row.low is None else row.value - row.low, 0.0 if row.high is None else row.high - row.value)
        for row in rows
    ]
    found = np.array(ends, dtype=np.float64).T
    return found if found.any() else None


def curves(axis: Axes, rows: Sequence[Result], style: Style, intervals: bool = True) -> None:
    """Values over x, a curve for all rows that differ in x alone.

    style: how a curve is drawn, from any of its rows: matplotlib's words, ``label`` among them; None: not.
    """
    groups: dict[Hashable, list[Result]] = {}
    for row in rows:
        groups.setdefault(row.curve, []).append(row)
    for group in groups.values():
        how = style(group[0])
        if how is not None:
            points = sorted(group, key=lambda row: row.x)
            x, values = [row.x for row in points], [row.value for row in points]
            axis.errorbar(x, values, yerr=spread(points) if intervals else None, **how)


def legend_below(figure: Figure, columns: int) -> None:
    """One legend for all axes, in which each label stands once."""
    handles: dict[str, object] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns)


def line_charts(
    file: str | os.PathLike[str],
    rows: Sequence[Result],
    labels: Mapping[str, str],
    panel: Text,
    style: Style,
    title: str = "",
    intervals: bool = True,
    logarithmic: bool = False,
) -> None:
    """Curves in a column of axes for each panel, a row for each metric.

    Where there is one of either, the axes fill rows of three, or two of two. labels: of the metrics that are
    shown. panel: heading of the column that a row of results belongs to.
    """
    panels = list(dict.fromkeys(map(panel, rows)))
    shown = list(dict.fromkeys(row.metric for row in rows if row.metric in labels))
    cells = [(own, metric) for metric in shown for own in panels]
    grid = min(len(panels), len(shown)) > 1
    columns = len(panels) if grid else 2 if len(cells) == 4 else min(len(cells), 3)
    shape = (math.ceil(len(cells) / columns), columns)
    width = 4.2 * shape[1]
    with picture(file, width, 3.2 * shape[0] + 0.9) as figure:
        axes = figure.subplots(*shape, squeeze=False)
        for axis, (own, metric) in zip(axes.flat, cells, strict=False):
            chosen = [row for row in rows if panel(row) == own and row.metric == metric]
            curves(axis, chosen, style, intervals)
            if logarithmic:
                axis.set_yscale("log")
                axis.grid(True, which="both")
            axis.set_xlabel(chosen[0].axis if chosen else "")
            axis.set_ylabel(labels[metric])
            if axis.get_xlabel() != own:
                axis.set_title(own)
        for axis in axes.flat[len(cells) :]:
            axis.remove()
        legend_below(figure, max(2, round(width / 2.8)))
        if title:
            figure.suptitle(title, fontsize=11)


def side_by_side(axis: Axes, rows: Sequence[Result], name: Text, series: Text, bars: bool = True) -> None:
    """Values by name, of several series beside each other, as bars or as points, with their intervals."""
    names = list(dict.fromkeys(map(name, rows)))
    labels = list(dict.fromkeys(map(series, rows)))
    width = 0.8 / len(labels)
    for place, label in enumerate(labels):
        own = [row for row in rows if series(row) == label]
        middle = np.array([names.index(name(row)) for row in own]) + (place - (len(labels) - 1) / 2) * width
        values = [row.value for row in own]
        if bars:
            axis.bar(middle, values, width, yerr=spread(own), label=label)
        else:
            axis.errorbar(middle, values, spread(own), fmt="o", capsize=3, label=label)
    axis.set_xticks(range(len(names)), names, fontsize=7)


def slant_names(axis: Axes) -> None:
    """Make room for many names below the axes."""
    for label in axis.get_xticklabels():
        label.set(rotation=45, horizontalalignment="right", rotation_mode="anchor", fontsize=7)


def verdict_table(
    file: str | os.PathLike[str],
    heads: Sequence[str],
    widths: Sequence[float],
    cells: Sequence[Sequence[str]],
    width: float,
) -> None:
    """Lines of text as a table, whose last column is a verdict and is coloured by it.

    widths: of the columns, as shares. width: of the picture in inches.
    """
    with picture(file, width, 0.22 * len(cells) + 0.5) as figure:
        axis = figure.subplots()
        axis.axis("off")
        table = axis.table(cells, colLabels=heads, colWidths=widths, cellLoc="left", bbox=(0, 0, 1, 1))
        table.auto_set_font_size(False)
        table.set_fontsize(8)
        for (line, column), cell in table.get_celld().items():
            cell.set_edgecolor("0.8")
            if line and column == len(heads) - 1:
                cell.set_facecolor(COLOURS[cells[line - 1][-1]])
