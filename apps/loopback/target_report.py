# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report shows of targets: frames with what was found in them, and errors with their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image, ImageDraw

from semisac_ml.systems.simac.samples import STATES, TargetSet
from semisac_ml.systems.simac.scoring import HALF_WIDTH, Outcome

from . import charts
from .pages import data_url, render

EXAMPLES, SHOWN_WIDTH, POINTS = 8, 480, 600
TRUE_COLOUR, LOOKED_COLOUR = (47, 133, 90), (237, 137, 54)
UNITS = {"distance": (1.0, "m"), "angle": (180.0 / math.pi, "°"), "velocity": (1.0, "m/s")}


@dataclass(frozen=True)
class Kept:
    """What is kept of a run for its report.

    ids: of the frames that came through, int64. boxes: where the encoder looked, float32 [frames, 4].
    outcome: states and deviations. pictures: received, of the first of them, uint8 [pictures, side, side, 3].
    counters: frames by what became of them.
    """

    ids: np.ndarray
    boxes: np.ndarray
    outcome: Outcome
    pictures: np.ndarray
    counters: dict[str, int]

    @property
    def rows(self) -> np.ndarray:
        """Samples of the scene that the frames show."""
        return self.outcome.rows


@dataclass(frozen=True)
class TargetReport:
    """Sections of a run. cut_out: picture of a sample's target, as it was to be received."""

    scene: TargetSet
    cut_out: Callable[[int], np.ndarray]
    kept: Kept

    def sections(self) -> Markup:
        """HTML of the sections."""
        shown = np.linspace(0, len(self.kept.pictures) - 1, EXAMPLES).round().astype(int)
        places = np.unique(shown).tolist() if len(self.kept.pictures) else []
        return render(
            Path(__file__).with_name("target_report.html.j2"),
            examples=[self._example(place) for place in places],
            charts=[self._errors(task) for task in STATES] if len(self.kept.rows) else [],
            counters={name: count for name, count in self.kept.counters.items() if count},
        )

    def _example(self, place: int) -> dict[str, object]:
        row = int(self.kept.rows[place])
        values = []
        for number, task in enumerate(STATES):
            factor, unit = UNITS[task]
            truth = factor * self.scene.states[row, number]
            said = factor * self.kept.outcome.states[task][place]
            deviation = factor * self.kept.outcome.deviations[task][place]
            inside = abs(said - truth) <= HALF_WIDTH * deviation
            values.append(
                {
                    "name": task,
                    "truth": f"{truth:.1f} {unit}",
                    "said": f"{said:.1f} ± {deviation:.1f} {unit}",
                    "kind": "right" if inside else "wrong",
                }
            )
        return {
            "frame_id": int(self.kept.ids[place]),
            "frame": data_url(self._with_boxes(row, self.kept.boxes[place])),
            "sent": data_url(self.cut_out(row)),
            "received": data_url(self.kept.pictures[place]),
            "values": values,
        }

    def _with_boxes(self, row: int, box: np.ndarray) -> np.ndarray:
        """The frame, with the target's box and the one where the encoder looked."""
        frame = Image.fromarray(self.scene.read_frame(int(self.scene.frame[row])))
        scale = SHOWN_WIDTH / frame.width
        shown = frame.resize((SHOWN_WIDTH, round(scale * frame.height)), Image.Resampling.BILINEAR)
        left, top, width, height = scale * self.scene.box_px[row]
        drawn = ImageDraw.Draw(shown)
        drawn.rectangle((left, top, left + width, top + height), outline=TRUE_COLOUR, width=2)
        x, y, half_width, half_height = np.clip(box, 0.0, 1.0) * (*shown.size, *shown.size)
        corners = (x - half_width, y - half_height, x + half_width, y + half_height)
        drawn.rectangle(corners, outline=LOOKED_COLOUR, width=2)
        return np.asarray(shown)

    def _errors(self, task: str) -> dict[str, object]:
        """Errors of the first frames, between the ends of their intervals."""
        factor, unit = UNITS[task]
        rows = self.kept.rows[:POINTS]
        truth = self.scene.states[rows, STATES.index(task)]
        error = factor * (self.kept.outcome.states[task][:POINTS] - truth)
        end = factor * HALF_WIDTH * self.kept.outcome.deviations[task][:POINTS]
        reach = max(1e-6, 1.1 * float(np.quantile(np.maximum(np.abs(error), end), 0.98)))
        place = np.arange(len(rows), dtype=np.float64)
        axes = charts.Axes(
            charts.even_scale(0.0, max(len(rows) - 1.0, 1.0), "frame"),
            charts.even_scale(-reach, reach, f"error of the {task}, {unit}"),
        )
        parts = [*axes.frame(), axes.line(place, end, "other"), axes.line(place, -end, "other")]
        parts.append(axes.dots(place, error, "sent", 2.2))
        return {"name": task, "chart": charts.svg(parts, f"Error of the {task}")}
