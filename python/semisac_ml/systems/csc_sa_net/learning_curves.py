# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How trainings went: figures of validation by epoch, what each stage cost, and whether it had ended."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from semisac_ml.results import Result
from semisac_ml.results.drawing import picture
from semisac_ml.results.rows import X

from .comparison import SYSTEM, Scheme
from .separated import KNOWLEDGE, OF_ACQUIRED
from .training import STAGES, seconds_file

FIGURE = "training"
LAST_SHARE = 0.2
WATCHED = {"1": "validation_miou", "2": "validation_loss", "3": "validation_miou"}


def log_of(folder: Path, stage: str) -> list[float]:
    """What a stage was selected by after each epoch, larger is better; empty without such a stage.

    Raises ValueError for a file that is no log.
    """
    file = folder / f"stage{stage}.csv"
    if not file.is_file():
        return []
    sign = -1.0 if WATCHED[stage] == "validation_loss" else 1.0
    try:
        with file.open(newline="") as stream:
            return [sign * float(row[WATCHED[stage]]) for row in csv.DictReader(stream)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file}: is no log of a training ({error!r}), expected a column {WATCHED[stage]}"
        ) from error


def late_rise(values: Sequence[float]) -> float:
    """Share of the whole rise of the best value that came in the last fifth of the epochs; 0 without any."""
    before = max(1, round((1.0 - LAST_SHARE) * len(values)))
    rise = max(values) - values[0]
    return (max(values) - max(values[:before])) / rise if rise > 0.0 else 0.0


def training_rows(schemes: Sequence[Scheme]) -> list[Result]:
    """Of each stage of each training: figures of validation by epoch, its epochs, the best, `late_rise`, and
    the seconds that it took."""
    rows = []
    for scheme in schemes:
        if scheme.stage != "3" or scheme.knowledge not in (None, KNOWLEDGE[0], OF_ACQUIRED[0]):
            continue  # trainings of separated users are several schemes each
        settings = scheme.settings
        name = scheme.name if scheme.knowledge is None else settings.variant
        for stage in STAGES:
            values = log_of(scheme.folder, stage)
            if not values:
                continue
            told = {
                "preset": settings.preset,
                "stage": stage,
                "training_seed": settings.seed,
                "precision": settings.precision,
                "encoders": "taken" if settings.encoders else "trained",
            }
            place = {"system": SYSTEM, "figure": FIGURE, "variant": name, "seed": str(settings.seed)}
            metric = "selected_by_bit_per_s_per_hz" if stage == "2" else WATCHED[stage]
            rows += [
                Result.of(value, conditions={X: "epoch", **told}, x=float(epoch), metric=metric, **place)
                for epoch, value in enumerate(values, start=1)
                if math.isfinite(value)
            ]
            best = max(range(len(values)), key=lambda one: (math.isfinite(values[one]), values[one]))
            file = seconds_file(scheme.folder, stage)
            if file.is_file():
                seconds = float(file.read_text())
                rows.append(Result.of(seconds, conditions=told, metric="seconds", unit="s", **place))
            rows += [
                Result.of(float(value), conditions=told, metric=metric, **place)
                for metric, value in (
                    ("epochs", len(values)),
                    ("best_epoch", best + 1),
                    ("late_rise", late_rise(values)),
                    ("scenes_a_step", settings.batch if stage != "2" else settings.beam_batch),
                )
            ]
    if not rows:
        raise ValueError("figure training: no log of a training is there, expected --runs with some")
    return rows


def draw(file: Path, rows: list[Result]) -> None:
    """Axes for each stage, a curve for each training."""
    rows = [row for row in rows if row.x is not None]
    with picture(file, 13.0, 4.4) as figure:
        for axis, stage in zip(figure.subplots(1, len(STAGES)), STAGES, strict=True):
            own = [row for row in rows if row.conditions["stage"] == stage]
            variants = list(dict.fromkeys(row.variant for row in own))
            trainings = dict.fromkeys((row.variant, *_told(row)) for row in own)
            for variant, preset, seed in trainings:
                points = [row for row in own if (row.variant, *_told(row)) == (variant, preset, seed)]
                axis.plot(
                    [row.x for row in points],
                    [row.value for row in points],
                    color=f"C{variants.index(variant) % 10}",
                    linestyle="-" if preset == "printed" else "--",
                    label=f"{variant}, {preset}",
                )
            axis.set_title(f"stage {stage}")
            axis.set_xlabel("epoch")
            axis.set_ylabel(own[0].metric if own else "")
            handles = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
            axis.legend(handles.values(), handles.keys(), fontsize=6)


def _told(row: Result) -> tuple[str, str]:
    return row.conditions["preset"], row.conditions["training_seed"]
