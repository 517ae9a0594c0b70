# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Separated users: beams for the channel alone, pilots in the data, users detected, then MFNet's decoder.

A user sends one stream. Receiver "authors": that of their program, whose symbols carry data and pilots at
once, and which adds the users up; others have every fourth symbol for pilots alone and put users side by
side. Encoders, data, links and selection are those of CSC-SA-Net; the decoder learns from symbols that were
detected, at the SNRs it is used at, not from a channel of noise alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from semisac_ml.channels.fading import complex_normal
from semisac_ml.channels.mimo_ofdm import MimoPaths

from .acquisition import pilot_noise, random_pilots, received_pilots
from .beamforming import Covariances, known_covariances, principal_beams, principal_user_beams
from .faults import NO_FAULTS, Faults
from .feedback import fed_back_combiner
from .matching_pursuit import matching_pursuit
from .model import CHANNELS, CscSaNet, Link, first
from .pictures import PictureDecoder, PictureEncoder
from .rates import AnalogBeams
from .receivers import SPACING, detect, heard_pilots, stream_channel
from .settings import CLASS_COUNT, CscSaSettings

Knowledge = Literal["known", "sought", "learned", "acquired", "precoded", "known precoded"]
"""What beams are made from: PCA of the channel as it is at the first symbol of data; PCA of the likeliest
path in random pilots, fed back in B bits; or CSC-SA-Net's own networks of stage II. With channels that
networks acquire: PCA of what was acquired; a learned precoder of that, or of the channel as it is."""
KNOWLEDGE: tuple[Knowledge, ...] = ("known", "sought", "learned")
OF_ACQUIRED: tuple[Knowledge, ...] = ("acquired", "precoded", "known precoded")
AUTHORS = "authors"
COST = SPACING / (SPACING - 1)
"""OFDM symbols for each symbol of data, as footnote 6 counts pilots."""


def layout(settings: CscSaSettings, symbols: int) -> tuple[Tensor, Tensor]:
    """Places of the symbols with pilots, and of those with data, from the first one of both."""
    if settings.receiver == AUTHORS:
        data = torch.arange(float(symbols))
        return data[::SPACING], data
    every = torch.arange(float(ofdm_symbols(settings, symbols)))
    return every[::SPACING], every[every % SPACING != 0]


def ofdm_symbols(settings: CscSaSettings, symbols: int) -> int:
    """That so many symbols of data take, but for the authors' receiver, whose pilots take none."""
    return symbols if settings.receiver == AUTHORS else symbols + -(-symbols // (SPACING - 1))


class StreamEncoder(nn.Module):
    """A user: pictures to one stream of symbols, without a look at the channel."""

    def __init__(self, settings: CscSaSettings, channels: int) -> None:
        super().__init__()
        self.symbols, self.subcarriers = settings.symbols, settings.cell.subcarriers
        self.encoder = PictureEncoder(channels, settings.source, settings.grid)
        self.head = nn.Linear(settings.source, 2 * settings.symbols)

    def sent(self, source: Tensor, used: Tensor) -> Tensor:
        """Symbols of mean power 1, complex64 [batch, subcarriers, symbols]; 0 where used [batch, symbols]
        is."""
        made = self.head(source.flatten(2).transpose(1, 2)).float().unflatten(2, (self.symbols, 2))
        made = made * used[:, None, :, None]
        power = made.square().sum(dim=(1, 2, 3)) / (self.subcarriers * used.sum(1))
        return torch.view_as_complex(made * (power + 1e-12).rsqrt()[:, None, None, None])


class StreamDecoder(nn.Module):
    """Detected symbols to class scores."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        self.grid, self.added = settings.grid, settings.receiver == AUTHORS
        streams = 1 if self.added else settings.cell.users
        self.first = nn.Linear(2 * streams * settings.symbols, settings.source)
        size = (settings.height, settings.width_pixels)
        self.decoder = PictureDecoder(settings.source, CLASS_COUNT, *size, settings.halved)

    def forward(self, symbols: Tensor) -> Tensor:
        """Scores [batch, classes, height, width] of symbols, complex64 [batch, users, subcarriers, symbols],
        0 for those that were not sent."""
        if self.added:
            symbols = symbols.sum(1, keepdim=True)
            power = symbols.abs().square().mean(dim=(1, 2, 3), keepdim=True)
            symbols = symbols / (power + 1e-12).sqrt()
        features = torch.view_as_real(symbols.permute(0, 2, 1, 3).contiguous()).flatten(2)
        source = self.first(features).transpose(1, 2)
        return self.decoder(source.unflatten(2, self.grid))


class SeparatedNet(CscSaNet):
    """Encoders and decoder of separated users, and networks for the channel that know nothing of them.

    knowledge: what beams can be made from. quick: of these, what the decoder is trained with.
    """

    knowledge: tuple[Knowledge, ...] = KNOWLEDGE
    quick: tuple[Knowledge, ...] = ("known", "learned")

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__(settings)
        self.user_fusion = nn.ModuleList(StreamEncoder(settings, count) for count in CHANNELS.values())
        self.station_fusion = StreamDecoder(settings)

    def semantic(self, frozen: bool = False) -> list[nn.Module]:
        users = [user.head for user in self.user_fusion] if frozen else [self.user_fusion]
        return [*users, self.station_fusion]

    def joint(self, frozen: bool) -> list[nn.Module]:
        return self.semantic(frozen)

    def symbols(self, sources: Sequence[Tensor], link: Link) -> Tensor:
        """Of all users, complex64 [batch, users, subcarriers, symbols], 0 behind the last of the link."""
        used = first(link.symbols, self.settings.symbols, len(sources[0]), sources[0].device)
        pairs = zip(self.user_fusion, sources, strict=True)
        return torch.stack(self.silenced([user.sent(one, used) for user, one in pairs]), dim=1)

    def over_identity(self, sources: Sequence[Tensor], link: Link) -> Tensor:
        """Class scores of symbols that are known as they were sent."""
        return self.station_fusion(self.symbols(sources, link))

    def forward(
        self,
        sources: Sequence[Tensor],
        paths: MimoPaths,
        link: Link,
        generator: torch.Generator,
        faults: Faults = NO_FAULTS,
        knowledge: Knowledge | None = None,
    ) -> Tensor:
        """Class scores; knowledge: what beams are made from, by default, to learn from, one of those that
        are quick to make."""
        if knowledge is None:
            drawn = torch.randint(len(self.quick), (), generator=generator, device=generator.device)
            knowledge = self.quick[int(drawn)]
        with torch.no_grad():
            beams = self.analog_beams(paths, link, generator, knowledge, faults)
        sent = self.symbols(sources, link)
        detected = self.detected(sent[..., : link.symbols], beams, faults.uplink(paths), link, generator)
        behind = self.settings.symbols - link.symbols
        return self.station_fusion(nn.functional.pad(detected, (0, behind)))

    def analog_beams(
        self,
        paths: MimoPaths,
        link: Link,
        generator: torch.Generator,
        knowledge: Knowledge,
        faults: Faults = NO_FAULTS,
    ) -> AnalogBeams:
        """Beams of a link, of which users have one stream each.

        Raises ValueError for another knowledge, and where paths are sought at several SNRs at once.
        """
        cell, preset = self.settings.cell, self.settings.preset
        if knowledge == "known":
            return principal_beams(self.true_covariances(paths, link), cell)
        if knowledge == "learned":
            beams = self.beams(paths, link, generator, faults)
            return AnalogBeams(beams.combiner, beams.precoder)
        if knowledge != "sought":
            expected = ", ".join(self.knowledge)
            raise ValueError(f"knowledge is {knowledge!r}, expected one of {expected}")
        snr_db = link.snr_db[0].item()
        if (link.snr_db != link.snr_db[0]).any():
            raise ValueError("paths are sought at several SNRs, expected the same for all channels")
        level = snr_db if preset.noisy_pilots else None
        pilots = random_pilots(link.pilots, cell, generator)
        received = received_pilots(paths, pilots, level, cell, generator)
        own = matching_pursuit(received, pilots, 1, pilot_noise(level, cell), cell, law_known=True)
        combiner = fed_back_combiner(own, link.feedback_bits, cell)
        return AnalogBeams(combiner, principal_user_beams(own.covariances(cell), cell))

    def true_covariances(self, paths: MimoPaths, link: Link) -> Covariances:
        """Of channels as they are at the first symbol of data, over every fourth subcarrier."""
        cell, begin = self.settings.cell, link.pilots + self.settings.preset.gap_symbols
        tones = torch.arange(0, cell.subcarriers, 4, device=link.snr_db.device)
        return known_covariances(paths, begin, tones, cell)

    def detected(
        self, sent: Tensor, beams: AnalogBeams, paths: MimoPaths, link: Link, generator: torch.Generator
    ) -> Tensor:
        """Symbols as the station knows them, of those that were sent, [batch, users, subcarriers, symbols].

        Noise has a variance of 1 here, and channels are as strong as the SNR says.
        """
        cell, begin = self.settings.cell, link.pilots + self.settings.preset.gap_symbols
        pilot_times, times = (begin + places for places in layout(self.settings, link.symbols))
        tones = torch.arange(float(cell.subcarriers))
        amplitude = 10.0 ** (link.snr_db / 20.0)[:, None, None, None, None]
        channel, at_pilots = (
            amplitude * stream_channel(paths, beams, each, tones, cell) for each in (times, pilot_times)
        )
        signal = (channel @ sent.permute(0, 3, 2, 1)[..., None])[..., 0]
        received = signal + complex_normal(tuple(signal.shape), generator, signal.device)
        pilots = heard_pilots(at_pilots, 1.0, generator)
        found = detect(self.settings.receiver, received, pilots, pilot_times, times, 1.0, cell)
        return found.symbols.permute(0, 3, 2, 1)
