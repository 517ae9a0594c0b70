# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The straight way of a picture: pieces of 8 x 8 pixels as linear combinations, and back.

Both ways are learned. They begin as cosine transforms: of brightness the 62 lowest frequencies, of each of
two differences of colours 18, which is what fits. A number of deviation s is sent with the deviation sqrt(s),
the best that linear codes can do (K.-H. Lee and D. Petersen, "Optimal Linear Coding for Vector Channels",
IEEE Trans. Commun. 24, 1976).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

PIECE = 8
"""Side of a piece in pixels."""
KEPT = (62, 18, 18)
"""Frequencies of brightness and of two differences of colours."""
COLOURS = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
SCALE = 0.3
"""Of what is sent, at first: about the size of the other symbols."""


def cosines() -> tuple[Tensor, Tensor]:
    """Orthonormal rows [98, 192], of colours first, then rows, then columns; and their deviations [98].

    The deviation of a frequency is taken to fall as its power -1.5, brightness to vary three times as much.
    """
    place = torch.arange(PIECE, dtype=torch.float64)
    one = torch.cos(math.pi / PIECE * (place + 0.5) * place[:, None]) * math.sqrt(2.0 / PIECE)
    one[0] *= 0.5**0.5
    frequency = torch.hypot(place[:, None], place).flatten()
    order = torch.argsort(frequency, stable=True)
    waves = torch.einsum("fr,gc->fgrc", one, one).flatten(2).flatten(0, 1)[order]
    rows, deviations = [], []
    for colour, count, loud in zip(COLOURS, KEPT, (1.0, 0.3, 0.3), strict=True):
        mixed = functional.normalize(torch.tensor(colour, dtype=torch.float64), dim=0)
        rows.append(torch.einsum("k,fp->fkp", mixed, waves[:count]).flatten(1))
        deviations.append(loud * (1.0 + frequency[order][:count]) ** -1.5)
    return torch.cat(rows).float(), torch.cat(deviations).float()


class ToNumbers(nn.Linear):
    """Pictures [batch, 3, side, side] in [0, 1] to [batch, pieces, 98]."""

    def __init__(self) -> None:
        waves, deviations = cosines()
        super().__init__(waves.shape[1], waves.shape[0], bias=False)
        self.weight.data.copy_(SCALE * waves / deviations.sqrt()[:, None])

    def forward(self, pictures: Tensor) -> Tensor:
        pieces = functional.pixel_unshuffle(pictures - 0.5, PIECE).flatten(2).transpose(1, 2)
        return super().forward(pieces)


class ToPixels(nn.Linear):
    """The other way round, 0 for middle grey."""

    def __init__(self) -> None:
        waves, deviations = cosines()
        super().__init__(waves.shape[0], waves.shape[1], bias=False)
        self.weight.data.copy_(waves.T * deviations.sqrt() / SCALE)

    def forward(self, numbers: Tensor) -> Tensor:
        side = math.isqrt(numbers.shape[1])
        pieces = super().forward(numbers).transpose(1, 2).unflatten(2, (side, side))
        return functional.pixel_shuffle(pieces, PIECE)
