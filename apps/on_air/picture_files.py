# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Received images as files and lines, written beside the flowgraph so that it never waits for a disk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

MOST_WAITING = 256  # pieces of at most a batch
CLOSE_S = 0.4


class PictureFiles:
    """Write pictures into a folder, and a line for each image, from a thread of its own.

    Images that come faster than they can be written are left out and counted in `left_out`.

    folder: None: no files. print_lines: on standard output. shape: of a picture, None without pictures.
    class_name: of an index.

    Raises ValueError when the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path | None,
        print_lines: bool,
        shape: tuple[int, int, int] | None,
        class_name: Callable[[int], str],
    ):
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(f"--save {folder}: no such folder can be made ({error.strerror})") from None
        self._folder, self._print_lines, self._shape, self._class_name = (
            folder,
            print_lines,
            shape,
            class_name,
        )
        self._waiting: queue.Queue = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write_all, name="picture_files", daemon=True)
        self._thread.start()
        self.saved = 0
        self.left_out = 0
        self.error: Exception | None = None

    def take(self, records: np.ndarray, number: int, pictures: np.ndarray | None) -> None:
        """Take images; returns at once."""
        try:
            self._waiting.put_nowait((records, number, pictures))
        except queue.Full:
            self.left_out += len(records)

    def close(self) -> None:
        """Write what waits, for a moment at most; the rest counts as left out."""
        try:
            self._waiting.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)
        except queue.Full:
            pass
        while not self._waiting.empty():
            piece = self._waiting.get_nowait()
            self.left_out += len(piece[0]) if piece else 0

    def _write_all(self) -> None:
        try:
            while (piece := self._waiting.get()) is not None:
                self._write(*piece)
        except OSError as error:
            self.error = error

    def _write(self, records: np.ndarray, number: int, pictures: np.ndarray | None) -> None:
        for place, record in enumerate(records):
            name = self._class_name(record["class"])
            if self._print_lines:
                psnr = f", PSNR {record['psnr_db']:.1f} dB" if np.isfinite(record["psnr_db"]) else ""
                said = f"{name or '-'} {100 * record['probability']:.0f} %, " if name else ""
                print(f"{record['frame_id']}: {said}SNR {record['snr_db']:.1f} dB{psnr}", flush=True)
            if self._folder is not None and pictures is not None:
                shown = f"_{name.replace('/', '-')}" if name else ""
                file = self._folder / f"{number + place:07d}_frame_{record['frame_id']}{shown}.png"
                Image.fromarray(pictures[place].reshape(self._shape)).save(file, compress_level=1)
                self.saved += 1
