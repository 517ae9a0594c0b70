# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSC-SA-Net as a whole: pilots down, feedback up, both users' symbols added on the air, Eqs. (2) to (4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.channels.fading import complex_normal
from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, equivalent_channel

from .channel_semantics import Feedback, StationChannelNetwork, UserChannelNetwork
from .faults import NO_FAULTS, Faults
from .fusion import StationFusionNetwork, UserFusionNetwork
from .pilots import PilotNetwork, features_of
from .references import CLEAN_DB, symbols_as_sent
from .settings import MODALITIES, CscSaSettings

CHANNELS = {"colour": 3, "thermal": 1}
"""Of the pictures of each user."""


@dataclass(frozen=True)
class Link:
    """A link: L, B, Q, and P_t over noise in dB with E|h|^2 = 1, float32 [batch]."""

    pilots: int
    feedback_bits: int
    symbols: int
    snr_db: Tensor


@dataclass(frozen=True)
class Beams:
    """What both ends made of the pilots.

    precoder: F_RF, complex64 [batch, users, user antennas, user chains]. combiner: W_RF, complex64 [batch,
    station chains, station antennas]. numbers: as they came back, [batch, users, numbers]. user_semantics:
    [batch, users, tokens, width]. station_semantics: [batch, tokens, width]. user_choice, station_choice:
    logits on the grid, [batch, users, chains, departures] and [batch, chains, arrivals].
    """

    precoder: Tensor
    combiner: Tensor
    numbers: Tensor
    user_semantics: Tensor
    station_semantics: Tensor
    user_choice: Tensor
    station_choice: Tensor


class CscSaNet(nn.Module):
    """All five networks; `forward` is the whole way, for training and measuring."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        self.settings, users = settings, settings.cell.users
        self.pilots = PilotNetwork(settings.cell, settings.pilots, swept=settings.tuned)
        self.user_channel = nn.ModuleList(
            UserChannelNetwork(settings, self.pilots) for _ in range(1 if settings.shared else users)
        )
        self.feedback = Feedback(settings.preset.bits)
        self.station_channel = StationChannelNetwork(settings)
        self.user_fusion = nn.ModuleList(
            UserFusionNetwork(settings, count, user) for user, count in enumerate(CHANNELS.values())
        )
        self.station_fusion = StationFusionNetwork(settings)

    def physical(self) -> list[nn.Module]:
        """Networks that stage II trains."""
        return [self.pilots, self.user_channel, self.station_channel]

    def semantic(self, frozen: bool = False) -> list[nn.Module]:
        """Networks that stage I trains. frozen: encoders of pictures stay as they are."""
        heads = [part for user in self.user_fusion for part in user.heads()]
        return [*(heads if frozen else [self.user_fusion]), self.station_fusion]

    def joint(self, frozen: bool) -> list[nn.Module]:
        """Networks that stage III trains."""
        return [*self.physical(), *self.semantic(frozen)]

    def check(self, link: Link) -> None:
        """Raise ValueError for a link that the networks were not made for."""
        sizes = self.settings
        for name, most in (
            ("pilots", sizes.pilots),
            ("feedback_bits", sizes.feedback_bits),
            ("symbols", sizes.symbols),
        ):
            value = getattr(link, name)
            fits = 1 <= value <= most if sizes.flexible else value == most
            if not fits:
                expected = f"1 to {most}" if sizes.flexible else f"{most}"
                raise ValueError(f"{name} is {value}, expected {expected} of this network")
        if link.feedback_bits % sizes.preset.bits:
            raise ValueError(
                f"feedback_bits is {link.feedback_bits}, expected a multiple of {sizes.preset.bits}"
            )

    def conditions(self, paths: MimoPaths, link: Link) -> tuple[Tensor, Tensor]:
        """What each user and the station are told, [batch, users, conditions] and [batch, conditions].

        Tuned networks know the largest Doppler shift of a user's paths, the station that of all users.
        """
        sizes, cell = self.settings, self.settings.cell
        count, users = paths.gain.shape[:2]
        told = paths.doppler_hz.new_zeros(count, users, 0)
        if sizes.flexible:
            told = torch.stack(
                (
                    (link.snr_db + 20.0) / 10.0,
                    torch.full_like(link.snr_db, math.log2(link.pilots) / 3.0),
                    torch.full_like(link.snr_db, math.log2(link.feedback_bits) / 10.0),
                    torch.full_like(link.snr_db, link.symbols / sizes.symbols),
                ),
                dim=-1,
            )[:, None].expand(-1, users, -1)
        if sizes.tuned:
            shift = paths.doppler_hz.abs().amax(-1, keepdim=True) / max(cell.most_doppler_hz, 1.0)
            told = torch.cat((told, shift), dim=-1)
        return told, told.amax(1)

    def beams(
        self, paths: MimoPaths, link: Link, generator: torch.Generator, faults: Faults = NO_FAULTS
    ) -> Beams:
        """Pilots, feedback and beams, in single precision: 8 bits of bfloat16 do not tell angles apart."""
        self.check(link)
        with torch.autocast(link.snr_db.device.type, enabled=False):
            return self._beams(paths, link, generator, faults)

    def _beams(self, paths: MimoPaths, link: Link, generator: torch.Generator, faults: Faults) -> Beams:
        sizes, count = self.settings, len(paths.gain)
        users, station = self.conditions(paths, link)
        received = self.pilots(paths, link.snr_db if sizes.preset.noisy_pilots else None, generator)
        used = first(link.pilots, sizes.pilots, count, received.device)
        features = features_of(received * used[:, None, None, None])
        found = [
            self.user_channel[0 if sizes.shared else user](features[:, user], used, users[:, user])
            for user in range(sizes.cell.users)
        ]
        precoder, numbers, semantics, choice = (torch.stack(one, dim=1) for one in zip(*found, strict=True))
        sent = first(link.feedback_bits // sizes.preset.bits, sizes.numbers, count, received.device)
        returned = self.feedback(numbers, sent[:, None], faults.flipped, generator)
        combiner, station_semantics, station_choice = self.station_channel(returned, station)
        return Beams(
            torch.view_as_complex(precoder),
            torch.view_as_complex(combiner),
            returned,
            semantics,
            station_semantics,
            choice,
            station_choice,
        )

    def sources(self, pictures: Sequence[Tensor]) -> list[Tensor]:
        """Source semantics of each user's pictures, [batch, d_s, rows, columns]."""
        return [user.encoder(one) for user, one in zip(self.user_fusion, pictures, strict=True)]

    def forward(
        self,
        sources: Sequence[Tensor],
        paths: MimoPaths,
        link: Link,
        generator: torch.Generator,
        faults: Faults = NO_FAULTS,
    ) -> Tensor:
        """Class scores [batch, classes, height, width]; sources: what :meth:`sources` made."""
        beams, conditions = self.beams(paths, link, generator, faults), self.conditions(paths, link)
        semantics = beams.user_semantics
        if self.settings.added_halves:
            semantics = beams.station_semantics[:, None].expand_as(semantics)
        used = first(link.symbols, self.settings.symbols, len(paths.gain), link.snr_db.device)
        symbols = [
            torch.view_as_complex(
                network.sent(
                    source,
                    semantics[:, user],
                    torch.view_as_real(beams.precoder[:, user]),
                    used,
                    conditions[0][:, user],
                )
            )
            for user, (network, source) in enumerate(zip(self.user_fusion, sources, strict=True))
        ]
        received = self.received(symbols, beams, faults.uplink(paths), link, generator)
        combiner = torch.view_as_real(beams.combiner)
        return self.station_fusion(received, combiner, used, beams.station_semantics, conditions[1])

    def silenced(self, symbols: Sequence[Tensor]) -> list[Tensor]:
        """Of each user, zeros for those that do not send."""
        pairs = zip(MODALITIES, symbols, strict=True)
        return [one if name in self.settings.senders else torch.zeros_like(one) for name, one in pairs]

    def received(
        self,
        symbols: Sequence[Tensor],
        beams: Beams,
        paths: MimoPaths,
        link: Link,
        generator: torch.Generator,
    ) -> Tensor:
        """What the station's chains hear of the users' symbols, as BS-MSFNet takes it, 0 after the last."""
        sizes = self.settings
        symbols = self.silenced(symbols)
        if sizes.access == "orthogonal":
            symbols = [placed(one, user, len(symbols)) for user, one in enumerate(symbols)]
        sent = torch.stack(list(symbols), dim=1)[:, :, :, : link.symbols]
        begin = link.pilots + sizes.preset.gap_symbols
        heard = superposed(sent, beams, paths, link.snr_db, begin, sizes.cell, generator)
        if sizes.added_halves:
            heard = torch.stack([heard[:, user :: len(symbols)] for user in range(len(symbols))]).sum(0)
        heard = functional.pad(torch.view_as_real(heard), (0, 0, 0, 0, 0, sizes.symbols - link.symbols))
        return heard

    def over_identity(self, sources: Sequence[Tensor], link: Link) -> Tensor:
        """Class scores over stage I's channel: the identity, no noise, no semantics of a channel."""
        sizes = self.settings
        if not sizes.preset.links_first:
            return self.station_fusion.decoder(torch.stack(self.silenced(sources)).sum(0))
        count, device, cell = len(sources[0]), sources[0].device, sizes.cell
        semantics = torch.zeros(count, sizes.tokens, sizes.width, device=device)
        told = torch.zeros(count, sizes.conditions, device=device)
        used = first(link.symbols, sizes.symbols, count, device)
        straight = torch.eye(cell.user_antennas, cell.user_chains, device=device)  # ||F S|| = ||S||
        straight = torch.stack((straight, torch.zeros_like(straight)), -1).expand(count, -1, -1, -1)
        sent = [
            network.sent(source, semantics, straight, used, told)
            for network, source in zip(self.user_fusion, sources, strict=True)
        ]
        sent = self.silenced(sent)
        if sizes.access == "orthogonal" and not sizes.added_halves:
            sent = [placed(one, user, len(sent)) for user, one in enumerate(sent)]
        if sizes.references:
            references = [network.references for network in self.user_fusion]
            symbols = symbols_as_sent(sent, references, straight, used)
            worth_db = symbols.new_full(symbols.shape[:3], CLEAN_DB)
            return self.station_fusion.decoded(self.station_fusion.told(symbols, worth_db), semantics, told)
        return self.station_fusion(torch.stack(sent).sum(0), straight, used, semantics, told)


def first(number: int, most: int, count: int, device: torch.device) -> Tensor:
    """1 for the first of most places, 0 for the others, float32 [count, most]."""
    return (torch.arange(most, device=device) < number).float().expand(count, -1)


def placed(symbols: Tensor, user: int, users: int) -> Tensor:
    """Symbols [batch, own subcarriers, ...] among those of all users, who take turns."""
    full = symbols.new_zeros(symbols.shape[0], users * symbols.shape[1], *symbols.shape[2:])
    full[:, user::users] = symbols
    return full


def superposed(
    symbols: Tensor,
    beams: Beams,
    paths: MimoPaths,
    snr_db: Tensor,
    begin: int,
    cell: MimoOfdm,
    generator: torch.Generator,
) -> Tensor:
    """Eqs. (2) to (4): all users through their precoders and channels, noise at each antenna, the combiner.

    Parameters
    ----------
    symbols : Tensor, complex64 [batch, users, subcarriers, symbols, user chains]
    beams : Beams
    paths : MimoPaths
    snr_db : Tensor [batch]
        P_t = 1 over the noise of an antenna.
    begin : int
        Number of the first data symbol, from the first pilot.
    cell : MimoOfdm
    generator : torch.Generator
        Of the noise.

    Returns
    -------
    Tensor, complex64 [batch, subcarriers, symbols, station chains]
    """
    device, (count, _, subcarriers, length, _) = symbols.device, symbols.shape
    channel = equivalent_channel(
        paths,
        beams.combiner,
        beams.precoder,
        begin + torch.arange(length, device=device),
        torch.arange(subcarriers, device=device),
        cell,
    )
    heard = torch.einsum("bktnrs,bknts->bntr", channel, symbols)
    noise = complex_normal((count, subcarriers, length, cell.station_antennas), generator, device)
    noise = 10.0 ** (-snr_db[:, None, None, None] / 20.0) * noise
    return heard + noise @ beams.combiner.transpose(1, 2)[:, None]
