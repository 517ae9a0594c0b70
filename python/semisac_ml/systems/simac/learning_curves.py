# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validation losses of trainings that are compared, and whether they were still falling when they ended."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

from semisac_ml.results import Result
from semisac_ml.results.averages import SEED_KEY, grouped
from semisac_ml.results.drawing import picture

from .comparison import SYSTEM, identity
from .training import SETTINGS_FILE, STAGE

LOSS = "validation_loss"
LAST_SHARE = 0.2
BUDGET = ("epochs", "patience", "batch", "learning_rate", "weight_decay")
"""Settings that all that are compared should share."""


def losses_of(folder: Path) -> list[float]:
    """Validation loss after each epoch of a training. Raises ValueError if there is no log."""
    file = folder / f"{STAGE}.csv"
    try:
        with file.open(newline="") as stream:
            found = [float(row[LOSS]) for row in csv.DictReader(stream)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: is no log of a training ({error!r}), expected a column {LOSS}") from error
    if not found:
        raise ValueError(f"{file}: has no epoch, expected one or more")
    return found


def late_fall(losses: list[float]) -> float:
    """Share of the whole fall of the least loss that came in the last fifth of the epochs; 0 without any."""
    numbers = [loss if math.isfinite(loss) else math.inf for loss in losses]
    first, least = numbers[0], min(numbers)
    if not math.isfinite(first) or first <= least:
        return 0.0
    before = max(1, round((1.0 - LAST_SHARE) * len(numbers)))
    return (min(numbers[:before]) - least) / (first - least)


def curve_rows(folders: list[Path]) -> list[Result]:
    """Losses by epoch, and of each training its budget, its epochs, the best of them and `late_fall`."""
    rows = []
    for folder in folders:
        name, trained, seed, scenes = identity(folder)
        losses = losses_of(folder)
        told = {"scene": ",".join(scenes), "trained": trained, SEED_KEY: seed}
        best = min(range(len(losses)), key=lambda place: (not math.isfinite(losses[place]), losses[place]))
        shared = {"system": SYSTEM, "figure": "training", "variant": name, "seed": seed}
        rows += [
            Result.of(loss, **shared, conditions={"x": "epoch", **told}, x=float(epoch), metric=LOSS)
            for epoch, loss in enumerate(losses, start=1)
            if math.isfinite(loss)
        ]
        settings = json.loads((folder / SETTINGS_FILE).read_text())
        for metric, value in (
            *((name, settings[name]) for name in BUDGET),
            ("epochs_done", len(losses)),
            ("best_epoch", best + 1),
            ("late_fall", late_fall(losses)),
        ):
            rows.append(Result.of(float(value), **shared, conditions=told, metric=metric))
    return rows


def draw(file: Path, rows: list[Result]) -> None:
    """Axes for each variant, a curve for each training, its best epoch marked."""
    panels = grouped(rows, lambda row: (row.variant, row.conditions["trained"], row.conditions["scene"]))
    columns = min(4, len(panels))
    lines = math.ceil(len(panels) / columns)
    with picture(file, 3.3 * columns, 2.5 * lines) as figure:
        axes = figure.subplots(lines, columns, squeeze=False)
        for axis, own in zip(axes.flat, panels, strict=False):
            for place, training in enumerate(grouped(own, lambda row: row.conditions[SEED_KEY])):
                losses = {row.x: row.value for row in training if row.metric == LOSS}
                single = {row.metric: row.value for row in training if row.x is None}
                seed = training[0].conditions[SEED_KEY]
                said = f"seed {seed}, best {single['best_epoch']:g} of {single['epochs_done']:g}"
                axis.plot(losses.keys(), losses.values(), color=f"C{place}", label=said)
                if single["best_epoch"] in losses:
                    axis.plot(single["best_epoch"], losses[single["best_epoch"]], "o", color=f"C{place}")
            variant, trained, scene = own[0].variant, own[0].conditions["trained"], own[0].conditions["scene"]
            axis.set_title(f"{variant}, {trained}\n{scene}", fontsize=8)
            axis.set_xlabel("epoch")
            axis.set_ylabel("validation loss")
            axis.legend(fontsize=6)
        for axis in axes.flat[len(panels) :]:
            axis.remove()
