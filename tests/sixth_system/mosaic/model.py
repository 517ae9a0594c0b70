# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of the made-up link."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semisac_ml.layers.power import normalise_power

TILES = 4
CHANNEL_USES = 8
SIZE = 32  # pixels of a picture, along each side


class Encoder(nn.Module):
    """image [batch, 3, 32, 32] -> symbols [batch, 8, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.means = nn.AvgPool2d(SIZE // TILES)
        self.mix = nn.Linear(3 * TILES**2, 2 * CHANNEL_USES)

    def forward(self, image: Tensor) -> Tensor:
        return normalise_power(self.mix(self.means(image - 0.5).flatten(1)).unflatten(1, (CHANNEL_USES, 2)))


class Reconstruction(nn.Module):
    """received [batch, 8, 2] -> image [batch, 3, 32, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.tiles = nn.Linear(2 * CHANNEL_USES, 3 * TILES**2)
        self.pixels = nn.Upsample(scale_factor=SIZE // TILES)

    def forward(self, received: Tensor) -> Tensor:
        tiles = torch.sigmoid(self.tiles(received.flatten(1)))
        return self.pixels(tiles.unflatten(1, (3, TILES, TILES)))


class Task(nn.Module):
    """received [batch, 8, 2] -> probability [batch, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(2 * CHANNEL_USES, 10)

    def forward(self, received: Tensor) -> Tensor:
        return torch.softmax(self.scores(received.flatten(1)), dim=1)


class Sensing(nn.Module):
    """echo [batch, 8, 2], sensing_snr_db [batch] -> probability [batch, 2], by the energy of the echo."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(2, 2)

    def forward(self, echo: Tensor, sensing_snr_db: Tensor) -> Tensor:
        energy = echo.square().sum(dim=(1, 2)) / CHANNEL_USES
        return torch.softmax(self.scores(torch.stack([energy, sensing_snr_db / 10], dim=1)), dim=1)


class Link(nn.Module):
    """All networks, by the names that blocks know."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.reconstruction = Encoder(), Reconstruction()
        self.task, self.sensing_echo = Task(), Sensing()
