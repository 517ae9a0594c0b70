# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tuned system makes of its sensors: features of the radar's estimate, a glimpse of the target."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.layers.residual import ResidualBlock, ResidualSettings
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar

from .biformer import BiFormer, BiFormerSettings
from .echo_peak import EchoPeak
from .fusion import SignalExtractor

OCTAVES = 9
BEYOND = 0.1
"""Of the normalised states' range that their grid reaches further on either side."""
SURE = 25.0
"""How surely the first guess of a place is held, at first: 1/(2 deviation^2), of a seventh of the frame."""
LOOKS = 2
"""How often a place is looked at more closely, to move and to fit the box."""
LEAST_HALF = 0.005
WIDER = 1.8
"""Side of what is then looked at over that of the box."""
FEATURES = 4 + 3 * 2 * OCTAVES
"""Numbers that the radar becomes."""
STANDS_OUT = 4.5
"""Greatest value of a radar's map over its floor, the geometric mean: noise alone has up to 4, a target of
22 dB behind the matched filter over everything 5 or more, wherever it is between cells."""


def waves(values: Tensor) -> Tensor:
    """Values in 0 to 1 as cosines and sines of 1/2, 1, 2, ... turns, [..., 2 OCTAVES]."""
    angle = math.pi * values[..., None] * 2.0 ** torch.arange(OCTAVES, device=values.device)
    return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-1)


def in_unit(normalised: Tensor) -> Tensor:
    """Normalised states with what lies BEYOND them on either side as 0 to 1; limited."""
    return ((normalised + BEYOND) / (1.0 + 2.0 * BEYOND)).clamp(0.0, 1.0)


class RadarFeatures(nn.Module):
    """Echoes to vectors: the estimate of the peak, [batch, FEATURES], and whether there is one, [batch, 1].

    low, span: [3], of distance in m, azimuth in rad, closing speed in m/s: what 0 and 1 stand for.
    """

    def __init__(self, radar: LfmSimoRadar) -> None:
        super().__init__()
        self.peak = EchoPeak(radar)

    def forward(self, echoes: Tensor, low: Tensor, span: Tensor) -> tuple[Tensor, Tensor]:
        state, snr, power = self.peak(echoes)
        distance, sine, velocity = state.unbind(dim=1)
        azimuth = torch.asin(sine.clamp(-1.0, 1.0))
        unit = in_unit((torch.stack([distance, azimuth, velocity], dim=1) - low) / span)
        loud = torch.log10(snr)[:, None] / 4.0
        said = torch.cat([2.0 * unit - 1.0, loud, waves(unit).flatten(1)], dim=1)
        return said, _is_heard(power).to(said.dtype)[:, None]


def _is_heard(power: Tensor) -> Tensor:
    """Whether a target stands out of maps of power over noise [batch, ...]: [batch].

    By the more, the louder the floor is: a jammer lifts it, and is louder in some cells than in others.
    """
    floor = torch.exp(torch.log(power.flatten(1).clamp(min=1e-6)).mean(dim=1))
    return power.flatten(1).amax(dim=1) > STANDS_OUT * floor * floor.clamp(min=1.0)


class LearnedFeatures(nn.Module):
    """Echoes to as many numbers by the paper's complex convolutions, to see what the estimate is worth."""

    def __init__(self, radar: LfmSimoRadar) -> None:
        super().__init__()
        length = radar.range_bins * radar.pulses
        shape = ((16, 32, 64), (9, 7, 5), (4, 4, 4))
        self.extractor = SignalExtractor(radar.antennas, length, 2, FEATURES // 2, *shape)

    def forward(self, echoes: Tensor, low: Tensor, span: Tensor) -> tuple[Tensor, Tensor]:
        return self.extractor(echoes).flatten(1), echoes.new_ones(len(echoes), 1)


class Glimpse(nn.Module):
    """Where in the picture the target is, and what is there.

    The query guesses a place, for distance and azimuth tell one. A first look at low resolution gives
    features on a grid; those near the guess are compared with the query, and the mean place of what is most
    alike is the middle of a box. Then what the box holds, and what is round it, is looked at as it was taken,
    and the box is moved and fitted, twice: a car is a few cells of the grid.

    vision: of the first look. size: of vectors. frame, side: of the frame and of the part in pixels.
    """

    def __init__(self, vision: BiFormerSettings, size: int, frame: int, side: int) -> None:
        super().__init__()
        widths = vision.widths
        self.side, self.shrunk = side, frame // vision.picture
        self.backbone = BiFormer(vision)
        self.keys = nn.Conv2d(widths[1] + widths[3], size, 1)
        self.query = nn.Linear(size, size)
        self.guess = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.Linear(size, 3))
        self.extent = nn.Sequential(nn.Linear(2 * size, size), nn.GELU(), nn.Linear(size, 4))
        cells = vision.picture // 8
        place = (torch.arange(cells) + 0.5) / cells
        rows, columns = torch.meshgrid(place, place, indexing="ij")
        self.register_buffer("places", torch.stack([columns, rows], dim=-1).reshape(-1, 2), persistent=False)
        self.where = nn.Parameter(0.02 * torch.randn(1, size, cells, cells))
        steps = 2.0 * (torch.arange(self.side) + 0.5) / self.side - 1.0
        self.register_buffer("steps", steps, persistent=False)

        self.closer = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(48, 48, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(48 * (side // 8) ** 2, size),
        )
        self.fit = nn.Sequential(nn.GELU(), nn.Linear(size, size), nn.GELU(), nn.Linear(size, 4))
        self.told = nn.Linear(size, size)

    def forward(self, frames: Tensor, query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (middle x, y, half width, height, of the frame's sides, [batch, 1 + LOOKS, 4]), the last one
        best; its part of the frame [batch, 3, side, side]; and what the whole frame says [batch, size].
        """
        maps, kept = functional.avg_pool2d(frames, self.shrunk), []
        maps = 4.0 * (maps - 0.5)
        for stage in self.backbone.stages:
            maps = stage(maps)
            kept.append(maps)
        coarse = functional.interpolate(self.backbone.norm(maps), scale_factor=4.0, mode="nearest")
        keys = (self.keys(torch.cat([kept[1], coarse], dim=1)) + self.where).flatten(2)
        guess = self.guess(query)
        apart = (self.places - torch.sigmoid(guess[:, None, :2])).square().sum(dim=2)
        alike = (self.query(query)[:, None] @ keys)[:, 0] / keys.shape[1] ** 0.5
        alike = torch.softmax(alike - functional.softplus(guess[:, 2:] + SURE) * apart, dim=1)
        seen = (keys @ alike[:, :, None])[:, :, 0]
        moved = self.extent(torch.cat([seen, query], dim=1))
        middle = alike @ self.places + 0.1 * torch.tanh(moved[:, :2])
        half = LEAST_HALF + 0.48 * torch.sigmoid(moved[:, 2:] - 2.5)
        boxes = [torch.cat([middle, half], dim=1)]
        told = self.told(query)
        for _ in range(LOOKS):
            # where to look is learned from boxes: what a picture gains by a shift of its part is mostly noise
            last = boxes[-1].detach()
            middle, half = last[:, :2], last[:, 2:]
            around = self.part(frames, torch.cat([middle, WIDER * half], dim=1))
            moved = self.fit(self.closer(2.0 * around - 1.0) + told)
            middle = middle + half * WIDER * torch.tanh(moved[:, :2])
            half = (half * torch.exp(torch.tanh(moved[:, 2:]))).clamp(LEAST_HALF, 0.5)
            boxes.append(torch.cat([middle, half], dim=1))
        return torch.stack(boxes, dim=1), self.part(frames, boxes[-1].detach()), seen

    def part(self, frames: Tensor, box: Tensor) -> Tensor:
        """The part of frames in a box; black outside."""
        x = 2.0 * (box[:, 0:1] + box[:, 2:3] * self.steps) - 1.0
        y = 2.0 * (box[:, 1:2] + box[:, 3:4] * self.steps) - 1.0
        grid = torch.stack(
            [
                x[:, None, :].expand(-1, self.side, -1),
                y[:, :, None].expand(-1, -1, self.side),
            ],
            dim=-1,
        )
        return functional.grid_sample(frames, grid, align_corners=False)


def boxes_apart(found: Tensor, truth: Tensor) -> Tensor:
    """How far boxes [batch, looks, 4] are from the true ones [batch, 4], in their halves, float32 [batch].

    A closer look counts where it sees the target: its middle, at less than e times its size.
    """
    middle, half = truth[:, None, :2], truth[:, None, 2:]
    moved = (found[..., :2] - middle) / half
    scaled = torch.log(found[..., 2:] / half)
    apart = torch.cat([moved, scaled], dim=2)
    each = functional.smooth_l1_loss(apart, torch.zeros_like(apart), reduction="none").mean(dim=2)
    before, within = found[:, :-1].detach(), WIDER * found[:, :-1, 2:].detach()
    sees = ((before[..., :2] - middle).abs() < within).all(dim=2)
    sees &= (scaled[:, :-1].detach().abs() < 1.0).all(dim=2)
    return torch.cat([each[:, :1], each[:, 1:] * sees], dim=1).mean(dim=1)


class PictureEncoder(nn.Module):
    """Parts of pictures [batch, 3, side, side] to [batch, SEEN^2, size]."""

    def __init__(self, size: int) -> None:
        super().__init__()
        settings = ResidualSettings()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 24, 3, padding=1),
            ResidualBlock(24, 32, 2, settings),
            ResidualBlock(32, 64, 2, settings),
            ResidualBlock(64, size, 2, settings),
            nn.Conv2d(size, size, 1),
        )

    def forward(self, parts: Tensor) -> Tensor:
        return self.layers(2.0 * parts - 1.0).flatten(2).transpose(1, 2)
