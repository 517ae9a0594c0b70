# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One time step of a drive through all sensors at once, with its truth."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import beams, channel, lidar, radar, thermal, truth
from .camera import photograph
from .drive import ANTENNA_ABOVE_ROOF_M, Drive
from .geometry import Part
from .positioning import degrees
from .ray_tracer import Paths, RayTracer
from .shading import Renderer
from .world import Surface

ORIGIN_DEG = (52.0, 5.0)  # where the street would be, for GPS
NOISE_60_GHZ_W = 2e-11


@dataclass(frozen=True)
class Step:
    """What all sensors deliver at one time, and what is true.

    image : uint8 [height, width, 3]
    thermal : uint8 [height, width]; thermal_range_k: temperatures of 0 and 255
    depth_m : float32 [height, width], along the optical axis, infinite for the sky
    classes, instances : uint8 [height, width]; see world.CLASSES; instances count from 1 as targets do
    points : float32 [points, 4], LiDAR
    beat : int16 [antennas, samples, chirps, 2], radar
    powers : float64 [carriers, 64], received by the beams at 60 GHz
    paths_28_ghz, paths_60_ghz : one a carrier; angles from the broadside of either array
    position_deg : float64 [carriers, 2], measured; NaN for a carrier that is not there
    targets : one dict a target; see truth.py
    seconds : what took how long
    """

    image: np.ndarray
    thermal: np.ndarray
    thermal_range_k: tuple[float, float]
    depth_m: np.ndarray
    classes: np.ndarray
    instances: np.ndarray
    points: np.ndarray
    beat: np.ndarray
    powers: np.ndarray
    paths_28_ghz: list[Paths]
    paths_60_ghz: list[Paths]
    position_deg: np.ndarray
    targets: list[dict[str, Any]]
    seconds: dict[str, float] = field(default_factory=dict)


class Senses:
    """All sensors of the base station along one drive."""

    def __init__(self, drive: Drive, tracer: RayTracer) -> None:
        self._drive, self._tracer = drive, tracer
        self._renderer = Renderer(drive.world, tracer, drive.camera, drive.weather)
        self._lidar, self._radar = lidar.LidarSettings(), radar.RadarSettings()

    def sense(self, number: int) -> Step:
        """Everything at step `number` of the drive; steps can be asked for in any order."""
        drive, seconds = self._drive, {}

        def timed(name: str, work: Callable, *arguments: Any) -> Any:
            start = time.perf_counter()
            result = work(*arguments)
            seconds[name] = round(time.perf_counter() - start, 4)
            return result

        rng = np.random.default_rng([drive.settings.seed, 100 + number])
        timed("move", drive.world.pose, self._tracer, number)
        rendering = timed("light", self._renderer.render, rng)
        image = timed("camera", photograph, rendering.radiance, rendering.glow, drive.weather, rng)
        surface, depth = timed("depth", self._centres)
        picture, range_k = timed("thermal", self._thermal, surface, number, rng)
        points = timed("lidar", self._points, rng)
        beat = timed("radar", self._beat, rng)
        links, powers = timed("paths", self._links, number, rng)
        shape = depth.shape
        instances = surface.instance.reshape(shape).astype(np.uint8)
        targets = timed("truth", truth.targets, drive, self._tracer, number, instances)
        return Step(
            image,
            picture,
            range_k,
            depth,
            surface.label.reshape(shape),
            instances,
            points,
            beat,
            powers,
            links[0],
            links[1],
            self._positions(number),
            targets,
            seconds,
        )

    def _centres(self) -> tuple[Surface, np.ndarray]:
        camera = self._drive.camera
        directions = camera.directions()
        origin = camera.position_m.astype(np.float32)
        surface = self._drive.world.surface(origin, directions, self._tracer.first_hit(origin, directions))
        depth = np.where(surface.hit, surface.distance_m * (directions @ camera.axes[2]), np.inf)
        return surface, depth.reshape(camera.height, camera.width).astype(np.float32)

    def _thermal(self, surface: Surface, number: int, rng: np.random.Generator) -> tuple:
        drive, weather = self._drive, self._drive.weather
        sunlit = np.zeros(len(surface.part), bool)
        if weather.sun_irradiance.any():
            rows = np.flatnonzero(surface.hit)
            ways = np.tile(weather.sun, (len(rows), 1))
            sunlit[rows] = ~self._tracer.blocked(
                surface.position_m[rows] + 2e-3 * surface.normal[rows], ways, 1e3
            )
        tracks = drive.world.tracks
        warmth = np.zeros(1 + int(drive.world.instance_of_body.max()))
        warmth[1 : len(tracks) + 1] = [0.0 if t.label in ("person", "cyclist") else 1.0 for t in tracks]
        parked = np.random.default_rng([drive.settings.seed, 6]).random(len(warmth) - len(tracks) - 1)
        warmth[len(tracks) + 1 :] = 0.8 * (parked > 0.75) * parked
        scene = thermal.ThermalScene(
            np.where(surface.hit, surface.part.astype(int), -1),
            surface.normal,
            surface.position_m,
            np.where(surface.hit, surface.distance_m, 0.0),
            surface.instance,
            sunlit,
            warmth[surface.instance],
            surface.texture_m,
            drive.camera.directions()[:, 2],
        )
        kelvin = thermal.temperatures_k(scene, weather).reshape(drive.camera.height, drive.camera.width)
        return thermal.thermal_image(kelvin, rng)

    def _points(self, rng: np.random.Generator) -> np.ndarray:
        ways = lidar.ray_directions(self._lidar)
        surface, cosine = self._rays(ways)
        near_infrared = 0.15 + 0.85 * surface.colour.mean(axis=1)
        near_infrared = np.where(surface.part == Part.LEAVES, 0.5, near_infrared)
        near_infrared = np.where(
            (surface.part == Part.PLATE) | (surface.part == Part.SIGN), 1.0, near_infrared
        )
        near_infrared = np.where(surface.part == Part.GLASS, 0.04, near_infrared)
        return lidar.points_from_ranges(
            ways, surface.distance_m, near_infrared, cosine, self._drive.weather, self._lidar, rng
        )

    def _beat(self, rng: np.random.Generator) -> np.ndarray:
        aside, up, solid = radar.ray_grid((-60.0, 60.0, 300), (-30.0, 6.0, 60), rng)
        ways = np.stack([np.cos(up) * np.cos(aside), np.cos(up) * np.sin(aside), np.sin(up)], axis=-1)
        surface, cosine = self._rays(ways)
        rate = (self._drive.world.velocity_of(surface) * self._in_street(ways)).sum(axis=1)
        part = np.where(surface.hit, surface.part.astype(int), -1)
        echoes = radar.echoes_from_rays(surface.distance_m, rate, aside, up, solid, cosine, part, self._radar)
        return radar.digitised(radar.beat_samples(echoes, self._radar), self._radar, rng)

    def _rays(self, ways: np.ndarray) -> tuple[Surface, np.ndarray]:
        """What rays from the mast head meet, given in its level frame, and the cosines there."""
        directions = self._in_street(ways).astype(np.float32)
        origin = self._drive.street.station_m.astype(np.float32)
        surface = self._drive.world.surface(origin, directions, self._tracer.first_hit(origin, directions))
        return surface, -(surface.normal * directions).sum(axis=1)

    def _in_street(self, ways: np.ndarray) -> np.ndarray:
        c, s = np.cos(self._drive.street.boresight_rad), np.sin(self._drive.street.boresight_rad)
        return ways @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])

    def _links(
        self, number: int, rng: np.random.Generator
    ) -> tuple[tuple[list[Paths], list[Paths]], np.ndarray]:
        drive, poses = self._drive, self._drive.world.poses
        tracks = [drive.world.tracks[k] for k in drive.carriers]
        there = [k for k, track in enumerate(tracks) if track.present[number]]
        empty = truth.no_paths()
        found = ([empty] * len(tracks), [empty] * len(tracks))
        powers = np.full((len(tracks), beams.BEAMS), np.nan)
        if not there:
            return found, powers
        bodies = [drive.carriers[k] for k in there]
        lift = np.array([[0, 0, tracks[k].size_m[2] + ANTENNA_ABOVE_ROOF_M] for k in there])
        places, velocities = poses["position_m"][bodies] + lift, poses["velocity_mps"][bodies]
        for links, carrier_hz in zip(found, (channel.CARRIER_HZ, beams.CARRIER_HZ), strict=True):
            for k, body, paths in zip(
                there,
                bodies,
                self._tracer.paths(places, velocities, drive.street.station_m, carrier_hz),
                strict=True,
            ):
                links[k] = truth.turned(paths, poses["heading_rad"][body], drive.street.boresight_rad)
        for k in there:
            paths = found[1][k]
            powers[k] = beams.beam_powers(
                paths.gain, paths.delay_s, *paths.arrival_rad.T, noise_w=NOISE_60_GHZ_W, rng=rng
            )
        return found, powers

    def _positions(self, number: int) -> np.ndarray:
        places = self._drive.world.poses["position_m"][list(self._drive.carriers), :2]
        return degrees(places + self._drive.position_errors_m[:, number], ORIGIN_DEG)
