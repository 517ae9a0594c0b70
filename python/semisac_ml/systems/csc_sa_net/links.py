# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links that networks are trained with and validated over."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .model import Link
from .settings import CscSaSettings

VALIDATION = ((8, 1024, 4), (2, 1024, 1), (8, 64, 4))
"""L, B and Q that one network for all links is validated at."""


def drawn_link(
    settings: CscSaSettings, snr_db: tuple[float, float], count: int, generator: torch.Generator
) -> Link:
    """A link to train with, its SNRs uniform in dB between two.

    Of flexible networks L and B are the most, or a half, quarter, ... of it, and Q any number.
    """
    device = generator.device
    drawn = torch.rand(count, generator=generator, device=device)
    snrs = snr_db[0] + (snr_db[1] - snr_db[0]) * drawn
    if not settings.flexible:
        return Link(settings.pilots, settings.feedback_bits, settings.symbols, snrs)

    def one_of(values: list[int]) -> int:
        return values[int(torch.randint(len(values), (), generator=generator, device=device))]

    bits = settings.preset.bits
    feedback = one_of([one for one in _halves(settings.feedback_bits, bits) if one % bits == 0])
    symbols = one_of(list(range(1, settings.symbols + 1)))
    return Link(one_of(list(_halves(settings.pilots, 1))), feedback, symbols, snrs)


def validation_links(
    settings: CscSaSettings, snr_db: tuple[float, float], count: int, device: torch.device
) -> list[Link]:
    """Links to validate over, their SNRs spread evenly between two: the network's own, or VALIDATION."""
    spread = (torch.arange(count, device=device) + 0.5) / count
    snrs = snr_db[0] + (snr_db[1] - snr_db[0]) * spread
    sizes = (settings.pilots, settings.feedback_bits, settings.symbols)
    if not settings.flexible:
        return [Link(*sizes, snrs)]
    bits = settings.preset.bits
    within = [tuple(min(own, most) for own, most in zip(one, sizes, strict=True)) for one in VALIDATION]
    return [
        Link(pilots, feedback - feedback % bits, symbols, snrs)
        for pilots, feedback, symbols in dict.fromkeys(within)
    ]


def _halves(most: int, least: int) -> Iterator[int]:
    """most, and halves of it down to the least."""
    while most >= least:
        yield most
        most //= 2
