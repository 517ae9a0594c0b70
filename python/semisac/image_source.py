# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import numpy as np
from gnuradio import gr

from . import frame_tags

LONGEST_WAIT_S = 0.05  # a paced source sleeps in steps this short, so that a flowgraph stops at once


class image_source(gr.sync_block):
    """Send images as items, each with its number, its label and the time it left.

    Output 0: image, uint8[height * width * 3], rows then columns then RGB; one item a frame.
    Tags: frame_id (0, 1, 2, ...), label (-1 when unknown), tx_time (seconds since the epoch).

    images: uint8 array [images, height, width, 3]; or "sample" (64 CIFAR-10 test images that ship), "cifar10"
        (the whole test set), or a picture file or folder of pictures, cropped and scaled to 32 x 32.
    labels: class of each image, int [images]; None: those of the data set, or -1.
    repeat: start again after the last image, for ever; frame_id goes on counting.
    count: images to send in all; the set is repeated when it holds fewer. 0: the set once.
    batch: most images a call; the output buffer has room for two such.
    images_per_s: pace; 0 sends as fast as the flowgraph takes them.

    Raises ValueError when images are not uint8 [images, height, width, 3] or labels are not one for each
    image, DataError when a picture or data set cannot be read.
    """

    def __init__(self, images, labels=None, repeat=False, batch=64, images_per_s=0.0, count=0):
        images, labels = _images_and_labels(images, labels)
        if int(batch) < 1:
            raise ValueError(f"batch is {batch}, expected 1 or more")
        if not images_per_s >= 0:
            raise ValueError(
                f"images_per_s is {images_per_s}, expected 0 (as fast as possible) or a positive rate"
            )
        self._image_length = int(np.prod(images.shape[1:]))
        gr.sync_block.__init__(self, "image_source", None, [(np.uint8, self._image_length)])
        self._images = images.reshape(len(images), self._image_length)
        self._labels = labels
        self._total = 0 if repeat else int(count) or len(images)
        self._batch = int(batch)
        self._sent = 0
        self._paced_sent = 0
        self.set_images_per_s(images_per_s)
        self.set_max_noutput_items(self._batch)
        self.set_min_output_buffer(0, 2 * self._batch)

    def set_images_per_s(self, images_per_s: float) -> None:
        """Change the pace, images each second; 0 = as fast as possible."""
        self._images_per_s = float(images_per_s)
        self._pace_start = None

    def images_sent(self) -> int:
        """Images that have left so far."""
        return self._sent

    def _due(self) -> int:
        """Images that the pace allows now; sleeps a little when there is none."""
        now = time.monotonic()
        if self._pace_start is None:
            self._pace_start, self._paced_sent = now, 0
        due = int((now - self._pace_start) * self._images_per_s) + 1 - self._paced_sent
        if due <= 0:
            next_due = self._pace_start + self._paced_sent / self._images_per_s
            time.sleep(min(max(next_due - now, 0.0), LONGEST_WAIT_S))
        return max(due, 0)

    def work(self, input_items, output_items):
        images = output_items[0]
        count = min(len(images), self._batch)
        if self._total:
            count = min(count, self._total - self._sent)
            if count == 0:
                return -1  # WORK_DONE
        if self._images_per_s:
            count = min(count, self._due())
            if count == 0:
                return 0
        chosen = np.arange(self._sent, self._sent + count) % len(self._images)
        np.take(self._images, chosen, axis=0, out=images[:count])
        self._tag(count, self._labels[chosen])
        self._sent += count
        self._paced_sent += count
        return count

    def _tag(self, count: int, labels: np.ndarray) -> None:
        frame_tags.tag_items(
            self, 0, frame_tags.FRAME_ID, np.arange(self._sent, self._sent + count, dtype=np.uint64)
        )
        frame_tags.tag_items(self, 0, frame_tags.LABEL, labels)
        frame_tags.tag_items(self, 0, frame_tags.TX_TIME, np.full(count, time.time()))


def _images_and_labels(images, labels) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(images, str):
        images, found = _load(images)
        labels = found if labels is None else labels
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or len(images) == 0:
        raise ValueError(
            f"images are {images.dtype} {list(images.shape)}, expected uint8 [images, height, width, 3] "
            "with at least one image"
        )
    labels = np.full(len(images), -1) if labels is None or len(labels) == 0 else np.asarray(labels)
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels have shape {list(labels.shape)}, expected one for each of {len(images)} images"
        )
    return np.ascontiguousarray(images), labels.astype(np.int64)


def _load(name: str) -> tuple[np.ndarray, np.ndarray | None]:
    if name in ("sample", "cifar10"):
        from semisac_ml.data import cifar10

        if name == "cifar10":
            return cifar10.load("test")
        return cifar10.sample()[:2]
    from semisac_ml.data.images import load_images

    return load_images(name), None
