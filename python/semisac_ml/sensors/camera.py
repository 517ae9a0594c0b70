# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The camera: what a street looks like, and how its brightness changed since the frame before."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semisac_ml.data.reading import picture as read_picture
from semisac_ml.sensors import Sensor

if TYPE_CHECKING:
    from torch import Tensor, nn

SHAPE = (4, 64, 128)  # red, green, blue, change; rows; columns
DECODED = 2  # decoded pictures have half the rows and columns
DEVIATION = 0.1  # of the likelihood of a decoded picture


class Camera(Sensor):
    """Pictures of any size, shrunk to 64 rows of 128 pixels."""

    label = "camera"
    column = "unit1_rgb"
    shape = SHAPE
    dtype = kept = np.uint8
    scale = 255.0
    described = "the picture at 64x128 pixels, and how its brightness changed since the frame before"

    def read(self, file: Path) -> np.ndarray:
        """A picture, uint8 [height, width, 3], RGB."""
        return read_picture(file, self.column)

    def frame(self, now: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """A picture for a network, uint8 [4, 64, 128].

        Parameters
        ----------
        now : ndarray, uint8 [height, width, 3]
            RGB. Every value becomes the mean of the area that it stands for.
        before : ndarray of the same shape, optional
            The picture of the frame before. The fourth channel is 128 plus half the change in brightness.
        """
        _, rows, columns = SHAPE
        shrunk = _shrink(_checked(now), rows, columns)
        change = np.zeros((rows, columns))
        if before is not None:
            change = (shrunk - _shrink(_checked(before), rows, columns)).mean(axis=2)
        both = np.dstack([shrunk, 128.0 + 0.5 * change])
        return np.rint(both).clip(0, 255).astype(np.uint8).transpose(2, 0, 1)

    def hidden(self, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> bool:
        """A camera of unknown width cannot be turned."""
        return azimuth_rad != 0.0 and view_deg is None

    def seen(self, frames: Tensor, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> Tensor:
        found = (frames.flip(3) if mirrored else frames) / self.scale
        return found[..., _columns(found.shape[3], azimuth_rad, view_deg)] if azimuth_rad else found

    def encoder(self, size: int, sizes: Any) -> nn.Module:
        from semisac_ml.layers.sensor_encoders import PictureEncoder

        return PictureEncoder(SHAPE, size, sizes.residual, background=sizes.background)

    def azimuth_map(self, beams: int) -> nn.Module:
        from semisac_ml.layers.azimuth_maps import CameraMap

        return CameraMap(SHAPE, beams)

    def told(self, size: int) -> int:
        return size

    def mirror(self, size: int, width: int) -> nn.Module:
        from semisac_ml.layers.residual import ResidualDecoder

        channels, rows, columns = SHAPE
        return ResidualDecoder(size, channels, rows // DECODED, columns // DECODED, 3, width)

    def residual(self, truth: Tensor, told: Tensor) -> Tensor:
        from torch.nn import functional

        return ((functional.avg_pool2d(truth, DECODED) - told) / DEVIATION).flatten(1)


def _columns(columns: int, azimuth_rad: float, view_deg: float) -> Tensor:
    """Column of the picture that each column shows when it is turned; the outermost where it has none."""
    import torch

    edge = math.tan(math.radians(view_deg) / 2.0)
    place = (2.0 * torch.arange(columns) + 1.0) / columns - 1.0  # from left to right
    azimuth = -torch.atan(place * edge) - azimuth_rad
    shown = (-torch.tan(azimuth) / edge + 1.0) / 2.0 * columns
    return shown.long().clamp(0, columns - 1)


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(
            f"picture is {picture.dtype} {picture.shape}, expected uint8 [height, width, 3], RGB"
        )
    return picture


def _shrink(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    down, across = _area_weights(picture.shape[0], rows), _area_weights(picture.shape[1], columns)
    less = np.tensordot(down, picture.astype(np.float32), axes=(1, 0))
    return np.tensordot(less, across, axes=(1, 1)).transpose(0, 2, 1)


@lru_cache(maxsize=16)
def _area_weights(pixels: int, wanted: int) -> np.ndarray:
    """Share of each pixel in each of the wanted ones, float32 [wanted, pixels]; rows sum to 1."""
    edges = np.linspace(0.0, pixels, wanted + 1)
    start, stop = edges[:-1, None], edges[1:, None]
    place = np.arange(pixels)
    overlap = np.clip(np.minimum(stop, place + 1) - np.maximum(start, place), 0.0, None)
    return (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
