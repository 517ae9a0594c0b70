# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of a video file by their numbers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from . import DataError
from .reading import wrong

FAR = 64


class Clip:
    """A video file of which any picture can be asked for; the next one along is the quickest.

    file: such as VIRAT_S_000001.mp4.

    size: height and width in pixels.
    frame_rate_hz: pictures a second.
    frames: how many, 0 if the file does not say.

    Raises DataError when it cannot be opened, holds no pictures, or the package av is missing.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open()
        self.frame_rate_hz = float(self._stream.average_rate)
        self.size = (self._stream.height, self._stream.width)
        self.frames = int(self._stream.frames)

    def _open(self) -> None:
        """Begin to read; in the process that reads, since a decoder cannot be shared with another."""
        if not self.file.is_file():
            raise wrong(self.file, "video", "is missing", "a video file")
        try:
            import av
        except ImportError as error:
            raise DataError(
                f"{self.file}: videos need the package av ({error}): pip install 'semisac[radio]'"
            ) from error
        try:
            self._container = av.open(str(self.file))
            self._stream = self._container.streams.video[0]
            # one thread: those of a decoder do not survive a fork, and freeing it would wait for them
            self._stream.codec_context.thread_count = 1
            if not self._stream.average_rate:
                raise ValueError("it has no frame rate")
        except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
            raise wrong(self.file, "video", f"cannot be opened ({error})", "a whole video file") from error
        self._process = os.getpid()
        self._decoded = None
        self._next = 0

    def __getstate__(self) -> dict:
        return {key: getattr(self, key) for key in ("file", "frame_rate_hz", "size", "frames")}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._process = -1

    def read(self, number: int) -> np.ndarray:
        """Picture of a number, counted from 0: uint8 [height, width, 3], RGB; DataError if it is missing."""
        if self._process != os.getpid():
            self._open()
        if self._decoded is None or not self._next <= number <= self._next + FAR:
            self._seek(number)
        for found, frame in self._decode():
            if found >= number:
                if found > number:
                    break
                return frame.to_ndarray(format="rgb24")
        raise wrong(
            self.file, f"frame {number}", "cannot be read", f"the {self.frames or 'many'} of the video"
        )

    def _seek(self, number: int) -> None:
        """Go to the last picture before that can be decoded by itself."""
        import av

        begin = self._stream.start_time or 0
        at = begin + int(max(number - 1, 0) / self.frame_rate_hz / float(self._stream.time_base))
        try:
            self._container.seek(max(at, begin), stream=self._stream)
        except (av.error.FFmpegError, OSError) as error:
            raise wrong(
                self.file, f"frame {number}", f"cannot be found ({error})", "a whole video"
            ) from error
        self._decoded = self._container.decode(self._stream)

    def _decode(self):
        """Pictures from here on, with their numbers."""
        import av

        begin = float((self._stream.start_time or 0) * self._stream.time_base)
        try:
            for frame in self._decoded:
                found = round((frame.time - begin) * self.frame_rate_hz)
                self._next = found + 1
                yield found, frame
        except (av.error.FFmpegError, OSError) as error:
            raise wrong(self.file, f"frame {self._next}", f"is damaged ({error})", "a whole video") from error
        self._decoded = None
