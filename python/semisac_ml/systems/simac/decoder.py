# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sensing semantic decoder (SSD): one grid, four heads, Eqs. (40) to (45) of SIMAC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .biformer import attended
from .samples import STATES

TASKS = (*STATES, "picture")


@dataclass(frozen=True)
class DecoderSettings:
    """Sizes.

    size: features d/2 of a received vector. side: of their grid, H_d. width: C'_d and D. blocks, heads: of
    the picture's transformer. patch: side of a patch of the picture in pixels; there are (2 side)^2.
    head_width: channels of the other heads. tasks: some of TASKS; those left out have no head.
    """

    size: int = 384
    side: int = 7
    width: int = 512
    blocks: int = 3
    heads: int = 16
    patch: int = 16
    head_width: int = 1536
    tasks: tuple[str, ...] = TASKS

    def __post_init__(self) -> None:
        unknown = sorted(set(self.tasks) - set(TASKS))
        if unknown or not self.tasks:
            named = unknown[0] if unknown else "none"
            raise ValueError(f"task is {named!r}, expected some of {', '.join(TASKS)}")

    @property
    def picture(self) -> int:
        """Side of the picture in pixels."""
        return 2 * self.side * self.patch


class TransformerBlock(nn.Module):
    """Self-attention and feed-forward part, normalised before, each beside a straight way."""

    def __init__(self, size: int, heads: int, widening: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm, self.second_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.projections = nn.Linear(size, 3 * size)
        self.leave = nn.Linear(size, size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, widening * size), nn.GELU(), nn.Linear(widening * size, size)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [batch, tokens, size] to the same shape."""
        parts = self.projections(self.first_norm(tokens)).chunk(3, dim=-1)
        tokens = tokens + self.leave(attended(*parts, self.heads))
        return tokens + self.feed_forward(self.second_norm(tokens))


class PictureHead(nn.Module):
    """The grid at twice its resolution, transformer blocks, patches, Eqs. (41) and (42)."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        width, side = settings.width, 2 * settings.side
        self.side, self.patch = side, settings.patch
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.position = nn.Parameter(0.02 * torch.randn(1, side * side, width))
        self.blocks = nn.Sequential(
            *(TransformerBlock(width, settings.heads) for _ in range(settings.blocks))
        )
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, 3 * settings.patch**2)

    def forward(self, grid: Tensor) -> Tensor:
        tokens = self.up(grid).flatten(2).transpose(1, 2) + self.position
        patches = self.leave(self.norm(self.blocks(tokens))) + 0.5
        cut = patches.reshape(-1, self.side, self.side, 3, self.patch, self.patch)
        return cut.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, self.side * self.patch, self.side * self.patch)


class StateHead(nn.Module):
    """A convolution and a dense layer to one number of the target's state, Eqs. (43) to (45)."""

    def __init__(self, settings: DecoderSettings, outputs: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(settings.width, settings.head_width, 3)
        self.weight = nn.Linear(settings.head_width * (settings.side - 2) ** 2, outputs)

    def forward(self, grid: Tensor) -> Tensor:
        return self.weight(functional.relu(self.convolution(grid)).flatten(1))


class SensingDecoder(nn.Module):
    """Received encodings [batch, side^2, size] to pictures and states.

    Eq. (40) reshapes the sequence to a square; 35 vectors of semantics and 14 of the sentence are 7 x 7.
    """

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.enter = nn.Conv2d(settings.size, settings.width, 3, padding=1)
        self.states = nn.ModuleDict({task: StateHead(settings) for task in STATES if task in settings.tasks})
        if "picture" in settings.tasks:
            self.picture = PictureHead(settings)

    def grid(self, received: Tensor) -> Tensor:
        """Eq. (40), [batch, width, side, side]."""
        side = self.settings.side
        maps = received.transpose(1, 2).unflatten(2, (side, side))
        return functional.relu(self.enter(maps))

    def forward(self, received: Tensor) -> tuple[Tensor, ...]:
        """What the tasks ask for, in the order of TASKS: states, float32 [batch] from 0 to 1, and pictures,
        float32 [batch, 3, pixels, pixels], not limited to [0, 1].
        """
        grid = self.grid(received)
        found: list[Tensor] = [torch.sigmoid(head(grid)[:, 0]) for head in self.states.values()]
        if "picture" in self.settings.tasks:
            found.append(self.picture(grid))
        return tuple(found)


def named_outputs(found: Sequence[Tensor], tasks: Sequence[str]) -> dict[str, Tensor]:
    """Outputs of a decoder by the names of their tasks."""
    return dict(zip((task for task in TASKS if task in tasks), found, strict=True))
