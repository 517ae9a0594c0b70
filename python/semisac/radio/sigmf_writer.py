# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write recordings: samples and what is known of them, in flat memory however long they are."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pmt

from semisac_ml.data import DataError
from semisac_ml.data.sigmf_checks import EXTENSION, EXTENSION_VERSION, PREFIX, sigmf_package
from semisac_ml.data.sigmf_recording import COLLECTION, DATA, META, base_path, with_ending

from . import sigmf_tags

UNFINISHED = ".unfinished"
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

    Raises DataError when the files cannot be written.
    """

    def __init__(
        self,
        base: Path,
        sample_rate_hz: float,
        center_frequency_hz: float,
        core: Mapping[str, object] | None = None,
        labels: Sequence[int] | None = None,
    ):
        self.base = base
        self._sample_rate_hz = float(sample_rate_hz)
        self._frequency_hz = float(center_frequency_hz)
        self._core = dict(core or {})
        self._labels = None if labels is None or len(labels) == 0 else [int(label) for label in labels]
        self._digest = hashlib.sha512()
        self._captures: list[dict] = []
        self._skipped: set[str] = set()
        self._held: dict[str, dict] = {}
        self.sample_count = 0
        self._data_file = with_ending(base, DATA + UNFINISHED)
        self._places_file = with_ending(base, ".annotations" + UNFINISHED)
        self._data = self._places = None
        try:
            base.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{base}: cannot be written ({error.strerror}): choose another path") from error
        if not os.access(base.parent, os.W_OK):
            raise DataError(f"{base}: cannot be written (no permission): choose another path")

    def write(self, samples: np.ndarray, tags: Iterable[Tag] = ()) -> None:
        """Append samples, complex64; tags carry their place counted from the recording's beginning."""
        if self._data is None:
            self._data = self._data_file.open("wb", buffering=0)
            self._places = self._places_file.open("w", encoding="utf-8")
            self._captures.append(self._capture(0))
        raw = memoryview(np.ascontiguousarray(samples, "<c8")).cast("B")
        self._append(raw)
        self._digest.update(raw)
        self.sample_count += len(samples)
        self._write_tags(sorted(tags, key=lambda tag: tag[0]))

    def _append(self, raw: memoryview) -> None:
        """Write all bytes or, when the disk is full, none: what is there already stays a whole recording."""
        try:
            while len(raw):
                raw = raw[self._write_some(raw) :]
        except OSError as error:
            self._data.truncate(8 * self.sample_count)
            self._data.seek(0, os.SEEK_END)
            raise DataError(
                f"{self._data_file}: cannot be written any further ({error.strerror}) after "
                f"{self.sample_count} samples, which are kept: make room"
            ) from error

    def _write_some(self, raw: memoryview) -> int:
        return self._data.write(raw)

    def skipped_keys(self) -> list[str]:
        """Keys of tags that were left out, because JSON has nothing like their values."""
        return sorted(self._skipped)

    def _capture(self, sample: int) -> dict:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"core:sample_start": sample, "core:frequency": self._frequency_hz, "core:datetime": now}

    def _write_tags(self, tags: list[Tag]) -> None:
        first = 0
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
            for place in (gaps, others):
                if place:
                    self._places.write(json.dumps(self._annotation(sample, place)) + "\n")
            first = last

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
            if tag["key"] == "rx_freq" and "double" in tag:
                self._frequency_hz = float(tag["double"])
        if self._captures[-1]["core:sample_start"] != sample:
            self._captures.append(self._capture(sample))
        self._captures[-1]["core:frequency"] = self._frequency_hz
        self._captures[-1][PREFIX + "tags"] = tags

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
        if self._labels and "frame_id" in values:
            images = range(values["frame_id"], values["frame_id"] + int(values.get("images", 1)))
            annotation[PREFIX + "labels"] = [self._labels[image % len(self._labels)] for image in images]
        return annotation

    def finish(self, extension: Mapping[str, object]) -> Path | None:
        """Close the files and give them their names; returns the metadata file, None when no sample came.

        extension: global fields of the extension, by their names without "semisac:".
        """
        if self._data is None:
            return None
        self._data.close()
        self._places.close()
        if self.sample_count == 0:
            self._data_file.unlink()
            self._places_file.unlink()
            return None
        meta = with_ending(self.base, META)
        unfinished = with_ending(self.base, META + UNFINISHED)
        self._write_metadata(unfinished, extension)
        self._data_file.replace(with_ending(self.base, DATA))
        unfinished.replace(meta)
        self._places_file.unlink()
        return meta

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
        head = sigmf.SigMFFile(metadata={"global": about, "captures": self._captures, "annotations": []})
        head.validate()
        text = head.dumps()
        ending = '"annotations": []\n}'
        assert text.endswith(ending), "SigMF metadata end with the annotations"
        with file.open("w", encoding="utf-8") as written, self._places_file.open(encoding="utf-8") as places:
            written.write(text.removesuffix("[]\n}") + "[")
            for number, line in enumerate(places):
                written.write((",\n        " if number else "\n        ") + line.rstrip("\n"))
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
        bases, core = [self.base], self._core
        if len(self._names) > 1:
            bases = [self.base.with_name(f"{self.base.name}-{name}") for name in self._names]
            core = {**core, "collection": self.base.name}
        if not overwrite:
            check_free(self.base, bases)
        self.channels = [
            ChannelWriter(base, sample_rate_hz, center_frequency_hz, core, labels) for base in bases
        ]

    def finish(self, extension: Mapping[str, object]) -> Path | None:
        """Finish every channel; returns the file to open it by, None when no sample came."""
        files = [
            channel.finish({**extension, "channel": name} if name else extension)
            for name, channel in zip(self._names, self.channels, strict=True)
        ]
        if None in files:
            return None
        if len(files) == 1:
            with_ending(self.base, COLLECTION).unlink(missing_ok=True)  # of a recording that was replaced
            return files[0]
        for ending in (META, DATA):
            with_ending(self.base, ending).unlink(missing_ok=True)
        return self._write_collection(files)

    def _write_collection(self, files: list[Path]) -> Path:
        sigmf = sigmf_package()
        collection = sigmf.SigMFCollection(
            [file.name for file in files], base_path=self.base.parent, skip_checksums=True
        )
        for name in ("author", "description", "license"):
            if self._core.get(name):
                collection.set_collection_field(f"core:{name}", self._core[name])
        file = with_ending(self.base, COLLECTION)
        unfinished = with_ending(self.base, COLLECTION + UNFINISHED)
        unfinished.write_text(collection.dumps() + "\n", encoding="utf-8")
        unfinished.replace(file)
        return file


def check_free(base: Path, bases: Iterable[Path]) -> None:
    """Raise DataError when a recording of this name is there."""
    files = [with_ending(base, COLLECTION)]
    files += [with_ending(name, ending) for name in (base, *bases) for ending in (META, DATA)]
    there = [file for file in files if file.exists()]
    if there:
        raise DataError(
            f"{there[0]} exists: choose another path, remove it, or allow the recording to be overwritten"
        )


def plain_value(value: object) -> object:
    """A value as JSON knows it: arrays become lists, paths text, numpy numbers numbers."""
    if isinstance(value, Mapping):
        return {str(name): plain_value(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain_value(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain_value(part) for part in value]
    if isinstance(value, np.generic):
        return plain_value(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value)
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def tag_of(tag, first: int) -> Tag:
    """Place, key and value of a GNU Radio tag; `first` is the place of the recording's first sample."""
    return tag.offset - first, pmt.symbol_to_string(tag.key), tag.value
