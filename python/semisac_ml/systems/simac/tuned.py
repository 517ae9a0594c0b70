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
- A sensor may be missing: in training either is, now and then. A radar that is jammed, or hears no target, is
  taken to be missing.
- The radar's features also go straight to the symbols, and what is received straight to the posterior, whose
  logarithm is linear in what was received, times the SNR, if symbols are linear in the features.
- So do pixels (:mod:`.pixels`): they are seen from the first step on, and the transformers learn outlines.
- Distance, angle and velocity come with a posterior distribution on a grid. What is told of them is the mean
  of its middle 80 % and the width of its middle 90 %: a small share of it at another car moves neither.
- The eye may have looked at another car, and the posterior knows it: a radar that is sure overrules it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.channels.digital import DigitalChannel
from semisac_ml.channels.fading import FadingChannel, noise_variance
from semisac_ml.layers.residual import ResidualBlock, ResidualSettings
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar

from .biformer import BiFormerSettings
from .decoder import TransformerBlock
from .glimpse import (
    BEYOND,
    FEATURES,
    OCTAVES,
    Glimpse,
    LearnedFeatures,
    PictureEncoder,
    RadarFeatures,
    boxes_apart,
    in_unit,
    waves,
)
from .language import CHANNEL_NUMBERS
from .model import ChannelState
from .pixels import ToNumbers, ToPixels
from .samples import STATES, Limits
from .scoring import HALF_WIDTH, NOMINAL_COVERAGE

SENSORS = ("camera", "radar")
SEEN = 7
"""Side of the grid of vectors that the picture becomes; doubled three times it is the picture's side."""
OTHERS = 15
"""Vectors beside those of the picture."""
REALS = 98
"""Of each vector that are sent: 64 vectors are 3136 complex symbols."""
LEAST_NOISE = 0.003
"""What symbols are taken to be wrong by at least, as a share of their power."""
GAIN = 1.0 / 30.0
"""Of what is received, times its precision, so that weights of the straight way are of the usual size."""
SENT_ALONE = 0.35
"""Of symbols before they are scaled to unit power, the size at first."""
DISTRUST = -4.0
"""Of what the radar's symbols say, at first: a logit."""
ASTRAY = 0.01
"""How often the eye is taken to have looked at another car, which then may be anywhere."""
MIDDLE = 0.8
"""Share of a posterior whose mean is told."""
LEAST_SHARE = 1e-20
"""Of a step of the grid, so that it can be divided by."""


@dataclass(frozen=True)
class TunedSettings:
    """Sizes.

    frame: side of what the camera shows, several times that of the first look. picture: side of the target's
    picture. size: of a vector. blocks: transformer blocks of encoder and decoder each. states: points of a
    state's grid. missing: how often a sensor is, in training, each. sensors: those that there are at all.

    To be taken away, one at a time, to see what it is worth: estimate, of the radar, for convolutions of its
    echoes; glimpse, for the whole frame; told, the channel's state; analog symbols, for two bits a value,
    modulated by Eq. (50): as many channel uses as the small network of the paper's form; direct, the straight
    way of the radar's features beside the transformers; pixels, that of the picture.
    """

    frame: int = 256
    picture: int = 56
    size: int = 96
    blocks: int = 2
    heads: int = 4
    states: int = 16384
    missing: float = 0.15
    sensors: tuple[str, ...] = SENSORS
    estimate: bool = True
    glimpse: bool = True
    told: bool = True
    analog: bool = True
    direct: bool = True
    pixels: bool = True
    vision: BiFormerSettings = BiFormerSettings(
        128, widths=(24, 48, 72, 96), depths=(1, 1, 1, 1), routed=(1, 2, 4, 16), regions=4, widening=2
    )
    radar: LfmSimoRadar = LfmSimoRadar()

    def __post_init__(self) -> None:
        if self.frame % self.vision.picture:
            raise ValueError(f"frame is {self.frame} pixels, expected a multiple of {self.vision.picture}")
        if self.picture != 8 * SEEN:
            raise ValueError(f"picture is {self.picture} pixels, expected {8 * SEEN}")

    @classmethod
    def variant(cls, name: str) -> TunedSettings:
        """ "tuned"; "tuned, camera" and "tuned, radar", of one sensor; "tuned, both", that never fail; and
        with one thing taken away: "tuned, no estimate", "no glimpse", "not told", "not analog", "not direct",
        "no pixels".

        Raises ValueError for any other name.
        """
        changed: dict[str, dict[str, object]] = {
            "tuned": {},
            "tuned, camera": {"sensors": ("camera",), "missing": 0.0},
            "tuned, radar": {"sensors": ("radar",), "missing": 0.0},
            "tuned, both": {"missing": 0.0},
            "tuned, no estimate": {"estimate": False},
            "tuned, no glimpse": {"glimpse": False, "pixels": False},
            "tuned, not told": {"told": False},
            "tuned, not analog": {"analog": False},
            "tuned, not direct": {"direct": False},
            "tuned, no pixels": {"pixels": False},
        }
        if name not in changed:
            raise ValueError(f"variant is {name!r}, expected one of {', '.join(changed)}")
        return dataclasses.replace(cls(), **changed[name])

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


class TunedEncoder(nn.Module):
    """What the transmitter runs: sensors and the channel's state to symbols."""

    def __init__(self, settings: TunedSettings) -> None:
        super().__init__()
        size = settings.size
        self.settings = settings
        self.features = (RadarFeatures if settings.estimate else LearnedFeatures)(settings.radar)
        self.query = nn.Sequential(nn.Linear(FEATURES, size), nn.GELU(), nn.Linear(size, size))
        self.heard = nn.Linear(FEATURES, OTHERS * size)
        self.glimpse = Glimpse(settings.vision, size, settings.frame, settings.picture)
        self.picture = PictureEncoder(size)
        self.box = nn.Linear(4 * 2 * OCTAVES + size, OTHERS * size)
        self.channel = nn.Linear(CHANNEL_NUMBERS, size)
        self.unheard, self.unseen = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))
        self.place = nn.Parameter(0.02 * torch.randn(SEEN**2 + OTHERS, size))
        self.blocks = nn.Sequential(*(TransformerBlock(size, settings.heads) for _ in range(settings.blocks)))
        self.leave = nn.Linear(size, REALS)
        if settings.direct:
            self.straight = nn.Linear(FEATURES, OTHERS * REALS)
        if settings.pixels:
            self.pixels = ToNumbers()
        self.register_buffer("low", torch.zeros(len(STATES)))
        self.register_buffer("span", torch.ones(len(STATES)))

    def forward(
        self, frames: Tensor, echoes: Tensor, numbers: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Symbols and the boxes that were looked at, one after the other.

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
        boxes : Tensor, float32 [batch, 1 + LOOKS, 4]
        """
        camera, radar = present[:, 0:1], present[:, 1:2]
        # what a radar measures needs more than the 8 bits of bfloat16
        with torch.autocast(echoes.device.type, enabled=False):
            features, heard = self.features(echoes, self.low, self.span)
        radar = radar * heard
        features = features * radar
        query = self.query(features) * radar + (1.0 - radar) * self.unheard
        frames = frames * camera[:, :, None, None]
        boxes, part, context = self.glimpse(frames, query)
        # what a fast wave of the box gains elsewhere says nothing of where it should be
        box = boxes[:, -1].detach()
        if not self.settings.glimpse:
            part = self.glimpse.part(frames, torch.full_like(box, 0.5))
        seen = self.picture(part) * camera[:, :, None] + (1.0 - camera[:, :, None]) * self.unseen
        looked = self.box(torch.cat([waves(box).flatten(1), context], dim=1)) * camera
        others = (self.heard(features) + looked).unflatten(1, (OTHERS, -1))
        tokens = torch.cat([seen, others], dim=1) + self.place
        if self.settings.told:
            tokens = tokens + self.channel(numbers)[:, None]
        sent = self.leave(self.blocks(tokens)).float()
        shown, told = sent[:, : SEEN**2], sent[:, SEEN**2 :]
        if self.settings.pixels:
            shown = shown + self.pixels(part).float() * camera[:, :, None]
        if self.settings.direct:
            with torch.autocast(echoes.device.type, enabled=False):
                told = told + self.straight(features).unflatten(1, (OTHERS, -1))
        sent = torch.cat([shown, told], dim=1)
        power = sent.square().mean(dim=(1, 2), keepdim=True)
        return sent * torch.rsqrt(2.0 * power + 1e-9), boxes


class TunedDecoder(nn.Module):
    """What the receiver runs: equalised symbols [batch, SEEN^2 + OTHERS, REALS] and their worth [batch]."""

    def __init__(self, settings: TunedSettings) -> None:
        super().__init__()
        size = settings.size
        self.direct = settings.direct
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
        self.picture = nn.Sequential(*layers, nn.Conv2d(24, 4, 3, padding=1))
        self.state = nn.Sequential(nn.Linear(OTHERS * size, 2 * size), nn.GELU())
        self.said = nn.Linear(2 * size, len(STATES) * (2 * OCTAVES + 1))
        if settings.direct:
            self.straight = nn.Linear(OTHERS * REALS, len(STATES) * 2 * OCTAVES, bias=False)
            self.trust = nn.Linear(2 * size, len(STATES) * OCTAVES)
            nn.init.constant_(self.trust.bias, DISTRUST)
        self.pixels = ToPixels() if settings.pixels else None
        if settings.pixels:
            self.amplitude = nn.Linear(2 * size, 1)
            nn.init.constant_(self.amplitude.bias, math.log(SENT_ALONE))
        grid = (torch.arange(settings.states) + 0.5) / settings.states
        self.register_buffer("grid", grid, persistent=False)
        self.register_buffer("waves", waves(grid).T.contiguous(), persistent=False)
        turning = (math.pi * 2.0 ** torch.arange(OCTAVES)) ** 2
        self.register_buffer("curvature", turning.repeat(2), persistent=False)
        self.register_buffer("widening", torch.ones(len(STATES)))

    def posterior(self, received: Tensor, worth: Tensor) -> tuple[Tensor, Tensor]:
        """Of each state what `logarithm` needs, float32 [batch, 2, 3, 2 OCTAVES], and the picture.

        Both what the transformers say and what was sent of the radar are sums of cosines and sines of the
        state: what the logarithm of the likelihood of such waves in noise is.
        """
        told = torch.stack([worth, torch.log10(1.001 - worth)], dim=1)
        tokens = self.enter(received) + self.place + self.worth(told)[:, None]
        tokens = self.blocks(tokens)
        seen, others = tokens[:, : SEEN**2], tokens[:, SEEN**2 :].flatten(1)
        maps = seen.transpose(1, 2).unflatten(2, (SEEN, SEEN))
        state = self.state(others)
        said = self.said(state).float().unflatten(1, (len(STATES), -1))
        waves_said = said[..., :-1] * torch.exp(said[..., -1:].clamp(max=6.0))
        waves_heard = torch.zeros_like(waves_said)
        if self.direct:
            # the radar itself errs, which turns the fast waves most, or is missing
            trust = torch.sigmoid(self.trust(state).float()).unflatten(1, (len(STATES), -1)).repeat(1, 1, 2)
            with torch.autocast(received.device.type, enabled=False):
                precision = GAIN / (1.0 + LEAST_NOISE - worth)
                heard = received[:, SEEN**2 :].flatten(1) * precision[:, None]
                waves_heard = trust * self.straight(heard).unflatten(1, (len(STATES), -1))
        drawn = self.picture(maps).float()
        colours = drawn[:, :3] + 0.5
        if self.pixels is not None:
            # symbols are scaled to unit power, whatever the picture's
            amplitude = torch.exp(self.amplitude(state).float())[:, :, None]
            colours = colours + self.pixels(received[:, : SEEN**2] * amplitude).float()
        # colours, and where the target is: all around it is black
        picture = colours * torch.sigmoid(drawn[:, 3:] + 2.0)
        return self.bounded(torch.stack([waves_said, waves_heard], dim=1)), picture

    def bounded(self, said: Tensor) -> Tensor:
        """The same limited in curvature, so that a posterior is as wide as a step of the grid, or wider."""
        curvature = (self.curvature * said).unflatten(-1, (2, OCTAVES)).norm(dim=-2).sum(dim=-1)
        most = float(self.grid.shape[0]) ** 2
        return said / (curvature / most).clamp(min=1.0)[..., None]

    def forward(self, received: Tensor, worth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States and their deviations, float32 [batch, 3], normalised, and pictures."""
        said, picture = self.posterior(received, worth)
        mean, deviation = self.moments(said)
        return mean, deviation * self.widening, picture

    def logarithm(self, found: Tensor, at: Tensor | None = None) -> Tensor:
        """Of the posterior, up to a constant of each state, float32 [batch, 3, places].

        What the transformers say holds but for ASTRAY; otherwise the radar alone does.

        Parameters
        ----------
        found : Tensor, float32 [batch, 2, 3, 2 OCTAVES]
        at : Tensor, float32 [batch, 3, 2 OCTAVES]
            Waves of a place besides the grid, which then is the last one.
        """
        held = found @ self.waves
        whole = torch.logsumexp(held[:, 0], dim=2, keepdim=True) - math.log(self.grid.shape[0])
        if at is not None:
            held = torch.cat([held, (found * at[:, None]).sum(dim=3, keepdim=True)], dim=3)
        return functional.softplus(held[:, 0] - whole - math.log(ASTRAY)) + held[:, 1]

    def moments(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Mean of the middle 80 % of a posterior, and its middle 90 % as a deviation, normalised."""
        share = torch.softmax(self.logarithm(found), dim=2)
        below, size = torch.cumsum(share, dim=2) - share, share.clamp(min=LEAST_SHARE)

        def inside(middle: float) -> Tensor:
            """How much of each step of the grid is in the middle of the posterior, 0 to 1."""
            ends = ((0.5 + side * middle - below) / size for side in (-0.5, 0.5))
            least, most = (end.clamp(0.0, 1.0) for end in ends)
            return most - least

        mean = (inside(MIDDLE) * share) @ self.grid / MIDDLE
        steps = inside(NOMINAL_COVERAGE).sum(dim=2)
        deviation = steps / (2.0 * HALF_WIDTH * self.grid.shape[0])
        whole = 1.0 + 2.0 * BEYOND
        return mean * whole - BEYOND, deviation * whole


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


def in_turns(symbols: Tensor) -> Tensor:
    """Symbols as they are sent: the first of each vector, then the second of each, and so on.

    Frames of OFDM put neighbours on one subcarrier: what fades there, all vectors share, and none loses all
    of its symbols.

    Parameters
    ----------
    symbols : Tensor, float32 [batch, SEEN^2 + OTHERS, REALS]

    Returns
    -------
    Tensor, float32 [batch, values]
        I and Q in turn.
    """
    return symbols.unflatten(2, (-1, 2)).transpose(1, 2).flatten(1)


def in_vectors(received: Tensor) -> Tensor:
    """The other way round."""
    return received.unflatten(1, (REALS // 2, SEEN**2 + OTHERS, 2)).transpose(1, 2).flatten(2)


class TunedSimac(nn.Module):
    """Encoder and decoder; `forward` is the whole way."""

    def __init__(self, settings: TunedSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = TunedEncoder(settings)
        self.decoder = TunedDecoder(settings)
        if settings.direct:
            # from the start a matched filter: the likelihood of waves that are sent alone at unit power
            matched = 2.0 / GAIN * self.encoder.straight.weight[:, -len(STATES) * 2 * OCTAVES :].T
            self.decoder.straight.weight.data.copy_(matched)

    def normalise_by(self, limits: Limits) -> None:
        """Say what 0 and 1 of normalised states are, as the radar's estimate is in metres, radians, m/s."""
        self.encoder.low.copy_(torch.as_tensor(limits.low))
        self.encoder.span.copy_(torch.as_tensor(limits.high - limits.low))

    def forward(
        self,
        frames: Tensor,
        echoes: Tensor,
        state: ChannelState,
        fading: str,
        generator: torch.Generator,
        sensors: tuple[str, ...] = SENSORS,
    ) -> dict[str, Tensor]:
        """What `losses` needs, and, but in training, outputs by task and "<state>_deviation" beside each.

        sensors: that work; in training some of them do not.
        """
        present = self._present(len(frames), generator, frames.device, sensors)
        symbols, boxes = self.encoder(frames, echoes, state.numbers, present)
        received, worth = self._sent(symbols, state, fading, generator)
        said, picture = self.decoder.posterior(received, worth)
        found = {"picture": picture, "box": boxes, "said": said}
        found["camera"] = present[:, 0]
        if self.training:
            return found
        mean, deviation = self.decoder.moments(said)
        for place, task in enumerate(STATES):
            found[task] = mean[:, place]
            found[f"{task}_deviation"] = deviation[:, place] * self.decoder.widening[place]
        return found

    def _sent(
        self, symbols: Tensor, state: ChannelState, fading: str, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the decoder gets."""
        if not self.settings.analog:
            values = torch.tanh(2.0**0.5 * symbols).flatten(1)
            channel = DigitalChannel(fading, bits=2)
            means = channel(values, state.snr_db, state.modulation, generator)
            return means.view_as(symbols), torch.ones_like(state.snr_db)
        pairs = torch.view_as_complex(in_turns(symbols).unflatten(1, (-1, 2)))
        heard, gain = FadingChannel(fading)(pairs, state.snr_db, generator)
        estimate, worth = equalised(heard, gain, state.snr_db)
        return in_vectors(torch.view_as_real(estimate).flatten(1)), worth

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
        """Minus the posterior's logarithm at the truth, the picture's mean absolute error, boxes' errors."""
        losses = {}
        true = torch.stack([in_unit(truth[task]) for task in STATES], dim=1)
        held = self.decoder.logarithm(found["said"], waves(true))
        mean = torch.logsumexp(held[..., :-1], dim=2) - math.log(len(self.decoder.grid))
        for place, task in enumerate(STATES):
            losses[task] = (mean - held[..., -1])[:, place].mean()
        losses["picture"] = (found["picture"] - truth["picture"]).abs().mean()
        losses["box"] = (boxes_apart(found["box"].float(), truth["box"]) * found["camera"]).mean()
        return losses
