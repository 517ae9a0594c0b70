# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mixtures of experts: tokens of modalities, experts, pooling, heads. One of power and position, one of all.

Power and position: a token for each of the frames.

Encoders are those of the paper's Table 2 as far as the modality exists in the data: power has three dense
layers, position two. A token stands for one modality in one frame and carries the frame's age; what is absent
has no token. The query of a modality is its newest token, or a learned one where it has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.azimuth_maps import CHANNELS, AzimuthFusion
from semisac_ml.layers.beam_features import BeamFeatures, leading_absent_frames
from semisac_ml.layers.mixture_of_experts import AttentionPooling, MixtureOfExperts
from semisac_ml.layers.residual import RESNET_50
from semisac_ml.layers.sensor_encoders import EncoderSizes, MappedEncoder, SensorEncoder
from semisac_ml.sensors import chosen

MODALITIES = ("power", "position")  # before those of sensors


@dataclass(frozen=True)
class MixtureSettings:
    """Sizes.

    sites, beams, frames: of the data. size: of tokens. width: of dense layers. experts, chosen: how many
    there are, how many a sample uses. heads: of attention. dropout: everywhere.
    mixed: whether there are experts to choose from; False is one of the size of those chosen ("w/o MoE").
    """

    sites: int
    beams: int = 64
    frames: int = 5
    size: int = 128
    width: int = 192
    experts: int = 4
    chosen: int = 2
    heads: int = 4
    dropout: float = 0.1
    mixed: bool = True


def dense(sizes: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Dense layers with ReLU between them."""
    layers: list[nn.Module] = []
    for place, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        layers.append(nn.Linear(inputs, outputs))
        if place < len(sizes) - 2:
            layers += [nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


class MixtureBeamModel(nn.Module):
    """See the module's text."""

    def __init__(self, settings: MixtureSettings) -> None:
        super().__init__()
        self.settings = settings
        size, width, dropout = settings.size, settings.width, settings.dropout
        self.features = BeamFeatures(settings.sites, settings.beams)
        self.encoders = nn.ModuleList(
            [
                dense((self.features.sweep_size + settings.sites, width, width, size), dropout),
                dense((self.features.position_size + settings.sites, width, size), dropout),
            ]
        )
        self.age = nn.Parameter(0.02 * torch.randn(len(MODALITIES), settings.frames, size))
        self.missing = nn.Parameter(0.02 * torch.randn(len(MODALITIES), size))
        self.token_norm = nn.LayerNorm(size)
        gate_inputs = len(MODALITIES) * (2 * size + settings.frames)
        self.mixture = MixtureOfExperts(
            size,
            gate_inputs,
            experts=settings.experts if settings.mixed else 1,
            chosen=settings.chosen if settings.mixed else 1,
            heads=settings.heads,
            widening=2 if settings.mixed else 2 * settings.chosen,
            dropout=dropout,
        )
        self.fused_norm = nn.Sequential(nn.LayerNorm(size), nn.Dropout(dropout))
        self.pooling = AttentionPooling(size, settings.heads, dropout)
        self.head = nn.Sequential(
            nn.Linear(3 * size, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, settings.beams)
        )
        self._initialise()

    def _initialise(self) -> None:
        """Xavier for the encoders, Kaiming for the fusion, as in the case study."""
        for part, start in (
            (self.encoders, nn.init.xavier_uniform_),
            (self.mixture, nn.init.kaiming_uniform_),
        ):
            for layer in part.modules():
                if type(layer) is nn.Linear:
                    start(layer.weight)
                    nn.init.zeros_(layer.bias)
        nn.init.normal_(self.mixture.gate.weight, std=0.01)

    def said_and_gate(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> tuple[tuple[Tensor], Tensor]:
        """Logits of the beams [batch, beams] and probabilities of the gate [batch, experts]."""
        empty = leading_absent_frames(measured, position_known) if self.training else 0
        recent = (one[:, empty:] for one in (power_db, measured, position_m, position_known))
        tokens, there = self._tokens(*recent, site)
        modalities = tokens.shape[1]
        newest = self._newest(tokens, there)
        mean = (tokens * there[..., None]).sum(dim=2) / there.sum(dim=2, keepdim=True).clamp(min=1.0)
        gate_input = torch.cat(
            [newest.flatten(1), mean.flatten(1), functional.pad(there, (empty, 0)).flatten(1)], dim=1
        )
        # the queries stand among the keys: a sample without any token still has something to attend to
        keys = torch.cat([newest, tokens.flatten(1, 2)], dim=1)
        absent = torch.cat([torch.zeros_like(there[:, :, 0]), 1.0 - there.flatten(1)], dim=1) > 0
        fused, gate = self.mixture(newest, keys, absent, gate_input)
        fused = self.fused_norm(fused)
        pooled = self.pooling(fused, torch.zeros_like(absent[:, :modalities]))
        return (self.head(torch.cat([pooled, newest.flatten(1)], dim=1)),), gate

    def _tokens(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens [batch, modalities, frames, size], and which of them are there."""
        *observed, at = self.features(*inputs)
        frames = observed[0].shape[1]
        sites = at[:, None].expand(-1, frames, -1)
        encoded = [
            encoder(torch.cat([own, sites], dim=2))
            for encoder, own in zip(self.encoders, observed, strict=True)
        ]
        tokens = self.token_norm(torch.stack(encoded, dim=1) + self.age[:, -frames:])
        return tokens, torch.stack([inputs[1].amax(dim=2), inputs[3]], dim=1)

    def _newest(self, tokens: Tensor, there: Tensor) -> Tensor:
        """The newest token of each modality [batch, modalities, size], or the learned one."""
        frames = torch.arange(1, tokens.shape[2] + 1, device=tokens.device)
        later = (there * frames).flip(2).cumsum(dim=2).flip(2)  # 0 after the newest
        chosen = there * (later == there * frames)
        found = (chosen[..., None] * tokens).sum(dim=2)
        return found + (1.0 - chosen.amax(dim=2))[..., None] * self.missing

    def forward(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> tuple[Tensor]:
        """Logits of the beams, float32 [batch, beams]; inputs: see semisac_ml.beams.tensors.BeamInputs."""
        return self.said_and_gate(power_db, measured, position_m, position_known, site)[0]


@dataclass(frozen=True)
class MultimodalSettings:
    """Sizes.

    sites, beams: of the data. size: of tokens. width: of dense layers. encoders: of sensors. experts,
    chosen: how many there are, how many a sample uses. heads: of attention. sensor_dropout: of what the
    encoders of sensors tell. mixed: whether there are experts to choose from; False is one expert whose
    feed-forward part is as wide as those of all together ("w/o MoE"). azimuths: whether the sensors are
    compared azimuth by azimuth besides.
    """

    sites: int
    beams: int = 64
    size: int = 96
    width: int = 192
    encoders: EncoderSizes = EncoderSizes()
    experts: int = 4
    chosen: int = 2
    heads: int = 4
    dropout: float = 0.1
    sensor_dropout: float = 0.4
    mixed: bool = True
    azimuths: bool = True


PAPER = {
    "size": 256,
    "width": 512,
    "encoders": EncoderSizes(RESNET_50, width=256, background=True),  # the image encoder of Table 2
    "azimuths": False,
}


class MultimodalMixture(nn.Module):
    """Power, position and any sensors: the network of the case study.

    It sees one frame, which tells what moved since the one before. Every modality that is present gives one
    token; it is a query of the experts and one of their keys. What is absent has neither. Sizes are those of
    two processor cores. sensors: their names.
    """

    def __init__(self, settings: MultimodalSettings, sensors: Sequence[str]) -> None:
        super().__init__()
        own, modalities = chosen(sensors), len(MODALITIES) + len(sensors)
        self.settings = settings
        size, width, dropout = settings.size, settings.width, settings.dropout
        self.features = BeamFeatures(settings.sites, settings.beams)
        self.dense = nn.ModuleList(
            [
                dense((self.features.sweep_size, width, width, size), dropout),
                dense((self.features.position_size + settings.sites, width, size), dropout),
            ]
        )
        self.dense_norm = nn.ModuleList(nn.LayerNorm(size) for _ in self.dense)
        told = {one.name: one.encoder(size, settings.encoders) for one in own}
        for one in own:
            how = (told[one.name], size, settings.sensor_dropout)
            if settings.azimuths:
                maps = one.azimuth_map(settings.beams)
                told[one.name] = MappedEncoder(*how, maps, CHANNELS * settings.beams)
            else:
                told[one.name] = SensorEncoder(*how)
        self.encoders = nn.ModuleDict(told)
        self.modality = nn.Parameter(0.02 * torch.randn(modalities, size))
        self.nothing = nn.Parameter(0.02 * torch.randn(size))
        self.mixture = MixtureOfExperts(
            size,
            modalities * (size + 1),
            experts=settings.experts if settings.mixed else 1,
            chosen=settings.chosen if settings.mixed else 1,
            heads=settings.heads,
            widening=2 if settings.mixed else 2 * settings.experts,
            dropout=dropout,
        )
        self.fused_norm = nn.Sequential(nn.LayerNorm(size), nn.Dropout(dropout))
        self.pooling = AttentionPooling(size, settings.heads, dropout)
        inputs = (1 + modalities) * size
        self.trunk = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout))
        self.beam_head = nn.Linear(width, settings.beams)
        self.blockage_head = nn.Linear(width, 1)
        if settings.azimuths:
            self.azimuths = AzimuthFusion(modalities, len(own), width, dropout=dropout)
        nn.init.normal_(self.mixture.gate.weight, std=0.01)

    def said_and_gate(
        self,
        power_db: Tensor,
        measured: Tensor,
        position_m: Tensor,
        position_known: Tensor,
        site: Tensor,
        *sensed: Tensor,
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Logits of the beams [batch, beams] and of blockage [batch], and probabilities of the gate."""
        *observed, at = self.features(power_db, measured, position_m, position_known, site)
        told = [observed[0][:, -1], torch.cat([observed[1][:, -1], at], dim=1)]
        tokens = [
            norm(layers(one)) for norm, layers, one in zip(self.dense_norm, self.dense, told, strict=True)
        ]
        newest = [one[:, -1] for one in sensed[::2]]
        tokens += [one[:, : self.settings.size] for one in newest]
        marks = [measured[:, -1].amax(dim=1), position_known[:, -1], *(one[:, -1] for one in sensed[1::2])]
        present = torch.stack(marks, dim=1)
        queries = (torch.stack(tokens, dim=1) + self.modality) * present[..., None]
        absent = present < 0.5
        keys = torch.cat([self.nothing + torch.zeros_like(queries[:, :1]), queries], dim=1)
        hidden = torch.cat([torch.zeros_like(absent[:, :1]), absent], dim=1)
        gate_input = torch.cat([queries.flatten(1), present], dim=1)
        fused, gate = self.mixture(queries, keys, hidden, gate_input)
        # with nothing present the pooled vector is that of the learned token
        vectors = torch.cat([keys[:, :1], self.fused_norm(fused)], dim=1)
        pooled = self.pooling(vectors, hidden)
        trunk = self.trunk(torch.cat([pooled, queries.flatten(1)], dim=1))
        logits = self.beam_head(trunk)
        if self.settings.azimuths:
            sweep = told[0][:, : 2 * self.settings.beams]
            maps = [one[:, self.settings.size :] for one in newest]
            logits = logits + self.azimuths(sweep, maps, present, trunk)
        return (logits, self.blockage_head(trunk)[:, 0]), gate

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the beams [batch, beams] and of blockage [batch]; inputs: see BeamInputs."""
        return self.said_and_gate(*inputs)[0]
