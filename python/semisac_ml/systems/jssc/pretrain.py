# SPDX-License-Identifier: GPL-3.0-or-later
"""The first stage of a training: the semantic backbone learns what images mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from semisac_ml.systems.jssc.model import SemanticBackbone
from semisac_ml.systems.jssc.settings import TrainingSettings
from semisac_ml.training import Stage, autocast, train_stage
from semisac_ml.training.images import ImageSet, augment, batches, to_unit
from semisac_ml.training.team import Part


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

    def step(part: Part) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        for index in map(part.rows, batches(len(data.images), batch, part.shared)):
            images = augment(to_unit(data.images[index.cpu()].to(device)), part.own)
            with autocast(device):
                scores = backbone(images.contiguous(memory_format=torch.channels_last))
            labels = data.labels[index.cpu()].to(device)
            loss = functional.cross_entropy(scores.float(), labels, label_smoothing=0.2)
            yield loss, {"loss": loss}

    def validate() -> dict[str, float]:
        images, labels = data.validation
        right = backbone.scores(backbone_features(backbone, images, device)).argmax(1).cpu() == labels
        return {"validation_class_accuracy": right.float().mean().item()}

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
