# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt widget of beam_pattern_sink: gain over the angle, of the base station and of each user."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PyQt5 import QtCore, QtGui

from ..newest_view import FAINT_INK, NewestView

MARGIN, CAPTION, LINE, LEFT = 12, 22, 20, 36
FLOOR_DB, STEP_DB = -40, 10
ANGLES_DEG = (-60, -30, 0, 30, 60)
GRID = QtGui.QColor("#dde3ea")
PENS = ("#2b6cb0", "#dd6b20", "#2f855a", "#b83280")
"""Of chains."""


class BeamPatternView(NewestView):
    """Paint the newest beams.

    take_newest: function that gives them as beam_pattern_sink.take_newest does, or None. names: of plots.
    refresh_per_s: how often to ask.
    """

    LEAST_SIZE, USUAL_SIZE = (320, 420), (480, 640)
    AWAITED = "beam"

    def __init__(self, take_newest: Callable[[], dict | None], names: Sequence[str], refresh_per_s: float):
        super().__init__(take_newest, refresh_per_s)
        self._names = list(names)

    def _paint(self, painter: QtGui.QPainter) -> None:
        """One plot below the other."""
        height = (self.height() - MARGIN) / len(self._names) - MARGIN
        for number, name in enumerate(self._names):
            top = MARGIN + number * (height + MARGIN)
            area = QtCore.QRectF(MARGIN, top, self.width() - 2 * MARGIN, height)
            gains_db = self._newest.get(name)
            self._paint_pattern(painter, area, f"beams of {name}, dB over angle", gains_db)

    def _paint_pattern(
        self, painter: QtGui.QPainter, area: QtCore.QRectF, title: str, gains_db: np.ndarray | None
    ) -> None:
        painter.setPen(FAINT_INK)
        painter.drawText(QtCore.QPointF(area.left() + LEFT, area.top() + 14), title)
        plot = area.adjusted(LEFT, CAPTION, 0, -LINE)
        align = int(QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter)
        for level in range(FLOOR_DB, 1, STEP_DB):
            y = plot.bottom() - (level - FLOOR_DB) / -FLOOR_DB * plot.height()
            painter.setPen(QtGui.QPen(GRID, 1))
            painter.drawLine(QtCore.QPointF(plot.left(), y), QtCore.QPointF(plot.right(), y))
            painter.setPen(FAINT_INK)
            painter.drawText(QtCore.QRectF(area.left(), y - 9, LEFT - 6, 18), align, f"{level}")
        for angle in ANGLES_DEG:
            x = plot.center().x() + np.sin(np.radians(angle)) * plot.width() / 2
            place = QtCore.QRectF(x - 30, plot.bottom() + 1, 60, 18)
            painter.drawText(place, QtCore.Qt.AlignCenter, f"{angle}°")
        if gains_db is None:
            return
        painter.setBrush(QtCore.Qt.NoBrush)
        across = np.linspace(plot.left(), plot.right(), gains_db.shape[1])
        for gain_db, colour in zip(gains_db, PENS, strict=False):
            up = np.clip((gain_db - FLOOR_DB) / -FLOOR_DB, 0.0, 1.0) * plot.height()
            points = zip(across, plot.bottom() - up, strict=True)
            painter.setPen(QtGui.QPen(QtGui.QColor(colour), 2))
            painter.drawPolyline(QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in points]))
