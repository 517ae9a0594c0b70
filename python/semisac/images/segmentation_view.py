# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt widget of segmentation_sink: pictures of both users, what was received, the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PyQt5 import QtCore, QtGui

from ..newest_view import FAINT_INK, INK, NewestView

MARGIN, CAPTION, LINE = 14, 24, 20
PICTURES = (("colour", "colour"), ("thermal", "thermal"), ("received", "received"), ("truth", "truth"))


class SegmentationView(NewestView):
    """Paint the newest frame.

    take_newest: function that gives a frame as segmentation_sink.take_newest does, or None.
    classes: names. colours: of them, uint8 [classes, 3]. refresh_per_s: how often to ask.
    """

    LEAST_SIZE, USUAL_SIZE = (480, 420), (900, 740)

    def __init__(
        self,
        take_newest: Callable[[], dict | None],
        classes: Sequence[str],
        colours: np.ndarray,
        refresh_per_s: float,
    ):
        super().__init__(take_newest, refresh_per_s)
        self._classes = list(classes)
        self._colours = [QtGui.QColor(*one) for one in colours.tolist()]

    def _paint(self, painter: QtGui.QPainter) -> None:
        """Two rows of two, and a legend below."""
        area = QtCore.QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        height, width = self._newest["colour"].shape[:2]
        across = (area.width() - MARGIN) / 2
        down = max((area.height() - 2 * CAPTION - MARGIN - 2 * LINE) / 2, 1.0)
        scale = min(across / width, down / height)
        for number, (name, caption) in enumerate(PICTURES):
            row, column = divmod(number, 2)
            left = area.left() + column * (scale * width + MARGIN)
            top = area.top() + row * (scale * height + CAPTION + MARGIN / 2)
            painter.setPen(FAINT_INK)
            painter.drawText(QtCore.QPointF(left, top + 14), self._caption(name, caption))
            place = QtCore.QRectF(left, top + CAPTION, scale * width, scale * height)
            painter.drawImage(place, _image(self._newest[name]))
        top = area.top() + 2 * (scale * height + CAPTION) + MARGIN
        self._paint_legend(painter, QtCore.QRectF(area.left(), top, area.width(), LINE))

    def _caption(self, name: str, caption: str) -> str:
        snr_db, mean_iou = self._newest["snr_db"], self._newest["mean_iou"]
        if name == "colour":
            at = f", {snr_db:.1f} dB" if np.isfinite(snr_db) else ""
            return f"{caption}, frame {self._newest['frame_id']}{at}"
        if name == "received" and np.isfinite(mean_iou):
            return f"{caption}, mean IoU {100 * mean_iou:.1f} %"
        return caption

    def _paint_legend(self, painter: QtGui.QPainter, area: QtCore.QRectF) -> None:
        left = area.left()
        for number in self._newest["present"]:
            painter.fillRect(QtCore.QRectF(left, area.top() + 4, 12, 12), self._colours[number])
            painter.setPen(INK)
            text = self._classes[number]
            painter.drawText(QtCore.QPointF(left + 17, area.top() + 15), text)
            left += 34 + painter.fontMetrics().horizontalAdvance(text)


def _image(pixels: np.ndarray) -> QtGui.QImage:
    pixels = np.ascontiguousarray(pixels)
    height, width, _ = pixels.shape
    return QtGui.QImage(pixels.tobytes(), width, height, 3 * width, QtGui.QImage.Format_RGB888).copy()
