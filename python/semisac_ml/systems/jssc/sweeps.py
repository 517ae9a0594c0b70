# SPDX-License-Identifier: GPL-3.0-or-later
"""Training and measuring one system for each point of a figure."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from semisac_ml.channels import FadingChannel
from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems.jssc.model import JointModel
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.systems.jssc.train import task_labels, train
from semisac_ml.training.images import ImageSet, to_unit

TEST_REPEATS = 2


@dataclass(frozen=True)
class Point:
    """One point of a figure: the value on its axis, and the system to train for it."""

    panel: str
    x: float
    settings: TrainingSettings


def run_folder(runs: Path, settings: TrainingSettings) -> Path:
    """Folder of a training, named after its settings: the same point is never trained twice."""
    text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    label = f"{settings.model.variant}-{settings.channel}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    return runs / label


def trained_points(
    points: list[Point], data: ImageSet, runs: Path, console: Console
) -> Iterator[tuple[Point, JointModel]]:
    """Train the system of each point, or take it from an earlier run; says how long the rest will take."""
    started = time.monotonic()
    for index, point in enumerate(points):
        left = "" if index == 0 else _time_left(started, index, len(points))
        console.print(f"point {index + 1} of {len(points)}: {point.panel} {point.x:g}{left}")
        folder = run_folder(runs, point.settings)
        yield point, train(point.settings, data, folder, console, backbone_folder=runs)


def _time_left(started: float, done: int, total: int) -> str:
    minutes = (time.monotonic() - started) / done * (total - done) / 60.0
    return f" (about {minutes:.0f} min left)"


@torch.no_grad()
def measure(
    model: JointModel, settings: TrainingSettings, data: ImageSet, snr_db: float, sensing_snr_db: float
) -> dict[str, Metric]:
    """Reconstruction loss, task accuracy and accuracy of the paper's decoder 2 on the test images."""
    generator = torch.Generator().manual_seed(1)
    link, echo_channel = FadingChannel(settings.channel), settings.echo_channel()
    images, labels = to_unit(data.test_images), task_labels(settings.model, data.test_labels)
    errors, task, sensing = [], [], []
    for _ in range(TEST_REPEATS):
        for start in range(0, len(images), 1000):
            chunk, truth = images[start : start + 1000], labels[start : start + 1000]
            snr, echo_snr = (torch.full((len(chunk),), value) for value in (snr_db, sensing_snr_db))
            symbols = torch.view_as_complex(model.encoder(chunk, snr).contiguous())
            received, gain = (torch.view_as_real(part) for part in link(symbols, snr, generator))
            picture = model.reconstruction(received, gain, snr).clamp(0.0, 1.0)
            errors.append((picture - chunk).square().mean(dim=(1, 2, 3)))
            task.append(model.task(received, gain, snr).argmax(1) == truth)
            echo, hypothesis = echo_channel(symbols, echo_snr, generator)
            sensing.append(model.sensing_echo(torch.view_as_real(echo), echo_snr).argmax(1) == hypothesis)
    error = torch.cat(errors).numpy()
    return {
        "mse": metrics.mean(error, least=0.0),
        "psnr_of_mean_mse_db": metrics.psnr_of_mean_mse(error),
        "task_accuracy": _share(torch.cat(task).numpy()),
        "sensing_accuracy": _share(torch.cat(sensing).numpy()),
    }


def _share(correct: np.ndarray) -> Metric:
    return metrics.proportion(int(correct.sum()), len(correct))
