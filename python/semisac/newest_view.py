# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base of the Qt widgets: ask a sink for what is newest now and then, and paint it."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5 import QtCore, QtGui, QtWidgets

BACKGROUND, INK, FAINT_INK = QtGui.QColor("#ffffff"), QtGui.QColor("#1f2933"), QtGui.QColor("#7b8794")


class NewestView(QtWidgets.QWidget):
    """Paint what is newest.

    A derived class says in `LEAST_SIZE` and `USUAL_SIZE` how many pixels wide and high it is, in `AWAITED`
    what it waits for at first, and paints ``self._newest`` in `_paint`.

    take_newest: function that gives a dict, or None when nothing is new. refresh_per_s: how often to ask.

    Raises ValueError for a rate that is not positive.
    """

    LEAST_SIZE = USUAL_SIZE = (640, 400)
    AWAITED = "frame"

    def __init__(self, take_newest: Callable[[], dict | None], refresh_per_s: float):
        if not refresh_per_s > 0:
            raise ValueError(f"refresh_per_s is {refresh_per_s}, expected a positive rate")
        super().__init__()
        self._take_newest = take_newest
        self._newest: dict | None = None
        self.setMinimumSize(*self.LEAST_SIZE)
        self.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Expanding)
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(max(int(1000 / refresh_per_s), 1))

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(*self.USUAL_SIZE)

    def paintEvent(self, event) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.Antialiasing)
        painter.fillRect(self.rect(), BACKGROUND)
        if self._newest is None:
            painter.setPen(FAINT_INK)
            painter.drawText(self.rect(), QtCore.Qt.AlignCenter, f"waiting for the first {self.AWAITED}")
        else:
            self._paint(painter)

    def _paint(self, painter: QtGui.QPainter) -> None:
        raise NotImplementedError

    def _refresh(self) -> None:
        newest = self._take_newest()
        if newest is not None:
            self._newest = newest
            self.update()
