# SPDX-License-Identifier: GPL-3.0-or-later
"""How the curves of the link's figures look, and the trade-off between tasks."""

from __future__ import annotations

from pathlib import Path

from semisac_ml.results import Result
from semisac_ml.results.averages import over_seeds
from semisac_ml.results.drawing import line_charts, picture, side_by_side, slant_names
from semisac_ml.systems.jssc.rows import CHANNELS

LABELS = {
    "mse": "reconstruction loss (MSE)",
    "sensing_accuracy": "sensing accuracy",
    "task_accuracy": "accuracy: animal or not",
    "psnr_of_mean_mse_db": "PSNR of the mean error in dB",
    "class_accuracy": "accuracy: ten classes",
    "animal_accuracy": "accuracy: animal or not",
    "detection_probability": "probability of detection",
}
COLOURS = dict(zip(CHANNELS, ("tab:blue", "tab:red"), strict=True))
STYLES = {
    "paper": {"marker": "o", "alpha": 0.55},
    "paper, gain not told": {"marker": "v", "linestyle": "--"},
    "best from the echo alone": {"linestyle": "", "marker": "_", "markersize": 12},
    "bundle": {"marker": "s"},
    "bundle, symbols known": {"marker": "^"},
    "bundle, echo only": {"marker": "s"},
    "optimal detector": {"linestyle": ":"},
    "optimal detector, Doppler known": {"linestyle": ":"},
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
    rows = [row for row in over_seeds(rows) if not row.metric.endswith("_sd")]
    drawn = {"tradeoff": _draw_tradeoff, "sharing": _draw_sharing, "echoes": _draw_echoes}
    if rows[0].figure in drawn:
        return drawn[rows[0].figure](rows, path)
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
                    if (row.conditions["channel"], row.metric, _panel(row)) == (channel, metric, "test")
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


def _draw_sharing(rows: list[Result], path: Path) -> Path:
    """Sensing against reconstruction: joint systems, and systems that share the time of one frame."""
    with picture(path, 6.4, 4.6) as figure:
        axis = figure.subplots()
        for channel, colour in COLOURS.items():
            for variant, line in (("paper", "o-"), ("time shared", "v--")):
                own = [row for row in rows if (row.conditions["channel"], row.variant) == (channel, variant)]
                error, sensing = (
                    {row.x: row.value for row in own if row.metric == metric}
                    for metric in ("mse", "sensing_accuracy")
                )
                places = sorted(set(error) & set(sensing))
                label = f"{'joint' if variant == 'paper' else variant} ({channel})"
                x, y = ([values[place] for place in places] for values in (error, sensing))
                axis.plot(x, y, line, color=colour, label=label)
                for place, *at in zip(places, x, y, strict=True):
                    axis.annotate(f"{place:g}", at, textcoords="offset points", xytext=(5, 4), fontsize=8)
        axis.set_xlabel(LABELS["mse"])
        axis.set_ylabel(LABELS["sensing_accuracy"])
        axis.set_title("both SNRs 3 dB, 20 reals in all; numbers: weight of sensing, reals of the picture")
        axis.legend()
    return path


def _draw_echoes(rows: list[Result], path: Path) -> Path:
    shown = [row for row in rows if row.metric == "sensing_accuracy"]
    with picture(path, 9.0, 3.8) as figure:
        axis = figure.subplots()
        side_by_side(axis, shown, _panel, lambda row: row.variant, bars=False)
        slant_names(axis)
        axis.set_ylabel(LABELS["sensing_accuracy"])
        axis.legend()
    return path
