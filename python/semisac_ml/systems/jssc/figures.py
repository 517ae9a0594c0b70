# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of the joint sensing and semantic link: each as one CSV file and one picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from semisac_ml.data import cifar10
from semisac_ml.runtime import Bundle
from semisac_ml.signal import channel as reference_channel
from semisac_ml.signal import metrics, posterior
from semisac_ml.systems.jssc import baselines
from semisac_ml.systems.jssc.drawing import CHANNELS, draw_rows, write_csv
from semisac_ml.systems.jssc.evaluate import Conditions, encode, evaluate_bundle, sense
from semisac_ml.systems.jssc.model import ModelSettings
from semisac_ml.systems.jssc.pretrain import ImageSet
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.systems.jssc.sweeps import Point, Row, measure, trained_points

SENSING_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
SNR_DB = (-6.0, 0.0, 3.0, 9.0)
REAL_DIMENSIONS = (4, 8, 20, 64)
RANGES = (1, 2, 4, 8)
TASK_WEIGHTS = (0.0, 0.05, 1 / 3, 0.8)
DETECTION_FRAMES = 40_000
PAPER_EPOCHS = 3
TRADEOFF_EPOCHS = 4


def draw(
    figure: str,
    bundles: list[str],
    results: Path,
    runs: Path,
    epochs: int | None,
    threads: int | None,
    images: int | None,
    console: Console,
) -> list[Path]:
    """Recompute a figure; return the files written.

    figure: one of ``evaluate.FIGURES``. bundles: those drawn in. epochs, threads: of the trainings. images:
    test images for what the bundles are measured on.
    """
    if threads:
        torch.set_num_threads(threads)
    if figure in ("4", "5", "6"):
        rows = list(_paper_rows(figure, runs, epochs or PAPER_EPOCHS, console))
        rows += list(_bundle_rows(figure, bundles, images, console))
    elif figure == "tradeoff":
        rows = list(_tradeoff_rows(runs, epochs or TRADEOFF_EPOCHS, console))
    else:
        makers: dict[str, Callable[..., Iterator[Row]]] = {
            "snr": _snr_rows,
            "presence": _presence_rows,
            "ranges": _range_rows,
        }
        rows = list(makers[figure](bundles, images, console))
    name = f"figure{figure}" if figure.isdigit() else figure
    return [write_csv(rows, results / f"{name}.csv"), draw_rows(rows, results / f"{name}.png")]


def _paper_settings(channel: str, **changes: object) -> TrainingSettings:
    """Settings of the paper: two tasks with weights 1/2, both SNRs 3 dB, n = 20, one range."""
    model = ModelSettings(variant="paper", task="animal")
    fading = "none" if channel == "awgn" else "rayleigh"
    settings = TrainingSettings(
        model=model,
        channel=channel,
        sensing_fading=fading,
        weights=(0.5, 0.0, 0.5),
        snr_db=3.0,
        sensing_snr_db=3.0,
    )
    of_model = {key: value for key, value in changes.items() if hasattr(model, key)}
    others = {key: value for key, value in changes.items() if key not in of_model}
    return dataclasses.replace(settings, model=dataclasses.replace(model, **of_model), **others)


def paper_points(figure: str, channel: str, epochs: int) -> list[Point]:
    """Points of a figure of the paper, one system each."""

    def point(panel: str, x: float, **changes: object) -> Point:
        return Point(panel, x, _paper_settings(channel, epochs=epochs, **changes))

    if figure == "4":
        return [point("weight of sensing", w, weights=(1.0 - w, 0.0, w)) for w in SENSING_WEIGHTS]
    if figure == "6":
        equal = (1 / 3, 1 / 3, 1 / 3)
        return [point("SNR in dB", s, snr_db=s, sensing_snr_db=s, weights=equal) for s in SNR_DB]
    return [
        *(point("communication SNR in dB", s, snr_db=s) for s in SNR_DB),
        *(point("sensing SNR in dB", s, sensing_snr_db=s) for s in SNR_DB),
        *(point("encoder output size n", n, real_dimensions=n) for n in REAL_DIMENSIONS),
        *(point("number of ranges", r, ranges=r) for r in RANGES),
    ]


def _paper_rows(figure: str, runs: Path, epochs: int, console: Console) -> Iterator[Row]:
    data = ImageSet.load("cifar10")
    for channel in CHANNELS:
        for point, model in trained_points(paper_points(figure, channel, epochs), data, runs, console):
            settings = point.settings
            measured = measure(model, settings, data, settings.snr_db, settings.sensing_snr_db)
            for metric in ("mse", "sensing_accuracy", *(("task_accuracy",) if figure == "6" else ())):
                yield Row.of(figure, point.panel, channel, "paper", point.x, metric, measured[metric])
            n, ranges = settings.model.real_dimensions, settings.model.ranges
            place = (figure, point.panel, channel)
            linear = baselines.linear_code_psnr_db(channel, n, settings.snr_db)
            gaussian = baselines.gaussian_psnr_db(channel, n, settings.snr_db)
            yield Row.bound(*place, "linear code", point.x, "mse", 10.0 ** (-linear / 10.0))
            yield Row.bound(*place, "Gaussian rate-distortion", point.x, "mse", 10.0 ** (-gaussian / 10.0))
            ceiling = (
                baselines.presence_ceiling(channel, n, settings.sensing_snr_db)
                if ranges == 1
                else baselines.range_ceiling(channel, n, settings.sensing_snr_db, ranges)
            )
            yield Row.bound(*place, "optimal detector", point.x, "sensing_accuracy", ceiling)


def _bundle_rows(figure: str, bundles: list[str], images: int | None, console: Console) -> Iterator[Row]:
    """The bundles that ship, on the axes of Figs. 5 and 6 that one bundle serves."""
    panels: dict[str, list[tuple[str, list[tuple[float, Conditions]]]]] = {
        "4": [],
        "5": [
            ("communication SNR in dB", [(s, Conditions(snr_db=s)) for s in SNR_DB]),
            ("sensing SNR in dB", [(s, Conditions(sensing_snr_db=s)) for s in SNR_DB]),
            (
                "number of ranges",
                [(r, Conditions(ranges=r, target_probability=r / (1 + r))) for r in RANGES],
            ),
        ],
        "6": [("SNR in dB", [(s, Conditions(snr_db=s, sensing_snr_db=s)) for s in SNR_DB])],
    }
    pictures, labels = (part[:images] for part in cifar10.load("test"))
    for name in bundles:
        bundle = Bundle.load(name)
        model = bundle.manifest.channel.model
        for panel, conditions in panels[figure]:
            for x, at in conditions:
                console.print(f"{bundle.name}: {panel} {x:g}")
                measured = evaluate_bundle(bundle, pictures, labels, at)
                yield Row.of(figure, panel, model, "bundle", x, "mse", measured["mse"])
                sensing = measured["sensing_accuracy"]
                yield Row.of(figure, panel, model, "bundle, symbols known", x, "sensing_accuracy", sensing)
                if "echo_only_sensing_accuracy" in measured:
                    alone = measured["echo_only_sensing_accuracy"]
                    yield Row.of(figure, panel, model, "bundle", x, "sensing_accuracy", alone)
                if figure == "6":
                    animal = measured["animal_accuracy"]
                    yield Row.of(figure, panel, model, "bundle", x, "task_accuracy", animal)


def _tradeoff_rows(runs: Path, epochs: int, console: Console) -> Iterator[Row]:
    """Reconstruction against classification: the system that ships, with other weights of the task."""
    data = ImageSet.load("cifar10")
    for channel in CHANNELS:
        fading = "none" if channel == "awgn" else "rayleigh"
        points = [
            Point(
                "weight of the task",
                weight,
                TrainingSettings(
                    channel=channel,
                    sensing_fading=fading,
                    weights=((1.0 - weight) / 2, weight, (1.0 - weight) / 2),
                    epochs=epochs,
                ),
            )
            for weight in TASK_WEIGHTS
        ]
        alone = baselines.individual(points[0].settings, "communications")
        points.append(Point("weight of the task", -1.0, dataclasses.replace(alone, snr_db=3.0)))
        for point, model in trained_points(points, data, runs, console):
            measured = measure(model, point.settings, data, 3.0, 3.0)
            system = "individual communications" if point.x < 0 else "joint"
            for metric in ("psnr_of_mean_mse_db", "task_accuracy", "sensing_accuracy"):
                x = max(point.x, 0.0)
                yield Row.of("tradeoff", point.panel, channel, system, x, metric, measured[metric])


def _snr_rows(bundles: list[str], images: int | None, console: Console) -> Iterator[Row]:
    """A bundle over the whole range of SNR that it serves, with the bounds."""
    pictures, labels = (part[:images] for part in cifar10.load("test"))
    for name in bundles:
        bundle = Bundle.load(name)
        model, n = bundle.manifest.channel.model, bundle.manifest.symbols.real_dimensions
        for snr_db in np.arange(-10.0, 20.1, 2.5):
            console.print(f"{bundle.name}: {snr_db:g} dB")
            place = ("snr", "SNR in dB", model)
            measured = evaluate_bundle(
                bundle, pictures, labels, Conditions(snr_db=snr_db, sensing_snr_db=snr_db)
            )
            for metric in ("psnr_of_mean_mse_db", "class_accuracy", "animal_accuracy"):
                yield Row.of(*place, "bundle", snr_db, metric, measured[metric])
            sensing = measured["sensing_accuracy"]
            yield Row.of(*place, "bundle, symbols known", snr_db, "sensing_accuracy", sensing)
            alone = measured["echo_only_sensing_accuracy"]
            yield Row.of(*place, "bundle, echo only", snr_db, "sensing_accuracy", alone)
            bounds = {
                "psnr_of_mean_mse_db": {
                    "linear code": baselines.linear_code_psnr_db(model, n, snr_db),
                    "Gaussian rate-distortion": baselines.gaussian_psnr_db(model, n, snr_db),
                },
                "sensing_accuracy": {
                    "optimal detector": baselines.presence_ceiling(model, n, snr_db),
                    "energy detector": baselines.energy_detector(model, n, snr_db),
                },
            }
            for metric, systems in bounds.items():
                for system, value in systems.items():
                    yield Row.bound(*place, system, snr_db, metric, value)


def learned_waveforms(bundle: Bundle, channel_uses: int, frames: int) -> np.ndarray:
    """Waveforms of any length from the encoder's symbols, complex64 (frames, channel_uses), unit mean power.

    The symbols of several images in a row, cut to length and scaled.
    """
    pictures, _ = cifar10.load("test")
    symbols = np.concatenate(
        [encode(bundle, pictures[i : i + 500], 3.0) for i in range(0, len(pictures), 500)]
    )
    stream = np.resize(symbols.ravel(), frames * channel_uses).reshape(frames, channel_uses)
    power = np.mean(np.abs(stream) ** 2, axis=1, keepdims=True)
    return (stream / np.sqrt(power)).astype(np.complex64)


def _presence_rows(bundles: list[str], images: int | None, console: Console) -> Iterator[Row]:
    """Detector with known symbols against the exact ceiling, for waveforms of n = 2 … 64 reals."""
    for name in bundles:
        bundle = Bundle.load(name)
        model = bundle.manifest.channel.model
        for n in (2, 4, 8, 20, 32, 64):
            console.print(f"{bundle.name}: presence, n = {n}")
            symbols = learned_waveforms(bundle, n // 2, images or DETECTION_FRAMES)
            for snr_db in np.arange(-20.0, 10.1, 5.0):
                accuracy, _ = detector_accuracy(bundle, symbols, Conditions(sensing_snr_db=snr_db))
                place = ("presence", f"n = {n}", model)
                yield Row.of(*place, "bundle, symbols known", snr_db, "sensing_accuracy", accuracy)
                ceiling = baselines.presence_ceiling(model, n, snr_db)
                yield Row.bound(*place, "optimal detector", snr_db, "sensing_accuracy", ceiling)


def _range_rows(bundles: list[str], images: int | None, console: Console) -> Iterator[Row]:
    """Ranges told apart by amplitude alone and by delay, against the optimal decision on the same echoes."""
    for name in bundles:
        bundle = Bundle.load(name)
        model = bundle.manifest.channel.model
        symbols = learned_waveforms(bundle, 10, images or DETECTION_FRAMES)
        for delay in (0, 1):
            panel = "amplitude only" if delay == 0 else "delay of one symbol a range"
            console.print(f"{bundle.name}: ranges, {panel}")
            for ranges in RANGES:
                at = Conditions(
                    ranges=ranges, delay_symbols_per_range=delay, target_probability=ranges / (1 + ranges)
                )
                accuracy, optimal = detector_accuracy(bundle, symbols, at)
                place = ("ranges", panel, model)
                yield Row.of(*place, "bundle, symbols known", ranges, "sensing_accuracy", accuracy)
                yield Row.of(*place, "optimal decision", ranges, "sensing_accuracy", optimal)


def detector_accuracy(
    bundle: Bundle, symbols: np.ndarray, conditions: Conditions
) -> tuple[metrics.Metric, metrics.Metric]:
    """Accuracy of the bundle's detector, and of the optimal decision on the very same echoes."""
    at, sensing = conditions, bundle.manifest.sensing
    setting = {
        "sensing_snr_db": at.sensing_snr_db,
        "ranges": at.ranges,
        "range_step_db": at.range_step_db,
        "delay_symbols_per_range": at.delay_symbols_per_range,
        "fading": sensing.fading,
        "random_phase": sensing.random_phase,
        "max_frequency_offset": sensing.max_frequency_offset,
        "target_probability": at.target_probability,
    }
    echo, hypothesis = reference_channel.echo_channel(symbols, seed=at.seed + 1, **setting)
    learned = sense(bundle, symbols, echo, at).argmax(axis=1)
    optimal = posterior.range_posterior(echo, symbols, **setting).argmax(axis=1)
    count = len(hypothesis)
    return (
        metrics.proportion(int((learned == hypothesis).sum()), count),
        metrics.proportion(int((optimal == hypothesis).sum()), count),
    )
