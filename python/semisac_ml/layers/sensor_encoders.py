# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One encoder a sensor: what `semisac_ml.signal.sensor_inputs` makes of a frame becomes a vector."""

from __future__ import annotations

from torch import Tensor, nn


class SensorEncoder(nn.Module):
    """An encoder, then a layer normalisation, so that all sensors speak at one volume.

    size: of the vectors.
    """

    def __init__(self, encoder: nn.Module, size: int, dropout: float) -> None:
        super().__init__()
        self.size = size
        self.encoder = encoder
        self.last = nn.Sequential(nn.LayerNorm(size), nn.Dropout(dropout))

    def forward(self, frames: Tensor) -> Tensor:
        """Vectors [frames, size]."""
        return self.last(self.encoder(frames))
