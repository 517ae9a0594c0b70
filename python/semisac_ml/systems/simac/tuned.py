# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""SIMAC, tuned: the radar's estimate leads the eye, symbols are analog, deviations are told.

What differs from the paper's networks, and why:

- The radar is processed as radars are (:mod:`.echo_peak`); its estimate goes in as sines and cosines of
  rising frequency, which a few symbols can carry at the accuracy of the radar.
- The picture is looked at twice: small, to find which part of it shows what the radar hears, then that part
  as it was taken. A car of 30 pixels is 8 in the paper's thumbnail.
- The channel's state goes in as numbers, and every vector hears it: in the paper the sentence stands behind
  what GPT-2, which looks back only, could tell it.
- Symbols are analog, 3136 complex ones: as many as the small network of the paper's form sends with 16QAM,
  half of those with QPSK.
- A sensor may be missing: in training either is, now and then.
- Distance, angle and velocity come with a posterior distribution: weights of Gaussians on a grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.channels.fading import FadingChannel, noise_variance
from semisac_ml.layers.residual import ResidualBlock, ResidualSettings
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar

from .biformer import BiFormer, BiFormerSettings
from .decoder import TransformerBlock
from .echo_peak import EchoPeak
from .language import CHANNEL_NUMBERS
from .model import ChannelState
from .samples import STATES

SENSORS = ("camera", "radar")
OCTAVES = 8
SEEN = 7
"""Side of the grid of vectors that the picture becomes; doubled three times it is the picture's side."""
OTHERS = 15
"""Vectors beside those of the picture."""
REALS = 98
"""Of each vector that are sent: 64 vectors are 3136 complex symbols."""
FARTHEST_M = 160.0
BEYOND = 0.1
"""Of the normalised states' range that their grid reaches further on either side."""


@dataclass(frozen=True)
class TunedSettings:
    """Sizes.

    frame: side of what the camera shows, halved for the first look. picture: side of the target's picture.
    size: of a vector. blocks: transformer blocks of encoder and decoder each. states: points of a state's
    grid. missing: how often a sensor is, in training, each. sensors: those that there are at all.
    """

    frame: int = 256
    picture: int = 56
    size: int = 128
    blocks: int = 2
    heads: int = 4
    states: int = 128
    missing: float = 0.15
    sensors: tuple[str, ...] = SENSORS
    vision: BiFormerSettings = BiFormerSettings(
        128, widths=(32, 64, 96, 128), depths=(1, 1, 2, 1), routed=(1, 2, 4, 16), regions=4
    )
    radar: LfmSimoRadar = LfmSimoRadar()

    def __post_init__(self) -> None:
        if self.frame != 2 * self.vision.picture:
            raise ValueError(f"frame is {self.frame} pixels, expected {2 * self.vision.picture}")
        if self.picture != 8 * SEEN:
            raise ValueError(f"picture is {self.picture} pixels, expected {8 * SEEN}")

    @classmethod
    def variant(cls, name: str) -> TunedSettings:
        """ "tuned"; "tuned, camera" or "tuned, radar" with one sensor; "tuned, both" without failures.

        Raises ValueError for any other name.
        """
        changed = {
            "tuned": {},
            "tuned, camera": {"sensors": ("camera",), "missing": 0.0},
            "tuned, radar": {"sensors": ("radar",), "missing": 0.0},
            "tuned, both": {"missing": 0.0},
        }
        if name not in changed:
            raise ValueError(f"variant is {name!r}, expected one of {', '.join(changed)}")
        return cls(**changed[name])

    @property
    def frame_pixels(self) -> int:
        """Side of the frames that go in."""
        return self.frame

    @property
    def picture_pixels(self) -> int:
        """Side of the pictures that come out."""
        return self.picture

    @property
    def values(self) -> int:
        """Real values that are sent."""
        return (SEEN**2 + OTHERS) * REALS


def waves(values: Tensor) -> Tensor:
    """Values in 0 to 1 as cosines and sines of 1/2, 1, 2, ... turns, [..., 2 OCTAVES]."""
    angle = math.pi * values[..., None] * 2.0 ** torch.arange(OCTAVES, device=values.device)
    return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-1)


class RadarFeatures(nn.Module):
    """Echoes to vectors: the estimate of the peak, [batch, features]."""

    size = 4 + 3 * 2 * OCTAVES

    def __init__(self, radar: LfmSimoRadar) -> None:
        super().__init__()
        self.peak = EchoPeak(radar)
        self.fastest_mps = radar.fastest_mps

    def forward(self, echoes: Tensor) -> Tensor:
        state, snr, _ = self.peak(echoes)
        distance, sine, velocity = state.unbind(dim=1)
        unit = torch.stack(
            [distance / FARTHEST_M, (sine + 1.0) / 2.0, (velocity / self.fastest_mps + 1.0) / 2.0], dim=1
        )
        loud = torch.log10(snr)[:, None] / 4.0
        return torch.cat([2.0 * unit - 1.0, loud, waves(unit).flatten(1)], dim=1)


class Glimpse(nn.Module):
    """Where in the picture the target is, and what is there.

    A first look at half the resolution gives features on a grid; the query is compared with them. Of where it
    is most alike the mean place is the middle of the part that is cut out.
    """

    def __init__(self, settings: TunedSettings) -> None:
        super().__init__()
        widths, size = settings.vision.widths, settings.size
        self.side = settings.picture
        self.backbone = BiFormer(settings.vision)
        self.keys = nn.Conv2d(widths[1] + widths[3], size, 1)
        self.query = nn.Linear(size, size)
        self.extent = nn.Sequential(nn.Linear(2 * size, size), nn.GELU(), nn.Linear(size, 4))
        cells = settings.vision.picture // 8
        place = (torch.arange(cells) + 0.5) / cells
        rows, columns = torch.meshgrid(place, place, indexing="ij")
        self.register_buffer("places", torch.stack([columns, rows], dim=-1).reshape(-1, 2), persistent=False)
        self.where = nn.Parameter(0.02 * torch.randn(1, size, cells, cells))
        steps = 2.0 * (torch.arange(self.side) + 0.5) / self.side - 1.0
        self.register_buffer("steps", steps, persistent=False)

    def forward(self, frames: Tensor, query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Box (middle x, y, half width, height, of the frame's sides, [batch, 4]), the part [batch, 3, side,
        side], and what the whole frame says [batch, size].
        """
        maps, kept = functional.avg_pool2d(frames, 2), []
        maps = 4.0 * (maps - 0.5)
        for stage in self.backbone.stages:
            maps = stage(maps)
            kept.append(maps)
        coarse = functional.interpolate(self.backbone.norm(maps), scale_factor=4.0, mode="nearest")
        keys = (self.keys(torch.cat([kept[1], coarse], dim=1)) + self.where).flatten(2)
        alike = torch.softmax((self.query(query)[:, None] @ keys)[:, 0] / keys.shape[1] ** 0.5, dim=1)
        seen = (keys @ alike[:, :, None])[:, :, 0]
        moved = self.extent(torch.cat([seen, query], dim=1))
        middle = alike @ self.places + 0.1 * torch.tanh(moved[:, :2])
        half = 0.02 + 0.48 * torch.sigmoid(moved[:, 2:] - 2.0)
        box = torch.cat([middle, half], dim=1)
        return box, self.part(frames, box), seen

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


class TunedEncoder(nn.Module):
    """What the transmitter runs: sensors and the channel's state to symbols."""

    def __init__(self, settings: TunedSettings) -> None:
        super().__init__()
        size = settings.size
        self.features = RadarFeatures(settings.radar)
        self.query = nn.Sequential(nn.Linear(RadarFeatures.size, size), nn.GELU(), nn.Linear(size, size))
        self.heard = nn.Linear(RadarFeatures.size, OTHERS * size)
        self.glimpse = Glimpse(settings)
        self.picture = PictureEncoder(size)
        self.box = nn.Linear(4 * 2 * OCTAVES + size, OTHERS * size)
        self.channel = nn.Linear(CHANNEL_NUMBERS, size)
        self.unheard, self.unseen = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))
        self.place = nn.Parameter(0.02 * torch.randn(SEEN**2 + OTHERS, size))
        self.blocks = nn.Sequential(*(TransformerBlock(size, settings.heads) for _ in range(settings.blocks)))
        self.leave = nn.Linear(size, REALS)

    def forward(
        self, frames: Tensor, echoes: Tensor, numbers: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Symbols and the box that was looked at.

        Parameters
        ----------
        frames : Tensor, float32 [batch, 3, frame, frame]
        echoes : Tensor, float32 [batch, antennas, length, 2]
        numbers : Tensor, float32 [batch, CHANNEL_NUMBERS]
        present : Tensor, float32 [batch, 2]
            1 where the camera, the radar works.

        Returns
        -------
        symbols : Tensor, float32 [batch, SEEN^2 + OTHERS, REALS]
            Mean square 1/2: I and Q of complex symbols of unit power.
        box : Tensor, float32 [batch, 4]
        """
        camera, radar = present[:, 0:1], present[:, 1:2]
        features = self.features(echoes) * radar
        query = self.query(features) * radar + (1.0 - radar) * self.unheard
        box, part, context = self.glimpse(frames * camera[:, :, None, None], query)
        seen = self.picture(part) * camera[:, :, None] + (1.0 - camera[:, :, None]) * self.unseen
        looked = self.box(torch.cat([waves(box).flatten(1), context], dim=1)) * camera
        others = (self.heard(features) + looked).unflatten(1, (OTHERS, -1))
        tokens = torch.cat([seen, others], dim=1) + self.place + self.channel(numbers)[:, None]
        sent = self.leave(self.blocks(tokens))
        power = sent.square().mean(dim=(1, 2), keepdim=True)
        return sent * torch.rsqrt(2.0 * power + 1e-9), box


class TunedDecoder(nn.Module):
    """What the receiver runs: equalised symbols [batch, SEEN^2 + OTHERS, REALS] and their worth [batch]."""

    def __init__(self, settings: TunedSettings) -> None:
        super().__init__()
        size, count = settings.size, settings.states
        self.enter = nn.Linear(REALS, size)
        self.worth = nn.Sequential(nn.Linear(2, size), nn.GELU(), nn.Linear(size, size))
        self.place = nn.Parameter(0.02 * torch.randn(SEEN**2 + OTHERS, size))
        self.blocks = nn.Sequential(*(TransformerBlock(size, settings.heads) for _ in range(settings.blocks)))
        inner = ResidualSettings()
        layers: list[nn.Module] = []
        for own, following in ((size, 64), (64, 32), (32, 24)):
            layers += [
                ResidualBlock(own, own, 1, inner),
                nn.Conv2d(own, 4 * following, 1),
                nn.PixelShuffle(2),
            ]
        self.picture = nn.Sequential(*layers, nn.Conv2d(24, 3, 3, padding=1))
        self.state = nn.Sequential(nn.Linear(OTHERS * size, 2 * size), nn.GELU())
        self.weights = nn.Linear(OTHERS * size + 2 * size, len(STATES) * (count + 2))
        self.step = (1.0 + 2.0 * BEYOND) / (count - 1)
        grid = torch.linspace(-BEYOND, 1.0 + BEYOND, count)
        self.register_buffer("grid", grid, persistent=False)
        self.register_buffer("widening", torch.ones(len(STATES)))

    def posterior(self, received: Tensor, worth: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logarithms of weights [batch, 3, grid], shift and width of the Gaussians [batch, 3], picture."""
        told = torch.stack([worth, torch.log10(1.001 - worth)], dim=1)
        tokens = self.enter(received) + self.place + self.worth(told)[:, None]
        tokens = self.blocks(tokens)
        seen, others = tokens[:, : SEEN**2], tokens[:, SEEN**2 :].flatten(1)
        maps = seen.transpose(1, 2).unflatten(2, (SEEN, SEEN))
        said = self.weights(torch.cat([others, self.state(others)], dim=1)).unflatten(1, (len(STATES), -1))
        shift = self.step * torch.tanh(said[..., -2])
        width = self.step * (0.05 + functional.softplus(said[..., -1]))
        return torch.log_softmax(said[..., :-2], dim=2), shift, width, self.picture(maps) + 0.5

    def forward(self, received: Tensor, worth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States and their deviations, float32 [batch, 3], normalised, and pictures."""
        weights, shift, width, picture = self.posterior(received, worth)
        mean, deviation = self.moments(weights, shift, width)
        return mean, deviation * self.widening, picture

    def moments(self, weights: Tensor, shift: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of a posterior."""
        share = weights.exp()
        mean = share @ self.grid
        variance = (share * (self.grid - mean[..., None]).square()).sum(dim=2) + width.square()
        return mean + shift, variance.sqrt()


def equalised(received: Tensor, gain: Tensor, snr_db: Tensor) -> tuple[Tensor, Tensor]:
    """Estimates of symbols of unit power, and their worth, 1 - mean squared error.

    Parameters
    ----------
    received : Tensor, complex64 [batch, symbols]
    gain : Tensor, complex64 [batch]
    snr_db : Tensor, float32 [batch]
    """
    power = torch.view_as_real(gain).square().sum(dim=1)
    whole = power + noise_variance(snr_db)
    return received * (gain.conj() / whole)[:, None], power / whole


class TunedSimac(nn.Module):
    """Encoder and decoder; `forward` is the whole way."""

    def __init__(self, settings: TunedSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = TunedEncoder(settings)
        self.decoder = TunedDecoder(settings)

    def forward(
        self,
        frames: Tensor,
        echoes: Tensor,
        state: ChannelState,
        fading: str,
        generator: torch.Generator,
        sensors: tuple[str, ...] = SENSORS,
    ) -> dict[str, Tensor]:
        """Outputs by task, "<state>_deviation" beside each, and what `losses` needs.

        sensors: that work; in training some of them do not.
        """
        present = self._present(len(frames), generator, frames.device, sensors)
        symbols, box = self.encoder(frames, echoes, state.numbers, present)
        pairs = torch.view_as_complex(symbols.flatten(1).unflatten(1, (-1, 2)).contiguous())
        heard, gain = FadingChannel(fading)(pairs, state.snr_db, generator)
        estimate, worth = equalised(heard, gain, state.snr_db)
        received = torch.view_as_real(estimate).flatten(1).view_as(symbols)
        weights, shift, width, picture = self.decoder.posterior(received, worth)
        mean, deviation = self.decoder.moments(weights, shift, width)
        found = {"picture": picture, "box": box, "weights": weights, "shift": shift, "width": width}
        found["camera"] = present[:, 0]
        for place, task in enumerate(STATES):
            found[task] = mean[:, place]
            found[f"{task}_deviation"] = deviation[:, place] * self.decoder.widening[place]
        return found

    def _present(
        self, count: int, generator: torch.Generator, device: torch.device, sensors: tuple[str, ...]
    ) -> Tensor:
        working = [float(name in self.settings.sensors and name in sensors) for name in SENSORS]
        present = torch.tensor(working, device=device).expand(count, -1).clone()
        if self.training and self.settings.missing:
            draw = torch.rand(count, generator=generator, device=device)
            present[:, 0] *= draw >= self.settings.missing
            present[:, 1] *= draw < 1.0 - self.settings.missing
        return present

    def losses(self, found: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
        """Negative logarithms of the posterior at the truth, mean absolute errors of picture and box."""
        grid = self.decoder.grid
        losses = {}
        for place, task in enumerate(STATES):
            width = found["width"][:, place, None]
            off = (truth[task][:, None] - grid - found["shift"][:, place, None]) / width
            logarithm = found["weights"][:, place] - 0.5 * off.square() - torch.log(width)
            losses[task] = -torch.logsumexp(logarithm, dim=1).mean()
        losses["picture"] = (found["picture"] - truth["picture"]).abs().mean()
        apart = (found["box"] - truth["box"]).abs().mean(dim=1) * found["camera"]
        losses["box"] = apart.mean()
        return losses
