# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All bodies of a street with their poses, and what a ray finds where it meets one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from . import furniture, vehicles
from .geometry import Mesh, Part, join, placed
from .layouts import Street
from .ray_tracer import Body, Hits
from .traffic import Track

CLASSES = (
    "sky",
    "road",
    "pavement",
    "building",
    "vegetation",
    "pole",
    "car",
    "van",
    "bus",
    "truck",
    "person",
    "cyclist",
)
_CLASS_OF_PART = {
    Part.ASPHALT: "road",
    Part.PAVING: "pavement",
    Part.KERB: "pavement",
    Part.GRASS: "vegetation",
    Part.FACADE: "building",
    Part.ROOF: "building",
    Part.PLASTIC: "building",
    Part.TRIM: "building",
    Part.BARK: "vegetation",
    Part.LEAVES: "vegetation",
    Part.STEEL: "pole",
    Part.SIGN: "pole",
    Part.LAMP: "pole",
}
TARGETS = ("car", "van", "bus", "truck", "person", "cyclist")


class Tracer(Protocol):
    """What is asked of a ray tracer."""

    def move(self, positions_m: np.ndarray, headings_rad: np.ndarray, velocities_mps: np.ndarray) -> None:
        """Give the movers their poses."""

    def first_hit(self, origins_m: np.ndarray, directions: np.ndarray) -> Hits:
        """What rays meet first."""

    def blocked(
        self, origins_m: np.ndarray, directions: np.ndarray, reach_m: np.ndarray | float
    ) -> np.ndarray:
        """Whether rays meet anything before they end."""


@dataclass
class Surface:
    """What rays found; fields of those that met nothing are of no meaning.

    hit : bool [rays]; position_m, normal : float32 [rays, 3]; the normal looks against the ray.
    texture_m : float32 [rays, 2]; part, label, instance, body : integers [rays]; colour : float32 [rays, 3].
    """

    hit: np.ndarray
    distance_m: np.ndarray
    position_m: np.ndarray
    normal: np.ndarray
    texture_m: np.ndarray
    part: np.ndarray
    colour: np.ndarray
    style: np.ndarray
    label: np.ndarray
    instance: np.ndarray
    body: np.ndarray


@dataclass
class World:
    """Bodies of a sequence: those of the street, parked cars, and everybody in the traffic."""

    street: Street
    tracks: list[Track]
    bodies: list[Body]
    instance_of_body: np.ndarray
    poses: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mesh = join([body.mesh for body in self.bodies])
        self._first = np.r_[0, np.cumsum([len(body.mesh) for body in self.bodies])]
        self._normals, self._texture = mesh.normals, mesh.texture_m
        self._part, self._colour = mesh.part, mesh.colour
        facade = mesh.part == Part.FACADE
        self.styles, dense = np.unique(mesh.style[facade], return_inverse=True)
        self._style = mesh.style.copy()
        self._style[facade] = np.asarray(dense).reshape(-1)
        self._label = self._labels(mesh.part)
        moving = np.array([body.moves for body in self.bodies])
        self._mover_of_body = np.where(moving, np.cumsum(moving) - 1, -1)
        self._turn = np.tile(np.eye(2, dtype=np.float32), (len(self.bodies), 1, 1))

    def _labels(self, part: np.ndarray) -> np.ndarray:
        table = np.zeros(max(Part) + 1, np.uint8)
        for kind, name in _CLASS_OF_PART.items():
            table[kind] = CLASSES.index(name)
        labels = table[part]
        for k, number in enumerate(self.instance_of_body):
            if number:
                name = self.label_of_instance(int(number))
                labels[self._first[k] : self._first[k + 1]] = CLASSES.index(name)
        return labels

    def label_of_instance(self, number: int) -> str:
        """Class of an instance: tracks come first, parked cars after."""
        return self.tracks[number - 1].label if number <= len(self.tracks) else "car"

    def pose(self, tracer: Tracer, step: int) -> None:
        """Put everybody where they are at a step."""
        position = np.array([[*track.position_m[step], 0.0] for track in self.tracks]).reshape(-1, 3)
        heading = np.array([track.heading_rad[step] for track in self.tracks])
        walkers = np.array([track.label == "person" for track in self.tracks], bool)
        position[walkers, 2] += 0.13
        speed = np.array([track.speed_mps[step] for track in self.tracks])
        velocity = speed[:, None] * np.stack([np.cos(heading), np.sin(heading), 0 * heading], axis=-1)
        braking = np.array([track.acceleration[step] for track in self.tracks])
        self.poses = {
            "position_m": position,
            "heading_rad": heading,
            "velocity_mps": velocity,
            "acceleration": braking,
        }
        tracer.move(position, heading, velocity)
        for body, mover in enumerate(self._mover_of_body):
            if mover >= 0 and np.isfinite(heading[mover]):
                c, s = np.cos(heading[mover]), np.sin(heading[mover])
                self._turn[body] = [[c, -s], [s, c]]

    def surface(self, origins_m: np.ndarray, directions: np.ndarray, hits: Hits) -> Surface:
        """Look up what rays have hit."""
        hit = hits.object >= 0
        body = np.where(hit, hits.object, 0)
        face = np.where(hit, self._first[body] + hits.triangle, 0)
        w1, w2 = hits.weights[:, :1], hits.weights[:, 1:]
        w0 = 1.0 - w1 - w2
        corners = self._normals[face]
        normal = w0 * corners[:, 0] + w1 * corners[:, 1] + w2 * corners[:, 2]
        turn = self._turn[body]
        normal[:, :2] = np.einsum("nij,nj->ni", turn, normal[:, :2])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        away = (normal * directions).sum(axis=1) > 0
        normal[away] *= -1
        texture = self._texture[face]
        texture = w0 * texture[:, 0] + w1 * texture[:, 1] + w2 * texture[:, 2]
        distance = np.where(hit, hits.distance_m, 0.0).astype(np.float32)
        position = (np.asarray(origins_m, np.float32) + distance[:, None] * directions).astype(np.float32)
        return Surface(
            hit,
            hits.distance_m,
            position,
            normal.astype(np.float32),
            texture,
            self._part[face],
            self._colour[face],
            self._style[face],
            np.where(hit, self._label[face], 0).astype(np.uint8),
            np.where(hit, self.instance_of_body[body], 0),
            np.where(hit, body, -1),
        )

    def velocity_of(self, surface: Surface) -> np.ndarray:
        """Velocity of what was hit, float64 [rays, 3]."""
        mover = np.where(surface.body >= 0, self._mover_of_body[surface.body], -1)
        return np.where(mover[:, None] >= 0, self.poses["velocity_mps"][mover], 0.0)


def build_world(street: Street, tracks: list[Track], seed: int) -> World:
    """Meshes for a street and its traffic; the same seed gives the same ones."""
    rng = np.random.default_rng([seed, 3])
    walls = ("concrete", "plasterboard", "glass")[rng.integers(3)]
    materials = {"ground": "concrete", "houses": walls, "trees": "wood", "steel": "metal"}
    bodies = [Body(name, mesh, materials[name]) for name, mesh in street.solids.items()]
    numbers = [0] * len(bodies)
    for k, track in enumerate(tracks):
        bodies.append(Body(f"mover {k}", _mesh_of(track.kind, rng), _material_of(track.label), moves=True))
        numbers.append(k + 1)
    cars = [name for name, kind in vehicles.KINDS.items() if kind.label == "car"]
    for k, (x, y, heading) in enumerate(street.parked):
        mesh = _mesh_of(cars[rng.integers(len(cars))], rng)
        bodies.append(Body(f"parked {k}", placed(mesh, (x, y, 0.0), heading), "metal"))
        numbers.append(len(tracks) + k + 1)
    return World(street, tracks, bodies, np.array(numbers, np.int32))


def _mesh_of(kind: str, rng: np.random.Generator) -> Mesh:
    if kind == "person":
        return furniture.person(rng)
    if kind == "cyclist":
        return furniture.cyclist(rng)
    return vehicles.build(vehicles.KINDS[kind], vehicles.draw_paint(rng), int(rng.integers(2**20)))


def _material_of(label: str) -> str:
    return "body" if label in ("person", "cyclist") else "metal"
