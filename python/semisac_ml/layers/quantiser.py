# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Uniform quantisation of values in [-1, 1] to bits and back, from what is known of the bits.

Level k of 2^b stands for (2 k + 1)/2^b - 1, the middle of its cell, and is sent as k in binary, the most
significant bit first: so the mean of a value whose bits are independently 1 with probabilities p is
sum 2^-i (2 p_i - 1), linear in them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def _weights(bits: int, like: Tensor) -> Tensor:
    return 0.5 ** torch.arange(1, bits + 1, device=like.device, dtype=like.dtype)


def to_bits(values: Tensor, bits: int) -> Tensor:
    """Bits of values, float32 of 0 and 1 [..., values, bits]; what lies outside [-1, 1] is limited."""
    levels = 2**bits
    level = torch.clamp(torch.floor((values + 1.0) * (levels / 2)), 0, levels - 1)
    places = 2.0 ** torch.arange(bits - 1, -1, -1, device=values.device, dtype=values.dtype)
    return torch.floor(level[..., None] / places) % 2.0


def from_bits(probabilities: Tensor) -> Tensor:
    """Mean of values [..., values] whose bits are 1 with probabilities [..., values, bits]."""
    signs = 2.0 * probabilities - 1.0
    return signs @ _weights(probabilities.shape[-1], probabilities)


def straight_through(values: Tensor, received: Tensor) -> Tensor:
    """What was received, with the gradient as if it were the values themselves (Bengio et al. 2013)."""
    return values + (received - values).detach()
