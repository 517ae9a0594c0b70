# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of one or more sites (scenarios of DeepSense 6G), each with the frames before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semisac_ml.data.deepsense6g.samples import Scenario
from semisac_ml.data.deepsense6g.sensors import BEAMS, east_north_m
from semisac_ml.data.splits import Split, random_split, sequence_split
from semisac_ml.signal.beams import decibel

FRAMES = 5
NOW = FRAMES - 1  # place of the present frame, the oldest comes first


@dataclass(frozen=True)
class BeamSamples:
    """Samples of all sites, one after the other.

    names: of the sites.
    site: which of them, int64 [samples].
    power_db: received power of each beam, 10 log10 of the recorded linear power, float32 [samples, 64].
    position_m: vehicle (raw unit2_loc) to the east and north of the base station, float32 [samples, 2].
    beam: the strongest, int64 [samples].
    sequence: number of the drive, int64 [samples]; of the site, so two sites may share a number.
    frames: samples of the five frames up to this one, oldest first, int64 [samples, 5]; -1 where the drive
        has none.
    """

    names: tuple[str, ...]
    site: np.ndarray
    power_db: np.ndarray
    position_m: np.ndarray
    beam: np.ndarray
    sequence: np.ndarray
    frames: np.ndarray

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
        return cls(
            names=names,
            site=np.repeat(np.arange(len(names)), [len(scenario) for scenario in scenarios]),
            power_db=np.concatenate([decibel(scenario.power) for scenario in scenarios]),
            position_m=np.concatenate([_position_m(scenario) for scenario in scenarios]),
            beam=np.concatenate([scenario.beam for scenario in scenarios]),
            sequence=np.concatenate([scenario.sequence for scenario in scenarios]),
            frames=np.concatenate(
                [np.where(own >= 0, own + start, -1) for own, start in zip(frames, starts, strict=True)]
            ),
        )

    def split(self, kind: str, seed: int, test_share: float = 0.2) -> Split:
        """Each site by itself; kind is "by sequence" or "at random"."""
        chosen = [
            self._site_split(kind, np.flatnonzero(self.site == k), seed, test_share)
            for k in range(len(self.names))
        ]
        train, test = (np.concatenate(side) for side in zip(*((s[1], s[2]) for s in chosen), strict=True))
        return Split(chosen[0][0], train, test)

    def _site_split(
        self, kind: str, rows: np.ndarray, seed: int, test_share: float
    ) -> tuple[str, np.ndarray, np.ndarray]:
        if kind == "by sequence":
            found = sequence_split(self.sequence[rows], test_share, seed)
        elif kind == "at random":
            found = random_split(len(rows), test_share, seed)
        else:
            raise ValueError(f"split is {kind!r}, expected 'by sequence' or 'at random'")
        return found.name, rows[found.train], rows[found.test]

    def held_out_drives(self, rows: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows without and with some drives of each site, for calibration; at least one drive a site.

        A site of a single drive keeps it: nothing of it is held out.
        """
        held = []
        for site in np.unique(self.site[rows]):
            own = rows[self.site[rows] == site]
            if len(np.unique(self.sequence[own])) > 1:
                held.append(own[sequence_split(self.sequence[own], share, seed).test])
        held_rows = np.concatenate(held) if held else rows[:0]
        return np.setdiff1d(rows, held_rows), held_rows


def _position_m(scenario: Scenario) -> np.ndarray:
    return east_north_m(scenario.vehicle, scenario.base_station).astype(np.float32)


def _frames(scenario: Scenario) -> np.ndarray:
    """Samples 4, 3, 2, 1 and 0 frames ago in the same drive, -1 where there is none."""
    wanted = scenario.index[:, None] - np.arange(FRAMES)[::-1]
    place = np.clip(np.searchsorted(scenario.index, wanted), 0, len(scenario) - 1)
    there = (scenario.index[place] == wanted) & (scenario.sequence[place] == scenario.sequence[:, None])
    return np.where(there, place, -1)


__all__ = ["BEAMS", "FRAMES", "NOW", "BeamSamples"]
