# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import numpy as np

from ..frames import frame_tags
from ..frames.frame_join import image_kinds, joined_branches


class image_sink(joined_branches):
    """Show the sent and the received image side by side, and what the decoders make of the frame (Qt).

    Joins its inputs by frame_id and shows the newest complete frame; frames that come faster than the screen
    are passed over.

    Input 0: sent image, uint8[height * width * 3], tags frame_id, label.
    Input 1: received image, uint8[height * width * 3], tag frame_id; packets_lost, where there are packets.
    Input 2: class probabilities, float32[classes], tag frame_id; absent when there are no class names.
    Input 3: hypothesis probabilities, float32[hypotheses], tags frame_id, target_hypothesis; absent when
        hypotheses is 0.

    class_names: name of each class, in the order of input 2.
    image_shape: (height, width, colours).
    hypotheses: length of input 3, 1 + ranges; 0 leaves the input out.
    refresh_per_s: pictures a second on the screen.

    Raises RuntimeError when PyQt5 is missing or no Qt application runs.
    """

    def __init__(self, class_names=(), image_shape=(32, 32, 3), hypotheses=2, refresh_per_s=20.0):
        kinds = image_kinds(int(np.prod(image_shape)), len(class_names), int(hypotheses))
        joined_branches.__init__(self, "image_sink", kinds)
        self._image_shape = tuple(image_shape)
        self._newest = None
        try:
            from .image_view import ImageView
        except ImportError as error:
            raise RuntimeError(f"image_sink needs PyQt5 ({error}): install python3-pyqt5") from error
        self._view = ImageView(self.take_newest, [str(name) for name in class_names], refresh_per_s)

    def qwidget(self):
        """The Qt widget, to be put into a layout."""
        return self._view

    def take_newest(self) -> dict | None:
        """Newest complete frame, or None when it has been taken already.

        sent, received: uint8 [height, width, 3]; frame_id, label: int; probabilities and sensing: float32
            [...] or absent;
        hypothesis: int, the truth; frames_lost: frames lost so far; packets_lost: int, of this picture;
        latency_s: float, from its departure until it was complete, NaN unknown.
        """
        with self._lock:
            frame, self._newest = self._newest, None
        return frame

    @staticmethod
    def _tags_of(column):
        if column == "received":
            return {"packets_lost": lambda tags: tags.longs(frame_tags.PACKETS_LOST, 0)}
        return joined_branches._tags_of(column)

    def _take_frames(self, ids, frames):
        frame = {name: values[-1].copy() for name, values in frames.items()}
        for picture in ("sent", "received"):
            frame[picture] = frame[picture].reshape(self._image_shape)
        frame["frame_id"] = int(ids[-1])
        frame["latency_s"] = time.time() - float(frame["image_time"])
        frame["frames_lost"] = self._join.lost
        self._newest = frame
