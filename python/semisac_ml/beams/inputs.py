# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a prediction may use, as on the command line: "gps,beams8,history", "gps,sweep2", "beams8,camera"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from semisac_ml.beams.samples import BEAMS, FRAMES, NOW, BeamSamples
from semisac_ml.signal.beam_choice import measured_beams
from semisac_ml.signal.beam_tracking import GUARD_GRID, PREDICTED_GUARDS

PARTIAL_SWEEPS = (4, 8, 16, 32)
OLDEST_SWEEP = FRAMES - 1
MISPLACED_M = 6.0  # standard deviation to the east and to the north: see random_presence
BLUR_M = 0.4  # the same of all other samples
LOST_TRACK = 0.1  # share of frames in which a tracker looks elsewhere: see tracked_beams
WIDEST_LOOK = 3
CASE = "beams8"  # what "power" is in the papers: 8 of the 64 beams, measured at this moment
SWEEPS_DRAWN = (0, *PARTIAL_SWEEPS[:3])  # in training


def known_words(sensors: Sequence[str] = ()) -> str:
    """Words of which sets of inputs are made, with sensors or without."""
    past = ("history", f"sweep1 to sweep{OLDEST_SWEEP}")
    return ", ".join(("gps", *(f"beams{count}" for count in PARTIAL_SWEEPS), *(sensors or past)))


def usual_sets(sensors: Sequence[str] = ()) -> tuple[InputSet, ...]:
    """What networks are trained for and measured with where nothing else is asked for.

    With sensors: each alone, eight measured beams ("power" in the papers) with any of them, position, sixteen
    beams.
    """
    if not sensors:
        texts = ["gps,beams8,history", "gps,beams8", "gps,beams4", "gps,sweep2", "gps"]
        return tuple(InputSet.parse(text) for text in texts)
    every = ",".join(sensors)
    texts = [sensors[0], CASE, *sensors[1:]]
    for count in range(1, len(sensors) + 1):
        texts += [",".join((CASE, *some)) for some in combinations(sensors, count)]
    texts += ["gps", f"gps,{CASE},{every}", "beams16", f"beams16,{every}"]
    return tuple(InputSet.parse(text, sensors) for text in texts)


def sets_of(texts: Sequence[str] | None, sensors: Sequence[str] = ()) -> tuple[InputSet, ...]:
    """Sets of inputs, the usual ones where none is named. Raises ValueError."""
    return tuple(InputSet.parse(text, sensors) for text in texts) if texts else usual_sets(sensors)


@dataclass(frozen=True)
class Presence:
    """Which values a prediction is given, oldest frame first; those that are not are hidden from the network.

    position_known: bool [samples, frames]. measured: bool [samples, frames, beams].
    known: what each sensor tells, bool [samples, frames, sensors].
    misplaced_m: error added to all positions of a sample, float32 [samples, 2]; None: none.
    shown_of: int [samples, 1 + sensors], which of these samples is shown in the place of each where its
        position and each sensor are concerned; None: every sample its own.
    """

    position_known: np.ndarray
    measured: np.ndarray
    known: np.ndarray
    misplaced_m: np.ndarray | None = None
    shown_of: np.ndarray | None = None

    def rows(self, chosen: np.ndarray) -> Presence:
        """The same of some samples, each shown its own."""
        moved = None if self.misplaced_m is None else self.misplaced_m[chosen]
        return Presence(self.position_known[chosen], self.measured[chosen], self.known[chosen], moved)


@dataclass(frozen=True)
class InputSet:
    """One combination of inputs.

    gps: position of the vehicle in this frame.
    beams: how many beams are measured in this frame, evenly spread; 0: none.
    history: whether the four frames before are known as well, their positions and the same beams.
    sweep_age: frames since all beams were measured, 1 to 4; 0: never.
    sensors: names of those that are there. Where any were recorded, all frames that a network sees are known.
    """

    gps: bool = False
    beams: int = 0
    history: bool = False
    sweep_age: int = 0
    sensors: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, sensors: Sequence[str] = ()) -> InputSet:
        """From words separated by commas. Raises ValueError, which says what is known, for any other word.

        sensors: names of those that may be asked for, in the place of what was before.
        """
        fields: dict[str, bool | int] = {}
        for word in (part.strip().lower() for part in text.split(",")):
            field, value = (word, True) if word in sensors else _field(word, text, sensors)
            if field in fields:
                raise ValueError(f"inputs are {text!r}, which names {field} twice, expected each once")
            fields[field] = value
        named = tuple(name for name in sensors if fields.pop(name, False))
        found = cls(**fields, sensors=named)  # type: ignore[arg-type]
        if not (found.gps or found.beams or found.sweep_age or found.sensors):
            raise ValueError(f"inputs are {text!r}, which measure nothing, expected gps, beams or a sweep")
        return found

    def __str__(self) -> str:
        words = ["gps"] * self.gps
        words += [f"beams{self.beams}"] * bool(self.beams)
        words += ["history"] * self.history
        words += [f"sweep{self.sweep_age}"] * bool(self.sweep_age)
        return ",".join([*words, *self.sensors])

    def eligible(self, samples: BeamSamples) -> np.ndarray:
        """Samples that can be asked, bool [samples]: a drive's first frames have no sweep before them."""
        if not self.sweep_age:
            return np.ones(len(samples), dtype=bool)
        return samples.frames[:, NOW - self.sweep_age] >= 0

    def presence(self, there: np.ndarray, recorded: np.ndarray, sensors: Sequence[str] = ()) -> Presence:
        """What samples are given; frames that their drives do not have are absent.

        there : bool [samples, frames], frames that the drive has.
        recorded : bool [samples, frames, sensors], sensors that recorded them; their names are `sensors`.
        """
        count = len(there)
        return given(
            there,
            recorded,
            gps=np.full(count, self.gps),
            beams=np.full(count, self.beams),
            history=np.full(count, self.history or bool(sensors)),
            sweep_age=np.full(count, self.sweep_age),
            sensors=np.tile([name in self.sensors for name in sensors], (count, 1)).astype(bool),
        )


def _field(word: str, text: str, sensors: Sequence[str]) -> tuple[str, bool | int]:
    match = re.fullmatch(r"(beams|sweep)(\d+)", word)
    if word == "gps":
        return word, True
    if match and match[1] == "beams" and int(match[2]) in PARTIAL_SWEEPS:
        return "beams", int(match[2])
    if word == "history" and not sensors:
        return word, True
    if match and match[1] == "sweep" and 1 <= int(match[2]) <= OLDEST_SWEEP and not sensors:
        return "sweep_age", int(match[2])
    known = known_words(sensors)
    raise ValueError(f"inputs are {text!r}, where {word!r} is unknown, expected some of: {known}")


_SWEEP_MASKS = np.zeros((BEAMS + 1, BEAMS), dtype=bool)
for _count in PARTIAL_SWEEPS:
    _SWEEP_MASKS[_count, measured_beams(_count, BEAMS)] = True


def given(
    there: np.ndarray,
    recorded: np.ndarray,
    *,
    gps: np.ndarray,
    beams: np.ndarray,
    history: np.ndarray,
    sweep_age: np.ndarray,
    sensors: np.ndarray,
) -> Presence:
    """What each of several samples is given.

    Parameters
    ----------
    there : ndarray, bool [samples, frames]
        Frames that the drive has.
    recorded : ndarray, bool [samples, frames, sensors]
    gps, history : ndarray, bool [samples]
    beams, sweep_age : ndarray, int [samples]
        As in :class:`InputSet`, for each sample.
    sensors : ndarray, bool [samples, sensors]
    """
    age = np.arange(there.shape[1])[::-1]
    shown = there & (history[:, None] | (age == 0))
    measured = shown[:, :, None] & _SWEEP_MASKS[beams][:, None]
    swept = there & (sweep_age[:, None] > 0) & (age == sweep_age[:, None])
    return Presence(
        shown & gps[:, None],
        measured | swept[:, :, None],
        recorded & shown[:, :, None] & sensors[:, None],
    )


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
    """Power and positions drawn at random for training, so that a network can do with any of them.

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
        "beams": rng.choice(SWEEPS_DRAWN, count, p=(0.3, 0.2, 0.35, 0.15)),
        "history": rng.random(count) < 0.5,
        "sweep_age": np.where(rng.random(count) < 0.3, rng.integers(1, FRAMES, count), 0),
        "sensors": np.zeros((count, 0), bool),
    }
    drawn["gps"] |= (drawn["beams"] == 0) & (drawn["sweep_age"] == 0)
    as_asked = _give_asked(drawn, asked, (), share, rng)
    found = given(there, np.zeros((*there.shape, 0), bool), **drawn)
    if best is not None:
        tracked = ~as_asked & there[:, :NOW].any(axis=1) & (rng.random(count) < tracked_share)
        known = there[tracked]
        found.measured[tracked] = known[..., None] & tracked_beams(best[tracked], rng)
        found.position_known[tracked] = known & (rng.random((len(known), 1)) < 0.5)
    misplaced = found.measured.any(axis=(1, 2)) & (rng.random(count) < misplaced_share)
    deviation_m = np.where(misplaced, MISPLACED_M, BLUR_M)[:, None]
    moved_m = rng.normal(0.0, deviation_m, (count, 2))
    return Presence(found.position_known, found.measured, found.known, moved_m.astype(np.float32))


def random_sensors(
    there: np.ndarray,
    recorded: np.ndarray,
    sensors: tuple[str, ...],
    rng: np.random.Generator,
    asked: tuple[InputSet, ...],
    share: float = 0.75,
) -> Presence:
    """Sensors drawn at random for training: for `share` of the samples a set of those asked for, else any."""
    count = len(there)
    drawn = {
        "gps": rng.random(count) < 0.4,
        "beams": rng.choice(SWEEPS_DRAWN, count, p=(0.5, 0.1, 0.3, 0.1)),
        "sensors": rng.random((count, len(sensors))) < 0.5,
        "history": np.ones(count, bool),
        "sweep_age": np.zeros(count, int),
    }
    nothing = ~(drawn["gps"] | (drawn["beams"] > 0) | drawn["sensors"].any(axis=1))
    drawn["sensors"][nothing] = True
    _give_asked(drawn, asked, sensors, share, rng)
    return given(there, recorded, **drawn)


def _give_asked(
    drawn: dict[str, np.ndarray],
    asked: tuple[InputSet, ...],
    sensors: tuple[str, ...],
    share: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Give a share of the samples the sets that are asked for; says which, bool [samples]."""
    count = len(drawn["gps"])
    if not asked:
        return np.zeros(count, bool)
    which = np.where(rng.random(count) < share, rng.integers(len(asked), size=count), -1)
    for place, one in enumerate(asked):
        own = which == place
        drawn["gps"][own], drawn["beams"][own] = one.gps, one.beams
        drawn["history"][own], drawn["sweep_age"][own] = one.history or bool(sensors), one.sweep_age
        drawn["sensors"][own] = [name in one.sensors for name in sensors]
    return which >= 0


def swapped(contradicted: np.ndarray, sensors: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Of a batch, whose sensors each sample is shown: of a share another's, by sensor, as `shown_of` has it.

    What a network learns by heart of a drive it learns to doubt, and to believe the beams that were measured.

    contradicted: samples whose measured beams tell that a sensor is another's, bool [samples]. To others, a
    sensor of another would be no sensor to doubt but a wrong label: they are shown their own.
    """
    own = np.tile(np.arange(len(contradicted))[:, None], (1, 1 + sensors))
    other = rng.integers(len(contradicted), size=own.shape)
    return np.where(contradicted[:, None] & (rng.random(own.shape) < share), other, own)
