# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where `image_source` takes its images from: a set that is all there, or a camera or video that runs."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np

from semisac_ml.data.video import Video

# A source that gives nothing is asked again after 250 ms: better to wait for the image in the call, but not
# so long that the flowgraph does not stop.
LONGEST_WAIT_S = 0.25
LONGEST_STOP_S = 1.0
NONE_YET = np.empty(0, np.int64)


class StillFeed:
    """Images of a set in turn, at a pace or as fast as they are taken.

    images: uint8 [images, length]. labels: int64 [images]. repeat: start again after the last.
    drop_late: of images that are due, only the newest is given; the others are counted.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, repeat: bool, drop_late: bool = False):
        self._images, self._labels = images, labels
        self._repeat, self._drop_late = repeat, drop_late
        self._dropped = 0
        self._next = 0
        self.set_images_per_s(0.0)

    def start(self, anew: bool) -> None:
        """The flowgraph starts. anew: from the first image on."""
        self._pace_start = None
        if anew:
            self._next = 0

    def stop(self) -> None:
        pass

    def set_images_per_s(self, images_per_s: float) -> None:
        """Change the pace; 0 = as fast as possible."""
        self._images_per_s = images_per_s
        self._pace_start = None

    def take(self, images: np.ndarray) -> np.ndarray | None:
        """Write images from the first row on; labels of those written, none when none is due, None at the
        end.
        """
        count = len(images)
        count = min(count, self._left())
        if count == 0:
            return None
        if self._images_per_s:
            due = self._due()
            if self._drop_late and due > 1:
                self._skip(due - 1)
                count, due = min(count, self._left()), 1
            count = min(count, due)
            if count == 0:
                return NONE_YET
        chosen = np.arange(self._next, self._next + count) % len(self._images)
        np.take(self._images, chosen, axis=0, out=images[:count])
        self._next += count
        self._paced += count
        return self._labels[chosen]

    def _due(self) -> int:
        """Images that the pace allows now; waits for the next one, but not for long."""
        now = time.monotonic()
        if self._pace_start is None:
            self._pace_start, self._paced = now, 0
        next_due = self._pace_start + self._paced / self._images_per_s
        if now < next_due:
            time.sleep(min(next_due - now, LONGEST_WAIT_S))
            now = time.monotonic()
        # a sleep ends a rounding error early at the earliest
        return max(int((now - self._pace_start) * self._images_per_s + 1e-6) + 1 - self._paced, 0)

    _paced = 0

    def _left(self) -> int:
        """Images until the end."""
        return len(self._images) - self._next if not self._repeat else sys.maxsize

    def _skip(self, late: int) -> None:
        late = min(late, self._left() - 1)
        self._next += late
        self._paced += late
        self._dropped += late

    def dropped(self) -> int:
        """Images that were not taken in time."""
        return self._dropped


class VideoFeed:
    """Pictures of a video file, each of them, as fast as they are taken."""

    def __init__(self, video: Video, repeat: bool):
        self._video, self._repeat = video, repeat

    def start(self, anew: bool) -> None:
        """A video begins with each start."""
        self._video.open()

    def stop(self) -> None:
        self._video.close()

    def set_images_per_s(self, images_per_s: float) -> None:
        if images_per_s:
            raise ValueError(
                "a video that began without a pace keeps none: give images_per_s at the beginning"
            )

    def take(self, images: np.ndarray) -> np.ndarray | None:
        """As of StillFeed."""
        for place, image in enumerate(images):
            found = next_frame(self._video, self._repeat)
            if found is None:
                return np.full(place, -1) if place else None
            image[:] = self._video.picture(found[0]).ravel()
        return np.full(len(images), -1)

    def dropped(self) -> int:
        return 0


class LiveFeed:
    """Pictures of a camera, or of a video file that runs in its own time: the newest one, or none.

    Of the pictures that come, as many are chosen as images_per_s allows, by their times in the video. One
    that was chosen but not taken when the next one comes is dropped and counted.
    """

    def __init__(self, video: Video, repeat: bool):
        self._video, self._repeat = video, repeat
        self._changed = threading.Condition()
        self._newest = None
        self._dropped = 0
        self._ended = False
        self._error: Exception | None = None
        self._images_per_s = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, anew: bool) -> None:
        """Begin to read pictures; a video file begins with each start."""
        self._video.open()
        self._newest, self._error, self._ended = None, None, False
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="video", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End reading; a camera that hangs is left to itself."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(LONGEST_STOP_S)

    def set_images_per_s(self, images_per_s: float) -> None:
        """Change the largest number of pictures a second; 0: all."""
        self._images_per_s = images_per_s

    def take(self, images: np.ndarray) -> np.ndarray | None:
        """Write the newest picture; as of StillFeed. Raises DataError when the video broke off."""
        with self._changed:
            if self._newest is None and not self._ended:
                self._changed.wait(LONGEST_WAIT_S)
            frame, self._newest = self._newest, None
            if frame is None:
                if self._error is not None:
                    raise self._error
                return None if self._ended else NONE_YET
        images[0] = self._video.picture(frame).ravel()
        return np.full(1, -1)

    def dropped(self) -> int:
        """Pictures that were not taken in time."""
        return self._dropped

    def _run(self) -> None:
        error = None
        try:
            self._read_all()
        except Exception as caught:  # noqa: BLE001 - whatever it is, the flowgraph must end and say so
            error = caught
        finally:
            self._video.close()
            with self._changed:
                self._error, self._ended = error, True
                self._changed.notify_all()

    def _read_all(self) -> None:
        begin, last_s, next_due_s = time.monotonic(), 0.0, 0.0
        while not self._stopping.is_set():
            found = next_frame(self._video, self._repeat)
            if found is None:
                return
            frame, time_s = found
            half_interval_s, last_s = (time_s - last_s) / 2.0, time_s
            if rate := self._images_per_s:
                # the picture nearest to each due time, whose grid goes on; what was missed is not made up for
                if time_s < next_due_s - min(half_interval_s, 0.25 / rate):
                    continue
                next_due_s = max(next_due_s + 1.0 / rate, time_s + 0.5 / rate)
            if not self._video.live and self._stopping.wait(max(0.0, begin + time_s - time.monotonic())):
                return
            with self._changed:
                self._dropped += self._newest is not None
                self._newest = frame
                self._changed.notify_all()


def next_frame(video: Video, repeat: bool):
    """As of Video.next_frame; a file that repeats starts again at its end."""
    found = video.next_frame()
    if found is None and repeat and not video.live:
        video.rewind()
        found = video.next_frame()
    return found
