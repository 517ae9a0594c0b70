# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VIRAT Ground 2.0 (Oh et al. 2011): videos of car parks and streets, with boxes of what is there.

annotations/CLIP.viratdata.objects.txt has one line an object and frame: object, duration of its track in
frames, frame counted from 0, left, top, width and height of the box in pixels, and kind.
videos_original/CLIP.mp4 is the video. Parked cars are tracks as well.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from . import DataError, tracks
from .clip import Clip
from .reading import find_folder as find_any
from .reading import text, wrong

FOLDER = "virat"
SOURCE = "https://viratdata.org"
GET = (
    f"accept the terms at {SOURCE}, download VIRAT Ground 2.0 and put annotations/ and videos_original/ "
    f"below {FOLDER}/ in the folder that SEMISAC_DATA names"
)
SUFFIX = ".viratdata.objects.txt"
COLUMNS = ("object", "duration", "frame", "left", "top", "width", "height", "kind")
KINDS = ("unknown", "person", "car", "vehicle", "object", "bike")
VEHICLES = ("car", "vehicle")
LEAST_SIDE_PX = 8.0
SAMPLING_HZ = 1.0


def find_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder virat; raises DataError, which says how to get it, if there is none."""
    return find_any([FOLDER], root, GET)


def clips(root: str | os.PathLike[str] | None = None) -> list[str]:
    """Names of the clips that have annotations, such as "VIRAT_S_000001"; one clip is one sequence."""
    folder = find_folder(root)
    found = sorted(file.name.removesuffix(SUFFIX) for file in (folder / "annotations").glob(f"*{SUFFIX}"))
    if not found:
        raise DataError(f"{folder / 'annotations'}: holds no *{SUFFIX}, expected one or more: {GET}")
    return found


def load_objects(clip: str, root: str | os.PathLike[str] | None = None) -> tuple[tracks.Tracks, np.ndarray]:
    """All boxes of a clip.

    Returns
    -------
    tracks : Tracks
    kind : ndarray, int64 [boxes]
        Index into KINDS.

    Raises
    ------
    DataError
        If the file is missing or damaged: a line or column is missing, a frame comes twice or out of order, a
        track is shorter than it says, a box has no size, a kind is unknown.
    """
    file = find_folder(root) / "annotations" / f"{clip}{SUFFIX}"
    if not file.is_file():
        raise wrong(file, "objects", "are missing", f"one of the clips of {file.parent}")
    rows = _rows(file)
    _check(file, rows)
    rows = rows[np.lexsort((rows[:, 0], rows[:, 2]))]
    return tracks.Tracks(rows[:, 2], rows[:, 0], rows[:, 3:7].astype(np.float64)), rows[:, 7]


def load_targets(
    clip: str,
    root: str | os.PathLike[str] | None = None,
    *,
    kinds: tuple[str, ...] = VEHICLES,
    sampling_hz: float = SAMPLING_HZ,
    metres_per_pixel: float = 1.0,
) -> tracks.TargetSamples:
    """Samples of SIMAC from a clip: targets that are seen again in the next sampled frame.

    Parameters
    ----------
    clip : str
        One of :func:`clips`.
    root : path, optional
        Folder that holds virat.
    kinds : tuple of str
        Of KINDS.
    sampling_hz : float
        Sampled frames a second, 1 in the paper.
    metres_per_pixel : float
        See :mod:`semisac_ml.data.tracks`.

    Raises
    ------
    DataError
        If annotations or video are missing or damaged or do not match, or no target is seen twice.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise DataError(f"kind is {unknown[0]!r}, expected one of {', '.join(KINDS)}")
    found, kind = load_objects(clip, root)
    if not sampling_hz > 0:
        raise DataError(f"sampling_hz is {sampling_hz}, expected a number above 0")
    video = _video(clip, find_folder(root), found)
    step = max(round(video.frame_rate_hz / sampling_hz), 1)
    height, width = video.size
    inside = (found.centre >= 0).all(axis=1) & (found.centre < (width, height)).all(axis=1)
    large = (found.box[:, 2:] >= LEAST_SIDE_PX).all(axis=1)
    wanted = np.isin(kind, [KINDS.index(name) for name in kinds])
    chosen = (found.frame % step == 0) & inside & large & wanted
    return tracks.target_samples(
        clip,
        found.only(chosen),
        video.size,
        video.frame_rate_hz,
        video.read,
        step=step,
        metres_per_pixel=metres_per_pixel,
    )


def verify(root: str | os.PathLike[str] | None = None) -> Path:
    """Read all annotations, open every video and read its last annotated frame; returns the folder.

    Raises DataError at the first fault.
    """
    folder = find_folder(root)
    for clip in clips(folder):
        found, _ = load_objects(clip, folder)
        _video(clip, folder, found).read(int(found.frame.max()))
    return folder


def fetch(root: str | os.PathLike[str] | None = None, *, progressbar: object = False) -> Path:
    """The folder if it is there and whole; its terms are accepted by a person, so DataError else."""
    return verify(root)


def _rows(file: Path) -> np.ndarray:
    lines = [line.split() for line in text(file, "objects").splitlines() if line.strip()]
    if not lines:
        raise wrong(file, "objects", "are missing: the file is empty", "one line an object and frame")
    for number, words in enumerate(lines, start=1):
        if len(words) != len(COLUMNS):
            raise wrong(
                file, f"line {number}", f"has {len(words)} columns", f"{len(COLUMNS)}: {' '.join(COLUMNS)}"
            )
    try:
        return np.array(lines, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise wrong(file, "objects", f"hold what is no whole number ({error})", "whole numbers") from error


def _check(file: Path, rows: np.ndarray) -> None:
    def refuse(faulty: np.ndarray, column: int, expected: str) -> None:
        if faulty.any():
            line = int(np.argmax(faulty))
            raise wrong(file, COLUMNS[column], f"of line {line + 1} is {rows[line, column]}", expected)

    refuse(rows[:, 2] < 0, 2, "a frame counted from 0")
    refuse(rows[:, 5] <= 0, 5, "1 pixel or more")
    refuse(rows[:, 6] <= 0, 6, "1 pixel or more")
    refuse((rows[:, 7] < 0) | (rows[:, 7] >= len(KINDS)), 7, f"0 to {len(KINDS) - 1}")
    for number in np.unique(rows[:, 0]):
        own = np.flatnonzero(rows[:, 0] == number)
        frames, durations, kinds = rows[own, 2], rows[own, 1], rows[own, 7]
        falls = np.flatnonzero(np.diff(frames) <= 0)
        if len(falls):
            line = own[falls[0] + 1] + 1
            raise wrong(file, "frame", f"of line {line} does not rise in object {number}", "frames in order")
        if (durations != durations[0]).any() or (kinds != kinds[0]).any():
            raise wrong(file, "duration", f"or kind changes in object {number}", "one of each an object")
        if durations[0] not in (len(own), frames[-1] - frames[0] + 1):
            raise wrong(
                file, "duration", f"of object {number} is {durations[0]}", f"{len(own)}, the lines it has"
            )


def _video(clip: str, folder: Path, found: tracks.Tracks) -> Clip:
    """The video of a clip; it must be as long as its annotations."""
    video = Clip(folder / "videos_original" / f"{clip}.mp4")
    last = int(found.frame.max())
    if video.frames and last >= video.frames:
        annotations = folder / "annotations" / f"{clip}{SUFFIX}"
        raise wrong(
            annotations, "frame", f"goes to {last}", f"below {video.frames}, the frames of {video.file}"
        )
    return video
