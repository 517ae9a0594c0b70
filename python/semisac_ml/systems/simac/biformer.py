# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""BiFormer: a vision transformer whose regions attend to a few other regions, Eqs. (23) to (28) of SIMAC.

Source: L. Zhu, X. Wang, Z. Ke, W. Zhang and R. Lau, "BiFormer: Vision Transformer with Bi-Level Routing
Attention", CVPR 2023. Four stages, each of half the resolution of the one before; a block is a depthwise
convolution that tells position, attention, and a feed-forward part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class BiFormerSettings:
    """Sizes; the defaults are those of BiFormer-T.

    picture: side of the square picture in pixels, a multiple of 32 regions. widths, depths: channels and
    blocks of each stage. routed: regions that each region attends to, in each stage. regions: S, how many
    along a side. head: channels of a head. widening: of the feed-forward part.
    """

    picture: int = 224
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    depths: tuple[int, int, int, int] = (2, 2, 8, 2)
    routed: tuple[int, int, int, int] = (1, 4, 16, 49)
    regions: int = 7
    head: int = 32
    widening: int = 3

    def __post_init__(self) -> None:
        if self.picture % (32 * self.regions):
            raise ValueError(f"picture is {self.picture} pixels, expected a multiple of {32 * self.regions}")
        if max(self.routed) > self.regions**2:
            raise ValueError(f"{max(self.routed)} regions are routed, expected at most {self.regions**2}")

    @property
    def tokens(self) -> int:
        """Of the last stage."""
        return (self.picture // 32) ** 2


def attended(query: Tensor, key: Tensor, value: Tensor, heads: int, scale: float | None = None) -> Tensor:
    """Softmax(scale Q K^T) V of each head, [batch, tokens, size] to the shape of the query.

    scale: by default one over the square root of a head's size.
    """
    parts = (part.unflatten(-1, (heads, -1)).transpose(-3, -2) for part in (query, key, value))
    return functional.scaled_dot_product_attention(*parts, scale=scale).transpose(-3, -2).flatten(-2)


class BiLevelRoutingAttention(nn.Module):
    """Attention of tokens to those of the regions that theirs is most alike, and local context beside it.

    size: channels C. regions: S along a side. routed: h, regions that each attends to. head: channels a head.
    """

    def __init__(self, size: int, regions: int, routed: int, head: int) -> None:
        super().__init__()
        self.regions, self.routed, self.heads = regions, routed, max(size // head, 1)
        self.projections = nn.Linear(size, 3 * size)
        self.local = nn.Conv2d(size, size, 5, padding=2, groups=size)
        self.leave = nn.Linear(size, size)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [batch, rows, columns, size] to the same shape; rows and columns are multiples of S."""
        rows, columns = maps.shape[1] // self.regions, maps.shape[2] // self.regions
        query, key, value = self.projections(self._in_regions(maps, rows, columns)).chunk(3, dim=-1)
        chosen = self.routes(query, key)
        asked = query, self._gather(key, chosen), self._gather(value, chosen)
        asked = (part.flatten(0, 1) for part in asked)
        found = attended(*asked, self.heads, query.shape[-1] ** -0.5)  # of all channels, as in Eq. (28)
        whole = self._whole(value, rows, columns).permute(0, 3, 1, 2)
        context = self.local(whole).permute(0, 2, 3, 1)
        return self.leave(self._whole(found, rows, columns) + context)

    def routes(self, query: Tensor, key: Tensor) -> Tensor:
        """Regions that each region attends to, Eqs. (24) and (25), int64 [batch, S^2, h]."""
        alike = query.mean(dim=2) @ key.mean(dim=2).transpose(1, 2)
        return torch.topk(alike, self.routed, dim=2).indices

    def _in_regions(self, maps: Tensor, rows: int, columns: int) -> Tensor:
        """[batch, rows, columns, size] as [batch, S^2, tokens, size]."""
        size = maps.shape[-1]
        cut = maps.reshape(-1, self.regions, rows, self.regions, columns, size)
        return cut.permute(0, 1, 3, 2, 4, 5).reshape(-1, self.regions**2, rows * columns, size)

    def _whole(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """The other way round."""
        size = tokens.shape[-1]
        cut = tokens.reshape(-1, self.regions, self.regions, rows, columns, size).permute(0, 1, 3, 2, 4, 5)
        return cut.reshape(-1, self.regions * rows, self.regions * columns, size)

    def _gather(self, tokens: Tensor, chosen: Tensor) -> Tensor:
        """Tokens of the regions chosen, Eq. (26), [batch, S^2, h tokens, size]."""
        batch, regions, count, size = tokens.shape
        first = torch.arange(batch, device=tokens.device)[:, None, None] * regions
        return tokens.reshape(batch * regions, count * size)[first + chosen].reshape(
            batch, regions, self.routed * count, size
        )


class BiFormerBlock(nn.Module):
    """Position by convolution, attention and feed-forward part, each beside a straight way."""

    def __init__(self, size: int, routed: int, settings: BiFormerSettings) -> None:
        super().__init__()
        self.position = nn.Conv2d(size, size, 3, padding=1, groups=size)
        self.first_norm = nn.LayerNorm(size)
        self.attention = BiLevelRoutingAttention(size, settings.regions, routed, settings.head)
        self.second_norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, settings.widening * size), nn.GELU(), nn.Linear(settings.widening * size, size)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [batch, size, rows, columns] to the same shape."""
        values = (maps + self.position(maps)).permute(0, 2, 3, 1)
        values = values + self.attention(self.first_norm(values))
        values = values + self.feed_forward(self.second_norm(values))
        return values.permute(0, 3, 1, 2)


class BiFormer(nn.Module):
    """Pictures [batch, 3, side, side] in [0, 1] to tokens [batch, tokens, last width]."""

    def __init__(self, settings: BiFormerSettings) -> None:
        super().__init__()
        self.settings = settings
        widths = settings.widths
        stem = [
            *_halved(3, widths[0] // 2),
            nn.GELU(),
            *_halved(widths[0] // 2, widths[0]),
        ]
        stages = []
        for place, (width, depth, routed) in enumerate(
            zip(widths, settings.depths, settings.routed, strict=True)
        ):
            enter = stem if place == 0 else _halved(widths[place - 1], width)
            blocks = [BiFormerBlock(width, routed, settings) for _ in range(depth)]
            stages.append(nn.Sequential(*enter, *blocks))
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(widths[-1])

    def forward(self, pictures: Tensor) -> Tensor:
        maps = self.norm(self.stages(4.0 * (pictures - 0.5)))
        return maps.flatten(2).transpose(1, 2)


def _halved(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution to half the resolution."""
    return [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs)]
