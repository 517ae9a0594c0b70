# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each sensor sees in the direction of each beam: maps [batch, channels, beams], and their fusion.

All sensors stand at the base station, so what they see of the vehicle lies at one azimuth. On a grid of
azimuths they can be compared place by place, by layers that are the same for all beams: a vehicle further to
the left is the same vehicle, which a few streets do not teach a layer that sees all azimuths at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from semisac_ml.layers.radar import RangeDoppler, strongest_moving
from semisac_ml.layers.residual import surely_moved
from semisac_ml.signal.beam_codebook import beam_azimuths_rad

CHANNELS = 8  # of the map of a sensor
BANDS = 8  # of distance
HEIGHTS = 4  # bands of rows of a picture


def _along_azimuth(inputs: int, outputs: int, kernel: int = 5, dilation: int = 1) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, kernel, padding=dilation * (kernel // 2), dilation=dilation)


def _head(inputs: int, width: int = 32) -> nn.Sequential:
    return nn.Sequential(_along_azimuth(inputs, width), nn.ReLU(), _along_azimuth(width, CHANNELS), nn.ReLU())


class LidarMap(nn.Module):
    """Clouds [batch, points, 5] to maps: how many points moved, by distance. farthest_m: of the points."""

    def __init__(self, farthest_m: float, beams: int) -> None:
        super().__init__()
        self.register_buffer("azimuth_rad", torch.tensor(beam_azimuths_rad(beams), dtype=torch.float32))
        self.register_buffer("distance_m", (torch.arange(BANDS) + 0.5) * farthest_m / BANDS)
        self.head = _head(BANDS)

    def forward(self, points: Tensor) -> Tensor:
        x, y = points[..., 0], points[..., 1]
        distance_m = torch.sqrt(x.square() + y.square() + 1e-6)
        azimuth_rad = torch.atan2(y, x + 1e-6)
        moving = _share(distance_m, self.distance_m) * surely_moved(points)[..., None]
        count = moving.transpose(1, 2) @ _share(azimuth_rad, self.azimuth_rad)
        return self.head(torch.log1p(count))


def _share(values: Tensor, grid: Tensor) -> Tensor:
    """Share of each value [..] at each place of an even grid [places], linear between two, [.., places]."""
    spacing = grid[1] - grid[0]
    return torch.clamp(1.0 - (values[..., None] - grid).abs() / spacing, min=0.0)


class RadarMap(nn.Module):
    """Beat samples [batch, *shape, 2] to maps: the strongest moving echoes by distance.

    shape: antennas, samples, chirps.
    """

    def __init__(self, shape: tuple[int, int, int], beams: int) -> None:
        super().__init__()
        antennas, samples, chirps = shape
        self.transform = RangeDoppler(samples, chirps, learned=False)
        sine = torch.sin(torch.tensor(beam_azimuths_rad(beams), dtype=torch.float32))[:, None]
        angle = -math.pi * sine * torch.arange(antennas)
        self.register_buffer("steering", torch.stack([torch.cos(angle), torch.sin(angle)], -1) / antennas)
        self.head = _head(2 * BANDS)

    def forward(self, beat: Tensor) -> Tensor:
        with torch.no_grad():  # nothing is learnt before the head
            echoes = strongest_moving(self.transform(beat), self.steering, BANDS)
        return self.head(echoes)


class CameraMap(nn.Module):
    """Pictures [batch, *shape] to maps: where brightness changed, by height.

    shape: channels, rows, columns. view_deg: width of the camera's view, from which columns are sorted to
    azimuths at first; it is learnt.
    """

    def __init__(self, shape: tuple[int, int, int], beams: int, view_deg: float = 84.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, (2, 1), 1), nn.ReLU()
        )
        _, rows, columns = shape
        self.height = nn.MaxPool2d((rows // 4 // HEIGHTS, 1))
        columns //= 2
        place = (2.0 * torch.arange(columns) + 1.0) / columns - 1.0  # from left to right
        seen_rad = -torch.atan(place * math.tan(math.radians(view_deg) / 2.0))
        azimuth_rad = torch.tensor(beam_azimuths_rad(beams), dtype=torch.float32)
        apart = (seen_rad[:, None] - azimuth_rad) / (azimuth_rad[1] - azimuth_rad[0])
        near = torch.exp(-0.5 * apart.square())
        self.sorting = nn.Parameter(near / near.sum(dim=0, keepdim=True).clamp(min=1e-3))
        self.head = _head(16 * HEIGHTS)

    def forward(self, pictures: Tensor) -> Tensor:
        change = 2.0 * pictures[:, -1:] - 1.0
        maps = self.layers(torch.cat([4.0 * change, 4.0 * change.abs()], dim=1))
        return self.head(self.height(maps).flatten(1, 2) @ self.sorting)


class PlainMap(nn.Module):
    """Frames of so many values to maps, of a sensor of which nobody knows what it sees where."""

    def __init__(self, values: int, beams: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(values, CHANNELS * beams), nn.ReLU())
        self.beams = beams

    def forward(self, frames: Tensor) -> Tensor:
        return self.layers(frames).reshape(-1, CHANNELS, self.beams)


class AzimuthFusion(nn.Module):
    """Power and maps of sensors to a logit for each beam, by layers that are the same for all beams.

    modalities: how many there are, the sensors last. sensors: how many of them have maps. context: size of a
    vector that tells the rest.
    """

    def __init__(
        self, modalities: int, sensors: int, context: int, width: int = 48, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.sensors = sensors
        self.first = _along_azimuth(2 + CHANNELS * sensors + modalities, width, 9)
        self.context = nn.Linear(context, width)
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(dropout),
            _along_azimuth(width, width, 9, 2),
            nn.ReLU(),
            nn.Dropout(dropout),
            _along_azimuth(width, width, 5),
            nn.ReLU(),
            _along_azimuth(width, 1, 1),
        )

    def forward(self, sweep: Tensor, maps: list[Tensor], present: Tensor, context: Tensor) -> Tensor:
        """Logits [batch, beams].

        sweep: power of each beam, then whether it was measured, [batch, 2 x beams]. maps: of each sensor,
        [batch, channels x beams]. present: [batch, modalities]. context: [batch, context].
        """
        beams = sweep.shape[1] // 2
        seen = [sweep.reshape(-1, 2, beams)]
        for own, there in zip(maps, present[:, -self.sensors :].unbind(dim=1), strict=True):
            seen.append(own.reshape(-1, CHANNELS, beams) * there[:, None, None])
        seen.append(present[..., None].expand(-1, -1, beams))
        return self.layers(self.first(torch.cat(seen, dim=1)) + self.context(context)[..., None])[:, 0]
