# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt widget of range_doppler_sink: the newest map in colours, with a ring around each detection and a cross
on each target that is emulated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PyQt5 import QtCore, QtGui

from ..map_drawing import colours, ticks
from ..newest_view import FAINT_INK, INK, NewestView

RING = QtGui.QColor("#ffffff")
CROSS, EDGE = QtGui.QColor("#ff8c1a"), QtGui.QColor("#1f2933")
LEFT, TOP, RIGHT, BOTTOM = 66, 52, 16, 44
RING_RADIUS, CROSS_ARM = 10, 5
LISTED = 3
LINE = 22  # height of a line of the heading


class RangeDopplerView(NewestView):
    """Paint the newest map.

    take_newest: function that gives {"power_db": float [velocities, ranges], "detections": list of dicts,
        "targets": list of dicts} or None when nothing is new.
    ranges_m, velocities_mps: (low, high), the edges of the first and the last cell.
    floor_db, ceiling_db: power of the darkest and of the brightest colour.
    refresh_per_s: how often to ask.
    """

    LEAST_SIZE, USUAL_SIZE, AWAITED = (360, 260), (560, 400), "map"

    def __init__(
        self,
        take_newest: Callable[[], dict | None],
        ranges_m: tuple[float, float],
        velocities_mps: tuple[float, float],
        floor_db: float,
        ceiling_db: float,
        refresh_per_s: float,
    ):
        super().__init__(take_newest, refresh_per_s)
        self._ranges_m = ranges_m
        self._velocities_mps = velocities_mps
        self._floor_db, self._ceiling_db = floor_db, ceiling_db

    def _paint(self, painter: QtGui.QPainter) -> None:
        area = QtCore.QRectF(LEFT, TOP, self.width() - LEFT - RIGHT, self.height() - TOP - BOTTOM)
        painter.drawImage(area, self._picture())
        self._paint_axes(painter, area)
        for detection in self._newest["detections"]:
            self._paint_ring(painter, area, detection)
        for target in self._newest["targets"]:
            self._paint_cross(painter, area, target)
        self._paint_heading(painter)

    def _picture(self) -> QtGui.QImage:
        closing_up = self._newest["power_db"][::-1]
        pixels = np.ascontiguousarray(colours(closing_up, self._floor_db, self._ceiling_db))
        height, width, _ = pixels.shape
        return QtGui.QImage(pixels.tobytes(), width, height, 3 * width, QtGui.QImage.Format_RGB888)

    def _paint_axes(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        painter.setPen(FAINT_INK)
        for value in ticks(*self._ranges_m):
            x = area.left() + _share(value, self._ranges_m) * area.width()
            place = QtCore.QRectF(x - 40, area.bottom() + 2, 80, 18)
            painter.drawText(place, QtCore.Qt.AlignCenter, f"{value:g}")
        for value in ticks(*self._velocities_mps):
            y = area.bottom() - _share(value, self._velocities_mps) * area.height()
            place = QtCore.QRectF(0, y - 9, LEFT - 6, 18)
            painter.drawText(place, int(QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter), f"{value:g}")
        painter.setPen(INK)
        painter.drawText(
            QtCore.QRectF(area.left(), area.bottom() + 20, area.width(), 20),
            QtCore.Qt.AlignCenter,
            "range, m",
        )
        painter.drawText(QtCore.QPointF(6, TOP - 12), "closing speed, m/s")

    def _place(self, area: QtCore.QRectF, thing: dict) -> QtCore.QPointF | None:
        """Where a detection or a target is on the screen; None outside of the map."""
        across = _share(thing["range_m"], self._ranges_m)
        up = _share(thing["velocity_mps"], self._velocities_mps)
        if not (0.0 <= across <= 1.0 and 0.0 <= up <= 1.0):
            return None
        return QtCore.QPointF(area.left() + across * area.width(), area.bottom() - up * area.height())

    def _paint_ring(self, painter: QtGui.QPainter, area: QtCore.QRectF, detection: dict) -> None:
        centre = self._place(area, detection)
        if centre is not None:
            painter.setBrush(QtCore.Qt.NoBrush)
            for pen in (QtGui.QPen(EDGE, 4), QtGui.QPen(RING, 2)):
                painter.setPen(pen)
                painter.drawEllipse(centre, RING_RADIUS, RING_RADIUS)

    def _paint_cross(self, painter: QtGui.QPainter, area: QtCore.QRectF, target: dict) -> None:
        centre = self._place(area, target)
        if centre is None:
            return
        arm = CROSS_ARM
        for pen in (QtGui.QPen(EDGE, 4), QtGui.QPen(CROSS, 2)):
            painter.setPen(pen)
            painter.drawLine(centre + QtCore.QPointF(-arm, -arm), centre + QtCore.QPointF(arm, arm))
            painter.drawLine(centre + QtCore.QPointF(-arm, arm), centre + QtCore.QPointF(arm, -arm))

    def _paint_heading(self, painter: QtGui.QPainter) -> None:
        strongest = sorted(self._newest["detections"], key=lambda found: -found["snr_db"])[:LISTED]
        texts = [
            f"{d['range_m']:.1f} m  {d['velocity_mps']:+.1f} m/s  {d['snr_db']:.0f} dB" for d in strongest
        ]
        self._paint_line(painter, 4, "○  " + ("   |   ".join(texts) or "no detection"))
        if self._newest["targets"]:
            truth = [f"{t['range_m']:.1f} m  {t['velocity_mps']:+.1f} m/s" for t in self._newest["targets"]]
            self._paint_line(painter, 4 + LINE, "×  emulated: " + "   |   ".join(truth[:LISTED]))

    def _paint_line(self, painter: QtGui.QPainter, top: int, text: str) -> None:
        painter.setPen(INK)
        place = QtCore.QRectF(LEFT + 90, top, self.width() - LEFT - RIGHT - 90, LINE)
        shown = painter.fontMetrics().elidedText(text, QtCore.Qt.ElideRight, int(place.width()))
        painter.drawText(place, int(QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter), shown)


def _share(value: float, ends: tuple[float, float]) -> float:
    """Place of a value between two ends, 0 to 1 inside."""
    return (value - ends[0]) / (ends[1] - ends[0])
