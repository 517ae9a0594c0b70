# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the decoder that says what a picture shows, on the code of a finished encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from semisac_ml.data import cifar10
from semisac_ml.systems.jssc_hifi.link import transmit
from semisac_ml.systems.jssc_hifi.model import SENT_CHANNELS, HifiEncoder, HifiTask
from semisac_ml.systems.jssc_hifi.train_code import (
    VALIDATION_IMAGES,
    VALIDATION_SNR_DB,
    AveragedModel,
    HifiTraining,
    draw_conditions,
)
from semisac_ml.training import Stage, autocast, load_checkpoint, train_stage
from semisac_ml.training.images import ImageSet, augment, batches, to_unit
from semisac_ml.training.team import Part

LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 2e-3, 0.05, 0.05


@torch.no_grad()
def sent_and_received(
    encoder: HifiEncoder,
    pictures: Tensor,
    at: tuple[Tensor, Tensor, Tensor, Tensor],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Received code of pictures and what its values are worth; ``at`` as draw_conditions gives it."""
    snr_db, sent, fades, lost_share = at
    with autocast(pictures.device):
        code = encoder(pictures, snr_db, sent)
    return transmit(code.float(), snr_db, sent, fades, lost_share, generator)


@torch.no_grad()
def accuracy(
    encoder: HifiEncoder, task: HifiTask, images: Tensor, labels: Tensor, device: torch.device
) -> dict[str, float]:
    """Share of the first images of a part whose class is found, at 10 dB, for each bandwidth."""
    figures = {}
    for sent in SENT_CHANNELS:
        generator = torch.Generator(device=device).manual_seed(0)
        right = 0
        for chunk, truth in zip(
            images[:VALIDATION_IMAGES].split(250), labels[:VALIDATION_IMAGES].split(250), strict=True
        ):
            steady = torch.zeros(len(chunk), device=device)
            at = (steady + VALIDATION_SNR_DB, steady + float(sent), steady.bool(), steady)
            received, worth = sent_and_received(encoder, to_unit(chunk.to(device)), at, generator)
            said = task(received, worth, *at[:2]).argmax(dim=1)
            right += int((said.cpu() == truth).sum())
        figures[f"validation_accuracy_{sent}"] = right / min(VALIDATION_IMAGES, len(images))
    return figures


def train_task(
    encoder: HifiEncoder,
    settings: HifiTraining,
    data: ImageSet,
    folder: Path,
    console: Console,
    device: torch.device,
) -> HifiTask:
    """Train, going on from a checkpoint in ``folder``; the averaged decoder, in evaluation mode on the CPU.

    The encoder stays as it is: pictures are as good as without this decoder.
    """
    torch.manual_seed(settings.seed)
    encoder = encoder.to(device).eval()
    both = AveragedModel(HifiTask(len(cifar10.CLASSES))).to(device, memory_format=torch.channels_last)
    parameters = list(both.model.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    batch = min(settings.batch, len(data.images))

    def step(part: Part) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        generator = part.own
        for index in map(part.rows, batches(len(data.images), batch, part.shared)):
            pictures = augment(to_unit(data.images[index.cpu()].to(device)), generator)
            at = draw_conditions(settings, len(index), generator)
            received, worth = sent_and_received(encoder, pictures, at, generator)
            with autocast(device):
                logits = both.model.logits(received, worth, *at[:2])
            loss = functional.cross_entropy(logits, data.labels[index.cpu()].to(device))
            yield loss, {"task_loss": loss}

    train_stage(
        Stage(
            name="task",
            model=both,
            optimiser=optimiser,
            epochs=settings.task_epochs,
            steps_per_epoch=len(data.images) // batch,
            learning_rate=lambda done: min(done / WARM_UP, 0.01 + 0.495 * (1.0 + math.cos(math.pi * done))),
            step=step,
            validate=lambda: accuracy(encoder, both.average, *data.validation, device),
            seed=settings.seed,
            settings=settings.model_dump(),
            clipped=parameters,
            stepped=both.update,
        ),
        folder,
        console,
    )
    return both.average.cpu().eval()


def trained_task(folder: Path) -> HifiTask | None:
    """The decoder that ``train_task`` left in a folder, None if there is none."""
    checkpoint = folder / "task.safetensors"
    if not checkpoint.is_file():
        return None
    both = AveragedModel(HifiTask(len(cifar10.CLASSES)))
    load_checkpoint(checkpoint, both)
    return both.average.eval()
