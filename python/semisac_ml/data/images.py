# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures from files, as the networks take them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from . import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
LARGEST_PIXELS = 100_000_000


def picture_files(path: str | os.PathLike[str]) -> list[Path]:
    """The file itself, or the pictures of a folder by name, without hidden ones and subfolders."""
    path = Path(path).expanduser()
    if path.is_dir():
        visible = [file for file in path.iterdir() if not file.name.startswith(".") and file.is_file()]
        files = sorted(file for file in visible if file.suffix.lower() in SUFFIXES)
        if not files:
            raise DataError(f"{path}: holds no picture, expected files such as .png or .jpg")
        return files
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder, expected a picture or a folder of pictures")
    return [path]


def load_images(path: str | os.PathLike[str], size: int = 32) -> np.ndarray:
    """Read a picture, or all pictures of a folder.

    Each is turned as its camera says, converted to RGB (transparency on white), cropped to its central square
    and resized (area-weighted).

    Parameters
    ----------
    path : path
        A picture, or a folder of pictures.
    size : int
        Height and width in pixels.

    Returns
    -------
    ndarray, uint8 [N, size, size, 3]
        In the order of the file names.

    Raises
    ------
    DataError
        If a file is missing, is no picture, is cut off, or has more than 100 million pixels.
    """
    return np.stack([_load(file, size) for file in picture_files(path)])


def central_square(picture, size: int) -> np.ndarray:
    """Central square of a picture (RGB of Pillow, or uint8 [height, width, 3]), area-weighted, uint8
    [size, size, 3].
    """
    from PIL import Image, ImageOps

    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    return np.asarray(ImageOps.fit(picture, (size, size), method=Image.Resampling.BOX), dtype=np.uint8)


def _load(file: Path, size: int) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise DataError(
                    f"{file}: has {picture.width} x {picture.height} pixels, expected at most 1e8"
                )
            turned = ImageOps.exif_transpose(picture)
            if turned.has_transparency_data:
                rgba = turned.convert("RGBA")
                turned = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            square = central_square(turned.convert("RGB"), size)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{file}: cannot be read as a picture ({reason}): convert it to PNG or JPEG"
        ) from error
    return square
