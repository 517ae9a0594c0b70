# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks as users and station run them, each a function of real tensors, for files of ONNX.

What they are told of a link is its numbers as they are, ``FusionLink.LINK``, float32 [batch, 5]; all that is
made of them, and of what antennas receive, is within. Complex values are pairs of parts.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.quantiser import from_bits
from semisac_ml.training.stored_weights import rounded

from .channel_semantics import Feedback, StationChannelNetwork, UserChannelNetwork
from .fusion import StationFusionNetwork, UserFusionNetwork
from .model import CHANNELS, CscSaNet
from .pilots import PilotNetwork
from .settings import CscSaSettings

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


class _Told(nn.Module):
    """What a network makes of a link: conditions, as `CscSaNet.conditions`; what is used of the most."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        self.settings = settings

    def conditions(self, link: Tensor, beside: Tensor) -> Tensor:
        """[batch, conditions]. beside: another input, of the same batch."""
        sizes = self.settings
        told = []
        if sizes.flexible:
            told = [
                (link[:, 0:1] + 20.0) / 10.0,
                link[:, 1:2].log2() / 3.0,
                link[:, 2:3].log2() / 10.0,
                link[:, 3:4] / sizes.symbols,
            ]
        if sizes.tuned:
            told.append(link[:, 4:5] / max(sizes.cell.most_doppler_hz, 1.0))
        return torch.cat(told, dim=1) if told else beside.new_zeros(beside.shape[0], 0)

    def first(self, number: Tensor, most: int, beside: Tensor) -> Tensor:
        """1 for the first of most places, [batch, most], 0 for others; all of them unless flexible."""
        if not self.settings.flexible:
            return beside.new_ones(beside.shape[0], most)
        return (torch.arange(most, device=number.device) < number[:, None]).float()


class PilotEnd(nn.Module):
    """BS-CSIRS-Net as a table: beams and baseband of pilots by their numbers."""

    def __init__(self, network: PilotNetwork) -> None:
        super().__init__()
        analog, digital = network.analog(), torch.view_as_complex(network.baseband)
        power = torch.linalg.vector_norm(digital @ analog.mT, dim=-1, keepdim=True)  # Eq. (14)
        for name, values in (
            ("analog", analog),
            ("digital", digital / power),
            ("combiner", network.combiners()),
        ):
            self.register_buffer(name, torch.view_as_real(values.detach()).contiguous())

    def forward(self, number: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """X_RF [batch, station antennas, station chains, 2], x_BB [batch, subcarriers, station chains, 2] and
        V_RF [batch, user chains, user antennas, 2].
        """
        return self.analog[number], self.digital[number], self.combiner[number]


class UserEnd(_Told):
    """UE-CSANet from received pilots, with its quantiser: beams, bits [batch, numbers, bits], semantics.

    The map of angles of a tuned one is frozen for the pilots as they are, in as many bits as weights.
    """

    def __init__(
        self,
        settings: CscSaSettings,
        network: UserChannelNetwork,
        feedback: Feedback,
        weight_bits: int | None = None,
    ) -> None:
        super().__init__(settings)
        self.network, self.feedback = copy.deepcopy(network), feedback
        if self.network.map is not None:
            self.network.map.freeze(lambda values: _rounded(values, weight_bits))

    def forward(self, received: Tensor, link: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """received: [batch, subcarriers, user chains, pilots, 2]."""
        used = self.first(link[:, 1], self.settings.pilots, received)
        heard = received * used[:, None, None, :, None]
        power = heard.square().sum(-1).mean(dim=(1, 2, 3)).sqrt().clamp_min(1e-12)
        flat = (heard / power[:, None, None, None, None]).flatten(2, 3)
        features = torch.cat((flat[..., 0], flat[..., 1]), dim=-1)  # Eq. (15)
        beams, numbers, semantics, _ = self.network(features, used, self.conditions(link, received))
        return beams, self.feedback.sent(numbers), semantics


class StationEnd(_Told):
    """BS-CSANet after its dequantiser: beams and semantics."""

    def __init__(self, settings: CscSaSettings, network: StationChannelNetwork) -> None:
        super().__init__(settings)
        self.network = network

    def forward(self, bits: Tensor, heard: Tensor, link: Tensor) -> tuple[Tensor, Tensor]:
        """bits: [batch, users, numbers, bits]. heard: 1 for users whose feedback came, [batch, users]."""
        sent = self.first(link[:, 2] / self.settings.preset.bits, self.settings.numbers, bits)
        numbers = (heard[:, :, None] * sent[:, None]) * from_bits(bits)
        beams, semantics, _ = self.network(numbers, self.conditions(link, bits))
        return beams, semantics


class PictureEnd(_Told):
    """UE-MSFNet: symbols of all subcarriers, 0 on those of other users."""

    def __init__(self, settings: CscSaSettings, network: UserFusionNetwork, user: int) -> None:
        super().__init__(settings)
        self.network, self.user = network, user

    def forward(self, picture: Tensor, semantics: Tensor, beams: Tensor, link: Tensor) -> Tensor:
        """Symbols [batch, subcarriers, symbols, user chains, 2]."""
        used, sizes = self.first(link[:, 3], self.settings.symbols, picture), self.settings
        made = self.network(picture, semantics, beams, used, self.conditions(link, picture))
        return made if sizes.access == "superposed" else _among(made, self.user, sizes.cell.users)


class SegmentationEnd(_Told):
    """BS-MSFNet: class scores."""

    def __init__(self, settings: CscSaSettings, network: StationFusionNetwork) -> None:
        super().__init__(settings)
        self.network = network

    def forward(self, received: Tensor, beams: Tensor, semantics: Tensor, link: Tensor) -> Tensor:
        """received: [batch, subcarriers, symbols, station chains, 2]. beams: the station's."""
        sizes = self.settings
        used = self.first(link[:, 3], sizes.symbols, received)
        heard = received * used[:, None, :, None, None]
        if sizes.added_halves:
            heard = sum(heard[:, user :: sizes.cell.users] for user in range(sizes.cell.users))
        return self.network(heard, beams, used, semantics, self.conditions(link, received))


@torch.no_grad()
def deployed(
    model: CscSaNet, batch: int = 2, seed: int = 0, weight_bits: int | None = None
) -> dict[str, Deployed]:
    """Each network of a model by its name, with made-up inputs.

    weight_bits: 16 or 8: in which constants that are no weights of the model are stored; None: float32.
    """
    settings, cell = model.settings, model.settings.cell
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator)

    link = torch.tensor([[-10.0, settings.pilots, settings.feedback_bits, settings.symbols, 1000.0]])
    link = link.repeat(batch, 1)
    semantics = normal(settings.tokens, settings.width)
    received = normal(cell.subcarriers, cell.user_chains, settings.pilots, 2)
    angles = normal(cell.user_antennas, cell.user_chains)
    beams = torch.stack((angles.cos(), angles.sin()), -1)
    arrivals = normal(cell.station_chains, cell.station_antennas)
    number = torch.arange(batch) % settings.pilots
    found = {
        "pilots": Deployed(PilotEnd(model.pilots), {"number": number}, ("analog", "digital", "combiner"))
    }
    for place, own in enumerate(model.user_channel):
        end = UserEnd(settings, own, model.feedback, weight_bits)
        inputs = {"received": received, "link": link}
        found[channel_network(settings, place)] = Deployed(end, inputs, ("beams", "bits", "semantics"))
    bits = (normal(cell.users, settings.numbers, settings.preset.bits) > 0).float()
    inputs = {"bits": bits, "heard": torch.ones(bits.shape[:2]), "link": link}
    found["station"] = Deployed(StationEnd(settings, model.station_channel), inputs, ("beams", "semantics"))
    for user, (own, (name, channels)) in enumerate(zip(model.user_fusion, CHANNELS.items(), strict=True)):
        pictures = normal(channels, settings.height, settings.width_pixels).sigmoid()
        inputs = {"picture": pictures, "semantics": semantics, "beams": beams, "link": link}
        found[name] = Deployed(PictureEnd(settings, own, user), inputs, ("symbols",))
    inputs = {
        "received": normal(cell.subcarriers, settings.symbols, cell.station_chains, 2),
        "beams": torch.stack((arrivals.cos(), arrivals.sin()), -1),
        "semantics": semantics,
        "link": link,
    }
    found["segmentation"] = Deployed(SegmentationEnd(settings, model.station_fusion), inputs, ("scores",))
    return found


def channel_network(settings: CscSaSettings, user: int) -> str:
    """Name of a user's network for the channel."""
    return "user" if settings.shared else f"user_{user}"


def _among(symbols: Tensor, user: int, users: int) -> Tensor:
    """The same as :func:`.model.placed`, without a write into a part of a tensor."""
    full = functional.pad(symbols[:, :, None], (0, 0, 0, 0, 0, 0, user, users - 1 - user))
    return full.flatten(1, 2)


def _rounded(values: Tensor, bits: int | None) -> Tensor:
    if bits is None:
        return values
    return torch.from_numpy(rounded(values.numpy(), bits))
