# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Point clouds in PLY files, as LiDAR recorders write them: ASCII or binary, one vertex a point."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from semisac_ml.outputs import output_file

from .reading import wrong

FIELD = "vertex"


def read(file: Path) -> np.ndarray:
    """The points of a PLY file, float32 [points, 4]: x, y, z in metres and intensity, 0 where it has none.

    Raises
    ------
    DataError
        If the file is missing, no PLY, cut off, without points or x, y, z, or not finite.
    """
    from plyfile import PlyData, PlyHeaderParseError

    try:
        vertices = PlyData.read(file, mmap=False)[FIELD].data
    except OSError as error:
        raise wrong(file, FIELD, f"cannot be read ({error.strerror})", "a PLY file") from error
    except PlyHeaderParseError as error:
        raise wrong(file, "header", f"cannot be read ({error})", "that of a PLY file") from error
    except Exception as error:  # plyfile passes on what numpy and its own parser raise
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise wrong(file, FIELD, f"cannot be read ({reason})", "a whole PLY file with points") from error
    names = vertices.dtype.names
    missing = [name for name in "xyz" if name not in names]
    if missing:
        raise wrong(file, f"property {missing[0]}", "is missing", "x, y and z")
    if len(vertices) == 0:
        raise wrong(file, FIELD, "holds no point", "1 or more")
    intensity = vertices["intensity"] if "intensity" in names else np.zeros(len(vertices))
    points = np.stack([vertices["x"], vertices["y"], vertices["z"], intensity], axis=1).astype(np.float32)
    if not np.isfinite(points).all():
        place = int(np.argwhere(~np.isfinite(points))[0, 0])
        raise wrong(file, FIELD, f"point {place} is not finite", "metres")
    return points


def write(file: str | os.PathLike[str], points: np.ndarray) -> None:
    """Write points, binary: x, y, z as float, intensity as ushort.

    Parameters
    ----------
    file : path
    points : ndarray, float [points, 4]
        x, y, z in metres and intensity, 0 to 65535.
    """
    from plyfile import PlyData, PlyElement

    points = np.asarray(points)
    stored = np.empty(len(points), dtype=[("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<u2")])
    for place, name in enumerate(stored.dtype.names):
        stored[name] = np.rint(points[:, place]) if name == "intensity" else points[:, place]
    with output_file(file) as unfinished:
        PlyData([PlyElement.describe(stored, FIELD)], byte_order="<").write(unfinished)
