# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of SIMAC's scenes: a frame, one target in it, and the target's distance, azimuth and closing speed.

Scenes are layouts of the ray-traced street, and real videos of fixed cameras. Parts for training, validation
and testing share no drive of the street and no vehicle and no frame of a video.

Departures from the paper, whose data set is made of pixels: Eq. (49) is the speed of a box in the picture,
but what Doppler tells is the speed towards the radar. It is what "velocity" means here; of videos it is the
slope of the distance over a window of about a second, for the boxes of two neighbouring frames jitter. In
videos, where metres are unknown, `metres_per_pixel` scales Eqs. (47) and (48); the array looks at the middle
of the picture's quadrant, not along its lower edge as Eq. (1) has it, where no array tells angles.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from semisac_ml.data import DataError, cdnet, tracks, virat
from semisac_ml.data.clip import Clip
from semisac_ml.data.scenes.camera import Camera
from semisac_ml.data.scenes.reader import Moment, SceneSet

STATES = ("distance", "angle", "velocity")
TRAIN, VALIDATION, TEST = 0, 1, 2
SHARES = (0.6, 0.2)
"""Of training and validation; the rest is for testing."""
HIGHWAY_METRES_PER_PIXEL = 0.3
VIDEO_REACH_M = 120.0
VIDEO_BROADSIDE_RAD = 0.75 * np.pi
STREET_BROADSIDE_RAD = 0.5 * np.pi
LEAST_VISIBLE_PIXELS = 40
FARTHEST_M = 120.0
WINDOW_S = 1.0
LEAST_TRACK = 5
MARGIN = 1.15
"""Side of a cut-out over the longer side of its box."""


@dataclass(frozen=True)
class TargetSet:
    """Samples of a scene, one a row.

    name: of the scene. distance_m, azimuth_rad, velocity_mps: float64 [samples]; azimuth from the array's
    broadside, velocity positive for what comes nearer. box_px: left, top, width, height, float64 [samples,
    4]. frame: which frame shows it, int64. time_s: float64. target: number of the vehicle, int64. group: what
    intervals are taken over, int64: the drive, or the vehicle of a video. part: TRAIN, VALIDATION or TEST.
    broadside_rad: angle of the array's broadside from its axis as Eq. (48) counts angles, float64 [samples].
    read_frame: frame -> uint8 [height, width, 3]. read_mask: sample -> bool [height, width], its pixels.
    read_camera: sample -> its camera; None where no camera is known, as of videos.
    scene: place of each sample's scene in `scenes`, int64, where several are joined.
    """

    name: str
    distance_m: np.ndarray
    azimuth_rad: np.ndarray
    velocity_mps: np.ndarray
    box_px: np.ndarray
    frame: np.ndarray
    time_s: np.ndarray
    target: np.ndarray
    group: np.ndarray
    part: np.ndarray
    broadside_rad: np.ndarray
    read_frame: Callable[[int], np.ndarray]
    read_mask: Callable[[int], np.ndarray]
    read_camera: Callable[[int], Camera] | None = None
    scenes: tuple[str, ...] = ()
    scene: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.distance_m)

    @property
    def states(self) -> np.ndarray:
        """Distance, azimuth and velocity, float64 [samples, 3]."""
        return np.stack([self.distance_m, self.azimuth_rad, self.velocity_mps], axis=1)

    def of(self, part: int) -> np.ndarray:
        """Indices of the samples of a part, int64."""
        return np.flatnonzero(self.part == part)

    def by_scene(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Places in `rows` of the samples of each scene, by its name."""
        if self.scene is None:
            return {self.name: np.arange(len(rows))}
        return {name: np.flatnonzero(self.scene[rows] == place) for place, name in enumerate(self.scenes)}


def joined(sets: Sequence[TargetSet]) -> TargetSet:
    """Several scenes as one: what is trained on all of them knows each."""
    if len(sets) == 1:
        return sets[0]
    first_row, first_frame, first_target, first_group = (
        np.concatenate([[0], np.cumsum(counts)])
        for counts in (
            [len(one) for one in sets],
            [one.frame.max() + 1 for one in sets],
            [one.target.max() + 1 for one in sets],
            [one.group.max() + 1 for one in sets],
        )
    )

    def read_frame(number: int) -> np.ndarray:
        place = int(np.searchsorted(first_frame, number, side="right")) - 1
        return sets[place].read_frame(number - int(first_frame[place]))

    def read_mask(row: int) -> np.ndarray:
        place = int(np.searchsorted(first_row, row, side="right")) - 1
        return sets[place].read_mask(row - int(first_row[place]))

    def all_of(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in sets])

    def numbered(name: str, first: np.ndarray) -> np.ndarray:
        return np.concatenate([getattr(one, name) + begin for one, begin in zip(sets, first, strict=False)])

    return TargetSet(
        name=" and ".join(one.name for one in sets),
        **{name: all_of(name) for name in ("distance_m", "azimuth_rad", "velocity_mps", "box_px", "time_s")},
        frame=numbered("frame", first_frame),
        target=numbered("target", first_target),
        group=numbered("group", first_group),
        part=all_of("part"),
        broadside_rad=all_of("broadside_rad"),
        read_frame=read_frame,
        read_mask=read_mask,
        scenes=tuple(one.name for one in sets),
        scene=np.repeat(np.arange(len(sets)), [len(one) for one in sets]),
    )


@dataclass(frozen=True)
class Limits:
    """What 0 and 1 stand for in normalised states: the least and the greatest of the training samples.

    The paper normalises, but does not say how; figures depend on it, so that those in metres, degrees and m/s
    stand beside them.
    """

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, samples: TargetSet, scene: str = "") -> Limits:
        """From the training part, of a scene if named; raises DataError if all its states are the same."""
        rows = samples.of(TRAIN)
        states = samples.states[rows[samples.by_scene(rows)[scene]] if scene else rows]
        if not len(states):
            raise DataError(f"{samples.name}: no sample is for training, expected one or more")
        low, high = states.min(axis=0), states.max(axis=0)
        if not (high > low).all():
            raise DataError(
                f"{samples.name}: all training samples have the same state, expected different ones"
            )
        return cls(low, high)

    def normalise(self, states: np.ndarray) -> np.ndarray:
        """States as numbers from 0 to 1, or beyond them where training saw none."""
        return (states - self.low) / (self.high - self.low)

    def in_units(self, normalised: np.ndarray) -> np.ndarray:
        """The other way round."""
        return self.low + normalised * (self.high - self.low)


def parts_of_drives(drives: Sequence[int]) -> dict[int, int]:
    """Part of each drive: of five, the fourth is for validation, the fifth for testing, and so on.

    Raises
    ------
    DataError
        If there are fewer than three.
    """
    ordered = sorted(set(drives))
    if len(ordered) < 3:
        raise DataError(f"there are {len(ordered)} drives, expected three or more: one for each part")
    if len(ordered) < 5:
        return {drive: min(place, TEST) for place, drive in enumerate(reversed(ordered))}
    turn = (TRAIN, TRAIN, TRAIN, VALIDATION, TEST)
    return {drive: turn[place % 5] for place, drive in enumerate(ordered)}


def street(
    folder: str | os.PathLike[str],
    layout: str,
    parts: dict[int, int] | None = None,
    least_visible_pixels: int = LEAST_VISIBLE_PIXELS,
    *,
    parked: bool = False,
) -> TargetSet:
    """Vehicles that can be seen in a layout of the ray-traced street.

    Parameters
    ----------
    folder : path
        Of `semisac data scenes`.
    layout : str
        Such as "canyon".
    parts : dict, optional
        Part of each drive; see :func:`parts_of_drives`.
    least_visible_pixels : int
        Of a target.
    parked : bool
        Whether vehicles that are parked are targets: they stand still and look alike in all of a drive.

    Raises
    ------
    DataError
        If the folder is no set of scenes, or has no such target.
    """
    scenes = SceneSet.open(folder)
    moments = [moment for moment in scenes if moment.drive["layout"] == layout]
    if not moments:
        known = ", ".join(sorted({drive["layout"] for drive in scenes.drives}))
        raise DataError(f"{folder}: layout is {layout!r}, expected one of {known}")
    parts = parts or parts_of_drives([moment.drive["sequence"] for moment in moments])
    rows = [
        (place, moment, target)
        for place, moment in enumerate(moments)
        for target in moment.targets
        if target["label"] == "car"
        and (parked or target["kind"] != "parked")
        and target["box_px"]
        and target["visible_pixels"] >= least_visible_pixels
        and target["distance_m"] <= FARTHEST_M
    ]
    if not rows:
        raise DataError(f"{folder}: layout {layout} shows no vehicle, expected one or more")
    drive = np.array([moment.drive["sequence"] for _, moment, _ in rows], dtype=np.int64)
    instance = [target["instance"] for _, _, target in rows]

    @lru_cache(maxsize=4)
    def instances(place: int) -> np.ndarray:
        return moments[place].arrays()["instances"]

    return TargetSet(
        name=f"street, {layout}",
        distance_m=np.array([target["distance_m"] for _, _, target in rows]),
        azimuth_rad=np.radians([target["azimuth_deg"] for _, _, target in rows]),
        velocity_mps=-np.array([target["radial_velocity_mps"] for _, _, target in rows]),
        box_px=np.array([target["box_px"] for _, _, target in rows], dtype=np.float64),
        frame=np.array([place for place, _, _ in rows], dtype=np.int64),
        time_s=np.array([moment.record["time_s"] for _, moment, _ in rows]),
        target=1000 * drive + instance,
        group=drive,
        part=np.array([parts[sequence] for sequence in drive.tolist()], dtype=np.int64),
        broadside_rad=np.full(len(rows), STREET_BROADSIDE_RAD),
        read_frame=lambda place: moments[place].image(),
        read_mask=lambda row: instances(rows[row][0]) == instance[row],
        read_camera=lambda row: _camera(rows[row][1]),
    )


def _camera(moment: Moment) -> Camera:
    stored = moment.drive["camera"]
    return Camera(
        np.array(stored["position_m"]),
        *(stored[name] for name in ("heading_rad", "pitch_rad", "width", "height", "field_of_view_deg")),
    )


def highway(root: str | os.PathLike[str] | None = None) -> TargetSet:
    """Vehicles of the video highway of CDnet; raises DataError if it is not there."""
    video = cdnet.load(root=root)
    return of_video(
        "highway",
        video.tracks(),
        video.size,
        cdnet.FRAME_RATE_HZ,
        video.frame,
        video.target,
        metres_per_pixel=HIGHWAY_METRES_PER_PIXEL,
    )


def clip_of_virat(
    clip: str,
    root: str | os.PathLike[str] | None = None,
    *,
    sampling_hz: float = virat.SAMPLING_HZ,
    metres_per_pixel: float | None = None,
) -> TargetSet:
    """Vehicles of a clip of VIRAT, the paper's data; parked ones are among them.

    Parameters
    ----------
    sampling_hz : float
        Frames a second that are taken, 1 in the paper.
    metres_per_pixel : float, optional
        By default such that the picture's diagonal is 120 m, which the radar reaches.

    Raises
    ------
    DataError
        If the clip is missing or damaged, or too short for three parts.
    """
    found = virat.load_targets(clip, root, sampling_hz=sampling_hz)
    video = Clip(virat.find_folder(root) / "videos_original" / f"{clip}.mp4")
    return of_video(
        clip,
        found.tracks,
        video.size,
        video.frame_rate_hz,
        found.read_frame,
        metres_per_pixel=metres_per_pixel or VIDEO_REACH_M / math.hypot(*video.size),
    )


def of_video(
    name: str,
    found: tracks.Tracks,
    size: tuple[int, int],
    frame_rate_hz: float,
    read_frame: Callable[[int], np.ndarray],
    read_mask: Callable[[int, np.ndarray], np.ndarray] | None = None,
    *,
    metres_per_pixel: float,
) -> TargetSet:
    """Samples of the tracks of a video.

    Tracks of fewer than five boxes are left out. The parts are cut out of the video one after the other, and
    no vehicle is in two of them.

    Parameters
    ----------
    found : Tracks
    size : (int, int)
        Height and width of the pictures.
    read_frame, read_mask : callable
        See semisac_ml.data.tracks.TargetSamples.

    Raises
    ------
    DataError
        If a part would be empty.
    """
    found = found.only(np.lexsort((found.track, found.frame)))
    part = _parts_of_video(found)
    long = np.bincount(found.track)[found.track] >= LEAST_TRACK
    distance_px, angle_rad = tracks.from_base_station(found.centre, size)
    velocity_px = np.zeros(len(found))
    for track in np.unique(found.track[long]):
        own = np.flatnonzero(found.track == track)
        velocity_px[own] = -_slopes(found.frame[own] / frame_rate_hz, distance_px[own])
    kept = np.flatnonzero(long & (part >= 0))
    for number, what in ((TRAIN, "training"), (VALIDATION, "validation"), (TEST, "testing")):
        if not (part[kept] == number).any():
            raise DataError(f"{name}: no vehicle is left for {what}, expected a longer video")
    box = found.box[kept]

    def mask(row: int) -> np.ndarray:
        if read_mask is None:
            return tracks.inside_box(box[row], size)
        return read_mask(int(found.frame[kept[row]]), box[row])

    return TargetSet(
        name=name,
        distance_m=metres_per_pixel * distance_px[kept],
        azimuth_rad=angle_rad[kept] - VIDEO_BROADSIDE_RAD,
        velocity_mps=metres_per_pixel * velocity_px[kept],
        box_px=box,
        frame=found.frame[kept],
        time_s=found.frame[kept] / frame_rate_hz,
        target=found.track[kept],
        group=found.track[kept],
        part=part[kept],
        broadside_rad=np.full(len(kept), VIDEO_BROADSIDE_RAD),
        read_frame=read_frame,
        read_mask=mask,
    )


def _parts_of_video(found: tracks.Tracks) -> np.ndarray:
    """Part of each box, the video cut in three one after the other.

    A vehicle belongs to the part that sees most of it; -1 for its boxes in another one.
    """
    edges = np.quantile(found.frame, np.cumsum(SHARES))
    part = np.searchsorted(edges, found.frame, side="right")
    for track in np.unique(found.track):
        own = found.track == track
        seen = np.bincount(part[own])
        part[own & (part != seen.argmax())] = -1
    return part


def _slopes(time_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Slope of a straight line through the values within half a window of each."""
    slopes = np.empty(len(values))
    for place, now in enumerate(time_s):
        near = np.abs(time_s - now) <= WINDOW_S / 2
        if near.sum() < 3:
            near = np.argsort(np.abs(time_s - now), kind="stable")[:3]
        slopes[place] = np.polyfit(time_s[near] - now, values[near], 1)[0]
    return slopes


def _square(box_px: np.ndarray) -> tuple[float, float, float]:
    """Middle and half the side of what is cut out."""
    left, top, width, height = (float(value) for value in box_px)
    return left + width / 2, top + height / 2, MARGIN * max(width, height, 1.0) / 2


def part_of_frame(box_px: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What is cut out, in sides of the frame: middle x and y, half its width and height, float64 [4]."""
    x, y, half = _square(box_px)
    height, width = size
    return np.array([x / width, y / height, half / width, half / height])


def cut_out(frame: np.ndarray, mask: np.ndarray, box_px: np.ndarray, pixels: int) -> np.ndarray:
    """The target alone, black around it, in a square picture, uint8 [pixels, pixels, 3].

    Parameters
    ----------
    frame : ndarray, uint8 [height, width, 3]
    mask : ndarray, bool [height, width]
    box_px : ndarray [4]
        Left, top, width, height.
    """
    x, y, half = _square(box_px)
    corners = (x - half, y - half, x + half, y + half)
    alone = Image.fromarray(np.where(mask[..., None], frame, np.uint8(0)))
    # what lies outside of the frame is black: a frame around it, as wide as the cut-out may reach
    edge = int(np.ceil(2 * half)) + 1
    wide = Image.new("RGB", (alone.width + 2 * edge, alone.height + 2 * edge))
    wide.paste(alone, (edge, edge))
    box = tuple(corner + edge for corner in corners)
    return np.asarray(wide.resize((pixels, pixels), Image.Resampling.BILINEAR, box=box))


def shrunk(frame: np.ndarray, pixels: int) -> np.ndarray:
    """A frame as a square, uint8 [pixels, pixels, 3]; its sides are scaled each for itself."""
    return np.asarray(Image.fromarray(frame).resize((pixels, pixels), Image.Resampling.BILINEAR))
