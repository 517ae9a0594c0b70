# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Channels acquired by learning, after reference [43] of the paper, and beams made of what was acquired.

Pilots are learned, users estimate their whole channel from them and feed it back in B bits, from which the
station has an estimate of its own. What is made large is the similarity of estimates with the channel, not a
rate: the paper's "DL-based CSI acquisition". Beams are PCA of what was acquired, or those of a learned
precoder, which changes nothing of the acquisition; one for channels that are known is trained beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, steering

from .beamforming import Covariances, principal_beams
from .channel_semantics import Branch, sine_positions, transformer
from .faults import NO_FAULTS, Faults
from .learned_precoding import LearnedPrecoder
from .model import Link, first
from .objective import stage_two_efficiency
from .pilots import features_of
from .rates import AnalogBeams
from .separated import OF_ACQUIRED, Knowledge, SeparatedNet
from .settings import CscSaSettings


class ChannelEstimate(nn.Module):
    """Tokens to a channel each, complex64 [batch, tokens, station antennas, user antennas]."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        cell = settings.cell
        self.shape = (cell.station_antennas, cell.user_antennas, 2)
        self.transformer = transformer(settings, settings.layers)
        self.last = nn.Linear(settings.width, 2 * cell.station_antennas * cell.user_antennas)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.view_as_complex(self.last(self.transformer(tokens)).unflatten(-1, self.shape))


class UserAcquisition(nn.Module):
    """Pilots to a user's estimate, and to numbers that are fed back."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        inputs = settings.token_subcarriers * 2 * settings.cell.user_chains * settings.pilots
        self.tokens = settings.tokens
        self.embedding = nn.Linear(inputs, settings.width)
        self.told = nn.Linear(settings.conditions, settings.width, bias=False)
        self.register_buffer("positions", sine_positions(settings.tokens, settings.width), persistent=False)
        self.transformer = transformer(settings, settings.layers)
        self.estimate, self.feedback = ChannelEstimate(settings), Branch(settings, settings.numbers)

    def forward(self, features: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate, and numbers in (-1, 1), of features [batch, subcarriers, ...] of one user."""
        tokens = self.embedding(features.unflatten(1, (self.tokens, -1)).flatten(2)) + self.positions
        tokens = self.transformer(tokens + self.told(condition)[:, None])
        return self.estimate(tokens), self.feedback(tokens).tanh()


class StationAcquisition(nn.Module):
    """Numbers of one user, 0 where none was sent, to the station's estimate."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        self.tokens = settings.tokens
        self.embedding = nn.Linear(settings.numbers, settings.tokens * settings.width)
        self.told = nn.Linear(settings.conditions, settings.width, bias=False)
        self.estimate = ChannelEstimate(settings)

    def forward(self, numbers: Tensor, condition: Tensor) -> Tensor:
        tokens = self.embedding(numbers).unflatten(1, (self.tokens, -1))
        return self.estimate(tokens + self.told(condition)[:, None])


class AcquiringNet(SeparatedNet):
    """Separated users whose beams are made of channels that networks estimate, or of those that are known by
    a learned precoder."""

    knowledge = quick = OF_ACQUIRED

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__(settings)
        self.user_channel = nn.ModuleList([UserAcquisition(settings)])
        self.station_channel = StationAcquisition(settings)
        self.precoders = nn.ModuleDict({one: LearnedPrecoder(settings) for one in OF_ACQUIRED[1:]})

    def physical(self) -> list[nn.Module]:
        return [*super().physical(), self.precoders]

    def estimates(
        self, paths: MimoPaths, link: Link, generator: torch.Generator, flipped: float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of users and of the station, complex64 [batch, users, tokens, station antennas, user antennas], and
        the numbers that came back."""
        self.check(link)
        sizes, (count, users) = self.settings, paths.gain.shape[:2]
        conditions = self.conditions(paths, link)[0].flatten(0, 1)
        received = self.pilots(paths, link.snr_db if sizes.preset.noisy_pilots else None, generator)
        used = first(link.pilots, sizes.pilots, count, received.device)
        features = features_of(received * used[:, None, None, None]).flatten(0, 1)
        own, numbers = self.user_channel[0](features, conditions)
        sent = first(link.feedback_bits // sizes.preset.bits, sizes.numbers, len(numbers), numbers.device)
        returned = self.feedback(numbers, sent, flipped, generator)
        told = self.station_channel(returned, conditions)
        return tuple(one.unflatten(0, (count, users)) for one in (own, told, returned))

    def losses(self, paths: MimoPaths, link: Link, generator: torch.Generator) -> dict[str, Tensor]:
        """Of stage II. Estimates are made similar to the channel at the first symbol of data, precoders make
        rates large of what they are given; they have no parameter in common.

        similarity: squared cosine, a mean over subcarriers and both ends.
        """
        begin = link.pilots + self.settings.preset.gap_symbols
        true = whole_channel(paths, begin, self.middles(), self.settings.cell)
        own, told, _ = self.estimates(paths, link, generator)
        similarity = sum(squared_cosine(one, true).mean() for one in (own, told)) / 2.0
        given = {"precoded": covariances_of(own, told), "known precoded": self.true_covariances(paths, link)}
        every = self.settings.token_subcarriers
        rates = [
            stage_two_efficiency(paths, self.precoders[name](one), link, self.settings, every=every).mean()
            for name, one in given.items()
        ]
        efficiency = sum(rates) / len(rates)
        return {"loss": -similarity - efficiency, "similarity": similarity, "efficiency": efficiency}

    def middles(self) -> Tensor:
        """Subcarriers that tokens stand for."""
        every = self.settings.token_subcarriers
        return (every - 1) / 2.0 + every * torch.arange(float(self.settings.tokens))

    def analog_beams(
        self,
        paths: MimoPaths,
        link: Link,
        generator: torch.Generator,
        knowledge: Knowledge,
        faults: Faults = NO_FAULTS,
    ) -> AnalogBeams:
        """Raises ValueError for another knowledge than :data:`.separated.OF_ACQUIRED`."""
        if knowledge not in self.knowledge:
            expected = ", ".join(self.knowledge)
            raise ValueError(f"knowledge is {knowledge!r}, expected one of {expected}")
        with torch.autocast(link.snr_db.device.type, enabled=False):
            if knowledge == "known precoded":
                return self.precoders[knowledge](self.true_covariances(paths, link))
            own, told, _ = self.estimates(paths, link, generator, faults.flipped)
            found = covariances_of(own, told)
            if knowledge == "acquired":
                return principal_beams(found, self.settings.cell)
            return self.precoders[knowledge](found)


def covariances_of(own: Tensor, told: Tensor) -> Covariances:
    """Of estimates [batch, users, tokens, station antennas, user antennas]: users make their beams of their
    own, the station of what it was told. Phases that subcarriers share do not matter to them, and no gradient
    passes."""
    tokens = own.shape[2]
    station = torch.einsum("bknma,bknla->bkml", told, told.conj()) / tokens
    user = torch.einsum("bknma,bknmc->bkac", own.conj(), own) / tokens
    return Covariances(station.detach(), user.detach())


def whole_channel(paths: MimoPaths, time: int, tones: Tensor, cell: MimoOfdm) -> Tensor:
    """Eq. (6) at one symbol: complex64 [batch, users, tones, station antennas, user antennas]."""
    gains = paths.turned(torch.tensor([float(time)], device=tones.device), tones, cell)[:, :, 0]
    heard = steering(paths.arrival, cell.station_antennas)
    sent = steering(paths.departure, cell.user_antennas).conj()
    return torch.einsum("bknp,bkpm,bkpa->bknma", gains, heard, sent)


def squared_cosine(estimate: Tensor, true: Tensor) -> Tensor:
    """Of matrices [..., rows, columns] as vectors, whatever their phases and lengths."""
    together = (estimate.conj() * true).sum(dim=(-2, -1)).abs().square()
    energies = [one.abs().square().sum(dim=(-2, -1)) for one in (estimate, true)]
    return together / (energies[0] * energies[1]).clamp_min(1e-12)
