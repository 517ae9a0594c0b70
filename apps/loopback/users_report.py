# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report shows of users at a base station: what they saw, what was received, and their beams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from semisac_ml.data.mfnet import Pair
from semisac_ml.signal.mimo_ofdm import MimoOfdm, PathArrays, pattern_db
from semisac_ml.signal.segmentation import class_colours, mean_iou

from . import charts
from .pages import data_url, render

EXAMPLES, POINTS, FLOOR_DB = 6, 361, -40.0
STATION = -1
MARKED_DEG = (-60, -30, 0, 30, 60)
CURVES, DOTS = ("measured", "interval"), ("sent", "point")
"""Classes of lines and points: of the first and the second chain, or user."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a run for its report.

    ids: of the frames that came through, int64. counts: pixels by true and predicted class, int32 [frames,
    classes, classes]. shown: classes of the first frames, uint8 [pixels]. counters: by what went wrong.
    beams: of a frame by its id: complex values by user, those of the station by STATION.
    """

    ids: np.ndarray
    counts: np.ndarray
    shown: Sequence[np.ndarray]
    counters: dict[str, int]
    beams: Callable[[int], dict[int, np.ndarray]]


@dataclass(frozen=True)
class UsersReport:
    """Sections of a run.

    classes: their names. pairs: that were sent again and again. paths_of: paths of a frame by its id.
    """

    classes: Sequence[str]
    cell: MimoOfdm
    pairs: Sequence[Pair]
    paths_of: Callable[[int], PathArrays]
    kept: Kept

    def sections(self) -> Markup:
        """HTML of the sections."""
        places = np.unique(np.linspace(0, len(self.kept.shown) - 1, EXAMPLES).round().astype(int)).tolist()
        places = places if self.kept.shown else []
        colours = class_colours(len(self.classes))
        seen = self.kept.counts.sum(axis=(0, 1)) + self.kept.counts.sum(axis=(0, 2))
        return render(
            Path(__file__).with_name("users_report.html.j2"),
            examples=[self._example(place) for place in places],
            legend=[
                {"name": name, "colour": "#{:02x}{:02x}{:02x}".format(*colours[number].tolist())}
                for number, name in enumerate(self.classes)
                if seen[number]
            ],
            beams=self._beams(int(self.kept.ids[places[-1]])) if places else None,
            counters={name: count for name, count in self.kept.counters.items() if count},
        )

    def _example(self, place: int) -> dict[str, object]:
        """A frame: what users saw, what was received, and the truth."""
        frame_id = int(self.kept.ids[place])
        pair, colours = self.pairs[frame_id % len(self.pairs)], class_colours(len(self.classes))
        received = self.kept.shown[place].reshape(pair.label.shape)
        return {
            "frame_id": frame_id,
            "name": pair.name,
            "mean_iou": f"{100 * mean_iou(self.kept.counts[place]):.1f} %",
            "pictures": [
                {"name": "colour", "url": data_url(pair.colour)},
                {"name": "thermal", "url": data_url(np.repeat(pair.thermal[..., None], 3, axis=2))},
                {"name": "received", "url": data_url(colours[received])},
                {"name": "truth", "url": data_url(colours[pair.label])},
            ],
        }

    def _beams(self, frame_id: int) -> dict[str, object] | None:
        """Patterns of the station's and the users' beams in a frame, over the directions of its paths."""
        beams, paths = self.kept.beams(frame_id), self.paths_of(frame_id)
        if STATION not in beams or len(beams) < 2:
            return None
        gain_db = 20.0 * np.log10(np.maximum(np.abs(paths.gain[0]), 1e-9))
        users = [number for number in sorted(beams) if number != STATION]
        station = beams[STATION].reshape(-1, self.cell.station_antennas)
        arrivals = [(paths.arrival[0, user], gain_db[user]) for user in users]
        told = [("Beams of the base station", station, arrivals)]
        for user in users:
            own = beams[user].reshape(self.cell.user_antennas, -1).conj().T
            told.append((f"Beams of user {user + 1}", own, [(paths.departure[0, user], gain_db[user])]))
        return {"frame_id": frame_id, "charts": [pattern_chart(*one) for one in told]}


def pattern_chart(
    title: str, beams: np.ndarray, directions: Sequence[tuple[np.ndarray, np.ndarray]]
) -> Markup:
    """Gain over the sine of the angle.

    beams: complex [chains, antennas], as :func:`pattern_db` takes them. directions: sines of paths and their
    gains in dB, of each user.
    """
    ticks = [(float(np.sin(np.radians(angle))), f"{angle}") for angle in MARKED_DEG]
    axes = charts.Axes(
        charts.Scale(-1.0, 1.0, ticks, "angle from broadside, °"),
        charts.even_scale(FLOOR_DB, 0.0, "gain over all antennas in phase; paths' gain, dB"),
    )
    sine = np.linspace(-1.0, 1.0, POINTS)
    parts = axes.frame()
    for chain, kind in zip(pattern_db(beams, sine), CURVES, strict=False):
        parts.append(axes.line(sine, chain, kind))
    for (sines, gains), kind in zip(directions, DOTS, strict=False):
        parts.append(axes.dots(sines, gains, kind, 5))
    return charts.svg(parts, title)
