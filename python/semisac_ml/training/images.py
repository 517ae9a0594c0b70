# SPDX-License-Identifier: GPL-3.0-or-later
"""Small images to train with: sets of them, batches, and variations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from semisac_ml.data import cifar10


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
