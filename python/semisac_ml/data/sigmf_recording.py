# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""SigMF recordings, checked before the first sample is read.

One recording a channel; several channels that were recorded together are a SigMF collection of such, sample
by sample in step. What the extension ``semisac`` adds to the core fields is described in docs/recordings.md.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import DataError
from .sigmf_checks import PREFIX, check_hash_of, checked_metadata, read_json
from .sigmf_layout import LONGEST_GAP_S, Break, Format, Layout, first_index, layout_of

META, DATA, COLLECTION = ".sigmf-meta", ".sigmf-data", ".sigmf-collection"
ARCHIVES = {
    ".sigmf": "tar -xf",
    ".sigmf.gz": "tar -xzf",
    ".sigmf.xz": "tar -xJf",
    ".sigmf.zip": "unzip",
}


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

    Samples that were lost, as far as captures tell, are zeros among the others: each has its place in time.

    name: "sent", "rx0", ...; "" when the recording does not say. data_file: the samples. format: how they lie
    in it, of which lane is this channel. layout: where. sample_rate_hz: complex samples a second, None when
    unknown. metadata: the content of the metadata file.
    """

    name: str
    data_file: Path
    format: Format
    layout: Layout
    sample_rate_hz: float | None
    metadata: dict
    lane: int = 0

    @property
    def sample_count(self) -> int:
        """Samples, with those that were lost."""
        return self.layout.sample_count

    @property
    def breaks(self) -> tuple[Break, ...]:
        """Where captures tell that samples were lost, or that what follows is something else."""
        return self.layout.breaks

    def field(self, name: str, default: object = None) -> object:
        """Value of a global field of the extension, such as "frame"."""
        return self.metadata["global"].get(PREFIX + name, default)

    def tags(self) -> Iterator[tuple[int, dict]]:
        """(sample, tag) in the order of the samples; a tag is {key, kind: value}, see docs/recordings.md.

        A break has the tag gap, as where a receiver lost samples.
        """
        found = [
            (self.layout.place(place["core:sample_start"]), order, tag)
            for order, place in enumerate([*self.metadata["captures"], *self.metadata["annotations"]])
            for tag in place.get(PREFIX + "tags", ())
        ]
        found += [(one.sample, -1, {"key": "gap", "long": one.count}) for one in self.breaks]
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
                "sample": self.layout.place(annotation["core:sample_start"]),
                "samples": annotation.get("core:sample_count"),
                "frame_id": values["frame_id"].get("uint64"),
                "images": values.get("images", {}).get("long"),
            }
            labels = annotation.get(PREFIX + "labels")
            yield frame if labels is None else frame | {"labels": labels}

    def gaps(self) -> Iterator[tuple[int, int]]:
        """(sample, samples) of each run of lost samples, which are zeros."""
        found = [(one.sample, one.count) for one in self.breaks]
        for annotation in self.metadata["annotations"]:
            if any(tag["key"] == "gap" for tag in annotation.get(PREFIX + "tags", ())):
                place = self.layout.place(annotation["core:sample_start"])
                found.append((place, annotation.get("core:sample_count", 1)))
        return iter(sorted(found))

    def samples(self, start: int = 0, count: int | None = None) -> np.ndarray:
        """Samples from `start` on, complex64 [count]; fewer where the recording ends.

        Integers are scaled so that their full scale is 1.
        """
        left = self.sample_count - start
        found = np.empty(max(left if count is None else min(count, left), 0), np.complex64)
        self.read(start, found)
        return found

    def read(self, start: int, samples: np.ndarray) -> None:
        """Fill complex64 [count], no more than there are from `start` on.

        Raises DataError when the file has become shorter.
        """
        stored = list(self.layout.within(start, len(samples)))
        if sum(count for _, count, _, _ in stored) < len(samples):
            samples[:] = 0.0
        if not stored:
            return
        with self.data_file.open("rb", buffering=0) as file:
            for place, count, byte, skipped in stored:
                file.seek(byte + skipped * self.format.item_bytes)
                into = samples[place : place + count]
                if self.format.is_plain:
                    self._read_whole(file, into)
                else:
                    raw = np.empty(2 * count * self.format.lanes, self.format.part)
                    self._read_whole(file, raw)
                    into[:] = self.format.decode(raw, self.lane)

    def _read_whole(self, file, numbers: np.ndarray) -> None:
        raw = memoryview(numbers).cast("B")
        while len(raw):
            read = file.readinto(raw)
            if not read:
                raise DataError(f"{self.data_file} became shorter while it was read")
            raw = raw[read:]


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
        not what its hash says, and for channels that are not in step.
        """
        files = metadata_files(path)
        found = [(file, checked_metadata(file)) for file in files]
        first = [first_index(metadata) for _, metadata in found]
        channels = [
            channel
            for (file, metadata), index in zip(found, first, strict=True)
            for channel in _open_channels(file, metadata, index - min(first), check_hash)
        ]
        _check_in_step(files[0], channels)
        return cls(base_path(path), tuple(channels))

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
        return min(channel.sample_count for channel in self.channels)

    def frames_torn(self) -> list[int]:
        """First samples of the frames sent while a channel lost samples, as far as captures tell."""
        lost = [(one.sample, one.sample + one.count) for channel in self.channels for one in channel.breaks]
        if self.channels[0].name != "sent" or not lost:
            return []
        frames = [
            (frame["sample"], frame["sample"] + (frame["samples"] or 1))
            for frame in self.channels[0].frames()
        ]
        return [first for first, end in frames if any(begin < end and first < over for begin, over in lost)]

    def field(self, name: str, default: object = None) -> object:
        """Value of a global field of the extension, such as "frame", from the first channel that has it."""
        return next((value for c in self.channels if (value := c.field(name)) is not None), default)


def metadata_files(path: str | os.PathLike[str]) -> list[Path]:
    """Metadata files of a recording or, one a channel, of a collection.

    path: with or without the ending of one of its files, also cut short as a shell completes it. Raises
    DataError that says what is there instead.
    """
    given = Path(path).expanduser()
    for ending in ("", "-", ".sigmf-", ".sigmf", "."):
        if not ending or given.name.endswith(ending) and len(given.name) > len(ending):
            base = base_path(given.with_name(given.name.removesuffix(ending)) if ending else given)
            meta, collection = with_ending(base, META), with_ending(base, COLLECTION)
            if meta.is_file() and given.suffix != COLLECTION:
                return [meta]
            if collection.is_file():
                return [with_ending(name, META) for name in _streams(collection)]
    base = base_path(given)
    meta, collection = with_ending(base, META), with_ending(base, COLLECTION)
    if given.is_dir():
        inside = sorted(file.name for file in given.iterdir() if file.suffix in (META, COLLECTION))[:6]
        raise DataError(
            f"{given}: is a folder, expected a recording such as {', '.join(inside) or meta.name}"
        )
    unpack = next((how for end, how in ARCHIVES.items() if given.name.lower().endswith(end)), None)
    if unpack and given.is_file():
        raise DataError(f"{given}: is a SigMF archive, expected its files: unpack it with `{unpack} {given}`")
    if given.is_file() and given.suffix not in (META, DATA, COLLECTION):
        raise DataError(
            f"{given}: holds no SigMF metadata, expected {given.stem}{META} beside it, with core:dataset "
            f"{given.name}, core:datatype and core:sample_rate: write it, then give {given.stem}"
        )
    expected = collection.name if given.suffix == COLLECTION else f"{meta.name} or {collection.name}"
    raise DataError(f"{base}: no such recording, expected {expected}")


def _streams(collection: Path) -> list[Path]:
    about = read_json(collection).get("collection")
    streams = about.get("core:streams") if isinstance(about, dict) else None
    streams = streams if isinstance(streams, list) else []
    names = [stream.get("name") if isinstance(stream, dict) else None for stream in streams]
    if not names or not all(isinstance(name, str) and Path(name).name == name != "" for name in names):
        raise DataError(
            f"{collection}: names no recordings beside it, expected core:streams with their names"
        )
    return [collection.with_name(name) for name in names]


def _open_channels(meta: Path, metadata: dict, late: int, check_hash: bool) -> list[RecordedChannel]:
    about = metadata["global"]
    rate = about.get("core:sample_rate")
    if rate is not None and not math.isfinite(rate):
        raise DataError(f"{meta}: core:sample_rate is {rate}, expected samples a second")
    if late > LONGEST_GAP_S * (rate or 1e6):
        raise DataError(
            f"{meta}: begins {late} samples behind the other channels by its core:global_index, expected a "
            "recording of the same time: correct it, or open one channel alone"
        )
    form = Format.of(meta, about)
    data = _data_file(meta, about)
    layout = layout_of(meta, metadata, data, form.item_bytes, late)
    if check_hash:
        check_hash_of(data, about.get("core:sha512"))
    name = str(about.get(PREFIX + "channel", ""))
    return [
        RecordedChannel(name, data, form, layout, None if rate is None else float(rate), metadata, lane)
        for lane in range(form.lanes)
    ]


def _data_file(meta: Path, about: dict) -> Path:
    data = meta.with_name(about.get("core:dataset") or meta.name.removesuffix(META) + DATA)
    if data.parent != meta.parent:
        raise DataError(
            f"{meta}: core:dataset is {about['core:dataset']!r}, expected the name of a file beside it"
        )
    if data.is_file():
        return data
    if about.get("core:metadata_only"):
        raise DataError(
            f"{meta}: was given without samples (core:metadata_only), expected {data.name} beside it"
        )
    raise DataError(f"{data}: no such file, expected the samples of {meta.name} beside it")


def _check_in_step(file: Path, channels: list[RecordedChannel]) -> None:
    rates = {channel.sample_rate_hz for channel in channels}
    stored = {channel.layout.stored for channel in channels}
    counts = {channel.sample_count for channel in channels}
    unknown = {
        tuple(one.sample for one in channel.breaks if one.sample and one.count == 1) for channel in channels
    }
    if len(rates) > 1 or (len(stored) > 1 and len(counts) > 1) or len(unknown) > 1:
        raise DataError(
            f"{file}: the recordings of its collection have {sorted(map(str, rates))} samples a second and "
            f"{sorted(counts)} samples, expected the same of each, with breaks at the same samples: they "
            "were not recorded together"
        )
