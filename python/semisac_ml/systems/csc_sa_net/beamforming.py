# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beams from channels that are known, and what no beams of phase shifters can exceed.

Two arrangements of the base station's chains are compared: one chain a user, tuned to that user alone, and
chains shared by all, tuned to the sum of their covariances, as principal component analysis for one array
has it (Sun et al. 2020, reference [55] of the paper). The first is the stronger by far, and with both chains
of a user on the same beam the strongest found that is not a search: 100 % in figures here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, equivalent_channel, steering

from .rates import AnalogBeams, orthonormal, spectral_efficiency, water_filled_rate, whitened

PASSES, STEP_RAD = 60, 0.1
"""Of the ascent. More passes, or the best of several starts, add less than 0.01 bit/s/Hz at -25 dB to what is
reached from PCA."""


@dataclass(frozen=True)
class Covariances:
    """Of channels over subcarriers: station complex64 [batch, users, station antennas, the same], H H^H;
    user [batch, users, user antennas, the same], H^H H."""

    station: Tensor
    user: Tensor


def gains_at(paths: MimoPaths, time: int, tones: Tensor, cell: MimoOfdm) -> Tensor:
    """Gains of paths at one symbol: complex64 [batch, users, tones, paths]."""
    return paths.turned(torch.tensor([float(time)], device=tones.device), tones, cell)[:, :, 0]


def gains_covariance(gains: Tensor) -> Tensor:
    """Of gains [batch, users, tones, paths], mean over tones: [batch, users, paths, paths]."""
    return gains.mT @ gains.conj() / gains.shape[-2]


def path_covariances(arrival: Tensor, departure: Tensor, gains: Tensor, cell: MimoOfdm) -> Covariances:
    """Of paths with sines of angles [batch, users, paths] and gains [batch, users, tones, paths]."""
    heard = steering(arrival, cell.station_antennas).mT
    sent = steering(departure, cell.user_antennas).mT
    together = gains_covariance(gains)
    station = heard @ (together * (sent.mH @ sent)) @ heard.mH
    user = sent @ (together.conj() * (heard.mH @ heard)) @ sent.mH
    return Covariances(station, user)


def known_covariances(paths: MimoPaths, time: int, tones: Tensor, cell: MimoOfdm) -> Covariances:
    """Of true channels at one symbol."""
    return path_covariances(paths.arrival, paths.departure, gains_at(paths, time, tones, cell), cell)


def phases_only(weights: Tensor) -> Tensor:
    """What phase shifters can do of it: modulus 1."""
    return torch.exp(1j * weights.angle())


def principal(covariance: Tensor, count: int = 1) -> Tensor:
    """Strongest directions of covariances [..., n, n], as phases [..., n, count], the strongest first."""
    return phases_only(torch.linalg.eigh(covariance).eigenvectors[..., -count:].flip(-1))


def principal_user_beams(covariances: Covariances, cell: MimoOfdm, streams: int = 1) -> Tensor:
    """Precoders: strongest directions; with fewer streams than chains all chains have the first."""
    beams = principal(covariances.user, streams)
    return torch.cat([beams, beams[..., :1].expand(*beams.shape[:-1], cell.user_chains - streams)], -1)


def principal_beams(covariances: Covariances, cell: MimoOfdm, streams: int = 1) -> AnalogBeams:
    """Principal component analysis, one chain of the base station a user."""
    combiner = principal(covariances.station)[..., 0].conj()
    return AnalogBeams(combiner, principal_user_beams(covariances, cell, streams))


def shared_principal_beams(covariances: Covariances, cell: MimoOfdm, streams: int = 2) -> AnalogBeams:
    """Principal component analysis of all users' channels in one: strongest directions of their sum."""
    combiner = principal(covariances.station.sum(1), cell.station_chains).mH
    return AnalogBeams(combiner, principal_user_beams(covariances, cell, streams))


def repeated(combiner: Tensor, precoder: Tensor, cell: MimoOfdm) -> AnalogBeams:
    """One beam a user, combiner [batch, users, antennas] and precoder alike, on all chains of the user."""
    return AnalogBeams(combiner, precoder[..., None].expand(*precoder.shape, cell.user_chains))


def uniform_sines(count: int) -> Tensor:
    """Sines of angles from -1 on, evenly over all that a half-wave array tells apart."""
    return 2.0 * torch.arange(count) / count - 1.0


def best_pair_beams(paths: MimoPaths, time: int, tones: Tensor, cell: MimoOfdm) -> AnalogBeams:
    """The pair of beams of two DFTs that hears the most power over all tones, for each user."""
    station, user = uniform_sines(cell.station_antennas), uniform_sines(cell.user_antennas)
    arrivals = steering(paths.arrival, cell.station_antennas).mT
    heard = steering(station, cell.station_antennas).conj() @ arrivals
    sent = steering(user, cell.user_antennas) @ steering(paths.departure, cell.user_antennas).mH
    pairs = heard[..., :, None, :] * sent[..., None, :, :]
    together = gains_covariance(gains_at(paths, time, tones, cell))
    power = torch.einsum("bkijp,bkpq,bkijq->bkij", pairs, together, pairs.conj()).real
    best = power.flatten(-2).argmax(-1)
    return pointed_beams(station[best // len(user)], user[best % len(user)], cell)


def pointed_beams(arrival: Tensor, departure: Tensor, cell: MimoOfdm) -> AnalogBeams:
    """A beam at each end of each user towards sines of angles [batch, users]."""
    return repeated(
        steering(arrival, cell.station_antennas).conj(), steering(departure, cell.user_antennas), cell
    )


def fixed_beams(cell: MimoOfdm) -> AnalogBeams:
    """What never looks: beams along the arrays, where angles uniform on the circle are most frequent; those
    of the base station's chains lie side by side."""
    chains = torch.arange(cell.station_chains)
    aside = (2.0 * chains - (cell.station_chains - 1)) / cell.station_antennas
    combiner = steering(1.0 + aside, cell.station_antennas).conj()[None]
    precoder = steering(torch.ones(1, cell.users), cell.user_antennas)
    return repeated(combiner, precoder, cell)


def random_beams(count: int, cell: MimoOfdm, generator: torch.Generator) -> AnalogBeams:
    """Phases at random."""
    combiner = torch.rand(count, cell.station_chains, cell.station_antennas, generator=generator)
    precoder = torch.rand(count, cell.users, cell.user_antennas, cell.user_chains, generator=generator)
    return AnalogBeams(torch.exp(2j * math.pi * combiner), torch.exp(2j * math.pi * precoder))


def climbed_beams(
    paths: MimoPaths, start: AnalogBeams, snr_db: float, time: int, tones: Tensor, cell: MimoOfdm
) -> AnalogBeams:
    """Phases that ascend the spectral efficiency from a start, by Adam."""
    times = torch.tensor([float(time)])
    phases = [
        weights.angle().expand(len(paths.gain), *weights.shape[1:]).clone().requires_grad_()
        for weights in (start.combiner, start.precoder)
    ]
    steps = torch.optim.Adam(phases, lr=STEP_RAD)
    fading = torch.optim.lr_scheduler.CosineAnnealingLR(steps, PASSES)
    with torch.enable_grad():
        for _ in range(PASSES):
            beams = AnalogBeams(*(torch.exp(1j * one) for one in phases))
            loss = -spectral_efficiency(paths, beams, snr_db, times, tones, cell).sum()
            steps.zero_grad()
            loss.backward()
            steps.step()
            fading.step()
    return AnalogBeams(*(torch.exp(1j * one.detach()) for one in phases))


def digital_bound(paths: MimoPaths, snr_db: float, time: int, tones: Tensor, cell: MimoOfdm) -> Tensor:
    """Bit/s/Hz [batch] of arrays with a chain at each antenna, a user alone on the air: singular vectors and
    water-filling on each subcarrier, over as many streams as a user has chains."""
    gains = gains_at(paths, time, tones, cell)
    heard = torch.linalg.qr(steering(paths.arrival, cell.station_antennas).mT, mode="r").R
    sent = torch.linalg.qr(steering(paths.departure, cell.user_antennas).mT, mode="r").R
    small = torch.einsum("bkip,bknp,bkjp->bknij", heard, gains, sent.conj())
    values = torch.linalg.svdvals(small)[..., : cell.user_chains]
    return water_filled_rate(values, snr_db).mean(2).sum(1)


def digitally_precoded(
    paths: MimoPaths, beams: AnalogBeams, snr_db: float, time: int, tones: Tensor, cell: MimoOfdm
) -> Tensor:
    """Bit/s/Hz [batch] of beams behind which users precode by singular vectors of W H F on each subcarrier
    and fill with water, for the power of F S."""
    times = torch.tensor([float(time)])
    channel = equivalent_channel(
        paths, whitened(beams.combiner), orthonormal(beams.precoder), times, tones, cell
    )
    return water_filled_rate(torch.linalg.svdvals(channel), snr_db).mean((2, 3)).sum(1)
