# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What received pilots say of angles: matched filters of a path from each direction into each direction."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from semisac_ml.channels.mimo_ofdm import steering

from .pilots import PilotNetwork


def sines(points: int, like: Tensor | None = None) -> Tensor:
    """Sines of angles, evenly over the circle of spatial frequencies, float32 [points]."""
    device = None if like is None else like.device
    return (torch.arange(points, device=device) + 0.5) * (2.0 / points) - 1.0


def paired(matrix: Tensor) -> Tensor:
    """A complex matrix [..., in, out] as a real one of pairs of parts, [..., 2 in, 2 out]."""
    real, imaginary = matrix.real, matrix.imag
    first, second = torch.stack((real, imaginary), -1), torch.stack((-imaginary, real), -1)
    return torch.stack((first, second), -3).flatten(-4, -3).flatten(-2)


class AngleMap(nn.Module):
    """Amplitude of the best delay for each pair of angles, over the mean of the map.

    A path of a delay, from angle u into angle v, is received as a known sequence. Its matched filter, over
    pilots, chains and subcarriers, is normalised by the sequence's energy; delays are up to the cell's, in
    steps of the inverse of the bandwidth.

    pilots: that are sent; not a part of this network. arrivals, departures: points of the grid, at the
    station and at the user.
    """

    def __init__(self, pilots: PilotNetwork, arrivals: int, departures: int) -> None:
        super().__init__()
        self._pilots = (pilots,)  # in a tuple, so that its parameters are not this network's too
        self._frozen: tuple[Tensor, ...] = ()
        self.arrivals, self.departures = arrivals, departures
        cell = pilots.cell
        self.taps = math.ceil(cell.delay_s * cell.subcarriers * cell.subcarrier_spacing_hz) + 1

    def templates(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Filters over user chains, pilots and subcarriers, as :func:`paired`, and energies by pilot.

        Of sizes [pilots, 2 user chains, 2 departures], [subcarriers, 2 pilots, 2 arrivals] and [pilots,
        arrivals, departures]; cosines and sines of delays, [2 taps, subcarriers], come before the last.
        """
        (pilots,) = self._pilots
        cell, like = pilots.cell, pilots.baseband
        from_station = pilots.sent() @ steering(sines(self.arrivals, like), cell.station_antennas).T
        into_user = pilots.combiners() @ steering(sines(self.departures, like), cell.user_antennas).conj().T
        tones = torch.arange(cell.subcarriers, device=like.device)
        taps = torch.arange(self.taps, device=like.device)
        turns = 2.0 * math.pi / cell.subcarriers * taps[:, None] * tones
        energy = from_station.abs().square().sum(1)[:, :, None] * into_user.abs().square().sum(1)[:, None, :]
        return (
            paired(into_user.conj()),
            paired(from_station.transpose(0, 1).conj()),
            torch.cat((turns.cos(), turns.sin())),
            energy,
        )

    def freeze(self, stored: Callable[[Tensor], Tensor] = lambda values: values) -> None:
        """Keep the filters of the pilots as they are now, in real numbers, so that it can be exported.

        stored: what is kept of them.
        """
        self._frozen = tuple(stored(one.detach()) for one in self.templates())

    def forward(self, features: Tensor, used: Tensor) -> Tensor:
        """Map, float32 [batch, arrivals, departures].

        features: as :func:`.pilots.features_of` makes them, [batch, subcarriers, 2 user chains pilots], zero
        for pilots that are not sent. used: 1 for pilots that are, [batch, pilots].
        """
        of_chains, of_pilots, delays, energy = self._frozen or self.templates()
        batch, tones = features.shape[:2]
        count, chains = len(of_chains), of_chains.shape[1] // 2
        # pilots or tones lead, so that what is large is never copied
        parts = (
            features.unflatten(-1, (2, chains, count)).permute(4, 0, 1, 3, 2).reshape(count, -1, 2 * chains)
        )
        heard = (parts @ of_chains).view(count, batch, tones, self.departures, 2)
        heard = heard.permute(2, 1, 3, 0, 4).reshape(tones, batch * self.departures, 2 * count)
        found = (heard @ of_pilots).view(tones, -1)  # of batch, departures, arrivals and parts
        cosine, sine = (delays @ found).view(2, self.taps, -1, 2).unbind(0)
        power = (cosine[..., 0] - sine[..., 1]).square() + (cosine[..., 1] + sine[..., 0]).square()
        by_angles = power.amax(0).view(batch, self.departures, self.arrivals).transpose(1, 2)
        sent = (used[:, :, None, None] * energy).sum(1)
        amplitude = (by_angles / sent.clamp_min(1e-6) + 1e-12).sqrt()
        return amplitude / amplitude.mean(dim=(1, 2), keepdim=True)
