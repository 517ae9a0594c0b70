# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference symbols among the data, and a receiver that tells users apart by them; not in the paper.

The gates of Eqs. (23) to (27) and a linear layer cannot undo the phase that each user's channel has by
chance. A user with references sends one stream: on every eighth subcarrier of the middle OFDM symbol a known
value, where the other is silent. The station makes of them the noise, each user's gain in each chain (the
linear estimate of least error for delays that are uniform), and the symbols of each user, the linear estimate
of least error again. All is real arithmetic on pairs of parts, so that it can be exported, and can be learned
through.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .settings import CscSaSettings

SPACING = 8
"""Subcarriers from one reference of a user to its next."""
USER_OFFSET = 5
"""Subcarriers from the references of one user to those of the other: odd, as orthogonal users' own are."""
REFERENCE_POWER = 2.0
"""Of a reference, over a mean data symbol of the same user; references silence the other user."""
NO_SIGNAL = 1e-3
"""Share of the strongest component of a gain over subcarriers, below which all is noise."""
CLEAN_DB = 25.0
"""What the station is told of symbols over stage I's channel, which has no noise."""


class ReferenceGrid(nn.Module):
    """Where references are. own: 1 on subcarriers with those of a user, float32 [users, subcarriers]; places:
    these subcarriers, by user."""

    own: Tensor

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        cell = settings.cell
        self.places = [
            list(range(USER_OFFSET * user, cell.subcarriers, SPACING)) for user in range(cell.users)
        ]
        own = np.zeros((cell.users, cell.subcarriers), np.float32)
        for user, places in enumerate(self.places):
            own[user, places] = 1.0
        self.register_buffer("own", torch.tensor(own), persistent=False)

    def symbol(self, used: Tensor) -> Tensor:
        """1 for the OFDM symbol that has references, the middle one of those that are used: as `used`."""
        middle = ((used.sum(1, keepdim=True) - 1.0) / 2.0).floor()
        return (torch.arange(used.shape[1], device=used.device) == middle).to(used.dtype)

    def of(self, user: int, used: Tensor) -> Tensor:
        """1 where a user's references are, [batch, subcarriers, symbols]."""
        return self.own[user][:, None] * self.symbol(used)[:, None]

    def data(self, used: Tensor) -> Tensor:
        """1 where data are, [batch, subcarriers, symbols]."""
        return used[:, None] * (1.0 - self.own.sum(0)[:, None] * self.symbol(used)[:, None])


class ReferenceReceiver(nn.Module):
    """From what chains hear to each user's symbols, over its references, and how well they are known.

    Raises ValueError for another number of users or of the station's chains than two.
    """

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        cell = settings.cell
        if (cell.users, cell.station_chains) != (2, 2):
            raise ValueError(
                f"{cell.users} users and {cell.station_chains} chains of the station, expected two of both "
                "with references"
            )
        self.grid = ReferenceGrid(settings)
        self.orthogonal = settings.access == "orthogonal"
        tones = np.arange(cell.subcarriers, dtype=np.float64)
        # behind a shift by half of the longest delay, gains of neighbours are correlated by a real sinc
        turns = cell.subcarrier_spacing_hz * cell.delay_s
        shift = np.pi * turns * tones
        self._keep("ramp", np.stack((np.cos(shift), np.sin(shift)), -1))
        for user in range(cell.users):
            own = tones[self.grid.places[user]]
            values, vectors = np.linalg.eigh(np.sinc(turns * (own[:, None] - own)))
            signal = values > NO_SIGNAL * values[-1]
            self._keep(f"values_{user}", values[signal])
            self._keep(f"vectors_{user}", vectors[:, signal])
            self._keep(f"noise_{user}", vectors[:, ~signal])
            self._keep(f"shape_{user}", np.sinc(turns * (tones[:, None] - own)) @ vectors[:, signal])

    def _keep(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    def forward(self, received: Tensor, beams: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        """Symbols in units of the user's references, and what they are worth.

        Parameters
        ----------
        received : Tensor [batch, subcarriers, symbols, station chains, 2]
            Of any power.
        beams : Tensor [batch, station chains, station antennas, 2]
            W_RF.
        used : Tensor [batch, symbols]
            1 for OFDM symbols that are sent, 0 for others.

        Returns
        -------
        Tensor [batch, users, subcarriers, symbols, 2]
            0 where no data are.
        Tensor [batch, users, subcarriers]
            Signal over interference, noise and errors of the estimate, in dB, of symbols of mean power.
        """
        heard = whitened(received, beams)
        gain, noise, error = self.gains(heard, used)
        if self.orthogonal:
            own = torch.arange(heard.shape[1], device=heard.device) % 2
            there = torch.stack((own == 0, own == 1)).float()[None, :, :, None]
            gain, error = gain * there[..., None], error * there
        # errors of estimates are noise to the symbols; data have a mean power of 1 / REFERENCE_POWER
        level = (noise[:, None, None] + error.sum(1) / REFERENCE_POWER).rsqrt()
        gain = gain * (level * REFERENCE_POWER**-0.5)[:, None, :, :, None]
        heard = heard * level[:, :, None, :, None]
        return self._apart(gain, heard, used)

    def gains(self, heard: Tensor, used: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of each user in each chain, behind whitening, over its references: [batch, users, subcarriers,
        chains, 2]; variance of noise, [batch]; and of the estimates' errors, [batch, users, subcarriers,
        chains].
        """
        symbol = self.grid.symbol(used)
        middle = times((heard * symbol[:, None, :, None, None]).sum(2), self.ramp[:, None])
        inside, outside = [], []
        for user in range(2):
            pilots = middle[:, self.grid.places[user]]
            inside.append(torch.einsum("pk,bprc->bkrc", self._of("vectors", user), pilots))
            outside.append(torch.einsum("pk,bprc->bkrc", self._of("noise", user), pilots))
        noise = torch.cat(outside, dim=1).square().sum(-1).mean(dim=(1, 2)) + 1e-12
        gains, errors = [], []
        for user, found in enumerate(inside):
            count = len(self._of("vectors", user))
            values, shape = self._of("values", user), self._of("shape", user)
            power = found.square().sum(dim=(1, 3)) / count - noise[:, None] * len(values) / count
            power = power.clamp_min(0.0) + 1e-3 * noise[:, None]
            weight = 1.0 / (power[:, None] * values[:, None] + noise[:, None, None])  # [batch, k, chains]
            weight = power[:, None] * weight
            gains.append(torch.einsum("nk,bkrc->bnrc", shape, weight[..., None] * found))
            known = torch.einsum("nk,bkr->bnr", shape.square(), weight)
            errors.append(power[:, None] * (1.0 - known).clamp_min(0.0))
        ramp = self.ramp * self.ramp.new_tensor([1.0, -1.0])
        return times(torch.stack(gains, 1), ramp[:, None]), noise, torch.stack(errors, 1)

    def _apart(self, gain: Tensor, heard: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        """Users' symbols from chains with noise of variance 1 each, for data of power 1."""
        first, second = gain.unbind(1)  # [batch, subcarriers, chains, 2]
        one, other = (each.square().sum(dim=(2, 3)) + 1.0 for each in (first, second))
        cross = times(conjugate(first), second).sum(2)
        determinant = one * other - cross.square().sum(-1)
        matched = [times(conjugate(each)[:, :, None], heard).sum(3) for each in (first, second)]
        cross = cross[:, :, None]
        symbols = torch.stack(
            (
                other[:, :, None, None] * matched[0] - times(cross, matched[1]),
                one[:, :, None, None] * matched[1] - times(conjugate(cross), matched[0]),
            ),
            dim=1,
        )
        symbols = symbols / determinant[:, None, :, None, None] * REFERENCE_POWER**-0.5
        ratio = torch.stack((determinant / other, determinant / one), dim=1) - 1.0
        worth_db = 10.0 * ratio.clamp_min(1e-3).log10()
        return symbols * self.grid.data(used)[:, None, :, :, None], worth_db

    def _of(self, name: str, user: int) -> Tensor:
        return getattr(self, f"{name}_{user}")


def times(one: Tensor, other: Tensor) -> Tensor:
    """Product of complex numbers as pairs of parts, [..., 2]."""
    (real, imaginary), (x, y) = one.unbind(-1), other.unbind(-1)
    return torch.stack((real * x - imaginary * y, real * y + imaginary * x), dim=-1)


def conjugate(values: Tensor) -> Tensor:
    """Of complex numbers as pairs of parts, [..., 2]."""
    return torch.stack((values[..., 0], -values[..., 1]), dim=-1)


def whitened(received: Tensor, beams: Tensor) -> Tensor:
    """Two chains as if their noise were independent and of the same power: Cholesky's way.

    received: [batch, subcarriers, symbols, 2 chains, 2]. beams: [batch, 2 chains, antennas, 2].
    """
    first, second = beams.unbind(1)
    power = first.square().sum(dim=(1, 2))
    common = times(second, conjugate(first)).sum(1) / power[:, None]  # [batch, 2]
    rest = second.square().sum(dim=(1, 2)) - common.square().sum(-1) * power
    rest = rest.clamp_min(1e-3 * power)
    one, other = received.unbind(3)
    other = other - times(common[:, None, None], one)
    return torch.stack(
        (one * power.rsqrt()[:, None, None, None], other * rest.rsqrt()[:, None, None, None]), dim=3
    )


class References(nn.Module):
    """A user's references, put into what it sends."""

    def __init__(self, settings: CscSaSettings, user: int) -> None:
        super().__init__()
        self.grid, self.user, self.chains = ReferenceGrid(settings), user, settings.cell.user_chains
        orthogonal = settings.access == "orthogonal"
        self.own = slice(user, None, settings.cell.users) if orthogonal else slice(None)
        self.energy = REFERENCE_POWER * settings.energy / settings.own_subcarriers

    def amplitude(self, beams: Tensor) -> Tensor:
        """Of references, [batch], on the first chain of beams [batch, user antennas, user chains, 2]."""
        return (self.energy / beams[:, :, 0].square().sum(dim=(1, 2))).sqrt()

    def added(self, made: Tensor, beams: Tensor, used: Tensor, energy: Tensor) -> Tensor:
        """Symbols [batch, own subcarriers, symbols, user chains, 2], references and data of so much energy.

        made: data of one stream, [batch, own subcarriers, symbols, 1, 2]. energy: ||F S||^2, [batch].
        """
        there = self.grid.of(self.user, used)[:, self.own]
        amplitude = self.amplitude(beams)
        data = made * self.grid.data(used)[:, self.own, :, None, None]
        power = data.square().sum(dim=(1, 2, 3, 4)) * (self.energy / amplitude.square())
        left = energy - self.energy * there.sum(dim=(1, 2))
        data = data * (left / (power + 1e-12)).sqrt()[:, None, None, None, None]
        references = (there * amplitude[:, None, None])[..., None, None]
        references = nn.functional.pad(references, (0, 1))
        return nn.functional.pad(data + references, (0, 0, 0, self.chains - 1))


def symbols_as_sent(
    sent: Sequence[Tensor], references: Sequence[References], beams: Tensor, used: Tensor
) -> Tensor:
    """What :class:`ReferenceReceiver` makes of a channel without noise, for all subcarriers.

    sent: of each user, on all subcarriers, [batch, subcarriers, symbols, user chains, 2].
    """
    pairs = zip(sent, references, strict=True)
    found = [one[:, :, :, 0] / own.amplitude(beams)[:, None, None, None] for one, own in pairs]
    return torch.stack(found, dim=1) * references[0].grid.data(used)[:, None, :, :, None]
