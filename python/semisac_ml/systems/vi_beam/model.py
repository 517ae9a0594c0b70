# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variational model of power and position: experts, their product, recurrent state, decoders, task model.

Each modality has an encoder of the shared latent and one of its private latent, Eq. (46). The product of the
experts that are present and of the prior that history gives is the shared posterior, Eq. (47); an absent
expert is left out. Latents and the marks of what was present drive the state.

Departures from the paper: the state is the mean of its transition, not a sample of it; the decoder of power
tells all beams of the frame, of which a partial sweep measured some; log-variances are kept within limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.beam_features import BeamFeatures, leading_absent_frames

TASK_WIDTHS = (512, 1024, 256, 64)  # hidden layers of the task model, section IV-B
LOG_VARIANCE = (-6.0, 3.0)
MODALITIES = ("power", "position")


@dataclass(frozen=True)
class VariationalSettings:
    """Sizes.

    sites, beams, frames: of the data. shared, private: latents. state, width: recurrent and hidden vectors.
    dropout: in encoders and task model. outputs: of the task model, the beams first.
    """

    sites: int
    beams: int = 64
    frames: int = 5
    shared: int = 32
    private: int = 8
    state: int = 64
    width: int = 128
    dropout: float = 0.15
    outputs: int = 64


@dataclass
class Gaussian:
    """A diagonal Gaussian: mean and logarithm of the variance, [batch, size]."""

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, both: Tensor) -> Gaussian:
        """From the output of a layer, mean and log-variance side by side; the latter kept in limits."""
        mean, raw = both.chunk(2, dim=-1)
        low, high = LOG_VARIANCE
        return cls(mean, low + (high - low) * torch.sigmoid(raw))

    def sample(self) -> Tensor:
        """One value for each of the batch, differentiable."""
        return self.mean + torch.exp(0.5 * self.log_variance) * torch.randn_like(self.mean)

    def divergence(self, other: Gaussian) -> Tensor:
        """Kullback-Leibler divergence from another, nats, [batch]."""
        apart = (self.mean - other.mean).square() / other.log_variance.exp()
        ratio = self.log_variance - other.log_variance
        return 0.5 * (ratio.exp() + apart - 1.0 - ratio).sum(dim=-1)


def product_of_experts(prior: Gaussian, experts: list[Gaussian], weight: Tensor, present: Tensor) -> Gaussian:
    """Eq. (47): precision is that of the prior plus alpha times that of each expert that is present.

    Parameters
    ----------
    prior : Gaussian
    experts : list of Gaussian
    weight : Tensor [experts]
        Reliability alpha of each, 0 or more.
    present : Tensor [batch, experts]
        1 where the expert's modality was there, else 0.
    """
    precision = torch.exp(-prior.log_variance)
    weighted = precision * prior.mean
    for place, expert in enumerate(experts):
        own = (weight[place] * present[:, place])[:, None] * torch.exp(-expert.log_variance)
        precision = precision + own
        weighted = weighted + own * expert.mean
    return Gaussian(weighted / precision, -torch.log(precision))


class ModalityExpert(nn.Module):
    """Encoders of one modality: posteriors of the shared and the private latent given history, Eq. (46)."""

    def __init__(self, inputs: int, settings: VariationalSettings) -> None:
        super().__init__()
        width = settings.width
        self.observed = nn.Sequential(
            nn.Linear(inputs + settings.sites, width), nn.LayerNorm(width), nn.GELU(), nn.Linear(width, width)
        )
        self.history = nn.Linear(settings.state, width, bias=False)
        self.hidden = nn.Sequential(nn.GELU(), nn.Dropout(settings.dropout))
        self.sizes = [2 * settings.shared, 2 * settings.private]
        self.latents = nn.Linear(width, sum(self.sizes))

    def forward(self, observed: Tensor, state: Tensor) -> tuple[Gaussian, Gaussian]:
        """Shared and private posterior of a frame, from what `observed` made of it and the state before."""
        both = self.latents(self.hidden(observed + self.history(state)))
        shared, private = both.split(self.sizes, dim=-1)
        return Gaussian.of(shared), Gaussian.of(private)


class ModalityDecoder(nn.Module):
    """Mean of a modality given shared and private latent and history: p(x | z_s, z_p, h)."""

    def __init__(self, outputs: int, settings: VariationalSettings) -> None:
        super().__init__()
        inputs = settings.shared + settings.private + settings.state + settings.sites
        self.layers = nn.Sequential(
            nn.Linear(inputs, settings.width), nn.GELU(), nn.Linear(settings.width, outputs)
        )

    def forward(self, shared: Tensor, private: Tensor, state: Tensor, site: Tensor) -> Tensor:
        return self.layers(torch.cat([shared, private, state, site], dim=-1))


@dataclass
class FrameLatents:
    """What the model makes of one frame; lists are in the order of MODALITIES.

    present: float32 [batch, modalities].
    """

    present: Tensor
    prior: Gaussian
    posterior: Gaussian
    experts: list[Gaussian]
    private: list[Gaussian]
    private_prior: list[Gaussian]
    shared_value: Tensor
    private_value: list[Tensor]
    state_before: Tensor


class SequentialExperts(nn.Module):
    """Experts of any modalities, their product, the state that history leaves, decoders, task model.

    sizes: of what is observed of each modality. told: of what its decoder tells.
    """

    def __init__(self, settings: VariationalSettings, sizes: tuple[int, ...], told: tuple[int, ...]) -> None:
        super().__init__()
        self.settings = settings
        self.experts = nn.ModuleList(ModalityExpert(size, settings) for size in sizes)
        self.decoders = nn.ModuleList(ModalityDecoder(size, settings) for size in told)
        self.reliability = nn.Parameter(torch.full((len(sizes),), math.log(math.e - 1.0)))
        self.shared_prior = nn.Linear(settings.state, 2 * settings.shared)
        self.private_prior = nn.ModuleList(nn.Linear(settings.state, 2 * settings.private) for _ in sizes)
        latents = settings.shared + len(sizes) * (settings.private + 1)
        self.transition = nn.GRUCell(latents, settings.state)
        self.task = task_model(settings)

    def weights(self) -> Tensor:
        """Reliability alpha of each modality, positive."""
        return functional.softplus(self.reliability)

    def latents_of(
        self, observed: list[Tensor], there: Tensor, at: Tensor, *, sample: bool, empty: int
    ) -> list[FrameLatents]:
        """Latents of all frames.

        observed: of each modality, float32 [batch, frames, size]. there: float32 [batch, frames, modalities].
        at: features of the site. sample: whether latents are drawn from their posteriors (training) or are
        their means. empty: so many of the first frames are absent in all of the batch.
        """
        frames = there.shape[1]
        sites = at[:, None].expand(-1, frames, -1)
        seen = [
            expert.observed(torch.cat([own, sites], dim=2))
            for expert, own in zip(self.experts, observed, strict=True)
        ]
        state = at.new_zeros(at.shape[0], self.settings.state)
        found = [self._frame([one[:, 0] for one in seen], there[:, 0], state, sample)] * empty
        for place in range(empty, frames):
            frame = self._frame([one[:, place] for one in seen], there[:, place], state, sample)
            found.append(frame)
            moved = torch.cat([frame.shared_value, *frame.private_value, frame.present], dim=-1)
            # what was never seen leaves no trace: the state is that of a start until something comes
            state = torch.where(
                frame.present.amax(dim=1, keepdim=True) > 0, self.transition(moved, state), state
            )
        return found

    def _frame(self, seen: list[Tensor], present: Tensor, state: Tensor, sample: bool) -> FrameLatents:
        prior = Gaussian.of(self.shared_prior(state))
        pairs = [expert(own, state) for expert, own in zip(self.experts, seen, strict=True)]
        experts = [shared for shared, _ in pairs]
        posterior = product_of_experts(prior, experts, self.weights(), present)
        private = [own for _, own in pairs]
        priors = [Gaussian.of(layer(state)) for layer in self.private_prior]
        drawn = [one.sample() if sample else one.mean for one in private]
        usual = [one.sample() if sample else one.mean for one in priors]
        return FrameLatents(
            present=present,
            prior=prior,
            posterior=posterior,
            experts=experts,
            private=private,
            private_prior=priors,
            shared_value=posterior.sample() if sample else posterior.mean,
            private_value=[
                torch.where(present[:, place, None] > 0, own, other)
                for place, (own, other) in enumerate(zip(drawn, usual, strict=True))
            ],
            state_before=state,
        )

    def task_logits(self, frames: list[FrameLatents]) -> Tensor:
        """Logits of the beams, Eqs. (56) to (58): posterior means of the window and the state before now."""
        context = [frame.posterior.mean for frame in frames] + [frames[-1].state_before]
        return self.task(torch.cat(context, dim=-1))


class VariationalBeamModel(SequentialExperts):
    """Representation and task model of power and position; see the module's text."""

    def __init__(self, settings: VariationalSettings) -> None:
        features = BeamFeatures(settings.sites, settings.beams)
        super().__init__(settings, (features.sweep_size, features.position_size), (settings.beams, 2))
        self.features = features

    def latents(
        self,
        power_db: Tensor,
        measured: Tensor,
        position_m: Tensor,
        position_known: Tensor,
        site: Tensor,
        *,
        sample: bool = False,
    ) -> tuple[list[FrameLatents], Tensor]:
        """Latents of all frames and the features of the site; see :meth:`latents_of`."""
        *observed, at = self.features(power_db, measured, position_m, position_known, site)
        there = torch.stack([measured.amax(dim=2), position_known], dim=2)
        empty = leading_absent_frames(measured, position_known) if self.training else 0
        return self.latents_of(observed, there, at, sample=sample, empty=empty), at

    def forward(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> Tensor:
        """Logits of the beams, float32 [batch, beams]; inputs: see semisac_ml.beams.tensors.BeamInputs."""
        frames, _ = self.latents(power_db, measured, position_m, position_known, site)
        return self.task_logits(frames)


def task_model(settings: VariationalSettings) -> nn.Sequential:
    """Four hidden layers with GELU, then the logits; fed with the latents of the window and the state."""
    sizes = (settings.frames * settings.shared + settings.state, *TASK_WIDTHS)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.GELU(), nn.Dropout(settings.dropout)]
    return nn.Sequential(nn.LayerNorm(sizes[0]), *layers, nn.Linear(sizes[-1], settings.outputs))
