# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stages make large or small: spectral efficiency, Eqs. (30) to (32), cross-entropy, (28) and (33)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from semisac_ml.channels.mimo_ofdm import MimoPaths, steering

from .angle_map import sines
from .model import Beams, Link
from .rates import AnalogBeams, user_rates
from .settings import CscSaSettings


def stage_two_efficiency(
    paths: MimoPaths, beams: Beams | AnalogBeams, link: Link, settings: CscSaSettings, *, every: int = 1
) -> Tensor:
    """What stage II makes large, [batch], in bit/s/Hz, a mean over subcarriers; see ``Preset.rates``.

    Eq. (31) sums over symbols and subcarriers; the mean makes figures that do not depend on their number.
    every: of the subcarriers one in so many.
    """
    device, cell = link.snr_db.device, settings.cell
    length = link.symbols if settings.preset.rates == "sum" else 1
    begin = link.pilots + settings.preset.gap_symbols
    found = user_rates(
        paths,
        AnalogBeams(beams.combiner, beams.precoder),
        link.snr_db,
        begin + torch.arange(length, device=device),
        torch.arange(0, cell.subcarriers, every, device=device),
        cell,
        "whitened" if settings.preset.whitened else "orthogonal",
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


def segmentation_loss(scores: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Eqs. (28) and (33) as a mean over pixels: of scores and labels int64 [batch, height, width].

    weights: of classes, [classes]. Scores may be those of every so manieth row and column.
    """
    every = labels.shape[-1] // scores.shape[-1]
    labels = labels[:, ::every, ::every]
    return functional.cross_entropy(scores.float(), labels, weights)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """1 / ln(1.02 + share of pixels), float32 [classes], as ENet has it (Paszke et al. 2016): a class that
    is nowhere weighs 50, one that is everywhere 1.4. labels: uint8."""
    shares = torch.bincount(labels.flatten(), minlength=classes) / labels.numel()
    return 1.0 / torch.log(1.02 + shares)
