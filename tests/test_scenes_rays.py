# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up street with one car and one bus, through a ray tracer of a dozen lines of numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from semisac_ml.data.scenes import shading, step, thermal, truth, vehicles
from semisac_ml.data.scenes.camera import Camera
from semisac_ml.data.scenes.drive import Drive, DriveSettings
from semisac_ml.data.scenes.furniture import person
from semisac_ml.data.scenes.geometry import Part, placed, quads
from semisac_ml.data.scenes.layouts import Markings, Street
from semisac_ml.data.scenes.light import draw_weather
from semisac_ml.data.scenes.ray_tracer import Body, Hits
from semisac_ml.data.scenes.traffic import Track
from semisac_ml.data.scenes.world import CLASSES, World

WIDTH, HEIGHT = 64, 48


class BruteForce:
    """Every ray against every triangle (Möller and Trumbore 1997)."""

    def __init__(self, bodies: list[Body]) -> None:
        self._bodies = bodies
        self._moving = [body for body in bodies if body.moves]
        self.move(np.full((len(self._moving), 3), np.nan), np.zeros(9), np.zeros((9, 3)))

    def move(self, positions_m, headings_rad, velocities_mps):
        poses = iter(zip(positions_m, headings_rad, strict=False))
        corners, owner, place = [], [], []
        for k, body in enumerate(self._bodies):
            mesh = body.mesh
            if body.moves:
                position, heading = next(poses)
                if not np.isfinite(position).all():
                    continue
                mesh = placed(mesh, position, heading)
            corners.append(mesh.corners)
            owner.append(np.full(len(mesh), k))
            place.append(np.arange(len(mesh)))
        self._corners = np.concatenate(corners).astype(float)
        self._owner, self._place = np.concatenate(owner), np.concatenate(place)

    def first_hit(self, origins_m, directions):
        directions = np.asarray(directions, float)
        origins = np.broadcast_to(np.asarray(origins_m, float), directions.shape)
        a, b, c = (self._corners[:, k] for k in range(3))
        best = np.full(len(directions), np.inf)
        which = np.zeros(len(directions), int)
        weights = np.zeros((len(directions), 2), np.float32)
        for k in range(len(a)):
            normal = np.cross(directions, c[k] - a[k])
            scale = normal @ (b[k] - a[k])
            with np.errstate(divide="ignore", invalid="ignore"):  # rays within the plane of the triangle
                away = origins - a[k]
                u = (away * normal).sum(1) / scale
                turned = np.cross(away, b[k] - a[k])
                v = (directions * turned).sum(1) / scale
                t = turned @ (c[k] - a[k]) / scale
                met = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-4) & (t < best)
            best[met], which[met] = t[met], k
            weights[met] = np.stack([u[met], v[met]], -1)
        hit = np.isfinite(best)
        return Hits(
            best.astype(np.float32),
            np.where(hit, self._owner[which], -1).astype(np.int32),
            self._place[which].astype(np.int32),
            weights,
        )

    def blocked(self, origins_m, directions, reach_m):
        return self.first_hit(origins_m, directions).distance_m < np.asarray(reach_m)


def track(number: int, kind: str, position: tuple[float, float], heading: float, speed: float) -> Track:
    known = vehicles.KINDS.get(kind)
    size = (known.length_m, known.width_m, known.height_m) if known else (0.6, 0.6, 1.75)
    one = np.ones(1)
    label = known.label if known else "person"
    return Track(number, kind, label, size, np.array([position]), heading * one, speed * one, 0 * one)


def made_up_drive(tracks: list[Track], time: str = "day") -> tuple[Drive, BruteForce]:
    ground = quads(
        [[(-60, -60, 0), (120, -60, 0), (120, 60, 0), (-60, 60, 0)]], Part.ASPHALT, (0.1, 0.1, 0.1)
    )
    markings = [Markings(half_width_m=50)]
    street = Street(
        "made up", {"ground": ground}, [], markings, np.zeros((0, 3)), np.array([0, 0, 5.0]), 0.0, -0.12, []
    )
    bodies = [Body("ground", ground, "concrete")]
    for k, one in enumerate(tracks):
        mesh = (
            person(np.random.default_rng(1))
            if one.label == "person"
            else vehicles.build(vehicles.KINDS[one.kind], (0.4, 0.1, 0.1), 5)
        )
        bodies.append(Body(f"mover {k}", mesh, "metal", moves=True))
    world = World(street, tracks, bodies, np.arange(len(bodies), dtype=np.int32))
    weather = draw_weather(time, False, 0.0, np.random.default_rng(1))
    settings = DriveSettings("made up", time, False, 1, steps=1, width=WIDTH, height=HEIGHT)
    camera = Camera(street.station_m, 0.0, street.pitch_rad, WIDTH, HEIGHT)
    drive = Drive(settings, world, weather, camera, (0, 0), np.zeros((2, 1, 2)))
    tracer = BruteForce(bodies)
    world.pose(tracer, 0)
    return drive, tracer


@pytest.fixture(scope="module")
def one_car():
    drive, tracer = made_up_drive([track(1, "saloon", (24.0, 3.0), np.pi, 9.0)])
    return drive, tracer, step.Senses(drive, tracer)


def test_depth_of_the_ground_is_that_of_a_plane(one_car):
    drive, _, senses = one_car
    surface, depth = senses._centres()
    ground = (surface.label == CLASSES.index("road")).reshape(HEIGHT, WIDTH)
    rays = drive.camera.directions().reshape(HEIGHT, WIDTH, 3)
    expected = -5.0 / rays[..., 2] * (rays @ drive.camera.axes[2])
    assert ground.any()
    assert depth[ground] == pytest.approx(expected[ground], rel=1e-4)


def test_the_mask_of_a_car_surrounds_its_projected_middle(one_car):
    drive, _, senses = one_car
    surface, _ = senses._centres()
    instances = surface.instance.reshape(HEIGHT, WIDTH)
    place, _ = drive.camera.project(np.array([24.0, 3.0, 0.7]))
    assert instances[int(place[1]), int(place[0])] == 1
    rows, columns = np.nonzero(instances)
    assert columns.mean() == pytest.approx(place[0], abs=1.5)
    assert rows.mean() == pytest.approx(place[1], abs=1.5)


def test_lidar_points_lie_on_the_depth_image(one_car):
    """Points seen by both project to pixels of their own depth; edges, a pixel wide, are left out."""
    drive, _, senses = one_car
    _, depth = senses._centres()
    points = senses._points(np.random.default_rng(1))
    place, away = drive.camera.project(points[:, :3] + drive.street.station_m)
    inside = (away > 1) & (place >= 1).all(-1) & (place < (WIDTH - 1, HEIGHT - 1)).all(-1)
    x, y = place[inside].astype(int).T
    low, high = (
        extreme([depth[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)], axis=0)
        for extreme in (np.min, np.max)
    )
    fits = (away[inside] > low - 0.15) & (away[inside] < high + 0.15)
    assert fits.mean() > 0.995


def test_radar_sees_the_car_where_it_is_and_as_fast_as_it_is(one_car):
    from semisac_ml.data.scenes.radar import RadarSettings

    drive, tracer, senses = one_car
    beat = senses._beat(np.random.default_rng(1)).astype(float)
    cube = beat[..., 0] + 1j * beat[..., 1]
    settings = RadarSettings()
    window = np.outer(np.hanning(settings.samples), np.hanning(settings.chirps))
    power = (np.abs(np.fft.fftshift(np.fft.fft2(cube * window, axes=(1, 2)), axes=2)) ** 2).sum(0)
    rate = (np.arange(settings.chirps) - settings.chirps // 2) * settings.doppler_bin_mps
    power[:, np.abs(rate) < 2] = 0
    n, m = np.unravel_index(power.argmax(), power.shape)
    (target,) = truth.targets(drive, tracer, 0, np.ones((1, 1), int))
    assert n * settings.range_bin_m == pytest.approx(target["distance_m"], abs=2.6)  # half the car's length
    assert rate[m] == pytest.approx(target["radial_velocity_mps"], abs=settings.doppler_bin_mps)


def test_truth_of_a_target_is_its_geometry(one_car):
    drive, tracer, _ = one_car
    (target,) = truth.targets(drive, tracer, 0, np.zeros((1, 1), int))
    away = np.array([24.0, 3.0, vehicles.KINDS["saloon"].height_m / 2 - 5.0])
    assert target["distance_m"] == pytest.approx(np.linalg.norm(away), abs=1e-3)
    assert target["azimuth_deg"] == pytest.approx(np.degrees(np.arctan2(3, 24)), abs=1e-3)
    assert target["radial_velocity_mps"] == pytest.approx(-9.0 * 24 / np.linalg.norm(away), abs=1e-3)
    assert target["box_px"] is None
    assert not target["blocked"]


@pytest.mark.parametrize(("beside_m", "blocked"), [(0.0, True), (9.0, False)])
def test_a_car_behind_a_bus_is_blocked(beside_m, blocked):
    drive, tracer = made_up_drive(
        [track(1, "saloon", (40.0, beside_m), 0.0, 0.0), track(2, "bus", (30.0, 0.0), 0.0, 0.0)]
    )
    found = {t["kind"]: t["blocked"] for t in truth.targets(drive, tracer, 0, np.zeros((1, 1), int))}
    assert found == {"saloon": blocked, "bus": False}


def test_thermal_contrast_survives_the_night_and_that_of_colour_does_not():
    kelvin, light = {}, {}
    for time in ("day", "night"):
        drive, tracer = made_up_drive([track(1, "person", (9.0, 0.5), 0.0, 1.0)], time)
        senses = step.Senses(drive, tracer)
        surface, _ = senses._centres()
        body = surface.instance.reshape(HEIGHT, WIDTH) > 0
        road = (surface.label == CLASSES.index("road")).reshape(HEIGHT, WIDTH)
        picture, (low, high) = senses._thermal(surface, 0, np.random.default_rng(1))
        warm = low + (high - low) * picture / 255.0
        kelvin[time] = warm[body].mean() - warm[road].mean()
        renderer = shading.Renderer(drive.world, tracer, drive.camera, drive.weather)
        seen = renderer.render(np.random.default_rng(1)).radiance.mean(axis=-1)
        light[time] = abs(seen[body].mean() - seen[road].mean())
    assert kelvin["night"] > 30 * thermal.NETD_K
    assert light["night"] < 0.01 * light["day"]  # what is left drowns in the sensor's noise


def test_the_sun_casts_a_shadow():
    """Sunlit asphalt is brighter than that under the car's shadow, by more than the sky gives."""
    drive, tracer = made_up_drive([track(1, "bus", (25.0, 2.0), 0.0, 0.0)])
    sun = np.array([0.2, 0.75, 0.63]) / np.linalg.norm([0.2, 0.75, 0.63])
    drive.weather = dataclasses.replace(drive.weather, sun=sun, sun_irradiance=np.full(3, 3.0))
    light = shading.Renderer(drive.world, tracer, drive.camera, drive.weather).render(
        np.random.default_rng(1)
    )
    surface, _ = step.Senses(drive, tracer)._centres()
    road = np.flatnonzero(surface.label == CLASSES.index("road"))
    ways = np.tile(drive.weather.sun, (len(road), 1))
    shadow = tracer.blocked(surface.position_m[road] + 2e-3 * surface.normal[road], ways, 1e3)
    assert shadow.sum() > 20
    grey = light.radiance.mean(axis=-1).ravel()[road]
    assert np.median(grey[~shadow]) > 1.5 * np.median(grey[shadow])
