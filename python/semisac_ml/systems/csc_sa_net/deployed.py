# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks as users and station run them, each a function of real tensors, for files of ONNX.

What is between them is no network: pilots, Eq. (9); features of what is received
(:func:`.pilots.features_of`); the channel.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from semisac_ml.layers.quantiser import from_bits

from .channel_semantics import Feedback, StationChannelNetwork, UserChannelNetwork
from .model import CHANNELS, CscSaNet

BATCH = {0: "batch"}


@dataclass(frozen=True)
class Deployed:
    """One network: module, example inputs by name, names of outputs. All first axes are batches."""

    network: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]

    @property
    def axes(self) -> dict[str, dict[int, str]]:
        """For :func:`semisac_ml.training.onnx_export.to_onnx`."""
        return {name: dict(BATCH) for name in (*self.inputs, *self.outputs)}


class UserEnd(nn.Module):
    """UE-CSANet with its quantiser: beams, bits [batch, numbers, bits], semantics.

    The map of angles of a tuned one is frozen for the pilots as they are.
    """

    def __init__(self, network: UserChannelNetwork, feedback: Feedback) -> None:
        super().__init__()
        self.network, self.feedback = copy.deepcopy(network), feedback
        if self.network.map is not None:
            self.network.map.freeze()

    def forward(self, features: Tensor, used: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        beams, numbers, semantics, _ = self.network(features, used, condition)
        return beams, self.feedback.sent(numbers), semantics


class StationEnd(nn.Module):
    """BS-CSANet after its dequantiser: beams and semantics."""

    def __init__(self, network: StationChannelNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, bits: Tensor, sent: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """bits: [batch, users, numbers, bits]. sent: 1 for numbers that were, [batch, users, numbers]."""
        beams, semantics, _ = self.network(sent * from_bits(bits), condition)
        return beams, semantics


@torch.no_grad()
def deployed(model: CscSaNet, batch: int = 2, seed: int = 0) -> dict[str, Deployed]:
    """Each network of a model by its name, with made-up inputs."""
    settings, cell = model.settings, model.settings.cell
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator)

    condition = normal(settings.conditions)
    semantics = normal(settings.tokens, settings.width)
    used, sent = torch.ones(batch, settings.pilots), torch.ones(batch, settings.symbols)
    features = normal(cell.subcarriers, 2 * cell.user_chains * settings.pilots)
    angles = normal(cell.user_antennas, cell.user_chains)
    beams = torch.stack((angles.cos(), angles.sin()), -1)
    found = {}
    for place, own in enumerate(model.user_channel):
        name = "user" if settings.shared else f"user_{place}"
        inputs = {"pilots": features, "used": used, "condition": condition}
        found[name] = Deployed(UserEnd(own, model.feedback), inputs, ("beams", "bits", "semantics"))
    bits = (normal(cell.users, settings.numbers, settings.preset.bits) > 0).float()
    inputs = {"bits": bits, "sent": torch.ones(bits.shape[:-1]), "condition": condition}
    found["station"] = Deployed(StationEnd(model.station_channel), inputs, ("beams", "semantics"))
    for own, (name, channels) in zip(model.user_fusion, CHANNELS.items(), strict=True):
        pictures = normal(channels, settings.height, settings.width_pixels).sigmoid()
        inputs = {
            "picture": pictures,
            "semantics": semantics,
            "beams": beams,
            "used": sent,
            "condition": condition,
        }
        found[name] = Deployed(own, inputs, ("symbols",))
    heard = settings.own_subcarriers if settings.added_halves else cell.subcarriers
    inputs = {
        "received": normal(heard, settings.symbols, cell.station_chains, 2),
        "semantics": semantics,
        "condition": condition,
    }
    found["segmentation"] = Deployed(model.station_fusion, inputs, ("scores",))
    return found
