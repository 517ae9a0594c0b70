# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Meshes, layouts, traffic and drives."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.data.scenes import drive, layouts, vehicles
from semisac_ml.data.scenes.furniture import cyclist, person
from semisac_ml.data.scenes.geometry import Part, ball, box, placed, smooth, tube
from semisac_ml.data.scenes.noise import fractal_noise, hashed
from semisac_ml.data.scenes.routes import route
from semisac_ml.data.scenes.traffic import simulate

STREETS = {name: layouts.build_street(name, 11) for name in layouts.LAYOUTS}


def area(mesh) -> float:
    edges = mesh.corners[:, 1:] - mesh.corners[:, :1]
    return float(np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2)


def test_a_box_has_the_area_of_its_faces():
    assert area(box((0, 0, 0), (2, 3, 4), Part.PAINT, (1, 1, 1))) == pytest.approx(2 * (8 + 12) + 6)


def test_a_tube_and_a_ball_come_near_their_ideals():
    assert area(tube((0, 0, 0), (0, 0, 2), 0.5, Part.STEEL, (1, 1, 1), 40)) == pytest.approx(
        2 * np.pi, rel=0.01
    )
    assert area(ball((0, 0, 0), (1, 1, 1), Part.SKIN, (1, 1, 1), rings=24)) == pytest.approx(
        4 * np.pi, rel=0.02
    )


def test_smooth_normals_keep_creases():
    cube = smooth(box((0, 0, 0), (1, 1, 1), Part.PAINT, (1, 1, 1)), 42)
    edges = cube.corners[:, 1:] - cube.corners[:, :1]
    flat = np.cross(edges[:, 0], edges[:, 1])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    assert cube.normals == pytest.approx(np.repeat(flat[:, None], 3, 1), abs=1e-6)


def test_placing_keeps_shape_and_turns_normals():
    mesh = vehicles.build(vehicles.KINDS["saloon"], (0.5, 0.5, 0.5), 1)
    moved = placed(mesh, (10.0, -4.0, 0.0), np.pi / 2)
    assert area(moved) == pytest.approx(area(mesh), rel=1e-4)
    assert moved.normals[:, :, 1] == pytest.approx(mesh.normals[:, :, 0], abs=1e-5)


@pytest.mark.parametrize("name", vehicles.KINDS)
def test_vehicles_have_the_size_of_their_kind(name):
    kind = vehicles.KINDS[name]
    points = vehicles.build(kind, (0.3, 0.3, 0.3), 7).corners.reshape(-1, 3)
    size = points.max(axis=0) - points.min(axis=0)
    assert size[0] == pytest.approx(kind.length_m, abs=0.15)
    assert kind.width_m <= size[1] <= kind.width_m + 0.36  # mirrors
    assert size[2] == pytest.approx(kind.height_m, abs=0.12)
    assert points[:, 2].min() > -0.08


@pytest.mark.parametrize("build", [person, cyclist])
def test_people_stand_on_the_ground(build):
    points = build(np.random.default_rng(3)).corners.reshape(-1, 3)
    assert abs(points[:, 2].min()) < 0.06
    assert 1.4 < points[:, 2].max() < 2.1


def test_there_are_layouts_to_learn_from_and_others_to_test_on():
    held_out = [name for name, kind in layouts.LAYOUTS.items() if kind.held_out]
    assert len(layouts.LAYOUTS) - len(held_out) >= 3
    assert held_out


def test_unknown_layout_is_one_clear_error():
    with pytest.raises(ValueError, match="layout is 'motorway', expected one of canyon"):
        layouts.build_street("motorway", 1)


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_a_street_is_the_same_for_the_same_seed_and_another_for_another(name):
    again, other = layouts.build_street(name, 11), layouts.build_street(name, 12)
    mine = STREETS[name].solids["houses"]
    assert np.array_equal(mine.corners, again.solids["houses"].corners)
    assert np.array_equal(STREETS[name].station_m, again.station_m)
    assert not np.array_equal(mine.colour[:50], other.solids["houses"].colour[:50])


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_vehicles_keep_to_asphalt_and_apart(name):
    """Nobody drives into another: centres of vehicles stay a half length apart, in 8 s of traffic."""
    tracks = simulate(STREETS[name], 80, 0.1, 5)
    driving = [t for t in tracks if t.label in ("car", "van", "bus", "truck")]
    assert driving
    for k, one in enumerate(driving):
        for other in driving[k + 1 :]:
            both = one.present & other.present
            apart = np.hypot(*(one.position_m[both] - other.position_m[both]).T)
            alike = np.cos(one.heading_rad[both] - other.heading_rad[both]) > 0.9
            way = np.stack([np.cos(one.heading_rad[both]), np.sin(one.heading_rad[both])], -1)
            from_other = one.position_m[both] - other.position_m[both]
            aside = np.abs(way[:, 0] * from_other[:, 1] - way[:, 1] * from_other[:, 0])
            same_lane = alike & (aside < 1.2)
            assert (apart[same_lane] > 0.5 * (one.size_m[0] + other.size_m[0]) - 0.5).all()


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_speed_is_the_way_covered_in_time(name):
    for track in simulate(STREETS[name], 40, 0.1, 6):
        way = np.linalg.norm(np.diff(track.position_m, axis=0), axis=1) / 0.1
        speed = (track.speed_mps[1:] + track.speed_mps[:-1]) / 2
        known = np.isfinite(way) & np.isfinite(speed)
        assert np.abs(way - speed)[known].max(initial=0) < 1.0
        assert np.nanmax(track.speed_mps) < 20.0


@pytest.mark.slow
def test_red_lights_stop_traffic_at_the_crossroads():
    tracks = simulate(STREETS["junction"], 200, 0.1, 3)
    waiting = [
        t for t in tracks if t.label != "person" and (np.nan_to_num(t.speed_mps, nan=9.0) < 0.2).sum() > 20
    ]
    moving = [t for t in tracks if t.label != "person" and np.nanmax(t.speed_mps) > 5]
    assert waiting
    assert moving


def test_bends_are_taken_slowly():
    bent = route([(0, 0), (50, 0), (50, 50)], 12.0, 8.0)
    assert bent.bend_speed_mps(5.0) == pytest.approx(12.0)
    assert bent.bend_speed_mps(45.0) < 5.0


@pytest.mark.slow
@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_a_drive_keeps_its_first_carrier_in_view(name):
    made = drive.prepare(drive.DriveSettings(name, "day", False, 21, steps=10))
    track = made.world.tracks[made.carriers[0]]
    assert drive.in_view(made.street, track).mean() > 0.8
    assert made.carriers[0] != made.carriers[1]


def test_a_drive_is_the_same_for_the_same_seed():
    settings = drive.DriveSettings("bend", "night", True, 4, steps=8)
    one, other = drive.prepare(settings), drive.prepare(settings)
    assert one.carriers == other.carriers
    assert np.array_equal(one.position_errors_m, other.position_errors_m)
    for a, b in zip(one.world.bodies, other.world.bodies, strict=True):
        assert np.array_equal(a.mesh.corners, b.mesh.corners)


def test_noise_depends_on_place_and_seed_only():
    places = np.random.default_rng(1).uniform(-50, 50, (1000, 2))
    assert np.array_equal(fractal_noise(places, 3), fractal_noise(places, 3))
    values = hashed(np.arange(100_000), 5)
    assert values.mean() == pytest.approx(0.5, abs=0.005)
    assert values.std() == pytest.approx(12**-0.5, rel=0.01)
