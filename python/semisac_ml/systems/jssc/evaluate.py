# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring the joint sensing and semantic link: a bundle's figures, and the paper's figures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field
from rich.progress import Progress
from rich.table import Table

from semisac_ml.command_line import OnOff
from semisac_ml.data import cifar10
from semisac_ml.outputs import check_outputs, console_beside, write_output
from semisac_ml.parallel import run_jobs
from semisac_ml.runtime import Bundle
from semisac_ml.shared_options import ParallelOptions
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems import system_module
from semisac_ml.systems.jssc import figures
from semisac_ml.systems.jssc.measuring import Conditions, evaluate_bundle, over_draws

FIGURES = (*figures.TRAINED, *figures.CELLS)


class EvaluateOptions(ParallelOptions):
    """What is measured, and how."""

    bundle: list[str] = Field(
        [], description="Bundle, name or folder; repeat it for several [default: jssc/awgn jssc/rayleigh]."
    )
    figure: str | None = Field(
        None,
        description="Recompute a figure with its CSV and picture instead. Some train networks for each "
        "point that has no rows in the CSV yet: 4, 5, 6 of the paper, epochs (how long it "
        "is worth training them), gain (a receiver that is not told it), "
        "echoes (phase, Doppler, fading, clutter), sharing (joint against shared time), tradeoff. Others "
        "measure the bundles as they are: snr, presence, ranges, echo_alone, false_alarms.",
    )
    compare_digital: OnOff = Field(
        False,
        description="Compare the picture code jssc/hifi with JPEG, JPEG 2000 and AVIF over ideal and real "
        "channel codes; `semisac evaluate jssc_hifi` has more options.",
    )
    ratios: str = Field("1/24,1/12,1/6", description="With --compare-digital: channel uses a source value.")
    channel: list[str] = Field(
        [], description="With --compare-digital: awgn, rayleigh or ofdm; repeat it [default: awgn rayleigh]."
    )
    pictures: str | None = Field(
        None,
        description="With --compare-digital: a folder, or photographs (scikit-image's) [default: CIFAR-10].",
    )
    snr_db: str | None = Field(
        None,
        description="Communication SNR, Es/N0 in dB [default: 3; with --compare-digital several, "
        "-5,0,5,10,15,20].",
    )
    sensing_snr_db: float = Field(3.0, description="Sensing SNR of the nearest range in dB.")
    echo_fading: Literal["none", "rayleigh", "two_hop_rayleigh"] | None = Field(
        None, description="Fading of the echo, which the detector is told [default: the bundle's]."
    )
    ranges: int = Field(1, ge=1, description="Ranges the target may be in.")
    delay_symbols_per_range: int = Field(0, ge=0, description="Delay of a range in symbols.")
    target_probability: float | None = Field(
        None, ge=0, le=1, description="P(target) [default: all hypotheses alike, 1/2 with one range]."
    )
    images: int | None = Field(None, ge=1, description="Test images used [default: all 10,000].")
    seed: int = Field(0, description="Seed of the channels.")
    draws: int = Field(
        1,
        ge=1,
        description="Channels drawn for all images, of --seed and the seeds behind it; intervals of several "
        "draws are over these.",
    )
    results: Path | None = Field(
        None,
        description="Folder of figures [default: results/jssc; with --compare-digital results/jssc_hifi].",
    )
    runs: Path = Field(Path("runs/jssc"), description="Folder of the trainings that figures need.")
    epochs: int | None = Field(None, ge=1, description="Epochs of each training that a figure needs.")
    seeds: int = Field(3, ge=1, description="Trainings of each point of a figure.")
    threads: int | None = Field(None, ge=1, description="Processor threads for training.")
    json_file: Annotated[Path | None, Parameter(name="--json")] = Field(
        None, description="Write the figures to this file."
    )


def command(*, options: EvaluateOptions = EvaluateOptions()) -> None:
    """Measure the shipped bundles on CIFAR-10's test set, or recompute a figure.

    PSNR is the mean over images of each image's PSNR (data range 1); psnr_of_mean_mse_db is that of the mean
    error. Intervals are 95 %.
    """
    check_outputs({"--json": options.json_file})
    console = console_beside(options.json_file)
    if options.compare_digital:
        _compare_digital(options)
        return
    link_snr_db = _single_number(options.snr_db or "3")
    names = options.bundle or ["jssc/awgn", "jssc/rayleigh"]
    if options.figure is not None:
        options.refuse(("draws",), "here, expected no --figure beside it")
        if options.figure not in FIGURES:
            raise ValueError(f"unknown figure {options.figure!r}: expected one of {', '.join(FIGURES)}")
        where = options.results or Path("results/jssc"), options.runs
        how = options.epochs, options.seeds, options.threads, options.images
        for path in figures.draw(options.figure, names, *where, *how, console, options.workers):
            console.print(f"written: {path}")
        return
    ranges, probability = options.ranges, options.target_probability
    conditions = Conditions(
        snr_db=link_snr_db,
        sensing_snr_db=options.sensing_snr_db,
        ranges=ranges,
        delay_symbols_per_range=options.delay_symbols_per_range,
        target_probability=ranges / (1 + ranges) if probability is None else probability,
        fading=options.echo_fading,
        seed=options.seed,
    )
    loaded = {Bundle.load(name).name: name for name in names}
    drawn = [dataclasses.replace(conditions, seed=options.seed + draw) for draw in range(options.draws)]
    jobs = {
        f"{own}, seed {at.seed}": (name, options.images, at) for own, name in loaded.items() for at in drawn
    }
    with Progress(*Progress.get_default_columns(), console=console, transient=True) as progress:
        done = run_jobs(_measured, jobs, options.workers)
        found = dict(progress.track(done, total=len(jobs), description=f"measuring {', '.join(loaded)}"))
    measured = {own: over_draws([found[f"{own}, seed {at.seed}"] for at in drawn]) for own in loaded}
    if options.json_file:
        document = {
            "conditions": {**dataclasses.asdict(conditions), "draws": options.draws},
            "bundles": {
                name: {"metrics": {key: metric.as_dict() for key, metric in summary.items()}}
                for name, summary in measured.items()
            },
        }
        write_output(options.json_file, json.dumps(document, indent=2) + "\n")
    console.print(_table(measured, conditions))


def _measured(name: str, images: int | None, conditions: Conditions) -> dict[str, Metric]:
    """Figures of a bundle on the first test images, or all."""
    pictures, labels = cifar10.load("test")
    return evaluate_bundle(Bundle.load(name), pictures[:images], labels[:images], conditions)


def _compare_digital(options: EvaluateOptions) -> None:
    """What `semisac evaluate jssc_hifi` does, with the options that both have."""
    if len(options.bundle) > 1:
        raise ValueError(f"{len(options.bundle)} bundles are given, expected one with --compare-digital")
    given = {
        "code": next(iter(options.bundle), None),
        "data": options.pictures,
        "images": options.images,
        "snr_db": options.snr_db,
        "results": options.results,
    }
    shared = options.model_dump(include={"ratios", "channel", "seed"})
    hifi = system_module("jssc_hifi", "evaluate")
    given = {name: value for name, value in given.items() if value}
    hifi.command(options=hifi.CompareOptions(**shared, **given), parallel=options)


def _single_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"snr_db is {text!r}, expected one number in dB (several only with --compare-digital)"
        ) from None


def _table(measured: dict[str, dict[str, Metric]], conditions: Conditions) -> Table:
    table = Table(
        title=f"SNR {conditions.snr_db:g} dB, sensing SNR {conditions.sensing_snr_db:g} dB, "
        f"{conditions.ranges} range(s), P(target) {conditions.target_probability:.3g}; 95 % intervals"
    )
    table.add_column("figure")
    for name in measured:
        table.add_column(name, justify="right")
    for key in next(iter(measured.values())):
        cells = [
            f"{summary[key].value:.4f} [{summary[key].low:.4f}, {summary[key].high:.4f}]"
            if key in summary
            else "–"
            for summary in measured.values()
        ]
        table.add_row(key, *cells)
    return table
