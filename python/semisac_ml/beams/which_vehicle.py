# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the vehicles in the picture is served: tracks joined with the history of measured beams.

The base station knows its codebook and sees vehicles; it does not know which of them answers. Boxes of
successive pictures are joined to tracks, the middle of a box is a direction, and the track whose directions
explain best the powers that were measured in the last frames is taken for the vehicle
(:mod:`semisac_ml.signal.direction_fit`). Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track as progress_bar

from semisac_ml.beams.protocol import Evaluation
from semisac_ml.beams.samples import BeamSamples
from semisac_ml.beams.seen_drives import CODEBOOK, SeenDrive, seen_drive
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import curves, picture
from semisac_ml.signal.beam_choice import measured_beams
from semisac_ml.signal.beam_sweep import hierarchical_sweep
from semisac_ml.signal.beam_tracking import BeamTracker, track
from semisac_ml.signal.beams import decibel
from semisac_ml.signal.direction_fit import knows_no_direction, misfit, scattered
from semisac_ml.signal.metrics import mean_over_groups, proportion

WHICH_VEHICLE, FILE = "which-vehicle", "which_vehicle"
HISTORIES = (1, 2, 3, 5, 8, 12)
COUNTS = (2, 4, 8, 16)
USUAL = 8
FIRST_TESTED = 7  # the eighth frame of a drive: those before have fewer than eight to look back at
DRAWS = 10  # of the beams that are measured
SERVED = {1: "first radio", 2: "second radio"}
ALL, SEEN = "all", "vehicle seen"
DRAWN, SAME = "drawn anew each frame", "the same each frame"
CHOSEN, LARGEST, CHANCE, MISMATCHED = (
    "power history",
    "largest in the picture",
    "chance",
    "power of another drive",
)
AIMED, CHECKED = "aimed at the choice", "aimed, and measured with its neighbours"
TOLD_ONCE = "told once, then by the camera alone"
HELD, ONWARD = "full sweep of that frame, then held", "tracker to that frame, then onward"
SWEEP = "hierarchical sweep"
STRONGEST, TRUE_BOX, TRUE_AZIMUTH = "strongest measured", "aimed at the box of the right one", "true azimuth"


def beams_heard(count: int, how: str, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Which beams each frame measures, int64 [frames, count]."""
    if how == SAME:
        return np.tile(measured_beams(count), (frames, 1))
    return rng.permuted(np.tile(np.arange(CODEBOOK.beams), (frames, 1)), axis=1)[:, :count]


def tested_frames(drive: SeenDrive) -> np.ndarray:
    """The frames that figures are of, int64: from the eighth on, the last of a shorter drive."""
    return np.arange(min(FIRST_TESTED, len(drive.frames) - 1), len(drive.frames))


class Evidence:
    """What the measured beams of each frame of a drive say of each track.

    drive : SeenDrive
    power : ndarray, float [frames, beams]
        Linear; only those that were heard are looked at.
    heard : ndarray, int [frames, count]
    """

    def __init__(self, drive: SeenDrive, power: np.ndarray, heard: np.ndarray) -> None:
        levels = scattered(float(CODEBOOK.elements))
        self._tracks, self._lost, self._unknown = [], [], []
        for sight, received, beams in zip(drive.frames, power, heard, strict=True):
            lost = misfit(received[beams], sight.pattern[:, beams], levels)
            self._tracks.append(sight.track.tolist())
            self._lost.append(dict(zip(self._tracks[-1], lost, strict=True)))
            self._unknown.append(knows_no_direction(received[beams]))

    def choice(self, now: int, frames: int) -> int:
        """Place of the chosen vehicle among those seen now, from so many frames; -1 where none is seen.

        A frame in which a track was not seen counts as one that tells no direction.
        """
        past = range(max(now - frames + 1, 0), now + 1)
        lost = [
            sum(self._lost[one].get(own, self._unknown[one]) for one in past).min()
            for own in self._tracks[now]
        ]
        return int(np.argmin(lost)) if lost else -1


@dataclass
class Tally:
    """Values of the frames of drives, by what they are of. told: of all rows."""

    drives: list[SeenDrive]
    told: dict[str, Any]
    values: dict[tuple[tuple[str, Any], ...], list[tuple[int, np.ndarray]]] = field(default_factory=dict)

    def add(self, number: int, values: np.ndarray, **of: Any) -> None:
        """Values of the tested frames of a drive, NaN where there is none, float [frames]."""
        self.values.setdefault(tuple(of.items()), []).append((number, values))

    def rows(self) -> Iterator[Result]:
        """Means over times of day, of all tested frames and of those in which the vehicle is seen."""
        for key, parts in self.values.items():
            of = dict(key)
            values = np.concatenate([own for _, own in parts])
            drive = np.concatenate([np.full(len(own), number) for number, own in parts])
            seen = np.concatenate([served_place(self.drives[number]) >= 0 for number, _ in parts])
            for frames, some in ((ALL, np.isfinite(values)), (SEEN, seen & np.isfinite(values))):
                yield from self._by_part(of, frames, values[some], drive[some])

    def _by_part(
        self, of: dict[str, Any], frames: str, values: np.ndarray, drive: np.ndarray
    ) -> Iterator[Result]:
        layout, light = (
            np.array([getattr(self.drives[number], name) for number in drive]) for name in ("layout", "light")
        )
        parts = [(ALL, ALL, np.ones(len(values), bool))]
        if of.get("x") in (None, HISTORIES[-1]):  # by part with the longest history alone
            parts += [(name, ALL, layout == name) for name in np.unique(layout)]
            parts += [(ALL, name, light == name) for name in np.unique(light)]
        for of_layout, of_light, own in parts:
            if not own.any():
                continue
            found = mean_over_groups(values[own], drive[own], np.unique(light[own], return_inverse=True)[1])
            given = dict(of)
            at = {"x": "frames of history"} if "x" in given else {}
            at |= {"served": given.pop("served"), "measured": given.pop("measured", "")}
            at |= {"frames": frames, "layout": of_layout, "light": of_light}
            at = {name: value for name, value in at.items() if value}
            yield Result(**self.told, **given, conditions=at, **found.as_dict())


def add_choices(tally: Tally, number: int, count: int, how: str, draw: int, **told: Any) -> None:
    """Whether the choice is right, with each history, and what a beam that is aimed at it loses."""
    drive, tested = tally.drives[number], tested_frames(tally.drives[number])
    heard = beams_heard(count, how, len(drive.frames), np.random.default_rng([draw, number, count]))
    power_db = decibel(drive.power)
    best = np.take_along_axis(heard, np.take_along_axis(power_db, heard, 1).argmax(axis=1)[:, None], 1)[:, 0]
    told |= {"inputs": f"beams{count}", "measured": how}

    def add_loss(variant: str, beams: np.ndarray, **at: float) -> None:
        loss = loss_db(power_db[tested], beams)
        tally.add(number, loss, variant=variant, metric="power_loss_db", **told, **at)

    add_loss(STRONGEST, best[tested])
    powers = {CHOSEN: drive.power}
    other = another_drive(tally.drives, number)
    if other is not None and (count, how) == (USUAL, DRAWN):
        powers[MISMATCHED] = other.power
    for variant, power in powers.items():
        evidence = Evidence(drive, power, heard)
        for frames in HISTORIES:
            chosen = np.array([evidence.choice(now, frames) for now in tested])
            right = (chosen == served_place(drive)) & (chosen >= 0)
            at = {"x": float(frames)}
            tally.add(number, right.astype(float), variant=variant, metric="right", **told, **at)
            if variant == MISMATCHED:
                continue
            aim = aimed(drive, chosen, best[tested])
            add_loss(AIMED, aim, **at)
            near = np.clip(aim[:, None] + (-1, 0, 1), 0, CODEBOOK.beams - 1)
            add_loss(CHECKED, np.hstack([heard[tested], near]), **at)
            last = frames - 1
            if last < tested[0]:
                once = told_once(drive, last, evidence.choice(last, frames), best[last])
                add_loss(TOLD_ONCE, once, **at)
                gain = loss_db(power_db[tested], onward(drive, frames)) - loss_db(power_db[tested], once)
                tally.add(number, gain, variant=TOLD_ONCE, metric="gain_over_tracker_db", **told, **at)


def told_once(drive: SeenDrive, last: int, chosen: int, otherwise: int) -> np.ndarray:
    """Beam of the tested frames where none is measured after frame `last`: that of the chosen track.

    The last one that pointed at it where it is not seen; `otherwise` where nobody was chosen. int64 [frames].
    """
    number, beam, beams = drive.frames[last].track[chosen] if chosen >= 0 else -1, otherwise, []
    for sight in drive.frames[last:]:
        place = np.flatnonzero(sight.track == number)
        beam = int(sight.pattern[place[0]].argmax()) if len(place) else beam
        beams.append(beam)
    return np.array(beams)[tested_frames(drive) - last]


@lru_cache(maxsize=len(HISTORIES))
def onward(drive: SeenDrive, frames: int) -> np.ndarray:
    """Beam of the tested frames with the tracker's last velocity, which measured so many, int64 [frames]."""
    tracker = BeamTracker(beams=CODEBOOK.beams)
    track(decibel(drive.power[:frames]), np.zeros(frames, np.int64), tracker)
    beam = np.rint(tracker.best + tracker.velocity * (tested_frames(drive) - frames + 1))
    return np.clip(beam, 0, CODEBOOK.beams - 1).astype(np.int64)


def loss_db(power_db: np.ndarray, beams: np.ndarray) -> np.ndarray:
    """How far the strongest of some beams, int [frames(, some)], is below that of all, float64 [frames]."""
    chosen = np.take_along_axis(power_db, beams.reshape(len(beams), -1), axis=1)
    return power_db.max(axis=1) - chosen.max(axis=1)


def add_baselines(tally: Tally, number: int, **told: Any) -> None:
    """What needs no history, what measures as it goes along, and the bounds."""
    drive, tested = tally.drives[number], tested_frames(tally.drives[number])
    sights, served = [drive.frames[frame] for frame in tested], served_place(drive)
    seen, candidates = served >= 0, np.array([len(one.track) for one in sights], float)
    largest = np.array([one.pixels.argmax() if len(one.track) else -1 for one in sights])

    def add(variant: str, metric: str, values: np.ndarray, **at: float) -> None:
        tally.add(number, values.astype(float), variant=variant, metric=metric, **told, **at)

    add("camera", "seen", seen)
    add("camera", "candidates", candidates)
    add(CHANCE, "right", seen / np.maximum(candidates, 1.0))
    add(LARGEST, "right", seen & (largest == served))
    power_db = decibel(drive.power)
    tracked = track(power_db, np.zeros(len(power_db), np.int64))
    swept, measured = hierarchical_sweep(power_db)
    for variant, beam, count in (("tracker", tracked.beam, tracked.measured), (SWEEP, swept, measured)):
        add(variant, "power_loss_db", loss_db(power_db[tested], beam[tested]))
        add(variant, "overhead_beams", np.full(len(tested), count.mean()))  # what starts a drive counts, too
    for frames in (one for one in HISTORIES if one <= tested[0]):
        held = np.full(len(tested), power_db[frames - 1].argmax())
        for variant, beam in ((HELD, held), (ONWARD, onward(drive, frames))):
            add(variant, "power_loss_db", loss_db(power_db[tested], beam), x=float(frames))
        spent = np.full(len(tested), tracked.measured[:frames].sum())
        add(ONWARD, "total_beams", spent, x=float(frames))
    true = np.array([one.true_beam for one in sights])
    add(TRUE_AZIMUTH, "power_loss_db", loss_db(power_db[tested], true))
    box = loss_db(power_db[tested], aimed(drive, served, true))
    add(TRUE_BOX, "power_loss_db", np.where(seen, box, np.nan))


def served_place(drive: SeenDrive) -> np.ndarray:
    """Place of the served vehicle among those seen, -1 where it is not, int64 [tested frames]."""
    return np.array([drive.frames[frame].served for frame in tested_frames(drive)])


def aimed(drive: SeenDrive, place: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Beam that points at that vehicle, `otherwise` where there is none, int64 [tested frames]."""
    sights = [drive.frames[frame] for frame in tested_frames(drive)]
    return np.array(
        [
            sight.pattern[chosen].argmax() if chosen >= 0 else other
            for sight, chosen, other in zip(sights, place, otherwise, strict=True)
        ]
    )


def another_drive(drives: list[SeenDrive], number: int) -> SeenDrive | None:
    """The next of the same layout and length, from whose vehicle no power comes here."""
    own = drives[number]
    for other in (*drives[number + 1 :], *drives[:number]):
        if (other.layout, len(other.frames)) == (own.layout, len(own.frames)):
            return other
    return None


def draw_which_vehicle(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Choose, score, write CSV and picture. Raises DataError where the recordings are no street."""
    rows: list[Result] = []
    told = {"system": asked.system.name, "figure": FILE, "seed": str(asked.seed)}
    recorded = asked.recordings.drives()
    for carrier, served in SERVED.items():
        read = progress_bar(recorded, f"reading drives, {served}", console=asked.console)
        drives = [drive for drive in (seen_drive(moments, carrier) for moments in read) if drive]
        tally = Tally(drives, told)
        ways = [(count, DRAWN) for count in COUNTS] + [(USUAL, SAME)] if carrier == 1 else [(USUAL, DRAWN)]
        for number in range(len(drives)):
            add_baselines(tally, number, served=served)
            for count, how in ways:
                for draw in range(asked.seed, asked.seed + (DRAWS if how == DRAWN else 1)):
                    add_choices(tally, number, count, how, draw, served=served)
        rows += tally.rows()
        steps, swapped = (sum(getattr(one, name) for one in drives) for name in ("steps", "swapped"))
        share = proportion(swapped, steps) if steps else 0.0
        rows.append(
            Result.of(share, **told, variant="tracks", metric="swapped", conditions={"served": served})
        )
    files = [asked.results / f"{FILE}{ending}" for ending in (".csv", ".png")]
    write_results(files[0], rows)
    draw_choices(files[1], rows)
    return files


def draw_choices(path: Path, rows: list[Result]) -> None:
    """Share of right choices and dB lost over frames of history, beside what needs none."""
    place = {"served": SERVED[1], "layout": ALL, "light": ALL}
    shown = [row for row in rows if place.items() <= row.conditions.items()]

    def of(metric: str, variant: str, frames: str) -> list[Result]:
        told = (metric, variant, frames)
        return [row for row in shown if (row.metric, row.variant, row.conditions["frames"]) == told]

    def style(row: Result) -> dict[str, Any]:
        same = row.conditions["measured"] == SAME
        name = f"{row.inputs.removeprefix('beams')} beams, {row.conditions['measured']}"
        return {"marker": "s" if same else "o", "linestyle": "--" if same else "-", "label": name}

    with picture(path, 15, 4.8) as figure:
        right, loss, once = figure.subplots(1, 3)
        curves(right, of("right", CHOSEN, SEEN), style)
        curves(right, of("right", MISMATCHED, SEEN), lambda row: {"color": "grey", "label": MISMATCHED})
        curves(loss, of("power_loss_db", AIMED, ALL), style)
        curves(once, of("power_loss_db", TOLD_ONCE, ALL), style)
        colours = {ONWARD: "black", HELD: "grey"}
        for name in colours:
            curves(
                once,
                of("power_loss_db", name, ALL),
                lambda row: {"color": colours[row.variant], "label": row.variant},
            )
        for axis, metric, frames, names in (
            (right, "right", SEEN, (CHANCE, LARGEST)),
            (loss, "power_loss_db", ALL, ("tracker", SWEEP, TRUE_AZIMUTH)),
        ):
            for name, line in zip(names, (":", "-.", "--"), strict=False):
                for row in of(metric, name, frames):
                    axis.axhline(row.value, color="black", linestyle=line, linewidth=1, label=name)
        right.set_ylabel("share of right choices, vehicle seen")
        right.set_ylim(0.0, 1.0)
        loss.set_ylabel("dB lost by the beam aimed at the choice, all frames")
        once.set_ylabel("dB lost by frame 8 and later, all frames")
        for axis, title in zip(
            figure.axes, ("frames of history",) * 2 + ("frames that measured",), strict=True
        ):
            axis.set_xlabel(title)
            axis.legend(fontsize=6)
        for axis in (loss, once):
            axis.set_yscale("log")
        figure.suptitle(f"{rows[0].system}: which vehicle is served")
