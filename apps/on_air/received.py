# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a receiver makes of the images that arrive: figures, newest image, files."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from common.pictures import Pictures
from gnuradio import gr
from gnuradio.semisac.frames import frame_tags
from gnuradio.semisac.metrics.link_metrics import LEAST_MSE, mean_squared_error
from gnuradio.semisac.work_errors import ends_flow_on_error

from semisac_ml.signal.metrics import Metric

from .figures import RunningMean, RunningShare, present

LISTED = 1000
IMAGE = np.dtype(
    [
        ("frame_id", np.int64),
        ("class", np.int64),
        ("probability", np.float64),
        ("snr_db", np.float64),
        ("cfo_hz", np.float64),
        ("psnr_db", np.float64),
    ]
)


class received_images(gr.sync_block):
    """Collect what the decoders make of each image.

    The decoders see the same images in the same order, so that item k of one input belongs to item k of the
    other. Numbers do not tell: a transmitter that repeats its frames or begins anew uses them again.

    Input 0: images, uint8[height * width * 3], absent when image_shape is None; the last input:
    probabilities, float32[classes], absent without class names. Tags frame_id, snr_db and cfo_hz on input 0.

    truth: what is sent; image frame_id modulo their number. most: images taken, 0: all. deliver: called with
    the records (dtype IMAGE) of new images, the number of the first, and their pictures or None.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] | None,
        class_names: list[str],
        animal_classes: list[int],
        truth: Pictures | None,
        most: int,
        deliver: Callable[[np.ndarray, int, np.ndarray | None], None] | None = None,
    ):
        self._shape, self._class_names, self._truth, self._most = image_shape, class_names, truth, most
        inputs = [(np.uint8, int(np.prod(image_shape)))] if image_shape else []
        inputs += [(np.float32, len(class_names))] if class_names else []
        gr.sync_block.__init__(self, "received_images", inputs, None)
        self._animals = np.asarray(animal_classes, np.int64)
        self._deliver = deliver
        self._lock = threading.Lock()
        self._records = np.zeros(LISTED, IMAGE)
        self._classes: Counter[int] = Counter()
        self._newest: dict | None = None
        self._snr, self._cfo, self._psnr = RunningMean(), RunningMean(), RunningMean()
        self._class_right, self._animal_right = RunningShare(), RunningShare()
        self._last = np.array([(-1, -1, np.nan, np.nan, np.nan, np.nan)], IMAGE)[0]
        self._first_s = self._last_s = 0.0
        self.count = 0
        self.begun_again = 0

    @ends_flow_on_error
    def work(self, input_items, output_items):
        offered = len(input_items[0])
        count = min(offered, self._most - self.count) if self._most else offered
        if count > 0:
            self._take([items[:count] for items in input_items])
        return offered

    def _take(self, items: list[np.ndarray]) -> None:
        count = len(items[0])
        records = np.zeros(count, IMAGE)
        tags = frame_tags.CallTags(self, 0, count)
        ids = records["frame_id"] = tags.longs(frame_tags.FRAME_ID)
        records["snr_db"] = tags.held_doubles(frame_tags.SNR_DB, self._last["snr_db"])
        records["cfo_hz"] = tags.held_doubles(frame_tags.CFO_HZ, self._last["cfo_hz"])
        pictures = items[0] if self._shape else None
        probabilities = items[-1] if self._class_names else None
        records["class"], records["probability"] = -1, np.nan
        if probabilities is not None:
            records["class"] = probabilities.argmax(axis=1)
            records["probability"] = probabilities.max(axis=1)
        records["psnr_db"] = np.nan
        sent = self._truth.images[ids % len(self._truth.images)] if self._truth else None
        if sent is not None and pictures is not None:
            mse = mean_squared_error(sent.reshape(count, -1), pictures)
            records["psnr_db"] = -10.0 * np.log10(np.maximum(mse, LEAST_MSE))
        number = self.count
        with self._lock:
            self._count(records, probabilities)
            self._keep_newest(pictures, probabilities, sent)
        if self._deliver is not None:
            self._deliver(records, number, None if pictures is None else pictures.copy())

    def _count(self, records: np.ndarray, probabilities: np.ndarray | None) -> None:
        now = time.monotonic()
        self._first_s = self._first_s or now
        self._last_s = now
        self._snr.add(records["snr_db"])
        self._cfo.add(records["cfo_hz"])
        self._psnr.add(records["psnr_db"])
        if probabilities is not None:
            self._classes.update(records["class"].tolist())
            self._count_right(records, probabilities)
        ids = np.concatenate([[self._last["frame_id"]], records["frame_id"]])
        self.begun_again += int(np.count_nonzero(np.diff(ids) <= 0))
        places = (self.count + np.arange(len(records)))[-LISTED:] % LISTED
        self._records[places] = records[-LISTED:]
        self._last = records[-1].copy()
        self.count += len(records)

    def _count_right(self, records: np.ndarray, probabilities: np.ndarray) -> None:
        if self._truth is None:
            return
        labels = self._truth.labels[records["frame_id"] % len(self._truth.labels)]
        known = labels >= 0
        self._class_right.add((records["class"] == labels)[known])
        if len(self._animals):
            animal = probabilities[:, self._animals].sum(axis=1) >= 0.5
            self._animal_right.add((animal == np.isin(labels, self._animals))[known])

    def _keep_newest(self, pictures, probabilities, sent) -> None:
        if pictures is None:
            return
        last = self._last
        newest = {"received": pictures[-1].reshape(self._shape).copy(), "frame_id": int(last["frame_id"])}
        newest["snr_db"] = float(last["snr_db"])
        if sent is not None:
            label = self._truth.labels[last["frame_id"] % len(self._truth.labels)]
            newest |= {"sent": sent[-1], "label": int(label), "frames_lost": 0}
        if probabilities is not None:
            newest["probabilities"] = probabilities[-1].copy()
        self._newest = newest

    def take_newest(self) -> dict | None:
        """Newest image in the form that ImageView paints; None when it has been taken already."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def last(self) -> np.void:
        """Record of the last image."""
        with self._lock:
            return self._last

    def figures(self) -> dict[str, Metric]:
        """Figures by name, those that have samples."""
        with self._lock:
            figures = {
                "psnr_db": self._psnr.metric(),
                "class_accuracy": self._class_right.metric(),
                "animal_accuracy": self._animal_right.metric(),
                "snr_db": self._snr.metric(),
                "cfo_hz": self._cfo.metric(),
            }
            if self._last_s > self._first_s:
                rate = self.count / (self._last_s - self._first_s)
                figures["images_per_s"] = Metric(rate, rate, rate, self.count)
        return present(figures)

    def classes(self) -> dict[str, int]:
        """Images by the class that was decided for them, most frequent first."""
        with self._lock:
            return {self._class_names[index]: count for index, count in self._classes.most_common()}

    def latest(self) -> list[dict[str, object]]:
        """The last 1000 images, oldest first: frame_id, class, probability, snr_db, cfo_hz, psnr_db."""
        with self._lock:
            kept = min(self.count, LISTED)
            records = self._records[(self.count - kept + np.arange(kept)) % LISTED]
        return [
            {
                **dict(zip(IMAGE.names, record.tolist(), strict=True)),
                "class": self.class_name(record["class"]),
            }
            for record in records
        ]

    def class_name(self, index: int) -> str:
        """Name of a class, "" when none was decided."""
        return self._class_names[index] if 0 <= index < len(self._class_names) else ""
