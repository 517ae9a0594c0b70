# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the loaders of DeepSense return: the samples of a scenario, and sequences of frames from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import DataError
from ..reading import wrong
from . import sensors

FRAMES = 5
FRAMES_WITH_POSITION = 2


@dataclass(frozen=True)
class Scenario:
    """Samples of one scenario in the order of recording.

    name: such as "scenario1".
    power: received power of each beam, linear and with its noise floor, float64 [samples, 64]; beams in the
        order of the official table.
    beam: the strongest, int64 [samples], counted from 0 (the tables count from 1).
    sequence: number of the drive, int64 [samples].
    index: number of each sample in the recording, int64 [samples], rising; neighbours differ by 1 unless
        samples between them are missing.
    vehicle, base_station: latitude and longitude in degrees, float64 [samples, 2].
    vehicle_calibrated: the same after a correction per drive that was made afterwards, or None. It knows the
        whole drive: a receiver would not have it.
    files: of "camera", "lidar" and "radar", as far as recorded, one path a sample.
    left_out: why samples were left out, one line each.
    """

    name: str
    power: np.ndarray
    beam: np.ndarray
    sequence: np.ndarray
    index: np.ndarray
    vehicle: np.ndarray
    base_station: np.ndarray
    vehicle_calibrated: np.ndarray | None = None
    files: dict[str, list[Path]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.beam)

    def windows(self, frames: int = FRAMES) -> np.ndarray:
        """Indices of samples that follow each other in one drive, int64 [windows, frames], overlapping."""
        starts = np.arange(max(len(self) - frames + 1, 0))
        last = starts + frames - 1
        same = self.sequence[starts] == self.sequence[last]
        whole = self.index[last] - self.index[starts] == frames - 1
        return starts[same & whole][:, None] + np.arange(frames)

    def frame_sequences(self, frames: int = FRAMES) -> FrameSequences:
        """Sequences as the challenge has them: the last frame's beam, positions of the first two frames.

        Raises
        ------
        DataError
            If no drive is that long.
        """
        windows = self.windows(frames)
        if not len(windows):
            raise DataError(f"{self.name}: no drive has {frames} frames, expected one or more")
        first = windows[:, : min(FRAMES_WITH_POSITION, frames)]
        return FrameSequences(
            name=self.name,
            power=self.power[windows[:, -1]],
            beam=self.beam[windows[:, -1]],
            sequence=self.sequence[windows[:, -1]],
            vehicle=self.vehicle[first],
            base_station=self.base_station[windows[:, -1]],
            files={
                kind: [[paths[k] for k in window] for window in windows] for kind, paths in self.files.items()
            },
            left_out=self.left_out,
        )


@dataclass(frozen=True)
class FrameSequences:
    """Sequences of frames, each with the beam that is to be told from it.

    name: of the scenario or of the part of the challenge.
    power: received power in the last frame, float64 [sequences, 64]; None where it is kept secret.
    beam: the strongest in the last frame, int64 [sequences], counted from 0; None where it is kept secret.
    sequence: number of the drive, int64 [sequences]: sequences of different drives share no frame.
    vehicle: latitude and longitude in degrees in the first two frames only, float64 [sequences, 2, 2].
    base_station: latitude and longitude in degrees, float64 [sequences, 2].
    files: of "camera", "lidar" and "radar", one path a frame, [sequences][frames].
    left_out: why sequences were left out, one line each.
    """

    name: str
    power: np.ndarray | None
    beam: np.ndarray | None
    sequence: np.ndarray
    vehicle: np.ndarray
    base_station: np.ndarray
    files: dict[str, list[list[Path]]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sequence)

    def camera(self, index: int) -> np.ndarray:
        """Pictures of a sequence, uint8 [frames, height, width, 3]."""
        return sensors.read_stack("camera", self._files("camera")[index])

    def lidar(self, index: int) -> list[np.ndarray]:
        """Sweeps of a sequence, each float32 [points, 4]: x, y, z in metres and intensity."""
        return sensors.read_stack("lidar", self._files("lidar")[index])

    def radar(self, index: int) -> np.ndarray:
        """Radar frames of a sequence, complex64 [frames, antennas, samples, chirps]."""
        return sensors.read_stack("radar", self._files("radar")[index])

    def vehicle_east_north_m(self) -> np.ndarray:
        """The vehicle seen from the base station, metres to the east and north, float64 [sequences, 2, 2]."""
        return sensors.east_north_m(self.vehicle, self.base_station[:, None])

    def _files(self, kind: str) -> list[list[Path]]:
        if kind not in self.files:
            raise DataError(f"{self.name}: has no {kind}, expected one of: {', '.join(self.files) or 'none'}")
        return self.files[kind]


def check_order(sequence: np.ndarray, file: Path, field: str) -> None:
    """The samples of a drive must follow each other: a drive that comes again is a table out of order."""
    begins = np.flatnonzero(np.diff(sequence)) + 1
    names = sequence[np.concatenate([[0], begins]).astype(int)]
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        again = int(values[counts > 1][0])
        raise wrong(file, field, f"{again} comes again after another drive", "each drive in one piece")


def check_beam(beam: np.ndarray, power: np.ndarray, file: Path, field: str, lines: list[int]) -> None:
    """The beam that a table names, each in a line, must be the strongest (one of them) of its power."""
    named = np.take_along_axis(power, beam[:, None], axis=1)[:, 0]
    off = np.flatnonzero(named < power.max(axis=1))
    if len(off):
        best = int(power[off[0]].argmax()) + 1
        raise wrong(file, field, f"of line {lines[off[0]]} is {beam[off[0]] + 1}", f"{best}, the strongest")
