# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report shows of targets: frames with what was found in them, echoes, and errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gnuradio.semisac.map_drawing import colours
from markupsafe import Markup
from PIL import Image, ImageDraw

from semisac_ml.signal.lfm_simo_echo import (
    BELOW_ZERO,
    OVERSAMPLING,
    LfmSimoRadar,
    echo_map,
    range_angle_power,
)
from semisac_ml.systems.simac.samples import STATES, TargetSet
from semisac_ml.systems.simac.scoring import HALF_WIDTH, Outcome

from . import charts
from .pages import data_url, render

EXAMPLES, SHOWN_WIDTH, POINTS = 8, 480, 600
TRUE_COLOUR, LOOKED_COLOUR = (47, 133, 90), (237, 137, 54)
UNITS = {"distance": (1.0, " m"), "angle": (180.0 / math.pi, "°"), "velocity": (1.0, " m/s")}
MAP_ANGLES, MARKED_DEG, LEAST_CEILING_DB = 64, (-60, -30, 0, 30, 60), 20.0


@dataclass(frozen=True)
class Kept:
    """What is kept of a run for its report.

    ids: of the frames that came through, int64. boxes: where the encoder looked, float32 [frames, 4].
    outcome: states and deviations. snr_db: Es/N0 as the receiver measured it, NaN unknown. pictures:
    received, of the first of them, uint8 [pictures, side, side, 3]. counters: frames by what became of them.
    echo: of a frame by its id, complex64 [antennas * length].
    """

    ids: np.ndarray
    boxes: np.ndarray
    outcome: Outcome
    snr_db: np.ndarray
    pictures: np.ndarray
    counters: dict[str, int]
    echo: Callable[[int], np.ndarray]

    @property
    def rows(self) -> np.ndarray:
        """Samples of the scene that the frames show."""
        return self.outcome.rows


@dataclass(frozen=True)
class TargetReport:
    """Sections of a run.

    cut_out: picture of a sample's target, as it was to be received. radar: that hears it, None if none works.
    """

    scene: TargetSet
    cut_out: Callable[[int], np.ndarray]
    radar: LfmSimoRadar | None
    kept: Kept

    def sections(self) -> Markup:
        """HTML of the sections."""
        shown = np.linspace(0, len(self.kept.pictures) - 1, EXAMPLES).round().astype(int)
        places = np.unique(shown).tolist() if len(self.kept.pictures) else []
        return render(
            Path(__file__).with_name("target_report.html.j2"),
            examples=[self._example(place) for place in places],
            echoes=self._echoes(places[-1]) if places and self.radar else None,
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
                    "truth": f"{truth:.1f}{unit}",
                    "said": f"{said:.1f} ± {deviation:.1f}{unit}",
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

    def _echoes(self, place: int) -> dict[str, object]:
        """Maps of what the radar heard in one frame, with the target as it was and as it was received."""
        radar, frame_id = self.radar, int(self.kept.ids[place])
        echo = self.kept.echo(frame_id).reshape(radar.antennas, radar.range_bins, -1).transpose(0, 2, 1)
        truth = self.scene.states[int(self.kept.rows[place])]
        said = [self.kept.outcome.states[task][place] for task in STATES]
        angles = charts.Axes(
            charts.even_scale(
                -(BELOW_ZERO + 0.5) * radar.range_bin_m,
                radar.farthest_m + 0.5 * radar.range_bin_m,
                "range, m",
            ),
            charts.Scale(-1.0, 1.0, [(math.sin(math.radians(d)), f"{d}") for d in MARKED_DEG], "azimuth, °"),
        )
        columns = OVERSAMPLING * (radar.range_bins - BELOW_ZERO)
        doppler = np.mean(np.abs(echo_map(echo, radar)) ** 2, axis=0)[:, :columns]
        return {
            "frame_id": frame_id,
            "charts": [
                charts.map_chart(
                    _map_url(range_angle_power(echo, MAP_ANGLES)),
                    angles,
                    [(said[0], math.sin(said[1]))],
                    [(truth[0], math.sin(truth[1]))],
                    "Range-angle map",
                ),
                charts.map_chart(
                    _map_url(doppler),
                    charts.range_doppler_axes(radar.geometry, *doppler.shape),
                    [(said[0], said[2])],
                    [(truth[0], truth[2])],
                    "Range-Doppler map",
                ),
            ],
        }

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
            charts.even_scale(-reach, reach, f"error of the {task}, {unit.strip()}"),
        )
        parts = [*axes.frame(), axes.line(place, end, "other"), axes.line(place, -end, "other")]
        parts.append(axes.dots(place, error, "sent", 2.2))
        return {"name": task, "chart": charts.svg(parts, f"Error of the {task}")}


def _map_url(power: np.ndarray) -> str:
    """Picture of a map of power over noise, the last row on top."""
    power_db = 10.0 * np.log10(power[::-1] + 1e-12)
    return data_url(colours(power_db, 0.0, max(LEAST_CEILING_DB, power_db.max())))
