# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of a run as a table, as JSON, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gnuradio.semisac import map_drawing
from rich.console import Console
from rich.table import Table

from semisac_ml.results.drawing import picture
from semisac_ml.signal.tracking_score import TrackingScore

from .settings import SENSORS, Kill, working

ROWS = {
    "beams_per_frame": ("Beams measured a frame", lambda value: f"{value:.2f}"),
    "overhead_saved": ("Saved of a sweep of all", lambda value: f"{100 * value:.1f} %"),
    "power_loss_db": ("Below the strongest beam", lambda value: f"{value:.3f} dB"),
    "best_beam": ("On the strongest beam", lambda value: f"{100 * value:.1f} %"),
    "lost": ("More than 5 beams off", lambda value: f"{100 * value:.2f} %"),
}
USED, BEST, SHADE = "#d64545", "#1f2933", "#f7d070"


@dataclass(frozen=True)
class Tracked:
    """One run: what was tracked how well.

    title: what was replayed. score: all frames. trail: metres east and north and the beam used, of frames
    with a position, float [frames, 3]. alone: the same frames by the tracker without a predictor, None
    unknown. kills: sensors that failed. interval_s: between frames.
    """

    title: str
    score: TrackingScore
    trail: np.ndarray
    alone: TrackingScore | None
    kills: list[Kill]
    interval_s: float
    counters: Mapping[str, int]


def per_frame(score: TrackingScore) -> dict[str, list]:
    """Every frame, for JSON."""
    return {
        "beam": score.beam,
        "measured": score.measured,
        "best": score.best,
        "loss_db": [round(loss, 4) for loss in score.loss_db],
    }


def print_table(run: Tracked, console: Console) -> None:
    """Figures with their intervals, and what was lost, late or stale."""
    table = Table(title=run.title, title_justify="left", title_style="bold", header_style="dim")
    table.add_column("")
    table.add_column("value", justify="right", style="bold")
    table.add_column("95 % interval", justify="right")
    table.add_column("tracker alone", justify="right")
    alone = run.alone.figures() if run.alone else {}
    for name, figure in run.score.figures().items():
        label, text = ROWS[name]
        interval = f"{text(figure.low)} … {text(figure.high)}"
        table.add_row(label, text(figure.value), interval, text(alone[name].value) if name in alone else "")
    for name, count in run.counters.items():
        table.add_row(name[0].upper() + name[1:], str(count), "", "")
    console.print(table)


def write_picture(run: Tracked, file: Path) -> None:
    """Map, power, beams measured and distance from the strongest beam, as a PNG file."""
    with picture(file, 12.5, 7.5, dpi=100) as figure:
        grid = figure.add_gridspec(3, 2, width_ratios=(1, 1.8))
        _draw_map(figure.add_subplot(grid[:, 0]), run)
        score, frames = run.score, np.arange(len(run.score))
        axes = [figure.add_subplot(grid[k, 1]) for k in range(3)]
        axes[0].plot(frames, -np.array(score.loss_db), color=USED, linewidth=0.9)
        axes[0].set_ylabel("power against the\nstrongest beam, dB")
        axes[1].plot(frames, score.measured, color=BEST, linewidth=0.9)
        axes[1].axhline(score.beams, color="grey", linewidth=0.8, linestyle="--")
        axes[1].set_ylabel(f"beams measured,\ndashed: all {score.beams}")
        axes[1].set_ylim(0, score.beams + 4)
        axes[2].plot(frames, score.best, color=BEST, linewidth=2.2, label="strongest")
        axes[2].plot(frames, score.beam, color=USED, linewidth=0.9, label="in use")
        axes[2].set_ylabel("beam")
        axes[2].set_xlabel("frame")
        axes[2].legend(loc="upper right")
        for one in axes:
            one.set_xlim(0, max(len(score) - 1, 1))
            _shade(one, run)
        figures = {name: ROWS[name][1](metric.value) for name, metric in score.figures().items()}
        if figures:
            told = (
                f"{figures['beams_per_frame']} beams a frame, {figures['overhead_saved']} of a sweep saved, "
            )
            told += f"{figures['power_loss_db']} below the strongest, {figures['lost']} more than 5 beams off"
            figure.suptitle(f"{run.title}\n{told}", fontsize="medium")


def _draw_map(axes, run: Tracked) -> None:
    colours = map_drawing.colours(run.trail[:, 2], 0, 1.1 * run.score.beams) / 255.0
    axes.scatter(run.trail[:, 0], run.trail[:, 1], s=6, c=colours)
    axes.plot(0, 0, "s", color=BEST, markersize=8)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("metres east of the base station")
    axes.set_ylabel("metres north")
    axes.set_title("positions; colour: beam in use", fontsize="small")


def _shade(axes, run: Tracked) -> None:
    """Mark the frames in which a sensor was killed."""
    for sensor in {kill.sensor for kill in run.kills}:
        dead = [
            frame for frame in range(len(run.score)) if not working(run.kills, sensor, frame * run.interval_s)
        ]
        for first in (frame for frame in dead if frame - 1 not in dead):
            last = next(frame for frame in range(first, len(run.score) + 1) if frame not in dead)
            axes.axvspan(first, last, color=SHADE, alpha=0.35, linewidth=0)
            name = f"no {SENSORS[sensor]}"
            axes.text(first, 1.0, name, transform=axes.get_xaxis_transform(), va="top", fontsize="x-small")
