# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Channels from a few noisy pilots, Eqs. (9) and (12) to (14), without anything learned.

In Eq. (9) noise is added behind the user's combiner, whose rows of modulus 1 make eight times of the signal's
power: of users' antennas that are noisy themselves the pilots would be 9 dB weaker. Both are there. The
authors' program has no noise at all (snr_db None).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from semisac_ml.channels.fading import complex_normal
from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths

from .beamforming import Covariances
from .pilots import radiated, sounded

Noise = Literal["chains", "antennas"]


@dataclass(frozen=True)
class Pilots:
    """What the base station sends and how users listen, Eq. (9).

    station_analog: complex64 [symbols, station antennas, station chains], X_RF, modulus 1.
    station_digital: complex64 [symbols, subcarriers, station chains], x_BB, of any power.
    user_analog: complex64 [symbols, user chains, user antennas], V_RF, modulus 1, the same for all users.

    Raises ValueError for phase shifters that are not of modulus 1.
    """

    station_analog: Tensor
    station_digital: Tensor
    user_analog: Tensor

    def __post_init__(self) -> None:
        for name in ("station_analog", "user_analog"):
            worst = (getattr(self, name).abs() - 1.0).abs().max().item()
            if worst > 1e-4:
                raise ValueError(f"{name} has elements {worst:.2g} off modulus 1, expected phases alone")

    @property
    def symbols(self) -> int:
        """How many OFDM symbols, L."""
        return len(self.station_analog)

    def sent(self) -> Tensor:
        """What antennas send, of power P_t = 1 by Eq. (14): complex64 [symbols, subcarriers, antennas]."""
        return radiated(self.station_analog, self.station_digital)


def random_pilots(symbols: int, cell: MimoOfdm, generator: torch.Generator) -> Pilots:
    """Phases at random, and between the chains weights at random, of each subcarrier its own."""
    station = torch.rand(symbols, cell.station_antennas, cell.station_chains, generator=generator)
    user = torch.rand(symbols, cell.user_chains, cell.user_antennas, generator=generator)
    weights = complex_normal((symbols, cell.subcarriers, cell.station_chains), generator, station.device)
    return Pilots(torch.exp(2j * math.pi * station), weights, torch.exp(2j * math.pi * user))


def received_pilots(
    paths: MimoPaths,
    pilots: Pilots,
    snr_db: float | None,
    cell: MimoOfdm,
    generator: torch.Generator,
    noise: Noise = "chains",
) -> Tensor:
    """Eq. (9): complex64 [batch, users, symbols, subcarriers, user chains], from symbol 0 on.

    snr_db: P_t / sigma^2; None: no noise. noise: where it is added.
    """
    signal = sounded(paths, pilots.sent(), pilots.user_analog, cell)
    if snr_db is None:
        return signal
    if noise == "chains":
        disturbance = complex_normal(tuple(signal.shape), generator, signal.device)
    elif noise == "antennas":
        shape = (*signal.shape[:-1], cell.user_antennas)
        disturbance = complex_normal(shape, generator, signal.device) @ pilots.user_analog.mT
    else:
        raise ValueError(f"noise at {noise!r}: expected 'chains' or 'antennas'")
    return signal + 10.0 ** (-snr_db / 20.0) * disturbance


def pilot_noise(snr_db: float | None, cell: MimoOfdm, noise: Noise = "chains") -> float:
    """Variance of the noise of one chain of a user in :func:`received_pilots`."""
    if snr_db is None:
        return 0.0
    return 10.0 ** (-snr_db / 10.0) * (cell.user_antennas if noise == "antennas" else 1)


def least_squares_covariances(received: Tensor, pilots: Pilots, cell: MimoOfdm) -> Covariances:
    """Of the smallest channel on each subcarrier that explains its pilots, one subcarrier at a time.

    received: complex64 [batch, users, symbols, subcarriers, user chains]. Pilots are fewer than antennas:
    what they do not reach is 0.
    """
    batch, users, _, tones, _ = received.shape
    station = received.new_zeros(batch, users, cell.station_antennas, cell.station_antennas)
    user = received.new_zeros(batch, users, cell.user_antennas, cell.user_antennas)
    sent = pilots.sent()
    for tone in range(tones):
        sounding = torch.einsum("lm,lct->lctm", sent[:, tone], pilots.user_analog).flatten(0, 1).flatten(1)
        smallest = received[:, :, :, tone].flatten(2) @ torch.linalg.pinv(sounding).mT
        channel = smallest.unflatten(-1, (cell.user_antennas, cell.station_antennas)).mT
        station += channel @ channel.mH / tones
        user += channel.mH @ channel / tones
    return Covariances(station, user)
