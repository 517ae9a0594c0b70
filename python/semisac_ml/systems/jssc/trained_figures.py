# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that train a system for each of their points: the paper's, and what its text argues by words.

All trainings choose their epoch on the validation part; what is measured are the test images.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console

from semisac_ml.results import Result, ResultTable
from semisac_ml.results.averages import SEED_KEY
from semisac_ml.results.rows import number_text
from semisac_ml.signal import posterior
from semisac_ml.systems.jssc import baselines
from semisac_ml.systems.jssc.model import JointModel, ModelSettings
from semisac_ml.systems.jssc.pretrain import train_backbone
from semisac_ml.systems.jssc.rows import (
    BEST_ALONE,
    CHANNELS,
    CODE_FRAMES,
    RANGES,
    SENSING_WEIGHTS,
    SNR_DB,
    Place,
)
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.systems.jssc.sweeps import Point, code_ceiling, epochs_of, measure, run_folder
from semisac_ml.systems.jssc.train import train
from semisac_ml.training import choose_device
from semisac_ml.training.images import ImageSet, held_out

METRICS = ("mse", "task_accuracy", "sensing_accuracy")
"""Of the tasks that have weights."""
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
PAPER, UNTOLD, SHARED = "paper", "paper, gain not told", "time shared"
TRADEOFF, TRAINED_VARIANTS = "tradeoff", (PAPER, UNTOLD, SHARED, "joint")
PAPER_EPOCHS = 30
EPOCHS = (10, PAPER_EPOCHS, 60)
"""At most, of the same training: its learning rate has fallen to nothing at the end of each."""
TRADEOFF_EPOCHS = 18


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
        return Point(axis, x, _paper_settings(channel, **{"epochs": epochs} | changes), variant, panel)

    equal = (1 / 3, 1 / 3, 1 / 3)
    if figure == "4":
        return [point("weight of sensing", w, weights=(1.0 - w, 0.0, w)) for w in SENSING_WEIGHTS]
    if figure == "epochs":
        return [point("epochs at most", most, epochs=most) for most in EPOCHS]
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


@dataclass(frozen=True)
class Job:
    """One training of a figure, and what is measured of it.

    runs: folder of its checkpoints. threads: of the processor, None for all that the process has.
    """

    figure: str
    channel: str
    point: Point
    seed: int
    runs: Path
    threads: int | None = None

    @property
    def settings(self) -> TrainingSettings:
        """Of the training."""
        return self.point.settings.replaced(seed=self.seed)

    @property
    def place(self) -> Place:
        """Of its rows; of the trade-off, whose panels are parts of the data, without these."""
        point = self.point
        return Place(self.figure, point.axis, self.channel, point.panel, self.settings.epochs)

    @property
    def key(self) -> tuple[str, ...]:
        """What its rows have in common with those of no other training, the seed first."""
        point = self.point
        what = (self.channel, point.variant, point.panel, point.axis, number_text(point.x))
        return (str(self.seed), *what, str(self.settings.epochs))

    def __str__(self) -> str:
        point = self.point
        said = filter(None, (point.variant, point.panel, point.axis, f"{point.x:g}"))
        return f"{self.channel}: {' '.join(said)}, seed {self.seed}"


def key_of(row: Result) -> tuple[str, ...] | None:
    """The key of the training that a row is of; None of bounds and bundles."""
    told = row.conditions
    if SEED_KEY not in told:
        return None
    panel = "" if row.figure == TRADEOFF else told.get("panel", "")
    what = (told["channel"], row.variant, panel, row.axis, number_text(row.x))
    return (told[SEED_KEY], *what, told.get("epochs", ""))


def jobs(figure: str, runs: Path, epochs: int | None, seeds: int, threads: int | None = None) -> list[Job]:
    """All trainings of a figure."""
    points = tradeoff_points if figure == TRADEOFF else functools.partial(paper_points, figure)
    usual = TRADEOFF_EPOCHS if figure == TRADEOFF else PAPER_EPOCHS
    return [
        Job(figure, channel, point, seed, runs, threads)
        for seed in range(seeds)  # a whole figure of the first one first
        for channel in CHANNELS
        for point in points(channel, epochs or usual)
    ]


def missing(wanted: list[Job], rows: list[Result]) -> list[Job]:
    """Trainings that have no rows."""
    known = {key_of(row) for row in rows}
    return [job for job in wanted if job.key not in known]


def in_order(rows: list[Result], wanted: list[Job]) -> list[Result]:
    """Rows of these trainings and of the same with other seeds, in their order, then bounds and bundles.

    Those of other trainings, as of other epochs, are gone.
    """
    places = {job.key[1:]: place for place, job in reversed(list(enumerate(wanted)))}
    keys = [(row, key_of(row)) for row in rows]
    own = [(places[key[1:]], int(key[0]), row) for row, key in keys if key and key[1:] in places]
    rest = [row for row, key in keys if key is None and row.variant not in TRAINED_VARIANTS]
    return [*(row for *_, row in sorted(own, key=lambda one: one[:2])), *rest]


def prepare(left: list[Job], console: Console) -> None:
    """Train what several trainings share, before they run at a time: the backbone of those that have one."""
    residual = [job for job in left if job.settings.model.variant == "residual"]
    if residual:
        settings, device = residual[0].settings, choose_device("auto")
        train_backbone(settings, _images(), device, residual[0].runs, console)


def trained_rows(job: Job) -> list[Result]:
    """Train one system of a figure, or go on with it, and measure it on the test images, with the bounds."""
    if job.threads:
        torch.set_num_threads(job.threads)
    settings, runs = job.settings, job.runs
    model = train(settings, _images(), run_folder(runs, settings), Console(quiet=True), backbone_folder=runs)
    rows = _tradeoff_rows(job, model) if job.figure == TRADEOFF else _paper_rows(job, model)
    return [*rows, *_epoch_rows(job)]


def _epoch_rows(job: Job) -> Iterator[Result]:
    """Which epoch was best on the validation part, and the last one: before the most if patience ended it."""
    best, last = epochs_of(run_folder(job.runs, job.settings))
    for metric, epoch in {"best_epoch": best, "last_epoch": last}.items():
        yield job.place.row(job.point.variant, job.point.x, metric, epoch, job.seed)


@functools.cache
def _images() -> ImageSet:
    return ImageSet.load("cifar10")


def _paper_rows(job: Job, model: JointModel) -> Iterator[Result]:
    figure, settings, place, point = job.figure, job.settings, job.place, job.point
    images, labels = held_out("cifar10")
    measured = measure(model, settings, images, labels, settings.snr_db, settings.sensing_snr_db)
    for metric, weight in zip(METRICS, settings.weights, strict=True):
        if weight or (figure == "4" and metric != "task_accuracy"):
            yield place.row(point.variant, point.x, metric, measured[metric], job.seed)
    if job.seed:
        return
    exact = replace(place, epochs=0)
    if figure in ("6", "echoes") and settings.clutter_db is None:
        ceiling = code_ceiling(model, settings, _images(), images[:CODE_FRAMES])
        yield exact.row(BEST_ALONE, point.x, "sensing_accuracy", ceiling)
    if figure == "echoes" and settings.clutter_db is None:
        yield exact.row("optimal detector", point.x, "sensing_accuracy", _ceiling(settings))
    if figure in ("4", "5", "6"):
        n, ranges = settings.model.real_dimensions, settings.model.ranges
        told = n, settings.snr_db, settings.sensing_snr_db, ranges
        yield from baselines.bound_rows(exact, point.x, *told)


def _ceiling(settings: TrainingSettings) -> float:
    """Accuracy of the best detector that knows the symbols."""
    return posterior.range_accuracy(
        settings.model.real_dimensions,
        settings.sensing_snr_db,
        fading=settings.sensing_fading,
        random_phase=settings.random_phase,
        max_frequency_offset=settings.model.max_frequency_offset,
    ).value


def tradeoff_points(channel: str, epochs: int) -> list[Point]:
    """Reconstruction against classification: the system that ships, with other weights of the task."""
    weights = {weight: ((1.0 - weight) / 2, weight, (1.0 - weight) / 2) for weight in TASK_WEIGHTS}
    return [
        Point(
            "weight of the task",
            weight,
            TrainingSettings(channel=channel, weights=all_weights, epochs=epochs),
            "joint",
        )
        for weight, all_weights in weights.items()
    ]


def _tradeoff_rows(job: Job, model: JointModel) -> Iterator[Result]:
    """On the validation part, by which the weights of the bundles are chosen, and on the test images."""
    for part, (images, labels) in {"validation": _images().validation, "test": held_out("cifar10")}.items():
        measured = measure(model, job.settings, images, labels, 3.0, 3.0)
        for metric in ("psnr_of_mean_mse_db", "task_accuracy", "sensing_accuracy"):
            place = replace(job.place, panel=part)
            yield place.row(job.point.variant, job.point.x, metric, measured[metric], job.seed)


def untrained(figure: str, results: Path, seeds: int = 3) -> int:
    """How many trainings of a figure have no rows in a folder of results."""
    name = f"figure{figure}" if figure.isdigit() else figure
    return len(missing(jobs(figure, Path(), None, seeds), ResultTable.open(results / f"{name}.csv").rows))
