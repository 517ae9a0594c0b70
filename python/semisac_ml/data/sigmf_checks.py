# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metadata of SigMF, checked before they are used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from . import DataError

EXTENSION = "semisac"
EXTENSION_VERSION = "0.1.0"
PREFIX = f"{EXTENSION}:"
READ_BYTES = 1 << 23


def sigmf_package():
    """The package ``sigmf``. Raises DataError when it is not installed."""
    try:
        import sigmf
    except ImportError as error:
        raise DataError(
            f"recordings need the package sigmf ({error}): pip install 'semisac[radio]'"
        ) from error
    return sigmf


def checked_metadata(file: Path) -> dict:
    """The content of a metadata file. Raises DataError that names file and field."""
    metadata = read_json(file)
    _check_valid(file, metadata)
    _check_extension(file, metadata)
    return metadata


def read_json(file: Path) -> dict:
    """The object in a JSON file. Raises DataError."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}), expected SigMF metadata") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: is not JSON ({error}), expected SigMF metadata: copy it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: holds no object, expected SigMF metadata")
    return content


def _check_valid(file: Path, metadata: dict) -> None:
    """Check against the schema of SigMF; of annotations, which may be many, the first and the order."""
    sigmf = sigmf_package()
    from jsonschema.exceptions import ValidationError

    for name, kind in (("global", dict), ("captures", list), ("annotations", list)):
        if not isinstance(metadata.get(name), kind):
            raise DataError(f"{file}: {name} is missing or no {kind.__name__}, expected valid SigMF metadata")
    try:
        places = metadata["annotations"]
        sigmf.SigMFFile(metadata=metadata | {"annotations": places[:1]}).validate()
        starts = [place["core:sample_start"] for place in places]
        if starts != sorted(starts):
            raise ValueError("annotations are not in the order of their samples")
    except ValidationError as error:
        place = "/".join(map(str, error.absolute_path)) or "it"
        raise DataError(f"{file}: {place}: {error.message}; expected valid SigMF metadata") from error
    except Exception as error:  # noqa: BLE001 - the package raises many kinds for fields of a wrong kind
        raise DataError(f"{file}: {error!r}, expected valid SigMF metadata") from error
    for extension in metadata["global"].get("core:extensions", ()):
        name, version = extension.get("name"), str(extension.get("version", "0"))
        if name == EXTENSION and version.split(".")[0] > EXTENSION_VERSION.split(".")[0]:
            raise DataError(
                f"{file}: extension {EXTENSION} {version}, expected {EXTENSION_VERSION}: update this software"
            )
        if name != EXTENSION and not extension.get("optional", True):
            raise DataError(f"{file}: cannot be understood without extension {name}, which is unknown here")


def _check_extension(file: Path, metadata: dict) -> None:
    """Check what the schema does not know or was not shown: all annotations, this project's extension."""
    count = metadata["global"].get(PREFIX + "sample_count", 0)
    if not _is_count(count):
        raise DataError(f"{file}: {PREFIX}sample_count is {count!r}, expected a whole number")
    for part in ("captures", "annotations"):
        for number, place in enumerate(metadata[part]):
            for field, (holds, expected) in FIELDS.items():
                if field in place and not holds(place[field]):
                    raise DataError(
                        f"{file}: {part}/{number}/{field} is {str(place[field])[:80]}, expected {expected}"
                    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_tags(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(tag, dict) and isinstance(tag.get("key"), str) for tag in value
    )


FIELDS = {
    "core:sample_start": (_is_count, "a whole number"),
    "core:sample_count": (_is_count, "a whole number"),
    PREFIX + "tags": (_are_tags, "a list of objects with a key"),
    PREFIX + "labels": (
        lambda value: isinstance(value, list) and all(isinstance(one, int) for one in value),
        "a list of classes",
    ),
}


def check_hash_of(data: Path, expected: str | None) -> None:
    """Compare the sha512 of a file. Raises DataError."""
    if expected is None:
        raise DataError(f"{data}: its metadata hold no core:sha512, expected one to check: open it unchecked")
    digest = hashlib.sha512()
    with data.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    if digest.hexdigest() != expected:
        raise DataError(f"{data}: sha512 differs from that in its metadata: the samples were changed")
