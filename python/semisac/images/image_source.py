# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import numpy as np
from gnuradio import gr

from semisac_ml.data.images import height_and_width
from semisac_ml.data.video import Video, is_video

from ..frames import frame_tags
from ..semisac_python import items_waiting
from ..work_errors import ends_flow_on_error
from .image_feeds import LONGEST_WAIT_S, LiveFeed, StillFeed, VideoFeed

LIVE_BUFFER_IMAGES = 4
SHORT_WAIT_S = 0.001


class image_source(gr.sync_block):
    """Send images as items, each with its number, its label and the time it left.

    Output 0: image, uint8[height * width * 3], rows then columns then RGB; one item a frame.
    Tags: frame_id (0, 1, 2, ...), label (-1 when unknown), image_time (seconds since the epoch).

    A flowgraph that is started again goes on where it was stopped; one whose images had all been sent begins
    with the first again. frame_id goes on counting in either case: no two images have the same.

    images: uint8 array [images, height, width, 3], or [..., 1] of a thermal camera or of labels; or "sample"
        (64 CIFAR-10 test images that ship), "cifar10" (the whole test set), "synthetic" (60 pictures of a
        moving scene), a picture file or folder of pictures, a video file, "camera" or "camera:N"
        (/dev/videoN). What comes from files and cameras is fitted to one size.
    labels: class of each image, int [images]; None: those of the data set, or -1.
    repeat: start again after the last image, for ever; frame_id goes on counting.
    count: images to send in all; the set is repeated when it holds fewer. 0: the set once.
    batch: most images a call; the output buffer has room for two such.
    images_per_s: pace; 0 sends as fast as the flowgraph takes them. A camera gives as many as it has, and at
        most so many; a video file then runs in its own time. Of both, pictures that the flowgraph does not
        take in time are dropped, never queued: see `images_dropped`. At most one waits to be taken.
    size: height and width in pixels of what comes from files and cameras, one number for a square.
    fit: "crop" (the largest central part of these proportions) or "pad" (all of it, with black beside).
    drop_late: also of a set at a pace, images that the flowgraph does not take in time are dropped.

    Raises ValueError when images are not uint8 [images, height, width, 3 or 1] or labels are not one for each
    image, DataError when a picture, video or data set cannot be read or a camera cannot be opened.
    """

    def __init__(
        self,
        images,
        labels=None,
        repeat=False,
        batch=64,
        images_per_s=0.0,
        count=0,
        size=32,
        fit="crop",
        drop_late=False,
    ):
        if int(batch) < 1:
            raise ValueError(f"batch is {batch}, expected 1 or more")
        size = height_and_width(size)
        if drop_late and not images_per_s:
            raise ValueError("drop_late is for images at a pace, expected images_per_s above 0 with it")
        _check_pace(images_per_s)
        self._batch = int(batch)
        self._total = 0 if repeat else int(count)
        endless = bool(repeat) or int(count) > 0
        if is_video(images):
            video = Video(images, size, fit)
            live = video.live or images_per_s > 0
            self._feed = (LiveFeed if live else VideoFeed)(video, endless)
            self._in_set = 0
            shape = (*size, 3)
        else:
            live = bool(drop_late)
            images, labels = _images_and_labels(images, labels, size, fit)
            shape = images.shape[1:]
            self._in_set = len(images)
            self._feed = StillFeed(images.reshape(len(images), -1), labels, endless, live)
        gr.sync_block.__init__(self, "image_source", None, [(np.uint8, int(np.prod(shape)))])
        self._sent = self._begun_at = 0
        self._ended = False
        self._live = live
        self._feed.set_images_per_s(float(images_per_s))
        if live:
            self._batch = 1
            self.set_max_output_buffer(0, LIVE_BUFFER_IMAGES)
        else:
            self.set_min_output_buffer(0, 2 * self._batch)
        self.set_max_noutput_items(self._batch)

    def set_images_per_s(self, images_per_s: float) -> None:
        """Change the pace, images each second; 0 = as fast as possible, of a camera all it gives."""
        _check_pace(images_per_s)
        self._feed.set_images_per_s(float(images_per_s))

    def images_sent(self) -> int:
        """Images that have left so far."""
        return self._sent

    def images_to_send(self) -> int:
        """Images that will be sent; of a set that is repeated for ever, those of the set; 0 where nobody
        knows, of a camera and a video.
        """
        return self._total or self._in_set

    def images_dropped(self) -> int:
        """Pictures of a camera, a running video or, with drop_late, a set that were not taken in time."""
        return self._feed.dropped()

    def start(self):
        self._feed.start(anew=self._ended)
        if self._ended:
            self._begun_at, self._ended = self._sent, False
        return True

    def stop(self):
        self._feed.stop()
        return True

    @ends_flow_on_error
    def work(self, input_items, output_items):
        if self._live and not self._wait_until_taken():
            return 0
        images = output_items[0]
        count = min(len(images), self._batch)
        if self._total:
            count = min(count, self._begun_at + self._total - self._sent)
        labels = self._feed.take(images[:count]) if count else None
        if labels is None:
            self._ended = True
            return -1  # WORK_DONE
        if len(labels):
            self._tag(labels)
            self._sent += len(labels)
        return len(labels)

    def _wait_until_taken(self) -> bool:
        """Whether the last image was taken: another one behind it would only grow old there."""
        deadline = time.monotonic() + LONGEST_WAIT_S
        while items_waiting(self.gateway, 0):
            if time.monotonic() > deadline:
                return False
            time.sleep(SHORT_WAIT_S)
        return True

    def _tag(self, labels: np.ndarray) -> None:
        count = len(labels)
        frame_tags.tag_items(
            self, 0, frame_tags.FRAME_ID, np.arange(self._sent, self._sent + count, dtype=np.uint64)
        )
        frame_tags.tag_items(self, 0, frame_tags.LABEL, labels)
        frame_tags.tag_items(self, 0, frame_tags.IMAGE_TIME, np.full(count, time.time()))


def _check_pace(images_per_s: float) -> None:
    if not images_per_s >= 0:
        raise ValueError(
            f"images_per_s is {images_per_s}, expected 0 (as fast as possible) or a positive rate"
        )


def _images_and_labels(images, labels, size: tuple[int, int], fit: str) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(images, str):
        name = images
        images, found = _load(name, size, fit)
        labels = found if labels is None else labels
        if images.shape[1:3] != size:
            raise ValueError(f"size is {_text(size)}, expected {_text(images.shape[1:3])}, that of {name}")
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or len(images) == 0:
        raise ValueError(
            f"images are {images.dtype} {list(images.shape)}, expected uint8 [images, height, width, 3 or 1] "
            "with at least one image"
        )
    labels = np.full(len(images), -1) if labels is None or len(labels) == 0 else np.asarray(labels)
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels have shape {list(labels.shape)}, expected one for each of {len(images)} images"
        )
    return np.ascontiguousarray(images), labels.astype(np.int64)


def _text(size: tuple[int, int]) -> str:
    return str(size[0]) if size[0] == size[1] else f"{size[0]} x {size[1]}"


def _load(name: str, size: tuple[int, int], fit: str) -> tuple[np.ndarray, np.ndarray | None]:
    if name in ("sample", "cifar10"):
        from semisac_ml.data import cifar10

        if name == "cifar10":
            return cifar10.load("test")
        return cifar10.sample()[:2]
    if name == "synthetic":
        from semisac_ml.data.synthetic import moving_scene

        return moving_scene(*size), None
    from semisac_ml.data.images import load_images

    return load_images(name, size, fit), None
