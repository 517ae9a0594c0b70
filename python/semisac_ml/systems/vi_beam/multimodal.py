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
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.azimuth_maps import CHANNELS, MAPS, AzimuthFusion
from semisac_ml.layers.beam_features import BeamFeatures
from semisac_ml.layers.radar import MovingEchoes, RangeDoppler, compressed
from semisac_ml.layers.residual import (
    RESNET_18,
    PointNet,
    ResidualDecoder,
    ResidualEncoder,
    ResidualSettings,
)
from semisac_ml.layers.sensor_encoders import MappedEncoder, PictureEncoder, SensorEncoder
from semisac_ml.signal.sensor_inputs import CAMERA_SHAPE, RADAR_SHAPE
from semisac_ml.systems.vi_beam.model import FrameLatents, SequentialExperts, VariationalSettings

MODALITIES = ("power", "position", "camera", "lidar", "radar")
CELLS = (16, 8)  # of azimuth, of distance
WIDEST_RAD, FARTHEST_M = math.radians(60.0), 64.0
SHRUNK = 2  # decoded pictures and radar maps have half the rows and columns


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
        antennas, samples, chirps, _ = RADAR_SHAPE
        self.transform = RangeDoppler(samples, chirps, learned=True)
        self.residual = ResidualEncoder(2 * antennas, size, settings)
        self.moving = MovingEchoes(antennas, size)

    def forward(self, beat: Tensor) -> Tensor:
        plain = self.transform(beat)
        maps = compressed(plain if self.background else self.transform.without_background(plain))
        return self.residual(torch.cat([maps[..., 0], maps[..., 1]], dim=1)) + self.moving(plain)


class MultimodalVariational(SequentialExperts):
    """See the module's text. Its task model tells beams and, last, whether the vehicle is hidden."""

    def __init__(self, settings: MultimodalSettings) -> None:
        latents = settings.latents
        features = BeamFeatures(latents.sites, latents.beams)
        size = settings.size
        observed = (features.sweep_size, features.position_size, size, size, size)
        super().__init__(latents, observed, (latents.beams, 2, size, math.prod(CELLS), size))
        self.sizes = settings
        self.features = features
        dropout = latents.dropout
        seen = {"background": settings.background}
        told = {
            "camera": PictureEncoder(CAMERA_SHAPE, size, settings.camera, **seen),
            "lidar": PointNet(size, settings.points, **seen),
            "radar": RadarEncoder(size, settings.radar, **seen),
        }
        for kind, encoder in told.items():
            own = (MAPS[kind](latents.beams), CHANNELS * latents.beams)
            if settings.compared:
                told[kind] = MappedEncoder(encoder, size, dropout, *own)
            else:
                told[kind] = SensorEncoder(encoder, size, dropout, own if settings.azimuths else None)
        self.encoders = nn.ModuleDict(told)
        if settings.compared:
            context = latents.shared + latents.state
            self.azimuths = AzimuthFusion(len(MODALITIES), len(told), context, dropout=dropout)
        antennas, samples, chirps, _ = RADAR_SHAPE
        channels, rows, columns = CAMERA_SHAPE
        half = (rows // SHRUNK, columns // SHRUNK)
        self.mirrors = nn.ModuleDict(
            {
                "camera": ResidualDecoder(size, channels, *half, 3, settings.mirror),
                "radar": ResidualDecoder(
                    size, 2 * antennas, samples // SHRUNK, chirps // SHRUNK, 3, settings.mirror
                ),
            }
        )

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
        LiDAR; of camera and radar what `picture_told` and `radar_told` make more of.
        """
        return [
            decoder(frame.shared_value, private, frame.state_before, at)
            for decoder, private in zip(self.decoders, frame.private_value, strict=True)
        ]

    def picture_told(self, vectors: Tensor) -> Tensor:
        """Pictures of half the size, [batch, 4, rows, columns]."""
        return self.mirrors["camera"](vectors)

    def radar_told(self, vectors: Tensor) -> Tensor:
        """Beat samples that the mirrored radar network tells, [batch, antennas, samples, chirps, 2]."""
        maps = functional.interpolate(self.mirrors["radar"](vectors), scale_factor=SHRUNK)
        real, imaginary = maps.chunk(2, dim=1)
        return self.encoders["radar"].encoder.transform.inverse(torch.stack([real, imaginary], dim=-1))

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


def cells(points: Tensor) -> Tensor:
    """How full cells of azimuth and distance are, 0 to 1, float32 [batch, 128]: what the decoder tells."""
    distance = torch.sqrt(points[..., :2].square().sum(dim=2))
    azimuth = torch.atan2(points[..., 1], points[..., 0])
    column = ((azimuth / WIDEST_RAD + 1.0) / 2.0 * CELLS[0]).long()
    row = (distance / FARTHEST_M * CELLS[1]).long()
    inside = (column >= 0) & (column < CELLS[0]) & (row < CELLS[1]) & (distance > 0)
    place = torch.where(inside, column * CELLS[1] + row, torch.zeros_like(row))
    count = torch.zeros(len(points), math.prod(CELLS), device=points.device)
    count.scatter_add_(1, place, inside.to(count.dtype))
    return torch.tanh(count / 8.0)
