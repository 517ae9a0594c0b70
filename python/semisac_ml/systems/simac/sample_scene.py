# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up scene that needs no file: cars on a road, as a camera and a radar beside it see them.

Drawn by the geometry that the street's camera has, so that a target's place in the picture, its size, its
distance and azimuth fit each other. All of it is for testing: nobody trained on it.
"""

from __future__ import annotations

import numpy as np

from semisac_ml.data.scenes.camera import Camera

from .samples import STREET_BROADSIDE_RAD, TEST, TargetSet

SIDE = 256
HEIGHT_M, PITCH_RAD, FIELD_OF_VIEW_DEG = 4.0, -0.12, 50.0
CAR_M = (1.9, 1.5)
"""Width and height."""
LANES_M = (-5.0, -1.5, 1.5, 5.0)
SPEEDS_MPS = (9.0, -12.0, 15.0, -7.0)
"""Towards the camera, of the cars in these lanes."""
NEAREST_M, FARTHEST_M = 12.0, 70.0
INTERVAL_S = 0.2
COLOURS = ((200, 40, 40), (40, 80, 200), (230, 200, 60), (240, 240, 240))
SKY, GROUND, ROAD, WINDOW = (150, 180, 210), (90, 120, 80), (95, 95, 100), (30, 35, 45)


def sample_scene(frames: int = 96) -> TargetSet:
    """Cars one after the other, each for as many frames as it needs to pass, uint8 [256, 256, 3] each."""
    camera = Camera(np.array([0.0, 0.0, HEIGHT_M]), np.pi / 2, PITCH_RAD, SIDE, SIDE, FIELD_OF_VIEW_DEG)
    across, along, speed, car = _drives(frames)
    distance = np.hypot(np.hypot(across, along), HEIGHT_M - CAR_M[1] / 2)
    boxes = np.stack([_box(camera, x, y) for x, y in zip(across, along, strict=True)])
    background = _background(camera)

    def mask(row: int) -> np.ndarray:
        inside = np.zeros((SIDE, SIDE), bool)
        inside[_part(boxes[row], 0.0, 0.0, 1.0, 1.0)] = True
        return inside

    def frame(number: int) -> np.ndarray:
        picture = background.copy()
        picture[mask(number)] = COLOURS[car[number] % len(COLOURS)]
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
        part=np.full(frames, TEST),
        broadside_rad=STREET_BROADSIDE_RAD,
        read_frame=frame,
        read_mask=mask,
        read_camera=lambda row: camera,
    )


def _drives(frames: int) -> tuple[np.ndarray, ...]:
    """Place across and along the road in metres, speed towards the camera and number of the car, a frame."""
    rows: list[tuple[float, float, float, int]] = []
    car = 0
    while len(rows) < frames:
        across, speed = LANES_M[car % len(LANES_M)], SPEEDS_MPS[car % len(LANES_M)]
        along = FARTHEST_M if speed > 0 else NEAREST_M
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
