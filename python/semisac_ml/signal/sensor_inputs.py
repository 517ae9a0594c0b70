# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures, point clouds and radar frames of any size as arrays of the sizes that networks are given.

Each of the three also tells what moved since the frame before, if there is one: whoever is served drives.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

CAMERA_SHAPE = (4, 64, 128)  # red, green, blue, change; rows; columns
LIDAR_SHAPE = (384, 5)  # points; x, y, z, intensity, moved
RADAR_SHAPE = (4, 64, 64, 2)  # antennas, samples, chirps, I and Q
FARTHEST_POINT_M = 70.0
VOXEL_M = 0.4
GROUND_SHARE = 0.05
ABOVE_GROUND_M = 0.3
MOVED_M = 2.0
INTENSITIES = 65535.0


def camera_input(picture: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """A picture for a network, uint8 [4, 64, 128].

    Parameters
    ----------
    picture : ndarray, uint8 [height, width, 3]
        RGB. Every value becomes the mean of the area that it stands for.
    before : ndarray of the same shape, optional
        The picture of the frame before. The fourth channel is 128 plus half the change in brightness.
    """
    _, rows, columns = CAMERA_SHAPE
    now = _shrink(_checked_picture(picture), rows, columns)
    change = np.zeros((rows, columns))
    if before is not None:
        change = (now - _shrink(_checked_picture(before), rows, columns)).mean(axis=2)
    both = np.dstack([now, 128.0 + 0.5 * change])
    return np.rint(both).clip(0, 255).astype(np.uint8).transpose(2, 0, 1)


def lidar_input(points: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """A point cloud for a network, float32 [384, 5]: x, y, z in metres, intensity 0 to 1, metres moved.

    Points on the ground and beyond 70 m are left out, and all but one of each 0.4 m. Half of those that are
    kept are the ones that moved most, the others are spread evenly; missing ones are zeros.

    Parameters
    ----------
    points : ndarray, float [points, 3 or more]
        x, y, z in metres; intensity 0 to 65535 if there is a fourth column.
    before : ndarray, optional
        The cloud of the frame before; "moved" is the distance to its nearest point, at most 2 m.
    """
    points = _checked_points(points)
    found = np.zeros(LIDAR_SHAPE, np.float32)
    if not len(points):
        return found
    kept = points[_standing_out(points[:, :3])]
    moved = np.zeros(len(kept))
    if before is not None and len(kept) and len(before):
        tree = cKDTree(_checked_points(before)[:, :3])
        moved, _ = tree.query(kept[:, :3], distance_upper_bound=MOVED_M)
        moved = np.minimum(moved, MOVED_M)
    chosen = _choose(moved, LIDAR_SHAPE[0])
    own = kept[chosen]
    found[: len(own), :3] = own[:, :3]
    if points.shape[1] > 3:
        found[: len(own), 3] = np.clip(own[:, 3] / INTENSITIES, 0.0, 1.0)
    found[: len(own), 4] = moved[chosen]
    return found


def radar_input(beat: np.ndarray) -> np.ndarray:
    """Beat samples of an FMCW frame for a network, float32 [4, 64, 64, 2].

    The nearest 64 range bins and the 64 slowest Doppler bins are kept; what has fewer is padded with zeros.
    Scaled so that the median amplitude of the range-Doppler map, most of which is noise, is 1.

    Parameters
    ----------
    beat : ndarray, complex [antennas, samples, chirps]
        At least four antennas; the first four are used.
    """
    antennas, samples, chirps, _ = RADAR_SHAPE
    if beat.ndim != 3 or beat.shape[0] < antennas or not np.iscomplexobj(beat):
        raise ValueError(
            f"radar frame is {beat.dtype} {beat.shape}, expected complex [{antennas} antennas or more, "
            "samples, chirps]"
        )
    cube = np.asarray(beat[:antennas], np.complex64)
    cube = _slowest(_nearest(cube, samples), chirps)
    floor = np.median(np.abs(np.fft.fft2(cube, norm="ortho")))
    if not np.isfinite(floor):
        raise ValueError("radar frame holds values that are not finite, expected beat samples")
    cube = cube / floor if floor > 0 else cube
    return np.stack([cube.real, cube.imag], axis=-1).astype(np.float32)


def _checked_picture(picture: np.ndarray) -> np.ndarray:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(
            f"picture is {picture.dtype} {picture.shape}, expected uint8 [height, width, 3], RGB"
        )
    return picture


def _checked_points(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] < 3:
        raise ValueError(f"point cloud is {points.shape}, expected [points, x, y, z, ...]")
    return points[np.isfinite(points).all(axis=1)]


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


def _nearest(cube: np.ndarray, samples: int) -> np.ndarray:
    """The lowest beat frequencies alone, as if sampled more slowly."""
    if cube.shape[1] <= samples:
        return np.pad(cube, ((0, 0), (0, samples - cube.shape[1]), (0, 0)))
    spectrum = np.fft.fft(cube, axis=1)[:, :samples]
    return np.fft.ifft(spectrum, axis=1)


def _slowest(cube: np.ndarray, chirps: int) -> np.ndarray:
    have = cube.shape[2]
    if have <= chirps:
        return np.pad(cube, ((0, 0), (0, 0), (0, chirps - have)))
    spectrum = np.fft.fftshift(np.fft.fft(cube, axis=2), axes=2)
    start = have // 2 - chirps // 2
    return np.fft.ifft(np.fft.ifftshift(spectrum[..., start : start + chirps], axes=2), axis=2)
