# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Triangle meshes with a part, a colour and texture coordinates in metres on every triangle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Part(IntEnum):
    """What a triangle is made of; decides how it looks, how warm it is and how it scatters."""

    ASPHALT = 0
    PAVING = 1
    KERB = 2
    GRASS = 3
    FACADE = 4
    ROOF = 5
    BARK = 6
    LEAVES = 7
    STEEL = 8
    SIGN = 9
    LAMP = 10
    PAINT = 11
    GLASS = 12
    TYRE = 13
    RIM = 14
    TRIM = 15
    HEADLIGHT = 16
    TAILLIGHT = 17
    PLATE = 18
    SKIN = 19
    CLOTHES = 20
    BONNET = 21
    PLASTIC = 22


@dataclass(frozen=True)
class Mesh:
    """Triangles of one object.

    corners : ndarray, float32 [triangles, 3, 3]
        Corner positions in metres, counter-clockwise from outside.
    normals : ndarray, float32 [triangles, 3, 3]
        Unit normal at every corner; that of the triangle where it is flat.
    texture_m : ndarray, float32 [triangles, 3, 2]
        Horizontal and vertical texture coordinates in metres.
    part : ndarray, uint8 [triangles]
    colour : ndarray, float32 [triangles, 3]
        Linear RGB reflectance.
    style : ndarray, int32 [triangles]
        Seed of the procedural pattern; triangles of one wall share it.
    """

    corners: np.ndarray
    normals: np.ndarray
    texture_m: np.ndarray
    part: np.ndarray
    colour: np.ndarray
    style: np.ndarray

    def __len__(self) -> int:
        return len(self.part)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several, in their order."""
    names = ("corners", "normals", "texture_m", "part", "colour", "style")
    return Mesh(*(np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in names))


def quads(
    corners: np.ndarray,
    part: Part,
    colour: Sequence[float],
    style: int = 0,
    texture_m: np.ndarray | None = None,
) -> Mesh:
    """Flat quadrilaterals as two triangles each.

    Parameters
    ----------
    corners : array_like [quads, 4, 3]
        Counter-clockwise from outside.
    texture_m : array_like [quads, 4, 2], optional
        By default along the first edge and at a right angle to it, from the first corner.
    """
    corners = np.asarray(corners, np.float32).reshape(-1, 4, 3)
    if texture_m is None:
        along = _unit(corners[:, 1] - corners[:, 0])
        normal = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]))
        across = np.cross(normal, along)
        offset = corners - corners[:, :1]
        texture_m = np.stack([(offset * along[:, None]).sum(-1), (offset * across[:, None]).sum(-1)], axis=-1)
    texture_m = np.asarray(texture_m, np.float32).reshape(-1, 4, 2)
    order = [0, 1, 2, 0, 2, 3]
    return flat(
        corners[:, order].reshape(-1, 3, 3), part, colour, style, texture_m[:, order].reshape(-1, 3, 2)
    )


def flat(
    corners: np.ndarray,
    part: Part,
    colour: Sequence[float],
    style: int = 0,
    texture_m: np.ndarray | None = None,
) -> Mesh:
    """Triangles with the normals of their planes; those without area are left out."""
    corners = np.asarray(corners, np.float32)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    real = np.linalg.norm(normal, axis=-1) > 1e-7
    corners, normal = corners[real], _unit(normal[real])
    count = len(corners)
    texture = np.zeros((count, 3, 2), np.float32) if texture_m is None else texture_m[real]
    return Mesh(
        corners,
        np.repeat(normal[:, None], 3, axis=1).astype(np.float32),
        texture.astype(np.float32),
        np.full(count, part, np.uint8),
        np.tile(np.asarray(colour, np.float32), (count, 1)),
        np.full(count, style, np.int32),
    )


def box(
    low: Sequence[float], high: Sequence[float], part: Part, colour: Sequence[float], style: int = 0
) -> Mesh:
    """An axis-parallel box without its underside."""
    (a, b, c), (d, e, f) = low, high
    return quads(
        [
            [[a, b, c], [d, b, c], [d, b, f], [a, b, f]],
            [[d, b, c], [d, e, c], [d, e, f], [d, b, f]],
            [[d, e, c], [a, e, c], [a, e, f], [d, e, f]],
            [[a, e, c], [a, b, c], [a, b, f], [a, e, f]],
            [[a, b, f], [d, b, f], [d, e, f], [a, e, f]],
        ],
        part,
        colour,
        style,
    )


def tube(
    start: Sequence[float],
    end: Sequence[float],
    radius_m: float | tuple[float, float],
    part: Part,
    colour: Sequence[float],
    sides: int = 8,
    cap: Part | None = None,
    cap_colour: Sequence[float] | None = None,
    style: int = 0,
) -> Mesh:
    """A round prism or truncated cone, smooth around; `cap` closes both ends with that part."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    axis = (end - start) / np.linalg.norm(end - start)
    aside = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
    aside /= np.linalg.norm(aside)
    up = np.cross(axis, aside)
    turn = np.arange(sides + 1) * 2 * np.pi / sides
    ring = np.cos(turn)[:, None] * aside + np.sin(turn)[:, None] * up
    radii = (radius_m, radius_m) if np.isscalar(radius_m) else radius_m
    low, high = start + radii[0] * ring, end + radii[1] * ring
    wall = quads(np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1), part, colour, style)
    pieces = [smooth(wall, 80.0)]
    if cap is not None:
        shade = colour if cap_colour is None else cap_colour
        for rim, centre, order in ((low, start, (0, 2, 1)), (high, end, (0, 1, 2))):
            fan = np.stack([np.broadcast_to(centre, rim[:-1].shape), rim[:-1], rim[1:]], axis=1)
            pieces.append(flat(fan[:, order], cap, shade, style))
    return join(pieces)


def ball(
    centre: Sequence[float],
    radii_m: Sequence[float],
    part: Part,
    colour: Sequence[float],
    rng: np.random.Generator | None = None,
    roughness: float = 0.0,
    rings: int = 6,
    style: int = 0,
) -> Mesh:
    """An ellipsoid; `roughness` dents it at random, as a crown of leaves is."""
    polar = np.linspace(0, np.pi, rings + 1)[:, None]
    turn = np.linspace(0, 2 * np.pi, 2 * rings + 1)[None]
    unit = np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn], -1
    )
    if rng is not None and roughness:
        dent = 1 + roughness * rng.standard_normal(unit.shape[:2])
        dent[:, -1] = dent[:, 0]
        dent[0], dent[-1] = dent[0, 0], dent[-1, 0]
        unit = unit * dent[..., None]
    points = np.asarray(centre) + unit * np.asarray(radii_m)
    wall = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
    mesh = quads(wall, part, colour, style)
    return smooth(mesh, 80.0)


def smooth(mesh: Mesh, crease_deg: float) -> Mesh:
    """The same mesh with normals averaged where triangles meet at less than the crease angle."""
    edges = mesh.corners[:, 1:] - mesh.corners[:, :1]
    weighted = np.cross(edges[:, 0], edges[:, 1])
    flat_normals = _unit(weighted)
    keys = np.round(mesh.corners.reshape(-1, 3) / 1e-4).astype(np.int64)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = np.asarray(group).reshape(-1)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(np.r_[-1, group[order]]))
    normals = np.repeat(flat_normals[:, None], 3, axis=1).reshape(-1, 3).copy()
    limit = np.cos(np.radians(crease_deg))
    for first, last in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        members = order[first:last]
        faces = members // 3
        alike = flat_normals[faces] @ flat_normals[faces].T > limit
        normals[members] = _unit(alike.astype(np.float64) @ weighted[faces])
    return Mesh(
        mesh.corners,
        normals.reshape(-1, 3, 3).astype(np.float32),
        mesh.texture_m,
        mesh.part,
        mesh.colour,
        mesh.style,
    )


def placed(mesh: Mesh, position: Sequence[float], heading_rad: float = 0.0) -> Mesh:
    """The mesh turned about the vertical and moved."""
    turn = rotation(heading_rad)
    return Mesh(
        (mesh.corners @ turn.T + np.asarray(position)).astype(np.float32),
        (mesh.normals @ turn.T).astype(np.float32),
        mesh.texture_m,
        mesh.part,
        mesh.colour,
        mesh.style,
    )


def rotation(heading_rad: float) -> np.ndarray:
    """Matrix that turns counter-clockwise about the vertical, float64 [3, 3]."""
    cosine, sine = np.cos(heading_rad), np.sin(heading_rad)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
