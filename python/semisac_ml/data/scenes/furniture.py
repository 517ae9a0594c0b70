# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Houses, trees, lamps, signs, people and bicycles."""

from __future__ import annotations

import numpy as np

from .geometry import Mesh, Part, ball, box, flat, join, placed, quads, tube

STEEL = (0.22, 0.23, 0.24)
LAMP_HEIGHT_M = 7.2
WALLS = (
    (0.42, 0.17, 0.10),
    (0.36, 0.14, 0.09),
    (0.58, 0.48, 0.33),
    (0.66, 0.62, 0.52),
    (0.50, 0.50, 0.48),
    (0.72, 0.68, 0.60),
    (0.60, 0.42, 0.26),
    (0.40, 0.38, 0.35),
    (0.55, 0.34, 0.24),
    (0.70, 0.58, 0.38),
    (0.45, 0.50, 0.48),
    (0.30, 0.28, 0.27),
)
CLOTHES = (
    (0.03, 0.035, 0.06),
    (0.02, 0.02, 0.02),
    (0.10, 0.10, 0.11),
    (0.35, 0.05, 0.05),
    (0.05, 0.12, 0.28),
    (0.45, 0.42, 0.36),
    (0.06, 0.18, 0.10),
    (0.55, 0.35, 0.06),
    (0.25, 0.20, 0.14),
    (0.60, 0.60, 0.60),
)
SKINS = ((0.52, 0.33, 0.24), (0.38, 0.22, 0.14), (0.60, 0.42, 0.33), (0.20, 0.11, 0.07), (0.10, 0.06, 0.04))


def house(
    corner: tuple[float, float],
    along: tuple[float, float],
    length_m: float,
    depth_m: float,
    height_m: float,
    rng: np.random.Generator,
    pitched: bool,
) -> Mesh:
    """A house whose front runs from `corner` in the direction `along`, with the street on its right."""
    colour = np.clip(np.asarray(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.8, 1.15), 0.05, 0.8)
    roof = ((0.25, 0.11, 0.07), (0.12, 0.12, 0.13), (0.20, 0.19, 0.18))[rng.integers(3)]
    style = int(rng.integers(1, 2**20))
    a = np.asarray(corner, float)
    along = np.asarray(along, float)
    back = np.array([-along[1], along[0]])
    foot = np.array([a, a + length_m * along, a + length_m * along + depth_m * back, a + depth_m * back])
    pieces = []
    low, high = np.hstack([foot, np.zeros((4, 1))]), np.hstack([foot, np.full((4, 1), height_m)])
    for k in range(4):
        m = (k + 1) % 4
        pieces.append(quads([[low[k], low[m], high[m], high[k]]], Part.FACADE, colour, style))
    if pitched:
        rise = 0.32 * depth_m
        ridge = [(high[0] + high[3]) / 2 + [0, 0, rise], (high[1] + high[2]) / 2 + [0, 0, rise]]
        eave = 0.35 * np.r_[back, 0]
        pieces.append(quads([[high[0] - eave, high[1] - eave, ridge[1], ridge[0]]], Part.ROOF, roof, style))
        pieces.append(quads([[high[2] + eave, high[3] + eave, ridge[0], ridge[1]]], Part.ROOF, roof, style))
        gables = np.array([[high[1], high[2], ridge[1]], [high[3], high[0], ridge[0]]])
        pieces.append(flat(gables, Part.PLASTIC, colour, style))
    else:
        pieces.append(quads([high], Part.ROOF, (0.20, 0.20, 0.20), style))
        pieces.append(_cornice(a, along, length_m, height_m, colour, style))
    pieces += _extras(a, along, length_m, height_m, rng, style)
    return join(pieces)


def _cornice(
    a: np.ndarray, along: np.ndarray, length_m: float, height_m: float, colour: np.ndarray, style: int
) -> Mesh:
    piece = box(
        (0, -0.35, height_m - 0.5), (length_m, 0.0, height_m + 0.15), Part.PLASTIC, 0.85 * colour, style
    )
    return placed(piece, (a[0], a[1], 0.0), float(np.arctan2(along[1], along[0])))


def _extras(a, along, length_m: float, height_m: float, rng: np.random.Generator, style: int) -> list[Mesh]:
    """Awnings over shops, balconies."""
    local: list[Mesh] = []
    if rng.random() < 0.55:
        colour = ((0.45, 0.05, 0.04), (0.05, 0.22, 0.12), (0.06, 0.12, 0.32), (0.55, 0.5, 0.42))[
            rng.integers(4)
        ]
        start = rng.uniform(0.5, max(0.6, length_m - 6))
        end = min(start + rng.uniform(3.5, 6.0), length_m - 0.3)
        local.append(
            quads(
                [[(start, -1.4, 2.6), (end, -1.4, 2.6), (end, 0, 3.1), (start, 0, 3.1)]],
                Part.PLASTIC,
                colour,
                style,
            )
        )
        local.append(
            quads(
                [[(start, -1.4, 2.35), (end, -1.4, 2.35), (end, -1.4, 2.6), (start, -1.4, 2.6)]],
                Part.PLASTIC,
                colour,
                style,
            )
        )
    if rng.random() < 0.35 and height_m > 9:
        floors = int((height_m - 4) // 3.2)
        for floor in range(1, floors + 1):
            z = 3.4 + (floor - 1) * 3.2 + 0.1
            x = length_m * 0.5
            local.append(
                box((x - 2.2, -1.1, z), (x + 2.2, 0, z + 0.15), Part.PLASTIC, (0.5, 0.5, 0.5), style)
            )
            local.append(
                box((x - 2.2, -1.1, z + 0.15), (x + 2.2, -1.06, z + 1.05), Part.TRIM, (0.1, 0.1, 0.1), style)
            )
    heading = float(np.arctan2(along[1], along[0]))
    return [placed(mesh, (a[0], a[1], 0.0), heading) for mesh in local]


def tree(x: float, y: float, rng: np.random.Generator, size: float = 1.0) -> Mesh:
    """A street tree with a crown of several dented balls."""
    height = size * rng.uniform(5.5, 8.0)
    bark = (0.10, 0.075, 0.05)
    leaf = np.array([0.055, 0.11, 0.025]) * rng.uniform(0.7, 1.35) * rng.uniform(0.85, 1.15, 3)
    pieces = [tube((x, y, 0), (x, y, 0.6 * height), (0.14, 0.08), Part.BARK, bark, 7)]
    spread = size * rng.uniform(1.0, 1.4)
    for _ in range(6):
        aside = rng.normal(0, 0.5 * spread, 2)
        centre = (x + aside[0], y + aside[1], height * rng.uniform(0.55, 0.95))
        radii = spread * rng.uniform(0.7, 1.15, 3)
        pieces.append(
            ball(
                centre, radii, Part.LEAVES, leaf * rng.uniform(0.8, 1.2), rng, 0.13, 6, int(rng.integers(99))
            )
        )
    return join(pieces)


def lamp(x: float, y: float, towards_rad: float) -> Mesh:
    """A street lamp whose arm points in a direction; :func:`lamp_head` is where its light comes from."""
    pieces = [
        tube((x, y, 0), (x, y, LAMP_HEIGHT_M), (0.09, 0.05), Part.STEEL, STEEL, 7),
        tube((x, y, LAMP_HEIGHT_M), lamp_head(x, y, towards_rad), 0.035, Part.STEEL, STEEL, 5),
    ]
    head = box((-0.15, -0.12, 0.0), (0.45, 0.12, 0.10), Part.STEEL, STEEL)
    glow = box((-0.10, -0.10, -0.04), (0.40, 0.10, 0.0), Part.LAMP, (0.8, 0.8, 0.8))
    return join([*pieces, placed(join([head, glow]), lamp_head(x, y, towards_rad), towards_rad)])


def lamp_head(x: float, y: float, towards_rad: float) -> tuple[float, float, float]:
    """Place of the light of a lamp."""
    return (x + 1.5 * np.cos(towards_rad), y + 1.5 * np.sin(towards_rad), LAMP_HEIGHT_M + 0.25)


def traffic_sign(x: float, y: float, heading_rad: float, rng: np.random.Generator) -> Mesh:
    """A round or rectangular sign on a post, seen against `heading_rad`."""
    colour = ((0.55, 0.03, 0.03), (0.03, 0.10, 0.45), (0.6, 0.6, 0.58))[rng.integers(3)]
    post = tube((0, 0, 0), (0, 0, 2.7), 0.035, Part.STEEL, STEEL, 6)
    disc = tube((-0.04, 0, 2.4), (-0.08, 0, 2.4), 0.32, Part.SIGN, colour, 12, Part.SIGN, colour)
    return placed(join([post, disc]), (x, y, 0.0), heading_rad)


def bollards(points: np.ndarray) -> Mesh:
    """A row of steel posts."""
    return join([tube((x, y, 0), (x, y, 1.0), 0.06, Part.STEEL, (0.12, 0.12, 0.13), 6) for x, y in points])


def cone(x: float, y: float) -> Mesh:
    """A traffic cone."""
    return join(
        [
            box((x - 0.19, y - 0.19, 0), (x + 0.19, y + 0.19, 0.04), Part.PLASTIC, (0.55, 0.10, 0.02)),
            tube((x, y, 0.04), (x, y, 0.7), (0.15, 0.03), Part.PLASTIC, (0.62, 0.12, 0.02), 10),
            tube((x, y, 0.36), (x, y, 0.52), (0.105, 0.07), Part.PLASTIC, (0.75, 0.75, 0.75), 10),
        ]
    )


def guard_rail(points: np.ndarray) -> Mesh:
    """A steel barrier along a line of points [n, 2]."""
    pieces = [tube((x, y, 0), (x, y, 0.75), 0.05, Part.STEEL, STEEL, 5) for x, y in points[::2]]
    low = np.hstack([points, np.full((len(points), 1), 0.45)])
    high = np.hstack([points, np.full((len(points), 1), 0.78)])
    pieces.append(
        quads(np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1), Part.STEEL, (0.45, 0.46, 0.47))
    )
    return join(pieces)


def person(rng: np.random.Generator) -> Mesh:
    """Somebody in mid-stride, walking along x, feet at the origin."""
    top, trousers = (np.asarray(CLOTHES[k]) for k in rng.integers(len(CLOTHES), size=2))
    skin, hair = SKINS[rng.integers(len(SKINS))], (0.03, 0.02, 0.015)
    height = rng.normal(1.72, 0.09)
    hip, neck = 0.50 * height, 0.83 * height
    stride = rng.uniform(0.18, 0.34)
    pieces = []
    for side, sign in ((-0.09, 1), (0.09, -1)):
        foot, knee = (sign * stride, side, 0.06), (sign * stride * 0.35 + 0.06, side, 0.27 * height)
        pieces.append(tube(foot, knee, (0.055, 0.075), Part.CLOTHES, trousers, 6, Part.CLOTHES))
        pieces.append(tube(knee, (0, side, hip), (0.075, 0.10), Part.CLOTHES, trousers, 6))
        pieces.append(
            box(
                (foot[0] - 0.08, side - 0.05, 0),
                (foot[0] + 0.17, side + 0.05, 0.09),
                Part.TRIM,
                (0.02, 0.02, 0.02),
            )
        )
        shoulder, hand = (0, side * 2.3, 0.80 * height), (-sign * stride * 0.8, side * 2.5, 0.46 * height)
        pieces.append(tube(shoulder, hand, (0.06, 0.04), Part.CLOTHES, top, 6))
        pieces.append(ball(hand, (0.045,) * 3, Part.SKIN, skin, rings=3))
    pieces.append(
        ball((0, 0, (hip + neck) / 2), (0.14, 0.22, 0.56 * (neck - hip)), Part.CLOTHES, top, rings=6)
    )
    pieces.append(ball((0.01, 0, 0.92 * height), (0.10, 0.085, 0.125), Part.SKIN, skin, rings=5))
    pieces.append(ball((-0.015, 0, 0.945 * height), (0.105, 0.095, 0.105), Part.TRIM, hair, rings=4))
    return join(pieces)


def cyclist(rng: np.random.Generator) -> Mesh:
    """Somebody on a bicycle, riding along x."""
    frame = CLOTHES[rng.integers(len(CLOTHES))]
    pieces = []
    for x in (-0.52, 0.52):
        pieces.append(tube((x, -0.025, 0.34), (x, 0.025, 0.34), 0.34, Part.TYRE, (0.02,) * 3, 14))
        for turn in np.arange(4) * np.pi / 4:
            spoke = 0.33 * np.array([np.cos(turn), 0, np.sin(turn)])
            pieces.append(tube((x, 0, 0.34) - spoke, (x, 0, 0.34) + spoke, 0.008, Part.STEEL, STEEL, 4))
    bars = (
        ((-0.52, 0, 0.34), (0, 0, 0.32)),
        ((0, 0, 0.32), (-0.15, 0, 0.9)),
        ((-0.12, 0, 0.75), (0.42, 0, 0.8)),
        ((0, 0, 0.32), (0.42, 0, 0.8)),
        ((0.52, 0, 0.34), (0.40, 0, 1.0)),
        ((0.40, -0.28, 1.02), (0.40, 0.28, 1.02)),
    )
    pieces += [tube(a, b, 0.02, Part.STEEL, frame, 5) for a, b in bars]
    top, trousers = (np.asarray(CLOTHES[k]) for k in rng.integers(len(CLOTHES), size=2))
    skin = SKINS[rng.integers(len(SKINS))]
    for side, foot in ((-0.1, (0.12, -0.1, 0.22)), (0.1, (-0.08, 0.1, 0.42))):
        knee = (0.22, side, 0.66)
        pieces.append(tube(foot, knee, (0.05, 0.07), Part.CLOTHES, trousers, 6, Part.CLOTHES))
        pieces.append(tube(knee, (-0.15, side, 0.96), (0.07, 0.1), Part.CLOTHES, trousers, 6))
        pieces.append(
            tube((0.17, 2 * side, 1.38), (0.40, 2.3 * side, 1.05), (0.05, 0.04), Part.CLOTHES, top, 6)
        )
    pieces.append(tube((-0.17, 0, 0.95), (0.20, 0, 1.45), (0.17, 0.19), Part.CLOTHES, top, 8, Part.CLOTHES))
    pieces.append(ball((0.30, 0, 1.62), (0.10, 0.085, 0.12), Part.SKIN, skin, rings=5))
    helmet = CLOTHES[rng.integers(len(CLOTHES))]
    pieces.append(ball((0.28, 0, 1.67), (0.13, 0.10, 0.10), Part.PLASTIC, helmet, rings=4))
    return join(pieces)
