# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt widget of range_doppler_sink: the newest map in colours, with a ring around each detection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PyQt5 import QtCore, QtGui, QtWidgets

from .colour_scale import colours

BACKGROUND = QtGui.QColor("#ffffff")
INK = QtGui.QColor("#1f2933")
FAINT_INK = QtGui.QColor("#7b8794")
RING = QtGui.QColor("#ffffff")
LEFT, TOP, RIGHT, BOTTOM = 66, 34, 16, 44
TICKS = 5
RING_RADIUS = 7
LISTED = 3


class RangeDopplerView(QtWidgets.QWidget):
    """Paint the newest map.

    take_newest: function that gives {"power_db": float [velocities, ranges], "detections": list of dicts} or
        None when nothing is new.
    longest_range_m: end of the range axis, which begins at 0.
    fastest_mps: end of the velocity axis, which begins at minus that.
    floor_db, ceiling_db: power of the darkest and of the brightest colour.
    refresh_per_s: how often to ask.
    """

    def __init__(
        self,
        take_newest: Callable[[], dict | None],
        longest_range_m: float,
        fastest_mps: float,
        floor_db: float,
        ceiling_db: float,
        refresh_per_s: float,
    ):
        super().__init__()
        self._take_newest = take_newest
        self._longest_range_m = longest_range_m
        self._fastest_mps = fastest_mps
        self._floor_db, self._ceiling_db = floor_db, ceiling_db
        self._newest: dict | None = None
        self.setMinimumSize(360, 260)
        self.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Expanding)
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(max(int(1000 / refresh_per_s), 1))

    def _refresh(self) -> None:
        newest = self._take_newest()
        if newest is not None:
            self._newest = newest
            self.update()

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(560, 400)

    def paintEvent(self, event) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.Antialiasing)
        painter.fillRect(self.rect(), BACKGROUND)
        if self._newest is None:
            painter.setPen(FAINT_INK)
            painter.drawText(self.rect(), QtCore.Qt.AlignCenter, "waiting for the first map")
            return
        area = QtCore.QRectF(LEFT, TOP, self.width() - LEFT - RIGHT, self.height() - TOP - BOTTOM)
        painter.drawImage(area, self._picture())
        self._paint_axes(painter, area)
        for detection in self._newest["detections"]:
            self._paint_ring(painter, area, detection)
        self._paint_heading(painter)

    def _picture(self) -> QtGui.QImage:
        closing_up = self._newest["power_db"][::-1]
        pixels = np.ascontiguousarray(colours(closing_up, self._floor_db, self._ceiling_db))
        height, width, _ = pixels.shape
        return QtGui.QImage(pixels.tobytes(), width, height, 3 * width, QtGui.QImage.Format_RGB888)

    def _paint_axes(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        painter.setPen(FAINT_INK)
        for i in range(TICKS):
            share = i / (TICKS - 1)
            x, y = area.left() + share * area.width(), area.bottom() - share * area.height()
            painter.drawText(
                QtCore.QRectF(x - 40, area.bottom() + 2, 80, 18),
                QtCore.Qt.AlignCenter,
                f"{share * self._longest_range_m:.4g}",
            )
            painter.drawText(
                QtCore.QRectF(0, y - 9, LEFT - 6, 18),
                int(QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter),
                f"{(2 * share - 1) * self._fastest_mps:.4g}",
            )
        painter.setPen(INK)
        painter.drawText(
            QtCore.QRectF(area.left(), area.bottom() + 20, area.width(), 20),
            QtCore.Qt.AlignCenter,
            "range, m",
        )
        painter.drawText(QtCore.QPointF(6, TOP - 12), "closing speed, m/s")

    def _paint_ring(self, painter: QtGui.QPainter, area: QtCore.QRectF, detection: dict) -> None:
        across = detection["range_m"] / self._longest_range_m
        up = (detection["velocity_mps"] / self._fastest_mps + 1.0) / 2.0
        if 0.0 <= across <= 1.0 and 0.0 <= up <= 1.0:
            painter.setPen(QtGui.QPen(RING, 2))
            painter.setBrush(QtCore.Qt.NoBrush)
            centre = QtCore.QPointF(area.left() + across * area.width(), area.bottom() - up * area.height())
            painter.drawEllipse(centre, RING_RADIUS, RING_RADIUS)

    def _paint_heading(self, painter: QtGui.QPainter) -> None:
        strongest = sorted(self._newest["detections"], key=lambda found: -found["snr_db"])[:LISTED]
        texts = [
            f"{d['range_m']:.1f} m  {d['velocity_mps']:+.1f} m/s  {d['snr_db']:.0f} dB" for d in strongest
        ]
        painter.setPen(INK)
        painter.drawText(
            QtCore.QRectF(LEFT + 90, 4, self.width() - LEFT - RIGHT - 90, TOP - 8),
            int(QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter),
            "   |   ".join(texts) or "no detection",
        )
