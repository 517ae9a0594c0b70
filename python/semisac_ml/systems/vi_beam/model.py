# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variational model: experts of all modalities, their product, recurrent state, decoders, task model.

Each modality has an encoder of the shared latent and one of its private latent, Eq. (46). The product of the
experts that are present and of the prior that history gives is the shared posterior, Eq. (47); an absent
expert is left out. Latents and the marks of what was present drive the state.

Radar: learnable window and approximately unitary Fourier transform, then a residual network with group
normalisation, Eqs. (51) to (55); its decoder mirrors it, with PixelShuffle, inverse transform and the window
undone. Other sensors have the encoders and decoders that `semisac_ml.sensors` declares.

Departures from the paper: the state is the mean of its transition, not a sample of it; the decoder of power
tells all beams of the frame, of which a partial sweep measured some; log-variances are kept within limits.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.azimuth_maps import CHANNELS, AzimuthFusion
from semisac_ml.layers.beam_features import BeamFeatures, leading_absent_frames
from semisac_ml.layers.radar import MovingEchoes, RangeDoppler, compressed
from semisac_ml.layers.residual import RESNET_18, ResidualEncoder
from semisac_ml.layers.sensor_encoders import EncoderSizes, MappedEncoder, SensorEncoder
from semisac_ml.sensors import Sensor, chosen, radar

TASK_WIDTHS = (512, 1024, 256, 64)  # hidden layers of the task model, section IV-B
LOG_VARIANCE = (-6.0, 3.0)
POWER_AND_POSITION = ("power", "position")  # the modalities before those of sensors


@dataclass(frozen=True)
class VariationalSettings:
    """Sizes.

    sites, beams, frames: of the data. shared, private: latents. state, width: recurrent and hidden vectors.
    dropout: in encoders and task model. size: of what the encoder of a sensor tells of a frame. encoders: see
    sensor_encoders. mirror: channels of the decoders' last stage. azimuths: whether encoders also see maps of
    azimuths (layers.azimuth_maps). compared: whether power and these maps of the newest frame are instead
    compared azimuth by azimuth, which is added to what the task model says.
    """

    sites: int
    beams: int = 64
    frames: int = 5
    shared: int = 32
    private: int = 8
    state: int = 64
    width: int = 128
    dropout: float = 0.15
    size: int = 64
    encoders: EncoderSizes = EncoderSizes()
    mirror: int = 8
    azimuths: bool = True
    compared: bool = False


PAPER = {
    "size": 256,
    "encoders": EncoderSizes(RESNET_18, width=256, background=True),
    "mirror": 32,
    "azimuths": False,
}


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
    """What the model makes of one frame; lists are in the order of power, position, sensors.

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

    sizes: of what is observed of each modality. told: of what its decoder tells. outputs: of the task model.
    """

    def __init__(
        self, settings: VariationalSettings, sizes: Sequence[int], told: Sequence[int], outputs: int
    ) -> None:
        super().__init__()
        self.settings = settings
        self.experts = nn.ModuleList(ModalityExpert(size, settings) for size in sizes)
        self.decoders = nn.ModuleList(ModalityDecoder(size, settings) for size in told)
        self.reliability = nn.Parameter(torch.full((len(sizes),), math.log(math.e - 1.0)))
        self.shared_prior = nn.Linear(settings.state, 2 * settings.shared)
        self.private_prior = nn.ModuleList(nn.Linear(settings.state, 2 * settings.private) for _ in sizes)
        latents = settings.shared + len(sizes) * (settings.private + 1)
        self.transition = nn.GRUCell(latents, settings.state)
        self.task = task_model(settings, outputs)

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


class RadarEncoder(nn.Module):
    """Beat samples [batch, antennas, samples, chirps, 2] to vectors, through a learned transform."""

    def __init__(self, size: int, sizes: EncoderSizes) -> None:
        super().__init__()
        self.background = sizes.background
        antennas, samples, chirps, _ = radar.SHAPE
        settings = dataclasses.replace(sizes.residual, stem=(3, sizes.residual.stem[1]), grid=(4, 4))
        self.transform = RangeDoppler(samples, chirps, learned=True)
        self.residual = ResidualEncoder(2 * antennas, size, settings)
        self.moving = MovingEchoes(antennas, size)

    def forward(self, beat: Tensor) -> Tensor:
        plain = self.transform(beat)
        maps = compressed(plain if self.background else self.transform.without_background(plain))
        return self.residual(torch.cat(maps, dim=1)) + self.moving(plain)

    def beat(self, halves: Tensor) -> Tensor:
        """Beat samples of maps of half the size, real parts of all antennas before the imaginary ones."""
        real, imaginary = functional.interpolate(halves, scale_factor=radar.DECODED).chunk(2, dim=1)
        return self.transform.inverse(torch.stack([real, imaginary], dim=-1))


class VariationalBeamModel(SequentialExperts):
    """Representation and task model of power, position and any sensors; see the module's text.

    sensors: their names. With any, the task model tells beams and, last, whether the vehicle is hidden.
    """

    def __init__(self, settings: VariationalSettings, sensors: Sequence[str] = ()) -> None:
        features, own = BeamFeatures(settings.sites, settings.beams), chosen(sensors)
        size = settings.size
        observed = (features.sweep_size, features.position_size, *[size] * len(own))
        told = (settings.beams, 2, *(one.told(size) for one in own))
        super().__init__(settings, observed, told, settings.beams + bool(own))
        self.features = features
        self.sensors = own
        encoders = {
            one.name: RadarEncoder(size, settings.encoders)
            if one.name == "radar"
            else one.encoder(size, settings.encoders)
            for one in own
        }
        for one in own:
            maps = (one.azimuth_map(settings.beams), CHANNELS * settings.beams)
            how = (encoders[one.name], size, settings.dropout)
            if settings.compared:
                encoders[one.name] = MappedEncoder(*how, *maps)
            else:
                encoders[one.name] = SensorEncoder(*how, maps if settings.azimuths else None)
        self.encoders = nn.ModuleDict(encoders)
        if settings.compared:
            context = settings.shared + settings.state
            self.azimuths = AzimuthFusion(len(told), len(own), context, dropout=settings.dropout)
        mirrors = {one.name: one.mirror(size, settings.mirror) for one in own}
        self.mirrors = nn.ModuleDict({name: one for name, one in mirrors.items() if one is not None})

    def latents(self, *inputs: Tensor, sample: bool = False) -> tuple[list[FrameLatents], Tensor]:
        """Latents of all frames and the features of the site; see :meth:`latents_of`. inputs: BeamInputs."""
        power, position, at = self.features(*inputs[:5])
        measured, position_known = inputs[1], inputs[3]
        sensed, known = [one[..., : self.settings.size] for one in inputs[5::2]], inputs[6::2]
        there = torch.stack([measured.amax(dim=2), position_known, *known], dim=2)
        skipped = self.training and not self.sensors
        empty = leading_absent_frames(measured, position_known) if skipped else 0
        return self.latents_of([power, position, *sensed], there, at, sample=sample, empty=empty), at

    def told(self, frame: FrameLatents, at: Tensor) -> list[Tensor]:
        """What the decoders tell of a frame, [batch, values] of each modality.

        Power in dB against what is usual, position in metres from the middle of the street; of sensors what
        `residual` makes more of.
        """
        return [
            decoder(frame.shared_value, private, frame.state_before, at)
            for decoder, private in zip(self.decoders, frame.private_value, strict=True)
        ]

    def residual(self, sensor: Sensor, truth: Tensor, told: Tensor) -> Tensor:
        """Frames of a sensor minus what is told of them, in standard deviations, [frames, values]."""
        if sensor.name in self.mirrors:
            told = self.mirrors[sensor.name](told)
        if sensor.name == "radar":
            told = self.encoders[sensor.name].encoder.beat(told)
        return sensor.residual(truth, told)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Logits of the beams [batch, beams], with sensors of blockage [batch]; inputs: see BeamInputs."""
        return self.predicted(self.latents(*inputs)[0], *inputs)

    def predicted(self, frames: list[FrameLatents], *inputs: Tensor) -> tuple[Tensor, ...]:
        """The same of latents that were made of these inputs."""
        beams, newest = self.settings.beams, frames[-1]
        outputs = self.task_logits(frames)
        if not self.sensors:
            return (outputs,)
        logits, blocked = outputs[:, :beams], outputs[:, beams]
        if self.settings.compared:
            now = [one[:, -1:] for one in inputs[:4]]
            sweep = self.features(*now, inputs[4])[0][:, 0, : 2 * beams]
            maps = [one[:, -1, self.settings.size :] for one in inputs[5::2]]
            context = torch.cat([newest.posterior.mean, newest.state_before], dim=1)
            logits = logits + self.azimuths(sweep, maps, newest.present, context)
        return logits, blocked


def task_model(settings: VariationalSettings, outputs: int) -> nn.Sequential:
    """Four hidden layers with GELU, then the logits; fed with the latents of the window and the state."""
    sizes = (settings.frames * settings.shared + settings.state, *TASK_WIDTHS)
    layers: list[nn.Module] = []
    for inputs, hidden in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(settings.dropout)]
    return nn.Sequential(nn.LayerNorm(sizes[0]), *layers, nn.Linear(sizes[-1], outputs))
