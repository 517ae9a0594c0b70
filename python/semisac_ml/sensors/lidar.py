# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The LiDAR: points that stand out of the street, and how far each moved since the frame before."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from semisac_ml.data import ply
from semisac_ml.data.reading import wrong
from semisac_ml.sensors import Sensor

if TYPE_CHECKING:
    from torch import Tensor, nn

SHAPE = (384, 5)  # points; x, y, z, intensity, moved
FARTHEST_POINT_M = 70.0
VOXEL_M = 0.4
GROUND_SHARE = 0.05
ABOVE_GROUND_M = 0.3
MOVED_M = 2.0
INTENSITIES = 65535.0
CELLS = (16, 8)  # of azimuth, of distance: what a decoder tells
WIDEST_RAD, FARTHEST_CELL_M = math.radians(60.0), 64.0
DEVIATION = 0.3  # of the likelihood of how full a cell is


class Lidar(Sensor):
    """Clouds of any number of points, of which 384 are kept; x is ahead, y to the left."""

    label = "LiDAR"
    column = "unit1_lidar"
    endings = (".ply",)
    shape = SHAPE
    one_shape = False
    described = "384 points above the ground, each with the metres that it moved since the frame before"

    def read(self, file: Path) -> np.ndarray:
        """The points of a sweep, float32 [points, 4]: x, y, z in metres and intensity (see data.ply)."""
        if file.suffix.lower() not in self.endings:
            raise wrong(file, self.column, f"ends in {file.suffix}", ".ply")
        return ply.read(file)

    def frame(self, now: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """A point cloud for a network, float32 [384, 5]: x, y, z in metres, intensity 0 to 1, metres moved.

        Points on the ground and beyond 70 m are left out, and all but one of each 0.4 m. Half of those that
        are kept are the ones that moved most, the others are spread evenly; missing ones are zeros.

        Parameters
        ----------
        now : ndarray, float [points, 3 or more]
            x, y, z in metres; intensity 0 to 65535 if there is a fourth column.
        before : ndarray, optional
            The cloud of the frame before; "moved" is the distance to its nearest point, at most 2 m.
        """
        points = _checked(now)
        found = np.zeros(SHAPE, np.float32)
        if not len(points):
            return found
        kept = points[_standing_out(points[:, :3])]
        moved = np.zeros(len(kept))
        if before is not None and len(kept) and len(before):
            tree = cKDTree(_checked(before)[:, :3])
            moved, _ = tree.query(kept[:, :3], distance_upper_bound=MOVED_M)
            moved = np.minimum(moved, MOVED_M)
        chosen = _choose(moved, SHAPE[0])
        own = kept[chosen]
        found[: len(own), :3] = own[:, :3]
        if points.shape[1] > 3:
            found[: len(own), 3] = np.clip(own[:, 3] / INTENSITIES, 0.0, 1.0)
        found[: len(own), 4] = moved[chosen]
        return found

    def hidden(self, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> bool:
        return False

    def seen(self, frames: Tensor, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> Tensor:
        import torch

        x, y = frames[..., 0], frames[..., 1]
        y = -y if mirrored else y
        c, s = math.cos(azimuth_rad), math.sin(azimuth_rad)
        return torch.cat([torch.stack([c * x - s * y, s * x + c * y], dim=-1), frames[..., 2:]], dim=-1)

    def encoder(self, size: int, sizes: Any) -> nn.Module:
        from semisac_ml.layers.residual import PointNet

        return PointNet(size, sizes.width, background=sizes.background)

    def azimuth_map(self, beams: int) -> nn.Module:
        from semisac_ml.layers.azimuth_maps import LidarMap

        return LidarMap(FARTHEST_POINT_M, beams)

    def told(self, size: int) -> int:
        return math.prod(CELLS)

    def residual(self, truth: Tensor, told: Tensor) -> Tensor:
        return (cells(truth) - told) / DEVIATION


def cells(points: Tensor) -> Tensor:
    """How full cells of azimuth and distance are, 0 to 1, float32 [batch, 128]: what the decoder tells."""
    import torch

    distance = torch.sqrt(points[..., :2].square().sum(dim=2))
    azimuth = torch.atan2(points[..., 1], points[..., 0])
    column = ((azimuth / WIDEST_RAD + 1.0) / 2.0 * CELLS[0]).long()
    row = (distance / FARTHEST_CELL_M * CELLS[1]).long()
    inside = (column >= 0) & (column < CELLS[0]) & (row < CELLS[1]) & (distance > 0)
    place = torch.where(inside, column * CELLS[1] + row, torch.zeros_like(row))
    count = torch.zeros(len(points), math.prod(CELLS), device=points.device)
    count.scatter_add_(1, place, inside.to(count.dtype))
    return torch.tanh(count / 8.0)


def _checked(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] < 3:
        raise ValueError(f"point cloud is {points.shape}, expected [points, x, y, z, ...]")
    return points[np.isfinite(points).all(axis=1)]


def _standing_out(places: np.ndarray) -> np.ndarray:
    """Indices of one point a voxel, above the ground and near enough."""
    near = np.flatnonzero(np.hypot(places[:, 0], places[:, 1]) < FARTHEST_POINT_M)
    if not len(near):
        return near
    ground = np.quantile(places[near, 2], GROUND_SHARE)
    near = near[places[near, 2] > ground + ABOVE_GROUND_M]
    if not len(near):
        return near
    voxel = np.floor(places[near] / VOXEL_M).astype(np.int64) - np.int64(-4000)
    number = (voxel[:, 0] * 8000 + voxel[:, 1]) * 8000 + voxel[:, 2]
    return near[np.sort(np.unique(number, return_index=True)[1])]


def _choose(moved: np.ndarray, count: int) -> np.ndarray:
    if len(moved) <= count:
        return np.arange(len(moved))
    order = np.argsort(-moved, kind="stable")
    rest = np.sort(order[count // 2 :])
    spread = rest[np.linspace(0, len(rest) - 1, count - count // 2).astype(int)]
    return np.concatenate([order[: count // 2], spread])
