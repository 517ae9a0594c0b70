# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths sought in received pilots one by one: orthogonal matching pursuit over angles and delays.

A path is sought on a grid of sines of both angles and of delays, coherently over all pilots and subcarriers,
then between grid points; gains of all paths found so far are fitted again before the next is sought (Tropp
and Gilbert 2007). Doppler is left out: over the pilots it turns a path by a few degrees.

Who knows the law of angles and gains can weigh grid points by it: the most likely one is then chosen instead
of the one that explains the most energy, which helps where pilots are few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from semisac_ml.channels.mimo_ofdm import MimoOfdm, steering

from .acquisition import Pilots
from .beamforming import Covariances, path_covariances, uniform_sines

OVERSAMPLING = 2
"""Grid points per beam of an array, and per sample of delay."""
ZOOMS = 4
BLOCK = 16
"""Channels searched at a time, for memory."""
FALSE_ALARM = 0.01
"""Chance that noise alone makes a further path."""
SILENCE = 1e-9
"""Variance that noise has at least where likelihoods are asked for."""
RIDGE = 1e-4
"""Of the fit of gains, so that two atoms at one place have some."""


@dataclass(frozen=True)
class Atoms:
    """Paths found, in the order found: sines of angles and delays float32, gains complex64, each
    [batch, users, atoms]."""

    arrival: Tensor
    departure: Tensor
    delay_s: Tensor
    gain: Tensor

    def turned(self, cell: MimoOfdm) -> Tensor:
        """Gains on subcarriers: complex64 [batch, users, subcarriers, atoms]."""
        return self.gain[..., None, :] * delays(self.delay_s, cell).mT

    def first(self) -> Atoms:
        """The path found first alone."""
        return Atoms(*(part[..., :1] for part in (self.arrival, self.departure, self.delay_s, self.gain)))

    def covariances(self, cell: MimoOfdm) -> Covariances:
        """Of the channel that the atoms make."""
        return path_covariances(self.arrival, self.departure, self.turned(cell), cell)


def delays(delay_s: Tensor, cell: MimoOfdm) -> Tensor:
    """What delays do to subcarriers: complex64 [..., subcarriers]."""
    tones = cell.subcarrier_spacing_hz * torch.arange(cell.subcarriers)
    return torch.exp(-2j * math.pi * delay_s[..., None] * tones)


def angle_law(count: int) -> Tensor:
    """Share of angles uniform on the circle that is nearest to each of :func:`.beamforming.uniform_sines`."""
    ends = torch.asin(uniform_sines(count) + 1.0 / count) / math.pi
    inner = ends.diff()
    return torch.cat([1.0 - inner.sum(0, keepdim=True), inner])


@dataclass(frozen=True)
class Sounding:
    """How paths look in pilots; the rest as in :func:`matching_pursuit`."""

    pilots: Pilots
    cell: MimoOfdm
    noise_variance: float
    zooms: int = ZOOMS
    law_known: bool = False

    def sent(self, arrival: Tensor) -> Tensor:
        """Pilots in directions of the base station: complex64 [..., symbols, subcarriers]."""
        beams = steering(arrival, self.cell.station_antennas)
        return torch.einsum("...m,lnm->...ln", beams, self.pilots.sent())

    def heard(self, departure: Tensor) -> Tensor:
        """Users' chains in directions: complex64 [..., symbols, chains]."""
        beams = steering(departure, self.cell.user_antennas).conj()
        return torch.einsum("...m,lcm->...lc", beams, self.pilots.user_analog)

    def atom(self, place: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Paths of gain 1: complex64 [..., symbols, subcarriers, chains]."""
        arrival, departure, delay_s = place
        over_tones = self.sent(arrival) * delays(delay_s, self.cell)[..., None, :]
        return over_tones[..., None] * self.heard(departure)[..., None, :]

    def grid(self) -> tuple[Tensor, Tensor, Tensor]:
        """Sines of arrival, of departure, and delays."""
        step_s = 1.0 / (OVERSAMPLING * self.cell.subcarriers * self.cell.subcarrier_spacing_hz)
        return (
            uniform_sines(OVERSAMPLING * self.cell.station_antennas),
            uniform_sines(OVERSAMPLING * self.cell.user_antennas),
            step_s * torch.arange(math.ceil(self.cell.delay_s / step_s) + 1),
        )

    def strongest(self, residual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Grid point of the largest share of a residual's energy, or the likeliest, each [batch, users]."""
        arrival, departure, delay_s = self.grid()
        sent, heard = self.sent(arrival), self.heard(departure)
        energy = torch.einsum("iln,jlc->ji", sent.abs().square(), heard.abs().square())
        for_users = torch.einsum("bklnc,jlc->nbkjl", residual, heard.conj())
        for_pairs = torch.einsum("nbkjl,iln->nbkji", for_users, sent.conj())
        turned = torch.tensordot(delays(delay_s, self.cell).conj(), for_pairs, 1)
        score = turned.abs().square() / energy
        if self.law_known:
            score = self.likelihood(score, energy)
        best = score.movedim(0, -1).flatten(2).argmax(-1)
        best, late = best // len(delay_s), best % len(delay_s)
        return arrival[best % len(arrival)], departure[best // len(arrival)], delay_s[late]

    def likelihood(self, share: Tensor, energy: Tensor) -> Tensor:
        """Logarithm of that of grid points [..., departures, arrivals], for gains of variance 1/paths."""
        noise_variance = max(self.noise_variance, SILENCE)
        above = energy / (self.cell.paths * noise_variance)
        departure, arrival = (angle_law(count).log() for count in energy.shape)
        evidence = share / noise_variance * above / (1.0 + above) - torch.log1p(above)
        return evidence + departure[:, None] + arrival

    def refined(self, residual: Tensor, place: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """A better place between grid points: one coordinate after the other, in halved steps."""
        steps = [one[1] - one[0] if len(one) > 1 else 0.0 for one in self.grid()]
        for zoom in range(1, self.zooms + 1):
            for axis, step in enumerate(steps):
                moves = step * 0.5**zoom * torch.tensor([-1.0, 0.0, 1.0])
                tried = [one[..., None].expand(*one.shape, 3) for one in place]
                tried[axis] = tried[axis] + moves
                atoms = self.atom(tuple(tried)).flatten(3)
                match = (atoms.conj() @ residual.flatten(2)[..., None])[..., 0].abs().square()
                best = (match / atoms.abs().square().sum(-1)).argmax(-1, keepdim=True)
                place = tuple(one.gather(-1, best)[..., 0] for one in tried)
        return place


def matching_pursuit(
    received: Tensor,
    pilots: Pilots,
    atoms: int,
    noise_variance: float,
    cell: MimoOfdm,
    zooms: int = ZOOMS,
    law_known: bool = False,
) -> Atoms:
    """The strongest paths in pilots of :func:`.acquisition.received_pilots`.

    Parameters
    ----------
    received : Tensor, complex64 [batch, users, symbols, subcarriers, user chains]
    atoms : int
        How many, for each user; gains are 0 of those behind the first that may as well be noise.
    noise_variance : float
        Of a chain, as of :func:`.acquisition.pilot_noise`.
    zooms : int
        Times that steps are halved around a point of the grid; 0: points of the grid alone.
    law_known : bool
        Points of the grid are weighed by the law that the cell's angles and gains are drawn by.
    """
    sounding = Sounding(pilots, cell, noise_variance, zooms, law_known)
    least = noise_variance * math.log(math.prod(map(len, sounding.grid())) / FALSE_ALARM)
    found = [_pursued(block, sounding, atoms, least) for block in received.split(BLOCK)]
    return Atoms(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _pursued(received: Tensor, sounding: Sounding, atoms: int, least: float) -> tuple[Tensor, ...]:
    """Arrivals, departures, delays and gains of a block. least: energy of a path behind the first."""
    places, shapes, residual = [], [], received
    wanted = received.flatten(2)[..., None]
    for _ in range(atoms):
        place = sounding.refined(residual, sounding.strongest(residual))
        shape = sounding.atom(place).flatten(2)
        if places:
            match = (shape.conj() * residual.flatten(2)).sum(-1).abs().square()
            shape = shape * (match > least * shape.abs().square().sum(-1))[..., None]
        places.append(place)
        shapes.append(shape)
        basis = torch.stack(shapes, -1)
        gram = basis.mH @ basis
        ridge = RIDGE * gram.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
        gain = torch.linalg.solve(gram + ridge * torch.eye(len(shapes)), basis.mH @ wanted)
        residual = (wanted - basis @ gain).view_as(received)
    return *(torch.stack(one, -1) for one in zip(*places, strict=True)), gain[..., 0]
