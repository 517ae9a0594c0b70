# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eq. (50): evidence lower bound of a sequence, posterior consistency (41), decorrelation of decoders (39).

Terms are means over frames and batch, in nats. The task's term has weight 1, the others are scaled
together: the power of 64 beams would drown the beam that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.tensors import BeamInputs, SampleTensors
from semisac_ml.beams.training import Losses, Objective, cross_entropy
from semisac_ml.systems.vi_beam.model import MODALITIES, FrameLatents, VariationalBeamModel

POWER_DEVIATION_DB = 1.0  # standard deviations of the likelihoods
POSITION_DEVIATION_M = 2.0
FAINTEST_DB = -25.0  # against what is usual at the site: below is the noise floor


@dataclass(frozen=True)
class Weights:
    """Weights of the terms.

    bound: of the evidence lower bound without the task's term. consistency, decorrelation: lambda_enc and
    lambda_dec relative to it, reached when the warm-up is over. warm_up: share of the training during which
    they rise from 0. task: of the task's term; 0 trains the representation alone.
    """

    bound: float = 1e-3
    consistency: float = 0.3
    decorrelation: float = 0.3
    warm_up: float = 0.3
    task: float = 1.0

    def alignment(self, progress: float) -> float:
        """Factor of the regularisers at 0 to 1 of the training."""
        return min(progress / self.warm_up, 1.0) if self.warm_up else 1.0


def variational_objective(tensors: SampleTensors, weights: Weights, *, align: bool = True) -> Objective:
    """Losses of a batch; align: whether the regularisers count."""

    def losses(
        network: VariationalBeamModel, rows: np.ndarray, presence: Presence, progress: float
    ) -> Losses:
        inputs = tensors.inputs(rows, presence)
        frames, at = network.latents(*inputs, sample=True)
        residuals = decoder_residuals(network, tensors, rows, inputs, frames, at)
        terms = {
            "reconstruction": negative_log_likelihood(residuals, frames),
            "divergence": divergence(frames),
        }
        total = weights.bound * (terms["reconstruction"] + terms["divergence"])
        if align:
            factor = weights.bound * weights.alignment(progress)
            terms["consistency"] = consistency(frames)
            terms["decorrelation"] = decorrelation(residuals, frames)
            total = total + factor * weights.consistency * terms["consistency"]
            total = total + factor * weights.decorrelation * terms["decorrelation"]
        if weights.task:
            label = tensors.label[torch.from_numpy(rows)]
            terms["task"] = cross_entropy(network.task_logits(frames), label)
            total = total + weights.task * terms["task"]
        return {"loss": total, **terms}

    return losses


def decoder_residuals(
    network: VariationalBeamModel,
    tensors: SampleTensors,
    rows: np.ndarray,
    inputs: BeamInputs,
    frames: list[FrameLatents],
    at: Tensor,
) -> list[list[Tensor]]:
    """Eq. (38), data minus the decoder's mean in standard deviations, [frame][modality] of [batch, size]."""
    site = inputs.site
    power = tensors.sweeps_db(rows) - network.features.level_db[site][:, None, None]
    power = torch.clamp(power, min=FAINTEST_DB) / POWER_DEVIATION_DB
    position = (tensors.positions_m(rows) - network.features.middle_m[site][:, None]) / POSITION_DEVIATION_M
    found = []
    for place, frame in enumerate(frames):
        told = [
            decoder(frame.shared_value, private, frame.state_before, at)
            for decoder, private in zip(network.decoders, frame.private_value, strict=True)
        ]
        found.append([power[:, place] - told[0], position[:, place] - told[1]])
    return found


def negative_log_likelihood(residuals: list[list[Tensor]], frames: list[FrameLatents]) -> Tensor:
    """Half the squared residuals of the modalities that are present, per frame, without constants."""
    total = residuals[0][0].new_zeros(())
    for own, frame in zip(residuals, frames, strict=True):
        for place, residual in enumerate(own):
            total = total + (0.5 * residual.square().sum(dim=1) * frame.present[:, place]).mean()
    return total / len(frames)


def divergence(frames: list[FrameLatents]) -> Tensor:
    """Divergence of shared and private posteriors from their priors, per frame."""
    total = frames[0].present.new_zeros(())
    for frame in frames:
        total = total + frame.posterior.divergence(frame.prior).mean()
        for place in range(len(frame.private)):
            own = frame.private[place].divergence(frame.private_prior[place])
            total = total + (own * frame.present[:, place]).mean()
    return total / len(frames)


def consistency(frames: list[FrameLatents]) -> Tensor:
    """Eq. (41): divergence of each expert that is present from the fused posterior, per frame."""
    total = frames[0].present.new_zeros(())
    for frame in frames:
        for place, expert in enumerate(frame.experts):
            total = total + (expert.divergence(frame.posterior) * frame.present[:, place]).mean()
    return total / len(frames)


def decorrelation(residuals: list[list[Tensor]], frames: list[FrameLatents]) -> Tensor:
    """Eq. (39): squared cross-covariance of the residuals over samples with both modalities."""
    both = torch.cat([frame.present.prod(dim=1) for frame in frames])[:, None]
    count = both.sum().clamp(min=1.0)
    power, position = (torch.cat([own[place] for own in residuals]) for place in range(len(MODALITIES)))
    centred = [(one - (one * both).sum(dim=0) / count) * both for one in (power, position)]
    covariance = centred[0].T @ centred[1] / count
    return covariance.square().sum()
