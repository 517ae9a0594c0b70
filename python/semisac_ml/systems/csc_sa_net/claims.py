# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's claims and what was asked of this implementation, each with a verdict on what was measured.

A claim about two schemes compares trainings of the same seeds on the same drives, and its interval is that of
the difference over drives. Scores are those of the preset: Eq. (29), or of "notebook" the authors'. A claim
about many points is tested at the one where it holds least.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semisac_ml.results import Result
from semisac_ml.results.drawing import verdict_table
from semisac_ml.results.verdicts import against_order
from semisac_ml.signal.metrics import Metric

from .comparison import (
    KNOWN,
    NO_CHANNEL,
    SCORES,
    SINGLE_STAGE,
    SYSTEM,
    Bench,
    Point,
    Scenes,
    Scheme,
    difference,
    grouped,
)
from .figures import ALONE, AXES, MODALITY_POINT, SWEEPS, TUNED
from .settings import ADDED, PAPER, VARIANTS
from .spectral_efficiency import (
    FIRST_PATH,
    LEAST_SQUARES,
    LIKELIEST,
    OF_PCA,
    OF_SHARED_PCA,
    PCA,
    SHARED_PCA,
    several_paths,
)

FIGURE = "claims"
SEPARATED = tuple(
    f"{name}, {said}"
    for name in ("separated authors", "separated", "separated delay-limited")
    for said in KNOWN.values()
)
WITHOUT = tuple(one for one in VARIANTS if one.startswith(f"{TUNED} ") and one not in ALONE)
RIVALS = (FIRST_PATH, several_paths(4), LIKELIEST, LEAST_SQUARES, KNOWN["acquired"], KNOWN["precoded"])
"""Of networks of stage II: what is acquired otherwise, from as many pilots and in as many bits."""
APART = f"{TUNED}, orthogonal"
POINTS = tuple(dict.fromkeys(point for sweep in SWEEPS.values() for point in sweep.points()))
FEW = tuple(point for point in POINTS if point.symbols == 1)
NEAR = 0.03
"""Of mean IoU: how far from no channel the task may be at -15 dB."""
PCA_SHARES = {8: 60.0, 2: 30.0}
"""Percent of PCA asked of networks of stage II, by L; of both arrangements of the station's chains."""
OMP_SHARES = {8: 64.0, 4: 32.0, 2: 11.0}
"""Percent of PCA that the first grid point of matching pursuit reaches, by L, as it was known before."""


@dataclass(frozen=True)
class Tested:
    """A claim, of whom, what it must be above, and what was found."""

    said: str
    variant: str
    goal: float
    found: Metric
    told: dict[str, object]
    unit: str = ""

    def row(self) -> Result:
        """The claim as a row."""
        measured = self.found.value, self.found.low, self.found.high
        verdict = against_order(*measured, self.goal)
        conditions = {"claim": self.said, "goal": f"above {self.goal:g}", "verdict": verdict, **self.told}
        return Result.of(
            self.found,
            system=SYSTEM,
            figure=FIGURE,
            variant=self.variant,
            conditions=conditions,
            metric="claimed",
            unit=self.unit,
        )


@dataclass(frozen=True)
class Field:
    """What was measured of one preset on one kind of scenes. schemes: by name, each training by its seed."""

    bench: Bench
    preset: str
    scenes: Scenes
    schemes: dict[str, dict[int, Scheme]]

    @property
    def told(self) -> dict[str, object]:
        """What tells rows apart."""
        return {"preset": self.preset, "scenes": self.scenes.name}

    @property
    def score(self) -> Callable[[np.ndarray], float]:
        """Of the preset."""
        return SCORES["miou" if self.preset == "printed" else "authors_miou"]

    def counts(self, name: str, seeds: Iterable[int], point: Point, time: str = "") -> list[np.ndarray]:
        """Of trainings of these seeds."""
        chosen = self.scenes.at(time) if time else slice(None)
        own = self.schemes[name]
        return [self.bench.counts(own[seed], self.scenes, point)[chosen] for seed in seeds]

    def fits(self, name: str, point: Point) -> bool:
        """Whether there are trainings of a scheme, made for such links."""
        own = self.schemes.get(name)
        return bool(own) and next(iter(own.values())).fits(point)

    def gain(
        self, first: str, second: str, point: Point, time: str = "", other: Point | None = None
    ) -> Metric | None:
        """By how much the first scores better; other: where the second is measured, if not at the same."""
        other = other or point
        if not (self.fits(first, point) and self.fits(second, other)):
            return None
        seeds = sorted(set(self.schemes[first]) & set(self.schemes[second]))
        if not seeds or (time and not self.scenes.at(time).any()):
            return None
        return difference(
            self.counts(first, seeds, point, time), self.counts(second, seeds, other, time), self.score
        )

    def least_gain(
        self, first: str, second: str, points: Iterable[Point]
    ) -> tuple[Metric, Point, float] | None:
        """At the point where it is least, and the share of points where it is above 0, in percent."""
        found = [(self.gain(first, second, point), point) for point in points]
        found = [(gain, point) for gain, point in found if gain is not None]
        if not found:
            return None
        gain, point = min(found, key=lambda one: one[0].value)
        return gain, point, 100.0 * sum(one.value > 0.0 for one, _ in found) / len(found)


def fields_of(schemes: Sequence[Scheme], bench: Bench) -> Iterator[Field]:
    """Each preset on each kind of scenes."""
    by_preset: dict[str, dict[str, dict[int, Scheme]]] = {}
    for (name, preset), own in grouped(schemes).items():
        by_preset.setdefault(preset, {})[name] = {one.settings.seed: one for one in own}
    for preset, named in by_preset.items():
        any_of = next(iter(next(iter(named.values())).values()))
        for scenes in bench.scenes(any_of):
            yield Field(bench, preset, scenes, named)


def _at(point: Point) -> dict[str, object]:
    return {name: getattr(point, name) for name in AXES}


def _least(field: Field, said: str, first: str, second: str, points: Iterable[Point]) -> Iterator[Tested]:
    found = field.least_gain(first, second, points)
    if found is not None:
        gain, point, share = found
        told = {**field.told, "against": second, **_at(point), "points_above_percent": round(share)}
        yield Tested(said, first, 0.0, gain, told)


def of_the_paper(field: Field) -> Iterator[Tested]:
    """Section IV-D, claim by claim."""
    for name, apart in ((PAPER, f"{PAPER}, orthogonal"), (PAPER, f"{ADDED}, orthogonal"), (TUNED, APART)):
        said = "non-orthogonal above orthogonal at Q = 1"
        yield from _least(field, f"{said}, L < 4", name, apart, [one for one in FEW if one.pilots < 4])
        yield from _least(
            field, f"{said}, B < 64", name, apart, [one for one in FEW if one.feedback_bits < 64]
        )
        low = [one for one in SWEEPS["10"].points() if one.snr_db <= -25.0]
        yield from _least(field, "non-orthogonal above orthogonal at -25 dB and below", name, apart, low)
        gains = [field.gain(name, apart, Point(symbols=symbols)) for symbols in (1, 4)]
        if None not in gains:
            one, four = gains
            found = Metric(one.value - four.value, one.low - four.high, one.high - four.low, one.n)
            told = {**field.told, "against": apart}
            yield Tested("its gain over orthogonal is larger at Q = 1 than at Q = 4", name, 0.0, found, told)
    for name in (PAPER, TUNED):
        for own in (name, f"{name}, orthogonal"):
            for other in SEPARATED:
                said = "above the separated scheme at every point of Figures 8 to 11"
                yield from _least(field, said, own, other, POINTS)
        yield from _rising(field, name)
        single = f"{name}, {SINGLE_STAGE}"
        yield from _least(field, "three stages above one at -25 dB, Q = 4", name, single, [Point()])
    for other in SEPARATED:
        said = "falls from L = 8 to L = 2 by more than CSC-SA-Net"
        few, many = Point(pilots=2), Point(pilots=8)
        falls = [field.gain(name, name, many, other=few) for name in (other, PAPER)]
        if None not in falls:
            own, theirs = falls
            found = Metric(own.value - theirs.value, own.low - theirs.high, own.high - theirs.low, own.n)
            yield Tested(said, other, 0.0, found, {**field.told, "against": PAPER})


def _rising(field: Field, name: str) -> Iterator[Tested]:
    """More symbols are never worse."""
    steps = [
        (field.gain(name, name, Point(symbols=more), other=Point(symbols=more - 1)), more)
        for more in (2, 3, 4, 5)
    ]
    steps = [(gain, more) for gain, more in steps if gain is not None]
    if steps:
        gain, more = min(steps, key=lambda one: one[0].value)
        yield Tested("rises with every symbol more", name, 0.0, gain, {**field.told, "symbols": more})


def of_this_project(field: Field) -> Iterator[Tested]:
    """What was asked besides."""
    for name in (TUNED, PAPER):
        free = f"{name}, {NO_CHANNEL}"
        for time in ("", "day", "dusk", "night"):
            gain = field.gain(name, free, MODALITY_POINT, time)
            if gain is not None:
                told = {**field.told, "against": free, "time": time or "all", **_at(MODALITY_POINT)}
                yield Tested("within 0.03 of no channel at -15 dB, Q = 4", name, -NEAR, gain, told)
    colour, thermal = ALONE
    for first, second, time, said in (
        (thermal, colour, "night", "thermal alone above colour alone at night"),
        (colour, thermal, "day", "colour alone above thermal alone by day"),
        (TUNED, thermal, "night", "both above thermal alone at night"),
        (TUNED, colour, "day", "both above colour alone by day"),
        (TUNED, colour, "", "both above colour alone"),
        (TUNED, thermal, "", "both above thermal alone"),
    ):
        gain = field.gain(first, second, MODALITY_POINT, time)
        if gain is not None:
            told = {**field.told, "against": second, "time": time or "all", **_at(MODALITY_POINT)}
            yield Tested(said, first, 0.0, gain, told)
    others = (PAPER, APART, *SEPARATED, *WITHOUT)
    for point in (Point(), MODALITY_POINT):
        for other in others:
            gain = field.gain(TUNED, other, point)
            if gain is not None:
                told = {**field.told, "against": other, **_at(point)}
                yield Tested(f"above it at {point.snr_db:g} dB, Q = 4", TUNED, 0.0, gain, told)


def of_spectral_efficiency(rows: Sequence[Result]) -> Iterator[Tested]:
    """Shares of PCA in percent, from the rows of `--figure spectral_efficiency` over L."""
    shares = {
        (row.metric, row.variant, row.x): Metric(
            *(100.0 * each for each in (row.value, row.low, row.high)), row.n
        )
        for row in rows
        if row.metric in (OF_PCA, OF_SHARED_PCA) and row.axis == AXES["pilots"]
    }
    every = sorted({pilots for *_, pilots in shares}, reverse=True)
    told = {"preset": "printed"}
    for name in (TUNED, PAPER):
        for metric, of in ((OF_PCA, PCA), (OF_SHARED_PCA, SHARED_PCA)):
            for pilots, goal in PCA_SHARES.items():
                if (metric, name, pilots) in shares:
                    said = f"share of {of} with the channel known, L = {pilots}"
                    yield Tested(said, name, goal, shares[metric, name, pilots], told, "%")
        for pilots, goal in OMP_SHARES.items():
            if (OF_PCA, name, pilots) in shares:
                said = f"share of PCA above that of a plain search of paths, L = {pilots}"
                yield Tested(said, name, goal, shares[OF_PCA, name, pilots], told, "%")
        for pilots, rival in itertools.product(every, RIVALS):
            own, other = (shares.get((OF_PCA, one, pilots)) for one in (name, rival))
            if own and other:
                found = Metric(own.value - other.value, own.low - other.high, own.high - other.low, own.n)
                said = f"share of PCA above that of {rival}, L = {pilots:g}"
                yield Tested(said, name, 0.0, found, told, "%")


def claim_rows(schemes: Sequence[Scheme], bench: Bench, efficiencies: Sequence[Result]) -> list[Result]:
    """Rows of all claims that can be tested; efficiencies: of `--figure spectral_efficiency`, if there are.

    Raises ValueError if none can.
    """
    tested = [
        one for field in fields_of(schemes, bench) for one in (*of_the_paper(field), *of_this_project(field))
    ]
    rows = [one.row() for one in (*tested, *of_spectral_efficiency(efficiencies))]
    if not rows:
        raise ValueError("figure claims: nothing that they are about is measured, expected --runs with it")
    return rows


def asked_points() -> list[Point]:
    """What must be counted."""
    return [*POINTS, MODALITY_POINT]


def draw(file: Path, rows: list[Result]) -> None:
    """The claims as a table."""
    cells = []
    for row in rows:
        told = row.conditions
        where = ", ".join(
            filter(None, (told["preset"], told.get("scenes", "").partition(":")[0], told.get("time")))
        )
        against = f", against {told['against']}" if "against" in told else ""
        ends = f"{row.low:.3f} to {row.high:.3f}"
        cells.append(
            [
                told["claim"] + against,
                row.variant,
                where,
                told["goal"],
                f"{row.value:.3f}",
                ends,
                told["verdict"],
            ]
        )
    heads = ["claim", "tested on", "of", "goal", "measured", "95 % interval", ""]
    widths = [0.46, 0.13, 0.11, 0.09, 0.07, 0.09, 0.05]
    verdict_table(file, heads, widths, cells, 14.0)
