# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pilots and how they are heard; BS-CSIRS-Net, in which both ends of them are learned."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from semisac_ml.channels.fading import complex_normal
from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, steering

SWEPT = (0.1, 0.1)
"""How far to either side of spatial frequency 1 the first pilots sweep; 1 to either side is all there is."""


class PilotNetwork(nn.Module):
    """L symbols of pilots, Eqs. (9) and (12) to (14).

    Phases of the station's analog pilots and of the users' combiners, the same for all users, and baseband
    pilots of every subcarrier are parameters; they start at random.

    swept: the first pilots start as sweeps over spatial frequencies about 1, which is where angles that are
    uniform on the circle are most often: a few pilots have no energy for all directions.
    """

    def __init__(self, cell: MimoOfdm, pilots: int, swept: bool = False) -> None:
        super().__init__()
        self.cell = cell
        self.station_phases = _phases(pilots, cell.station_antennas, cell.station_chains)
        if swept:
            with torch.no_grad():
                for number, width in enumerate(SWEPT[:pilots]):
                    sweeps = _sweeps(cell.station_antennas, cell.station_chains, width)
                    self.station_phases[number] = sweeps
        self.user_phases = _phases(pilots, cell.user_chains, cell.user_antennas)
        self.baseband = nn.Parameter(torch.randn(pilots, cell.subcarriers, cell.station_chains, 2))

    def analog(self) -> Tensor:
        """X_RF, Eq. (12): complex64 [pilots, station antennas, station chains]."""
        return _unit(self.station_phases)

    def combiners(self) -> Tensor:
        """V_RF, Eq. (13): complex64 [pilots, user chains, user antennas]."""
        return _unit(self.user_phases)

    def sent(self) -> Tensor:
        """X_RF x_BB of power P_t = 1, Eq. (14): complex64 [pilots, subcarriers, station antennas]."""
        return radiated(self.analog(), torch.view_as_complex(self.baseband))

    def forward(self, paths: MimoPaths, snr_db: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """Pilots as users receive them, Eq. (9), through the channel H^T of each pilot's symbol.

        Parameters
        ----------
        paths : MimoPaths
            Of the uplink, H.
        snr_db : Tensor [batch] or None
            P_t over noise of a user's chain, as Eq. (9) has it; None without noise.
        generator : torch.Generator or None
            Of the noise.

        Returns
        -------
        Tensor, complex64 [batch, users, subcarriers, user chains, pilots]
        """
        received = sounded(paths, self.sent(), self.combiners(), self.cell).permute(0, 1, 3, 4, 2)
        if snr_db is None:
            return received
        noise = complex_normal(tuple(received.shape), generator, received.device)
        return received + 10.0 ** (-snr_db[:, None, None, None, None] / 20.0) * noise


def radiated(analog: Tensor, digital: Tensor) -> Tensor:
    """What antennas send, of power P_t = 1 by Eq. (14): complex64 [pilots, subcarriers, antennas].

    analog: complex64 [pilots, antennas, chains]. digital: complex64 [pilots, subcarriers, chains].
    """
    signal = digital @ analog.mT
    return signal / torch.linalg.vector_norm(signal, dim=-1, keepdim=True)


def sounded(paths: MimoPaths, sent: Tensor, listening: Tensor, cell: MimoOfdm) -> Tensor:
    """Eq. (9) without noise: complex64 [batch, users, pilots, subcarriers, user chains], from symbol 0 on.

    sent: as of :func:`radiated`. listening: V_RF, complex64 [pilots, user chains, user antennas].
    """
    times, tones = (
        torch.arange(len(sent), device=sent.device),
        torch.arange(sent.shape[1], device=sent.device),
    )
    ends = torch.einsum("bkpm,lnm->bklnp", steering(paths.arrival, cell.station_antennas), sent)
    ears = steering(paths.departure, cell.user_antennas).conj()
    heard = torch.einsum("lcm,bkpm->bklpc", listening, ears)
    return (paths.turned(times, tones, cell) * ends) @ heard


def features_of(received: Tensor) -> Tensor:
    """Eq. (15), of blocks brought to a mean power of 1: float32 [..., subcarriers, 2 user chains pilots]."""
    power = received.abs().square().mean(dim=(-3, -2, -1), keepdim=True)
    flat = (received / power.sqrt().clamp_min(1e-12)).flatten(-2)
    return torch.cat((flat.real, flat.imag), dim=-1)


def _phases(*shape: int) -> nn.Parameter:
    return nn.Parameter(2.0 * math.pi * torch.rand(shape))


def _sweeps(antennas: int, chains: int, width: float) -> Tensor:
    """Phases [antennas, chains] that rise quadratically, up and down in turn, from a place at random."""
    place = torch.arange(antennas)[:, None] - (antennas - 1) / 2
    middle = 1.0 + (torch.rand(chains) - 0.5) * width
    direction = 1.0 - 2.0 * (torch.arange(chains) % 2)
    return -math.pi * (middle * place + direction * width * place**2 / antennas)


def _unit(phases: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(phases), phases)
