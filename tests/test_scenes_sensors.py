# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Thermal camera, LiDAR, camera geometry and GPS on made-up surfaces."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from semisac_ml.data.scenes import lidar, thermal
from semisac_ml.data.scenes.camera import Camera, photograph
from semisac_ml.data.scenes.geometry import Part
from semisac_ml.data.scenes.light import draw_weather
from semisac_ml.data.scenes.positioning import degrees, position_errors_m


@pytest.fixture
def night():
    return draw_weather("night", False, 0.0, np.random.default_rng(1))


def thermal_scene(parts: list[int], warmth: float = 0.0, **changes) -> thermal.ThermalScene:
    n = len(parts)
    up = np.tile([0.0, 0.0, 1.0], (n, 1))
    scene = thermal.ThermalScene(
        np.array(parts),
        up,
        np.zeros((n, 3)),
        np.full(n, 10.0),
        np.zeros(n, int),
        np.zeros(n, bool),
        np.full(n, warmth),
        np.zeros((n, 2)),
        np.full(n, 0.5),
    )
    return dataclasses.replace(scene, **changes)


def test_a_black_body_close_by_has_its_own_temperature(night):
    """Skin radiates nearly as a black body: what little it mirrors is colder than it."""
    scene = thermal_scene([Part.SKIN], distance_m=np.array([0.0]))
    own = thermal.SKIN_K + 0.25 * (night.air_k - 293.0)
    assert own - 1.5 < thermal.temperatures_k(scene, night)[0] < own


def test_warm_things_stand_out_at_night(night):
    kelvin = thermal.temperatures_k(thermal_scene([Part.SKIN, Part.CLOTHES, Part.ASPHALT, -1]), night)
    assert kelvin[0] > kelvin[1] > kelvin[2] + 2 > kelvin[3] + 2


def test_an_engine_warms_the_bonnet_and_tyres(night):
    cold, warm = (
        thermal.temperatures_k(thermal_scene([Part.BONNET, Part.TYRE], w), night) for w in (0.0, 1.0)
    )
    assert (warm - cold > 8).all()


def test_air_takes_contrast_with_distance(night):
    near, far = (
        thermal.temperatures_k(thermal_scene([Part.SKIN], distance_m=np.array([d])), night)[0]
        for d in (5.0, 500.0)
    )
    assert night.air_k < far < near


def test_noise_of_the_thermal_camera(night):
    flat = np.full((240, 320), 290.0)
    image, (low, high) = thermal.thermal_image(flat, np.random.default_rng(1))
    kelvin = low + image / 255 * (high - low)
    inner = kelvin[(image > 0) & (image < 255)]
    expected = np.hypot(thermal.NETD_K, thermal.FIXED_PATTERN_K)
    # 2 % are clipped below; a least range of 6 K makes steps of 24 mK
    assert inner.std() == pytest.approx(expected, rel=0.12)


def test_lidar_points_lie_on_their_rays(night):
    settings = lidar.LidarSettings()
    ways = lidar.ray_directions(settings)
    assert np.linalg.norm(ways, axis=1) == pytest.approx(1.0)
    points = lidar.points_from_ranges(
        ways,
        np.full(len(ways), 15.0),
        np.full(len(ways), 0.9),
        np.ones(len(ways)),
        night,
        settings,
        np.random.default_rng(1),
    )
    away = np.linalg.norm(points[:, :3], axis=1)
    assert len(points) > 0.95 * len(ways)
    assert away.mean() == pytest.approx(15.0, abs=0.001)
    assert away.std() == pytest.approx(settings.range_noise_m, rel=0.05)


def test_weak_and_far_echoes_are_lost(night):
    settings = lidar.LidarSettings()
    ways = lidar.ray_directions(settings)

    def count(range_m: float, reflectance: float) -> int:
        rng = np.random.default_rng(1)
        n = len(ways)
        found = lidar.points_from_ranges(
            ways, np.full(n, range_m), np.full(n, reflectance), np.ones(n), night, settings, rng
        )
        return len(found)

    assert count(15, 0.05) > count(80, 0.05) > count(80, 0.01)
    assert count(np.inf, 0.5) == count(settings.reach_m + 1, 0.5) == 0


def test_rain_is_seen_by_the_lidar(night):
    rain = draw_weather("night", True, 0.0, np.random.default_rng(1))
    ways = lidar.ray_directions(lidar.LidarSettings())
    nothing = np.full(len(ways), np.inf)
    drops = lidar.points_from_ranges(
        ways, nothing, nothing, nothing, rain, lidar.LidarSettings(), np.random.default_rng(1)
    )
    assert 4e-4 * rain.rain_mm_h * len(ways) == pytest.approx(len(drops), rel=0.5)


def test_a_camera_projects_its_own_rays_back_onto_the_pixels():
    camera = Camera(np.array([3.0, -2.0, 6.0]), 0.7, -0.15, 32, 24)
    rays = camera.directions()
    place, depth = camera.project(camera.position_m + 20.0 * rays)
    y, x = np.divmod(np.arange(32 * 24), 32)
    assert place == pytest.approx(np.stack([x, y], -1) + 0.5, abs=1e-4)
    assert (depth <= 20.0 + 1e-5).all()


def test_field_of_view_is_between_the_outermost_edges():
    camera = Camera(np.zeros(3), 0.0, 0.0, 320, 240)
    left, right = camera.directions((0.0, 0.0))[0], camera.directions((1.0, 0.0))[319]
    level = [np.arctan2(ray[1], ray[0]) for ray in (left, right)]
    assert np.degrees(level[0] - level[1]) == pytest.approx(camera.field_of_view_deg, abs=1e-3)


def test_photographs_brighten_with_the_light_and_are_noisier_at_night():
    ramp = np.repeat(np.linspace(0.01, 1.0, 64), 64).reshape(64, 64)[..., None] * np.ones(3)
    noise = {}
    for time, scale in (("day", 1.0), ("night", 0.01)):
        weather = draw_weather(time, False, 0.0, np.random.default_rng(1))
        image = photograph(scale * ramp, 0 * ramp, weather, np.random.default_rng(2)).astype(float)
        rows = image.mean(axis=(1, 2))
        assert np.corrcoef(rows, np.arange(64))[0, 1] > 0.9
        noise[time] = image[:20].std(axis=1).mean()
    assert noise["night"] > 1.5 * noise["day"]


def test_position_errors_have_the_stated_size():
    """1.3 m an axis, rms, of 400 drives: 5 % is more than three standard errors."""
    errors = np.stack([position_errors_m(30, 0.1, np.random.default_rng(k)) for k in range(400)])
    assert np.sqrt((errors**2).mean()) == pytest.approx(np.sqrt(1.1**2 + 0.7**2 + 0.12**2), rel=0.08)
    assert np.abs(np.diff(errors, axis=1)).max() < 1.5


def test_degrees_of_a_place_nearby():
    from semisac_ml.data.deepsense6g.sensors import east_north_m

    place, origin = np.array([[120.0, -45.0]]), (52.0, 5.0)
    assert east_north_m(degrees(place, origin), np.array(origin)) == pytest.approx(place, abs=1e-3)
