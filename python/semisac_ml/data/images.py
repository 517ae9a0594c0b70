# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures from files, as the networks take them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from . import DataError
from .decoding import decode

# What is a picture by its name; one that cannot be decoded here is refused, not passed over.
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        "apng arw avif avifs bmp cr2 cr3 dds dib dng exr gif hdr heic heif icns ico j2c j2k jfif jp2 jpc jpe "
        "jpeg jpf jpg jpx jxl nef orf pbm pcx pfm pgm png pnm ppm psd qoi raf rw2 sgi svg tga tif tiff webp "
        "xbm xpm"
    ).split()
)
FITS = ("crop", "pad")


def picture_files(path: str | os.PathLike[str]) -> list[Path]:
    """The file itself, or the pictures of a folder by name, without hidden ones and subfolders."""
    path = Path(path).expanduser()
    if path.is_dir():
        try:
            visible = [file for file in path.iterdir() if not file.name.startswith(".") and file.is_file()]
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}): check its permissions") from error
        files = sorted(file for file in visible if file.suffix.lower() in SUFFIXES)
        if not files:
            raise DataError(f"{path}: holds no picture, expected files such as .png or .jpg")
        return files
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder, expected a picture or a folder of pictures")
    return [path]


def load_images(
    path: str | os.PathLike[str], size: int | tuple[int, int] = 32, fit: str = "crop"
) -> np.ndarray:
    """Read a picture, or all pictures of a folder.

    Each is decoded by :func:`~semisac_ml.data.decoding.decode` and fitted to one size (see :func:`fitted`).

    Parameters
    ----------
    path : path
        A picture, or a folder of pictures.
    size : int or (int, int)
        Height and width in pixels, one number for a square.
    fit : "crop" or "pad"

    Returns
    -------
    ndarray, uint8 [N, height, width, 3]
        In the order of the file names.

    Raises
    ------
    DataError
        If a file is missing, or :func:`~semisac_ml.data.decoding.decode` does not take it.
    """
    shape = height_and_width(size)
    return np.stack([_load(file, lambda width, height: shape, fit) for file in picture_files(path)])


def load_photographs(
    path: str | os.PathLike[str], short_side: int = 512, tell: Callable[[int, int], None] | None = None
) -> list[np.ndarray]:
    """Read a picture, or all pictures of a folder, in their own proportions.

    Parameters
    ----------
    path : path
        A picture, or a folder of pictures.
    short_side : int
        Pictures whose shorter side has more pixels are made smaller, area-weighted, until it has this many.
    tell : (done, all) -> None
        Called after each picture.

    Returns
    -------
    list of ndarray, uint8 [height, width, 3]
        In the order of the file names.

    Raises
    ------
    DataError
        As :func:`load_images`.
    """
    files = picture_files(path)

    def load(file: Path) -> np.ndarray:
        return _load(file, lambda width, height: _shrunk(height, width, short_side), "crop")

    found = []
    with ThreadPoolExecutor() as pool:
        for picture in pool.map(load, files):
            found.append(picture)
            if tell:
                tell(len(found), len(files))
    return found


def height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels of a size, one number for a square; raises ValueError below 1."""
    height, width = (size, size) if np.ndim(size) == 0 else size
    if int(height) < 1 or int(width) < 1:
        raise ValueError(f"size is {size}, expected pixels of height and width, 1 or more")
    return int(height), int(width)


def fitted(picture, size: int | tuple[int, int], fit: str = "crop") -> np.ndarray:
    """A picture at another size, area-weighted, uint8 [height, width, 3].

    picture: RGB of Pillow, or uint8 [height, width, 3].
    size: height and width, one number for a square.
    fit: "crop": its largest central part of these proportions; "pad": all of it, with black beside.

    Raises ValueError for any other fit.
    """
    from PIL import Image, ImageOps

    if fit not in FITS:
        raise ValueError(f"fit is {fit!r}, expected one of {', '.join(FITS)}")
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    height, width = height_and_width(size)
    place = ImageOps.fit if fit == "crop" else ImageOps.pad
    return np.asarray(place(picture, (width, height), method=Image.Resampling.BOX), dtype=np.uint8)


def _shrunk(height: int, width: int, short_side: int) -> tuple[int, int]:
    scale = min(1.0, short_side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _load(file: Path, size: Callable[[int, int], tuple[int, int]], fit: str) -> np.ndarray:
    picture = decode(file)
    return fitted(picture, size(picture.width, picture.height), fit)
