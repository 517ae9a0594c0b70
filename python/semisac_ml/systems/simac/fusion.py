# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multimodal semantic fusion (MSF): echo and picture to one sequence, Eqs. (18) to (33) of SIMAC."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.radar import compressed

from .biformer import BiFormer, BiFormerSettings, attended


class TokenProjection(nn.Module):
    """Sequences [batch, tokens, size] to other lengths and sizes: a linear map of either axis.

    One dense layer over both at once, as Eq. (22) may be read, would have more parameters than the paper
    counts for all of the network.
    """

    def __init__(self, tokens: int, size: int, to_tokens: int, to_size: int) -> None:
        super().__init__()
        self.size = nn.Linear(size, to_size)
        self.tokens = nn.Linear(tokens, to_tokens)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.tokens(self.size(sequence).transpose(1, 2)).transpose(1, 2)


class ComplexConvolution1d(nn.Module):
    """Eqs. (18) and (19) on real and imaginary parts [batch, channels, length] each."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        deviation = 1.0 / math.sqrt(inputs * kernel)
        self.real = nn.Parameter(deviation * torch.randn(outputs, inputs, kernel))
        self.imaginary = nn.Parameter(deviation * torch.randn(outputs, inputs, kernel))
        self.padding = kernel // 2

    def forward(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        weight = torch.cat(
            [torch.cat([self.real, -self.imaginary], dim=1), torch.cat([self.imaginary, self.real], dim=1)]
        )
        found = functional.conv1d(torch.cat([real, imaginary], dim=1), weight, padding=self.padding)
        return found.chunk(2, dim=1)


def complex_max_pool(real: Tensor, imaginary: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Of each `count` neighbours along the last axis the one of largest modulus; its phase is kept."""
    parts = torch.stack([real, imaginary]).unflatten(-1, (-1, count))
    strongest = parts.square().sum(dim=0).argmax(dim=-1, keepdim=True)
    real, imaginary = (torch.gather(part, -1, strongest)[..., 0] for part in parts)
    return real, imaginary


class SignalExtractor(nn.Module):
    """Echoes [batch, antennas, length, 2] to [batch, tokens, size]: three complex convolutions, each pooled.

    The amplitudes of what comes in are compressed to their logarithm, phases kept: echoes of 10 and 100 m
    differ by 40 dB. ReLU acts on real and imaginary part, Eq. (20).

    length: of an echo. widths, kernels, pools: of the three layers.
    """

    def __init__(
        self,
        antennas: int,
        length: int,
        tokens: int,
        size: int,
        widths: Sequence[int],
        kernels: Sequence[int],
        pools: Sequence[int],
    ) -> None:
        super().__init__()
        self.pools = tuple(pools)
        inputs = (antennas, *widths[:-1])
        self.layers = nn.ModuleList(
            ComplexConvolution1d(*shape) for shape in zip(inputs, widths, kernels, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(2 * width) for width in widths)
        for pool in pools:
            length //= pool
        self.projection = TokenProjection(length, 2 * widths[-1], tokens, size)

    def forward(self, echoes: Tensor) -> Tensor:
        real, imaginary = compressed(echoes)
        for layer, norm, pool in zip(self.layers, self.norms, self.pools, strict=True):
            both = functional.relu(norm(torch.cat(layer(real, imaginary), dim=1)))
            both = both[..., : both.shape[-1] // pool * pool]
            real, imaginary = complex_max_pool(*both.chunk(2, dim=1), pool)
        return self.projection(torch.cat([real, imaginary], dim=1).transpose(1, 2))


class VisionExtractor(nn.Module):
    """Pictures [batch, 3, side, side] to [batch, tokens, size], Eq. (29)."""

    def __init__(self, settings: BiFormerSettings, tokens: int, size: int) -> None:
        super().__init__()
        self.backbone = BiFormer(settings)
        self.projection = TokenProjection(settings.tokens, settings.widths[-1], tokens, size)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.projection(self.backbone(pictures))


class CrossAttentionFusion(nn.Module):
    """Each modality asks the other, Eqs. (30) to (33); sequences [batch, tokens, size] of both."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.signal = nn.Linear(size, 3 * size)  # query, key, value of the signal's semantics
        self.vision = nn.Linear(size, 3 * size)
        self.norm = nn.LayerNorm(size)

    def forward(self, signal: Tensor, vision: Tensor) -> Tensor:
        signal_query, signal_key, signal_value = self.signal(signal).chunk(3, dim=-1)
        vision_query, vision_key, vision_value = self.vision(vision).chunk(3, dim=-1)
        seen = attended(signal_query, vision_key, vision_value, self.heads)
        heard = attended(vision_query, signal_key, signal_value, self.heads)
        return self.norm(seen + heard) + signal + vision
