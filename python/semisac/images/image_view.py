# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt widget of image_sink: two pictures, class probabilities and target presence, painted directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PyQt5 import QtCore, QtGui

from ..newest_view import FAINT_INK, INK, NewestView

BAR_BED = QtGui.QColor("#edf1f5")
BAR = QtGui.QColor("#9fb3c8")
BAR_RIGHT = QtGui.QColor("#2f855a")
BAR_WRONG = QtGui.QColor("#c05621")
MARGIN = 14
CAPTION_HEIGHT = 24
HEADING_HEIGHT = 26
BARS_LEAST_WIDTH = 240
LONGEST_SHOWN_S = 100.0  # latency; more comes of clocks that disagree
SMOOTH_FROM_PIXELS = 64  # height of pictures that are scaled smoothly


class ImageView(NewestView):
    """Paint the newest frame.

    take_newest: function that gives the newest frame as image_sink.take_newest or
        received_image_sink.take_newest does, or None.
    class_names: names of the classes, top to bottom.
    refresh_per_s: how often to ask.
    """

    LEAST_SIZE, USUAL_SIZE = (620, 300), (980, 380)

    def __init__(
        self, take_newest: Callable[[], dict | None], class_names: Sequence[str], refresh_per_s: float
    ):
        super().__init__(take_newest, refresh_per_s)
        self._class_names = list(class_names)

    def _paint(self, painter: QtGui.QPainter) -> None:
        bars = "probabilities" in self._newest or "sensing" in self._newest
        bars_width = max(BARS_LEAST_WIDTH, int(0.32 * self.width())) + MARGIN if bars else 0
        pictures = 1 + ("sent" in self._newest)
        height, width, _ = self._newest["received"].shape
        side = min(
            (self.height() - 2 * MARGIN - HEADING_HEIGHT - CAPTION_HEIGHT) * width // height,
            (self.width() - (1 + pictures) * MARGIN - bars_width) // pictures,
        )
        self._paint_pictures(painter, side)
        if bars:
            left = pictures * side + (2 + pictures) * MARGIN
            self._paint_bars(
                painter, QtCore.QRect(left, MARGIN, self.width() - left - MARGIN, self.height() - 2 * MARGIN)
            )

    def _paint_pictures(self, painter: QtGui.QPainter, side: int) -> None:
        frame = self._newest
        captions = self._captions_of_both() if "sent" in frame else self._caption_of_received()
        height = side * frame["received"].shape[0] // frame["received"].shape[1]
        for place, (picture, heading, caption) in enumerate(captions):
            left = MARGIN + place * (side + MARGIN)
            _text(painter, QtCore.QRect(left, MARGIN, side, HEADING_HEIGHT), heading, INK, bold=True)
            area = QtCore.QRect(left, MARGIN + HEADING_HEIGHT, side, height)
            painter.drawImage(area, _scaled(frame[picture], side, height))
            _text(painter, QtCore.QRect(left, area.bottom() + 1, side, CAPTION_HEIGHT), caption, FAINT_INK)
        lost = f", {frame['frames_lost']} lost" if frame.get("frames_lost") else ""
        corner = QtCore.QRect(MARGIN, self.height() - CAPTION_HEIGHT, 2 * side, CAPTION_HEIGHT)
        if self.height() - CAPTION_HEIGHT > 2 * MARGIN + HEADING_HEIGHT + height + CAPTION_HEIGHT:
            _text(painter, corner, f"frame {frame['frame_id']}{lost}", FAINT_INK)

    def _captions_of_both(self) -> list[tuple[str, str, str]]:
        """Key, heading and caption of the sent and the received picture."""
        frame = self._newest
        mse = np.mean((frame["sent"].astype(np.float64) - frame["received"]) ** 2) / 255.0**2
        quality = f"PSNR {-10 * np.log10(mse):.1f} dB" if mse > 0 else "exact"
        label = int(frame["label"])
        named = (
            self._class_names[label] if 0 <= label < len(self._class_names) else f"frame {frame['frame_id']}"
        )
        if 0.0 <= (latency_s := frame.get("latency_s", np.nan)) < LONGEST_SHOWN_S:
            quality += f", {1e3 * latency_s:.0f} ms"
        if lost := int(frame.get("packets_lost", 0)):
            quality += f", {lost} packet{'s' if lost > 1 else ''} lost"
        return [("sent", "Sent", named), ("received", "Received", quality)]

    def _caption_of_received(self) -> list[tuple[str, str, str]]:
        """The same of the received picture alone."""
        snr_db = self._newest.get("snr_db", np.nan)
        return [("received", "Received", f"SNR {snr_db:.1f} dB" if np.isfinite(snr_db) else "")]

    def _paint_bars(self, painter: QtGui.QPainter, area: QtCore.QRect) -> None:
        groups = []
        if "probabilities" in self._newest:
            label = int(self._newest.get("label", -1))
            groups.append(("Class", self._class_names, self._newest["probabilities"], label))
        if "sensing" in self._newest:
            sensing = self._newest["sensing"]
            names = ["no target", "target"]
            if len(sensing) > 2:
                names = ["no target"] + [f"range {r}" for r in range(len(sensing) - 1)]
            groups.append(("Target", names, sensing, int(self._newest["hypothesis"])))
        rows = sum(len(names) for _, names, _, _ in groups)
        height = min(
            (area.height() - len(groups) * HEADING_HEIGHT - (len(groups) - 1) * 8) / max(rows, 1), 26.0
        )
        font = painter.font()
        font.setBold(True)
        width = QtGui.QFontMetricsF(font).horizontalAdvance
        names_width = max((width(name) for _, names, _, _ in groups for name in names), default=0.0) + 8
        figures_width = width("100 %") + 6
        top = float(area.top())
        for heading, names, probabilities, truth in groups:
            _text(
                painter,
                QtCore.QRect(area.left(), int(top), area.width(), HEADING_HEIGHT),
                heading,
                INK,
                bold=True,
            )
            top += HEADING_HEIGHT
            decided = int(np.argmax(probabilities))
            for i, (name, probability) in enumerate(zip(names, probabilities, strict=True)):
                row = QtCore.QRectF(area.left(), top, names_width - 8, height)
                is_true = i == truth
                flags = QtCore.Qt.AlignRight
                _text(painter, row, name, INK if is_true else FAINT_INK, bold=is_true, flags=flags)
                row = QtCore.QRectF(area.left() + names_width, top, area.width() - names_width, height)
                right = is_true or truth < 0
                self._paint_bar(painter, row, figures_width, float(probability), i == decided, right)
                top += height
            top += 8

    @staticmethod
    def _paint_bar(
        painter, row: QtCore.QRectF, figure_width: float, probability: float, decided: bool, right: bool
    ) -> None:
        bed = QtCore.QRectF(
            row.left(),
            row.top() + row.height() * 0.18,
            max(row.width() - figure_width, 10.0),
            row.height() * 0.64,
        )
        painter.setPen(QtCore.Qt.NoPen)
        painter.setBrush(BAR_BED)
        painter.drawRoundedRect(bed, 3, 3)
        colour = BAR if not decided else (BAR_RIGHT if right else BAR_WRONG)
        painter.setBrush(colour)
        painter.drawRoundedRect(
            QtCore.QRectF(bed.left(), bed.top(), bed.width() * probability, bed.height()), 3, 3
        )
        figure = QtCore.QRectF(bed.right() + 6, row.top(), figure_width - 6, row.height())
        _text(painter, figure, f"{100 * probability:.0f} %", INK if decided else FAINT_INK, bold=decided)


def _scaled(picture: np.ndarray, width: int, height: int) -> QtGui.QImage:
    """Picture uint8 [height, width, 3] at another size; the pixels of a tiny one stay to be seen."""
    rows, columns, _ = picture.shape
    image = QtGui.QImage(picture.data, columns, rows, 3 * columns, QtGui.QImage.Format_RGB888)
    tiny = rows < SMOOTH_FROM_PIXELS
    kind = QtCore.Qt.FastTransformation if tiny else QtCore.Qt.SmoothTransformation
    return image.scaled(max(width, 1), max(height, 1), QtCore.Qt.IgnoreAspectRatio, kind)


def _text(painter, area, text: str, colour, bold: bool = False, flags=QtCore.Qt.AlignLeft) -> None:
    font = painter.font()
    font.setBold(bold)
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(QtCore.QRectF(area), int(flags | QtCore.Qt.AlignVCenter), text)
