# SPDX-License-Identifier: GPL-3.0-or-later
"""Small images to train with: sets of them, batches, and variations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semisac_ml.data import cifar10

VALIDATION_IMAGES = 5_000
"""Of CIFAR-10's training images, the last ones: what choices are made by."""


@dataclass
class ImageSet:
    """What a training may see: images uint8 (count, 3, 32, 32) and labels int64 (count,), two parts of them.

    images, labels: to learn from. validation_images, validation_labels: to choose by, of CIFAR-10 the last
    5,000 training images. The test images are none of these, see :func:`held_out`.
    """

    images: Tensor
    labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor

    @classmethod
    def load(cls, name: str, root: Path | None = None) -> ImageSet:
        """Load "cifar10", or "sample": the 64 shipped images, in both parts, for trials and tests."""
        if name == "sample":
            images, labels = _tensors(*cifar10.sample()[:2])
            return cls(images, labels, images, labels)
        images, labels = _tensors(*cifar10.load(_known(name, "train"), root))
        learnt = len(images) - VALIDATION_IMAGES
        return cls(images[:learnt], labels[:learnt], images[learnt:], labels[learnt:])

    @property
    def validation(self) -> tuple[Tensor, Tensor]:
        """Images and labels to choose by."""
        return self.validation_images, self.validation_labels


def held_out(name: str, root: Path | None = None) -> tuple[Tensor, Tensor]:
    """Test images and their labels of "cifar10"; "sample" has no others than those of a training."""
    return _tensors(*some_images(name, "test", root=root))


def some_images(
    name: str, part: str, most: int | None = None, root: Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first so many images uint8 (count, 32, 32, 3) and labels of part "train" or "test" of a data set.

    "sample" has one part.
    """
    images, labels = cifar10.sample()[:2] if name == "sample" else cifar10.load(_known(name, part), root)
    return images[:most], labels[:most]


def _known(name: str, split: str) -> str:
    if name != "cifar10":
        raise ValueError(f"unknown data set {name!r}: expected 'cifar10' or 'sample'")
    return split


def _tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels).long()


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
