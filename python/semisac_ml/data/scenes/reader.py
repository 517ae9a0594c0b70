# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The index of a set of scenes and the truth of its steps; needs numpy and Pillow only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from semisac_ml.data import DataError
from semisac_ml.sensors import declared

from .channel import ChannelSettings, channel_from_paths
from .ray_tracer import Paths

INDEX_FILE = "index.json"
STEPS_FILE = "steps.jsonl"


@dataclass(frozen=True)
class Moment:
    """One step: `record` is its line of the index, `drive` what is true of its whole drive."""

    folder: Path
    record: dict[str, Any]
    drive: dict[str, Any]

    @property
    def targets(self) -> list[dict[str, Any]]:
        """What is true of every target; see :func:`semisac_ml.data.scenes.truth.targets`."""
        return self.record["targets"]

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything in the file of truth: classes, instances, depth_cm, thermal, powers, paths."""
        file = self.folder / "truth" / f"{self.record['sequence']:04d}" / f"{self.record['step']:03d}.npz"
        try:
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files if name != "record"}
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise DataError(f"{file}: cannot be read ({error}), expected the truth of a step") from error
        except Exception as error:  # zipfile and zlib have errors of their own
            raise DataError(f"{file}: is damaged ({error}), expected the truth of a step") from error

    def image(self) -> np.ndarray:
        """The picture, uint8 [height, width, 3]."""
        return declared()["camera"].read(self.file("image"))

    def depth_m(self) -> np.ndarray:
        """Depth along the optical axis in metres, float32 [height, width]; infinite for the sky."""
        stored = self.arrays()["depth_cm"]
        return np.where(stored > 0, stored.astype(np.float32) / 100.0, np.inf).astype(np.float32)

    def points(self) -> np.ndarray:
        """LiDAR points, float32 [points, 4]."""
        return declared()["lidar"].read(self.file("lidar"))

    def beat(self) -> np.ndarray:
        """Radar samples, complex64 [antennas, samples, chirps]."""
        return declared()["radar"].read(self.file("radar"))

    def powers(self, carrier: int = 0) -> np.ndarray:
        """Power received by the 64 beams from a carrier, float64 [64]; NaN if it is not there."""
        return self.arrays()["powers"][carrier]

    def paths(self, carrier: int = 0, carrier_ghz: int = 28) -> Paths:
        """Radio paths of a carrier at 28 or 60 GHz."""
        arrays = self.arrays()
        names = ("gain", "delay_s", "doppler_hz", "departure_rad", "arrival_rad", "line_of_sight")
        return Paths(*(arrays[f"paths_{carrier_ghz}_{carrier}_{name}"] for name in names))

    def channel(
        self, carrier: int = 0, settings: ChannelSettings | None = None, *, normalised: bool = False
    ) -> np.ndarray:
        """Channel of a carrier; see :func:`semisac_ml.data.scenes.channel.channel_from_paths`."""
        paths = self.paths(carrier, 28)
        return channel_from_paths(
            paths.gain,
            paths.delay_s,
            paths.doppler_hz,
            paths.departure_rad,
            paths.arrival_rad,
            settings,
            normalised=normalised,
        )

    def file(self, kind: str) -> Path:
        """Path of a file of the step: "image", "lidar", "radar", "power", "location"."""
        if kind not in self.record["files"]:
            raise DataError(f"{self.folder / STEPS_FILE}: files: step has no {kind!r}")
        return self.folder / self.record["files"][kind]


@dataclass(frozen=True)
class SceneSet:
    """A set of scenes: its steps in order.

    index : the content of index.json: plan, classes, drives.
    """

    folder: Path
    index: dict[str, Any]

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> SceneSet:
        """Open a folder; raises DataError if it is no set of scenes."""
        folder = Path(folder).expanduser()
        file = folder / INDEX_FILE
        try:
            index = json.loads(file.read_text(encoding="utf-8"))
            index["drives"], index["plan"], index["classes"]
        except OSError as error:
            raise DataError(
                f"{file}: cannot be read ({error.strerror}), expected a finished set of 'semisac data scenes'"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file}: is no index of scenes ({error})") from error
        return cls(folder, index)

    @property
    def drives(self) -> list[dict[str, Any]]:
        """What is true of every drive."""
        return self.index["drives"]

    @cached_property
    def moments(self) -> list[Moment]:
        """All steps."""
        file = self.folder / STEPS_FILE
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror}), expected a line a step") from error
        drives = {drive["sequence"]: drive for drive in self.drives}
        return [self._moment(line, f"{file}: line {k}", drives) for k, line in enumerate(lines, start=1)]

    def _moment(self, line: str, source: str, drives: dict[int, dict[str, Any]]) -> Moment:
        try:
            record = json.loads(line)
            record["step"], record["files"], record["targets"]
            return Moment(self.folder, record, drives[record["sequence"]])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{source}: is no step of a known drive ({error})") from error

    def __iter__(self) -> Iterator[Moment]:
        return iter(self.moments)

    def __len__(self) -> int:
        return len(self.moments)
