# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up scene that needs no file: cars on a road, as a camera and a radar beside it see them.

Drawn by the geometry that the street's camera has, so that a target's place in the picture, its size, its
distance and azimuth fit each other. Networks that are shown `sample_scene` are trained on `training_scene` or
on other data.
"""

from __future__ import annotations

import numpy as np

from semisac_ml.data.scenes.camera import Camera

from .samples import STREET_BROADSIDE_RAD, TEST, TargetSet, parts_of_drives

SIDE = 256
HEIGHT_M, PITCH_RAD, FIELD_OF_VIEW_DEG = 4.0, -0.12, 50.0
CAR_M = (1.9, 1.5)
"""Width and height."""
LANES_M = (-5.0, -1.5, 1.5, 5.0)
WANDER_M = 0.8
"""How far a car may be from the middle of its lane."""
SPEEDS_MPS = (6.0, 16.0)
"""Of cars, towards the camera in every other lane."""
NEAREST_M, FARTHEST_M = 12.0, 70.0
INTERVAL_S = 0.2
COLOURS = ((200, 40, 40), (40, 80, 200), (230, 200, 60), (240, 240, 240))
SKY, GROUND, ROAD, WINDOW = (150, 180, 210), (90, 120, 80), (95, 95, 100), (30, 35, 45)


def sample_scene(frames: int = 96) -> TargetSet:
    """Cars one after the other, each for as many frames as it needs to pass; all are to be shown."""
    drives = _drives(frames, np.random.default_rng(0))
    return _scene(drives, np.full(frames, TEST))


def training_scene(frames: int = 2000, seed: int = 1) -> TargetSet:
    """Other cars on the same road, in three parts. Raises DataError for frames of fewer than three cars."""
    drives = _drives(frames, np.random.default_rng(seed))
    cars = drives[-1].tolist()
    parts = parts_of_drives(cars)
    return _scene(drives, np.array([parts[car] for car in cars]))


def _scene(drives: tuple[np.ndarray, ...], part: np.ndarray) -> TargetSet:
    """Frames of 256 x 256 pixels."""
    camera = Camera(np.array([0.0, 0.0, HEIGHT_M]), np.pi / 2, PITCH_RAD, SIDE, SIDE, FIELD_OF_VIEW_DEG)
    across, along, speed, car = drives
    frames = len(car)
    distance = np.hypot(np.hypot(across, along), HEIGHT_M - CAR_M[1] / 2)
    boxes = np.stack([_box(camera, x, y) for x, y in zip(across, along, strict=True)])
    background = _background(camera)

    def mask(row: int) -> np.ndarray:
        inside = np.zeros((SIDE, SIDE), bool)
        inside[_part(boxes[row], 0.0, 0.0, 1.0, 1.0)] = True
        return inside

    def frame(number: int) -> np.ndarray:
        picture = background.copy()
        picture[mask(number)] = COLOURS[(car[number] + car[number] // len(LANES_M)) % len(COLOURS)]
        picture[_part(boxes[number], 0.15, 0.15, 0.85, 0.45)] = WINDOW
        return picture

    return TargetSet(
        name="a made-up road",
        distance_m=distance,
        azimuth_rad=np.arctan2(-across, along),
        velocity_mps=speed * along / distance,
        box_px=boxes,
        frame=np.arange(frames),
        time_s=INTERVAL_S * np.arange(frames),
        target=car,
        group=car,
        part=part,
        broadside_rad=np.full(frames, STREET_BROADSIDE_RAD),
        read_frame=frame,
        read_mask=mask,
        read_camera=lambda row: camera,
    )


def _drives(frames: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Place across and along the road in metres, speed towards the camera and number of the car, a frame."""
    rows: list[tuple[float, float, float, int]] = []
    car = 0
    while len(rows) < frames:
        lane = car % len(LANES_M)
        across = LANES_M[lane] + rng.uniform(-WANDER_M, WANDER_M)
        speed = rng.uniform(*SPEEDS_MPS) * (-1.0) ** lane
        start = rng.uniform(0.0, abs(speed) * INTERVAL_S)
        along = FARTHEST_M - start if speed > 0 else NEAREST_M + start
        while NEAREST_M <= along <= FARTHEST_M:
            rows.append((across, along, speed, car))
            along -= speed * INTERVAL_S
        car += 1
    across, along, speed, number = zip(*rows[:frames], strict=True)
    return np.array(across), np.array(along), np.array(speed), np.array(number)


def _box(camera: Camera, across: float, along: float) -> np.ndarray:
    """Left, top, width, height in pixels of a car's front."""
    width, height = CAR_M
    corners = np.array([[across + side * width / 2, along, z] for side in (-1, 1) for z in (0.0, height)])
    seen, _ = camera.project(corners)
    low, high = seen.min(axis=0), seen.max(axis=0)
    return np.concatenate([low, high - low])


def _part(box: np.ndarray, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    """Pixels of a part of a box, whose sides are told in those of the box."""
    x, y, width, height = box
    rows, columns = ((y + top * height, y + bottom * height), (x + left * width, x + right * width))
    return tuple(slice(*(max(round(end), 0) for end in ends)) for ends in (rows, columns))


def _background(camera: Camera) -> np.ndarray:
    """Sky, ground and the road."""
    rays = camera.directions().reshape(SIDE, SIDE, 3)
    below = rays[..., 2] < -1e-3
    across = np.where(below, rays[..., 0] * HEIGHT_M / np.maximum(-rays[..., 2], 1e-3), np.inf)
    picture = np.where(below[..., None], np.uint8(GROUND), np.uint8(SKY))
    picture[np.abs(across) < 7.5] = ROAD
    return picture
