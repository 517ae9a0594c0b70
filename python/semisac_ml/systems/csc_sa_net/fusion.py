# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFA, UE-MSFNet and BS-MSFNet: semantics of source and channel fused, before and after the air.

A position of the source semantics is a subcarrier, row by row. Orthogonal users have every other subcarrier:
two neighbouring positions go over one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .channel_semantics import TokenPool
from .pictures import PictureDecoder, PictureEncoder
from .references import ReferenceReceiver, References
from .settings import CLASS_COUNT, CscSaSettings


class SemanticFusionAttention(nn.Module):
    """SFA, Eqs. (23) to (27); it may be told of the link besides.

    Its first layer sees all tokens, one after the other, or their weighted means (``pools``). A linear layer
    between channel semantics and Eq. (24), as the text has one at the station, would be one with it.
    """

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        source, context = settings.source, settings.context
        self.pool = TokenPool(settings)
        self.channel = nn.Linear(self.pool.outputs, context)
        self.told = settings.told
        self.first = nn.Linear(source + context + settings.conditions * settings.told, source)
        self.second = nn.Linear(source, source)

    def forward(self, source: Tensor, channel: Tensor, condition: Tensor) -> Tensor:
        """Source semantics [batch, d_s, rows, columns], each channel weighed.

        channel: semantics [batch, tokens, width]. condition: [batch, conditions].
        """
        context = torch.cat((source.mean(dim=(2, 3)), self.channel(self.pool(channel))), dim=1)
        if self.told:
            context = torch.cat((context, condition), dim=1)
        weights = self.second(self.first(context).relu()).sigmoid()
        return weights[:, :, None, None] * source


class UserFusionNetwork(nn.Module):
    """UE-MSFNet, Eqs. (20) and (21): a picture and the user's channel semantics to what its chains send.

    channels: of the pictures. user: number of the user.
    """

    def __init__(self, settings: CscSaSettings, channels: int, user: int) -> None:
        super().__init__()
        self.references = References(settings, user) if settings.references else None
        chains = 1 if settings.references else settings.cell.user_chains
        self.symbols, self.chains = settings.symbols, chains
        self.subcarriers, self.energy = settings.own_subcarriers, settings.energy
        self.parts = 1 if settings.preset.real_symbols else 2
        positions = settings.semantic_grid[0] * settings.semantic_grid[1]
        self.encoder = PictureEncoder(channels, settings.source, settings.semantic_grid)
        self.attention = SemanticFusionAttention(settings)
        # what a position with a reference cannot say, its neighbours do
        self.spread = (
            nn.Conv2d(settings.source, settings.source, 3, padding=1) if settings.references else None
        )
        values = settings.source * positions // self.subcarriers
        self.head = nn.Linear(values, self.parts * chains * settings.symbols)

    def heads(self) -> list[nn.Module]:
        """All but the encoder."""
        return [self.attention, self.head, *([] if self.spread is None else [self.spread])]

    def forward(
        self, pictures: Tensor, channel: Tensor, beams: Tensor, used: Tensor, condition: Tensor
    ) -> Tensor:
        """See :meth:`sent`; pictures: [batch, channels, height, width]."""
        return self.sent(self.encoder(pictures), channel, beams, used, condition)

    def sent(self, source: Tensor, channel: Tensor, beams: Tensor, used: Tensor, condition: Tensor) -> Tensor:
        """Symbols of the user's subcarriers, so that ||F S||^2 is the energy of the symbols that are used.

        Parameters
        ----------
        source : Tensor [batch, d_s, rows, columns]
            What `encoder` made of the pictures.
        channel : Tensor [batch, tokens, width]
        beams : Tensor [batch, user antennas, user chains, 2]
            F_RF, of modulus 1.
        used : Tensor [batch, symbols]
            1 for OFDM symbols that are sent, 0 for others.
        condition : Tensor [batch, conditions]

        Returns
        -------
        Tensor [batch, own subcarriers, symbols, user chains, 2]
        """
        fused = self.attention(source, channel, condition)
        if self.spread is not None:
            fused = fused + self.spread(fused)
        positions = fused.flatten(2).transpose(1, 2)  # row by row
        made = self.head(positions.unflatten(1, (self.subcarriers, -1)).flatten(2))
        made = made.unflatten(2, (self.symbols, self.chains, self.parts))
        made = made.expand(-1, -1, -1, -1, 2) * used[:, None, :, None, None]
        energy = self.energy * used.sum(1)
        if self.references is not None:
            return self.references.added(made, beams, used, energy)
        return made * (energy / (radiated(made, beams) + 1e-12)).sqrt()[:, None, None, None, None]


def radiated(symbols: Tensor, beams: Tensor) -> Tensor:
    """Energy ||F S||^2, [batch], of symbols [batch, subcarriers, symbols, chains, 2] through beams."""
    (real, imaginary), (cosine, sine) = symbols.unbind(-1), beams.unbind(-1)

    def through(values: Tensor, weights: Tensor) -> Tensor:
        return values.flatten(1, 2) @ weights.transpose(1, 2)

    own = through(real, cosine) - through(imaginary, sine)
    other = through(real, sine) + through(imaginary, cosine)
    return (own.square() + other.square()).sum(dim=(1, 2))


class StationFusionNetwork(nn.Module):
    """BS-MSFNet, Eq. (22): what the station's chains receive and its channel semantics to class scores."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        self.grid, source = settings.semantic_grid, settings.source
        positions = self.grid[0] * self.grid[1]
        self.receiver = ReferenceReceiver(settings) if settings.references else None
        values = 2 * settings.cell.station_chains * settings.symbols
        if settings.references:
            values = (2 * settings.symbols + 1) * settings.cell.users
        # neighbouring subcarriers of orthogonal users side by side, for as many positions
        self.together = positions // settings.own_subcarriers
        self.first = nn.Linear(values * self.together, source * self.together)
        self.attention = SemanticFusionAttention(settings)
        size = (settings.height, settings.width_pixels)
        self.decoder = PictureDecoder(source, CLASS_COUNT, *size, settings.halved)

    def forward(
        self, received: Tensor, beams: Tensor, used: Tensor, channel: Tensor, condition: Tensor
    ) -> Tensor:
        """Scores [batch, classes, height, width].

        Parameters
        ----------
        received : Tensor [batch, subcarriers, symbols, station chains, 2]
            0 for symbols that are not sent. With halves that are added by the authors' way, their
            subcarriers.
        beams : Tensor [batch, station chains, station antennas, 2]
            W_RF, of modulus 1; needed with references alone.
        used : Tensor [batch, symbols]
            1 for OFDM symbols that are sent; needed with references alone.
        channel : Tensor [batch, tokens, width]
        condition : Tensor [batch, conditions]
        """
        if self.receiver is None:
            power = received.square().mean(dim=(1, 2, 3, 4), keepdim=True) * 2.0
            heard = (received / (power + 1e-12).sqrt()).flatten(2)
        else:
            heard = self.told(*self.receiver(received, beams, used))
        return self.decoded(heard, channel, condition)

    def told(self, symbols: Tensor, worth_db: Tensor) -> Tensor:
        """What :class:`.references.ReferenceReceiver` found, as features of each subcarrier."""
        flat = symbols.permute(0, 2, 1, 3, 4).flatten(2)
        return torch.cat((flat, worth_db.transpose(1, 2) / 10.0), dim=2)

    def decoded(self, heard: Tensor, channel: Tensor, condition: Tensor) -> Tensor:
        """Scores of features [batch, subcarriers, values]."""
        features = self.first(heard.unflatten(1, (-1, self.together)).flatten(2))
        source = features.unflatten(2, (self.together, -1)).flatten(1, 2).transpose(1, 2)
        return self.decoder(self.attention(source.unflatten(2, self.grid), channel, condition))
