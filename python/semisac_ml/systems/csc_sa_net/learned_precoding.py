# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beams that a network makes of a channel, after reference [43] of the paper: its "DL-based precoding".

It is given what principal component analysis is given, the covariances of both ends, and is trained for the
rates that stage II makes large: what is learned is a precoder, not how to learn of the channel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .beamforming import Covariances, repeated
from .rates import AnalogBeams
from .settings import CscSaSettings


class LearnedBeam(nn.Module):
    """A covariance, complex64 [..., antennas, antennas], to a beam of modulus 1, [..., antennas].

    It starts about the covariance's first column, which of a single path is the beam itself.
    """

    def __init__(self, antennas: int, hidden: int) -> None:
        super().__init__()
        inputs, outputs = 2 * antennas**2, 2 * antennas
        self.straight = nn.Linear(inputs, outputs)
        with torch.no_grad():
            self.straight.weight.zero_()
            rows = torch.arange(outputs)
            self.straight.weight[rows, rows // 2 * 2 * antennas + rows % 2] = 1.0
        self.bent = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))

    def forward(self, covariance: Tensor) -> Tensor:
        power = covariance.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
        parts = torch.view_as_real(covariance / power.clamp_min(1e-12)).flatten(-3)
        made = (self.straight(parts) + self.bent(parts)).unflatten(-1, (-1, 2))
        return torch.view_as_complex(functional.normalize(made, dim=-1, eps=1e-9))


class LearnedPrecoder(nn.Module):
    """A stream a user: a beam at each end, chain k of the station for user k."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        self.cell = settings.cell
        self.station = LearnedBeam(self.cell.station_antennas, settings.hidden)
        self.user = LearnedBeam(self.cell.user_antennas, settings.hidden)

    def forward(self, covariances: Covariances) -> AnalogBeams:
        combiner, precoder = self.station(covariances.station).conj(), self.user(covariances.user)
        return repeated(combiner.resolve_conj(), precoder, self.cell)
