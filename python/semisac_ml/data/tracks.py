# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From boxes of things that move to the samples of SIMAC: a frame, its target, and how that moves.

Masks of what moves become boxes by connected components, boxes become tracks by their overlap with where the
track was heading, and tracks become samples by Eqs. (47) to (49) of the SIMAC paper: distance and angle from
a base station in the lower right corner of the picture, velocity from one frame to the next. The paper
measures in pixels and puts them into the echo as if they were metres: `metres_per_pixel` says what one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from semisac_ml.signal.simo_echo import EchoSettings, simo_echo

from . import DataError

LEAST_OVERLAP = 0.1
LEAST_PIXELS = 60


@dataclass(frozen=True)
class Tracks:
    """Boxes that belong together over time, one row a box, by frame and then by track.

    frame: number of the frame, int64 [boxes].
    track: number of the track, int64 [boxes].
    box: left, top, width, height in pixels, float64 [boxes, 4].
    """

    frame: np.ndarray
    track: np.ndarray
    box: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def centre(self) -> np.ndarray:
        """Middle of each box, x and y in pixels, float64 [boxes, 2]."""
        return self.box[:, :2] + self.box[:, 2:] / 2

    def only(self, chosen: np.ndarray) -> Tracks:
        """Boxes by a mask or by indices."""
        return Tracks(self.frame[chosen], self.track[chosen], self.box[chosen])


@dataclass(frozen=True)
class TargetSample:
    """One sample of SIMAC.

    frame: the picture, uint8 [height, width, 3], RGB.
    target: the same with everything black but the target, uint8 [height, width, 3].
    distance_m, angle_rad, velocity_mps: Eqs. (47) to (49).
    echo: Eq. (1) without noise, complex64 [antennas, samples].
    """

    frame: np.ndarray
    target: np.ndarray
    distance_m: float
    angle_rad: float
    velocity_mps: float
    echo: np.ndarray


@dataclass(frozen=True)
class TargetSamples:
    """Samples of one video, of which pictures and echoes are made when a sample is asked for.

    name: of the video.
    tracks: frame, track and box of each sample.
    distance_m, angle_rad, velocity_mps: float64 [samples].
    read_frame: frame number -> uint8 [height, width, 3].
    read_mask: frame number and box -> bool [height, width], the pixels of the target; None where only boxes
        are known: then the box is the target.
    echo: settings of the radar.
    """

    name: str
    tracks: Tracks
    distance_m: np.ndarray
    angle_rad: np.ndarray
    velocity_mps: np.ndarray
    read_frame: Callable[[int], np.ndarray]
    read_mask: Callable[[int, np.ndarray], np.ndarray] | None = None
    echo: EchoSettings = field(default_factory=EchoSettings)

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, index: int) -> TargetSample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        number, box = int(self.tracks.frame[index]), self.tracks.box[index]
        frame = self.read_frame(number)
        shown = self.read_mask(number, box) if self.read_mask else inside_box(box, frame.shape[:2])
        state = [float(values[index]) for values in (self.distance_m, self.angle_rad, self.velocity_mps)]
        return TargetSample(
            frame=frame,
            target=np.where(shown[..., None], frame, np.uint8(0)),
            distance_m=state[0],
            angle_rad=state[1],
            velocity_mps=state[2],
            echo=simo_echo(*state, self.echo),
        )

    def only(self, chosen: np.ndarray, name: str) -> TargetSamples:
        """Samples by a mask or by indices, under another name."""
        state = {key: getattr(self, key)[chosen] for key in ("distance_m", "angle_rad", "velocity_mps")}
        return replace(self, name=name, tracks=self.tracks.only(chosen), **state)

    def pieces(self, count: int) -> list[TargetSamples]:
        """The video in pieces one after the other, of which no two share a frame or a track.

        Samples of a track that crosses from one piece to the next are left out.

        Raises
        ------
        DataError
            If a piece would be empty.
        """
        edges = np.quantile(self.tracks.frame, np.linspace(0, 1, count + 1)[1:-1])
        piece = np.searchsorted(edges, self.tracks.frame, side="right")
        cut = []
        for k in range(count):
            crossing = np.unique(self.tracks.track[piece != k])
            chosen = np.flatnonzero((piece == k) & ~np.isin(self.tracks.track, crossing))
            if not len(chosen):
                raise DataError(f"{self.name}: piece {k + 1} of {count} is empty, expected fewer pieces")
            cut.append(self.only(chosen, f"{self.name}, piece {k + 1} of {count}"))
        return cut


def components(moving: np.ndarray, least_pixels: int = LEAST_PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of what moves, and whose each pixel is.

    Parameters
    ----------
    moving : ndarray, bool [height, width]
    least_pixels : int
        Smaller ones are left out.

    Returns
    -------
    boxes : ndarray, float64 [boxes, 4]
        Left, top, width, height in pixels.
    owner : ndarray, int64 [height, width]
        1 + index of the box, 0 for none.
    """
    from scipy import ndimage

    labels, count = ndimage.label(moving, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = [k for k in range(1, count + 1) if sizes[k] >= least_pixels]
    places = ndimage.find_objects(labels)
    boxes = np.zeros((len(kept), 4))
    for index, k in enumerate(kept):
        rows, columns = places[k - 1]
        boxes[index] = (
            columns.start,
            rows.start,
            columns.stop - columns.start,
            rows.stop - rows.start,
        )
    number = np.zeros(count + 1, dtype=np.int64)
    number[kept] = np.arange(1, len(kept) + 1)
    return boxes, number[labels]


def overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Area of the intersection over that of the union, float64 [boxes, others]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    shared = np.prod(np.maximum(high - low, 0.0), axis=2)
    areas = np.prod(boxes[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None]
    return shared / np.maximum(areas - shared, 1e-12)


def link(frames: Iterable[tuple[int, np.ndarray]], least_overlap: float = LEAST_OVERLAP) -> Tracks:
    """Tracks from the boxes of frames in rising order.

    Each box goes to the track whose last box, moved on as it moved before, it overlaps best, all of a frame
    at once (Hungarian method); a box that overlaps none by `least_overlap` begins a track, and a track that
    gets no box ends.
    """
    from scipy.optimize import linear_sum_assignment

    rows: list[tuple[int, int, np.ndarray]] = []
    alive: list[tuple[int, int, np.ndarray, np.ndarray]] = []  # track, frame, box, pixels a frame
    begun = 0
    for frame, boxes in frames:
        expected = np.array([[*(box[:2] + step * (frame - last)), *box[2:]] for _, last, box, step in alive])
        score = overlap(expected.reshape(-1, 4), boxes)
        pairs = {new: old for old, new in zip(*linear_sum_assignment(-score), strict=True)}
        following = []
        for new, box in enumerate(boxes):
            old = pairs.get(new)
            if old is None or score[old, new] < least_overlap:
                following.append((begun, frame, box, np.zeros(2)))
                begun += 1
            else:
                track, last, before, _ = alive[old]
                moved = (box[:2] + box[2:] / 2) - (before[:2] + before[2:] / 2)
                following.append((track, frame, box, moved / (frame - last)))
            rows.append((frame, following[-1][0], box))
        alive = following
    return Tracks(
        frame=np.array([row[0] for row in rows], dtype=np.int64),
        track=np.array([row[1] for row in rows], dtype=np.int64),
        box=np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 4),
    )


def target_samples(
    name: str,
    tracks: Tracks,
    size: tuple[int, int],
    frame_rate_hz: float,
    read_frame: Callable[[int], np.ndarray],
    read_mask: Callable[[int, np.ndarray], np.ndarray] | None = None,
    *,
    step: int = 1,
    metres_per_pixel: float = 1.0,
    echo: EchoSettings | None = None,
) -> TargetSamples:
    """Samples of a video: every box whose track is seen again `step` frames later.

    Parameters
    ----------
    name : str
    tracks : Tracks
    size : (int, int)
        Height and width of the pictures; the base station is at their lower right corner.
    frame_rate_hz : float
        Frames a second, counted by their numbers.
    read_frame, read_mask : callable
        See TargetSamples.
    step : int
        Frames between the two positions of which Eq. (49) is the velocity.
    metres_per_pixel : float
    echo : EchoSettings, optional

    Raises
    ------
    DataError
        If no track is that long.
    """
    order = np.lexsort((tracks.track, tracks.frame))
    tracks = tracks.only(order)
    place = {key: k for k, key in enumerate(zip(tracks.frame.tolist(), tracks.track.tolist(), strict=True))}
    pairs = [(k, place.get((frame + step, track))) for (frame, track), k in place.items()]
    now = np.array([k for k, later in pairs if later is not None], dtype=np.int64)
    later = np.array([later for _, later in pairs if later is not None], dtype=np.int64)
    if not len(now):
        raise DataError(f"{name}: no target is seen twice {step} frames apart, expected one or more")
    centre = tracks.centre
    distance_px, angle_rad = from_base_station(centre[now], size)
    moved_px = np.linalg.norm(centre[later] - centre[now], axis=1)
    return TargetSamples(
        name=name,
        tracks=tracks.only(now),
        distance_m=metres_per_pixel * distance_px,
        angle_rad=angle_rad,
        velocity_mps=metres_per_pixel * moved_px * frame_rate_hz / step,
        read_frame=read_frame,
        read_mask=read_mask,
        echo=echo or EchoSettings(),
    )


def from_base_station(centre: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Distance in pixels and angle in radians from the lower right corner, Eqs. (47) and (48).

    Parameters
    ----------
    centre : ndarray, float [targets, 2]
        x to the right and y downwards, in pixels.
    size : (int, int)
        Height and width of the picture.

    Returns
    -------
    distance : ndarray, float64 [targets]
    angle : ndarray, float64 [targets]
        pi/2 straight up in the picture, pi to its left.
    """
    height, width = size
    to_left, upwards = centre[:, 0] - width, height - centre[:, 1]
    return np.hypot(to_left, upwards), np.arctan2(upwards, to_left)


def inside_box(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels of a box, bool [height, width]; what lies outside the picture is left out."""
    shown = np.zeros(size, dtype=bool)
    left, top = (max(int(np.floor(value)), 0) for value in box[:2])
    right, bottom = (max(int(np.ceil(value)), 0) for value in box[:2] + box[2:])
    shown[top:bottom, left:right] = True
    return shown
