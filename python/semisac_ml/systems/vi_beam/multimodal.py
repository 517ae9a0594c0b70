# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variational model of power, position, camera, LiDAR and radar.

Radar: learnable window and approximately unitary Fourier transform, then a residual network with group
normalisation, Eqs. (51) to (55); its decoder mirrors it, with PixelShuffle, inverse transform and the window
undone. Camera: the same residual network and mirror on pictures. LiDAR: PointNet; its decoder tells how full
each of 16 x 8 cells of azimuth and distance is.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.azimuth_maps import CHANNELS, AzimuthFusion
from semisac_ml.layers.beam_features import BeamFeatures
from semisac_ml.layers.radar import MovingEchoes, RangeDoppler, compressed
from semisac_ml.layers.residual import RESNET_18, ResidualEncoder, ResidualSettings
from semisac_ml.layers.sensor_encoders import EncoderSizes, MappedEncoder, SensorEncoder
from semisac_ml.sensors import declared
from semisac_ml.sensors.radar import DECODED, SHAPE
from semisac_ml.systems.vi_beam.model import FrameLatents, SequentialExperts, VariationalSettings

MODALITIES = ("power", "position", *declared())


@dataclass(frozen=True)
class MultimodalSettings:
    """Sizes.

    latents: of the shared and private latents, state and task. size: of what an encoder tells of a frame.
    camera, radar: residual networks. background: see sensor_encoders. points: width of PointNet. mirror:
    channels of the decoders' last stage. azimuths: whether encoders also see maps of azimuths
    (layers.azimuth_maps). compared: whether power and these maps of the newest frame are instead compared
    azimuth by azimuth, which is added to what the task model says.
    """

    latents: VariationalSettings
    size: int = 64
    camera: ResidualSettings = field(default_factory=ResidualSettings)
    radar: ResidualSettings = field(default_factory=lambda: ResidualSettings(stem=(3, 4), grid=(4, 4)))
    background: bool = False
    points: int = 64
    mirror: int = 8
    azimuths: bool = True
    compared: bool = False


PAPER = {
    "size": 256,
    "camera": RESNET_18,
    "background": True,
    "radar": dataclasses.replace(RESNET_18, grid=(4, 4)),
    "points": 256,
    "mirror": 32,
    "azimuths": False,
}


class RadarEncoder(nn.Module):
    """Beat samples [batch, antennas, samples, chirps, 2] to vectors, through a learned transform."""

    def __init__(self, size: int, settings: ResidualSettings, *, background: bool) -> None:
        super().__init__()
        self.background = background
        antennas, samples, chirps, _ = SHAPE
        self.transform = RangeDoppler(samples, chirps, learned=True)
        self.residual = ResidualEncoder(2 * antennas, size, settings)
        self.moving = MovingEchoes(antennas, size)

    def forward(self, beat: Tensor) -> Tensor:
        plain = self.transform(beat)
        maps = compressed(plain if self.background else self.transform.without_background(plain))
        return self.residual(torch.cat([maps[..., 0], maps[..., 1]], dim=1)) + self.moving(plain)

    def beat(self, halves: Tensor) -> Tensor:
        """Beat samples of maps of half the size, real parts of all antennas before the imaginary ones."""
        real, imaginary = functional.interpolate(halves, scale_factor=DECODED).chunk(2, dim=1)
        return self.transform.inverse(torch.stack([real, imaginary], dim=-1))


class MultimodalVariational(SequentialExperts):
    """See the module's text. Its task model tells beams and, last, whether the vehicle is hidden."""

    def __init__(self, settings: MultimodalSettings) -> None:
        latents = settings.latents
        features = BeamFeatures(latents.sites, latents.beams)
        size = settings.size
        sensors = declared()
        observed = (features.sweep_size, features.position_size, *[size] * len(sensors))
        told_of = (one.told(size) for one in sensors.values())
        super().__init__(latents, observed, (latents.beams, 2, *told_of))
        self.sizes = settings
        self.features = features
        dropout = latents.dropout
        sizes = EncoderSizes(settings.camera, settings.points, settings.background)
        told = {kind: one.encoder(size, sizes) for kind, one in sensors.items() if kind != "radar"}
        told["radar"] = RadarEncoder(size, settings.radar, background=settings.background)
        for kind, encoder in told.items():
            own = (sensors[kind].azimuth_map(latents.beams), CHANNELS * latents.beams)
            if settings.compared:
                told[kind] = MappedEncoder(encoder, size, dropout, *own)
            else:
                told[kind] = SensorEncoder(encoder, size, dropout, own if settings.azimuths else None)
        self.encoders = nn.ModuleDict(told)
        if settings.compared:
            context = latents.shared + latents.state
            self.azimuths = AzimuthFusion(len(MODALITIES), len(told), context, dropout=dropout)
        mirrors = {kind: one.mirror(size, settings.mirror) for kind, one in sensors.items()}
        self.mirrors = nn.ModuleDict({kind: one for kind, one in mirrors.items() if one is not None})

    def latents(self, *inputs: Tensor, sample: bool = False) -> tuple[list[FrameLatents], Tensor]:
        """Latents of all frames and the features of the site; inputs: see SensorInputs."""
        power, position, at = self.features(*inputs[:5])
        sensed, known = [one[..., : self.sizes.size] for one in inputs[5::2]], inputs[6::2]
        there = torch.stack([inputs[1].amax(dim=2), inputs[3], *known], dim=2)
        frames = self.latents_of([power, position, *sensed], there, at, sample=sample, empty=0)
        return frames, at

    def told(self, frame: FrameLatents, at: Tensor) -> list[Tensor]:
        """What the decoders tell of a frame, [batch, values] of each modality.

        Power in dB against what is usual, position in metres from the middle of the street, and cells of
        LiDAR; of camera and radar what `residual` makes more of.
        """
        return [
            decoder(frame.shared_value, private, frame.state_before, at)
            for decoder, private in zip(self.decoders, frame.private_value, strict=True)
        ]

    def residual(self, kind: str, truth: Tensor, told: Tensor) -> Tensor:
        """Frames of a sensor minus what the decoders tell of them, [frames, values]."""
        if kind in self.mirrors:
            told = self.mirrors[kind](told)
        if kind == "radar":
            told = self.encoders[kind].encoder.beat(told)
        return declared()[kind].residual(truth, told)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the beams [batch, beams] and of blockage [batch]; inputs: see SensorInputs."""
        return self.predicted(self.latents(*inputs)[0], *inputs)

    def predicted(self, frames: list[FrameLatents], *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the beams and of blockage, of latents that were made of these inputs."""
        beams, newest = self.settings.beams, frames[-1]
        outputs = self.task_logits(frames)
        logits, blocked = outputs[:, :beams], outputs[:, beams]
        if self.sizes.compared:
            now = [one[:, -1:] for one in inputs[:4]]
            sweep = self.features(*now, inputs[4])[0][:, 0, : 2 * beams]
            maps = [one[:, -1, self.sizes.size :] for one in inputs[5::2]]
            context = torch.cat([newest.posterior.mean, newest.state_before], dim=1)
            logits = logits + self.azimuths(sweep, maps, newest.present, context)
        return logits, blocked
