# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a frame of an evaluation, a scene and a step of a training cost, in time of one processor core.

python benchmarks/unit_costs.py    writes results/benchmarks/unit_costs.csv

Processor time, so that other programs disturb little. Scenes need `make scenes-env`, and are left out without
it.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from suite.scene_steps import STEPS, generate

from semisac_ml.data import cifar10
from semisac_ml.results import Result, write_results
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.systems.csc_sa_net.samples import PictureOptions
from semisac_ml.systems.csc_sa_net.train import load_pictures
from semisac_ml.systems.csc_sa_net.training import CscSaTraining
from semisac_ml.systems.csc_sa_net.training import train as stage_one
from semisac_ml.systems.jssc import figures, train
from semisac_ml.systems.jssc.measuring import Conditions, evaluate_bundle
from semisac_ml.systems.jssc.model import ModelSettings
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.training.images import ImageSet

FILE = Path("results/benchmarks/unit_costs.csv")
IMAGES, FRAMES, EPOCHS = 1000, 4000, 2
QUIET, CPU = Console(file=io.StringIO()), torch.device("cpu")


def processor_seconds(work: Callable[[], object]) -> float:
    """Of this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def evaluation_costs() -> Iterator[tuple[str, str, float, int]]:
    """Name, what is counted, seconds of one, and how many were measured."""
    images, labels = (np.resize(part, (IMAGES, *part.shape[1:])) for part in cifar10.sample()[:2])
    bundle = Bundle.load("jssc/awgn")
    evaluate_bundle(bundle, images[:64], labels[:64])  # opens the networks
    seconds = processor_seconds(lambda: evaluate_bundle(bundle, images, labels))
    yield "jssc link: picture, class, presence, scores", "image", seconds / IMAGES, IMAGES
    uses = bundle.interface(ImageLink).symbols.channel_uses
    symbols = np.exp(2j * np.pi * np.random.default_rng(0).random((FRAMES, uses))).astype(np.complex64)
    at = Conditions(sensing_snr_db=0.0, target_probability=0.5)
    seconds = processor_seconds(lambda: figures.log_likelihood_ratios(bundle, symbols, symbols, at))
    yield "jssc presence from an echo, symbols known", "frame", seconds / FRAMES, FRAMES


def training_costs() -> Iterator[tuple[str, str, float, int]]:
    """The same of what is learnt from: what more epochs cost, validation on a few samples included."""
    sample = ImageSet.load("sample")
    images, labels = sample.images.repeat(10, 1, 1, 1), sample.labels.repeat(10)
    many = ImageSet(images, labels, *sample.validation)

    def learn_images(epochs: int, folder: Path) -> None:
        model = ModelSettings(variant="paper", task="animal")
        settings = TrainingSettings(model=model, data="sample", epochs=epochs, batch=64)
        train.train(settings, many, folder, QUIET, CPU)

    yield "jssc, the paper's networks, batch 64", "image", _of_epochs(learn_images, len(images)), len(images)
    options = PictureOptions(data="sample")

    def learn_scenes(epochs: int, folder: Path) -> None:
        settings = CscSaTraining(variant="tuned", semantic_epochs=epochs)
        stage_one(settings, "1", folder, QUIET, CPU, load_pictures(settings, options, folder))

    yield "csc_sa_net, tuned, stage 1, batch 5", "pair", _of_epochs(learn_scenes, 5), 5


def _of_epochs(learn: Callable[[int, Path], None], samples: int) -> float:
    """Seconds a sample of the epochs beyond the first; once before that, for what is imported on the way."""
    taken = []
    for epochs in (1, 1, 1 + EPOCHS):
        with tempfile.TemporaryDirectory() as folder:
            taken.append(processor_seconds(lambda folder=folder, epochs=epochs: learn(epochs, Path(folder))))
    return (taken[2] - taken[1]) / (EPOCHS * samples)


def scene_costs() -> Iterator[tuple[str, str, float, int]]:
    """The same of scenes, the start of a drive apart; nothing without the ray tracer."""
    taken = []
    for steps in (STEPS, 2 * STEPS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            generate(steps)
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
            return
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    yield "scene, all sensors, 320 x 240, canyon by day", "scene", (taken[1] - taken[0]) / STEPS, STEPS
    yield "start of a drive", "drive", 2 * taken[0] - taken[1], 2


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    rows = []
    for costs in (evaluation_costs, training_costs, scene_costs):
        for name, counted, seconds, count in costs():
            print(json.dumps({"what": name, f"seconds_a_{counted}": round(seconds, 6)}), flush=True)
            rows.append(
                Result(
                    system="scale_out",
                    figure="unit_costs",
                    variant=name,
                    metric=f"processor_seconds_a_{counted}",
                    value=seconds,
                    n=count,
                    unit="s",
                )
            )
    print(f"written: {write_results(FILE, rows)}")


if __name__ == "__main__":
    main()
