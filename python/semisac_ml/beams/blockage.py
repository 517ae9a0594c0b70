# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the straight way to the vehicle will be blocked: a hand-over needs to be told before it is.

A network for each time ahead, on the same split. Beside it stands who says that nothing will change: the
truth of now, which no receiver knows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from semisac_ml.beams.protocol import Evaluation
from semisac_ml.beams.samples import BeamSamples
from semisac_ml.beams.scores import blockage_figures
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import picture, side_by_side, slant_names

BLOCKAGE, AHEAD_S = "blockage", (0.0, 0.5, 1.0)
NO_CHANGE = "as now"


def draw_blockage(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Train a network for each time ahead, measure how well it tells; write CSV and picture.

    Raises ValueError where nobody knows what is blocked.
    """
    if not np.isfinite(samples.blocked).any():
        raise ValueError("nobody knows what is blocked in these recordings, expected those of a street")
    name = f"{samples.source}_{BLOCKAGE}"
    rows: list[Result] = []
    for ahead_s in AHEAD_S:
        later = dataclasses.replace(asked.recordings, ahead_s=ahead_s)
        own = dataclasses.replace(asked, recordings=later)
        trainer, label = asked.approach.trainer(asked.variant), f"{ahead_s:g} s ahead"
        told = {"system": asked.system.name, "figure": name, "x": ahead_s}
        told["conditions"] = {"x": "seconds ahead"}
        tested = own.compare(label, trainer, asked.recipe)
        for one in tested:
            seed = str(one.seed)
            rows += told_of(one.blockage or {}, variant=asked.variant, inputs=one.inputs, seed=seed, **told)
        truth = samples.blocked_after(round(ahead_s / samples.interval_s)).blocked[tested[0].rows]
        now = samples.blocked[tested[0].rows]
        known = np.isfinite(truth) & np.isfinite(now)
        if known.any():
            unchanged = blockage_figures(now[known], truth[known] > 0.5)
            rows += told_of(unchanged, variant=NO_CHANGE, seed=str(tested[0].seed), **told)
    files = [asked.results / f"{name}{ending}" for ending in (".csv", ".png")]
    write_results(files[0], rows)
    with picture(files[1], 9, 4.2) as figure:
        axis = figure.subplots()
        shown = [row for row in rows if row.metric == "balanced_accuracy"]
        if shown:
            side_by_side(axis, shown, lambda row: row.inputs or row.variant, lambda row: f"{row.x:g} s ahead")
            axis.legend(fontsize=7)
        slant_names(axis)
        axis.set_ylabel("balanced accuracy, drives held out")
        axis.set_title(f"{asked.system.name}: whether the straight way will be blocked")
    return files


def told_of(figures: dict[str, float], **told: object) -> Iterator[Result]:
    """A row for each of the figures of :func:`semisac_ml.beams.scores.blockage_figures`."""
    for metric in ("balanced_accuracy", "area_under_curve", "blocked_share"):
        if metric in figures:
            yield Result(**told, metric=metric, value=figures[metric], n=int(figures["n"]))
