# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spectral efficiency, Eqs. (30) and (31): as printed, and with power and noise as the paper defines them.

"printed" puts W and F of modulus 1 into Eq. (30) as they stand. Then the noise is that of one antenna though
W adds up N_r of them, correlated between the chains, and the signal before the antennas has the power P_t
though F makes N_t times as much of it: 36 dB too much for 64 and 8 antennas.

"whitened", which all figures here mean unless they say otherwise, is the rate of the link of Eqs. (2) to (4):
noise of variance sigma^2 an antenna, so of covariance sigma^2 W W^H behind the combiner, and P_t the power of
F S as Eq. (20) has it, for streams of equal power: P_t / ||F||^2 each.

"orthogonal" is the same for rows of W that are taken to be orthogonal, as the authors' program does.

All leave out what users are to each other, as the paper does, and are sums over users. Eq. (31) adds up
symbols and subcarriers; here is their mean, in bit/s/Hz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, equivalent_channel

Form = Literal["whitened", "orthogonal", "printed"]

RIDGE = 1e-3
"""Noise of a chain itself beside its antennas', so that two chains with the same beam have a rate."""


@dataclass(frozen=True)
class AnalogBeams:
    """What phase shifters are set to.

    combiner: complex64 [batch or 1, station chains, station antennas], modulus 1.
    precoder: complex64 [batch or 1, users, user antennas, user chains], modulus 1.
    """

    combiner: Tensor
    precoder: Tensor

    def one_stream(self) -> AnalogBeams:
        """The same with the first chain of each user alone."""
        return AnalogBeams(self.combiner, self.precoder[..., :1])


def whitened(combiner: Tensor) -> Tensor:
    """A combiner [..., chains, antennas] behind which noise is white and as strong as at an antenna."""
    chains = combiner.shape[-2]
    noise = combiner @ combiner.mH
    scale = noise.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    own = RIDGE * scale * torch.eye(chains, device=combiner.device)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(noise + own), combiner, upper=False)


def orthonormal(precoder: Tensor) -> Tensor:
    """A precoder [..., antennas, chains] of the same span, behind which power is what it was before."""
    return whitened(precoder.mH).mH


def unit_power(precoder: Tensor) -> Tensor:
    """A precoder [..., antennas, chains] that makes power 1 of chains of power 1, together."""
    return precoder / torch.linalg.matrix_norm(precoder)[..., None, None]


def user_rates(
    paths: MimoPaths,
    beams: AnalogBeams,
    snr_db: float | Tensor,
    times: Tensor,
    tones: Tensor,
    cell: MimoOfdm,
    form: Form = "whitened",
) -> Tensor:
    """Eq. (30): bit/s/Hz of each user alone, [batch, users, times, tones].

    Parameters
    ----------
    paths, times, tones, cell
        See :func:`semisac_ml.channels.mimo_ofdm.equivalent_channel`.
    beams : AnalogBeams
        Of any modulus, but for "printed".
    snr_db : float or Tensor [batch]
        P_t / sigma^2, before any array's gain.

    Raises ValueError for a form that is not one.
    """
    if form not in get_args(Form):
        raise ValueError(f"rate {form!r}: expected one of {', '.join(map(repr, get_args(Form)))}")
    channel = equivalent_channel(paths, beams.combiner, beams.precoder, times, tones, cell)
    snr = 10.0 ** (torch.as_tensor(snr_db, device=channel.device).reshape(-1, 1) / 10.0)
    unit = torch.eye(channel.shape[-2], device=channel.device)
    if form == "printed":
        noise = unit[None]
    else:
        snr = snr / beams.precoder.abs().square().sum(dim=(2, 3))
        noise = beams.combiner @ beams.combiner.mH
        if form == "orthogonal":
            noise = torch.diag_embed(noise.diagonal(dim1=-2, dim2=-1))
        noise = noise + RIDGE * noise.diagonal(dim1=-2, dim2=-1).real.mean(-1)[:, None, None] * unit
    noise = noise[:, None, None, None]
    heard = snr[:, :, None, None, None, None] * (channel @ channel.mH)
    return _log2_determinant(noise + heard) - _log2_determinant(noise)


def _log2_determinant(matrix: Tensor) -> Tensor:
    """Of Hermitian matrices; those of two rows, which are many, without a factorisation."""
    if matrix.shape[-1] == 2:
        ((first, other), (_, second)) = (row.unbind(-1) for row in matrix.unbind(-2))
        determinant = first.real * second.real - other.abs().square()
        return torch.log2(determinant.clamp_min(1e-30))
    return torch.linalg.slogdet(matrix).logabsdet / math.log(2.0)


def spectral_efficiency(
    paths: MimoPaths,
    beams: AnalogBeams,
    snr_db: float,
    times: Tensor,
    tones: Tensor,
    cell: MimoOfdm,
    form: Form = "whitened",
) -> Tensor:
    """Bit/s/Hz of all users together, [batch], mean over symbols ``times`` and subcarriers ``tones``.

    snr_db: P_t / sigma^2, before any array's gain.
    """
    return user_rates(paths, beams, snr_db, times, tones, cell, form).mean((2, 3)).sum(1)


def water_filled_rate(singular_values: Tensor, snr_db: float) -> Tensor:
    """Capacity, bit/s/Hz [...], of parallel channels [..., streams] that share the power 1, best first."""
    gains = 10.0 ** (snr_db / 10.0) * singular_values.square().clamp(min=1e-20)
    found = torch.zeros_like(gains[..., 0])
    for used in range(1, gains.shape[-1] + 1):
        chosen = gains[..., :used]
        level = (1.0 + (1.0 / chosen).sum(-1, keepdim=True)) / used
        rate = torch.log2(level * chosen).sum(-1)
        found = torch.where(level[..., 0] > 1.0 / gains[..., used - 1], rate, found)
    return found
