# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Video files whose pictures are known: every one of a single grey level, stored without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_video(path: Path, pictures: np.ndarray, rate: int = 25) -> Path:
    """Write pictures, uint8 [pictures, height, width, 3], as FFV1 in Matroska."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "bgr0"
        for picture in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def grey_levels(count: int, height: int = 24, width: int = 40) -> np.ndarray:
    """Pictures of one grey level each, that of their number, uint8 [count, height, width, 3]."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, height, width, 3))
