# SPDX-License-Identifier: GPL-3.0-or-later
"""Training and measuring one system for each point of a figure."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from semisac_ml.channels import FadingChannel
from semisac_ml.signal import metrics, posterior
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems.jssc.model import JointModel
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.systems.jssc.train import task_labels
from semisac_ml.training.images import ImageSet, to_unit

CHUNK = 1000


@dataclass(frozen=True)
class Point:
    """One point of a figure: the value on its axis, the system to train for it, and what it is called there.

    panel: what else sets it apart.
    """

    axis: str
    x: float
    settings: TrainingSettings
    variant: str
    panel: str = ""


def run_folder(runs: Path, settings: TrainingSettings) -> Path:
    """Folder of a training, named after its settings: the same point is never trained twice."""
    text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    label = f"{settings.model.variant}-{settings.channel}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    return runs / label


def epochs_of(folder: Path) -> tuple[int, int]:
    """The epoch of a training that was best on the validation part, and its last one."""
    with (folder / "joint.csv").open(encoding="utf-8") as file:
        losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    return losses.index(min(losses)) + 1, len(losses)


@torch.no_grad()
def measure(
    model: JointModel,
    settings: TrainingSettings,
    images: Tensor,
    labels: Tensor,
    snr_db: float,
    sensing_snr_db: float,
) -> dict[str, Metric]:
    """Reconstruction loss, accuracy of the task and of the paper's decoder 2, each image uint8 sent once."""
    generator = torch.Generator().manual_seed(1)
    link, echo_channel = FadingChannel(settings.channel), settings.echo_channel()
    labels = task_labels(settings.model, labels)
    errors, task, sensing = [], [], []
    for chunk, truth in zip(images.split(CHUNK), labels.split(CHUNK), strict=True):
        chunk = to_unit(chunk)
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


@torch.no_grad()
def sent_symbols(model: JointModel, images: Tensor, snr_db: float) -> Tensor:
    """Symbols of images uint8, complex64 (images, channel_uses)."""
    found = [
        model.encoder(to_unit(chunk), torch.full((len(chunk),), snr_db)) for chunk in images.split(CHUNK)
    ]
    return torch.view_as_complex(torch.cat(found).contiguous())


def code_ceiling(model: JointModel, settings: TrainingSettings, data: ImageSet, images: Tensor) -> Metric:
    """Best accuracy of decoder 2 as the paper has it, at the training's SNRs.

    It hears the echo alone, but knows how the echo fades and the symbols of all images that were learnt from;
    echoes are those of other images.
    """
    snr_db, sensing_snr_db = settings.snr_db, settings.sensing_snr_db
    code_book, sent = (sent_symbols(model, one, snr_db) for one in (data.images, images))
    generator = torch.Generator().manual_seed(2)
    echo, hypothesis = settings.echo_channel()(sent, torch.full((len(sent),), sensing_snr_db), generator)
    return posterior.code_book_accuracy(
        code_book.numpy(),
        echo.numpy(),
        hypothesis.numpy(),
        sensing_snr_db=sensing_snr_db,
        fading=settings.sensing_fading,
        max_frequency_offset=settings.model.max_frequency_offset,
    )


def _share(correct: np.ndarray) -> Metric:
    return metrics.proportion(int(correct.sum()), len(correct))
