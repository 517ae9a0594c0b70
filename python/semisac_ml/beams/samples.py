# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of one or more sites (scenarios of DeepSense 6G), each with the frames before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from semisac_ml.data.deepsense6g.samples import Scenario
from semisac_ml.data.deepsense6g.sensors import BEAMS, east_north_m
from semisac_ml.data.splits import Split, random_split, sequence_folds, sequence_split
from semisac_ml.sensors import chosen
from semisac_ml.signal.beams import decibel

FRAMES = 5
NOW = FRAMES - 1  # place of the present frame, the oldest comes first
BY_SEQUENCE, IN_FOLDS, AT_RANDOM = "by sequence", "in folds", "at random"
FOLDS = 5
TEST_SHARE = 0.2


@dataclass(frozen=True)
class BeamSamples:
    """Samples of all sites, one after the other.

    names: of the sites.
    site: which of them, int64 [samples].
    power_db: received power of each beam, 10 log10 of the recorded linear power, float32 [samples, 64].
    position_m: vehicle (raw unit2_loc) to the east and north of the base station, float32 [samples, 2].
    beam: the strongest, int64 [samples].
    sequence: number of the drive, int64 [samples]; of the site, so two sites may share a number.
    drive: the same over all sites, int64 [samples]; drive_names: of each, which no other drive has: scenario
        and number in its table, such as "scenario1/12", of a street layout and seed, "canyon/1621709875".
    frames: samples of the five frames up to this one, oldest first, int64 [samples, 5]; -1 where the drive
        has none.
    blocked: 1 where the vehicle is hidden from the base station, 0 where not, NaN where nobody knows,
        float32 [samples].
    sensors: names of those that recorded any of it, in the order of `semisac_ml.sensors`; none by default.
    sensed: arrays of each, one frame a sample, as kept. recorded: of which samples, bool [samples, sensors].
    light: "day", "dusk" or "night" of each, where that is known.
    ray_traced: whether nothing of it is real.
    camera_view_deg: width of the camera's view; None of a real recording, whose tables do not tell it.
    interval_s: between two frames.
    boresight_rad: where the base station aims, counterclockwise from east, float32 [samples]; None likewise.
    station_m: where it stands in the coordinates of position_m, float32 [samples, 2]: on a street, whose
        tables tell the origin of the map instead; None: at 0.
    left_out: why samples of the tables are not among these, one line each.
    """

    names: tuple[str, ...]
    site: np.ndarray
    power_db: np.ndarray
    position_m: np.ndarray
    beam: np.ndarray
    sequence: np.ndarray
    drive: np.ndarray
    drive_names: tuple[str, ...]
    frames: np.ndarray
    blocked: np.ndarray
    recorded: np.ndarray
    sensors: tuple[str, ...] = ()
    sensed: dict[str, np.ndarray] = field(default_factory=dict)
    light: np.ndarray | None = None
    ray_traced: bool = False
    camera_view_deg: float | None = None
    interval_s: float = 0.1
    boresight_rad: np.ndarray | None = None
    station_m: np.ndarray | None = None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.beam)

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> BeamSamples:
        """Join scenarios; raises ValueError where there is none or one is given twice."""
        names = tuple(scenario.name for scenario in scenarios)
        if not names or len(set(names)) < len(names):
            raise ValueError(f"scenarios are {', '.join(names) or 'none'}, expected one or more, each once")
        starts = np.cumsum([0, *(len(scenario) for scenario in scenarios)])[:-1]
        frames = [_frames(scenario) for scenario in scenarios]
        site = np.repeat(np.arange(len(names)), [len(scenario) for scenario in scenarios])
        sequence = np.concatenate([scenario.sequence for scenario in scenarios])
        drives, drive = np.unique(np.stack([site, sequence]), axis=1, return_inverse=True)
        return cls(
            names=names,
            site=site,
            power_db=np.concatenate([decibel(scenario.power) for scenario in scenarios]),
            position_m=np.concatenate([_position_m(scenario) for scenario in scenarios]),
            beam=np.concatenate([scenario.beam for scenario in scenarios]),
            sequence=sequence,
            drive=drive.reshape(-1),
            drive_names=tuple(f"{names[place]}/{number}" for place, number in drives.T),
            frames=np.concatenate(
                [np.where(own >= 0, own + start, -1) for own, start in zip(frames, starts, strict=True)]
            ),
            blocked=np.full(len(site), np.nan, np.float32),
            recorded=np.zeros((len(site), 0), bool),
        )

    def with_sensors(self, names: Sequence[str]) -> BeamSamples:
        """The same with these sensors alone, in this order; those that recorded nothing are absent."""
        own = {sensor.name: sensor for sensor in chosen(names)}
        count = len(self)
        columns = [
            self.recorded[:, self.sensors.index(name)] if name in self.sensors else np.zeros(count, bool)
            for name in own
        ]
        sensed = {
            name: self.sensed.get(name, np.zeros((count, *one.shape), one.kept)) for name, one in own.items()
        }
        recorded = np.stack(columns, axis=1) if columns else np.zeros((count, 0), bool)
        return dataclasses.replace(self, sensors=tuple(own), sensed=sensed, recorded=recorded)

    def at_sites(self, names: Sequence[str]) -> tuple[BeamSamples, np.ndarray]:
        """The samples of some sites alone, numbered anew, and their numbers here, int64 [samples]."""
        place = np.array([names.index(name) if name in names else -1 for name in self.names])
        rows = np.flatnonzero(place[self.site] >= 0)
        number = np.full(len(self) + 1, -1)  # the last is that of absent frames
        number[rows] = np.arange(len(rows))
        told = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        own = {name: value[rows] for name, value in told.items() if isinstance(value, np.ndarray)}
        own |= {"site": place[self.site[rows]], "frames": number[self.frames[rows]]}
        sensed = {name: value[rows] for name, value in self.sensed.items()}
        return dataclasses.replace(self, names=tuple(names), sensed=sensed, **own), rows

    def blocked_after(self, frames: int) -> BeamSamples:
        """The same with the blockage of so many frames later; NaN where the drive ends before."""
        before, place = self.frames[:, NOW - 1], np.arange(len(self))
        following = np.full(len(self) + 1, -1)
        following[before[before >= 0]] = place[before >= 0]
        for _ in range(frames):
            place = following[place]
        blocked = np.where(place >= 0, self.blocked[place], np.nan)
        return dataclasses.replace(self, blocked=blocked.astype(np.float32))

    @property
    def source(self) -> str:
        """Where they are from, as bundles and files of results are named after it."""
        if self.light is None:
            return "deepsense"
        return "street" if self.ray_traced else "recorded"

    @cached_property
    def parts(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Names of the parts by which figures are told and splits made, and the part of each sample.

        Times of day where they are known, else sites.
        """
        if self.light is None:
            return self.names, self.site
        names, part = np.unique(self.light, return_inverse=True)
        return tuple(str(name) for name in names), part

    def split(self, kind: str, seed: int, test_share: float = TEST_SHARE) -> Split:
        """Each part by itself; kind is "by sequence", "in folds" (by sequence, too) or "at random".

        In folds, `seed` is the number of one of five splits that hold each drive out once. By sequence and in
        folds all are one part where one of them has too few drives.
        """
        groups = [np.flatnonzero(self.parts[1] == part) for part in np.unique(self.parts[1])]
        fewest = {BY_SEQUENCE: 2, IN_FOLDS: FOLDS}.get(kind, 0)
        if any(len(np.unique(self.drive[rows])) < fewest for rows in groups):
            groups = [np.arange(len(self))]
        if kind == BY_SEQUENCE:
            found = [sequence_split(self.drive[rows], test_share, seed) for rows in groups]
        elif kind == IN_FOLDS:
            found = [sequence_folds(self.drive[rows], FOLDS)[seed] for rows in groups]
        elif kind == AT_RANDOM:
            found = [random_split(len(rows), test_share, seed) for rows in groups]
        else:
            raise ValueError(f"split is {kind!r}, expected '{BY_SEQUENCE}', '{IN_FOLDS}' or '{AT_RANDOM}'")
        own = list(zip(groups, found, strict=True))
        train = np.sort(np.concatenate([rows[one.train] for rows, one in own]))
        return Split(found[0].name, train, np.sort(np.concatenate([rows[one.test] for rows, one in own])))

    def named_drives(self, rows: np.ndarray) -> list[str]:
        """Names of the drives of some samples, in their order."""
        return [self.drive_names[drive] for drive in np.unique(self.drive[rows])]

    def of_drives(self, names: Sequence[str]) -> np.ndarray:
        """Whether each sample is of a drive that is named, bool [samples]."""
        return np.isin(self.drive_names, list(names))[self.drive]

    def held_out_drives(
        self, rows: np.ndarray, share: float, seed: int, half: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows without and with some drives, for calibration; others for another half.

        At least one drive of each site that has two or more. Where each drive has a site of its own, as by
        time of day in a street, of all drives together.
        """
        if self.light is not None:
            drives = np.random.default_rng([seed, 1 + half]).permutation(np.unique(self.drive[rows]))
            held = np.isin(self.drive[rows], drives[: round(share * len(drives))])
            return rows[~held], rows[held]
        found = [rows[:0]]
        for site in np.unique(self.site[rows]):
            own = rows[self.site[rows] == site]
            if len(np.unique(self.sequence[own])) > 1:
                found.append(own[sequence_split(self.sequence[own], share, 1000 * (half + 1) + seed).test])
        held_rows = np.concatenate(found)
        return np.setdiff1d(rows, held_rows), held_rows


def _position_m(scenario: Scenario) -> np.ndarray:
    return east_north_m(scenario.vehicle, scenario.base_station).astype(np.float32)


def _frames(scenario: Scenario) -> np.ndarray:
    """Samples 4, 3, 2, 1 and 0 frames ago in the same drive, -1 where there is none."""
    wanted = scenario.index[:, None] - np.arange(FRAMES)[::-1]
    place = np.clip(np.searchsorted(scenario.index, wanted), 0, len(scenario) - 1)
    there = (scenario.index[place] == wanted) & (scenario.sequence[place] == scenario.sequence[:, None])
    return np.where(there, place, -1)


__all__ = [
    "AT_RANDOM",
    "BEAMS",
    "BY_SEQUENCE",
    "FOLDS",
    "FRAMES",
    "IN_FOLDS",
    "NOW",
    "TEST_SHARE",
    "BeamSamples",
]
