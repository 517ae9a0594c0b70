# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures to send: of the one size that a bundle knows, or of any size in packets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from semisac_ml.data import cifar10
from semisac_ml.data.images import load_images
from semisac_ml.data.synthetic import moving_scene
from semisac_ml.data.video import is_video
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.picture_packets import packet_count

from .options import PictureCode

DEFAULT_SIZE, DEFAULT_RATIO, DEFAULT_FIT = "256", "1/12", "crop"
MOST_PACKETS_PER_FRAME = 32
COLOURS = 3


@dataclass(frozen=True)
class Pictures:
    """Images uint8 [N, height, width, 3] or the name of a camera or video, labels int64 [N] (-1 unknown), and
    where they came from.
    """

    images: np.ndarray | str
    labels: np.ndarray
    source: str


def load_pictures(data: str) -> Pictures:
    """Pictures of --data: "sample", "cifar10", or a path of one or a folder of them. Raises DataError."""
    if data == "sample":
        images, labels = cifar10.sample()[:2]
        return Pictures(images, labels, f"the {len(images)} CIFAR-10 test images that ship")
    if data == "cifar10":
        images, labels = cifar10.load("test")
        return Pictures(images, labels, "the CIFAR-10 test set")
    return _unlabelled(load_images(data), str(Path(data)))


@dataclass(frozen=True)
class PictureSettings:
    """How pictures of any size are sent.

    height, width: in pixels. fit: "crop" or "pad". sent_channels: of the code. packets_per_frame: packets in
    a frame on the air.
    """

    height: int
    width: int
    fit: str
    sent_channels: int
    packets_per_frame: int

    @classmethod
    def parse(
        cls, bundle: Bundle, size: str, chosen: PictureCode, packets_per_frame: int | None
    ) -> PictureSettings:
        """Settings from what was chosen on the command line; raises ValueError.

        packets_per_frame: None: those of a picture, at most MOST_PACKETS_PER_FRAME.
        """
        symbols = bundle.interface(ImageLink).symbols
        code = symbols.code
        parts = size.lower().split("x")
        if len(parts) > 2 or not all(part.isdecimal() for part in parts):
            raise ValueError(f"--picture-size is {size!r}, expected pixels such as 256, or WIDTHxHEIGHT")
        width, height = int(parts[0]), int(parts[-1])
        for length in (width, height):
            if length < code.stride or length % code.stride:
                raise ValueError(f"--picture-size is {size}, expected multiples of {code.stride} pixels")
        values = 2 * COLOURS * code.stride**2  # reals of a picture behind each channel of its code, times two
        ratios = {Fraction(sent, values): sent for sent in code.sent_channels}
        ratio = chosen.bandwidth_ratio or DEFAULT_RATIO
        try:
            sent_channels = ratios[Fraction(ratio).limit_denominator(10_000)]
        except (KeyError, ValueError, ZeroDivisionError):
            expected = ", ".join(map(str, ratios))
            raise ValueError(
                f"--bandwidth-ratio is {ratio}, expected one of {expected} with {bundle.name}"
            ) from None
        if packets_per_frame is None:
            shape = (code.channels, height // code.stride, width // code.stride)
            packets = packet_count(shape, sent_channels, symbols.channel_uses)
            packets_per_frame = min(packets, MOST_PACKETS_PER_FRAME)
        return cls(height, width, chosen.fit or DEFAULT_FIT, sent_channels, packets_per_frame)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, colours)."""
        return self.height, self.width, COLOURS

    def load(self, data: str) -> Pictures:
        """Pictures of --data at this size; of a camera or video its name. Raises DataError, ValueError."""
        size = self.height, self.width
        if data in ("sample", "cifar10"):
            if size != (32, 32):
                raise ValueError(
                    f"--picture-size is {self.width}x{self.height}, expected 32 with --data {data}: "
                    "name a folder of pictures, a video file or camera"
                )
            images, labels = cifar10.sample()[:2] if data == "sample" else cifar10.load("test")
            return Pictures(images, labels, "CIFAR-10 test images")
        if data == "synthetic":
            return _unlabelled(moving_scene(*size), "a moving scene")
        if is_video(data):
            return Pictures(data, np.empty(0, np.int64), data)
        return _unlabelled(load_images(data, size, self.fit), str(Path(data)))


def map_regularisation(bundle: Bundle) -> float:
    """Of the division of echoes by the symbols sent. Packets of pictures have a pattern in power that gives a
    strong target side lobes 20 dB below it with the block's default, 1; 0.03 costs 3.5 dB of SNR and leaves
    none above the noise up to 45 dB.
    """
    return 1.0 if bundle.interface(ImageLink).symbols.code is None else 0.03


def _unlabelled(images: np.ndarray, source: str) -> Pictures:
    return Pictures(images, np.full(len(images), -1, np.int64), source)
