# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encoder and decoder of pictures after MFNet (Ha et al. 2017), of the widths that the authors use.

At 480 x 640 pixels encoders have 1.414 M parameters and 5.07 G (colour) or 4.98 G (thermal) multiplications,
the decoder 0.542 M and 1.76 G. The encoders for colour and for heat are equally wide, and there are no
connections past the semantics: they go over the air.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 48, 48, 96, 192)
POOLED = (30, 40)
"""1/16 of 480 x 640: what the last pooling of the encoder starts from."""


class Convolution(nn.Sequential):
    """3 x 3 convolution of the same size, normalisation over the batch, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2),
        )


class MiniInception(nn.Module):
    """Three pairs of a plain and a dilated convolution, each pair's outputs side by side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(
            nn.ModuleList(Convolution(size, outputs // 2, dilation) for dilation in (1, 2))
            for size in (inputs, outputs, outputs)
        )

    def forward(self, features: Tensor) -> Tensor:
        for plain, dilated in self.pairs:
            features = torch.cat((plain(features), dilated(features)), dim=1)
        return features


class PictureEncoder(nn.Module):
    """Pictures [batch, channels, height, width] in [0, 1] to source semantics [batch, d_s, rows, columns].

    Below 480 x 640 pixels the last map is enlarged to what it has there before it is pooled: windows of the
    same shares of the picture.
    """

    def __init__(self, channels: int, source: int, grid: tuple[int, int]) -> None:
        super().__init__()
        first, second, third, fourth, last = WIDTHS
        self.before = nn.Sequential(
            Convolution(channels, first),
            nn.MaxPool2d(2),
            Convolution(first, second),
            Convolution(second, second),
            nn.MaxPool2d(2),
            Convolution(second, third),
            Convolution(third, third),
            nn.MaxPool2d(2),
            MiniInception(third, fourth),
            nn.MaxPool2d(2),
            MiniInception(fourth, last),
        )
        self.pool = nn.MaxPool2d((POOLED[0] // grid[0], POOLED[1] // grid[1]))
        self.after = nn.Sequential(
            Convolution(last, fourth), Convolution(fourth, fourth), Convolution(fourth, source)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        features = self.before(pictures)
        if features.shape[-2:] != POOLED:
            features = functional.interpolate(features, size=POOLED, mode="nearest")
        return self.after(self.pool(features))


class PictureDecoder(nn.Module):
    """Fused semantics [batch, d_s, rows, columns] to class scores [batch, classes, height, width].

    Scores are not normalised, unlike the authors'. height, width: of the pictures, multiples of 16. halved:
    scores are made for every second row and column; in training they stay so, else they are interpolated.
    """

    def __init__(self, source: int, classes: int, height: int, width: int, halved: bool = False) -> None:
        super().__init__()
        first, second, third, fourth, last = WIDTHS
        self.start = (height // 16, width // 16)
        self.before = nn.Sequential(
            Convolution(source, fourth), Convolution(fourth, fourth), Convolution(fourth, last)
        )
        self.after = nn.Sequential(
            Convolution(last, fourth),
            nn.Upsample(scale_factor=2.0),
            Convolution(fourth, third),
            nn.Upsample(scale_factor=2.0),
            Convolution(third, second),
            nn.Upsample(scale_factor=2.0),
            Convolution(second, first),
            nn.Identity() if halved else nn.Upsample(scale_factor=2.0),
            nn.Conv2d(first, classes, 3, padding=1),
        )
        self.halved = halved

    def forward(self, semantics: Tensor) -> Tensor:
        features = functional.interpolate(self.before(semantics), size=self.start, mode="nearest")
        scores = self.after(features)
        if self.halved and not self.training:
            scores = functional.interpolate(scores, scale_factor=2.0, mode="bilinear")
        return scores
