# SPDX-License-Identifier: GPL-3.0-or-later
"""A small residual network on vectors."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ResidualPerceptron(nn.Module):
    """Linear layer, residual blocks of two linear layers with GELU, linear output.

    The condition (features of the SNR) scales and shifts the hidden vector before each block, so that one
    network can behave as differently as the SNRs ask for (feature-wise linear modulation, Perez et al. 2018).
    The output layer starts at zero: whatever is added to it (a linear code, a linear estimator) is where
    training starts.

    inputs, condition, outputs: sizes of the vectors. width: of the hidden vector. blocks: their number.
    """

    def __init__(self, inputs: int, condition: int, outputs: int, width: int = 512, blocks: int = 2) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.modulation = nn.Sequential(
            nn.Linear(condition, 64), nn.GELU(), nn.Linear(64, 2 * width * blocks)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)) for _ in range(blocks)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(blocks))
        self.last = nn.Linear(width, outputs)
        for layer in (self.modulation[-1], self.last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map float32 (batch, inputs) and (batch, condition) to (batch, outputs)."""
        hidden = functional.gelu(self.first(features))
        modulation = self.modulation(condition).chunk(2 * len(self.blocks), dim=1)
        for index, (norm, block) in enumerate(zip(self.norms, self.blocks, strict=True)):
            scale, shift = modulation[2 * index], modulation[2 * index + 1]
            hidden = hidden + block(norm(hidden) * (1.0 + scale) + shift)
        return self.last(functional.gelu(hidden))
