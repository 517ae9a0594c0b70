# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Massive MIMO-OFDM by paths, Eqs. (6) to (8) of the CSC-SA-Net paper, seen through beams.

A channel is some paths a user; matrices of 64 x 8 antennas on each subcarrier are never made where beams
W H F are all that is needed: a path is one complex number for each pair of beams.

Elements of steering vectors have modulus 1 and gains a variance of 1/paths, so that E|h|^2 = 1 between two
antennas; Eqs. (7) and (8) as printed would make it 1/(N_t N_r), and no SNR of the paper could be meant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from semisac_ml.signal.mimo_ofdm import MimoOfdm, PathArrays

from .fading import complex_normal

__all__ = ["MimoOfdm", "MimoPaths", "drawn_paths", "equivalent_channel", "steering"]


@dataclass(frozen=True)
class MimoPaths:
    """Paths of some channels, each [batch, users, paths].

    gain: complex64, at the first symbol and the lowest subcarrier. arrival, departure: sines of the angles
    from broadside, at the base station and at the user. delay_s, doppler_hz: float32.
    """

    gain: Tensor
    arrival: Tensor
    departure: Tensor
    delay_s: Tensor
    doppler_hz: Tensor

    @classmethod
    def from_arrays(cls, paths: PathArrays, device: torch.device | str = "cpu") -> MimoPaths:
        """The same paths in single precision."""
        kinds = {"gain": torch.complex64}
        return cls(
            *(
                torch.as_tensor(getattr(paths, field.name)).to(device, kinds.get(field.name, torch.float32))
                for field in fields(cls)
            )
        )

    def turned(self, symbols: Tensor, subcarriers: Tensor, cell: MimoOfdm) -> Tensor:
        """Gains at symbols and subcarriers, numbers from 0: complex64 [batch, users, times, tones, paths]."""
        times = cell.symbol_interval_s * symbols
        tones = cell.subcarrier_spacing_hz * subcarriers
        turns = self.doppler_hz[:, :, None, None] * times[:, None, None]
        turns = turns - self.delay_s[:, :, None, None] * tones[:, None]
        return self.gain[:, :, None, None] * torch.exp(2j * math.pi * turns)


def drawn_paths(count: int, cell: MimoOfdm, generator: torch.Generator) -> MimoPaths:
    """Channels at random, each path's angles uniform on the circle at both ends, gains complex normal."""
    device = generator.device
    shape = (count, cell.users, cell.paths)

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, generator=generator, device=device)

    gain = complex_normal(shape, generator, device) / math.sqrt(cell.paths)
    arrival = torch.sin(2.0 * math.pi * uniform(*shape))
    angle = 2.0 * math.pi * uniform(*shape)
    delay_s = cell.delay_s * uniform(*shape)
    if cell.doppler == "paths":
        doppler_hz = cell.most_doppler_hz * uniform(*shape)
    else:
        speed, heading = uniform(count, cell.users, 1), 2.0 * math.pi * uniform(count, cell.users, 1)
        doppler_hz = cell.most_doppler_hz * speed * torch.cos(angle - heading)
    return MimoPaths(gain, arrival, torch.sin(angle), delay_s, doppler_hz)


def steering(sine: Tensor, antennas: int) -> Tensor:
    """Eqs. (7), (8) without their root: complex64 [..., antennas], modulus 1, half a wavelength apart."""
    return torch.exp(1j * math.pi * sine[..., None] * torch.arange(antennas, device=sine.device))


def equivalent_channel(
    paths: MimoPaths,
    combiner: Tensor,
    precoder: Tensor,
    symbols: Tensor,
    subcarriers: Tensor,
    cell: MimoOfdm,
) -> Tensor:
    """What the chains of the base station hear of the users' chains: W H F.

    Parameters
    ----------
    paths : MimoPaths
    combiner : Tensor, complex64 [batch or 1, station chains, station antennas]
    precoder : Tensor, complex64 [batch or 1, users, user antennas, user chains]
    symbols, subcarriers : Tensor [times], [tones]
        Numbers of OFDM symbols from the first pilot, and of subcarriers.

    Returns
    -------
    Tensor, complex64 [batch, users, times, tones, station chains, user chains]
    """
    heard = torch.einsum("brm,bkpm->bkpr", combiner, steering(paths.arrival, combiner.shape[-1]))
    sent = torch.einsum("bkpm,bkms->bkps", steering(paths.departure, precoder.shape[-2]).conj(), precoder)
    beams = heard[..., :, None] * sent[..., None, :]
    return torch.einsum("bktnp,bkprs->bktnrs", paths.turned(symbols, subcarriers, cell), beams)
