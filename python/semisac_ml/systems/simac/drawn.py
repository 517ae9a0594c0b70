# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which figures there are, what each needs, and its files: a CSV and a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from semisac_ml.results import Result, ResultTable, write_results
from semisac_ml.results.averages import SEED_KEY, over_seeds
from semisac_ml.results.drawing import line_charts

from . import budget, claims, complexity, jammed, learning_curves, shifted, shown
from .bounds import FEWEST, over_bound
from .comparison import PAPER, Measured, SceneShelf, identity, of_run, outcome_of
from .figures import (
    COLOURS,
    CURVES,
    TUNED,
    ablation_rows,
    curve_rows,
    draw_ablation,
    draw_curves,
)
from .practice import radar_outcome
from .practitioners import MATCHED
from .samples import STATES, TEST, TargetSet
from .scenes import trained_scene
from .tuned import TunedSettings

KINDS = {
    "4": "networks",
    "5": "networks",
    **dict.fromkeys(CURVES, "table"),
    "table2": "nothing",
    "bounds": "networks",
    "claims": "table",
    "ablation": "table",
    "budget": "nothing",
    "jammed": "networks",
    "shifted": "networks",
    "training": "networks",
}
"""What a figure is made of: rows of snr.csv, trainings, or nothing that was measured before."""
BOUND_SNR_DB = 25.0


@dataclass(frozen=True)
class Asked:
    """table: rows of snr.csv. folders: of trainings. results: where files go."""

    table: list[Result]
    folders: list[Path]
    shelf: SceneShelf
    results: Path
    seed: int

    def systems(self, *names: str, seeds: int | None = None) -> list[Measured]:
        """Trainings of these variants, of each so many, those of the smallest seeds.

        Raises ValueError if there is none.
        """
        found = []
        for name in names:
            own = [folder for folder in self.folders if identity(folder)[0] == name]
            own.sort(key=lambda folder: int(identity(folder)[2]))
            found += own[:seeds]
        if not found:
            raise ValueError(f"no training of {' or '.join(names)} is given, expected --runs with one")
        return [of_run(folder, self.shelf) for folder in found]

    def scenes(self) -> list[TargetSet]:
        """All that trainings were made on. Raises ValueError if no training is given."""
        found = {
            one.name: one
            for folder in _some(self.folders)
            for one in self.shelf.get(trained_scene(folder)).each
        }
        return list(found.values())


def draw(name: str, asked: Asked) -> list[Path]:
    """Write a figure's CSV and picture; their paths. Raises ValueError where what it needs is missing."""
    stem = asked.results / (f"figure{name}" if name.isdigit() else name)
    table, image = stem.with_suffix(".csv"), stem.with_suffix(".png")
    if name in CURVES:
        rows = curve_rows(name, asked.table)
        write_results(table, rows)
        draw_curves(image, rows, CURVES[name].metric)
    elif name == "claims":
        file = asked.results / "bounds.csv"
        rows = claims.claim_rows(asked.table, over_seeds(ResultTable.open(file).rows))
        write_results(table, rows)
        claims.draw_claims(image, rows)
    elif name == "ablation":
        rows = ablation_rows(asked.table)
        write_results(table, rows)
        draw_ablation(image, rows)
    elif name == "budget":
        rows = budget.budget_rows()
        write_results(table, rows)
        budget.draw(image, rows)
    elif name == "training":
        learning_curves.draw(image, _added(table, learning_curves.curve_rows(_some(asked.folders))))
    elif name == "shifted":
        rows = shifted.shifted_rows(asked.scenes(), TunedSettings().picture)
        write_results(table, rows)
        shifted.draw(image, rows)
    elif name == "jammed":
        rows = jammed.jammed_rows(asked.systems(TUNED), asked.seed)
        jammed.draw(image, over_seeds(_added(table, rows)))
    elif name == "bounds":
        draw_bounds(image, over_seeds(_added(table, bounds_rows(asked))))
    elif name == "4":
        systems = asked.systems(PAPER, TUNED, seeds=1)
        write_results(table, shown.process_rows(systems))
        shown.draw_process(image, systems)
    elif name == "5":
        found = shown.pictures_of(asked.systems(PAPER, TUNED, seeds=1))
        write_results(table, shown.picture_figure_rows(found))
        shown.draw_pictures(image, found)
    else:
        rows = complexity.complexity_rows(console=Console())
        write_results(table, rows)
        complexity.draw(image, rows)
    return [table, image]


def _added(file: Path, rows: list[Result]) -> list[Result]:
    """All rows of a file, once those of some trainings are in it: others may have been made elsewhere."""
    table = ResultTable.open(file)
    table.replace(rows)
    return table.rows


def _some(folders: list[Path]) -> list[Path]:
    if not folders:
        raise ValueError("no training is given, expected --runs with some")
    return folders


def bounds_rows(asked: Asked) -> list[Result]:
    """How far the tuned network, at 25 dB over AWGN, and the matched filter are from the radar's bound."""
    rows: list[Result] = []
    scenes: dict[str, object] = {}
    for one in asked.systems(TUNED):
        samples = one.tensors.samples
        outcome = outcome_of(one, BOUND_SNR_DB, "awgn", seed=asked.seed)
        told = {"trained": one.trained, SEED_KEY: one.seed}
        for scene, places in samples.by_scene(outcome.rows).items():
            rows += over_bound(outcome.of(places), samples, TUNED, scene=scene, **told)
        scenes |= {each.name: each for each in one.scenes.each}
    for scene, samples in scenes.items():
        outcome = radar_outcome(samples, TEST, seed=asked.seed)
        rows += over_bound(outcome, samples, MATCHED, scene=scene)
    if not rows:
        raise ValueError(f"figure bounds: no bin of the radar's SNR has {FEWEST} test samples, expected more")
    return rows


def draw_bounds(file: Path, rows: Iterable[Result]) -> None:
    """A column of axes for each scene, a row for each state."""
    rows = [row for row in rows if not row.metric.endswith("_sd")]
    labels = {f"{task}_over_bound_db": f"RMSE of the {task} over its bound (dB)" for task in STATES}
    line_charts(
        file,
        rows,
        labels,
        panel=lambda row: row.conditions["scene"],
        style=lambda row: {
            "label": row.variant if row.variant == MATCHED else f"{row.variant}, {BOUND_SNR_DB:g} dB",
            "color": COLOURS[row.variant],
            "marker": "o",
        },
    )
