# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a camera of the street sees of its vehicles along a drive, and the beams that point at each.

Boxes are those of an ideal detector: the pixels of each vehicle that the street's truth knows, parked ones
too, if there are enough. Who is who from frame to frame is not taken from there: boxes are joined to tracks
by where they are (:mod:`semisac_ml.signal.box_tracks`). Camera and array look the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semisac_ml.data.scenes.camera import Camera
from semisac_ml.data.scenes.reader import Moment
from semisac_ml.signal.beam_codebook import BeamCodebook
from semisac_ml.signal.box_tracks import BoxTracks

VEHICLES = ("car", "van", "bus", "truck")
LEAST_PIXELS = 6  # of a vehicle that is seen
CODEBOOK = BeamCodebook()


@dataclass(frozen=True)
class Sight:
    """One frame of a drive.

    track: of each vehicle that is seen, int64 [vehicles]. pattern: of the beams from the middle of its box,
    float64 [vehicles, beams]. pixels: of it, int64 [vehicles]. served: its place among these, -1 where it is
    not seen. true_beam: that points at it. power: received from it by each beam, linear, float64 [beams].
    """

    track: np.ndarray
    pattern: np.ndarray
    pixels: np.ndarray
    served: int
    true_beam: int
    power: np.ndarray


@dataclass(frozen=True, eq=False)
class SeenDrive:
    """A drive of a street. swapped: of the steps of all tracks, those from one vehicle to another."""

    layout: str
    light: str
    frames: tuple[Sight, ...]
    steps: int = 0
    swapped: int = 0

    @property
    def power(self) -> np.ndarray:
        """Power of all beams, linear, float64 [frames, beams]."""
        return np.array([one.power for one in self.frames])


def seen_drive(moments: Sequence[Moment], carrier: int = 1) -> SeenDrive | None:
    """What is seen along a drive in which the vehicle of a radio is served, the first or the second.

    None where that vehicle is not in front of the base station all the time.
    """
    tracks, frames, was = BoxTracks(), [], {}
    steps = swapped = 0
    for moment in moments:
        own = next((one for one in moment.targets if one["carrier"] == carrier), None)
        if own is None:
            return None
        truth = moment.arrays()
        labels = {one["instance"]: one["label"] for one in moment.targets}
        masks = {number: truth["instances"] == number for number in labels if labels[number] in VEHICLES}
        masks = {number: mask for number, mask in masks.items() if mask.sum() >= LEAST_PIXELS}
        boxes = np.array([box_of(mask) for mask in masks.values()]).reshape(-1, 4)
        number = tracks.step(boxes)
        for one, vehicle in zip(number.tolist(), masks, strict=True):
            steps, swapped = steps + (one in was), swapped + (was.get(one, vehicle) != vehicle)
            was[one] = vehicle
        true = CODEBOOK.pattern(*np.radians([own["azimuth_deg"], own["elevation_deg"]]))
        sight = Sight(
            track=number,
            pattern=CODEBOOK.pattern(*directions_rad(moment.drive["camera"], boxes)),
            pixels=np.array([mask.sum() for mask in masks.values()], np.int64),
            served=list(masks).index(own["instance"]) if own["instance"] in masks else -1,
            true_beam=int(true.argmax()),
            power=truth["powers"][carrier - 1],
        )
        frames.append(sight)
    drive = moments[0].drive
    return SeenDrive(drive["layout"], drive["time"], tuple(frames), steps, swapped)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that are set."""
    rows, columns = np.nonzero(mask)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def directions_rad(camera: dict[str, Any], boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth from the camera's heading, to which the array is parallel, and elevation, [boxes] each."""
    level = Camera(
        np.zeros(3),
        0.0,
        camera["pitch_rad"],
        camera["width"],
        camera["height"],
        camera["field_of_view_deg"],
    )
    middle = 0.5 * (boxes[:, :2] + boxes[:, 2:]) - (level.width / 2, level.height / 2)
    ways = np.column_stack([middle / level.focal_length_px, np.ones(len(middle))]) @ level.axes
    ahead, left, up = ways.T
    return np.arctan2(left, ahead), np.arctan2(up, np.hypot(ahead, left))
