# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rays and radio paths through a street, by Sionna RT: the only module that needs ``make scenes-env``.

Light and radio see the same triangles. Crowns of trees are opaque to both, which at 28 GHz and above is
nearly so (20 dB and more through a few metres of leaves).
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.constants import speed_of_light

from semisac_ml.data import DataError

from .geometry import Mesh, placed

HIDDEN_M = -500.0
# Materials known from 28 to 77 GHz, and how rough: root mean square of the height. Assumed, joints and
# frames of walls included, so that at 60 GHz most of what is mirrored is some 10 dB weaker than what comes
# straight, as TR 38.901 has it for street canyons (K = 9 dB, give or take 5).
ROUGHNESS_M = {
    "concrete": 1e-3,
    "plasterboard": 0.7e-3,
    "glass": 0.7e-3,
    "wood": 5e-3,
    "metal": 0.1e-3,
    "body": 2e-3,
}


@dataclass(frozen=True)
class Hits:
    """What rays meet first; distance is infinite and object -1 where they meet nothing.

    distance_m : ndarray, float32 [rays]
    object, triangle : ndarray, int32 [rays]
    weights : ndarray, float32 [rays, 2]
        Barycentric weights of the second and third corner.
    """

    distance_m: np.ndarray
    object: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Paths:
    """Radio paths from one transmitter to one receiver.

    gain : ndarray, complex128 [paths]
        Amplitude with the phase of the carrier, isotropic antennas.
    delay_s, doppler_hz : ndarray, float64 [paths]
    departure_rad, arrival_rad : ndarray, float64 [paths, 2]
        Azimuth and elevation in the frame of the street.
    line_of_sight : ndarray, bool [paths]
    """

    gain: np.ndarray
    delay_s: np.ndarray
    doppler_hz: np.ndarray
    departure_rad: np.ndarray
    arrival_rad: np.ndarray
    line_of_sight: np.ndarray


def mirror_amplitude(places_m: np.ndarray, roughness_m: np.ndarray, carrier_hz: float) -> np.ndarray:
    """Share of the amplitude that rough mirrors leave of paths, float64 [paths].

    A surface of Gaussian heights leaves exp(-(4 pi sigma cos(theta) / lambda)^2 / 2) of a wave that meets it
    at the angle theta from its normal (Ament 1953); the rest is scattered.

    Parameters
    ----------
    places_m : ndarray [paths, places, 3]
        Where a path begins, its mirrors, where it ends; the last place again for each mirror that it has not.
    roughness_m : ndarray [paths, places - 2]
        Of the mirrors, 0 for those that it has not.
    """
    steps = np.diff(places_m, axis=1)
    length = np.linalg.norm(steps, axis=2, keepdims=True)
    steps = steps / np.where(length > 0.0, length, 1.0)
    turn = np.clip((steps[:, :-1] * steps[:, 1:]).sum(axis=2), -1.0, 1.0)
    cosine = np.sqrt((1.0 - turn) / 2.0)  # a mirror turns a ray by pi - 2 theta
    phase = 4.0 * np.pi * roughness_m * cosine * carrier_hz / speed_of_light
    return np.exp(-0.5 * (phase**2).sum(axis=1))


@dataclass(frozen=True)
class Body:
    """An object of the scene. `material`: one of ROUGHNESS_M; `moves`: whether it is given poses."""

    name: str
    mesh: Mesh
    material: str
    moves: bool = False


def find_llvm() -> str | None:
    """The LLVM library the ray tracer can live with: 16 to 20, the newest found; None if there is none."""
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    if named:
        return named
    for version in range(20, 15, -1):
        found = glob.glob(f"/usr/lib/*/libLLVM-{version}.so*") + glob.glob(
            f"/usr/lib/*/libLLVM.so.{version}*"
        )
        if found:
            return sorted(found, key=len)[0]
    return None


def _import():
    """The ray tracer's packages, once its environment is sound."""
    llvm = find_llvm()
    if llvm is None:
        raise DataError("no LLVM 16 to 20 in /usr/lib, which the ray tracer needs: run 'make scenes-env'")
    os.environ["DRJIT_LIBLLVM_PATH"] = llvm
    try:
        import drjit
        import mitsuba
        import sionna.rt
    except ImportError as error:
        raise DataError(f"the ray tracer cannot be imported ({error}): run 'make scenes-env'") from error
    return drjit, mitsuba, sionna.rt


class RayTracer:
    """Rays and paths through bodies, of which some move.

    threads: how many the ray tracer may use; one each is fastest when several processes run.
    """

    def __init__(self, bodies: Sequence[Body], threads: int = 1) -> None:
        self._dr, self._mi, self._rt = _import()
        self._dr.set_thread_count(threads)
        self._scene = self._rt.load_scene()
        materials = self._materials()
        objects = [
            self._rt.SceneObject(
                mi_mesh=self._mesh(body), name=body.name, radio_material=materials[body.material]
            )
            for body in bodies
        ]
        self._scene.edit(add=objects)
        self._moving = [body for body in bodies if body.moves]
        self._movers = [self._scene.objects[body.name] for body in self._moving]
        self._fields = self._scene.mi_scene_params
        names = {self._scene.objects[body.name].object_id: k for k, body in enumerate(bodies)}
        keys = np.array(sorted(names), dtype=np.uint32)
        self._keys, self._places = keys, np.array([names[key] for key in keys], dtype=np.int32)
        self._roughness_m = np.array([ROUGHNESS_M[body.material] for body in bodies])
        self._solver = self._rt.PathSolver()
        array = self._rt.PlanarArray(num_rows=1, num_cols=1, pattern="iso", polarization="V")
        self._scene.tx_array = self._scene.rx_array = array
        self._ends: list[str] = []

    def move(self, positions_m: np.ndarray, headings_rad: np.ndarray, velocities_mps: np.ndarray) -> None:
        """Give every body that moves its pose, [movers, 3], [movers] and [movers, 3]; NaN hides it."""
        for k, (mover, body) in enumerate(zip(self._movers, self._moving, strict=True)):
            there = np.isfinite(positions_m[k]).all()
            place = positions_m[k] if there else (0.0, 0.0, HIDDEN_M - 10.0 * k)
            corners = placed(body.mesh, place, headings_rad[k] if there else 0.0).corners
            self._fields[f"{body.name}.vertex_positions"] = corners.ravel()
            mover.velocity = self._mi.Vector3f(
                *(float(v) for v in (velocities_mps[k] if there else np.zeros(3)))
            )
        self._fields.update()

    def first_hit(self, origins_m: np.ndarray, directions: np.ndarray) -> Hits:
        """What rays, [rays, 3] each and of unit direction, meet first."""
        found = self._scene.mi_scene.ray_intersect_preliminary(self._rays(origins_m, directions))
        distance = np.array(found.t, dtype=np.float32)
        pointer = np.array(self._dr.reinterpret_array(self._mi.UInt32, found.shape))
        hit = np.isfinite(distance)
        place = np.clip(np.searchsorted(self._keys, pointer), 0, len(self._keys) - 1)
        body = np.where(hit, self._places[place], -1).astype(np.int32)
        weights = np.stack([np.array(found.prim_uv.x), np.array(found.prim_uv.y)], axis=-1)
        weights[~hit] = 0.0
        triangle = np.where(hit, np.array(found.prim_index), 0).astype(np.int32)
        return Hits(distance, body, triangle, weights.astype(np.float32))

    def blocked(
        self, origins_m: np.ndarray, directions: np.ndarray, reach_m: np.ndarray | float
    ) -> np.ndarray:
        """Whether anything is in the way of rays before they end, bool [rays]."""
        rays = self._rays(origins_m, directions)
        rays.maxt = self._mi.Float(np.broadcast_to(np.asarray(reach_m, np.float32), len(origins_m)).copy())
        return np.array(self._scene.mi_scene.ray_test(rays), dtype=bool)

    def paths(
        self,
        transmitters_m: np.ndarray,
        velocities_mps: np.ndarray,
        receiver_m: np.ndarray,
        carrier_hz: float,
        depth: int = 3,
        samples: int = 60_000,
        seed: int = 1,
    ) -> list[Paths]:
        """Paths from every transmitter, [n, 3], moving at [n, 3], to a receiver at rest: of sight and
        mirrored.

        depth : how many mirrors a path may meet.
        samples : rays that search for them, a transmitter.
        """
        scene, rt = self._scene, self._rt
        scene.frequency = carrier_hz
        for name in self._ends:
            scene.remove(name)
        self._ends = [*(f"transmitter {k}" for k in range(len(transmitters_m))), "receiver"]
        for name, place, velocity in zip(self._ends, transmitters_m, velocities_mps, strict=False):
            scene.add(rt.Transmitter(name, place.tolist(), velocity=velocity.tolist()))
        scene.add(rt.Receiver("receiver", list(map(float, receiver_m))))
        found = self._solver(
            scene,
            max_depth=depth,
            samples_per_src=samples,
            refraction=False,
            diffuse_reflection=False,
            seed=seed,
        )
        amplitude = np.asarray(found.a[0], np.float64) + 1j * np.asarray(found.a[1], np.float64)
        fields = {
            name: np.asarray(getattr(found, name), np.float64)[0]
            for name in ("tau", "doppler", "theta_t", "phi_t", "theta_r", "phi_r")
        }
        valid = np.asarray(found.valid)[0]
        mirrors = np.asarray(found.interactions)[:, 0] != 0  # [depth, transmitters, paths]
        vertices, objects = np.asarray(found.vertices, np.float64)[:, 0], np.asarray(found.objects)[:, 0]
        paths = []
        for k, transmitter in enumerate(transmitters_m):
            met = mirrors[:, k].T
            ends = np.broadcast_to(np.asarray([transmitter, receiver_m]), (len(met), 2, 3))
            places = np.where(met[..., None], vertices[:, k].swapaxes(0, 1), ends[:, 1:])
            places = np.concatenate([ends[:, :1], places, ends[:, 1:]], axis=1)
            roughness = self._roughness_m[
                self._places[np.searchsorted(self._keys, objects[:, k].T) % len(self._keys)]
            ]
            kept = mirror_amplitude(places, np.where(met, roughness, 0.0), carrier_hz)
            gain = amplitude[0, 0, k, 0] * kept
            paths.append(self._paths_of(k, gain, fields, valid[k], met.sum(axis=1), carrier_hz))
        return paths

    @staticmethod
    def _paths_of(
        k: int, gain: np.ndarray, fields: dict, valid: np.ndarray, bounces: np.ndarray, carrier_hz: float
    ) -> Paths:
        row = {name: values[k][valid] for name, values in fields.items()}
        order = np.argsort(row["tau"], kind="stable")
        row = {name: values[order] for name, values in row.items()}
        # The solver's amplitudes leave the phase of the delay to whoever evaluates them.
        carrier = np.exp(-2j * np.pi * carrier_hz * row["tau"])
        return Paths(
            gain[valid][order] * carrier,
            row["tau"],
            row["doppler"],
            np.stack([row["phi_t"], np.pi / 2 - row["theta_t"]], axis=-1),
            np.stack([row["phi_r"], np.pi / 2 - row["theta_r"]], axis=-1),
            bounces[valid][order] == 0,
        )

    def _rays(self, origins_m: np.ndarray, directions: np.ndarray):
        count = len(directions)
        start = np.broadcast_to(np.asarray(origins_m, np.float32), (count, 3)).T.copy()
        return self._mi.Ray3f(
            self._mi.Point3f(start), self._mi.Vector3f(np.asarray(directions, np.float32).T.copy())
        )

    def _mesh(self, body: Body):
        corners = body.mesh.corners.reshape(-1, 3)
        mesh = self._mi.Mesh(
            body.name, vertex_count=len(corners), face_count=len(body.mesh), props=self._mi.Properties()
        )
        fields = self._mi.traverse(mesh)
        fields["vertex_positions"] = np.ascontiguousarray(corners, np.float32).ravel()
        fields["faces"] = np.arange(len(corners), dtype=np.uint32)
        fields.update()
        return mesh

    def _materials(self) -> dict:
        made = {
            name: self._rt.ITURadioMaterial(name=f"street {name}", itu_type=name, thickness=0.3)
            for name in ROUGHNESS_M
            if name != "body"
        }
        # muscle at 28 GHz, after Gabriel et al. 1996
        made["body"] = self._rt.RadioMaterial(
            name="street body", relative_permittivity=24.0, conductivity=33.0, thickness=0.2
        )
        return made
