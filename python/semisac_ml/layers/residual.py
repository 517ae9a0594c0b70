# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Residual networks on maps (He et al. 2016) and their mirror, with a vector at the other end."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 8
MOVING_M = 0.5  # moved since the frame before: certainly more than noise


@dataclass(frozen=True)
class ResidualSettings:
    """Shape of a residual network.

    width: channels of the first stage; each further stage has twice as many and half the rows and columns.
    blocks: of each stage. bottleneck: blocks of 1x1, 3x3, 1x1 with four times the channels, as in ResNet-50.
    normalisation: "batch" or "group". stem: kernel and stride of the first convolution; pooled: whether a
    maximum over 3x3 with stride 2 follows. grid: rows and columns that are left for the last layer,
    which divide those of the last stage.
    """

    width: int = 24
    blocks: tuple[int, ...] = (1, 1, 1)
    bottleneck: bool = False
    normalisation: str = "group"
    stem: tuple[int, int] = (5, 4)
    pooled: bool = False
    grid: tuple[int, int] = (2, 8)


RESNET_18 = ResidualSettings(
    64, (2, 2, 2, 2), stem=(3, 2)
)  # small kernel and stride, as for radar in the vi_beam paper
RESNET_50 = ResidualSettings(64, (3, 4, 6, 3), True, "batch", (7, 2), True, (2, 4))


def normalise(kind: str, channels: int) -> nn.Module:
    """Batch or group normalisation of so many channels."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(min(GROUPS, channels), channels)
    raise ValueError(f"normalisation is {kind!r}, expected 'batch' or 'group'")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1, beside what goes straight on."""

    def __init__(self, inputs: int, outputs: int, stride: int, settings: ResidualSettings) -> None:
        super().__init__()
        kind = settings.normalisation
        inner = outputs // 4 if settings.bottleneck else outputs

        def convolution(a: int, b: int, kernel: int, step: int) -> list[nn.Module]:
            return [
                nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False),
                normalise(kind, b),
            ]

        if settings.bottleneck:
            layers = [
                *convolution(inputs, inner, 1, 1),
                nn.ReLU(),
                *convolution(inner, inner, 3, stride),
                nn.ReLU(),
                *convolution(inner, outputs, 1, 1),
            ]
        else:
            layers = [
                *convolution(inputs, inner, 3, stride),
                nn.ReLU(),
                *convolution(inner, outputs, 3, 1),
            ]
        self.layers = nn.Sequential(*layers)
        same = stride == 1 and inputs == outputs
        self.straight = nn.Identity() if same else nn.Sequential(*convolution(inputs, outputs, 1, stride))

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.layers(maps) + self.straight(maps))


class ResidualEncoder(nn.Module):
    """Maps [batch, channels, rows, columns] to vectors [batch, size].

    The last maps are averaged over a grid, not over everything: the column is the azimuth that is asked for.
    """

    def __init__(self, channels: int, size: int, settings: ResidualSettings) -> None:
        super().__init__()
        width, (kernel, stride) = settings.width, settings.stem
        widening = 4 if settings.bottleneck else 1
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False),
            normalise(settings.normalisation, width),
            nn.ReLU(),
        ]
        if settings.pooled:
            layers.append(nn.MaxPool2d(3, 2, 1))
        inputs = width
        for stage, count in enumerate(settings.blocks):
            outputs = widening * width * 2**stage
            for place in range(count):
                step = 2 if place == 0 and stage > 0 else 1
                layers.append(ResidualBlock(inputs, outputs, step, settings))
                inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.grid = settings.grid
        self.projection = nn.Linear(inputs * settings.grid[0] * settings.grid[1], size)

    def forward(self, maps: Tensor) -> Tensor:
        return self.projection(functional.adaptive_avg_pool2d(self.layers(maps), self.grid).flatten(1))


class ResidualDecoder(nn.Module):
    """The mirror of an encoder: vectors [batch, size] to maps, by PixelShuffle where the encoder strode.

    channels, rows, columns: of the maps. stages: doublings of rows and columns. width: of the last stage.
    """

    def __init__(self, size: int, channels: int, rows: int, columns: int, stages: int, width: int) -> None:
        super().__init__()
        scale = 2**stages
        if rows % scale or columns % scale:
            raise ValueError(f"maps of {rows}x{columns} cannot be doubled {stages} times")
        widths = [width * 2**stage for stage in reversed(range(stages))]
        self.start = (widths[0], rows // scale, columns // scale)
        self.first = nn.Linear(size, widths[0] * self.start[1] * self.start[2])
        settings = ResidualSettings()
        layers: list[nn.Module] = []
        for own, following in zip(widths, [*widths[1:], widths[-1]], strict=True):
            layers += [
                ResidualBlock(own, own, 1, settings),
                nn.Conv2d(own, 4 * following, 1),
                nn.PixelShuffle(2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], channels, 3, padding=1))

    def forward(self, vectors: Tensor) -> Tensor:
        return self.layers(self.first(vectors).reshape(-1, *self.start))


def surely_moved(points: Tensor) -> Tensor:
    """How surely points [.., points, 5] moved since the frame before, 0 to 1, [.., points]."""
    return torch.clamp(points[..., 4] / MOVING_M, 0.0, 1.0)


class PointNet(nn.Module):
    """A cloud of points [batch, points, 5] to vectors [batch, size]: two dense layers a point, the maximum.

    Points are x, y, z in metres, intensity and metres moved; all zero where there is none. Besides these a
    point tells its distance and sines of its azimuth, so that the maximum can tell where something is.
    background: whether points that stand still count.
    """

    def __init__(self, size: int, width: int = 128, waves: int = 6, *, background: bool = True) -> None:
        super().__init__()
        self.background = background
        self.register_buffer("scale", torch.tensor([1 / 40.0, 1 / 40.0, 1 / 5.0, 1.0, 1.0]))
        self.register_buffer("waves", torch.arange(1, waves + 1, dtype=torch.float32))
        self.point = nn.Sequential(
            nn.Linear(5 + 1 + 2 * waves, width), nn.ReLU(), nn.Linear(width, 2 * width), nn.ReLU()
        )
        self.projection = nn.Linear(2 * width, size)

    def forward(self, points: Tensor) -> Tensor:
        there = (points[..., :3].abs().sum(dim=2, keepdim=True) > 0).to(points.dtype)
        there = there if self.background else there * surely_moved(points)[..., None]
        distance_m = torch.sqrt(points[..., :2].square().sum(dim=2, keepdim=True) + 1e-6)
        azimuth = torch.atan2(points[..., 1:2], points[..., :1] + 1e-6) * 2.0 * self.waves
        told = torch.cat(
            [points * self.scale, distance_m * self.scale[0], torch.sin(azimuth), torch.cos(azimuth)], dim=2
        )
        return self.projection((self.point(told) * there).amax(dim=1))
