# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mixture of experts on power, position, camera, LiDAR and radar: the network of the case study.

Every modality that is present gives one token; it is a query of the experts and one of their keys. What is
absent has neither. Sizes are those of two processor cores; PAPER holds the image encoder of Table 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from semisac_ml.layers.azimuth_maps import CHANNELS, AzimuthFusion
from semisac_ml.layers.beam_features import BeamFeatures
from semisac_ml.layers.mixture_of_experts import AttentionPooling, MixtureOfExperts
from semisac_ml.layers.residual import RESNET_50, ResidualSettings
from semisac_ml.layers.sensor_encoders import EncoderSizes, MappedEncoder, SensorEncoder
from semisac_ml.sensors import declared
from semisac_ml.systems.lam_msac.model import dense

MODALITIES = ("power", "position", *declared())


@dataclass(frozen=True)
class MultimodalSettings:
    """Sizes.

    sites, beams: of the data. size: of tokens. width: of dense layers. camera: of the residual network.
    background: see sensor_encoders. points: width of PointNet, eight times that of complex layers. experts,
    chosen: how many there are, how many a sample uses. heads: of attention. sensor_dropout: of what the
    encoders of sensors tell. mixed: whether there are experts to choose from; False is one expert whose
    feed-forward part is as wide as those of all together ("w/o MoE"). azimuths: whether the sensors are
    compared azimuth by azimuth besides.
    """

    sites: int
    beams: int = 64
    size: int = 96
    width: int = 192
    camera: ResidualSettings = field(default_factory=ResidualSettings)
    background: bool = False
    points: int = 64
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
    "camera": RESNET_50,
    "background": True,
    "points": 256,
    "azimuths": False,
}


class MultimodalMixture(nn.Module):
    """See the module's text. It sees one frame, which tells what moved since the one before."""

    def __init__(self, settings: MultimodalSettings) -> None:
        super().__init__()
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
        sizes = EncoderSizes(settings.camera, settings.points, settings.background)
        told = {kind: one.encoder(size, sizes) for kind, one in declared().items()}
        for kind, encoder in told.items():
            how = (encoder, size, settings.sensor_dropout)
            if settings.azimuths:
                told[kind] = MappedEncoder(
                    *how, declared()[kind].azimuth_map(settings.beams), CHANNELS * settings.beams
                )
            else:
                told[kind] = SensorEncoder(*how)
        self.encoders = nn.ModuleDict(told)
        self.modality = nn.Parameter(0.02 * torch.randn(len(MODALITIES), size))
        self.nothing = nn.Parameter(0.02 * torch.randn(size))
        self.mixture = MixtureOfExperts(
            size,
            len(MODALITIES) * (size + 1),
            experts=settings.experts if settings.mixed else 1,
            chosen=settings.chosen if settings.mixed else 1,
            heads=settings.heads,
            widening=2 if settings.mixed else 2 * settings.experts,
            dropout=dropout,
        )
        self.fused_norm = nn.Sequential(nn.LayerNorm(size), nn.Dropout(dropout))
        self.pooling = AttentionPooling(size, settings.heads, dropout)
        inputs = (1 + len(MODALITIES)) * size
        self.trunk = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout))
        self.beam_head = nn.Linear(width, settings.beams)
        self.blockage_head = nn.Linear(width, 1)
        if settings.azimuths:
            self.azimuths = AzimuthFusion(len(MODALITIES), len(self.encoders), width, dropout=dropout)
        nn.init.normal_(self.mixture.gate.weight, std=0.01)

    def logits_and_gate(
        self,
        power_db: Tensor,
        measured: Tensor,
        position_m: Tensor,
        position_known: Tensor,
        site: Tensor,
        *sensed: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the beams [batch, beams] and of blockage [batch], probabilities of the gate."""
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
        return logits, self.blockage_head(trunk)[:, 0], gate

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the beams [batch, beams] and of blockage [batch]; inputs: see SensorInputs."""
        logits, blocked, _ = self.logits_and_gate(*inputs)
        return logits, blocked
