# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One encoder a sensor: what `semisac_ml.sensors` makes of a frame becomes a vector.

Encoders may be told what moves alone, without the background. By colours, walls and parked cars a network
learns the streets of its training by heart, and where the vehicle was in each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from semisac_ml.layers.residual import ResidualEncoder, ResidualSettings


@dataclass(frozen=True)
class EncoderSizes:
    """Sizes of the encoders of a network.

    residual: network on pictures and maps. width: of other layers. background: whether what stands still
    is seen as well.
    """

    residual: ResidualSettings = field(default_factory=ResidualSettings)
    width: int = 64
    background: bool = False


class SensorEncoder(nn.Module):
    """An encoder, then a layer normalisation, so that all sensors speak at one volume.

    size: of the vectors. summed: network from frames to maps of azimuths [frames, channels, beams] of so many
    values, what a dense layer makes of which is added.
    """

    def __init__(
        self, encoder: nn.Module, size: int, dropout: float, summed: tuple[nn.Module, int] | None = None
    ) -> None:
        super().__init__()
        self.size = size
        self.encoder = encoder
        if summed:
            self.summed, self.values = summed
            self.projection = nn.Linear(self.values, size)
        self.last = nn.Sequential(nn.LayerNorm(size), nn.Dropout(dropout))

    def forward(self, frames: Tensor) -> Tensor:
        """Vectors [frames, size]."""
        vectors = self.encoder(frames)
        if hasattr(self, "summed"):
            vectors = vectors + self.projection(self.summed(frames).reshape(-1, self.values))
        return self.last(vectors)


class MappedEncoder(SensorEncoder):
    """The same with a map of azimuths behind the vector, [frames, size + channels x beams].

    maps: network from frames to maps [frames, channels, beams]. values: of a map.
    """

    def __init__(self, encoder: nn.Module, size: int, dropout: float, maps: nn.Module, values: int) -> None:
        super().__init__(encoder, size, dropout)
        self.size = size + values
        self.maps, self.values = maps, values

    def forward(self, frames: Tensor) -> Tensor:
        """Vectors, then maps, side by side."""
        return torch.cat([super().forward(frames), self.maps(frames).reshape(-1, self.values)], dim=1)


class PictureEncoder(nn.Module):
    """Pictures [batch, 4, rows, columns] to vectors [batch, size] by a residual network.

    background: whether it sees colours besides how brightness changed since the frame before.
    """

    def __init__(
        self, shape: tuple[int, int, int], size: int, settings: ResidualSettings, *, background: bool
    ) -> None:
        super().__init__()
        self.background = background
        self.residual = ResidualEncoder(shape[0] if background else 1, size, settings)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.residual(pictures if self.background else 2.0 * pictures[:, -1:] - 1.0)
