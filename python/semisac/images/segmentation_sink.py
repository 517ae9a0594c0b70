# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque

import numpy as np

from semisac_ml.runtime import FusionLink
from semisac_ml.signal.segmentation import class_colours, confusion, mean_iou

from .. import bundle_network
from ..frames import frame_tags
from ..frames.frame_join import joined_branches


class segmentation_sink(joined_branches):
    """Show what two users see, what the base station makes of it, and the truth (Qt).

    Joins its inputs by frame_id and shows the newest complete frame with the mean IoU of the newest frames;
    those that come faster than the screen are counted, and not shown.

    Input 0: picture in colour, uint8[height * width * 3], tag frame_id.
    Input 1: thermal picture, uint8[height * width], tag frame_id.
    Input 2: classes as received, uint8[height * width], tags frame_id and snr_db.
    Input 3: true classes, uint8[height * width], tag frame_id.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    frames: over how many of the newest the mean IoU is taken.
    refresh_per_s: pictures a second on the screen.

    Raises BundleError when the folder is not a bundle of this kind, ValueError for a bad parameter,
    RuntimeError when PyQt5 is missing.
    """

    def __init__(self, bundle, frames=50, refresh_per_s=10.0):
        link = bundle_network.open_bundle(bundle).interface(FusionLink)
        if int(frames) < 1:
            raise ValueError(f"frames is {frames}, expected 1 or more")
        self._shape, self._classes = (link.height, link.width), link.classes
        self._colours = class_colours(len(link.classes))
        pixels = link.height * link.width
        kinds = [("colour", np.uint8, 3 * pixels)]
        kinds += [(name, np.uint8, pixels) for name in ("thermal", "received", "truth")]
        self._snr_db = np.nan  # of the newest frame
        joined_branches.__init__(self, "segmentation_sink", kinds)
        self._newest = None
        self._counts: deque[np.ndarray] = deque(maxlen=int(frames))
        try:
            from .segmentation_view import SegmentationView
        except ImportError as error:
            raise RuntimeError(f"segmentation_sink needs PyQt5 ({error}): install python3-pyqt5") from error
        self._view = SegmentationView(self.take_newest, link.classes, self._colours, refresh_per_s)

    def qwidget(self):
        """The Qt widget, to be put into a layout."""
        return self._view

    def take_newest(self) -> dict | None:
        """Newest complete frame, or None when it has been taken already.

        colour, thermal, received, truth: uint8 [height, width, 3]; present: numbers of the classes in it;
        mean_iou: float, NaN unknown, of the newest frames; frames: how many these are; frame_id: int; snr_db:
        float, NaN unknown.
        """
        with self._lock:
            frame, self._newest = self._newest, None
            counts = list(self._counts)
        if frame is None:
            return None
        colour, thermal, received, truth = (
            frame.pop(name) for name in ("colour", "thermal", "received", "truth")
        )
        known = [np.minimum(one, len(self._classes) - 1).reshape(self._shape) for one in (received, truth)]
        frame["present"] = np.unique(np.stack(known)).tolist()
        frame["colour"] = colour.reshape(*self._shape, 3)
        frame["thermal"] = np.repeat(thermal.reshape(*self._shape, 1), 3, axis=2)
        frame["received"], frame["truth"] = (self._colours[one] for one in known)
        frame["mean_iou"], frame["frames"] = mean_iou(np.sum(counts, axis=0)), len(counts)
        return frame

    def _branch_begins(self):
        joined_branches._branch_begins(self)
        with self._lock:
            if self._running_branches == 1:
                self._counts.clear()

    def _tags_of(self, column):
        return {"snr_db": self._snrs_db} if column == "received" else {}

    def _snrs_db(self, tags):
        snrs_db = tags.held_snrs_db(frame_tags.SNR_DB, self._snr_db)
        self._snr_db = float(snrs_db[-1])
        return snrs_db

    def _take_frames(self, ids, frames):
        most = len(self._classes) - 1
        for received, truth in zip(frames["received"], frames["truth"], strict=True):
            pair = np.minimum(received, most), np.minimum(truth, most)
            self._counts.append(confusion(*pair, most + 1))
        frame = {name: values[-1].copy() for name, values in frames.items()}
        frame["frame_id"] = int(ids[-1])
        self._newest = frame
