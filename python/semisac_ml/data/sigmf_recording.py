# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""SigMF recordings, checked before the first sample is read.

One recording a channel; several channels that were recorded together are a SigMF collection of such, sample
by sample in step. What the extension ``semisac`` adds to the core fields is described in docs/recordings.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import DataError

EXTENSION = "semisac"
EXTENSION_VERSION = "0.1.0"
PREFIX = f"{EXTENSION}:"
META, DATA, COLLECTION = ".sigmf-meta", ".sigmf-data", ".sigmf-collection"
PLAIN_DATATYPE = "cf32_le"
READ_SAMPLES = 1 << 20


def sigmf_package():
    """The package ``sigmf``. Raises DataError when it is not installed."""
    try:
        import sigmf
    except ImportError as error:
        raise DataError(
            f"recordings need the package sigmf ({error}): pip install 'semisac[radio]'"
        ) from error
    return sigmf


def base_path(path: str | os.PathLike[str]) -> Path:
    """Path of a recording without the ending of its files. Raises DataError for a path without name."""
    path = Path(path).expanduser()
    if path.suffix in (META, DATA, COLLECTION):
        path = path.with_suffix("")
    if path.name in ("", ".."):
        raise DataError(f"{str(path)!r} names no recording, expected a path such as recordings/first")
    return path


def with_ending(base: Path, ending: str) -> Path:
    """File of a recording; a name may hold dots of its own."""
    return base.with_name(base.name + ending)


@dataclass(frozen=True)
class RecordedChannel:
    """Samples of one channel and what is known of them.

    name: "sent", "rx0", ...; "" when the recording does not say. data_file: the samples. datatype: as SigMF
    names it. sample_count: samples. sample_rate_hz: complex samples a second, None when unknown. metadata:
    the content of the metadata file.
    """

    name: str
    data_file: Path
    datatype: str
    sample_count: int
    sample_rate_hz: float | None
    metadata: dict

    def field(self, name: str, default: object = None) -> object:
        """Value of a global field of the extension, such as "frame"."""
        return self.metadata["global"].get(PREFIX + name, default)

    def tags(self) -> Iterator[tuple[int, dict]]:
        """(sample, tag) in the order of the samples; a tag is {key, kind: value}, see docs/recordings.md."""
        found = [
            (place["core:sample_start"], order, tag)
            for order, place in enumerate([*self.metadata["captures"], *self.metadata["annotations"]])
            for tag in place.get(PREFIX + "tags", ())
        ]
        found.sort(key=lambda entry: entry[:2])
        return ((sample, tag) for sample, _, tag in found)

    def frames(self) -> Iterator[dict[str, object]]:
        """Frames whose truth is known: {sample, samples, frame_id, images, labels}; labels (one an image, -1
        unknown) may be absent.
        """
        for annotation in self.metadata["annotations"]:
            values = {tag["key"]: tag for tag in annotation.get(PREFIX + "tags", ())}
            if "frame_id" not in values:
                continue
            frame = {
                "sample": annotation["core:sample_start"],
                "samples": annotation.get("core:sample_count"),
                "frame_id": values["frame_id"].get("uint64"),
                "images": values.get("images", {}).get("long"),
            }
            labels = annotation.get(PREFIX + "labels")
            yield frame if labels is None else frame | {"labels": labels}

    def gaps(self) -> Iterator[tuple[int, int]]:
        """(sample, samples) of each run of lost samples, which are zeros."""
        for annotation in self.metadata["annotations"]:
            if any(tag["key"] == "gap" for tag in annotation.get(PREFIX + "tags", ())):
                yield annotation["core:sample_start"], annotation["core:sample_count"]

    def samples(self, start: int = 0, count: int | None = None) -> np.ndarray:
        """Samples from `start` on, complex64 [count]; fewer where the recording ends.

        Integers are scaled so that their full scale is 1.
        """
        count = self.sample_count - start if count is None else min(count, self.sample_count - start)
        if count <= 0:
            return np.empty(0, np.complex64)
        if self.datatype == PLAIN_DATATYPE:
            return np.fromfile(self.data_file, np.complex64, count, offset=8 * start)
        handle = sigmf_package().SigMFFile(
            metadata=self.metadata, data_file=self.data_file, skip_checksum=True
        )
        return handle.read_samples(start, count)


@dataclass(frozen=True)
class Recording:
    """One recording or a collection of them, one a channel, in step."""

    base: Path
    channels: tuple[RecordedChannel, ...]

    @classmethod
    def open(cls, path: str | os.PathLike[str], check_hash: bool = False) -> Recording:
        """Open a recording by its path, with or without the ending of one of its files.

        check_hash: read all samples and compare their sha512.

        Raises DataError when a file is missing, is not SigMF, holds no complex samples, was cut off, or is
        not what its hash says.
        """
        base = base_path(path)
        meta, collection = with_ending(base, META), with_ending(base, COLLECTION)
        if meta.is_file() and not (collection.is_file() and Path(path).suffix == COLLECTION):
            names = [base]
        elif collection.is_file():
            names = _streams(collection)
        else:
            raise DataError(f"{base}: no such recording, expected {meta.name} or {collection.name}")
        channels = tuple(_open_channel(name, check_hash) for name in names)
        rates = {channel.sample_rate_hz for channel in channels}
        counts = {channel.sample_count for channel in channels}
        if len(rates) > 1 or len(counts) > 1:
            raise DataError(
                f"{collection}: its recordings have {sorted(map(str, rates))} samples a second and "
                f"{sorted(counts)} samples, expected the same of each: they were not recorded together"
            )
        return cls(base, channels)

    @property
    def sample_rate_hz(self) -> float | None:
        """Complex samples a second; None when the recording does not say."""
        return self.channels[0].sample_rate_hz

    @property
    def center_frequency_hz(self) -> float | None:
        """Of the first capture; None when the recording does not say."""
        captures = self.channels[0].metadata["captures"]
        return captures[0].get("core:frequency") if captures else None

    @property
    def sample_count(self) -> int:
        """Samples of each channel."""
        return self.channels[0].sample_count

    def field(self, name: str, default: object = None) -> object:
        """Value of a global field of the extension, such as "frame", from the first channel that has it."""
        return next((value for c in self.channels if (value := c.field(name)) is not None), default)


def _streams(collection: Path) -> list[Path]:
    streams = _read_json(collection).get("collection", {}).get("core:streams", [])
    names = [stream.get("name") for stream in streams if isinstance(stream, dict)]
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise DataError(
            f"{collection}: names no recordings beside it, expected core:streams with their names"
        )
    return [collection.with_name(name) for name in names]


def _open_channel(base: Path, check_hash: bool) -> RecordedChannel:
    meta, data = with_ending(base, META), with_ending(base, DATA)
    metadata = _read_json(meta)
    _check_valid(meta, metadata)
    if not data.is_file():
        raise DataError(f"{data}: no such file, expected the samples of {meta.name} beside it")
    about = metadata["global"]
    datatype = about["core:datatype"]
    if not datatype.startswith("c"):
        raise DataError(f"{meta}: core:datatype is {datatype}, expected complex samples such as cf32_le")
    if about.get("core:num_channels", 1) != 1:
        raise DataError(
            f"{meta}: core:num_channels is {about['core:num_channels']}, expected 1: split the channels into "
            "recordings of a collection"
        )
    sample_bytes = sigmf_package().sigmffile.dtype_info(datatype)["sample_size"]
    count, rest = divmod(data.stat().st_size, sample_bytes)
    expected = about.get(PREFIX + "sample_count", count)
    last = max((place["core:sample_start"] for place in metadata["annotations"]), default=0)
    if rest or count < expected or last > count:
        raise DataError(
            f"{data}: holds {data.stat().st_size} bytes, expected {max(expected, last) * sample_bytes} or "
            f"more in whole samples of {sample_bytes}: the file was cut off, copy it again"
        )
    if check_hash:
        _check_hash(data, about.get("core:sha512"))
    rate = about.get("core:sample_rate")
    return RecordedChannel(
        str(about.get(PREFIX + "channel", "")), data, datatype, count, None if rate is None else float(rate),
        metadata,
    )  # fmt: skip


def _read_json(file: Path) -> dict:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}), expected SigMF metadata") from error
    except ValueError as error:
        raise DataError(f"{file}: is not JSON ({error}), expected SigMF metadata: copy it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: holds no object, expected SigMF metadata")
    return content


def _check_valid(file: Path, metadata: dict) -> None:
    """Check against the schema of SigMF; of annotations, which may be many, the first and the order."""
    sigmf = sigmf_package()
    from jsonschema.exceptions import ValidationError

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


def _check_hash(data: Path, expected: str | None) -> None:
    if expected is None:
        raise DataError(f"{data}: its metadata hold no core:sha512, expected one to check: open it unchecked")
    digest = hashlib.sha512()
    with data.open("rb") as file:
        while piece := file.read(8 * READ_SAMPLES):
            digest.update(piece)
    if digest.hexdigest() != expected:
        raise DataError(f"{data}: sha512 differs from that in its metadata: the samples were changed")
