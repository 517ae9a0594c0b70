# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that train a system for each of their points: the paper's, and what its text argues by words.

All trainings choose their epoch on the validation part; what is measured are the test images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from semisac_ml.results import Result
from semisac_ml.signal import posterior
from semisac_ml.systems.jssc import baselines
from semisac_ml.systems.jssc.model import ModelSettings
from semisac_ml.systems.jssc.rows import CHANNELS, RANGES, SNR_DB, Place
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.systems.jssc.sweeps import Point, code_ceiling, is_finished, measure, trained_points
from semisac_ml.training.images import ImageSet, held_out

PAPERS = ("4", "5", "6", "gain", "echoes", "sharing")
"""Figures of networks in the paper's form."""
METRICS = ("mse", "task_accuracy", "sensing_accuracy")
"""Of the tasks that have weights."""
SENSING_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
REAL_DIMENSIONS = (4, 20, 64)
SINGLE_SNR_DB = (-6.0, 3.0, 9.0)
TASK_WEIGHTS = (0.0, 1 / 6, 1 / 3, 0.8)
SHARED_REALS = (4, 10, 16)
"""For the picture, of 20, where time is shared: the others are for sensing."""
ECHOES = {
    "steady, phase known": {"random_phase": False, "max_frequency_offset": 0.0},
    "phase unknown": {"max_frequency_offset": 0.0},
    "phase and Doppler unknown": {},
    "Rayleigh": {"sensing_fading": "rayleigh"},
    "Rayleigh, both hops": {"sensing_fading": "two_hop_rayleigh"},
    "steady in clutter of 0 dB": {"clutter_db": 0.0},
}
PAPER, UNTOLD, SHARED, BEST_ALONE = "paper", "paper, gain not told", "time shared", "best from the echo alone"
PAPER_EPOCHS = 30
TRADEOFF_EPOCHS = 18
CODE_FRAMES = 2000
"""Echoes that the best decision from the echo alone is counted on."""


def _paper_settings(channel: str, **changes: object) -> TrainingSettings:
    """Settings of the paper: two tasks with weights 1/2, both SNRs 3 dB, n = 20, one range."""
    of_model = {key: value for key, value in changes.items() if key in ModelSettings.model_fields}
    others = {key: value for key, value in changes.items() if key not in of_model}
    usual = {"weights": (0.5, 0.0, 0.5), "snr_db": 3.0, "sensing_snr_db": 3.0}
    model = ModelSettings(variant="paper", task="animal", **of_model)
    return TrainingSettings(model=model, channel=channel, **usual | others)


def paper_points(figure: str, channel: str, epochs: int) -> list[Point]:
    """Points of a figure, one system each; none of a channel that the figure does not have."""

    def point(axis: str, x: float, variant: str = PAPER, panel: str = "", **changes: object) -> Point:
        return Point(axis, x, _paper_settings(channel, epochs=epochs, **changes), variant, panel)

    equal = (1 / 3, 1 / 3, 1 / 3)
    if figure == "4":
        return [point("weight of sensing", w, weights=(1.0 - w, 0.0, w)) for w in SENSING_WEIGHTS]
    if figure in ("6", "gain"):
        known = {PAPER: True} if figure == "6" else {PAPER: True, UNTOLD: False}
        return [
            point(
                "SNR in dB", s, name, snr_db=s, sensing_snr_db=s, weights=equal, gain_known_at_receiver=told
            )
            for name, told in known.items()
            for s in SNR_DB
            if figure == "6" or channel == "rayleigh"  # the other has no gain
        ]
    if figure == "echoes":  # whose fading is that of the echo, whatever the link's
        models = ECHOES if channel == "awgn" else {}
        return [point("sensing SNR in dB", 3.0, panel=name, **changes) for name, changes in models.items()]
    if figure == "sharing":
        return [
            *(point("weight of sensing", w, weights=(1.0 - w, 0.0, w)) for w in SENSING_WEIGHTS),
            *(
                point(
                    "reals of the picture", n, SHARED, "picture", weights=(1.0, 0.0, 0.0), real_dimensions=n
                )
                for n in SHARED_REALS
            ),
            *(
                point(
                    "reals of the picture",
                    n,
                    SHARED,
                    "sensing",
                    weights=(0.0, 0.0, 1.0),
                    real_dimensions=20 - n,
                )
                for n in SHARED_REALS
            ),
        ]
    return [
        *(point("communication SNR in dB", s, snr_db=s) for s in SINGLE_SNR_DB),
        *(point("sensing SNR in dB", s, sensing_snr_db=s) for s in SINGLE_SNR_DB),
        *(point("encoder output size n", n, real_dimensions=n) for n in REAL_DIMENSIONS),
        *(point("number of ranges", r, ranges=r) for r in RANGES),
    ]


def paper_rows(figure: str, runs: Path, epochs: int | None, seeds: int, console: Console) -> Iterator[Result]:
    """The paper's systems at each point of a figure, of each seed, with the bounds."""
    data, (images, labels) = ImageSet.load("cifar10"), held_out("cifar10")
    for channel in CHANNELS:
        points = paper_points(figure, channel, epochs or PAPER_EPOCHS)
        for point, seed, model in trained_points(points, seeds, data, runs, console):
            settings, place = point.settings, Place(figure, point.axis, channel, point.panel)
            measured = measure(model, settings, images, labels, settings.snr_db, settings.sensing_snr_db)
            for metric, weight in zip(
                ("mse", "task_accuracy", "sensing_accuracy"), settings.weights, strict=True
            ):
                if weight or (figure == "4" and metric != "task_accuracy"):
                    yield place.row(point.variant, point.x, metric, measured[metric], seed)
            if seed == 0 and figure in ("6", "echoes") and settings.clutter_db is None:
                ceiling = code_ceiling(model, settings, data, images[:CODE_FRAMES])
                yield place.row(BEST_ALONE, point.x, "sensing_accuracy", ceiling)
            if seed == 0 and figure == "echoes" and settings.clutter_db is None:
                yield place.row("optimal detector", point.x, "sensing_accuracy", _ceiling(settings))
            n, ranges = settings.model.real_dimensions, settings.model.ranges
            if seed == 0 and figure in ("4", "5", "6"):
                yield from baselines.bound_rows(
                    place, point.x, n, settings.snr_db, settings.sensing_snr_db, ranges
                )


def _ceiling(settings: TrainingSettings) -> float:
    """Accuracy of the best detector that knows the symbols."""
    return posterior.range_accuracy(
        settings.model.real_dimensions,
        settings.sensing_snr_db,
        fading=settings.sensing_fading,
        random_phase=settings.random_phase,
        max_frequency_offset=settings.model.max_frequency_offset,
    ).value


def tradeoff_rows(runs: Path, epochs: int | None, seeds: int, console: Console) -> Iterator[Result]:
    """Reconstruction against classification: the system that ships, with other weights of the task.

    Measured on the validation part, by which the weights of the bundles are chosen, and on the test images.
    """
    data = ImageSet.load("cifar10")
    parts = {"validation": data.validation, "test": held_out("cifar10")}
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
                "joint",
            )
            for weight in TASK_WEIGHTS
        ]
        for point, seed, model in trained_points(points, seeds, data, runs, console):
            for part, (images, labels) in parts.items():
                place = Place("tradeoff", point.axis, channel, part)
                measured = measure(model, point.settings, images, labels, 3.0, 3.0)
                for metric in ("psnr_of_mean_mse_db", "task_accuracy", "sensing_accuracy"):
                    yield place.row(point.variant, point.x, metric, measured[metric], seed)


def untrained(figure: str, runs: Path, seeds: int = 3) -> int:
    """How many trainings of one of the paper's figures are not finished in a folder."""
    return sum(
        not is_finished(point.settings.replaced(seed=seed), runs)
        for channel in CHANNELS
        for point in paper_points(figure, channel, PAPER_EPOCHS)
        for seed in range(seeds)
    )
