# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Vehicles: bodies lofted through cross-sections along their length, with glass, wheels and lights.

The origin is on the ground below the middle of the vehicle, which points along x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Mesh, Part, box, join, quads, smooth, tube

BLACK = (0.02, 0.02, 0.022)
GLASS = (0.02, 0.025, 0.03)


@dataclass(frozen=True)
class Kind:
    """A kind of vehicle.

    profile : rows of (x, height of belt line, height of roof), metres from the rear to the front; where both
        are equal the body is open, between two rows with a roof there are side windows. x counts from the
        front bumper backwards in shares of the length.
    share : how often it is met in traffic, relative to the others.
    """

    name: str
    length_m: float
    width_m: float
    height_m: float
    wheel_radius_m: float
    profile: tuple[tuple[float, float, float], ...]
    share: float
    label: str = "car"
    windows: bool = True
    floor_m: float = 0.22
    tumblehome: float = 0.80
    wheels: tuple[float, ...] = (0.19, 0.79)


def _car(*rows: tuple[float, float, float]) -> tuple[tuple[float, float, float], ...]:
    return rows


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "hatchback",
            4.05,
            1.78,
            1.48,
            0.31,
            _car(
                (0, 0.60, 0.60),
                (0.02, 0.72, 0.72),
                (0.25, 0.92, 0.92),
                (0.44, 0.95, 1.43),
                (0.58, 0.96, 1.48),
                (0.86, 0.98, 1.42),
                (0.98, 0.98, 0.99),
                (1.0, 0.7, 0.7),
            ),
            1.0,
        ),
        Kind(
            "saloon",
            4.75,
            1.84,
            1.45,
            0.33,
            _car(
                (0, 0.60, 0.60),
                (0.02, 0.70, 0.70),
                (0.27, 0.90, 0.90),
                (0.43, 0.93, 1.40),
                (0.55, 0.94, 1.45),
                (0.69, 0.96, 1.41),
                (0.84, 0.99, 1.0),
                (0.98, 0.99, 0.99),
                (1.0, 0.7, 0.7),
            ),
            1.0,
        ),
        Kind(
            "estate",
            4.85,
            1.85,
            1.62,
            0.35,
            _car(
                (0, 0.72, 0.72),
                (0.02, 0.86, 0.86),
                (0.24, 1.04, 1.04),
                (0.40, 1.07, 1.56),
                (0.52, 1.08, 1.62),
                (0.90, 1.10, 1.57),
                (0.985, 1.1, 1.11),
                (1.0, 0.8, 0.8),
            ),
            0.9,
        ),
        Kind(
            "pickup",
            5.3,
            1.9,
            1.8,
            0.38,
            _car(
                (0, 0.75, 0.75),
                (0.015, 0.95, 0.95),
                (0.24, 1.10, 1.10),
                (0.36, 1.12, 1.72),
                (0.44, 1.12, 1.80),
                (0.60, 1.12, 1.76),
                (0.63, 1.12, 1.13),
                (0.995, 1.10, 1.10),
                (1.0, 0.75, 0.75),
            ),
            0.35,
            floor_m=0.3,
        ),
        Kind(
            "van",
            5.4,
            2.0,
            2.35,
            0.34,
            _car(
                (0, 0.75, 0.75),
                (0.015, 0.95, 0.95),
                (0.14, 1.20, 1.20),
                (0.27, 1.25, 2.22),
                (0.33, 1.25, 2.35),
                (0.46, 1.25, 2.35),
                (0.99, 1.25, 2.33),
                (1.0, 1.2, 2.2),
            ),
            0.5,
            "van",
            tumblehome=0.93,
        ),
        Kind(
            "bus",
            12.0,
            2.55,
            3.1,
            0.48,
            _car(
                (0, 1.05, 2.6),
                (0.006, 1.05, 3.0),
                (0.03, 1.05, 3.1),
                (0.33, 1.05, 3.1),
                (0.66, 1.05, 3.1),
                (0.99, 1.05, 3.08),
                (1.0, 1.05, 2.95),
            ),
            0.28,
            "bus",
            tumblehome=0.98,
            floor_m=0.3,
            wheels=(0.22, 0.72),
        ),
        Kind(
            "lorry",
            8.2,
            2.45,
            3.4,
            0.48,
            _car((0, 1.0, 1.6), (0.01, 1.35, 2.45), (0.09, 1.38, 2.6), (0.2, 1.38, 2.6)),
            0.22,
            "truck",
            tumblehome=0.96,
            floor_m=0.45,
            wheels=(0.14, 0.66, 0.78),
        ),
    )
}

PAINTS = (
    (0.75, 0.75, 0.74),
    (0.55, 0.56, 0.58),
    (0.35, 0.36, 0.38),
    (0.10, 0.105, 0.115),
    (0.03, 0.03, 0.033),
    (0.02, 0.05, 0.19),
    (0.04, 0.13, 0.36),
    (0.36, 0.02, 0.02),
    (0.55, 0.04, 0.03),
    (0.03, 0.12, 0.07),
    (0.50, 0.40, 0.06),
    (0.33, 0.25, 0.17),
    (0.62, 0.22, 0.03),
    (0.03, 0.22, 0.26),
)
PAINT_SHARES = np.array([5, 4, 4, 4, 5, 2, 2, 1.5, 1, 0.6, 0.4, 0.7, 0.4, 0.5])


def draw_paint(rng: np.random.Generator) -> tuple[float, float, float]:
    """A colour of car paint, linear RGB, as often as it is bought, with some variation."""
    base = np.asarray(PAINTS[rng.choice(len(PAINTS), p=PAINT_SHARES / PAINT_SHARES.sum())])
    return tuple(np.clip(base * rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3), 0.01, 0.85))


def build(kind: Kind, paint: tuple[float, float, float], style: int) -> Mesh:
    """Mesh of a vehicle of this kind and colour."""
    pieces = [_body(kind, paint, style), *_wheels(kind, style), *_lights(kind, style)]
    if kind.name == "lorry":
        pieces += _cargo_box(kind, style)
    if kind.name == "bus":
        pieces.append(_destination(kind, style))
    return join(pieces)


def _sections(kind: Kind) -> np.ndarray:
    """Right half of the cross-sections, [stations, points, 3], from the sill up to the middle of the roof."""
    half = kind.width_m / 2
    rows = []
    for share, belt, roof in kind.profile:
        x = kind.length_m * (0.5 - share)
        ends = min(share, 1.0 - share if kind.name != "lorry" else 1.0) * kind.length_m
        pinch = 1.0 if kind.name in ("bus", "lorry") else 1.0 - 0.14 * np.exp(-ends / 0.28)
        top = half * pinch * (kind.tumblehome if roof > belt + 0.05 else 0.93)
        middle = kind.floor_m + 0.55 * (belt - kind.floor_m)
        rows.append(
            [
                (x, half * pinch * 0.94, kind.floor_m),
                (x, half * pinch, middle),
                (x, half * pinch * 0.975, belt),
                (x, top, max(roof - 0.03, belt)),
                (x, top * 0.75, roof),
                (x, 0.0, roof + (0.03 if kind.name not in ("bus", "lorry") else 0.0)),
            ]
        )
    return np.array(rows)


def _body(kind: Kind, paint: tuple[float, float, float], style: int) -> Mesh:
    right = _sections(kind) * [1, -1, 1]
    left = right * [1, -1, 1]
    pieces = []
    stations, points = right.shape[:2]
    for i in range(stations - 1):
        for k in range(points - 1):
            part, colour = _panel(kind, i, k, paint)
            pieces.append(
                _strip(
                    right[i, k], right[i, k + 1], right[i + 1, k + 1], right[i + 1, k], part, colour, style
                )
            )
            pieces.append(
                _strip(left[i, k], left[i + 1, k], left[i + 1, k + 1], left[i, k + 1], part, colour, style)
            )
    for i, outward in ((0, True), (stations - 1, False)):
        for k in range(points - 1):
            a, b, c, d = right[i, k], left[i, k], left[i, k + 1], right[i, k + 1]
            tall = kind.name in ("bus", "lorry", "van") and k == 2
            part, colour = (Part.GLASS, GLASS) if tall and outward else (Part.PAINT, paint)
            if k == 0:
                part, colour = Part.TRIM, BLACK
            corners = (a, b, c, d) if outward else (b, a, d, c)
            pieces.append(_strip(*corners, part, colour, style))
    return smooth(join(pieces), 42.0)


def _strip(a, b, c, d, part: Part, colour, style: int) -> Mesh:
    return quads(np.stack([a, b, c, d])[None], part, colour, style)


def _panel(kind: Kind, i: int, k: int, paint: tuple[float, float, float]) -> tuple[Part, tuple]:
    """Part and colour of the panel from station i to i + 1 and from point k to k + 1."""
    (x0, belt0, roof0), (_, belt1, roof1) = kind.profile[i], kind.profile[i + 1]
    cabin0, cabin1 = roof0 > belt0 + 0.2, roof1 > belt1 + 0.2
    if k == 0 and kind.label == "car":
        return Part.PAINT, paint
    if k == 0:
        return Part.TRIM, tuple(0.5 * np.asarray(paint))
    if cabin0 and cabin1:
        blind = (kind.name == "van" and x0 > 0.4) or (kind.name == "lorry" and x0 > 0.15)
        return (Part.GLASS, GLASS) if k == 2 and not blind else (Part.PAINT, paint)
    if cabin0 != cabin1 and k >= 2:  # windscreen and rear window
        return Part.GLASS, GLASS
    if x0 < 0.2 and k >= 3 and kind.label != "bus":
        return Part.BONNET, paint
    return Part.PAINT, paint


def _wheels(kind: Kind, style: int) -> list[Mesh]:
    radius, pieces = kind.wheel_radius_m, []
    for share in kind.wheels:
        x = kind.length_m * (0.5 - share)
        for side in (-1, 1):
            outer = side * (kind.width_m / 2 + 0.012)
            start, end = (x, outer - side * 0.22, radius), (x, outer, radius)
            pieces.append(tube(start, end, radius, Part.TYRE, BLACK, 14, Part.TYRE, BLACK, style))
            pieces.append(
                tube(
                    end,
                    (x, outer + side * 0.008, radius),
                    0.66 * radius,
                    Part.RIM,
                    (0.42, 0.42, 0.43),
                    10,
                    Part.RIM,
                    (0.38, 0.38, 0.40),
                    style,
                )
            )
            arch = (x, outer - side * 0.010, radius + 0.02)
            pieces.append(
                tube(
                    (x, outer - side * 0.03, radius + 0.02),
                    arch,
                    1.18 * radius,
                    Part.TRIM,
                    BLACK,
                    14,
                    Part.TRIM,
                    BLACK,
                    style,
                )
            )
    return pieces


def _lights(kind: Kind, style: int) -> list[Mesh]:
    half, length = kind.width_m / 2, kind.length_m
    front = kind.profile[1][1] if kind.label == "car" else 0.95
    rear = 0.9 if kind.label == "car" else 1.05
    tail_end = -length / 2
    front_x = length / 2
    pieces = []
    for side in (-1, 1):
        y = side * half * 0.62
        low, high = front - 0.20, front - 0.05
        pieces.append(
            _face(
                front_x + 0.015,
                y,
                0.2 * kind.width_m / 2,
                low,
                high,
                1,
                Part.HEADLIGHT,
                (0.8, 0.8, 0.8),
                style,
            )
        )
        pieces.append(
            _face(
                tail_end - 0.015,
                side * half * 0.68,
                0.16 * kind.width_m / 2,
                rear - 0.22,
                rear,
                -1,
                Part.TAILLIGHT,
                (0.35, 0.01, 0.01),
                style,
            )
        )
    for x, towards in ((front_x + 0.02, 1), (tail_end - 0.02, -1)):
        pieces.append(_face(x, 0.0, 0.26, 0.45, 0.56, towards, Part.PLATE, (0.7, 0.7, 0.68), style))
    pieces.append(
        _face(front_x + 0.012, 0.0, half * 0.42, front - 0.24, front - 0.08, 1, Part.TRIM, BLACK, style)
    )
    if kind.label == "car":
        for side in (-1, 1):
            x = length * (0.5 - kind.profile[3][0]) + 0.35
            low = (x - 0.06, side * half if side > 0 else -half - 0.16, kind.profile[3][1] + 0.02)
            high = (x + 0.06, half + 0.16 if side > 0 else -half, kind.profile[3][1] + 0.16)
            pieces.append(box(low, high, Part.TRIM, BLACK, style))
    return pieces


def _face(
    x: float, y: float, half_m: float, low: float, high: float, towards: int, part: Part, colour, style: int
) -> Mesh:
    a, b = (y - half_m, y + half_m) if towards > 0 else (y + half_m, y - half_m)
    return quads([[[x, a, low], [x, b, low], [x, b, high], [x, a, high]]], part, colour, style)


def _cargo_box(kind: Kind, style: int) -> list[Mesh]:
    rng = np.random.default_rng(style)
    colour = ((0.72, 0.72, 0.70), (0.65, 0.66, 0.6), (0.08, 0.2, 0.45), (0.6, 0.1, 0.06))[rng.integers(4)]
    half, length = kind.width_m / 2, kind.length_m
    low, high = (-length / 2, -half, 0.95), (length * 0.28, half, kind.height_m)
    frame = box((-length / 2, -half * 0.5, 0.5), (length * 0.3, half * 0.5, 0.95), Part.TRIM, BLACK, style)
    return [box(low, high, Part.PLASTIC, colour, style), frame]


def _destination(kind: Kind, style: int) -> Mesh:
    return _face(kind.length_m / 2 + 0.08, 0.0, 0.85, 2.62, 2.9, 1, Part.SIGN, (0.5, 0.25, 0.02), style)
