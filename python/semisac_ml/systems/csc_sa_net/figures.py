# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of mean IoU: the paper's 8 to 11, modalities by time of the day, and what goes wrong on the way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from semisac_ml.parallel import Workers, run_jobs
from semisac_ml.results import Result
from semisac_ml.results.drawing import curves, legend_below, picture, side_by_side
from semisac_ml.results.rows import X

from .comparison import (
    HELD_OUT,
    KNOWN,
    SINGLE_STAGE,
    Bench,
    Point,
    Scenes,
    Scheme,
    grouped,
    score_rows,
)
from .faults import PREFIX_S, Faults
from .settings import ADDED, MODALITIES, PAPER

TUNED = "tuned"
LABELS = {"miou": "mean IoU, Eq. (29)", "authors_miou": "mean IoU as the authors' program has it"}
ALONE = tuple(f"{TUNED} {one}" for one in MODALITIES)
AXES = {
    "pilots": "CSI-RS symbols L",
    "feedback_bits": "feedback bits B",
    "snr_db": "SNR (dB)",
    "symbols": "OFDM symbols Q",
}
COLOURS = {
    PAPER: "tab:blue",
    TUNED: "tab:red",
    "separated authors": "tab:green",
    "separated": "tab:purple",
    "separated delay-limited": "tab:brown",
    "tuned not told": "tab:orange",
    "tuned all tokens": "tab:pink",
    "tuned real symbols": "tab:olive",
    "tuned without references": "tab:cyan",
    "tuned without map": "gold",
    "tuned without curriculum": "black",
    ADDED: "navy",
}
LINES = {
    "orthogonal": "--",
    KNOWN["known"]: "-",
    KNOWN["sought"]: "--",
    KNOWN["learned"]: "-.",
    KNOWN["acquired"]: ":",
    KNOWN["precoded"]: (0, (1, 3)),
    KNOWN["known precoded"]: (0, (6, 2, 1, 2, 1, 2)),
    SINGLE_STAGE: ":",
}
NEAR_DB = -15.0
"""Where the task is compared with no channel at all."""


@dataclass(frozen=True)
class Sweep:
    """axis: what of a point is swept. symbols: Q of each column of axes; none if Q is swept."""

    axis: str
    values: tuple[float, ...]
    symbols: tuple[int, ...] = (1, 4)

    def points(self) -> Iterator[Point]:
        """All of them."""
        for symbols in self.symbols or (None,):
            for value in self.values:
                here = replace(Point(), **{self.axis: value})
                yield here if symbols is None else replace(here, symbols=symbols)


SWEEPS = {
    "8": Sweep("pilots", (1, 2, 4, 8)),
    "9": Sweep("feedback_bits", (4, 16, 64, 256, 1024)),
    "10": Sweep("snr_db", (-35.0, -30.0, -25.0, -20.0, -15.0, -10.0, -5.0), (4,)),
    # separated users have pilots among them, and so more of them
    "11": Sweep("symbols", (1, 2, 3, 4, 5, 6, 7), ()),
}
MODALITY_POINT = Point(snr_db=NEAR_DB)
TIMES = ("day", "dusk", "night", "all")


def variations() -> Iterator[tuple[str, float, Faults]]:
    """Name, amount and what goes wrong, of the first or the second user or of both users' feedback."""
    for user, name in enumerate(MODALITIES):
        for weaker_db in (3.0, 6.0, 10.0, 20.0, math.inf):
            yield f"{name} weaker by (dB)", weaker_db, Faults(user, weaker_db=weaker_db)
        for share in (0.1, 0.2, 0.3, 0.4):
            yield f"{name} late by (prefix)", share, Faults(user, late_s=share * PREFIX_S)
        for carrier_hz in (100.0, 300.0, 1000.0, 3000.0):
            yield f"{name} off in carrier by (Hz)", carrier_hz, Faults(user, carrier_hz=carrier_hz)
    for flipped in (0.001, 0.01, 0.03, 0.1):
        yield "feedback bits flipped (share)", flipped, Faults(flipped=flipped)


def asked_points(name: str) -> list[Point]:
    """Points of a figure."""
    if name in SWEEPS:
        return list(SWEEPS[name].points())
    if name == "modalities":
        return [MODALITY_POINT]
    return [MODALITY_POINT, *(replace(MODALITY_POINT, faults=faults) for *_, faults in variations())]


def measure(
    schemes: Sequence[Scheme],
    points: Iterable[Point],
    bench: Bench,
    console: Console,
    workers: Workers = Workers(1),
) -> None:
    """Count what is not counted yet, a training at a point in each job."""
    points, jobs = list(dict.fromkeys(points)), {}
    for scheme in schemes:
        of = [Point()] if scheme.stage == "1" else [point for point in points if scheme.fits(point)]
        for scenes, point in itertools.product(bench.scenes(scheme), of):
            if not bench.file(scheme, scenes, point).is_file():
                name = f"{scheme.folder}: {scheme.name}, {point}"
                jobs[name] = (bench, scheme, point)
    done = run_jobs(_count, jobs, workers)
    for _ in track(done, "counting", len(jobs), console=console, transient=True, disable=not jobs):
        pass


def _count(bench: Bench, scheme: Scheme, point: Point) -> None:
    for scenes in bench.scenes(scheme):
        bench.counts(scheme, scenes, point)


def rows_of(
    figure: str,
    own: Sequence[Scheme],
    scenes: Scenes,
    point: Point,
    bench: Bench,
    conditions: Mapping[str, object],
    x: float | None = None,
    time: str = "all",
) -> list[Result]:
    """Rows of trainings of one scheme at one point, of drives at a time of the day."""
    first = own[0]
    chosen = slice(None) if time == "all" else scenes.at(time)
    counts = {one.settings.seed: bench.counts(one, scenes, point)[chosen] for one in own}
    if not len(next(iter(counts.values()))):
        return []
    told = {"preset": first.settings.preset, "scenes": scenes.name, **conditions}
    if first.stage == "3" and "symbols" in told:
        told["ofdm_symbols"] = first.spent(first.data_symbols(point.symbols))
    return score_rows(counts, figure, first.name, told, x=x)


def sweep_rows(name: str, schemes: Sequence[Scheme], bench: Bench) -> list[Result]:
    """Rows of a figure of curves; what no channel leaves is one without x.

    Raises ValueError if no training fits.
    """
    sweep, figure, rows = SWEEPS[name], f"figure{name}", []
    for own in grouped(compared(schemes)).values():
        places = _places(own[0], sweep)
        for scenes in bench.scenes(own[0]):
            if own[0].stage == "1":
                rows += rows_of(figure, own, scenes, Point(), bench, {X: AXES[sweep.axis]})
                continue
            for (x, _), point in places.items():
                told = {key: getattr(point, key) for key in AXES if key != sweep.axis}
                rows += rows_of(figure, own, scenes, point, bench, told | {X: AXES[sweep.axis]}, x)
    if not any(row.x is not None for row in rows):
        raise ValueError(f"figure {name}: no training has such links, expected --runs with some")
    return rows


def compared(schemes: Sequence[Scheme]) -> list[Scheme]:
    """Those of the paper's figures: users of both modalities, and no channel once for each of their forms."""
    kept = (TUNED, PAPER)
    return [
        one
        for one in schemes
        if one.settings.variant not in ALONE
        and (one.stage == "3" or (one.settings.variant in kept and one.settings.access == "superposed"))
    ]


def drawn_as(name: str) -> dict[str, object]:
    """How a scheme is drawn: colour by its networks, line by its beams, or by how users share the air."""
    variant, _, way = name.partition(", ")
    return {
        "label": name,
        "color": COLOURS.get(variant, "tab:gray"),
        "linestyle": LINES.get(way, "-"),
        "marker": "s" if variant.startswith("separated") else "o",
    }


def _places(scheme: Scheme, sweep: Sweep) -> dict[tuple[float, int | None], Point]:
    """Points of a sweep that fit a scheme, by x and Q; over Q, x is what the symbols cost."""
    found: dict[tuple[float, int | None], Point] = {}
    for point in filter(scheme.fits, sweep.points()):
        if sweep.axis == "symbols":
            found.setdefault((scheme.spent(scheme.data_symbols(point.symbols)), None), point)
        else:
            found[float(getattr(point, sweep.axis)), point.symbols] = point
    return found


def draw_sweep(file: Path, rows: list[Result], preset: str) -> None:
    """A row of axes for each metric and kind of scenes, a column for each Q; of one preset."""
    rows = [row for row in rows if row.conditions["preset"] == preset and row.metric in LABELS]
    lines = list(dict.fromkeys((row.conditions["scenes"], row.metric) for row in rows))
    columns = list(dict.fromkeys(row.conditions.get("symbols") for row in rows if row.x is not None))
    with picture(file, 4.4 * max(2, len(columns)), 3.2 * len(lines) + 1.2) as figure:
        axes = figure.subplots(len(lines), len(columns), squeeze=False, sharey="row")
        for line, (scenes, metric) in zip(axes, lines, strict=True):
            own = [row for row in rows if (row.conditions["scenes"], row.metric) == (scenes, metric)]
            for axis, symbols in zip(line, columns, strict=True):
                here = [row for row in own if row.x is not None and row.conditions.get("symbols") == symbols]
                here = [_without_resources(row) for row in here]
                curves(axis, here, lambda row: {**drawn_as(row.variant), "capsize": 2, "elinewidth": 0.7})
                for row in (row for row in own if row.x is None):
                    how = drawn_as(row.variant)
                    axis.axhline(row.value, color=how["color"], linestyle=":", label=how["label"])
                if here[0].axis in (AXES["pilots"], AXES["feedback_bits"]):
                    axis.set_xscale("log", base=2)
                axis.set_xlabel(here[0].axis)
                axis.set_title(scenes.partition(":")[0] + (f", Q = {symbols}" if symbols else ""))
            line[0].set_ylabel(LABELS[metric], fontsize=8)
        legend_below(figure, max(2, len(columns)))


def _without_resources(row: Result) -> Result:
    told = {key: value for key, value in row.conditions.items() if key != "ofdm_symbols"}
    return replace(row, conditions=told)


def modality_rows(schemes: Sequence[Scheme], bench: Bench) -> list[Result]:
    """Each modality alone and both, by time of the day, over a link and without a channel.

    Raises ValueError if there are none.
    """
    wanted = [one for one in schemes if one.name.partition(",")[0] in (TUNED, PAPER, *ALONE)]
    rows = []
    for own in grouped(wanted).values():
        for scenes in bench.scenes(own[0]):
            if own[0].fits(MODALITY_POINT):
                for time in TIMES:
                    told = {"snr_db": NEAR_DB} if own[0].stage == "3" else {}
                    rows += rows_of(
                        "modalities", own, scenes, MODALITY_POINT, bench, told | {"time": time}, time=time
                    )
    if not rows:
        raise ValueError(f"figure modalities: no training of {TUNED} is given, expected --runs with some")
    return rows


def draw_modalities(file: Path, rows: list[Result]) -> None:
    """A column of axes for each kind of scenes, a row for each metric."""
    scenes = list(dict.fromkeys(row.conditions["scenes"] for row in rows))
    with picture(file, 6.0 * len(scenes), 3.2 * len(LABELS) + 1.0) as figure:
        axes = figure.subplots(len(LABELS), len(scenes), squeeze=False)
        for line, metric in zip(axes, LABELS, strict=True):
            for axis, place in zip(line, scenes, strict=True):
                own = [row for row in rows if row.metric == metric and row.conditions["scenes"] == place]
                side_by_side(axis, own, lambda row: row.conditions["time"], _named_preset)
                axis.set_title(place.partition(":")[0])
            line[0].set_ylabel(LABELS[metric], fontsize=8)
        legend_below(figure, 2)


def _named_preset(row: Result) -> str:
    return f"{row.variant}, {row.conditions['preset']}"


def variation_rows(schemes: Sequence[Scheme], bench: Bench) -> list[Result]:
    """What goes wrong, one thing at a time; x = 0: nothing does; a user who is missing is infinitely weaker.

    Raises ValueError if no training fits.
    """
    rows = []
    for own in grouped([one for one in compared(schemes) if one.stage == "3"]).values():
        if not own[0].fits(MODALITY_POINT):
            continue
        for scenes in bench.scenes(own[0]):
            right = rows_of("variations", own, scenes, MODALITY_POINT, bench, {"snr_db": NEAR_DB})
            for said in dict.fromkeys(name for name, *_ in variations()):
                told = {"snr_db": NEAR_DB, X: said}
                rows += [replace(row, x=0.0, conditions={**row.conditions, **told}) for row in right]
            for said, amount, faults in variations():
                told = {"snr_db": NEAR_DB, X: said}
                point = replace(MODALITY_POINT, faults=faults)
                if math.isinf(amount):
                    told, amount = {"snr_db": NEAR_DB, "missing": said.partition(" ")[0]}, None
                rows += rows_of("variations", own, scenes, point, bench, told, amount)
    if not rows:
        raise ValueError("figure variations: no training has such links, expected --runs with some")
    return rows


def draw_variations(file: Path, rows: list[Result]) -> None:
    """Axes for each thing that goes wrong; a user who is missing is a level line where it is weaker."""
    rows = [row for row in rows if row.metric == "miou"]
    swept = [row for row in rows if row.x is not None]
    names = list(dict.fromkeys(row.axis for row in swept))
    shape = (math.ceil(len(names) / 3), 3)
    several = len({(row.conditions["preset"], row.conditions["scenes"]) for row in rows}) > 1

    def style(row: Result) -> dict[str, object]:
        how = drawn_as(row.variant)
        if several:
            how["label"] += f", {row.conditions['preset']}, {row.conditions['scenes'].partition(':')[0]}"
        if row.conditions["scenes"].startswith(HELD_OUT):
            how["linestyle"] = ":"
        return how

    with picture(file, 13.0, 3.0 * shape[0] + 1.6) as figure:
        axes = figure.subplots(*shape, squeeze=False)
        for axis, name in zip(axes.flat, names, strict=False):
            curves(axis, [row for row in swept if row.axis == name], style, intervals=False)
            axis.set_xlabel(name)
            axis.set_ylabel(LABELS["miou"])
            for row in rows:
                if name.startswith(f"{row.conditions.get('missing')} weaker"):
                    axis.axhline(row.value, **{**style(row), "marker": "", "label": None}, linewidth=0.6)
        for axis in axes.flat[len(names) :]:
            axis.remove()
        legend_below(figure, 3)
