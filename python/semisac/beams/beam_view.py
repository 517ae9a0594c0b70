# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt widget of beam_sink: map, power of the beams, power over time, figures."""

from __future__ import annotations

import numpy as np
from PyQt5 import QtCore, QtGui

from ..map_drawing import colours, ticks
from ..newest_view import INK, NewestView

FAINT_INK = QtGui.QColor("#9aa5b1")
GRID = QtGui.QColor("#e4e7eb")
USED = QtGui.QColor("#d64545")
MEASURED = QtGui.QColor("#2680c2")
PREDICTED = QtGui.QColor(240, 180, 41, 150)
BEST = QtGui.QColor("#1f2933")
LEFT, TOP, RIGHT, BOTTOM = 52, 26, 12, 36
SHOWN_LEVELS = 300
MAP_MARGIN_M = 3.0


class BeamView(NewestView):
    """Paint the newest frame.

    take_newest: function that gives what :meth:`beam_sink.take_newest` does.
    refresh_per_s: how often to ask.
    """

    LEAST_SIZE, USUAL_SIZE = (640, 420), (1000, 620)

    def _paint(self, painter: QtGui.QPainter) -> None:
        width, height, heading = self.width(), self.height(), 26
        half = (height - heading) / 2
        aside = width * 0.4
        self._paint_figures(painter, QtCore.QRectF(LEFT, 2, width - LEFT - RIGHT, heading))
        self._paint_map(painter, _inside(0, heading, aside, height - heading))
        self._paint_beams(painter, _inside(aside, heading, width - aside, half))
        self._paint_levels(painter, _inside(aside, heading + half, width - aside, half))

    def _paint_figures(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        figures = {name: metric.value for name, metric in self._newest["figures"].items()}
        painter.setPen(INK)
        told = (
            f"{figures['beams_per_frame']:.1f} beams a frame",
            f"{100 * figures['overhead_saved']:.0f} % of a sweep saved",
            f"{figures['power_loss_db']:.3f} dB below the strongest",
            f"{100 * figures['lost']:.1f} % of the frames more than 5 beams off",
        )
        left = int(QtCore.Qt.AlignLeft | QtCore.Qt.AlignVCenter)
        painter.drawText(area, left, "   |   ".join(told))

    def _paint_map(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        trail = self._newest["trail"]
        known = np.concatenate([trail[:, :2], [[0.0, 0.0]]])
        low, high = known.min(axis=0) - MAP_MARGIN_M, known.max(axis=0) + MAP_MARGIN_M
        per_metre = min(area.width() / (high[0] - low[0]), area.height() / (high[1] - low[1]))
        middle = (low + high) / 2
        reach = np.array([area.width(), area.height()]) / per_metre / 2
        (west, south), (east, north) = middle - reach, middle + reach
        axes = _Axes(area, (west, east), (south, north))
        axes.paint(painter, "metres east of the base station", "metres north; colour: beam in use")
        painter.setPen(QtCore.Qt.NoPen)
        beams = len(self._newest["frame"].power_db)
        for (east, north, _), colour in zip(trail, colours(trail[:, 2], 0, 1.1 * beams), strict=True):
            painter.setBrush(QtGui.QColor(*(int(part) for part in colour)))
            painter.drawEllipse(axes.point(east, north), 2.5, 2.5)
        painter.setBrush(INK)
        station = axes.point(0.0, 0.0)
        painter.drawRect(QtCore.QRectF(station.x() - 5, station.y() - 5, 10, 10))
        position = self._newest["frame"].position_m
        if position is not None:
            painter.setPen(QtGui.QPen(USED, 2))
            painter.drawLine(station, axes.point(*position))
            painter.setBrush(USED)
            painter.drawEllipse(axes.point(*position), 6, 6)
        else:
            painter.setPen(USED)
            top = int(QtCore.Qt.AlignTop | QtCore.Qt.AlignHCenter)
            painter.drawText(area, top, "no position in this frame")

    def _paint_beams(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        frame = self._newest["frame"]
        beams = np.arange(len(frame.power_db))
        low, high = float(frame.power_db.min()) - 1.0, float(frame.power_db.max()) + 1.0
        axes = _Axes(area, (-1.0, len(beams)), (low, high))
        told = f"beam; measured {len(frame.measured)}, in use {frame.beam}, yellow: predicted"
        axes.paint(painter, told, "power, dB")
        if frame.probability is not None:
            painter.setPen(QtCore.Qt.NoPen)
            painter.setBrush(PREDICTED)
            top = max(float(frame.probability.max()), 1e-9)
            for beam, probability in zip(beams, frame.probability.tolist(), strict=True):
                corner = axes.point(beam - 0.5, low + probability / top * (high - low))
                painter.drawRect(QtCore.QRectF(corner, axes.point(beam + 0.5, low)))
        painter.setPen(QtGui.QPen(FAINT_INK, 1.5))
        sweep = [axes.point(beam, level) for beam, level in zip(beams, frame.power_db, strict=True)]
        painter.drawPolyline(QtGui.QPolygonF(sweep))
        painter.setPen(QtCore.Qt.NoPen)
        for beam, power_db in zip(frame.measured, frame.measured_db, strict=True):
            painter.setBrush(USED if beam == frame.beam else MEASURED)
            painter.drawEllipse(axes.point(beam, power_db), 4, 4)

    def _paint_levels(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        levels = self._newest["levels"][-SHOWN_LEVELS:]
        low, high = float(levels.min()) - 1.0, float(levels.max()) + 1.0
        axes = _Axes(area, (-float(SHOWN_LEVELS), 0.0), (low, high))
        axes.paint(painter, "frames ago; black: strongest of all beams, red: beam in use", "power, dB")
        ago = np.arange(1 - len(levels), 1)
        for column, colour, thickness in ((1, BEST, 2.5), (0, USED, 1.5)):
            painter.setPen(QtGui.QPen(colour, thickness))
            points = [axes.point(x, y) for x, y in zip(ago, levels[:, column], strict=True)]
            painter.drawPolyline(QtGui.QPolygonF(points))


def _inside(left: float, top: float, width: float, height: float) -> QtCore.QRectF:
    """Area of a chart whose ticks and labels fit around it."""
    return QtCore.QRectF(left + LEFT, top + TOP, width - LEFT - RIGHT, height - TOP - BOTTOM)


class _Axes:
    """Two scales over an area."""

    def __init__(self, area: QtCore.QRectF, across: tuple[float, float], up: tuple[float, float]):
        self.area, self.across, self.up = area, across, up

    def point(self, x: float, y: float) -> QtCore.QPointF:
        """Place of a value."""
        right = (x - self.across[0]) / (self.across[1] - self.across[0])
        high = (y - self.up[0]) / (self.up[1] - self.up[0])
        return QtCore.QPointF(
            self.area.left() + right * self.area.width(), self.area.bottom() - high * self.area.height()
        )

    def paint(self, painter: QtGui.QPainter, across: str, up: str) -> None:
        """Grid, ticks and labels."""
        for value in ticks(*self.across):
            x = self.point(value, self.up[0]).x()
            painter.setPen(GRID)
            painter.drawLine(QtCore.QPointF(x, self.area.top()), QtCore.QPointF(x, self.area.bottom()))
            painter.setPen(FAINT_INK)
            place = QtCore.QRectF(x - 30, self.area.bottom() + 1, 60, 16)
            painter.drawText(place, QtCore.Qt.AlignCenter, f"{value:g}")
        for value in ticks(*self.up):
            y = self.point(self.across[0], value).y()
            painter.setPen(GRID)
            painter.drawLine(QtCore.QPointF(self.area.left(), y), QtCore.QPointF(self.area.right(), y))
            painter.setPen(FAINT_INK)
            place = QtCore.QRectF(self.area.left() - LEFT, y - 8, LEFT - 5, 16)
            painter.drawText(place, int(QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter), f"{value:g}")
        painter.setPen(INK)
        below = QtCore.QRectF(self.area.left(), self.area.bottom() + 16, self.area.width(), 18)
        painter.drawText(below, QtCore.Qt.AlignCenter, across)
        above = QtCore.QRectF(self.area.left(), self.area.top() - 20, self.area.width(), 18)
        painter.drawText(above, int(QtCore.Qt.AlignLeft | QtCore.Qt.AlignVCenter), up)
