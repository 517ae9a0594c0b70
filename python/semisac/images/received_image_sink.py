# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import numpy as np
from gnuradio import gr

from ..frames import frame_tags
from ..work_errors import ends_flow_on_error


class received_image_sink(gr.sync_block):
    """Show the newest image at a receiver that does not know what was sent, and its class (Qt).

    Both inputs see the same images in the same order, as the outputs of `jscc_decoder` and `task_decoder`
    behind one `frame_demodulator`; images that come faster than the screen are passed over.

    Input 0: received image, uint8[height * width * 3], tags frame_id, snr_db.
    Input 1: class probabilities, float32[classes]; absent when there are no class names.

    class_names: name of each class, in the order of input 1.
    image_shape: (height, width, colours).
    refresh_per_s: pictures a second on the screen.

    Raises RuntimeError when PyQt5 is missing or no Qt application runs.
    """

    def __init__(self, class_names=(), image_shape=(32, 32, 3), refresh_per_s=20.0):
        self._class_names = [str(name) for name in class_names]
        self._image_shape = tuple(image_shape)
        inputs = [(np.uint8, int(np.prod(image_shape)))]
        inputs += [(np.float32, len(self._class_names))] if self._class_names else []
        gr.sync_block.__init__(self, "received_image_sink", inputs, None)
        self._lock = threading.Lock()
        self._newest: dict | None = None
        self._images = 0
        self._snr_db = np.nan
        try:
            from .image_view import ImageView
        except ImportError as error:
            raise RuntimeError(f"received_image_sink needs PyQt5 ({error}): install python3-pyqt5") from error
        self._view = ImageView(self.take_newest, self._class_names, refresh_per_s)

    def qwidget(self):
        """The Qt widget, to be put into a layout."""
        return self._view

    def images_received(self) -> int:
        """Images so far."""
        return self._images

    def take_newest(self) -> dict | None:
        """Newest image, or None when it has been taken already.

        received: uint8 [height, width, 3]; frame_id: int, -1 unknown; snr_db: float, NaN unknown;
        probabilities: float32 [classes] or absent.
        """
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    @ends_flow_on_error
    def work(self, input_items, output_items):
        count = len(input_items[0])
        tags = frame_tags.CallTags(self, 0, count)
        self._snr_db = float(tags.held_snrs_db(frame_tags.SNR_DB, self._snr_db)[-1])
        newest = {
            "received": input_items[0][count - 1].reshape(self._image_shape).copy(),
            "frame_id": int(tags.longs(frame_tags.FRAME_ID)[-1]),
            "snr_db": self._snr_db,
        }
        if self._class_names:
            newest["probabilities"] = input_items[1][count - 1].copy()
        with self._lock:
            self._newest = newest
            self._images += count
        return count
