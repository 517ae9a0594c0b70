# SPDX-License-Identifier: GPL-3.0-or-later
"""How the curves of the link's figures look, and the trade-off between tasks."""

from __future__ import annotations

from pathlib import Path

from semisac_ml.results import Result
from semisac_ml.results.drawing import line_charts, picture
from semisac_ml.systems.jssc.rows import CHANNELS

LABELS = {
    "mse": "reconstruction loss (MSE)",
    "sensing_accuracy": "sensing accuracy",
    "task_accuracy": "accuracy: animal or not",
    "psnr_of_mean_mse_db": "PSNR of the mean error in dB",
    "class_accuracy": "accuracy: ten classes",
    "animal_accuracy": "accuracy: animal or not",
}
COLOURS = dict(zip(CHANNELS, ("tab:blue", "tab:red"), strict=True))
STYLES = {
    "paper": {"marker": "o", "alpha": 0.55},
    "bundle": {"marker": "s"},
    "bundle, symbols known": {"marker": "^"},
    "bundle, echo only": {"marker": "s"},
    "optimal detector": {"linestyle": ":"},
    "optimal decision": {"linestyle": ":"},
    "linear code": {"linestyle": "--"},
    "Gaussian rate-distortion": {"linestyle": ":"},
    "energy detector": {"linestyle": "-."},
}


def _style(row: Result) -> dict[str, object]:
    channel = row.conditions["channel"]
    return {"label": f"{row.variant} ({channel})", "color": COLOURS[channel], **STYLES[row.variant]}


def _order(row: Result) -> tuple[int, int]:
    return CHANNELS.index(row.conditions["channel"]), list(STYLES).index(row.variant)


def draw_rows(rows: list[Result], path: Path) -> Path:
    """Draw a figure from the rows of its CSV: a column of axes for each panel, a row for each metric."""
    if rows[0].figure == "tradeoff":
        return _draw_tradeoff(rows, path)
    panels = list(dict.fromkeys(map(_panel, rows)))
    ordered = sorted(rows, key=lambda row: (panels.index(_panel(row)), *_order(row)))
    line_charts(path, ordered, LABELS, _panel, _style)
    return path


def _panel(row: Result) -> str:
    return row.conditions.get("panel", row.axis)


def _draw_tradeoff(rows: list[Result], path: Path) -> Path:
    with picture(path, 6.4, 4.6) as figure:
        axis = figure.subplots()
        for channel, colour in COLOURS.items():
            accuracy, psnr = (
                {
                    row.x: row.value
                    for row in rows
                    if (row.conditions["channel"], row.metric) == (channel, metric)
                }
                for metric in ("task_accuracy", "psnr_of_mean_mse_db")
            )
            points = [(weight, accuracy[weight], psnr[weight]) for weight in sorted(accuracy)]
            _, x, y = zip(*points, strict=True)
            axis.plot(x, y, "o-", color=colour, markersize=6, label=channel)
            for weight, *place in points:
                axis.annotate(f"{weight:.2g}", place, textcoords="offset points", xytext=(5, 4), fontsize=8)
        axis.set_xlabel("accuracy of ten classes")
        axis.set_ylabel("PSNR of the mean error in dB")
        axis.set_title("both SNRs 3 dB, n = 20; numbers: weight of the task")
        axis.legend()
    return path
