# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters and operations of the three networks, as Table II of SIMAC counts them.

A multiplication with its addition are two operations (FLOP). The paper does not say so; it follows from LSE:
its 124.4 M parameters are those of GPT-2, 85 M of which work on each vector of the sequence, and 8.3 G are
twice that for 49 vectors, a square as Eq. (40) needs it. Counted once, 98 vectors would be no square.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from .channel_text import LENGTH
from .language import CHANNEL_NUMBERS
from .model import Simac, SimacSettings


@dataclass(frozen=True)
class Cost:
    """parameters: their number. operations: for one sample."""

    parameters: int
    operations: int


PAPER = {
    "MSF": Cost(17_500_000, 6_100_000_000),
    "LSE": Cost(124_400_000, 8_300_000_000),
    "SSD": Cost(34_300_000, 5_300_000_000),
}


def costs(settings: SimacSettings) -> dict[str, Cost]:
    """What each network of Table II costs; nothing is computed, so that the largest take no memory."""
    with torch.device("meta"), _quiet():
        system = Simac(settings).eval()
        picture = torch.zeros(1, 3, settings.vision.picture, settings.vision.picture)
        echo = torch.zeros(1, settings.signal.antennas, settings.signal.length, 2)
        semantics = torch.zeros(1, settings.semantics, settings.language.size)
        places = torch.zeros(1, LENGTH, dtype=torch.long)
        numbers = torch.zeros(1, CHANNEL_NUMBERS)
        received = torch.zeros(1, settings.decoder.side**2, settings.decoder.size)
    return {
        "MSF": cost(system.encoder.fusion, picture, echo),
        "LSE": cost(system.encoder.language, semantics, places, numbers),
        "SSD": cost(system.decoder, received),
    }


def cost(network: nn.Module, *inputs: Tensor) -> Cost:
    """What a network costs for these inputs; of fused attention on a CPU the counter knows nothing."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return Cost(sum(one.numel() for one in network.parameters()), counter.get_total_flops())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """`transformers` warns that sizes on no device are not known."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
