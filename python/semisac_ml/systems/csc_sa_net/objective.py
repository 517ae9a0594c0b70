# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stages make large or small: spectral efficiency, Eqs. (30) to (32), cross-entropy, (28) and (33)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, equivalent_channel, steering

from .angle_map import sines
from .model import Beams, Link
from .settings import CscSaSettings


def rates(
    paths: MimoPaths,
    combiner: Tensor,
    precoder: Tensor,
    snr_db: Tensor,
    symbols: Tensor,
    subcarriers: Tensor,
    cell: MimoOfdm,
    *,
    whitened: bool = True,
) -> Tensor:
    """Spectral efficiency of each user alone in bit/s/Hz, Eq. (30), with beams brought to unit power.

    As printed, entries of modulus 1 would multiply the power by N_t N_RF,t and leave out that the combiner
    sums the noise of N_r antennas: the power radiated is P_t here, in equal shares of the streams, and the
    noise W W^H.

    Parameters
    ----------
    paths, combiner, precoder, symbols, subcarriers, cell
        See :func:`semisac_ml.channels.mimo_ofdm.equivalent_channel`.
    snr_db : Tensor [batch]
        P_t over the noise of an antenna.
    whitened : bool
        False: rows of the combiner have norm 1 and are taken to be orthogonal.

    Returns
    -------
    Tensor [batch, users, symbols, subcarriers]
    """
    channel = equivalent_channel(paths, combiner, precoder, symbols, subcarriers, cell)
    radiated = precoder.abs().square().sum(dim=(2, 3))[:, :, None, None, None, None]
    noise = combiner @ combiner.mH
    if not whitened:
        noise = torch.diag_embed(torch.diagonal(noise, dim1=-2, dim2=-1))
    chains = noise.shape[-1]
    level = torch.diagonal(noise, dim1=-2, dim2=-1).real.mean(-1)[:, None, None]
    noise = noise + 1e-5 * level * torch.eye(chains, device=noise.device)  # two equal rows count as one
    snr = 10.0 ** (snr_db / 10.0)
    heard = channel @ channel.mH * (snr[:, None, None, None, None, None] / radiated)
    noise = noise[:, None, None, None]
    return _log2_determinant(noise + heard) - _log2_determinant(noise)


def _log2_determinant(matrix: Tensor) -> Tensor:
    """Of Hermitian matrices; those of two rows, which are many, without a factorisation."""
    if matrix.shape[-1] == 2:
        ((first, other), (_, second)) = (row.unbind(-1) for row in matrix.unbind(-2))
        determinant = first.real * second.real - other.abs().square()
        return torch.log2(determinant.clamp_min(1e-30))
    return torch.linalg.slogdet(matrix)[1] / torch.log(torch.tensor(2.0))


def spectral_efficiency(
    paths: MimoPaths, beams: Beams, link: Link, settings: CscSaSettings, *, every: int = 1
) -> Tensor:
    """What stage II makes large, [batch], in bit/s/Hz, a mean over subcarriers; see ``Preset.rates``.

    Eq. (31) sums over symbols and subcarriers; the mean makes figures that do not depend on their number.
    every: of the subcarriers one in so many.
    """
    device, cell = link.snr_db.device, settings.cell
    length = link.symbols if settings.preset.rates == "sum" else 1
    begin = link.pilots + settings.preset.gap_symbols
    found = rates(
        paths,
        beams.combiner,
        beams.precoder,
        link.snr_db,
        begin + torch.arange(length, device=device),
        torch.arange(0, cell.subcarriers, every, device=device),
        cell,
        whitened=settings.preset.whitened,
    ).mean(dim=(2, 3))
    return found.sum(1) if settings.preset.rates == "sum" else found.amin(1)


def beam_loss(paths: MimoPaths, beams: Beams, settings: CscSaSettings) -> Tensor:
    """How far choices are from the powers that beams of the grid collect: cross-entropy, a mean over beams.

    The target is a softmax of powers, so that neighbours of the best beam are hardly wrong. Chain k of the
    station is meant for user k; all chains of a user for its strongest departure.
    """
    power = paths.gain.abs().square()

    def target(sine: Tensor, points: int, antennas: int) -> Tensor:
        grid = steering(sines(points, sine), antennas)
        matched = (steering(sine, antennas) @ grid.mH).abs().square() / antennas**2
        found = torch.einsum("bkp,bkpg->bkg", power, matched)
        return (10.0 * found / found.amax(-1, keepdim=True)).softmax(-1)

    cell = settings.cell
    user = target(paths.departure, settings.departures, cell.user_antennas)[:, :, None]
    station = target(paths.arrival, settings.arrivals, cell.station_antennas)[:, : cell.station_chains]
    pairs = ((user, beams.user_choice), (station, beams.station_choice))
    return sum(-(wanted * choice.log_softmax(-1)).sum(-1).mean() for wanted, choice in pairs)


def segmentation_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Eqs. (28) and (33) as a mean over pixels: of scores and labels int64 [batch, height, width]."""
    return functional.cross_entropy(scores, labels)
