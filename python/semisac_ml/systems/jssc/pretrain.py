# SPDX-License-Identifier: GPL-3.0-or-later
"""Images for training, and the first stage: the semantic backbone learns what images mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from semisac_ml.systems.jssc.model import SemanticBackbone
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.training import Stage, autocast, train_stage


@dataclass
class ImageSet:
    """Images uint8 (count, 3, 32, 32) and labels int64 (count,), for training and for testing."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @classmethod
    def load(cls, name: str, root: Path | None = None) -> ImageSet:
        """Load "cifar10", or "sample" (the 64 shipped images, for trials and tests)."""
        from semisac_ml.data import cifar10

        if name == "sample":
            images, labels = cifar10.sample()[:2]
            parts = (images, labels, images, labels)
        elif name == "cifar10":
            parts = (*cifar10.load("train", root), *cifar10.load("test", root))
        else:
            raise ValueError(f"unknown data set {name!r}: expected 'cifar10' or 'sample'")
        tensors = [torch.from_numpy(part) for part in parts]
        for index in (0, 2):
            tensors[index] = tensors[index].permute(0, 3, 1, 2).contiguous()
        return cls(*(tensor.long() if tensor.ndim == 1 else tensor for tensor in tensors))


def to_unit(images: Tensor) -> Tensor:
    """Images uint8 → float32 in [0, 1]."""
    return images.float() / 255.0


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Random order of ``count`` indices in batches of ``size``; the remainder waits for the next epoch."""
    order = torch.randperm(count, generator=generator, device=generator.device)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip half of the images and shift all by up to two pixels, float32 (batch, 3, 32, 32)."""
    count, device = images.shape[0], images.device
    flip = torch.rand(count, generator=generator, device=device) < 0.5
    images = torch.where(flip[:, None, None, None], images.flip(3), images)
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    shift = torch.randint(0, 5, (2, count), generator=generator, device=device)
    line = torch.arange(32, device=device)
    rows, columns = shift[0, :, None] + line, shift[1, :, None] + line
    frame = torch.arange(count, device=device)[:, None, None]
    return padded[frame, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def train_backbone(
    settings: TrainingSettings, data: ImageSet, device: torch.device, folder: Path, console: Console
) -> SemanticBackbone:
    """Train the semantic backbone as a classifier; one backbone serves all channels and seeds."""
    torch.manual_seed(settings.backbone_seed)
    backbone = SemanticBackbone()
    backbone.fit_whitening(to_unit(data.images[:5000]))
    backbone.to(device, memory_format=torch.channels_last)
    biases = [p for name, p in backbone.named_parameters() if name.endswith("norm.bias")]
    others = [
        p for name, p in backbone.named_parameters() if p.requires_grad and not name.endswith("norm.bias")
    ]
    # SGD recipe of arXiv:2404.00498: biases of the normalisations learn 64 times as fast
    rate, decay, bias_factor = 1.5, 1.33e-3, 64.0
    optimiser = torch.optim.SGD(
        [
            {"params": biases, "lr": rate * bias_factor, "weight_decay": decay / bias_factor},
            {"params": others, "lr": rate, "weight_decay": decay},
        ],
        momentum=0.85,
        nesterov=True,
    )
    batch = min(1000, len(data.images))

    def step(generator: torch.Generator) -> Iterator[dict[str, float]]:
        for index in batches(len(data.images), batch, generator):
            images = augment(to_unit(data.images[index.cpu()].to(device)), generator)
            with autocast(device):
                scores = backbone(images.contiguous(memory_format=torch.channels_last))
            labels = data.labels[index.cpu()].to(device)
            loss = functional.cross_entropy(scores.float(), labels, label_smoothing=0.2)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield {"loss": loss.item()}

    def validate() -> dict[str, float]:
        scores = backbone.scores(backbone_features(backbone, data.test_images, device))
        return {"test_class_accuracy": (scores.argmax(1).cpu() == data.test_labels).float().mean().item()}

    data_name = "" if settings.data == "cifar10" else f"{settings.data}-"
    train_stage(
        Stage(
            name=f"backbone-{data_name}seed{settings.backbone_seed}",
            model=backbone,
            optimiser=optimiser,
            epochs=settings.backbone_epochs,
            steps_per_epoch=len(data.images) // batch,
            learning_rate=lambda done: 0.2 + 3.5 * done if done < 0.23 else 1.0 - 0.93 * (done - 0.23) / 0.77,
            step=step,
            validate=validate,
            seed=settings.backbone_seed,
            settings={
                "epochs": settings.backbone_epochs,
                "seed": settings.backbone_seed,
                "images": len(data.images),
            },
        ),
        folder,
        console,
    )
    return backbone.eval()


@torch.no_grad()
def backbone_features(backbone: SemanticBackbone, images: Tensor, device: torch.device) -> Tensor:
    """Semantic features of images uint8 (count, 3, 32, 32), float32 (count, 256)."""
    features = []
    for chunk in images.split(1000):
        unit = to_unit(chunk.to(device)).contiguous(memory_format=torch.channels_last)
        with autocast(device):
            features.append(backbone.features(unit).float())
    return torch.cat(features)
