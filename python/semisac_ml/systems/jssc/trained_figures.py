# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that train a system for each of their points: the paper's, and the trade-off between tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from semisac_ml.results import Result
from semisac_ml.systems.jssc import baselines
from semisac_ml.systems.jssc.model import ModelSettings
from semisac_ml.systems.jssc.rows import CHANNELS, RANGES, SNR_DB, Place
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.systems.jssc.sweeps import Point, measure, trained_points
from semisac_ml.training.images import ImageSet

SENSING_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
REAL_DIMENSIONS = (4, 20, 64)
SINGLE_SNR_DB = (-6.0, 3.0, 9.0)
TASK_WEIGHTS = (0.0, 1 / 6, 1 / 3, 0.8)
PAPER_EPOCHS = 3
TRADEOFF_EPOCHS = 6


def _paper_settings(channel: str, **changes: object) -> TrainingSettings:
    """Settings of the paper: two tasks with weights 1/2, both SNRs 3 dB, n = 20, one range."""
    of_model = {key: value for key, value in changes.items() if key in ModelSettings.model_fields}
    others = {key: value for key, value in changes.items() if key not in of_model}
    usual = {"weights": (0.5, 0.0, 0.5), "snr_db": 3.0, "sensing_snr_db": 3.0}
    model = ModelSettings(variant="paper", task="animal", **of_model)
    return TrainingSettings(model=model, channel=channel, **usual | others)


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
        *(point("communication SNR in dB", s, snr_db=s) for s in SINGLE_SNR_DB),
        *(point("sensing SNR in dB", s, sensing_snr_db=s) for s in SINGLE_SNR_DB),
        *(point("encoder output size n", n, real_dimensions=n) for n in REAL_DIMENSIONS),
        *(point("number of ranges", r, ranges=r) for r in RANGES),
    ]


def paper_rows(figure: str, runs: Path, epochs: int | None, console: Console) -> Iterator[Result]:
    """The paper's systems at each point of a figure, with the bounds."""
    data = ImageSet.load("cifar10")
    for channel in CHANNELS:
        points = paper_points(figure, channel, epochs or PAPER_EPOCHS)
        for point, model in trained_points(points, data, runs, console):
            settings = point.settings
            place = Place(figure, point.panel, channel)
            measured = measure(model, settings, data, settings.snr_db, settings.sensing_snr_db)
            for metric in ("mse", "sensing_accuracy", *(("task_accuracy",) if figure == "6" else ())):
                yield place.row("paper", point.x, metric, measured[metric])
            n, ranges = settings.model.real_dimensions, settings.model.ranges
            yield from baselines.bound_rows(
                place, point.x, n, settings.snr_db, settings.sensing_snr_db, ranges
            )


def tradeoff_rows(runs: Path, epochs: int | None, console: Console) -> Iterator[Result]:
    """Reconstruction against classification: the system that ships, with other weights of the task."""
    data = ImageSet.load("cifar10")
    for channel in CHANNELS:
        points = [
            Point(
                "weight of the task",
                weight,
                TrainingSettings(
                    channel=channel,
                    weights=((1.0 - weight) / 2, weight, (1.0 - weight) / 2),
                    epochs=epochs or TRADEOFF_EPOCHS,
                ),
            )
            for weight in TASK_WEIGHTS
        ]
        for point, model in trained_points(points, data, runs, console):
            place = Place("tradeoff", point.panel, channel)
            measured = measure(model, point.settings, data, 3.0, 3.0)
            for metric in ("psnr_of_mean_mse_db", "task_accuracy", "sensing_accuracy"):
                yield place.row("joint", point.x, metric, measured[metric])
