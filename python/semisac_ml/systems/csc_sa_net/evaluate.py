# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac evaluate csc_sa_net``: figures and tables of the paper, and claims, from trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field
from rich.console import Console

from semisac_ml.command_line import OnOff, Options
from semisac_ml.parallel import Workers
from semisac_ml.results import Result, read_results, write_results
from semisac_ml.shared_options import ParallelOptions, ThreadOptions

from . import claims, costs, detection, figures, learning_curves, shown, spectral_efficiency
from .comparison import KNOWN, Bench, Scheme, schemes_below
from .samples import PictureOptions
from .settings import Preset
from .spectral_efficiency import Learned, OperatingPoint
from .training import best_file, trained

TABLE_TWO, EFFICIENCY, ALL = "table2", spectral_efficiency.FIGURE, "all"
NAMES = (
    *(TABLE_TWO, EFFICIENCY, detection.FIGURE, *figures.SWEEPS, "12", "modalities", "variations"),
    *(learning_curves.FIGURE, claims.FIGURE, ALL),
)
"""Of figures; claims last, as they are about the others."""
SWEPT: dict[str, tuple[float, ...]] = {
    "pilots": (1, 2, 4, 8),
    "feedback_bits": (4, 16, 64, 256, 1024),
    "snr_db": (-30.0, -25.0, -20.0, -15.0, -10.0, -5.0),
}
DETECTION_SNRS_DB = (-30.0, -25.0, -20.0, -15.0, -10.0, -5.0)


class EvaluateOptions(Options):
    """What is measured, and how."""

    figure: list[Literal[NAMES]] = Field(
        description="table2, 8 to 12: of the paper; spectral_efficiency: of stage 2; detection: what "
        "separated receivers know; modalities: by time of the day, alone and both; variations: what goes "
        "wrong; training: logs; claims; all. Repeat it for several."
    )
    runs: list[Path] = Field(
        [], description="Folder with finished trainings in or below it; repeat it for several."
    )
    held_out: Path | None = Field(
        None, description="Folder of a street of layouts that nothing was trained on, measured besides."
    )
    paths: Path | None = Field(
        None,
        description="Recorded paths in the place of drawn ones for mean IoU: a folder of the street, or a "
        "file that semisac_ml.data.scenes.mimo_paths wrote.",
    )
    draws: int = Field(1, ge=1, description="Channels for each scene.")
    channels: int = Field(256, ge=1, description="Channels of spectral efficiency and of detection.")
    climb: OnOff = Field(False, description="Spectral efficiency also of a slow gradient ascent.")
    seed: int = Field(0, ge=0, description="Seed of channels and noise.")
    results: Path = Field(Path("results/csc_sa_net"), description="Folder of the files that are written.")


@dataclass(frozen=True)
class Asked:
    """What figures are made from."""

    options: EvaluateOptions
    schemes: list[Scheme]
    bench: Bench
    console: Console
    workers: Workers

    def some(self) -> list[Scheme]:
        """Schemes. Raises ValueError if no training is given."""
        if not self.schemes:
            raise ValueError("no training is given, expected --runs with some")
        return self.schemes

    def counted(self, points: Sequence[figures.Point]) -> list[Scheme]:
        """Schemes, of which all that is asked has been counted."""
        figures.measure(self.some(), points, self.bench, self.console, self.workers)
        return self.schemes

    def efficiencies(self) -> list[Result]:
        """Rows of `--figure spectral_efficiency` that lie in the folder of results."""
        file = self.options.results / f"{EFFICIENCY}.csv"
        return read_results(file) if file.is_file() else []


def command(
    *,
    options: EvaluateOptions,
    pictures: PictureOptions = PictureOptions(),
    machine: ThreadOptions = ThreadOptions(),
    parallel: ParallelOptions = ParallelOptions(),
) -> None:
    """Draw figures and tables of the paper, each as CSV and picture in --results, from finished trainings.

    Pixels are counted on the test part of the pictures that each training names, or of --data, and kept in
    the training's folder: what was counted is not counted again. Intervals are 95 %, over drives.
    """
    machine.use_threads()
    console = Console()
    data = pictures if pictures.data is not None else None
    bench = Bench(data, options.held_out, options.draws, options.seed, options.paths)
    asked = Asked(options, schemes_below(options.runs), bench, console, parallel.workers)
    names = list(NAMES[:-1]) if ALL in options.figure else list(dict.fromkeys(options.figure))
    for name in names:
        try:
            for file in FIGURES[name](asked):
                console.print(f"written: {file}")
        except ValueError as error:
            if ALL not in options.figure:
                raise
            console.print(f"left out: {error}")


def _written(
    asked: Asked, name: str, rows: list[Result], draw: Callable[[Path, list[Result]], None], stem: str = ""
) -> list[Path]:
    image = asked.options.results / f"{stem or name}.png"
    table = _table(asked, name, rows, stem)
    draw(image, rows)
    return [table, image]


def _table(asked: Asked, name: str, rows: list[Result], stem: str = "") -> Path:
    """Rows of a figure as CSV, with a command that names no folder of this machine."""
    options = asked.options
    words = ["semisac evaluate csc_sa_net --figure", name]
    words += ["--runs RUNS"] * bool(options.runs) + ["--held-out STREET"] * bool(options.held_out)
    words += ["--paths PATHS"] * bool(options.paths) + ["--climb"] * options.climb
    for other in ("draws", "channels", "seed"):
        value = getattr(options, other)
        if value != type(options).model_fields[other].default:
            words.append(f"--{other} {value}")
    typed = " ".join(words)
    file = options.results / f"{stem or name}.csv"
    return write_results(file, [replace(row, command=typed) for row in rows])


def _sweep(name: str) -> Callable[[Asked], list[Path]]:
    def drawn(asked: Asked) -> list[Path]:
        schemes = asked.counted(figures.asked_points(name))
        rows, stem = figures.sweep_rows(name, schemes, asked.bench), f"figure{name}"
        files = [_table(asked, name, rows, stem)]
        for preset in dict.fromkeys(row.conditions["preset"] for row in rows):
            files.append(asked.options.results / f"{stem}_{preset}.png")
            figures.draw_sweep(files[-1], rows, preset)
        return files

    return drawn


def _table_two(asked: Asked) -> list[Path]:
    rows = costs.cost_rows()
    asked.console.print(costs.table(rows))
    return [_table(asked, TABLE_TWO, rows)]


def operating_point(preset: str) -> OperatingPoint:
    """What spectral efficiency is measured at, in our SNR."""
    own = Preset.named(preset)
    point = OperatingPoint(own.cell, pilot_noise="chains" if own.noisy_pilots else None)
    return replace(point, snr_db=point.snr_db + own.snr_offset_db)


def _networks(schemes: Sequence[Scheme], preset: str) -> dict[str, list[Learned]]:
    """Of stage II, by name; trainings that have none of their own are left out, and those of separated users
    that are CSC-SA-Net's."""
    found: dict[str, list[Learned]] = {}
    for scheme in schemes:
        settings, network = scheme.settings, scheme.network
        own = settings.beams is None and best_file(scheme.folder, "2").is_file() and scheme.stage == "3"
        if own and settings.preset == preset and (network.acquires or not network.receiver):
            name = KNOWN[scheme.knowledge] if network.acquires else scheme.name
            found.setdefault(name, []).append(Learned(trained(scheme.folder, "2")[0], scheme.knowledge))
    return found


def _efficiency(asked: Asked) -> list[Path]:
    files = []
    presets = dict.fromkeys(("printed", *(one.settings.preset for one in asked.schemes)))
    for preset in presets:
        networks, point, rows = _networks(asked.schemes, preset), operating_point(preset), []
        for sweep, values in SWEPT.items():
            rows += spectral_efficiency.efficiency_rows(
                point,
                sweep,
                values,
                asked.options.channels,
                asked.options.seed,
                climb=asked.options.climb,
                networks=networks,
            )
        stem = EFFICIENCY if preset == "printed" else f"{EFFICIENCY}_{preset}"
        files += _written(asked, EFFICIENCY, rows, spectral_efficiency.draw, stem)
    return files


def _detection(asked: Asked) -> list[Path]:
    rows = []
    for layout in ("authors", "own"):
        told = (OperatingPoint(symbols=3), layout, DETECTION_SNRS_DB)
        rows += detection.detection_rows(*told, asked.options.channels, asked.options.seed)
    return _written(asked, detection.FIGURE, rows, detection.draw)


def _shown(asked: Asked) -> list[Path]:
    one = shown.shown(asked.some(), asked.bench)
    rows = shown.shown_rows(one)
    return _written(asked, "12", rows, lambda file, _: shown.draw(file, one), shown.FIGURE)


def _modalities(asked: Asked) -> list[Path]:
    schemes = asked.counted(figures.asked_points("modalities"))
    rows = figures.modality_rows(schemes, asked.bench)
    return _written(asked, "modalities", rows, figures.draw_modalities)


def _variations(asked: Asked) -> list[Path]:
    schemes = asked.counted(figures.asked_points("variations"))
    rows = figures.variation_rows(schemes, asked.bench)
    return _written(asked, "variations", rows, figures.draw_variations)


def _training(asked: Asked) -> list[Path]:
    rows = learning_curves.training_rows(asked.some())
    return _written(asked, learning_curves.FIGURE, rows, learning_curves.draw)


def _claims(asked: Asked) -> list[Path]:
    schemes = asked.counted(claims.asked_points())
    rows = claims.claim_rows(schemes, asked.bench, asked.efficiencies())
    return _written(asked, claims.FIGURE, rows, claims.draw)


FIGURES: dict[str, Callable[[Asked], list[Path]]] = {
    TABLE_TWO: _table_two,
    EFFICIENCY: _efficiency,
    detection.FIGURE: _detection,
    **{name: _sweep(name) for name in figures.SWEEPS},
    "12": _shown,
    "modalities": _modalities,
    "variations": _variations,
    learning_curves.FIGURE: _training,
    claims.FIGURE: _claims,
}
