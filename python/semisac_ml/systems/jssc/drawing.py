# SPDX-License-Identifier: GPL-3.0-or-later
"""CSV files and pictures of measured curves."""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path

import numpy as np

from semisac_ml.outputs import output_file
from semisac_ml.systems.jssc.rows import CHANNELS, Row


def write_csv(rows: list[Row], path: Path) -> Path:
    """Write the rows of a figure, one value a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[field.name for field in dataclasses.fields(Row)])
        writer.writeheader()
        for row in rows:
            plain = dataclasses.asdict(row)
            for name in ("value", "low", "high"):
                plain[name] = f"{plain[name]:.6g}"
            writer.writerow(plain)
    return path


LABELS = {
    "mse": "reconstruction loss (MSE)",
    "sensing_accuracy": "sensing accuracy",
    "task_accuracy": "accuracy: animal or not",
    "psnr_of_mean_mse_db": "PSNR of the mean error in dB",
    "class_accuracy": "accuracy: ten classes",
    "animal_accuracy": "accuracy: animal or not",
}

COLOURS = {"awgn": "tab:blue", "rayleigh": "tab:red"}
X_LABELS = {"amplitude only": "number of ranges", "delay of one symbol a range": "number of ranges"}


def draw_rows(rows: list[Row], path: Path) -> Path:
    """Draw a figure from the rows of its CSV: a column of axes for each panel, a row for each metric.

    Where there is one of either, the axes fill rows of three, or two of two.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    if rows[0].figure == "tradeoff":
        return _draw_tradeoff(rows, path)
    panels = list(dict.fromkeys(row.panel for row in rows))
    measures = list(dict.fromkeys(row.metric for row in rows))
    cells = [(panel, metric) for metric in measures for panel in panels]
    grid = min(len(panels), len(measures)) > 1
    columns = len(panels) if grid else 2 if len(cells) == 4 else min(len(cells), 3)
    shape = (math.ceil(len(cells) / columns), columns)
    size = (4.2 * shape[1], 3.2 * shape[0] + 0.9)
    figure, axes = pyplot.subplots(*shape, figsize=size, squeeze=False, layout="constrained")
    for axis, (panel, metric) in zip(axes.flat, cells, strict=False):
        _draw_curves(axis, [row for row in rows if row.panel == panel and row.metric == metric])
        axis.set_xlabel(X_LABELS.get(panel, "sensing SNR in dB" if panel.startswith("n = ") else panel))
        axis.set_ylabel(LABELS[metric])
        if axis.get_xlabel() != panel:
            axis.set_title(panel, fontsize=10)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(cells) :]:
        axis.remove()
    # one legend for all: the axis with the most curves has every label
    handles: dict[str, object] = {}
    for axis in axes.flat:
        handles.update(dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True)))
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=max(2, round(size[0] / 2.8)),
        fontsize=8,
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path


def _draw_curves(axis: object, rows: list[Row]) -> None:
    styles = {
        "paper": "o-",
        "bundle": "s-",
        "bundle, symbols known": "^-",
        "bundle, echo only": "s-",
        "optimal detector": ":",
        "optimal decision": ":",
        "linear code": "--",
        "Gaussian rate-distortion": ":",
        "energy detector": "-.",
    }
    for channel in CHANNELS:
        for system in styles:
            chosen = sorted(
                (r for r in rows if r.channel == channel and r.system == system), key=lambda r: r.x
            )
            if not chosen:
                continue
            spread = np.array([[r.value - r.low for r in chosen], [r.high - r.value for r in chosen]])
            axis.errorbar(
                [r.x for r in chosen],
                [r.value for r in chosen],
                yerr=spread if spread.any() else None,
                fmt=styles[system],
                color=COLOURS[channel],
                alpha=0.55 if system == "paper" else 1.0,
                markersize=4,
                linewidth=1.2,
                label=f"{system} ({channel})",
            )


def _draw_tradeoff(rows: list[Row], path: Path) -> Path:
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6.4, 4.6))
    for channel, colour in COLOURS.items():
        values = {
            metric: {row.x: row.value for row in rows if (row.channel, row.metric) == (channel, metric)}
            for metric in ("psnr_of_mean_mse_db", "task_accuracy")
        }
        weights = sorted(values["task_accuracy"])
        accuracy = [values["task_accuracy"][weight] for weight in weights]
        psnr = [values["psnr_of_mean_mse_db"][weight] for weight in weights]
        axis.plot(accuracy, psnr, "o-", color=colour, markersize=6, label=channel)
        for weight, x, y in zip(weights, accuracy, psnr, strict=True):
            axis.annotate(f"{weight:.2g}", (x, y), textcoords="offset points", xytext=(5, 4), fontsize=8)
    axis.set_xlabel("accuracy of ten classes")
    axis.set_ylabel("PSNR of the mean error in dB")
    axis.set_title("both SNRs 3 dB, n = 20; numbers: weight of the task", fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
