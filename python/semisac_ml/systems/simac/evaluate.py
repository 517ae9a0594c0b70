# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac evaluate simac``: trainings and bundles over the SNR of the channel, and the paper's figures."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.parallel import run_jobs
from semisac_ml.results import Result, ResultTable, command_line
from semisac_ml.results.averages import SEED_KEY, over_seeds
from semisac_ml.results.drawing import line_charts
from semisac_ml.shared_options import ParallelOptions, ThreadOptions

from .comparison import (
    MISLED,
    PAPER,
    SPAN,
    TABLE,
    WITHOUT,
    Measured,
    SceneShelf,
    finished_below,
    identity,
    measure,
    of_bundle,
    of_run,
)
from .drawn import KINDS, Asked, draw
from .figures import ERRORS_IN_UNITS, TUNED
from .practitioners import MATCHED, SHOWN, picture_rows, sensor_rows
from .samples import TargetSet
from .scenes import SceneOptions, trained_scene

LABELS = {
    **ERRORS_IN_UNITS,
    "psnr_db": "PSNR of the target's picture (dB)",
    "ssim": "SSIM of the target's picture",
    "distance_coverage": "coverage of the 90 % interval, distance",
}
ALL = "all"


class EvaluateOptions(Options):
    """What is measured, and how."""

    run: list[Path] = Field([], description="Folder of a finished training; repeat it for several.")
    runs: list[Path] = Field(
        [], description="Folder with finished trainings below it; repeat it for several."
    )
    bundle: list[str] = Field([], description="Bundle, name or folder; repeat it for several.")
    figure: list[str] = Field(
        [],
        description="Draw a figure, CSV and picture: 4 to 18 and table2 of the paper, claims, ablation, "
        "missing_distance (_angle, _velocity, _psnr, _ssim), bounds, budget, jammed, shifted, training, or "
        "all; repeat it for several.",
    )
    baselines: OnOff = Field(
        False,
        description="Measure also what practitioners would do on the same scenes; figures do so anyway.",
    )
    fading: list[Literal["awgn", "rayleigh"]] = Field(
        [], description="Channel; repeat it for several [default: awgn rayleigh]."
    )
    snr_db: str = Field("5,10,15,20,25", description="SNRs of the channel, Es/N0 in dB.")
    without: list[Literal["none", "camera", "radar"]] = Field(
        [],
        description="Sensor that is missing, of what can do without; repeat it for several [default: none, "
        "and of bundles and 'tuned' camera and radar].",
    )
    seed: int = Field(0, description="Seed of echoes' noise and channels.")
    results: Path = Field(Path("results/simac"), description="Folder of the files that are written.")

    @model_validator(mode="after")
    def _is_known(self) -> EvaluateOptions:
        self.snrs()
        known = list(KINDS)
        for name in self.figure:
            if name not in (*known, ALL):
                raise OptionError("figure", f"is {name!r}, expected one of {', '.join((*known, ALL))}")
        return self

    def snrs(self) -> list[float]:
        """SNRs in dB."""
        try:
            found = [float(part) for part in self.snr_db.split(",")]
        except ValueError:
            found = [math.nan]
        if not all(map(math.isfinite, found)):
            raise OptionError("snr_db", f"is {self.snr_db!r}, expected numbers in dB such as 5,15,25")
        return found

    def fadings(self) -> list[str]:
        """Channels."""
        return list(self.fading or ("awgn", "rayleigh"))

    def folders(self) -> list[Path]:
        """Of all trainings. Raises ValueError for a folder without any."""
        return list(
            dict.fromkeys([*self.run, *(one for folder in self.runs for one in finished_below(folder))])
        )


def command(
    *,
    options: EvaluateOptions = EvaluateOptions(),
    scene: SceneOptions = SceneOptions(),
    machine: ThreadOptions = ThreadOptions(),
    parallel: ParallelOptions = ParallelOptions(),
) -> None:
    """Measure trainings and bundles on test samples, over the SNR of the channel, sensors missing or not.

    A training is measured on each of the scenes it was trained on, a bundle on --scene. Rows go to snr.csv in
    --results, in place of older ones of the same. With --figure: trainings that have no rows there are
    measured first, then the figure is drawn from them. Intervals are 95 %, over drives or vehicles.
    """
    if not options.bundle:
        scene.refuse(type(scene).model_fields, "without --bundle, expected --bundle with it")
    if not (options.run or options.runs or options.bundle or options.figure):
        raise ValueError("--run is missing, expected the folder of a training, or --bundle")
    folders = options.folders()
    machine.use_threads()
    console, shelf = Console(), _shelf(options.seed)
    table = ResultTable.open(options.results / f"{TABLE}.csv")
    names = list(KINDS) if ALL in options.figure else options.figure
    named = [identity(folder)[0] for folder in options.run]
    from_table = any(KINDS[name] == "table" for name in names)
    if not names or from_table:
        jobs = {
            str(folder): (folder, options)
            for folder in folders
            if not names or not _is_measured(table, folder, options, shelf)
        }
        with Progress(console=console, transient=True) as progress:
            done = run_jobs(_training_rows, jobs, parallel.workers)
            for _, rows in progress.track(done, total=len(jobs), description="trainings"):
                _keep(rows, table, progress.console)
    for name in options.bundle:
        with console.status(f"measuring {name} …"):
            one = of_bundle(name, shelf.get(scene))
            rows = _rows(one, options)
        named.append(one.name)
        _keep(rows, table, console)
    if options.baselines or from_table:
        told = [trained_scene(folder) for folder in folders] + ([scene] if options.bundle else [])
        known = {one.name: one for each in told for one in shelf.get(each).each}
        for samples in known.values():
            _measure_baselines(samples, options, table, console, again=not names)
    if not names:
        file = options.results / f"{TABLE}.png"
        drawn = _draw(file, [row for row in table.rows if row.variant in named])
        console.print(f"written: {table.path}{f', {file}' if drawn else ''}")
        return
    asked = Asked(table.rows, folders, shelf, options.results, options.seed)
    for name in names:
        try:
            for file in draw(name, asked):
                console.print(f"written: {file}")
        except ValueError as error:
            if ALL not in options.figure:
                raise
            console.print(f"left out: {error}")


def _is_measured(table: ResultTable, folder: Path, options: EvaluateOptions, shelf: SceneShelf) -> bool:
    """Whether the table has rows of a training on all its scenes, at all SNRs over all channels."""
    name, trained, seed, _ = identity(folder)
    scenes = [one.name for one in shelf.get(trained_scene(folder)).each]
    known = {
        (row.conditions["scene"], row.conditions.get("fading"), row.x)
        for row in table.rows
        if (row.variant, row.conditions.get("trained"), row.conditions.get(SEED_KEY)) == (name, trained, seed)
    }
    return known >= set(itertools.product(scenes, options.fadings(), options.snrs()))


@functools.cache
def _shelf(seed: int) -> SceneShelf:
    """Of this process, so that it reads scenes once for all trainings that it measures."""
    return SceneShelf(seed)


def _training_rows(folder: Path, options: EvaluateOptions) -> list[Result]:
    """Rows of a training on its own scenes."""
    return _rows(of_run(folder, _shelf(options.seed)), options)


def _rows(one: Measured, options: EvaluateOptions) -> list[Result]:
    usual = tuple(WITHOUT) if one.name == TUNED or not one.seed else ("none",)
    each = itertools.product(options.fadings(), options.without or usual, options.snrs())
    systems = [one]
    if one.name == PAPER and one.seed:
        systems.append(replace(one, name=MISLED, other_sentences=True))
    rows = [
        row
        for fading, missing, snr_db in each
        for system in systems
        for row in measure(system, snr_db, fading, missing, options.seed)
    ]
    return [*rows, *one.scenes.spans()]


def _keep(rows: list[Result], table: ResultTable, console: Console) -> None:
    """Write rows of a system, and show them."""
    typed = command_line()  # a worker has another one
    table.replace([replace(row, command=typed) for row in rows])
    shown = [row for row in rows if row.variant != SPAN]
    for _, own in itertools.groupby(shown, lambda row: (row.conditions["fading"], row.inputs)):
        console.print(_table(list(own)))


def _measure_baselines(
    samples: TargetSet, options: EvaluateOptions, table: ResultTable, console: Console, *, again: bool
) -> None:
    known = {row.variant for row in table.rows if row.conditions.get("scene") == samples.name}
    with console.status(f"{samples.name}: what practitioners would do …"):
        if again or MATCHED not in known:
            table.replace(sensor_rows(samples, options.seed))
        if again or SHOWN[0] not in known:
            for fading in options.fadings():
                table.replace(list(picture_rows(samples, options.snrs(), fading, options.seed)))


def _draw(file: Path, rows: list[Result]) -> bool:
    """Curves of systems, means over the seeds of their trainings; False where there are none."""

    def name(row: Result) -> str:
        return f"{row.variant}, trained for {row.conditions['trained']}: {row.inputs}"

    shown = [row for row in over_seeds(rows) if row.variant != SPAN]
    if not shown:
        return False
    names = list(dict.fromkeys(map(name, shown)))
    line_charts(
        file,
        shown,
        LABELS,
        panel=lambda row: f"{row.conditions['scene']}, {row.conditions['fading']}",
        style=lambda row: {
            "label": name(row),
            "color": f"C{names.index(name(row)) % 10}",
            "marker": "o",
        },
    )
    return True


def _table(rows: list[Result]) -> Table:
    first, snrs = rows[0], sorted({row.x for row in rows})
    seed = f", seed {first.conditions[SEED_KEY]}" if SEED_KEY in first.conditions else ""
    table = Table(title=f"{first.variant}{seed}, {first.inputs}; {first.conditions['fading']}")
    table.add_column("scene")
    table.add_column("figure")
    for snr in snrs:
        table.add_column(f"{snr:g} dB", justify="right")
    lines: dict[tuple[str, str], dict[float | None, str]] = {}
    for row in rows:
        line = lines.setdefault((row.conditions["scene"], row.metric), {})
        line[row.x] = f"{row.value:.4g}"
    for (scene, metric), values in lines.items():
        table.add_row(scene, metric, *(values.get(snr, "–") for snr in snrs))
    return table
