# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of a camera or a video file, one after the other, as the networks take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import DataError
from .images import fitted, height_and_width

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mkv", ".webm", ".avi", ".mov", ".mpg", ".mpeg", ".ts", ".ogv", ".y4m", ".wmv", ".flv"}
)
CAMERA_FORMAT = "v4l2"
CAMERA_DEVICE = "/dev/video{}"
OPEN_TIMEOUT_S = 5.0


def is_video(name: object) -> bool:
    """Whether a name stands for a camera ("camera", "camera:1") or a video file, by its ending."""
    if not isinstance(name, (str, Path)):
        return False
    text = str(name)
    return text == "camera" or text.startswith("camera:") or Path(text).suffix.lower() in SUFFIXES


class Video:
    """A camera or a video file.

    Each picture is turned as its camera says and fitted to one size (see semisac_ml.data.images.fitted).

    name: "camera" for the first camera, "camera:N" for /dev/videoN, or the path of a video file.
    size: height and width of the pictures in pixels, one number for a square.
    fit: "crop" or "pad".

    Raises DataError when it cannot be opened or the package av is missing.
    """

    def __init__(self, name: str, size: int | tuple[int, int] = 32, fit: str = "crop"):
        self.name = str(name)
        self.size = height_and_width(size)
        self._fit = fit
        self.live = self.name == "camera" or self.name.startswith("camera:")
        self._container = None
        self.open()

    def open(self) -> None:
        """Begin anew after `close`; an open one is left as it is."""
        if self._container is not None:
            return
        self._container = self._opened()
        if not self._container.streams.video:
            self.close()
            raise DataError(f"{self.name}: holds no pictures, expected a video: choose another file")
        self._stream = self._container.streams.video[0]
        self._frames = self._container.decode(self._stream)
        self._begin_s: float | None = None
        self._before_s = self._last_s = 0.0

    def next_frame(self) -> tuple[object, float] | None:
        """Decode the next picture: (frame for `picture`, seconds since the first one); None at the end.

        Waits for a camera. Raises DataError when it cannot be read any further.
        """
        import av

        try:
            frame = next(self._frames, None)
        except (av.error.FFmpegError, OSError) as error:
            raise DataError(f"{self.name}: cannot be read any further ({_reason(error)})") from error
        if frame is None:
            return None
        time_s = frame.time if frame.time is not None else self._last_s
        if self._begin_s is None:
            self._begin_s = time_s
        self._last_s = time_s - self._begin_s
        return frame, self._before_s + self._last_s

    def picture(self, frame) -> np.ndarray:
        """The picture of a frame, uint8 [height, width, 3], RGB."""
        pixels = frame.to_ndarray(format="rgb24")
        turns = int(round(getattr(frame, "rotation", 0) / 90.0)) % 4
        return fitted(np.rot90(pixels, turns) if turns else pixels, self.size, self._fit)

    def rewind(self) -> None:
        """Go to the beginning of a file; the time goes on."""
        rate = float(self._stream.average_rate or 25)
        self._before_s += self._last_s + 1.0 / rate
        self._begin_s = None
        self._container.seek(0)
        self._frames = self._container.decode(self._stream)

    def close(self) -> None:
        """Let go of the camera or file."""
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _opened(self):
        try:
            import av
        except ImportError as error:
            raise DataError(
                f"{self.name}: cameras and videos need the package av ({error}): pip install 'semisac[radio]'"
            ) from error
        place, kind = self._place()
        try:
            return av.open(place, format=kind, timeout=OPEN_TIMEOUT_S)
        except PermissionError as error:
            raise DataError(f"{place}: no permission to open it: join the group of the device") from error
        except (av.error.FFmpegError, OSError) as error:
            remedy = "connect a camera" if self.live else "expected a video file: check the path"
            raise DataError(f"{self.name}: cannot be opened ({_reason(error)}), {remedy}") from error

    def _place(self) -> tuple[str, str | None]:
        """What to open, and its format where it is known."""
        if not self.live:
            path = Path(self.name).expanduser()
            if not path.is_file():
                raise DataError(f"{path}: no such file, expected a video file")
            return str(path), None
        number = self.name.partition(":")[2] or "0"
        if not number.isdecimal():
            raise DataError(f"{self.name!r} is no camera, expected camera or camera:N, N of /dev/videoN")
        return CAMERA_DEVICE.format(number), CAMERA_FORMAT


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
