# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's claims, and what was asked of the tuned network, each with a verdict on what was measured.

Means of scenes, of both channels and of 5 to 25 dB unless a claim names one. Values are means over seeds, a
claim about two networks compares those of the same seed; intervals are Student's over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semisac_ml.results import Result
from semisac_ml.results.drawing import verdict_table
from semisac_ml.results.verdicts import against_number
from semisac_ml.signal.metrics import Metric

from .averages import SINGLE_TASK
from .comparison import PAPER
from .figures import LIGHT, LIGHTER, PICTURE, RMSE, TUNED, Levels, _row, left_of, over_trainings
from .samples import STATES
from .tuned import SENSORS

COMPARED = ("cv-s", "rs-s", "lstm", "gru", "without lse", SINGLE_TASK)
HIGHEST_DB = 25.0
LEAST_RADAR_DB = 15.0
Measure = Callable[[Levels, str], dict[str, float]]


@dataclass(frozen=True)
class Claim:
    """said: by the paper or asked of the tuned network. goal: to be reached, "at least" or "at most".

    least: what can be. measure: by seed, of the levels and the name of the network that is tested.
    """

    said: str
    goal: float
    unit: str
    measure: Measure
    at_most: bool = False
    least: float = -math.inf
    tested: tuple[str, ...] = (PAPER, TUNED)


def _below(other: str, metric: str, x: float | None = None, fading: str | None = None) -> Measure:
    """By how much the error is below that of another network with the same l1, in percent of the other's."""

    def measure(levels: Levels, tested: str) -> dict[str, float]:
        peer = f"{other}{LIGHT}" if tested == LIGHTER else other
        own, others = (levels.by_training(name, metric, x, fading) for name in (tested, peer))
        return {seed: 100.0 * (1.0 - own[seed] / others[seed]) for seed in sorted(set(own) & set(others))}

    return measure


def _worse(other: str, metric: str, x: float | None = None, fading: str | None = None) -> Measure:
    """By how much the error of another network is above, in percent of the tested one's."""

    def measure(levels: Levels, tested: str) -> dict[str, float]:
        own, others = (levels.by_training(name, metric, x, fading) for name in (tested, other))
        return {seed: 100.0 * (others[seed] / own[seed] - 1.0) for seed in sorted(set(own) & set(others))}

    return measure


def _above(other: str, metric: str, x: float, fading: str, *, percent: bool) -> Measure:
    """By how much a figure is above that of another network."""

    def measure(levels: Levels, tested: str) -> dict[str, float]:
        own, others = (levels.by_training(name, metric, x, fading) for name in (tested, other))
        both = sorted(set(own) & set(others))
        return {
            seed: 100.0 * (own[seed] / others[seed] - 1.0) if percent else own[seed] - others[seed]
            for seed in both
        }

    return measure


def _left(sensor: str, metric: str) -> Measure:
    """By how much the error with one sensor left is above that of the network trained for it, in percent."""

    def measure(levels: Levels, tested: str) -> dict[str, float]:
        return _worse(left_of(sensor), metric)(levels, f"{tested}, {sensor}")

    return measure


def _covered(task: str) -> Measure:
    """Share of truths inside the 90 % interval, in percent."""

    def measure(levels: Levels, tested: str) -> dict[str, float]:
        found = levels.by_training(tested, f"{task}_coverage")
        return {training: 100.0 * share for training, share in found.items()}

    return measure


def _level(metric: str, x: float | None = None) -> Measure:
    return lambda levels, tested: levels.by_training(tested, metric, x)


def _better_places(metric: str) -> Measure:
    """Share of SNRs and channels where the tested network is better than the paper's, in percent."""

    def measure(levels: Levels, tested: str) -> dict[str, float]:
        own, others = (_by_place(levels.places(name, metric)) for name in (tested, PAPER))
        better = [
            own[place] > others[place] if metric in PICTURE else own[place] < others[place]
            for place in set(own) & set(others)
        ]
        return {"": 100.0 * sum(better) / len(better)} if better else {}

    return measure


def _by_place(values: dict[tuple[str, float, str], float]) -> dict[tuple[float, str], float]:
    """Means over seeds, by SNR and channel."""
    places = {key[1:] for key in values}
    return {
        place: float(np.mean([value for key, value in values.items() if key[1:] == place]))
        for place in places
    }


def _claims() -> list[Claim]:
    found = []
    for metric, rs, cv in (
        ("distance_rmse", 55.0, 80.0),
        ("angle_rmse", 85.0, 85.0),
        ("velocity_rmse", 25.0, 55.0),
    ):
        task = metric.partition("_")[0]
        for other, goal in (("rs-s", rs), ("cv-s", cv)):
            said = f"RMSE of the {task} below {other}"
            tested = (PAPER, LIGHTER, TUNED)
            found.append(Claim(said, goal, "%", _below(other, metric), tested=tested))
    for metric, most in zip(RMSE, (0.010, 0.010, 0.004), strict=True):
        said = f"normalised RMSE of the {metric.partition('_')[0]}"
        found.append(
            Claim(said, most, "1", _level(metric), at_most=True, least=0.0, tested=(PAPER, LIGHTER, TUNED))
        )
    found.append(Claim("SSIM at 25 dB", 0.85, "1", _level("ssim", HIGHEST_DB)))
    found.append(Claim("PSNR at 25 dB", 24.0, "dB", _level("psnr_db", HIGHEST_DB)))
    for other in ("without lse", SINGLE_TASK):
        for metric in RMSE:
            said = f"RMSE of the {metric.partition('_')[0]} worse {other}"
            found.append(Claim(said, 40.0, "%", _worse(other, metric), tested=(PAPER,)))
    at = (HIGHEST_DB, "awgn")
    for other, goals in (("lstm", (12.5, 40.2, 18.1)), ("gru", (102.0, 90.0, 80.0))):
        for metric, goal in zip(RMSE, goals, strict=True):
            # "up to 102 %" below can be meant of the other's excess alone
            way, measure = ("below", _below(other, metric, *at))
            if other == "gru":
                way, measure = "worse with", _worse(other, metric, *at)
            said = f"RMSE of the {metric.partition('_')[0]} {way} {other}, AWGN, 25 dB"
            found.append(Claim(said, goal, "%", measure, tested=(PAPER,)))
    for other, psnr_db, percent in (("lstm", 1.2, 3.2), ("gru", 3.1, 11.5)):
        said = f"over {other}, AWGN, 25 dB"
        gain = _above(other, "psnr_db", *at, percent=False)
        found.append(Claim(f"PSNR {said}", psnr_db, "dB", gain, tested=(PAPER,)))
        gain = _above(other, "ssim", *at, percent=True)
        found.append(Claim(f"SSIM {said}", percent, "%", gain, tested=(PAPER,)))
    for metric in (*RMSE, *PICTURE):
        said = f"{metric}: SNRs and channels where it is better than {PAPER}"
        found.append(Claim(said, 100.0, "%", _better_places(metric), tested=(TUNED,)))
    for task in STATES:
        for goal, at_most in ((87.0, False), (93.0, True)):
            said = f"coverage of the 90 % interval of the {task}: no {'more' if at_most else 'less'}"
            found.append(Claim(said, goal, "%", _covered(task), at_most, 0.0, (TUNED,)))
    for sensor in SENSORS:
        for metric in RMSE:
            said = f"RMSE of the {metric.partition('_')[0]}, {sensor} left, above a network trained for it"
            found.append(Claim(said, 5.0, "%", _left(sensor, metric), at_most=True, tested=(TUNED,)))
    return found


CLAIMS = _claims()


def claim_rows(table: list[Result], bounds: list[Result] = ()) -> list[Result]:
    """Rows of the claims that can be tested; bounds: of `--figure bounds`, if there are.

    Raises ValueError if none can.
    """
    lighter = (LIGHTER, *(f"{name}{LIGHT}" for name in ("cv-s", "rs-s")))
    alone = (f"{TUNED}, {sensor}" for sensor in SENSORS)
    levels = Levels.of(table, (PAPER, TUNED, *alone, *COMPARED, *lighter))
    rows = []
    for claim in CLAIMS:
        for tested in claim.tested:
            found = over_trainings(claim.measure(levels, tested), claim.least)
            if found is not None:
                rows.append(_claim_row(claim, tested, found))
    rows += _near_the_bound(bounds)
    if not rows:
        raise ValueError("figure claims: nothing that they are about is measured, expected --runs")
    return rows


def _near_the_bound(bounds: list[Result]) -> list[Result]:
    """Largest distance from the bound above 15 dB of the radar's SNR, of distance and velocity."""
    rows = []
    for task in ("distance", "velocity"):
        own = [
            row
            for row in bounds
            if row.metric == f"{task}_over_bound_db" and row.variant == TUNED and row.x > LEAST_RADAR_DB
        ]
        if own:
            worst = max(own, key=lambda row: row.value)
            said = f"RMSE of the {task} over the Cramér-Rao bound above {LEAST_RADAR_DB:g} dB, at worst"
            claim = Claim(said, 3.0, "dB", lambda levels, tested: {}, at_most=True)
            found = Metric(worst.value, worst.low or worst.value, worst.high or worst.value, worst.n or 1)
            rows.append(_claim_row(claim, TUNED, found))
    return rows


def _claim_row(claim: Claim, tested: str, found: Metric) -> Result:
    way = "at most" if claim.at_most else "at least"
    ends = (found.low, found.high) if found.n > 1 else (None, None)
    verdict = against_number(found.value, *ends, claim.goal, claim.at_most)
    goal = f"{way} {claim.goal:g} {claim.unit}".removesuffix(" 1")
    told = {"claim": claim.said, "goal": goal, "verdict": verdict}
    return _row(found, "claims", tested, "claimed", claim.unit, told)


def draw_claims(file: Path, rows: list[Result]) -> None:
    """The claims as a table."""
    cells = []
    for row in rows:
        told = row.conditions
        value = f"{row.value:.3g} {row.unit}".removesuffix(" 1")
        ends = f"{row.low:.3g} to {row.high:.3g}" if row.low is not None else ""
        cells.append([told["claim"], row.variant, told["goal"], value, ends, told["verdict"]])
    heads = ["claim", "tested on", "goal", "measured", "95 % interval", ""]
    widths = [0.47, 0.08, 0.14, 0.11, 0.13, 0.07]
    verdict_table(file, heads, widths, cells, 11.0)
