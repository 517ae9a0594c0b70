# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's figures of curves, 6 to 18, what is missing, and what carries a gain: from rows of snr.csv.

Beside what the paper compares, each figure has the tuned network, what practitioners would do and the bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from semisac_ml.results import Result, command_line
from semisac_ml.results.averages import SEED_KEY, over_seeds
from semisac_ml.results.drawing import curves, legend_below, picture, side_by_side, slant_names
from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric

from .averages import MEAN, SINGLE_TASK, normalised, over_scenes, single_tasks_joined
from .bounds import BOUND
from .comparison import MISLED, PAPER, SPAN, SYSTEM
from .practitioners import CAMERA, HIFI, KALMAN, MATCHED, SENT_AS, SHOWN
from .samples import STATES
from .scoring import UNITS
from .training import SHUFFLED

TUNED = "tuned"
LIGHT = ", l1 1"
"""Of names of networks in the paper's form whose picture weighs as much as a state."""
LIGHTER = f"{PAPER}{LIGHT}"
FADINGS = ("awgn", "rayleigh")
RMSE = tuple(f"{task}_rmse" for task in STATES)
PICTURE = ("psnr_db", "ssim")
LABELS = {
    "distance_rmse": "normalised RMSE of the distance",
    "angle_rmse": "normalised RMSE of the angle",
    "velocity_rmse": "normalised RMSE of the velocity",
    "psnr_db": "PSNR (dB)",
    "ssim": "SSIM",
}
ERRORS_IN_UNITS = {
    "distance_rmse_m": "RMSE of the distance (m)",
    "angle_rmse_deg": "RMSE of the angle (degrees)",
    "velocity_rmse_mps": "RMSE of the velocity (m/s)",
}
SENSORS_ALONE = (MATCHED, CAMERA, KALMAN, BOUND)
PICTURES_ALONE = (*SHOWN, HIFI)
COLOURS = {
    PAPER: "tab:blue",
    TUNED: "tab:red",
    LIGHTER: "tab:cyan",
    **dict.fromkeys(("cv-s", "lstm", "without lse", "tuned, camera"), "tab:orange"),
    **dict.fromkeys(("rs-s", "gru", SINGLE_TASK, "tuned, radar"), "tab:green"),
    **dict.fromkeys(("perceptron", "tuned, both"), "tab:purple"),
    MATCHED: "tab:gray",
    CAMERA: "tab:olive",
    KALMAN: "tab:brown",
    BOUND: "black",
    SHOWN[0]: "black",
    SHOWN[1]: "tab:gray",
    SHOWN[2]: "tab:brown",
    HIFI: "tab:olive",
}


@dataclass(frozen=True)
class Curves:
    """metric: what is shown. compared: variants. missing: whether sensors that fail are shown."""

    metric: str
    compared: tuple[str, ...]
    missing: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """In the file: what is shown, and of errors those in units."""
        task = self.metric.removesuffix("_rmse")
        return (self.metric, f"{self.metric}_{UNITS[task]}") if task in UNITS else (self.metric,)


def _curves() -> dict[str, Curves]:
    found = {}
    for first, compared in (
        (6, ("cv-s", "rs-s", LIGHTER)),
        (9, ("lstm", "gru", "perceptron")),
        (14, ("without lse", SINGLE_TASK)),
    ):
        for place, metric in enumerate(RMSE if first == 6 else (*RMSE, *PICTURE)):
            alone = PICTURES_ALONE if metric in PICTURE else SENSORS_ALONE
            found[str(first + place)] = Curves(metric, (PAPER, *compared, TUNED, *alone))
    one_sensor = (TUNED, "tuned, both", "tuned, camera", "tuned, radar")
    for metric in (*RMSE, *PICTURE):
        found[f"missing_{metric.partition('_')[0]}"] = Curves(metric, one_sensor, missing=True)
    return found


CURVES = _curves()
ABLATED = {
    PAPER: (
        *("lstm", "gru", "perceptron", "numbers", "without lse", SHUFFLED, MISLED, SINGLE_TASK),
        LIGHTER,
    ),
    TUNED: tuple(
        f"tuned, {name}"
        for name in ("both", "no estimate", "no glimpse", "not told", "not analog", "not direct", "no pixels")
    ),
}
CHANGE_UNITS = dict.fromkeys(RMSE, "%") | {"psnr_db": "dB", "ssim": "1"}


def all_sensors(rows: Iterable[Result]) -> list[Result]:
    """Rows of systems of which no sensor is missing."""
    rows = list(rows)
    most: dict[str, int] = {}
    for row in rows:
        most[row.variant] = max(most.get(row.variant, 0), row.inputs.count(","))
    return [row for row in rows if row.inputs.count(",") == most[row.variant]]


def left_of(sensor: str) -> str:
    """The tuned network of which this sensor alone works."""
    return f"{TUNED} of {sensor}"


def _with_what_is_left(row: Result) -> Result:
    alone = row.variant == TUNED and "," not in row.inputs
    return replace(row, variant=left_of(row.inputs)) if alone else row


def with_means(rows: list[Result], variants: tuple[str, ...], wanted: tuple[str, ...]) -> list[Result]:
    """Rows of variants and metrics, normalised ones and means of scenes with them; seeds stand apart."""
    rows = single_tasks_joined(rows)
    rows = [row for row in rows if row.variant in (*variants, SPAN)]
    rows = [row for row in (*rows, *normalised(rows)) if row.metric in wanted and row.variant != SPAN]
    return [*rows, *over_scenes(rows)]


def curve_rows(name: str, table: list[Result]) -> list[Result]:
    """Rows of a figure of curves. Raises ValueError if nothing of it was measured."""
    asked = CURVES[name]
    rows = with_means(table, asked.compared, asked.metrics)
    if not asked.missing:
        rows = all_sensors(rows)
    figure = f"figure{name}" if name.isdigit() else name
    typed = command_line()
    found = [replace(row, figure=figure, command=typed) for row in over_seeds(rows)]
    if not any(row.x is not None for row in found):
        raise ValueError(
            f"figure {name}: nothing is measured of {', '.join(asked.compared[:3])}, expected --runs with "
            "their trainings"
        )
    return sorted(found, key=lambda row: asked.compared.index(row.variant))


def draw_curves(file: Path, rows: list[Result], metric: str) -> None:
    """Columns of axes for scenes, a row for each channel; what does not depend on it is a level line."""
    rows = [row for row in rows if row.metric == metric]
    scenes = list(dict.fromkeys(row.conditions["scene"] for row in rows if row.x is not None))
    several = len({row.conditions["trained"] for row in rows if "trained" in row.conditions}) > 1
    missing = len({row.inputs for row in rows if row.variant == TUNED}) > 1

    def label(row: Result) -> str:
        parts = [row.variant]
        if missing and row.variant == TUNED:
            parts.append(f"of {row.inputs.replace(',', ' and ')}")
        if several and "trained" in row.conditions:
            parts.append(f"trained for {row.conditions['trained']}")
        if SENT_AS in row.conditions:
            parts.append(f"symbols of {row.conditions[SENT_AS]}")
        return ", ".join(parts)

    def style(row: Result) -> dict[str, object]:
        of_one = missing and row.variant == TUNED and "," not in row.inputs
        return {
            "label": label(row),
            "color": COLOURS[f"tuned, {row.inputs}" if of_one else row.variant],
            "linestyle": "--" if row.conditions.get(SENT_AS) == PAPER else ":" if of_one else "-",
            "marker": "o",
            "capsize": 2,
            "elinewidth": 0.7,
        }

    with picture(file, max(8.0, 3.6 * len(scenes) + 0.6), 7.0) as figure:
        axes = figure.subplots(len(FADINGS), len(scenes), squeeze=False, sharex=True, sharey="row")
        for line, fading in zip(axes, FADINGS, strict=True):
            for axis, scene in zip(line, scenes, strict=True):
                here = [row for row in rows if row.conditions["scene"] == scene]
                curves(axis, [row for row in here if row.conditions.get("fading") == fading], style)
                for row in (row for row in here if row.x is None):
                    axis.axhline(row.value, color=COLOURS[row.variant], linestyle="-.", label=label(row))
                if metric in RMSE:
                    axis.set_yscale("log")
                    axis.grid(True, which="both")
                axis.set_title(f"{scene}, {fading}")
            line[0].set_ylabel(LABELS[metric])
        for axis in axes[-1]:
            axis.set_xlabel("SNR, Es/N0 (dB)")
        legend_below(figure, max(2, len(scenes)))


@dataclass(frozen=True)
class Levels:
    """What was measured, by training: means of scenes, or the only scene.

    rows: of :func:`with_means` and :func:`all_sensors`.
    """

    rows: list[Result]

    @classmethod
    def of(cls, table: list[Result], variants: tuple[str, ...]) -> Levels:
        """From the rows of snr.csv; of the tuned network also with one sensor left (`left_of`)."""
        units = tuple(f"{metric}_{UNITS[metric.removesuffix('_rmse')]}" for metric in RMSE)
        wanted = (*RMSE, *units, *PICTURE, *(f"{task}_coverage" for task in STATES))
        rows = all_sensors(map(_with_what_is_left, with_means(table, variants, wanted)))
        scenes = {row.conditions["scene"] for row in rows}
        of = MEAN if MEAN in scenes else min(scenes, default="")
        return cls([row for row in rows if row.conditions["scene"] == of and row.x is not None])

    def places(
        self, variant: str, metric: str, x: float | None = None, fading: str | None = None
    ) -> dict[tuple[str, float, str], float]:
        """Values by training (the channel that it was for, and its seed), SNR and channel."""
        found = {}
        for row in self.rows:
            told = row.conditions
            if (
                (row.variant, row.metric) == (variant, metric)
                and x in (None, row.x)
                and fading in (None, told["fading"])
            ):
                training = f"{told.get('trained', '')} {told.get(SEED_KEY, '')}"
                found[training, row.x, told["fading"]] = row.value
        return found

    def by_training(
        self, variant: str, metric: str, x: float | None = None, fading: str | None = None
    ) -> dict[str, float]:
        """Means over SNRs and channels, by training."""
        places = self.places(variant, metric, x, fading)
        trainings = sorted({training for training, *_ in places})
        return {
            training: sum(own) / len(own)
            for training in trainings
            for own in [[value for key, value in places.items() if key[0] == training]]
        }


def over_trainings(values: dict[str, float], least: float = -math.inf) -> Metric | None:
    """Mean over seeds with Student's interval, cut at the least that can be; None of no seeds.

    A single seed has no interval.
    """
    if not values:
        return None
    found = metrics.mean(list(values.values()), least)
    return found if found.n > 1 else Metric(found.value, -math.inf, math.inf, 1)


def changes(levels: Levels, reference: str, variant: str, metric: str) -> dict[str, float]:
    """By how much a variant is above the reference, seed by seed: errors in percent, the rest as they are."""
    of, other = levels.by_training(reference, metric), levels.by_training(variant, metric)
    both = sorted(set(of) & set(other))
    if metric in RMSE:
        return {seed: 100.0 * (other[seed] / of[seed] - 1.0) for seed in both}
    return {seed: other[seed] - of[seed] for seed in both}


def ablation_rows(table: list[Result]) -> list[Result]:
    """What each part is worth: change of the figures where it is taken away, mean over SNRs and channels."""
    rows = []
    for reference, variants in ABLATED.items():
        levels = Levels.of(table, (reference, *variants))
        for variant in variants:
            for metric, unit in CHANGE_UNITS.items():
                found = over_trainings(changes(levels, reference, variant, metric))
                if found is not None:
                    rows.append(
                        _row(found, "ablation", variant, f"{metric}_change", unit, {"against": reference})
                    )
    if not rows:
        raise ValueError("figure ablation: no two trainings of the same seed are measured, expected --runs")
    return rows


def draw_ablation(file: Path, rows: list[Result]) -> None:
    """A row of axes for each reference, a column for each figure of merit."""
    references = list(dict.fromkeys(row.conditions["against"] for row in rows))
    with picture(file, 3.2 * len(CHANGE_UNITS), 4.4 * len(references)) as figure:
        axes = figure.subplots(len(references), len(CHANGE_UNITS), squeeze=False)
        for line, reference in zip(axes, references, strict=True):
            for axis, (metric, unit) in zip(line, CHANGE_UNITS.items(), strict=True):
                own = [
                    row
                    for row in rows
                    if row.conditions["against"] == reference and row.metric == f"{metric}_change"
                ]
                side_by_side(
                    axis, own, lambda row: row.variant, lambda row: row.conditions["against"], bars=False
                )
                axis.axhline(0.0, color="black", linewidth=0.8)
                axis.set_ylabel(f"change ({unit})" if unit != "1" else "change")
                axis.set_title(f"{LABELS[metric].removesuffix(' (dB)')}\nagainst {reference}", fontsize=9)
                slant_names(axis)


def _row(
    found: Metric, figure: str, variant: str, metric: str, unit: str, conditions: dict[str, str]
) -> Result:
    low, high = (found.low, found.high) if found.n > 1 else (None, None)
    return Result(
        system=SYSTEM,
        figure=figure,
        variant=variant,
        conditions=conditions,
        metric=metric,
        value=found.value,
        low=low,
        high=high,
        n=found.n,
        unit=unit,
    )
