# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Street layouts: ground, routes, houses, furniture and the place of the base station.

A layout fixes how the street runs; everything that a network could learn by heart (houses, colours, trees,
parked cars, where exactly the base station stands) is drawn anew from the seed of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import furniture
from .geometry import Mesh, Part, join, quads
from .routes import Route, offset, resample, rounded, route, strip, wall

KERB_M = 0.13
PARTY_GAP_M = 0.07  # where rows of houses meet at a corner, no two walls share a plane
ASPHALT = (0.075, 0.075, 0.077)
PAVING = (0.30, 0.29, 0.27)


@dataclass
class Markings:
    """Paint on one strip of road, in its texture coordinates (along, to the left), metres."""

    lines: list[tuple[float, float, float]] = field(default_factory=list)  # left, dash, gap (0: solid)
    crossings: list[tuple[float, float]] = field(default_factory=list)  # from, to
    stops: list[tuple[float, float, float]] = field(default_factory=list)  # along, right, left
    half_width_m: float = 7.0


@dataclass
class Street:
    """A street without its traffic.

    solids : meshes of names; static.
    lamps_m : ndarray [n, 3]
        Places of the lights.
    station_m : ndarray [3]
        The base station's mast head.
    boresight_rad : float
        Heading of the base station's camera and arrays.
    """

    name: str
    solids: dict[str, Mesh]
    routes: list[Route]
    markings: list[Markings]
    lamps_m: np.ndarray
    station_m: np.ndarray
    boresight_rad: float
    pitch_rad: float
    parked: list[tuple[float, float, float]]  # x, y, heading


@dataclass(frozen=True)
class Layout:
    """A kind of street. `held_out`: kept for tests of generalisation, no part of a training set."""

    build: Callable[[np.random.Generator], Street]
    held_out: bool
    summary: str


class _Builder:
    """Collects the parts of a street."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.ground: list[Mesh] = []
        self.houses: list[Mesh] = []
        self.green: list[Mesh] = []
        self.steel: list[Mesh] = []
        self.parked: list[tuple[float, float, float]] = []
        self.lamps: list[tuple[float, float, float]] = []
        self.markings: list[Markings] = []
        self.routes: list[Route] = []
        self.tint = rng.uniform(0.75, 1.3)

    def road(self, line: np.ndarray, half_width_m: float, markings: Markings) -> None:
        """A carriageway along a line."""
        markings.half_width_m = half_width_m
        self.markings.append(markings)
        colour = np.asarray(ASPHALT) * self.tint
        self.ground.append(
            strip(line, -half_width_m, half_width_m, 0.0, Part.ASPHALT, colour, len(self.markings) - 1)
        )

    def pavement(self, line: np.ndarray, near_m: float, far_m: float) -> None:
        """Kerb and paving from `near_m` (at the road) to `far_m` to the left of the line; negative: right."""
        right, left = min(near_m, far_m), max(near_m, far_m)
        style = int(self.rng.integers(50))
        self.ground.append(
            strip(line, right, left, KERB_M, Part.PAVING, np.asarray(PAVING) * self.tint**0.5, style)
        )
        self.ground.append(wall(line, near_m, 0.0, KERB_M, Part.KERB, (0.33, 0.32, 0.30)))

    def row_of_houses(
        self,
        start,
        end,
        heights_m: tuple[float, float],
        depth_m: float = 12.0,
        gaps: float = 0.1,
        pitched: float = 0.2,
    ) -> None:
        """Houses along the line from start to end, which has the street on its right."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        total = np.linalg.norm(end - start)
        along = (end - start) / total
        place = 0.0
        while place < total - 5:
            length = min(self.rng.uniform(9, 21), total - place)
            height = self.rng.uniform(*heights_m)
            corner = (
                start
                + along * (place + PARTY_GAP_M)
                + np.array([-along[1], along[0]]) * self.rng.choice([0, 0, 0.6])
            )
            self.houses.append(
                furniture.house(
                    tuple(corner),
                    tuple(along),
                    length - PARTY_GAP_M,
                    depth_m,
                    height,
                    self.rng,
                    self.rng.random() < pitched,
                )
            )
            place += length + (self.rng.uniform(2, 5) if self.rng.random() < gaps else 0.0)

    def kerbside(
        self, line: np.ndarray, left_m: float, *, trees: float, parking_m: float | None, lamps: bool = True
    ) -> None:
        """Lamps, trees and parked cars along a kerb at `left_m` of a line (negative: at its right)."""
        side = np.sign(left_m)
        edge = offset(line, left_m + side * 0.7)
        way = np.gradient(line, axis=0)
        heading = np.arctan2(way[:, 1], way[:, 0])
        for k in range(int(self.rng.integers(4, 14)), len(line) - 2, 12):
            kind = self.rng.random()
            x, y = edge[k]
            if lamps and (k // 12) % 2 == 0:
                towards = heading[k] - side * np.pi / 2
                self.steel.append(furniture.lamp(x, y, towards))
                self.lamps.append(furniture.lamp_head(x, y, towards))
            elif kind < trees:
                self.green.append(furniture.tree(x, y, self.rng, self.rng.uniform(0.7, 1.0)))
            elif kind < trees + 0.2:
                self.steel.append(furniture.traffic_sign(x, y, heading[k], self.rng))
            elif kind < trees + 0.3:
                row = offset(line, left_m + side * 0.35)[k : k + 8 : 2]
                self.steel.append(furniture.bollards(row))
        if parking_m is not None:
            bay = offset(line, left_m - side * parking_m)
            for k in range(6, len(line) - 6, 7):
                if self.rng.random() < 0.45:
                    self.parked.append((*bay[k], heading[k] + (np.pi if side > 0 else 0.0)))

    def street(
        self, name: str, station_m: tuple[float, float, float], look_at: tuple[float, float]
    ) -> Street:
        """What has been collected; the station is moved a little by the seed."""
        rng = self.rng
        place = np.asarray(station_m) + np.r_[rng.uniform(-1.5, 1.5, 2) * [1, 0.2], rng.uniform(-0.7, 0.9)]
        aim = np.asarray(look_at) - place[:2]
        self._clear_view(place, float(np.arctan2(aim[1], aim[0])))
        far = [[(-400, -400, -0.03), (400, -400, -0.03), (400, 400, -0.03), (-400, 400, -0.03)]]
        self.ground.append(quads(far, Part.PAVING, np.asarray(PAVING) * 0.8))
        solids = {"ground": join(self.ground), "houses": join(self.houses)}
        for label, meshes in (("trees", self.green), ("steel", self.steel)):
            if meshes:
                solids[label] = join(meshes)
        return Street(
            name,
            solids,
            self.routes,
            self.markings,
            np.array(self.lamps).reshape(-1, 3),
            place,
            float(np.arctan2(aim[1], aim[0]) + rng.normal(0, 0.03)),
            float(np.radians(rng.uniform(-11, -7))),
            self.parked,
        )

    def _clear_view(self, place: np.ndarray, boresight_rad: float) -> None:
        """Fell trees and posts right in front of the camera."""

        def in_the_way(mesh: Mesh) -> bool:
            centre = mesh.corners.reshape(-1, 3).mean(axis=0)[:2] - place[:2]
            away = np.linalg.norm(centre)
            bearing = np.angle(np.exp(1j * (np.arctan2(centre[1], centre[0]) - boresight_rad)))
            return away < 5 or (away < 17 and abs(bearing) < 0.75)

        self.green = [mesh for mesh in self.green if not in_the_way(mesh)]
        self.steel = [mesh for mesh in self.steel if not in_the_way(mesh)]


def _along(heading_rad: float, start_m: float, end_m: float, side_m: float = 0.0) -> np.ndarray:
    """Points of a straight line from the origin in a direction, moved to its left."""
    way = np.array([np.cos(heading_rad), np.sin(heading_rad)])
    left = np.array([-way[1], way[0]])
    return resample(np.array([way * start_m, way * end_m])) + left * side_m


def _canyon(rng: np.random.Generator) -> Street:
    """Four lanes between tall houses."""
    b = _Builder(rng)
    half, paved = 8.6, 4.0
    line = _along(0.0, -75, 115)
    b.road(
        line, half, Markings([(0, 0, 0), (3.2, 3, 6), (-3.2, 3, 6), (6.4, 1, 1), (-6.4, 1, 1)], [(112, 116)])
    )
    for side in (1, -1):
        b.pavement(line, side * half, side * (half + paved))
        b.kerbside(line, side * half, trees=0.35, parking_m=1.05)
        edge = side * (half + paved)
        ends = ((-75, edge), (115, edge))
        b.row_of_houses(*(ends if side > 0 else ends[::-1]), (10, 24))
    b.row_of_houses((130, 40), (130, -40), (14, 26))
    b.row_of_houses((-90, -40), (-90, 40), (14, 26))
    for lane, speed in ((1.6, 11.5), (4.8, 10.0)):
        b.routes.append(route([(-72, -lane), (112, -lane)], speed))
        b.routes.append(route([(112, lane), (-72, lane)], speed))
    for y in (-(half + 2.2), half + 2.2, -(half + 3.0), half + 1.6):
        ends = [(-60, y), (105, y)]
        b.routes.append(route(ends if rng.random() < 0.5 else ends[::-1], 1.4, users="people"))
    b.routes.append(route([(-72, -5.9), (112, -5.9)], 5.0, users="cyclists"))
    return b.street("canyon", (-36, -(half + 0.9), 6.2), (-8, 1.5))


def _avenue(rng: np.random.Generator) -> Street:
    """Six lanes with trees in the middle."""
    b = _Builder(rng)
    line = _along(0.0, -80, 120)
    lane_lines = [(-5.2, 0, 0), (-1.8, 3, 6), (1.6, 3, 6), (5.0, 0, 0)]
    for side in (1, -1):
        shifted = line + [0, side * 7.6]
        b.road(shifted, 5.3, Markings([(y, d, g) for y, d, g in lane_lines], [(96, 100)]))
        b.pavement(line, side * 12.9, side * 19.0)
        b.kerbside(line, side * 12.9, trees=0.55, parking_m=None)
        ends = ((-80, side * 19.0), (120, side * 19.0))
        b.row_of_houses(*(ends if side > 0 else ends[::-1]), (14, 32), gaps=0.3)
        b.ground.append(wall(line, side * 2.3, 0, KERB_M, Part.KERB, (0.33, 0.32, 0.30)))
    b.ground.append(strip(line, -2.3, 2.3, KERB_M, Part.GRASS, (0.06, 0.10, 0.03)))
    for x in range(-60, 110, 14):
        if rng.random() < 0.6:
            b.green.append(furniture.tree(x + rng.uniform(-2, 2), rng.uniform(-0.5, 0.5), rng, 0.75))
    rail = np.stack([np.arange(-70, 110, 2.0), np.full(90, 2.0)], axis=-1)
    if rng.random() < 0.6:
        b.steel.append(furniture.guard_rail(rail[: int(rng.integers(30, 90))]))
    b.row_of_houses((135, 45), (135, -45), (16, 30))
    b.row_of_houses((-95, -45), (-95, 45), (16, 30))
    for y, speed in ((-4.3, 13.5), (-7.7, 12.5), (-11.0, 10.5)):
        b.routes.append(route([(-77, y), (117, y)], speed))
        b.routes.append(route([(117, -y), (-77, -y)], speed))
    for y in (-14.8, -16.6, 14.5, 16.0):
        ends = [(-60, y), (110, y)]
        b.routes.append(route(ends if rng.random() < 0.5 else ends[::-1], 1.4, users="people"))
    return b.street("avenue", (-34, -13.8, 6.8), (-2, 1.0))


def _arms(
    b: _Builder, arms_rad: tuple[float, ...], half: float, paved: float, reach: float, heights, trees: float
) -> None:
    """Roads that meet at the origin at right angles, with the houses between them."""
    square = half
    corner = [(-square, -square, 0), (square, -square, 0), (square, square, 0), (-square, square, 0)]
    b.markings.append(Markings(half_width_m=99))
    b.ground.append(quads([corner], Part.ASPHALT, np.asarray(ASPHALT) * b.tint, len(b.markings) - 1))
    for heading in arms_rad:
        line = _along(heading, square, reach)
        b.road(
            line,
            half,
            Markings([(0, 0, 0), (half - 0.35, 0, 0), (0.35 - half, 0, 0)], [(2.0, 5.5)], [(7.0, 0.3, half)]),
        )
        for side in (1, -1):
            far = _along(heading, square, reach)
            b.pavement(far, side * half, side * (half + paved))
            b.kerbside(_along(heading, square + paved + 3, reach), side * half, trees=trees, parking_m=None)
            edge = side * (half + paved)
            way = np.array([np.cos(heading), np.sin(heading)])
            left = np.array([-way[1], way[0]])
            ends = (way * (half + paved) + left * edge, way * reach + left * edge)
            b.row_of_houses(*(ends if side > 0 else ends[::-1]), heights)
        end = way * (reach + 8)
        b.row_of_houses(end + left * 35, end - left * 35, heights)
        walk = half + paved * 0.5
        for side in (1, -1):
            ends = [way * (half + paved) + left * side * walk, way * (reach - 4) + left * side * walk]
            b.routes.append(route(ends if b.rng.random() < 0.5 else ends[::-1], 1.4, users="people"))


def _turns(b: _Builder, arms_rad: tuple[float, ...], half: float, reach: float, speed_mps: float) -> None:
    """Routes from every arm to every other; each arm has its own green phase."""
    for phase, come in enumerate(arms_rad):
        inward = -np.array([np.cos(come), np.sin(come)])
        right = np.array([inward[1], -inward[0]])
        for go in arms_rad:
            if go == come:
                continue
            outward = np.array([np.cos(go), np.sin(go)])
            aside = np.array([outward[1], -outward[0]])
            start, end = -inward * reach + right * half / 2, outward * reach + aside * half / 2
            stop = reach - half - 8.0
            if abs(inward @ outward) > 0.9:
                b.routes.append(route([start, end], speed_mps, stop_m=stop, phase=phase))
            else:
                corner = right * half / 2 + aside * half / 2
                radius = 5.5 if inward[0] * outward[1] - inward[1] * outward[0] < 0 else 9.0
                b.routes.append(route([start, corner, end], speed_mps, radius, stop_m=stop, phase=phase))


def _junction(rng: np.random.Generator) -> Street:
    """A crossroads with lights."""
    b = _Builder(rng)
    arms = (0.0, np.pi / 2, np.pi, -np.pi / 2)
    _arms(b, arms, 4.6, 3.6, 75, (9, 22), 0.3)
    _turns(b, arms, 4.6, 74, 10.0)
    return b.street("junction", (-15.5, -6.6, 6.2), (4, 3.0))


def _corner(rng: np.random.Generator) -> Street:
    """Three arms and low houses with pitched roofs."""
    b = _Builder(rng)
    arms = (0.0, np.pi / 2, np.pi)
    _arms(b, arms, 4.0, 3.0, 70, (5.5, 9.5), 0.6)
    _turns(b, arms, 4.0, 69, 9.0)
    line = _along(0.0, -4.0, 4.0)
    b.pavement(line, -4.0, -7.0)
    b.row_of_houses((12, -7.0), (-12, -7.0), (6, 9), pitched=0.8)
    return b.street("corner", (-13.0, -5.2, 5.6), (5, 4.0))


def _bend(rng: np.random.Generator) -> Street:
    """A two-lane street that curves away."""
    b = _Builder(rng)
    line = resample(rounded(np.array([(-80.0, 0.0), (25.0, 0.0), (105.0, 62.0)]), 70.0))
    half, paved = 4.8, 3.4
    b.road(line, half, Markings([(0, 4, 2), (4.5, 0, 0), (-4.5, 0, 0)], [(86, 89.5)]))
    for side in (1, -1):
        b.pavement(line, side * half, side * (half + paved))
        b.kerbside(line, side * half, trees=0.5, parking_m=None)
        edge = offset(line, side * (half + paved))[::18]
        for first, last in zip(edge[:-1], edge[1:], strict=True):
            b.row_of_houses(*((first, last) if side > 0 else (last, first)), (6.5, 13), 10.0, 0.0, 0.6)
    way = offset(line, -half / 2)
    back = offset(line, half / 2)[::-1]
    b.routes.append(route(way[2:-2], 10.5))
    b.routes.append(route(back[2:-2], 10.5))
    for left in (half + 1.5, -(half + 1.5), half + 2.4):
        walk = offset(line, left)[10:-10]
        b.routes.append(route(walk if rng.random() < 0.5 else walk[::-1], 1.4, users="people"))
    b.routes.append(route(offset(line, -half + 0.8)[2:-2], 5.0, users="cyclists"))
    return b.street("bend", (-30, -(half + 0.9), 6.0), (0, 1.5))


LAYOUTS = {
    "canyon": Layout(_canyon, False, "four lanes between tall houses"),
    "avenue": Layout(_avenue, False, "six lanes with trees in the middle"),
    "junction": Layout(_junction, False, "a crossroads with lights and turning traffic"),
    "bend": Layout(_bend, True, "a two-lane street that curves away"),
    "corner": Layout(_corner, True, "three arms, low houses with pitched roofs"),
}


def build_street(layout: str, seed: int) -> Street:
    """A street of this layout; the same seed gives the same one.

    Raises
    ------
    ValueError
        If there is no such layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}, expected one of {', '.join(LAYOUTS)}")
    return LAYOUTS[layout].build(np.random.default_rng([seed, 1]))
