# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines that vehicles and people follow, and strips of ground along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .geometry import Mesh, Part, quads

STEP_M = 1.0


@dataclass(frozen=True)
class Route:
    """A way through the street.

    points_m : ndarray, float64 [n, 2]
        Evenly spaced, STEP_M apart.
    speed_mps : float
        What drivers keep to when nothing is in the way.
    stop_m : float or None
        Distance from the start at which a red light stops them.
    phase : int
        Which of the green phases is theirs.
    """

    points_m: np.ndarray
    speed_mps: float
    stop_m: float | None = None
    phase: int = 0
    users: str = "vehicles"
    curvature_per_m: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "curvature_per_m", _curvature(self.points_m))

    @property
    def length_m(self) -> float:
        """Length of the whole route."""
        return (len(self.points_m) - 1) * STEP_M

    def at(self, distance_m: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Positions, [..., 2], and headings in radians, [...], at distances from the start."""
        place = np.arange(len(self.points_m)) * STEP_M
        position = np.stack([np.interp(distance_m, place, self.points_m[:, k]) for k in (0, 1)], axis=-1)
        ahead = np.stack(
            [np.interp(np.asarray(distance_m) + 1.2, place, self.points_m[:, k]) for k in (0, 1)], axis=-1
        )
        behind = np.stack(
            [np.interp(np.asarray(distance_m) - 1.2, place, self.points_m[:, k]) for k in (0, 1)], axis=-1
        )
        way = ahead - behind
        return position, np.arctan2(way[..., 1], way[..., 0])

    def bend_speed_mps(self, distance_m: float) -> float:
        """Speed at which the bend ahead is taken with 2 m/s² sideways, never above the route's own."""
        here = int(np.clip(distance_m / STEP_M, 0, len(self.points_m) - 1))
        bend = self.curvature_per_m[here : here + 12].max()
        return float(min(self.speed_mps, np.sqrt(2.0 / max(bend, 1e-4))))


def route(corners: Sequence[Sequence[float]], speed_mps: float, radius_m: float = 0.0, **options) -> Route:
    """A route through corner points, rounded with this radius."""
    points = rounded(np.asarray(corners, float), radius_m)
    return Route(resample(points), speed_mps, **options)


def rounded(corners: np.ndarray, radius_m: float) -> np.ndarray:
    """The polygon with every corner replaced by an arc."""
    if radius_m <= 0 or len(corners) < 3:
        return corners
    pieces = [corners[:1]]
    for before, corner, after in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        inward, outward = (before - corner), (after - corner)
        inward, outward = inward / np.linalg.norm(inward), outward / np.linalg.norm(outward)
        half = np.arccos(np.clip(inward @ outward, -1, 1)) / 2
        reach = radius_m / np.tan(half)
        t = np.linspace(0, 1, 17)[:, None]
        start, end = corner + inward * reach, corner + outward * reach
        pieces.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    pieces.append(corners[-1:])
    return np.concatenate(pieces)


def resample(points: np.ndarray) -> np.ndarray:
    """The same line with points STEP_M apart."""
    place = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    even = np.arange(0, place[-1], STEP_M)
    return np.stack([np.interp(even, place, points[:, k]) for k in (0, 1)], axis=-1)


def offset(points: np.ndarray, left_m: float) -> np.ndarray:
    """The line moved to its left."""
    way = np.gradient(points, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    return points + left_m * np.stack([-way[:, 1], way[:, 0]], axis=-1)


def strip(
    line: np.ndarray,
    right_m: float,
    left_m: float,
    height_m: float,
    part: Part,
    colour: Sequence[float],
    style: int = 0,
) -> Mesh:
    """Level ground along a line, between two distances to its left; texture is (along, to the left)."""
    low, high = offset(line, right_m), offset(line, left_m)
    place = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    lift = np.full((len(line), 1), height_m)
    low, high = np.hstack([low, lift]), np.hstack([high, lift])
    corners = np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1)
    s0, s1 = place[:-1], place[1:]
    texture = np.stack(
        [
            np.stack([s0, np.full_like(s0, right_m)], -1),
            np.stack([s1, np.full_like(s0, right_m)], -1),
            np.stack([s1, np.full_like(s0, left_m)], -1),
            np.stack([s0, np.full_like(s0, left_m)], -1),
        ],
        axis=1,
    )
    return quads(corners, part, colour, style, texture)


def wall(
    line: np.ndarray,
    left_m: float,
    low_m: float,
    high_m: float,
    part: Part,
    colour: Sequence[float],
    style: int = 0,
) -> Mesh:
    """An upright face along a line, as of a kerb."""
    foot = offset(line, left_m)
    low = np.hstack([foot, np.full((len(foot), 1), low_m)])
    high = np.hstack([foot, np.full((len(foot), 1), high_m)])
    return quads(np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1), part, colour, style)


def _curvature(points: np.ndarray) -> np.ndarray:
    way = np.gradient(points, axis=0)
    bend = np.gradient(np.unwrap(np.arctan2(way[:, 1], way[:, 0])))
    return np.abs(np.convolve(bend, np.ones(5) / 5, mode="same")) / STEP_M
