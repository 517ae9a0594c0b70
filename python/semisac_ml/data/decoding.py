# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way from the file of a picture to its colours, whatever kind of picture it is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import DataError

if TYPE_CHECKING:
    from PIL import Image

LARGEST_PIXELS = 100_000_000
BITS_PER_SAMPLE, WHITE_IS_ZERO = 258, 262  # tags of TIFF


def decode(file: Path) -> Image.Image:
    """A picture in RGB of 8 bits: turned as its camera says, transparency on white, its full scale as 255.

    Of several pictures in a file the first is taken, which is logged.

    Raises DataError for a file that cannot be read, has more than 100 million pixels, or holds numbers whose
    white is not known.
    """
    from PIL import Image

    try:
        with Image.open(file) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise DataError(
                    f"{file}: has {picture.width} x {picture.height} pixels, expected at most 1e8: make "
                    "it smaller"
                )
            if picture.format != "MPO" and getattr(picture, "is_animated", False):
                logging.getLogger(__name__).warning("%s: holds several pictures, the first is taken", file)
            return as_rgb(picture, file)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many kinds
        raise unreadable(file, error) from error


def unreadable(file: object, error: Exception) -> DataError:
    """What to say of a picture that Pillow does not take."""
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{file}: cannot be read ({error.strerror}): check its permissions and its disk")
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return DataError(
        f"{file}: cannot be read as a picture ({reason}), expected a whole one: copy it again, or "
        "convert it to PNG or JPEG"
    )


def as_rgb(picture: Image.Image, file: object) -> Image.Image:
    """An opened picture in RGB, as :func:`decode` says."""
    from PIL import Image, ImageOps

    tags = getattr(picture, "tag_v2", {})
    kind = picture.format
    turned = ImageOps.exif_transpose(picture)
    if turned.mode[0] in "IF":
        return _from_numbers(np.asarray(turned), turned.info.get("transparency"), kind, tags, file)
    if turned.has_transparency_data:
        rgba = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return turned.convert("RGB")


def _from_numbers(numbers: np.ndarray, transparent, kind: str | None, tags, file: object) -> Image.Image:
    """Grey of more than 8 bits: unsigned whole numbers up to their full scale, or fractions of 1."""
    from PIL import Image

    if numbers.dtype.kind == "f":
        white = 1.0
        if not (np.isfinite(numbers).all() and numbers.min() >= 0.0 and numbers.max() <= 1.0):
            raise DataError(
                f"{file}: holds fractions from {numbers.min():g} to {numbers.max():g}, expected 0 "
                "(black) to 1 (white): scale them"
            )
    elif numbers.dtype.itemsize == 2 or kind in ("PNG", "PPM"):  # older Pillow gives their 16 bits as 32
        white = float((1 << tags.get(BITS_PER_SAMPLE, (16,))[0]) - 1)
    else:
        raise DataError(
            f"{file}: holds whole numbers of 32 bits or with a sign, of which white is not known, expected 8 "
            "or 16 bits without: convert it"
        )
    grey = np.minimum(numbers / white, 1.0)
    if tags.get(WHITE_IS_ZERO) == 0:
        grey = 1.0 - grey
    if isinstance(transparent, int):
        grey[numbers == transparent] = 1.0
    return Image.fromarray(np.round(255.0 * grey).astype(np.uint8)).convert("RGB")
