# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eq. (50): evidence lower bound of a sequence, posterior consistency (41), decorrelation of decoders (39).

Terms are means over frames and batch, in nats. The task's term has weight 1, the others are scaled
together: the power of 64 beams would drown the beam that is asked for. With sensors a frame is reconstructed
once, as the newest of its window, and each modality counts as 64 values: 8,192 of a picture would drown 64
beams.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.tensors import PLAIN, SampleTensors, View
from semisac_ml.beams.training import Batch, Losses, inputs_of, task_losses
from semisac_ml.systems.vi_beam.model import POWER_AND_POSITION, FrameLatents, VariationalBeamModel

POWER_DEVIATION_DB = 1.0  # standard deviations of the likelihoods
POSITION_DEVIATION_M = 2.0
FAINTEST_DB = -25.0  # against what is usual at the site: below is the noise floor
VALUES = 64.0  # as which a modality counts beside sensors
UNITARITY_WEIGHT = 1.0
Residuals = list[list[Tensor]]  # of some frames, the last is the newest, of each modality: [batch, values]


@dataclass(frozen=True)
class Weights:
    """Weights of the terms.

    bound: of the evidence lower bound without the task's term. consistency, decorrelation: lambda_enc and
    lambda_dec relative to it, reached when the warm-up is over. warm_up: share of the training during which
    they rise from 0.
    """

    bound: float = 1e-3
    consistency: float = 0.3
    decorrelation: float = 0.3
    warm_up: float = 0.3

    def alignment(self, progress: float) -> float:
        """Factor of the regularisers at 0 to 1 of the training."""
        return min(progress / self.warm_up, 1.0) if self.warm_up else 1.0


def bound_losses(
    network: VariationalBeamModel,
    tensors: SampleTensors,
    batch: Batch,
    *,
    weights: Weights,
    align: bool = True,
    labelled: bool = True,
) -> Losses:
    """Eq. (50) with the task's term; align: whether the regularisers count, which warm up.

    labelled: False leaves out the task's term and all that tells the strongest beam: of power the beams that
    were measured are reconstructed alone, and frames in which all were are hidden.
    """
    if not labelled:
        batch = dataclasses.replace(batch, presence=without_sweeps(batch.presence))
    inputs = inputs_of(network, tensors, batch)
    frames, at = network.latents(*inputs, sample=True)
    if network.sensors:
        residuals = newest_residuals(network, tensors, batch, inputs.site, frames, at)
        likelihood, decorrelated = newest_likelihood, decorrelation_of_pairs
    else:
        residuals = decoder_residuals(network, tensors, batch.rows, inputs.site, frames, at)
        likelihood, decorrelated = negative_log_likelihood, decorrelation
    if not labelled:
        last = inputs.measured[:, -len(residuals) :].unbind(dim=1)
        residuals = [[own[0] * seen, *own[1:]] for own, seen in zip(residuals, last, strict=True)]

    def task() -> Losses:
        return task_losses(network.predicted(frames, *inputs), tensors, batch)

    # gradients are summed up in the reverse of this order, and rounded as when the figures were made
    losses = task() if network.sensors and labelled else {}
    terms = {"reconstruction": likelihood(residuals, frames), "divergence": divergence(frames)}
    total = weights.bound * (terms["reconstruction"] + terms["divergence"])
    if "radar" in network.encoders:
        total = total + UNITARITY_WEIGHT * network.encoders["radar"].encoder.transform.unitarity()
    if align:
        factor = weights.bound * weights.alignment(batch.progress)
        terms["consistency"] = consistency(frames)
        terms["decorrelation"] = decorrelated(residuals, frames)
        total = total + factor * weights.consistency * terms["consistency"]
        total = total + factor * weights.decorrelation * terms["decorrelation"]
    if not labelled:
        return {"loss": total, **terms}
    losses = losses or task()
    return {**losses, "loss": losses["loss"] + total, **terms}


def without_sweeps(presence: Presence) -> Presence:
    """The same without the frames in which all beams were measured: the strongest of them is a label."""
    swept = presence.measured.all(axis=2, keepdims=True)
    return dataclasses.replace(presence, measured=presence.measured & ~swept)


def decoder_residuals(
    network: VariationalBeamModel,
    tensors: SampleTensors,
    rows: np.ndarray,
    site: Tensor,
    frames: list[FrameLatents],
    at: Tensor,
) -> Residuals:
    """Eq. (38), data minus the decoder's mean in standard deviations, of power and position in all frames."""
    places = torch.from_numpy(np.maximum(tensors.frames[rows], 0))
    found = []
    for place, frame in enumerate(frames):
        told = network.told(frame, at)
        truth = _power_and_position(network, tensors, places[:, place], site)
        found.append([own - one for own, one in zip(truth, told, strict=True)])
    return found


def newest_residuals(
    network: VariationalBeamModel,
    tensors: SampleTensors,
    batch: Batch,
    site: Tensor,
    frames: list[FrameLatents],
    at: Tensor,
) -> Residuals:
    """The same of all modalities in the newest frame."""
    view, newest, place = batch.view, frames[-1], torch.from_numpy(batch.rows)
    told = network.told(newest, at)
    truth = _power_and_position(network, tensors, place, site, view)
    found = [own - one for own, one in zip(truth, told, strict=False)]
    for number, sensor in enumerate(network.sensors, start=len(POWER_AND_POSITION)):
        seen = newest.present[:, number].nonzero()[:, 0]
        if not len(seen):
            found.append(told[0].new_zeros(len(place), 1))
            continue
        frame = tensors.frame(sensor.name, batch.rows[seen.numpy()], view)
        own = network.residual(sensor, frame, told[number][seen])
        found.append(own.new_zeros(len(place), own.shape[1]).index_copy(0, seen, own))
    return [found]


def _power_and_position(
    network: VariationalBeamModel, tensors: SampleTensors, place: Tensor, site: Tensor, view: View = PLAIN
) -> tuple[Tensor, Tensor]:
    """What is told of power and position, in standard deviations from what is usual at the site."""
    power_db = tensors.powers_db(place, view) - network.features.level_db[site][:, None]
    power = torch.clamp(power_db, min=FAINTEST_DB)
    position = tensors.positions_m(place, view) - network.features.middle_m[site]
    return power / POWER_DEVIATION_DB, position / POSITION_DEVIATION_M


def negative_log_likelihood(residuals: Residuals, frames: list[FrameLatents]) -> Tensor:
    """Half the squared residuals of the modalities that are present, per frame, without constants."""
    total = residuals[0][0].new_zeros(())
    for own, frame in zip(residuals, frames, strict=True):
        for place, residual in enumerate(own):
            total = total + (0.5 * residual.square().sum(dim=1) * frame.present[:, place]).mean()
    return total / len(frames)


def newest_likelihood(residuals: Residuals, frames: list[FrameLatents]) -> Tensor:
    """The same of the newest frame, where each modality counts as VALUES."""
    squares = torch.stack([0.5 * VALUES * one.square().mean(dim=1) for one in residuals[-1]], dim=1)
    return (squares * frames[-1].present).sum(dim=1).mean()


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


def decorrelation(residuals: Residuals, frames: list[FrameLatents]) -> Tensor:
    """Eq. (39): squared cross-covariance of the residuals over samples with both modalities."""
    both = torch.cat([frame.present.prod(dim=1) for frame in frames])[:, None]
    first, second = (torch.cat([own[place] for own in residuals]) for place in (0, 1))
    return _covariance(first, second, both).square().sum()


def decorrelation_of_pairs(residuals: Residuals, frames: list[FrameLatents]) -> Tensor:
    """The same of each pair in the newest frame, mean squared; residuals of many values in 64 groups."""
    present = frames[-1].present
    found = present.new_zeros(())
    grouped = [in_groups(one) for one in residuals[-1]]
    for first in range(len(grouped)):
        for second in range(first):
            both = (present[:, first] * present[:, second])[:, None]
            found = found + _covariance(grouped[first], grouped[second], both).square().mean()
    return found


def _covariance(first: Tensor, second: Tensor, both: Tensor) -> Tensor:
    count = both.sum().clamp(min=1.0)
    centred = [(one - (one * both).sum(dim=0) / count) * both for one in (first, second)]
    return centred[0].T @ centred[1] / count


def in_groups(residual: Tensor) -> Tensor:
    """Residuals [batch, values] as means of neighbours, 64 of them at most."""
    size, groups = residual.shape[1], int(VALUES)
    if size <= groups:
        return residual
    if size % groups == 0:
        return residual.reshape(len(residual), groups, -1).mean(dim=2)
    return functional.adaptive_avg_pool1d(residual[:, None], groups)[:, 0]
