# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""MFNet (Ha et al. 2017): street scenes by day and night in colour and thermal infrared, each pixel labelled.

1569 pairs, 820 by day (names end in D) and 749 by night (N): a picture of four channels, 480 x 640, of which
the fourth is the thermal one, and labels of nine classes. The splits are those of the data set; the test set
by day and by night follows from the names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from . import DataError
from .reading import find_folder as find_any
from .reading import picture, text, wrong

FOLDER = "ir_seg_dataset"
SOURCE = "https://www.mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral/"
GET = (
    f"download ir_seg_dataset.zip from {SOURCE} and unpack it so that {FOLDER}/images, labels, train.txt, "
    "val.txt and test.txt lie in the folder that SEMISAC_DATA names"
)
SPLITS = ("train", "val", "test")
CLASSES = (
    "unlabelled",
    "car",
    "person",
    "bike",
    "curve",
    "car stop",
    "guardrail",
    "colour cone",
    "bump",
)
LIGHTS = {"day": "D", "night": "N"}
NAME = re.compile(r"\w+[DN](_flip)?")
OF_STREET = re.compile(r"(\d{4})\d{3}[DN](_flip)?")
"""Names of the street's pairs (`semisac data scenes`): drive, and step of it."""


@dataclass(frozen=True)
class Pair:
    """One street scene.

    name: such as "00001D".
    colour: uint8 [height, width, 3], RGB.
    thermal: uint8 [height, width].
    label: uint8 [height, width], index into CLASSES.
    """

    name: str
    colour: np.ndarray
    thermal: np.ndarray
    label: np.ndarray

    def sized(self, height: int, width: int) -> Pair:
        """In another size: pictures averaged over what a pixel covers, or interpolated; labels nearest."""
        if self.label.shape == (height, width):
            return self
        smooth, nearest = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
        ways = ((self.colour, smooth), (self.thermal, smooth), (self.label, nearest))
        return Pair(
            self.name,
            *(np.asarray(Image.fromarray(values).resize((width, height), way)) for values, way in ways),
        )


def drive_of(name: str) -> str:
    """What pairs are alike: the drive of a pair of the street; of any other the pair itself."""
    found = OF_STREET.fullmatch(name)
    return found[1] if found else name.removesuffix("_flip")


class Pairs(Sequence):
    """Pairs of a split, read when they are asked for.

    folder: the folder ir_seg_dataset.
    names: of the pairs. One that ends in _flip and has no file is the mirror image of the other.

    Raises DataError when a pair that is asked for is missing, damaged, or of another size than the first.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self.names = tuple(names)
        self._shape: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        name = self.names[index]
        mirrored = name.endswith("_flip") and not (self.folder / f"images/{name}.png").is_file()
        stored = name.removesuffix("_flip") if mirrored else name
        image_file, label_file = (self.folder / kind / f"{stored}.png" for kind in ("images", "labels"))
        image, label = picture(image_file, "image", "RGBA"), picture(label_file, "label", "L")
        self._check(image_file, image, label_file, label)
        if mirrored:
            image, label = image[:, ::-1], label[:, ::-1]
        return Pair(name, np.ascontiguousarray(image[..., :3]), image[..., 3].copy(), label.copy())

    def _check(self, image_file: Path, image: np.ndarray, label_file: Path, label: np.ndarray) -> None:
        self._shape = self._shape or image.shape[:2]
        if image.shape[:2] != self._shape:
            raise wrong(image_file, "image", f"has the size {image.shape[:2]}", f"{self._shape} as the first")
        if label.shape != image.shape[:2]:
            raise wrong(label_file, "label", f"has the size {label.shape}", f"{image.shape[:2]} as its image")
        if label.max() >= len(CLASSES):
            raise wrong(label_file, "label", f"holds class {label.max()}", f"0 to {len(CLASSES) - 1}")


def find_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder ir_seg_dataset; raises DataError, which says how to get it, if there is none."""
    return find_any([FOLDER, "mfnet", "MFNet"], root, GET)


def load(split: str, root: str | os.PathLike[str] | None = None, *, light: str | None = None) -> Pairs:
    """Pairs of an official split.

    Parameters
    ----------
    split : "train", "val" or "test"
    root : path, optional
        Folder that holds ir_seg_dataset.
    light : "day", "night" or None
        Only pairs by day or by night.

    Raises
    ------
    DataError
        If a list is missing or empty, names a pair twice, or shares a pair with another list.
    """
    if split not in SPLITS:
        raise DataError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    if light is not None and light not in LIGHTS:
        raise DataError(f"light is {light!r}, expected one of {', '.join(LIGHTS)}")
    folder = find_folder(root)
    names = _named(folder, _lists(folder), split)
    if light is not None:
        names = [name for name in names if name.removesuffix("_flip").endswith(LIGHTS[light])]
    return Pairs(folder, names)


def verify(root: str | os.PathLike[str] | None = None) -> Path:
    """Read every pair of every split; returns the folder. Raises DataError at the first fault."""
    folder = find_folder(root)
    lists = _lists(folder)
    pairs = Pairs(folder, [name for split in SPLITS for name in _named(folder, lists, split)])
    for index in range(len(pairs)):
        pairs[index]
    return folder


def fetch(root: str | os.PathLike[str] | None = None, *, progressbar: object = False) -> Path:
    """The folder if it is there and whole; else DataError: its drive wants a person to confirm."""
    return verify(root)


def _lists(folder: Path) -> dict[str, list[str]]:
    """Names of each split, without a pair in two of them."""
    lists, owner = {}, {}
    for split in SPLITS:
        file = folder / f"{split}.txt"
        names = text(file, "names").split()
        for line, name in enumerate(names, start=1):
            if not NAME.fullmatch(name):
                raise wrong(
                    file, f"line {line}", f"is {name!r}", "a name that ends in D or N, such as 00001D"
                )
            if names.index(name) != line - 1:
                raise wrong(file, f"line {line}", f"names {name} again", "each pair once")
            other = owner.setdefault(name.removesuffix("_flip"), split)
            if other != split:
                raise wrong(
                    file, f"line {line}", f"names {name}, as {other}.txt does", "no pair in two splits"
                )
        lists[split] = names
    return lists


def _named(folder: Path, lists: dict[str, list[str]], split: str) -> list[str]:
    if not lists[split]:
        raise wrong(folder / f"{split}.txt", "names", "are missing: the file is empty", "one name a line")
    return lists[split]
