# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""AnalogBeams of the base station from B bits a user: the paths that its wanted beam is made of, quantised.

A path needs its sine of arrival, and beside others its weight. Few bits tell one path; more than 16 a path
are spent on further paths, the weaker ones last. Errors of feedback are not modelled, as in the paper.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from semisac_ml.channels.mimo_ofdm import MimoOfdm, steering
from semisac_ml.layers.quantiser import from_bits, to_bits

from .beamforming import phases_only
from .matching_pursuit import RIDGE, Atoms

BITS_OF_PATH = 16
FINEST_BITS = 16
"""Of one number: finer than float32 steers by."""


def quantised(values: Tensor, bits: int) -> Tensor:
    """Values in [-1, 1] as their receiver knows them."""
    return from_bits(to_bits(values, min(bits, FINEST_BITS)))


def quantised_sine(sine: Tensor, bits: int) -> Tensor:
    """Directions of half-wave arrays, for which -1 and 1 are one: it is among those that can be told, as
    angles uniform on the circle are most frequent there."""
    half = 0.5 ** min(bits, FINEST_BITS)
    return quantised(torch.remainder(sine + half + 1.0, 2.0) - 1.0, bits) - half


def path_weights(atoms: Atoms, cell: MimoOfdm) -> Tensor:
    """Weights of paths in the strongest direction at the base station: complex64 [batch, users, atoms]."""
    wanted = torch.linalg.eigh(atoms.covariances(cell).station).eigenvectors[..., -1:]
    beams = steering(atoms.arrival, cell.station_antennas).mT
    gram = beams.mH @ beams / cell.station_antennas
    gram = gram + RIDGE * torch.eye(gram.shape[-1])
    return torch.linalg.solve(gram, beams.mH @ wanted)[..., 0]


def fed_back_combiner(atoms: Atoms, bits: int, cell: MimoOfdm) -> Tensor:
    """What the base station tunes its chain of each user to: complex64 [batch, users, station antennas].

    Raises ValueError for fewer bits than one.
    """
    if bits < 1:
        raise ValueError(f"feedback of {bits} bits: expected at least 1")
    count = min(atoms.arrival.shape[-1], max(1, bits // BITS_OF_PATH))
    weights = path_weights(atoms, cell)
    order = weights.abs().argsort(-1, descending=True)[..., :count]
    weights, arrival = weights.gather(-1, order), atoms.arrival.gather(-1, order)
    own_bits = bits // count
    if count == 1:
        weights, arrival = torch.ones_like(weights), quantised_sine(arrival, own_bits)
    else:
        share = weights / weights[..., :1]
        size = (quantised(2.0 * share.abs() - 1.0, own_bits // 4) + 1.0) / 2.0
        turn = math.pi * quantised(share.angle() / math.pi, own_bits // 4)
        weights, arrival = torch.polar(size, turn), quantised_sine(arrival, own_bits // 2)
    beam = (weights[..., None] * steering(arrival, cell.station_antennas)).sum(-2)
    return phases_only(beam).conj()


def fed_back_phases(combiner: Tensor, bits: int) -> Tensor:
    """A combiner [..., antennas] told antenna by antenna, where it is not made of paths.

    Raises ValueError for less than a bit an antenna.
    """
    own_bits = bits // combiner.shape[-1]
    if own_bits < 1:
        raise ValueError(f"feedback of {bits} bits for {combiner.shape[-1]} phases: expected a bit each")
    return torch.exp(1j * math.pi * quantised(combiner.angle() / math.pi, own_bits))
