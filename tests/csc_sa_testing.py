# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tiny networks, pictures and channels for tests of csc_sa_net."""

from __future__ import annotations

import dataclasses

import torch

from semisac_ml.channels.mimo_ofdm import MimoPaths, drawn_paths
from semisac_ml.systems.csc_sa_net.model import CscSaNet, Link
from semisac_ml.systems.csc_sa_net.samples import PictureSet
from semisac_ml.systems.csc_sa_net.settings import Access, CscSaSettings

PIXELS = (32, 48)
NAMED = CscSaSettings.named


def tiny_settings(
    size: str = "small",
    preset: str = "printed",
    variant: str = "csc-sa-net",
    access: Access = "superposed",
    **changed: object,
) -> CscSaSettings:
    """A size with small pictures and transformers."""
    named = NAMED(size, preset, variant, access)
    few = dict(width=16, heads=2, layers=1, hidden=32, height=PIXELS[0], width_pixels=PIXELS[1])
    return dataclasses.replace(named, **{**few, "arrivals": 64, "departures": 8, **changed})


def tiny_model(*told: str, seed: int = 0, **changed: object) -> CscSaNet:
    """Untrained networks of it."""
    torch.manual_seed(seed)
    return CscSaNet(tiny_settings(*told, **changed))


def pictures_of(count: int, seed: int = 0) -> PictureSet:
    """A bright box before dark noise in each picture: a car in colour, a person in heat."""
    generator = torch.Generator().manual_seed(seed)
    height, width = PIXELS
    colour = torch.randint(0, 60, (count, 3, height, width), generator=generator, dtype=torch.uint8)
    thermal = torch.randint(0, 60, (count, 1, height, width), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(count, height, width, dtype=torch.uint8)
    for scene in range(count):
        for pictures, label in ((colour, 1), (thermal, 2)):
            top = int(torch.randint(height // 2, (), generator=generator))
            left = int(torch.randint(width // 2, (), generator=generator))
            place = (slice(top, top + height // 2), slice(left, left + width // 3))
            pictures[(scene, slice(None), *place)] = 220
            labels[(scene, *place)] = label
    names = tuple(f"{scene:05d}{'DN'[scene % 2]}" for scene in range(count))
    night = torch.arange(count) % 2 == 1
    return PictureSet(names, (colour, thermal), labels, night)


def channels_of(model: CscSaNet, count: int, seed: int = 0) -> MimoPaths:
    """Channels of its cell."""
    return drawn_paths(count, model.settings.cell, torch.Generator().manual_seed(seed))


def link_of(model: CscSaNet, count: int, snr_db: float = -10.0) -> Link:
    """The largest link that networks were made for."""
    sizes = model.settings
    return Link(sizes.pilots, sizes.feedback_bits, sizes.symbols, torch.full((count,), snr_db))
