# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a prediction may use, as on the command line: "gps,beams8,history", "gps,sweep2", "beams4"."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

import numpy as np

from semisac_ml.beams.samples import BEAMS, FRAMES, NOW, BeamSamples
from semisac_ml.signal.beam_choice import measured_beams
from semisac_ml.signal.beam_tracking import GUARD_GRID, PREDICTED_GUARDS

PARTIAL_SWEEPS = (4, 8, 16, 32)
OLDEST_SWEEP = FRAMES - 1
KNOWN = f"gps, {', '.join(f'beams{n}' for n in PARTIAL_SWEEPS)}, history, sweep1 to sweep{OLDEST_SWEEP}"
MISPLACED_M = 6.0  # standard deviation to the east and to the north: see random_presence
BLUR_M = 0.4  # the same of all other samples
LOST_TRACK = 0.1  # share of frames in which a tracker looks elsewhere: see tracked_beams
WIDEST_LOOK = 3


@dataclass(frozen=True)
class Presence:
    """Which values a prediction is given; those that are not are hidden from the network.

    position_known: bool [samples, frames], oldest frame first.
    measured: bool [samples, frames, beams].
    misplaced_m: error added to all positions of a sample, float32 [samples, 2]; None: none.
    """

    position_known: np.ndarray
    measured: np.ndarray
    misplaced_m: np.ndarray | None = None

    def overhead(self) -> float:
        """Mean number of beams measured in the present frame."""
        return float(self.measured[:, NOW].sum(axis=1).mean())

    def rows(self, chosen: np.ndarray) -> Presence:
        """The same of some samples."""
        moved = None if self.misplaced_m is None else self.misplaced_m[chosen]
        return Presence(self.position_known[chosen], self.measured[chosen], moved)


@dataclass(frozen=True)
class InputSet:
    """One combination of inputs.

    gps: position of the vehicle in this frame.
    beams: how many beams are measured in this frame, evenly spread; 0: none.
    history: whether the four frames before are known as well, their positions and the same beams.
    sweep_age: frames since all beams were measured, 1 to 4; 0: never.
    """

    gps: bool = False
    beams: int = 0
    history: bool = False
    sweep_age: int = 0

    @classmethod
    def parse(cls, text: str) -> InputSet:
        """From words separated by commas. Raises ValueError, which says what is known, for any other word."""
        fields: dict[str, bool | int] = {}
        for word in (part.strip().lower() for part in text.split(",")):
            field, value = _field(word, text)
            if field in fields:
                raise ValueError(f"inputs are {text!r}, which names {field} twice, expected each once")
            fields[field] = value
        found = cls(**fields)  # type: ignore[arg-type]
        if not (found.gps or found.beams or found.sweep_age):
            raise ValueError(f"inputs are {text!r}, which measure nothing, expected gps, beams or a sweep")
        return found

    def __str__(self) -> str:
        words = ["gps"] * self.gps
        words += [f"beams{self.beams}"] * bool(self.beams)
        words += ["history"] * self.history
        words += [f"sweep{self.sweep_age}"] * bool(self.sweep_age)
        return ",".join(words)

    def eligible(self, samples: BeamSamples) -> np.ndarray:
        """Samples that can be asked, bool [samples]: a drive's first frames have no sweep before them."""
        if not self.sweep_age:
            return np.ones(len(samples), dtype=bool)
        return samples.frames[:, NOW - self.sweep_age] >= 0

    def presence(self, samples: BeamSamples) -> Presence:
        """What each sample is given; frames that its drive does not have are absent."""
        return presence(
            samples.frames >= 0,
            gps=np.full(len(samples), self.gps),
            beams=np.full(len(samples), self.beams),
            history=np.full(len(samples), self.history),
            sweep_age=np.full(len(samples), self.sweep_age),
        )


def _field(word: str, text: str) -> tuple[str, bool | int]:
    if word in ("gps", "history"):
        return word, True
    match = re.fullmatch(r"(beams|sweep)(\d+)", word)
    if match and match[1] == "beams" and int(match[2]) in PARTIAL_SWEEPS:
        return "beams", int(match[2])
    if match and match[1] == "sweep" and 1 <= int(match[2]) <= OLDEST_SWEEP:
        return "sweep_age", int(match[2])
    raise ValueError(f"inputs are {text!r}, where {word!r} is unknown, expected some of: {KNOWN}")


_SWEEP_MASKS = np.zeros((BEAMS + 1, BEAMS), dtype=bool)
for _count in PARTIAL_SWEEPS:
    _SWEEP_MASKS[_count, measured_beams(_count, BEAMS)] = True


def presence(
    there: np.ndarray, *, gps: np.ndarray, beams: np.ndarray, history: np.ndarray, sweep_age: np.ndarray
) -> Presence:
    """What each of several samples is given.

    Parameters
    ----------
    there : ndarray, bool [samples, frames]
        Frames that the drive has.
    gps, history : ndarray, bool [samples]
    beams, sweep_age : ndarray, int [samples]
        As in :class:`InputSet`, for each sample.
    """
    shown = there & (history[:, None] | (np.arange(FRAMES) == NOW))
    measured = shown[:, :, None] & _SWEEP_MASKS[beams][:, None]
    swept = there & (sweep_age[:, None] > 0) & (np.arange(FRAMES) == NOW - sweep_age[:, None])
    return Presence(shown & gps[:, None], measured | swept[:, :, None])


def tracked_beams(best: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Beams such as a tracker measured in the frames before this one, bool [samples, frames, beams].

    One to three to each side of the strongest and two guards (semisac_ml.signal.beam_tracking); a tracker
    that has lost it looked elsewhere. None in this frame: a tracker asks before it measures.

    best : int [samples, frames], the strongest beam of each frame.
    """
    shape, beam = best.shape, np.arange(BEAMS)
    centre = np.where(rng.random(shape) < LOST_TRACK, rng.integers(BEAMS, size=shape), best)[..., None]
    below, above = rng.integers(1, WIDEST_LOOK + 1, (2, *shape, 1))
    guards = measured_beams(GUARD_GRID, BEAMS)[rng.integers(GUARD_GRID, size=(*shape, PREDICTED_GUARDS))]
    found = (beam >= centre - below) & (beam <= centre + above) | (guards[..., None] == beam).any(axis=2)
    found[:, NOW] = False
    return found


def random_presence(
    there: np.ndarray,
    rng: np.random.Generator,
    asked: tuple[InputSet, ...] = (),
    share: float = 0.5,
    misplaced_share: float = 0.0,
    best: np.ndarray | None = None,
    tracked_share: float = 0.0,
) -> Presence:
    """Inputs drawn at random for training, so that one network takes any of them. Positions are blurred.

    Parameters
    ----------
    there : ndarray, bool [samples, frames]
    rng : numpy Generator
    asked : tuple of InputSet
        Sets that `share` of the samples are given, in equal parts.
    share : float
        0 to 1.
    misplaced_share : float
        Of the samples that measure beams, those whose positions are off by several metres, as those of whole
        drives are in scenarios 3, 5 and 8: the network learns to believe the beams where the two disagree.
    best : ndarray, int [samples, frames]
        Strongest beam of each frame, if any samples are to see what a tracker saw.
    tracked_share : float
        Of the samples with a past that get none of the sets asked for, those that are given
        :func:`tracked_beams`, half of them with positions.
    """
    count = len(there)
    drawn = {
        "gps": rng.random(count) < 0.7,
        "beams": rng.choice((0, 4, 8, 16), count, p=(0.3, 0.2, 0.35, 0.15)),
        "history": rng.random(count) < 0.5,
        "sweep_age": np.where(rng.random(count) < 0.3, rng.integers(1, FRAMES, count), 0),
    }
    drawn["gps"] |= (drawn["beams"] == 0) & (drawn["sweep_age"] == 0)
    given = np.zeros(count, dtype=bool)
    if asked:
        which = np.where(rng.random(count) < share, rng.integers(len(asked), size=count), -1)
        for place, one in enumerate(asked):
            for field, values in drawn.items():
                values[which == place] = getattr(one, field)
        given = which >= 0
    found = presence(there, **drawn)
    if best is not None:
        tracked = ~given & there[:, :NOW].any(axis=1) & (rng.random(count) < tracked_share)
        known = there[tracked]
        found.measured[tracked] = known[..., None] & tracked_beams(best[tracked], rng)
        found.position_known[tracked] = known & (rng.random((len(known), 1)) < 0.5)
    misplaced = found.measured.any(axis=(1, 2)) & (rng.random(count) < misplaced_share)
    deviation_m = np.where(misplaced, MISPLACED_M, BLUR_M)[:, None]
    moved_m = rng.normal(0.0, deviation_m, (count, 2))
    return dataclasses.replace(found, misplaced_m=moved_m.astype(np.float32))
