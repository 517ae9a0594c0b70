# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Point clouds in PLY files, as LiDAR recorders write them: ASCII or binary, one vertex a point."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .reading import wrong

FIELD = "vertex"
NUMBERS = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
ORDERS = {"ascii": "<", "binary_little_endian": "<", "binary_big_endian": ">"}


def read(file: Path) -> np.ndarray:
    """The points of a PLY file, float32 [points, 4]: x, y, z in metres and intensity, 0 where it has none.

    Raises
    ------
    DataError
        If the file is missing, no PLY, cut off, without points or x, y, z, or not finite.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise wrong(file, FIELD, f"cannot be read ({error.strerror})", "a PLY file") from error
    order, count, properties, start = _header(file, content)
    points = _points(file, content[start:], order, count, properties)
    if not np.isfinite(points).all():
        raise wrong(
            file, FIELD, f"point {int(np.argwhere(~np.isfinite(points))[0, 0])} is not finite", "metres"
        )
    return points


def write(file: str | os.PathLike[str], points: np.ndarray) -> None:
    """Write points, binary: x, y, z as float, intensity as ushort.

    Parameters
    ----------
    file : path
    points : ndarray, float [points, 4]
        x, y, z in metres and intensity, 0 to 65535.
    """
    file = Path(file)
    points = np.asarray(points)
    layout = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<u2")]
    stored = np.empty(len(points), dtype=layout)
    for place, (name, _) in enumerate(layout):
        stored[name] = np.rint(points[:, place]) if name == "intensity" else points[:, place]
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\nproperty float x\n"
        "property float y\nproperty float z\nproperty ushort intensity\nend_header\n"
    )
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_bytes(header.encode() + stored.tobytes())
    unfinished.replace(file)


def _header(file: Path, content: bytes) -> tuple[str, int, list[tuple[str, str]], int]:
    """Format, number of points, (name, type) of the properties, start of the body."""
    end = content.find(b"end_header")
    newline = content.find(b"\n", end)
    if not content.startswith(b"ply") or end < 0 or newline < 0:
        raise wrong(file, "header", "is no PLY header", "ply ... end_header")
    form, count, properties, element = "", -1, [], ""
    for line in content[:end].decode("latin1").splitlines():
        words = line.split()
        if words[:1] == ["format"]:
            form = words[1] if len(words) > 1 else ""
        elif words[:1] == ["element"] and len(words) == 3 and words[2].isdecimal():
            element = words[1]
            if element != FIELD and count < 0:
                raise wrong(file, element, "comes before the points", "the element vertex first")
            count = int(words[2]) if element == FIELD else count
        elif words[:1] == ["property"] and element == FIELD:
            if len(words) != 3 or words[1] not in NUMBERS:
                raise wrong(file, "property", f"is {line.strip()!r}", "a number of a known type")
            properties.append((words[2], NUMBERS[words[1]]))
    if form not in ORDERS:
        raise wrong(file, "format", f"is {form!r}", f"one of {', '.join(ORDERS)}")
    if count < 1:
        raise wrong(file, FIELD, "holds no point", "1 or more")
    for name in "xyz":
        if [known for known, _ in properties].count(name) != 1:
            raise wrong(file, f"property {name}", "is missing or given twice", "x, y and z")
    return form, count, properties, newline + 1


def _points(file: Path, body: bytes, form: str, count: int, properties: list[tuple[str, str]]) -> np.ndarray:
    names = [name for name, _ in properties]
    if form == "ascii":
        words = body.split()
        if len(words) < count * len(properties):
            raise wrong(
                file, FIELD, f"holds {len(words) // len(properties)} points", f"{count} of the header"
            )
        try:
            columns = np.array(words[: count * len(properties)], dtype=np.float64)
        except ValueError as error:
            raise wrong(file, FIELD, f"is no number ({str(error)[:60]})", "numbers") from error
        columns = columns.reshape(count, len(properties))
        take = {name: columns[:, place] for place, name in enumerate(names)}
    else:
        layout = np.dtype([(f"{place}", ORDERS[form] + kind) for place, (_, kind) in enumerate(properties)])
        if len(body) < count * layout.itemsize:
            raise wrong(file, FIELD, f"holds {len(body) // layout.itemsize} points", f"{count} of the header")
        stored = np.frombuffer(body, dtype=layout, count=count)
        take = {name: stored[str(place)] for place, name in enumerate(names)}
    intensity = take.get("intensity", np.zeros(count))
    return np.stack([take["x"], take["y"], take["z"], intensity], axis=1).astype(np.float32)
