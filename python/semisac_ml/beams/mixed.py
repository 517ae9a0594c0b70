# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ensembles of one network of a system and several small ones: they err on different samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semisac_ml.beams.ensemble import BeamEnsemble
from semisac_ml.beams.samples import BEAMS, FRAMES
from semisac_ml.beams.training import Trainer, TrainingJob, train_network
from semisac_ml.layers.beam_features import BeamFeatures


class FramePerceptron(nn.Module):
    """One encoder a modality, the same for all frames, then two hidden layers on what it made of them.

    What an encoder learns of a sweep holds for sweeps of any frame and of any beams.
    """

    def __init__(
        self, sites: int, token: int = 96, encoder: int = 192, width: int = 512, dropout: float = 0.15
    ) -> None:
        super().__init__()
        self.features = BeamFeatures(sites, BEAMS)
        self.encoders = nn.ModuleList(
            nn.Sequential(
                nn.Linear(size + sites, encoder),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(encoder, token),
                nn.LayerNorm(token),
            )
            for size in (self.features.sweep_size, self.features.position_size)
        )
        self.layers = nn.Sequential(
            nn.Linear(2 * FRAMES * (token + 1) + sites, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, BEAMS),
        )

    def forward(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> tuple[Tensor]:
        """Logits, float32 [batch, beams]; inputs: see semisac_ml.beams.tensors.BeamInputs."""
        *observed, at = self.features(power_db, measured, position_m, position_known, site)
        sites = at[:, None].expand(-1, FRAMES, -1)
        there = (measured.amax(dim=2), position_known)
        tokens = [
            (encoder(torch.cat([own, sites], dim=2)) * mark[..., None]).flatten(1)
            for encoder, own, mark in zip(self.encoders, observed, there, strict=True)
        ]
        return (self.layers(torch.cat([*tokens, *there, at], dim=1)),)


def frame_perceptron(job: TrainingJob) -> nn.Module:
    """Train one of the small networks."""
    network = FramePerceptron(len(job.tensors.samples.names))
    job.tensors.fit(network.features, job.rows)
    return train_network(network, job, "frames")


def train_mixed(first: Trainer, job: TrainingJob) -> nn.Module:
    """One network of an ensemble whose first is trained by `first` and whose others are small."""
    return first(job) if job.seed % job.recipe.seeds_apart == 0 else frame_perceptron(job)


def ensemble_of(first: nn.Module, others: int, sites: int) -> BeamEnsemble:
    """One network and several small ones, with no training yet."""
    return BeamEnsemble([first, *(FramePerceptron(sites) for _ in range(others))])
