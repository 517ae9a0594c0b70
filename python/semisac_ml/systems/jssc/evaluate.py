# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring the joint sensing and semantic link: a bundle's figures, and the paper's figures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from semisac_ml.data import cifar10
from semisac_ml.outputs import check_outputs, console_beside, write_output
from semisac_ml.runtime import Bundle
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems.jssc import figures
from semisac_ml.systems.jssc.measuring import Conditions, evaluate_bundle

FIGURES = ("4", "5", "6", "snr", "presence", "ranges", "tradeoff")


def command(
    bundle: Annotated[
        list[str] | None,
        typer.Option(
            help="Bundle, name or folder; repeat it for several [default: jssc/awgn jssc/rayleigh]."
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            help="Recompute a figure with its CSV and picture instead: 4, 5 or 6 of the paper (trains its "
            "networks for each point), tradeoff (trains), snr, presence, ranges (the bundles as they are)."
        ),
    ] = None,
    compare_digital: Annotated[
        bool,
        typer.Option(
            help="Compare the picture code jssc/hifi with JPEG, JPEG 2000 and AVIF over ideal and real "
            "channel codes; `semisac evaluate jssc_hifi` has more options."
        ),
    ] = False,
    ratios: Annotated[
        str, typer.Option(help="With --compare-digital: channel uses a source value.")
    ] = "1/24,1/12,1/6",
    channel_model: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            help="With --compare-digital: awgn, rayleigh or ofdm; repeat it [default: awgn rayleigh].",
        ),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(
            "--pictures",
            help="With --compare-digital: a folder, or photographs (scikit-image's) [default: CIFAR-10].",
        ),
    ] = None,
    snr_db: Annotated[
        str | None,
        typer.Option(
            help="Communication SNR, Es/N0 in dB [default: 3; with --compare-digital several, "
            "-5,0,5,10,15,20]."
        ),
    ] = None,
    sensing_snr_db: Annotated[float, typer.Option(help="Sensing SNR of the nearest range in dB.")] = 3.0,
    ranges: Annotated[int, typer.Option(min=1, help="Ranges the target may be in.")] = 1,
    delay_symbols_per_range: Annotated[int, typer.Option(min=0, help="Delay of a range in symbols.")] = 0,
    target_probability: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="P(target) [default: all hypotheses alike, 1/2 with one range]."),
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Test images used [default: all 10,000].")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the channels.")] = 0,
    results: Annotated[
        Path | None,
        typer.Option(
            help="Folder of figures [default: results/jssc; with --compare-digital results/jssc_hifi]."
        ),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the trainings that figures need.")] = Path(
        "runs/jssc"
    ),
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of each training that a figure needs.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads for training.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure the shipped bundles on CIFAR-10's test set, or recompute a figure.

    PSNR is the mean over images of each image's PSNR (data range 1); psnr_of_mean_mse_db is that of the mean
    error. Intervals are 95 %.
    """
    check_outputs({"--json": json_file})
    console = console_beside(json_file)
    if compare_digital:
        from semisac_ml.systems.jssc_hifi import evaluate as pictures_of_any_size

        if bundle and len(bundle) > 1:
            raise ValueError(f"{len(bundle)} bundles are given, expected one with --compare-digital")
        pictures_of_any_size.command(
            code=bundle[0] if bundle else None,
            data=folder or "cifar10",
            images=images,
            ratios=ratios,
            snr_db=snr_db or "-5,0,5,10,15,20",
            channel=channel_model,
            seed=seed,
            results=results or Path("results/jssc_hifi"),
        )
        return
    link_snr_db = _single_number(snr_db or "3")
    results = results or Path("results/jssc")
    names = bundle or ["jssc/awgn", "jssc/rayleigh"]
    if figure is not None:
        if figure not in FIGURES:
            raise ValueError(f"unknown figure {figure!r}: expected one of {', '.join(FIGURES)}")
        for path in figures.draw(figure, names, results, runs, epochs, threads, images, console):
            console.print(f"written: {path}")
        return
    conditions = Conditions(
        snr_db=link_snr_db,
        sensing_snr_db=sensing_snr_db,
        ranges=ranges,
        delay_symbols_per_range=delay_symbols_per_range,
        target_probability=ranges / (1 + ranges) if target_probability is None else target_probability,
        seed=seed,
    )
    pictures, labels = cifar10.load("test")
    loaded = [Bundle.load(name) for name in names]
    measured = {}
    for one in loaded:
        with console.status(f"measuring {one.name} …"):
            measured[one.name] = evaluate_bundle(one, pictures[:images], labels[:images], conditions)
    if json_file:
        document = {
            "conditions": dataclasses.asdict(conditions),
            "bundles": {
                name: {"metrics": {key: metric.as_dict() for key, metric in summary.items()}}
                for name, summary in measured.items()
            },
        }
        write_output(json_file, json.dumps(document, indent=2) + "\n")
    console.print(_table(measured, conditions))


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
