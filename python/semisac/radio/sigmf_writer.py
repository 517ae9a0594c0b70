# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write recordings: samples and what is known of them, in flat memory however long they are."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from semisac_ml.data import DataError
from semisac_ml.data.sigmf_checks import EXTENSION, EXTENSION_VERSION, PREFIX, sigmf_package
from semisac_ml.data.sigmf_recording import COLLECTION, DATA, META, base_path, with_ending
from semisac_ml.outputs import output_file, write_output

from . import sigmf_tags
from .unfinished_file import UnfinishedFile

SAMPLE_BYTES = 8
MOST_FREQUENCY_HZ = 1e12  # of SigMF's schema
CLOCK_SET_ANEW_S = 86400.0  # a time that is later by more, or earlier, is no time that passed
ROOM_BYTES = 1 << 17  # for metadata beside annotations, when a disk is full
MOST_IMAGES = 1 << 16  # of a frame
CAPTURE_KEYS = ("rx_time", "rx_freq", "rx_rate")
"""Tags with which a radio says that samples begin anew: they open a capture, the others are annotations."""
HELD_KEYS = ("snr_db", "noise_var", "channel_gain", "sensing_snr_db")
"""Tags whose value holds until the next one: said at every call of a channel, recorded when they change."""

Tag = tuple[int, str, object]
"""(sample, key, PMT)."""


class ChannelWriter:
    """Write one channel of a recording.

    The files bear the ending .unfinished until `finish` gives them their names: what has no such ending is
    whole.

    base: path without ending.
    core: further core fields of the recording, such as {"hw": "..."}.
    labels: class of each image of the set that is sent in turn; with them a frame's annotation says what it
        shows.
    overwrite: replace a recording of this name.

    Raises DataError when the files cannot be written, and where others are that it did not make.
    """

    def __init__(
        self,
        base: Path,
        sample_rate_hz: float,
        center_frequency_hz: float,
        core: Mapping[str, object] | None = None,
        labels: Sequence[int] | None = None,
        overwrite: bool = False,
    ):
        self.base = base
        self._sample_rate_hz = float(sample_rate_hz)
        self._frequency_hz = float(center_frequency_hz)
        self._core = dict(core or {})
        self._labels = None if labels is None or len(labels) == 0 else [int(label) for label in labels]
        self._overwrite = overwrite
        self._digest = hashlib.sha512()
        self._captures: list[dict] = []
        self._skipped: set[str] = set()
        self._held: dict[str, dict] = {}
        self._begin: datetime | None = None
        self._last = (0, 0.0, None)  # capture: sample, seconds since the begin, time of the radio
        self.sample_count = 0
        if not base.parent.is_dir():
            raise DataError(
                f"{base}: cannot be written, the folder {base.parent} does not exist: make it, or choose "
                "another path"
            )
        self._data = UnfinishedFile(with_ending(base, DATA), overwrite)
        self._places = UnfinishedFile(with_ending(base, ".annotations"), True)  # of no use without the data

    def write(self, samples: np.ndarray, tags: Iterable[Tag] = ()) -> None:
        """Append samples, complex64; tags carry their place counted from the recording's beginning.

        Raises DataError when the disk is full: what is there already stays a whole recording.
        """
        if self._begin is None:
            self._begin = datetime.now(UTC)
            self._captures.append(self._capture(0))
        raw = memoryview(np.ascontiguousarray(samples, "<c8")).cast("B")
        places = self._annotations(sorted(tags, key=lambda tag: tag[0]))
        before = self._places.size
        try:
            self._places.append(places.encode())
            self._data.append(raw)
        except OSError as error:
            self._places.cut(before)
            raise DataError(
                f"{self._data.path}: cannot be written any further ({error.strerror}) after "
                f"{self.sample_count} samples, which are kept: make room"
            ) from error
        self._digest.update(raw)
        self.sample_count += len(samples)

    def skipped_keys(self) -> list[str]:
        """Keys of tags that were left out, because JSON has nothing like their values."""
        return sorted(self._skipped)

    def _capture(self, sample: int, tags: Iterable[dict] = ()) -> dict:
        """A capture, with the date of its first sample: as much later as the times of the radio say."""
        sample_before, since_s, before = self._last
        now = next((time for tag in tags if (time := sigmf_tags.radio_time(tag)) is not None), None)
        passed_s = (sample - sample_before) / self._sample_rate_hz
        if now and before:
            by_clock_s = now[0] - before[0] + now[1] - before[1]
            passed_s = by_clock_s if 0.0 <= by_clock_s < CLOCK_SET_ANEW_S else passed_s
        self._last = (sample, since_s + passed_s, now)
        date = self._begin + timedelta(seconds=since_s + passed_s)
        return {
            "core:sample_start": sample,
            "core:frequency": self._frequency_hz,
            "core:datetime": date.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }

    def _annotations(self, tags: list[Tag]) -> str:
        """Lines of JSON of the tags that are no capture's."""
        lines, first = [], 0
        while first < len(tags):
            sample = tags[first][0]
            last = first
            while last < len(tags) and tags[last][0] == sample:
                last += 1
            encoded = [entry for tag in tags[first:last] if (entry := self._encode(tag)) is not None]
            of_capture = [tag for tag in encoded if tag["key"] in CAPTURE_KEYS]
            gaps = [tag for tag in encoded if tag["key"] == "gap"]
            others = [tag for tag in encoded if tag["key"] not in CAPTURE_KEYS and tag["key"] != "gap"]
            if of_capture:
                self._open_capture(sample, of_capture)
            lines += [json.dumps(self._annotation(sample, place)) for place in (gaps, others) if place]
            first = last
        return "".join(f"{line}\n" for line in lines)

    def _encode(self, tag: Tag) -> dict | None:
        key = tag[1]
        try:
            encoded = {"key": key, **sigmf_tags.to_json(tag[2])}
        except ValueError:
            self._skipped.add(key)
            return None
        if key in HELD_KEYS:
            if self._held.get(key) == encoded:
                return None
            self._held[key] = encoded
        return encoded

    def _open_capture(self, sample: int, tags: list[dict]) -> None:
        for tag in tags:
            frequency = tag.get("double") if tag["key"] == "rx_freq" else None
            if isinstance(frequency, float) and abs(frequency) <= MOST_FREQUENCY_HZ:  # "nan" is text
                self._frequency_hz = frequency
        if self._captures[-1]["core:sample_start"] == sample:
            self._captures.pop()
        self._captures.append({**self._capture(sample, tags), PREFIX + "tags": tags})

    def _annotation(self, sample: int, tags: list[dict]) -> dict:
        values = {tag["key"]: next((v for kind, v in tag.items() if kind != "key"), None) for tag in tags}
        span = values.get("gap", values.get("packet_len", 1))
        label = f"frame {values['frame_id']}" if "frame_id" in values else tags[0]["key"]
        annotation = {
            "core:sample_start": sample,
            "core:sample_count": int(span) if isinstance(span, int) and span > 0 else 1,
            "core:label": label,
            PREFIX + "tags": tags,
        }
        first, images = values.get("frame_id"), values.get("images", 1)
        if self._labels and isinstance(first, int) and isinstance(images, int) and images <= MOST_IMAGES:
            shown = range(first, first + images)
            annotation[PREFIX + "labels"] = [self._labels[image % len(self._labels)] for image in shown]
        return annotation

    def finish(self, extension: Mapping[str, object]) -> Path | None:
        """Close the files and give them their names; returns the metadata file, None when no sample came.

        extension: global fields of the extension, by their names without "semisac:".

        Raises DataError when that cannot be: samples that were written stay in the file that it names.
        """
        if self.sample_count == 0:
            self.discard()
            return None
        if not self._data.is_there():
            self._places.discard()
            raise DataError(f"{self._data.path} was removed while it was written: its samples are lost")
        meta = with_ending(self.base, META)
        if not self._overwrite:
            check_free(self.base, [self.base], f"; what was recorded is in {self._data.path}")
        try:
            try:
                self._give_names(meta, extension)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._make_room():
                    raise
                self._give_names(meta, extension)
        except OSError as error:
            raise DataError(
                f"{meta}: cannot be written ({error.strerror}); the samples, complex64, are in "
                f"{self._data.path}"
            ) from error
        self._places.discard()
        return meta

    def keep(self, count: int) -> None:
        """Give up the samples behind the first ones."""
        if count < self.sample_count:
            self.sample_count = count
            self._data.cut(SAMPLE_BYTES * count)
            self._digest = hashlib.sha512()
            for piece in self._data.read():
                self._digest.update(piece)

    def discard(self) -> None:
        """Remove the files that have no names yet."""
        self._data.discard()
        self._places.discard()

    def _give_names(self, meta: Path, extension: Mapping[str, object]) -> None:
        with output_file(meta) as written:
            self._write_metadata(written, extension)
            self._data.finish()

    def _make_room(self) -> bool:
        """Give up the last samples for the metadata, if there are more."""
        room = 2 * self._places.size + ROOM_BYTES
        if self._data.size <= room:
            return False
        self.keep((self._data.size - room) // SAMPLE_BYTES)
        return True

    def _write_metadata(self, file: Path, extension: Mapping[str, object]) -> None:
        """The annotations, which may be many, go from file to file."""
        sigmf = sigmf_package()
        about = {
            "core:datatype": "cf32_le",
            "core:sample_rate": self._sample_rate_hz,
            "core:sha512": self._digest.hexdigest(),
            "core:recorder": "gr-semisac",
            "core:extensions": [{"name": EXTENSION, "version": EXTENSION_VERSION, "optional": True}],
            **{f"core:{name}": value for name, value in self._core.items() if value not in ("", None)},
            **{PREFIX + name: value for name, value in extension.items()},
            PREFIX + "sample_count": self.sample_count,
        }
        captures = [one for one in self._captures if one["core:sample_start"] < self.sample_count]
        head = sigmf.SigMFFile(metadata={"global": about, "captures": captures, "annotations": []})
        head.validate()
        text = head.dumps()
        ending = '"annotations": []\n}'
        assert text.endswith(ending), "SigMF metadata end with the annotations"
        with file.open("w", encoding="utf-8") as written:
            written.write(text.removesuffix("[]\n}") + "[")
            between = ""
            for line in self._places.lines():
                if json.loads(line)["core:sample_start"] < self.sample_count:
                    written.write(f"{between}\n        {line}")
                    between = ","
            written.write("\n    ]\n}\n")
            written.flush()
            os.fsync(written.fileno())


class RecordingWriter:
    """Write a recording: one channel, or a collection with a recording for each.

    path: with or without ending; with several channels the recordings are called <path>-<channel>.
    channel_names: such as ["sent", "rx0"].
    overwrite: replace a recording of this name; else it is an error.
    The others as of ChannelWriter.

    Raises DataError when there is such a recording already or it cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        channel_names: Sequence[str],
        sample_rate_hz: float,
        center_frequency_hz: float,
        core: Mapping[str, object] | None = None,
        labels: Sequence[int] | None = None,
        overwrite: bool = False,
    ):
        sigmf_package()
        self.base = base_path(path)
        self._names = list(channel_names)
        self._core = dict(core or {})
        self._overwrite = overwrite
        bases, core = bases_of(self.base, self._names), self._core
        if len(bases) > 1:
            core = {**core, "collection": self.base.name}
        (check_files if overwrite else check_free)(self.base, bases)
        self.channels: list[ChannelWriter] = []
        try:
            for base in bases:
                self.channels.append(
                    ChannelWriter(base, sample_rate_hz, center_frequency_hz, core, labels, overwrite)
                )
        except DataError:
            for channel in self.channels:
                channel.discard()
            raise

    def finish(self, extension: Mapping[str, object]) -> Path | None:
        """Finish every channel; returns the file to open it by, None when no sample came.

        Raises DataError as ChannelWriter.finish, after all channels were finished as far as they could be.
        """
        for channel in self.channels:  # a disk may be full for one of them
            channel.keep(min(other.sample_count for other in self.channels))
        files, errors = [], []
        for name, channel in zip(self._names, self.channels, strict=True):
            try:
                files.append(channel.finish({**extension, "channel": name} if name else extension))
            except DataError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        if None in files:
            return None
        others = [COLLECTION] if len(files) == 1 else [META, DATA]
        if self._overwrite:  # what is replaced had others
            check_files(self.base, [])
            for ending in others:
                with_ending(self.base, ending).unlink(missing_ok=True)
        return files[0] if len(files) == 1 else self._write_collection(files)

    def _write_collection(self, files: list[Path]) -> Path:
        sigmf = sigmf_package()
        collection = sigmf.SigMFCollection(
            [file.name for file in files], base_path=self.base.parent, skip_checksums=True
        )
        for name in ("author", "description", "license"):
            if self._core.get(name):
                collection.set_collection_field(f"core:{name}", self._core[name])
        file = with_ending(self.base, COLLECTION)
        if not self._overwrite:
            check_free(self.base, [], f"; what was recorded is in {files[0]} and others")
        try:
            write_output(file, collection.dumps() + "\n")
        except OSError as error:
            raise DataError(
                f"{file}: cannot be written ({error.strerror}); each channel is whole: {files[0]}, ..."
            ) from error
        return file


def bases_of(base: Path, channel_names: Sequence[str]) -> list[Path]:
    """Path without ending of each channel."""
    if len(channel_names) == 1:
        return [base]
    return [base.with_name(f"{base.name}-{name}") for name in channel_names]


def files_of(base: Path, bases: Iterable[Path]) -> list[Path]:
    """Files that a recording may have, of a collection of these channels too."""
    files = [with_ending(base, COLLECTION)]
    return files + [
        with_ending(name, ending) for name in dict.fromkeys((base, *bases)) for ending in (META, DATA)
    ]


def check_free(base: Path, bases: Iterable[Path], more: str = "") -> None:
    """Raise DataError when a recording of this name is there."""
    there = [file for file in files_of(base, bases) if os.path.lexists(file)]
    if there:
        raise DataError(
            f"{there[0]} exists: choose another path, remove it, or allow the recording to be "
            f"overwritten{more}"
        )


def check_files(base: Path, bases: Iterable[Path]) -> None:
    """Raise DataError when what would be replaced is no file: a folder, a link, a device."""
    for file in files_of(base, bases):
        if file.is_symlink() or (file.exists() and not file.is_file()):
            raise DataError(f"{file} is a link or no file, expected one to replace: choose another path")
