# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CDnet 2014 (Wang et al.): videos of fixed cameras, and for each pixel whether it moves.

A video is a folder with input/in000001.jpg and so on, groundtruth/gt000001.png, ROI.bmp, and temporalROI.txt
with the first and the last frame that are labelled. Of the labels, 255 moves, 170 cannot be told, 85 is
outside the region of interest, 50 is a hard shadow and 0 does not move. Vehicles are the connected components
of what moves; two that touch are one, so that a track may begin or end in the middle of the picture.
"""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from . import DataError, tracks
from .reading import find_folder as find_any
from .reading import picture, text, wrong

VIDEO = "highway"
SOURCE = "http://jacarini.dinf.usherbrooke.ca/dataset2014"
URL = "http://jacarini.dinf.usherbrooke.ca/static/dataset/baseline/highway.zip"
MOVING, LABELS = 255, (0, 50, 85, 170, 255)
FRAME_RATE_HZ = 25.0  # the data set does not state it


def _get(video: str) -> str:
    return (
        f"download the video {video} from {SOURCE} and unpack it as dataset2014/dataset/baseline/{video} (or "
        f"its category) or as cdnet-{video} in the folder that SEMISAC_DATA names"
    )


@dataclass(frozen=True)
class Video:
    """Labelled frames of a video.

    name: such as "highway".
    folder: where its files are.
    numbers: of the frames, int64 [frames], rising.
    size: height and width in pixels.
    region: pixels that are labelled, bool [height, width].
    """

    name: str
    folder: Path
    numbers: np.ndarray
    size: tuple[int, int]
    region: np.ndarray

    def frame(self, number: int) -> np.ndarray:
        """The picture of a frame, uint8 [height, width, 3], RGB; raises DataError if it is damaged."""
        file = self.folder / "input" / f"in{number:06d}.jpg"
        return _of_size(file, "input", picture(file, "input"), self.size)

    def label(self, number: int) -> np.ndarray:
        """The labels of a frame, uint8 [height, width]; raises DataError if they are damaged."""
        file = self.folder / "groundtruth" / f"gt{number:06d}.png"
        label = _of_size(file, "groundtruth", picture(file, "groundtruth", "L"), self.size)
        strange = np.setdiff1d(label, LABELS)
        if len(strange):
            raise wrong(file, "groundtruth", f"holds the label {strange[0]}", f"one of {LABELS}")
        return label

    def target(self, number: int, box: np.ndarray) -> np.ndarray:
        """Pixels of the component with this box, bool [height, width]; the box itself if there is none."""
        boxes, owner = tracks.components(self.label(number) == MOVING)
        same = np.flatnonzero((boxes == box).all(axis=1))
        return owner == same[0] + 1 if len(same) else tracks.inside_box(box, self.size)

    def tracks(self) -> tracks.Tracks:
        """Tracks of what moves in all frames."""
        labelled = ((int(k), self.label(int(k)) == MOVING) for k in self.numbers)
        return tracks.link((number, tracks.components(moving)[0]) for number, moving in labelled)


def find_folder(root: str | os.PathLike[str] | None = None, video: str = VIDEO) -> Path:
    """The folder of a video; raises DataError, which says how to get it, if there is none."""
    try:
        return find_any([f"cdnet-{video}"], root, _get(video))
    except DataError:
        from .folders import roots

        for place in [Path(root).expanduser()] if root is not None else roots():
            for home in ("dataset2014/dataset", "dataset", "."):
                found = sorted(folder for folder in place.glob(f"{home}/*/{video}/input") if folder.is_dir())
                if found:
                    return found[0].parent
        raise


def load(video: str = VIDEO, root: str | os.PathLike[str] | None = None) -> Video:
    """The labelled frames of a video.

    Parameters
    ----------
    video : str
        Such as "highway".
    root : path, optional
        Folder of data sets, or the video's own.

    Raises
    ------
    DataError
        If the video is missing, or its frames and labels do not match.
    """
    folder = find_folder(root, video)
    file = folder / "temporalROI.txt"
    words = text(file, "frames").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[0]) > int(words[1]):
        raise wrong(
            file, "frames", f"are {' '.join(words[:4])!r}", "the first and the last that are labelled"
        )
    first, last = map(int, words)
    shown, labelled = (
        _numbers(folder, *names) for names in (("input", "in", "jpg"), ("groundtruth", "gt", "png"))
    )
    wanted = sorted(number for number in shown | labelled if first <= number <= last)
    if not wanted:
        raise wrong(file, "frames", f"{first} to {last} are not there", "one or more of input/in000001.jpg")
    for number in wanted:
        if number not in labelled:
            raise wrong(
                folder / f"groundtruth/gt{number:06d}.png", "groundtruth", "is missing", "one a frame"
            )
        if number not in shown:
            raise wrong(folder / f"input/in{number:06d}.jpg", "input", "is missing", "one a label")
    region_file = folder / "ROI.bmp"
    size = picture(folder / f"input/in{wanted[0]:06d}.jpg", "input").shape[:2]
    region = _of_size(region_file, "ROI", picture(region_file, "ROI")[..., 0], size) > 0
    if not region.any():
        raise wrong(region_file, "ROI", "is empty", "a region of interest")
    return Video(video, folder, np.array(wanted, dtype=np.int64), size, region)


def load_targets(
    video: str = VIDEO,
    root: str | os.PathLike[str] | None = None,
    *,
    frame_rate_hz: float = FRAME_RATE_HZ,
    metres_per_pixel: float = 1.0,
) -> tracks.TargetSamples:
    """Samples of SIMAC from a video: each vehicle of each frame that the next labelled frame shows again.

    Parameters
    ----------
    video, root
        See :func:`load`.
    frame_rate_hz : float
        Of the video; the data set does not state it.
    metres_per_pixel : float
        See :mod:`semisac_ml.data.tracks`.
    """
    found = load(video, root)
    step = int(np.diff(found.numbers).min()) if len(found.numbers) > 1 else 1
    return tracks.target_samples(
        found.name,
        found.tracks(),
        found.size,
        frame_rate_hz,
        found.frame,
        found.target,
        step=step,
        metres_per_pixel=metres_per_pixel,
    )


def verify(root: str | os.PathLike[str] | None = None) -> Path:
    """Read every labelled frame of the video highway; returns its folder. Raises DataError at a fault."""
    video = load(VIDEO, root)
    for number in video.numbers:
        video.frame(int(number))
        video.label(int(number))
    return video.folder


def fetch(root: str | os.PathLike[str] | None = None, *, progressbar: object = False, url: str = URL) -> Path:
    """Download the video highway and read every frame of it; nothing is downloaded if it is there and whole.

    Parameters
    ----------
    root : path, optional
        Folder to put cdnet-highway into; SEMISAC_DATA or the user's cache folder by default.
    progressbar : bool or object
        As of pooch.HTTPDownloader.
    url : str
        Mirror to download from. No official checksum is known.

    Raises
    ------
    DataError
        If the download fails or holds anything else.
    """
    from .download import download, place_for

    try:
        return verify(root)
    except DataError:
        pass  # missing or damaged: fetch it (again)
    place = place_for(root)
    archive = download(url, place, what=VIDEO, checksum=None, progressbar=progressbar, otherwise=_get(VIDEO))
    try:
        _unpack(archive, place / f"cdnet-{VIDEO}")
    except zipfile.BadZipFile as error:
        raise DataError(f"{VIDEO} cannot be downloaded from {url} ({error}): {_get(VIDEO)}") from error
    folder = verify(place)
    archive.unlink()
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    """The files of a video from its archive, and nothing else."""
    with zipfile.ZipFile(archive) as content:
        for member in content.namelist():
            path = PurePosixPath(member)
            kind = path.parent.name if path.parent.name in ("input", "groundtruth") else ""
            if path.suffix in (".jpg", ".png", ".bmp", ".txt"):
                file = folder / kind / path.name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.read(member))


def _numbers(folder: Path, kind: str, prefix: str, suffix: str) -> set[int]:
    found = (re.fullmatch(rf"{prefix}(\d{{6}})\.{suffix}", file.name) for file in (folder / kind).glob("*"))
    return {int(match[1]) for match in found if match}


def _of_size(file: Path, field: str, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if pixels.shape[:2] != size:
        raise wrong(file, field, f"has the size {pixels.shape[:2]}", f"{size} as the first frame")
    return pixels
