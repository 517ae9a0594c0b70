# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""IEEE 802.11 recordings of the openofdm project: real transmissions that are no frames of this one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from semisac_ml.signal.complex_pairs import as_complex

from . import DataError

FOLDER = "wifi-802.11-iq"
SOURCE = "https://github.com/jhshi/openofdm"


def load_all(root: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
    """All recordings, complex64 [samples] each, largest magnitude 1, by folder/name.

    The files hold 16 bit I and Q in turn, little endian, 20 MS/s, in the folders "conducted" and "radiated".

    Parameters
    ----------
    root : path, optional
        Folder that holds wifi-802.11-iq; by default where :func:`semisac_ml.data.folders.roots` looks.

    Raises
    ------
    DataError
        If there is no recording.
    """
    from .folders import roots

    places = [Path(root).expanduser()] if root is not None else roots()
    for place in places:
        files = sorted((place / FOLDER).glob("*/*.dat"))
        if files:
            return {f"{file.parent.name}/{file.stem}": _read(file) for file in files}
    raise DataError(
        f"{FOLDER}/*/*.dat not found in {', '.join(map(str, places))}: take testing_inputs of {SOURCE} and "
        f"set SEMISAC_DATA to the folder that holds {FOLDER}"
    )


def _read(file: Path) -> np.ndarray:
    numbers = np.fromfile(file, "<i2")
    if len(numbers) % 2 or not numbers.any():
        raise DataError(
            f"{file} holds {len(numbers)} numbers, expected pairs of I and Q that are not all zero"
        )
    samples = as_complex(numbers.astype(np.float32).reshape(-1, 2))
    return samples / np.abs(samples).max()
