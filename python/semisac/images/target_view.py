# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt widget of target_sink: what the camera sees, what was received, and where the radar hears it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PyQt5 import QtCore, QtGui

from semisac_ml.signal.digital_modulation import modulation_at

from ..map_drawing import colours, ticks
from ..newest_view import FAINT_INK, INK, NewestView

LOOKED, RING, EDGE = QtGui.QColor("#ff8c1a"), QtGui.QColor("#ffffff"), QtGui.QColor("#1f2933")
MARGIN, CAPTION, LINE = 14, 26, 24
RING_RADIUS = 9
ANGLES_DEG = (-60, -30, 0, 30, 60)
SHARES = (0.4, 0.22, 0.38)
"""Of the width, for camera, received and map."""


class TargetView(NewestView):
    """Paint the newest frame.

    take_newest: function that gives a frame as target_sink.take_newest does, or None.
    ranges_m: ends of the map's range axis. powers_db: darkest and brightest. refresh_per_s: how often to ask.
    """

    LEAST_SIZE, USUAL_SIZE = (720, 280), (1200, 460)

    def __init__(
        self,
        take_newest: Callable[[], dict | None],
        ranges_m: tuple[float, float],
        powers_db: tuple[float, float],
        refresh_per_s: float,
    ):
        super().__init__(take_newest, refresh_per_s)
        self._ranges_m, self._powers_db = ranges_m, powers_db

    def _paint(self, painter: QtGui.QPainter) -> None:
        left = float(MARGIN)
        paints = (self._paint_camera, self._paint_received, self._paint_map)
        for share, paint in zip(SHARES, paints, strict=True):
            width = share * (self.width() - 4 * MARGIN)
            paint(painter, QtCore.QRectF(left, MARGIN, width, self.height() - 2 * MARGIN))
            left += width + MARGIN

    def _paint_camera(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        square = self._captioned(painter, area, f"camera, frame {self._newest['frame_id']}")
        painter.drawImage(square, _image(self._newest["camera"]))
        x, y, half_width, half_height = _shares(self._newest["box"])
        side = square.width()
        box = QtCore.QRectF(
            square.left() + side * (x - half_width),
            square.top() + side * (y - half_height),
            2 * side * half_width,
            2 * side * half_height,
        )
        painter.setBrush(QtCore.Qt.NoBrush)
        for pen in (QtGui.QPen(EDGE, 4), QtGui.QPen(LOOKED, 2)):
            painter.setPen(pen)
            painter.drawRect(box & square)

    def _paint_received(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        square = self._captioned(painter, area, "received", below=5 * LINE)
        painter.drawImage(square, _image(self._newest["picture"]))
        state = self._newest["state"].astype(np.float64)
        state[[1, 4]] = np.degrees(state[[1, 4]])
        painter.setPen(INK)
        units, snr_db = (" m", "°", " m/s"), self._newest["snr_db"]
        lines = [f"{state[k]:.2f} ± {state[3 + k]:.2f}{unit}" for k, unit in enumerate(units)]
        lines += [f"Es/N0 {snr_db:.1f} dB", modulation_at(snr_db)] if np.isfinite(snr_db) else []
        for number, text in enumerate(lines):
            place = QtCore.QRectF(area.left(), square.bottom() + 4 + number * LINE, area.width(), LINE)
            painter.drawText(place, int(QtCore.Qt.AlignLeft | QtCore.Qt.AlignVCenter), text)

    def _paint_map(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        painter.setPen(FAINT_INK)
        painter.drawText(QtCore.QPointF(area.left() + 40, area.top() + 14), "echo: azimuth, ° over range, m")
        plot = area.adjusted(40, CAPTION, 0, -CAPTION)
        plot.setHeight(min(plot.height(), plot.width()))
        painter.drawImage(plot, _image(colours(self._newest["power_db"][::-1], *self._powers_db)))
        low, high = self._ranges_m
        for value in ticks(low, high):
            x = plot.left() + (value - low) / (high - low) * plot.width()
            painter.drawText(
                QtCore.QRectF(x - 30, plot.bottom() + 2, 60, 18), QtCore.Qt.AlignCenter, f"{value:g}"
            )
        for angle in ANGLES_DEG:
            y = plot.center().y() - np.sin(np.radians(angle)) * plot.height() / 2
            place = QtCore.QRectF(area.left(), y - 9, 34, 18)
            painter.drawText(place, int(QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter), f"{angle}")
        distance, angle = (float(value) for value in np.nan_to_num(self._newest["state"][:2]))
        across, up = (distance - low) / (high - low), (1.0 + np.sin(angle)) / 2.0
        if not (0.0 <= across <= 1.0 and 0.0 <= up <= 1.0):
            return
        centre = QtCore.QPointF(plot.left() + across * plot.width(), plot.bottom() - up * plot.height())
        painter.setBrush(QtCore.Qt.NoBrush)
        for pen in (QtGui.QPen(EDGE, 4), QtGui.QPen(RING, 2)):
            painter.setPen(pen)
            painter.drawEllipse(centre, RING_RADIUS, RING_RADIUS)

    def _captioned(
        self, painter: QtGui.QPainter, area: QtCore.QRectF, text: str, below: float = 0.0
    ) -> QtCore.QRectF:
        """The largest square under a caption."""
        painter.setPen(FAINT_INK)
        painter.drawText(QtCore.QPointF(area.left(), area.top() + 14), text)
        side = max(min(area.width(), area.height() - CAPTION - below), 1.0)
        return QtCore.QRectF(area.left(), area.top() + CAPTION, side, side)


def _shares(box: np.ndarray) -> list[float]:
    return np.clip(np.nan_to_num(box), 0.0, 1.0).tolist()


def _image(pixels: np.ndarray) -> QtGui.QImage:
    pixels = np.ascontiguousarray(pixels)
    height, width, _ = pixels.shape
    return QtGui.QImage(pixels.tobytes(), width, height, 3 * width, QtGui.QImage.Format_RGB888).copy()
