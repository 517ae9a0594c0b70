# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Vehicles that pass a base station, frame by frame, to be replayed: recorded, ray-traced or made up."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from semisac_ml.sensors import declared
from semisac_ml.signal.beam_codebook import BeamCodebook, Paths
from semisac_ml.signal.beams import decibel

from . import DataError, deepsense6g
from .deepsense6g.samples import Scenario
from .scenes.reader import INDEX_FILE, SceneSet

INTERVAL_S = 0.1
BETWEEN_DRIVES_S = 10.0  # older than anything that is remembered
LISTED = 4  # scenarios by name; of more the first and the last
POSITION = "position"
MADE_UP, SAMPLE, RECORDED = "made-up", "sample", "deepsense6g"

# The street of the made-up drives, in metres east and north of the base station. It has the geometry of
# DeepSense scenario 1, so that what was trained there can be tried: cars pass 17.7 m to the east between 16 m
# south and 22 m north, and a line through (beam, azimuth) of its 2,422 samples is 55.8 degrees - 1.561
# degrees a beam.
LANE_EAST_M, SOUTH_M, NORTH_M = 17.7, -16.0, 22.0
STEP_M = 0.44
BEAM_STEP_DEG, FIRST_BEAM_DEG = 1.561, 55.77
WALL_EAST_M, WALL_LOSS_DB = 27.0, 3.0
BLOCKED_DB, BLOCKED_FRAMES = 25.0, 8
GPS_BIAS_M, GPS_JITTER_M = 0.7, 0.3
WAVELENGTH_M = 299_792_458.0 / 60e9
# Levels as that receiver records them: its strongest beam -9.1 dB, its noise -16.5 dB, medians of scenario 1.
SIGNAL_DB, AT_M, NOISE_DB = -10.0, 20.0, -16.5

MADE_UP_CODEBOOK = BeamCodebook(elements=16, beams=64, sector_rad=float(np.deg2rad(64 * BEAM_STEP_DEG)))


@dataclass(frozen=True)
class BeamRecording:
    """Frames of one or more drives.

    name: for people. interval_s: between frames of a drive.
    site: name of the base station, of each frame. drive: number of the drive, counted from 0; sequence: its
        number at the site, int64 [frames]; drive_name: as bundles name drives that they were trained on.
    time_s: float64 [frames]; drives are 10 s apart. position_m: to the east and north of the base station, as
        the vehicle tells it, float32 [frames, 2].
    power_db: of each beam, float32 [frames, beams]; None where paths are known instead: one `Paths` a frame,
        at an array with `codebook`.
    light: "day", "dusk" or "night" of each frame, where that is known.
    files: of each sensor, as far as recorded, one path a frame.
    """

    name: str
    interval_s: float
    site: Sequence[str]
    drive: np.ndarray
    sequence: np.ndarray
    time_s: np.ndarray
    position_m: np.ndarray
    power_db: np.ndarray | None = None
    paths: Sequence[Paths] | None = None
    codebook: BeamCodebook | None = None
    drive_name: Sequence[str] = ()
    light: Sequence[str] | None = None
    files: Mapping[str, Sequence[Path | None]] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.drive)

    def chosen(self, rows: np.ndarray) -> BeamRecording:
        """Some frames, in their order; int [frames]."""
        return dataclasses.replace(
            self,
            site=[self.site[row] for row in rows],
            drive=self.drive[rows],
            sequence=self.sequence[rows],
            time_s=self.time_s[rows],
            position_m=self.position_m[rows],
            power_db=None if self.power_db is None else self.power_db[rows],
            paths=None if self.paths is None else [self.paths[row] for row in rows],
            drive_name=[self.drive_name[row] for row in rows] if self.drive_name else (),
            light=None if self.light is None else [self.light[row] for row in rows],
            files={kind: [files[row] for row in rows] for kind, files in self.files.items()},
        )

    def sensed(self, sensor: str, row: int) -> np.ndarray | None:
        """What a sensor told of a frame, as :mod:`semisac_ml.sensors` makes it for networks.

        sensor: one that is declared. None where it recorded nothing. Raises DataError for a damaged
        file.
        """
        file = self.files[sensor][row] if sensor in self.files else None
        if file is None:
            return None
        now = _read(sensor, file)
        try:
            return declared()[sensor].frame(now, self._before(sensor, row))
        except ValueError as error:
            raise DataError(f"{file}: {error}") from error

    def _before(self, sensor: str, row: int) -> np.ndarray | None:
        """The frame before, if the drive has it."""
        follows = row > 0 and self.drive[row] == self.drive[row - 1]
        if not follows or self.time_s[row] - self.time_s[row - 1] > 1.5 * self.interval_s:
            return None
        file = self.files[sensor][row - 1]
        return None if file is None else _read(sensor, file)

    def first(self, frames: int) -> BeamRecording:
        """The first frames."""
        return self.chosen(np.arange(min(frames, len(self))))


@lru_cache(maxsize=8)
def _read(sensor: str, file: Path) -> np.ndarray:
    """Content of a sensor's file; a frame is needed again as the one before the next."""
    return declared()[sensor].read(file)


def load(data: str | os.PathLike[str] = MADE_UP, scenario: int = 0, seed: int = 0) -> BeamRecording:
    """A recording.

    Parameters
    ----------
    data : str or path
        "made-up"; "sample", the ray-traced steps that ship; "deepsense6g", wherever SEMISAC_DATA says; or a
        folder of DeepSense 6G or of ``semisac data scenes``.
    scenario : int
        Number of one scenario; 0: all that are in a set of scenes, the first of DeepSense.
    seed : int
        Of what is made up.

    Raises
    ------
    DataError
        If it is not there or damaged.
    """
    if str(data) == MADE_UP:
        return made_up(seed=seed)
    if str(data) == SAMPLE:
        from .scenes.sample import sample

        data = sample()
    folder = deepsense6g.find_folder() if str(data) == RECORDED else Path(data).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected {MADE_UP}, {SAMPLE}, {RECORDED} or a folder")
    ray_traced = (folder / deepsense6g.FOLDER).is_dir() and (folder / INDEX_FILE).is_file()
    place = folder / deepsense6g.FOLDER if (folder / deepsense6g.FOLDER).is_dir() else folder
    known = deepsense6g.scenarios(place)
    if not known:
        raise DataError(f"{folder}: holds no scenario, expected DeepSense 6G or a set of semisac data scenes")
    numbers = [scenario] if scenario else known if ray_traced else known[:1]
    found = of_scenarios([deepsense6g.load(number, place) for number in numbers])
    return _street(found, folder) if ray_traced else found


def _street(recording: BeamRecording, folder: Path) -> BeamRecording:
    """With layouts as sites, time of day, and names of drives, as the index of a set of scenes has them."""
    drives: dict[str, list[dict]] = {}  # of a scenario, in the order of their numbers in its table
    for one in SceneSet.open(folder).drives:
        drives.setdefault(f"scenario{one['scenario']}", []).append(one)
    try:
        own = [
            drives[name][number - 1] for name, number in zip(recording.site, recording.sequence, strict=True)
        ]
        site, light = [one["layout"] for one in own], [one["time"] for one in own]
        names = [f"{one['layout']}/{one['seed']}" for one in own]
    except (KeyError, IndexError) as error:
        raise DataError(
            f"{folder / INDEX_FILE}: drives: {error} is missing, expected each scenario"
        ) from error
    return dataclasses.replace(recording, site=site, light=light, drive_name=names)


def of_scenarios(scenarios: Sequence[Scenario]) -> BeamRecording:
    """Scenarios one after the other."""
    drive = _numbered([(one.name, int(number)) for one in scenarios for number in one.sequence])
    index = np.concatenate([one.index for one in scenarios])
    first = index[np.searchsorted(drive, np.arange(drive[-1] + 1))]
    lasting = np.array([np.ptp(index[drive == k]) for k in range(drive[-1] + 1)]) * INTERVAL_S
    starts = np.concatenate([[0.0], np.cumsum(lasting + BETWEEN_DRIVES_S)[:-1]])
    return BeamRecording(
        name=_name([one.name for one in scenarios]),
        interval_s=INTERVAL_S,
        site=[one.name for one in scenarios for _ in range(len(one))],
        drive=drive,
        sequence=np.concatenate([one.sequence for one in scenarios]),
        drive_name=[f"{one.name}/{number}" for one in scenarios for number in one.sequence],
        time_s=starts[drive] + (index - first[drive]) * INTERVAL_S,
        position_m=np.concatenate(
            [deepsense6g.sensors.east_north_m(one.vehicle, one.base_station) for one in scenarios]
        ).astype(np.float32),
        power_db=np.concatenate([decibel(one.power) for one in scenarios]),
        files={
            kind: [file for one in scenarios for file in one.files.get(kind, [None] * len(one))]
            for kind in dict.fromkeys(kind for one in scenarios for kind in one.files)
        },
    )


def _name(names: list[str]) -> str:
    """Of what is replayed: a street has a scenario for each of its layouts, times of day and lengths."""
    return ", ".join(names) if len(names) <= LISTED else f"{len(names)} scenarios, {names[0]} to {names[-1]}"


def _numbered(keys: list[tuple[str, int]]) -> np.ndarray:
    """0, 1, 2, ... for each stretch of equal keys, int64."""
    changes = [k > 0 and keys[k] != keys[k - 1] for k in range(len(keys))]
    return np.cumsum(changes).astype(np.int64)


def made_up(drives: int = 4, seed: int = 0) -> BeamRecording:
    """Cars that pass in both directions; a lorry hides one for a moment, a wall mirrors it.

    Parameters
    ----------
    drives : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    frames = int((NORTH_M - SOUTH_M) / STEP_M) + 1
    north = SOUTH_M + STEP_M * np.arange(frames)
    positions, paths = [], []
    for drive in range(drives):
        along = north if drive % 2 == 0 else north[::-1]
        east = LANE_EAST_M + rng.uniform(-2.0, 2.0)
        hidden = rng.integers(frames // 4, 3 * frames // 4) + np.arange(BLOCKED_FRAMES)
        bias = rng.normal(0.0, GPS_BIAS_M, 2)
        for frame, at in enumerate(along):
            paths.append(_paths(np.array([east, at]), frame in hidden))
            positions.append(np.array([east, at]) + bias + rng.normal(0.0, GPS_JITTER_M, 2))
    drive = np.repeat(np.arange(drives), frames)
    step = np.tile(np.arange(frames), drives)
    return BeamRecording(
        name="made-up drives",
        interval_s=INTERVAL_S,
        site=["scenario1"] * len(drive),
        drive=drive,
        sequence=drive,
        time_s=step * INTERVAL_S + drive * (frames * INTERVAL_S + BETWEEN_DRIVES_S),
        position_m=np.array(positions, dtype=np.float32),
        paths=paths,
        codebook=MADE_UP_CODEBOOK,
    )


def _paths(vehicle_m: np.ndarray, hidden: bool) -> Paths:
    """The straight path, and the one that a wall along the street mirrors."""
    mirrored = np.array([2 * WALL_EAST_M - vehicle_m[0], vehicle_m[1]])
    ends = np.stack([vehicle_m, mirrored])
    length_m = np.linalg.norm(ends, axis=1)
    lost_db = np.array([BLOCKED_DB if hidden else 0.0, WALL_LOSS_DB])
    one_element_db = SIGNAL_DB - 10 * np.log10(MADE_UP_CODEBOOK.elements)
    amplitude = AT_M / length_m * 10 ** ((one_element_db - lost_db) / 20)
    # beams of scenario 1 count from the left: the array hangs upside down
    middle_deg = FIRST_BEAM_DEG - 31.5 * BEAM_STEP_DEG
    azimuth_rad = np.deg2rad(middle_deg) - np.arctan2(ends[:, 1], ends[:, 0])
    return Paths(
        gain=amplitude * np.exp(-2j * np.pi * length_m / WAVELENGTH_M),
        azimuth_rad=azimuth_rad,
        elevation_rad=np.zeros(2),
        delay_s=length_m / 299_792_458.0,
    )
