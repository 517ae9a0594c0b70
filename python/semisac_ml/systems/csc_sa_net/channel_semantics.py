# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""UE-CSANet and BS-CSANet: semantics of the channel, beams and feedback, Eqs. (15) to (19).

Beams are cosines and sines of phases, float32 [..., 2], so that networks are real and can be exported.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.channels.mimo_ofdm import steering
from semisac_ml.layers.quantiser import from_bits, straight_through, to_bits

from .angle_map import AngleMap, sines
from .pilots import PilotNetwork
from .settings import CscSaSettings

SHARPNESS = 16.0
"""At the start, of what a map of angles says: in numbers that are fed back, and in the choice of beams."""
CODED = 3.0
"""At the start, of numbers before the sigmoid that tell a code."""
NOISY = 0.7
"""Of a map's power: above it, numbers that are fed back are positive at the start."""


def sine_positions(tokens: int, width: int) -> Tensor:
    """Positions as sines and cosines of rising wavelength (Vaswani et al. 2017), float32 [tokens, width]."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(tokens)[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)[:, :width]


def transformer(settings: CscSaSettings, layers: int) -> nn.TransformerEncoder:
    """Self-attention and perceptron in turn, each after a normalisation, and one at the end."""
    layer = nn.TransformerEncoderLayer(
        settings.width,
        settings.heads,
        settings.hidden,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(settings.width), enable_nested_tensor=False)


def gray_code(points: int) -> Tensor:
    """Gray code of points, the coarsest digit first, as -1 and 1: float32 [points, digits].

    Neighbours differ in one digit, so that a mean over neighbours leaves the others whole.
    """
    digits = max((points - 1).bit_length(), 1)
    number = torch.arange(points)
    gray = number ^ (number >> 1)
    return 2.0 * ((gray[:, None] >> torch.arange(digits - 1, -1, -1)) & 1).float() - 1.0


class TokenPool(nn.Module):
    """Tokens [batch, tokens, width] as one vector: all of them, or weighted means, the weights learned."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        self.weigh = nn.Linear(settings.width, settings.pools) if settings.pools else None
        self.outputs = settings.width * (settings.pools or settings.tokens)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.weigh is None:
            return tokens.flatten(1)
        weights = self.weigh(tokens).softmax(dim=1)
        return (weights.transpose(1, 2) @ tokens).flatten(1)


class Branch(nn.Module):
    """Transformer and fully connected layer, from channel semantics to numbers [batch, outputs]."""

    def __init__(self, settings: CscSaSettings, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(settings.width, settings.width), nn.LayerNorm(settings.width))
        self.transformer = transformer(settings, settings.layers)
        self.pool = TokenPool(settings)
        self.last = nn.Linear(self.pool.outputs, outputs)

    def forward(self, semantics: Tensor) -> Tensor:
        return self.last(self.pool(self.transformer(self.first(semantics))))


class FreeBeams(nn.Module):
    """Beams of modulus 1 from numbers of a branch: exp(j phase), Eqs. (16) and (18), or two numbers an entry.

    rows, columns: of the beams.
    """

    def __init__(self, rows: int, columns: int, phases: bool) -> None:
        super().__init__()
        self.phases, self.shape = phases, (rows, columns)
        self.inputs = rows * columns * (1 if phases else 2)

    def forward(self, said: Tensor) -> Tensor:
        """Beams [batch, rows, columns, 2]."""
        if self.phases:
            phases = said.unflatten(1, self.shape)
            return torch.stack((phases.cos(), phases.sin()), -1)
        return functional.normalize(said.unflatten(1, (*self.shape, 2)), dim=-1, eps=1e-9)


class GridBeams(nn.Module):
    """Beams as sums of steering vectors of a grid, brought to modulus 1.

    The weights are a softmax, so that a beam is one of the grid or between neighbours, and training starts
    from what a map of angles says. conjugate: for who listens.
    """

    def __init__(self, antennas: int, points: int, conjugate: bool) -> None:
        super().__init__()
        grid = steering(sines(points), antennas)
        grid = grid.conj() if conjugate else grid
        self.register_buffer("grid", torch.view_as_real(grid.resolve_conj()).flatten(1), persistent=False)
        self.antennas = antennas

    def forward(self, logits: Tensor) -> Tensor:
        """Beams [..., antennas, 2] of logits [..., points]."""
        sums = (logits.softmax(-1) @ self.grid).unflatten(-1, (self.antennas, 2))
        return functional.normalize(sums, dim=-1, eps=1e-9)


class UserChannelNetwork(nn.Module):
    """UE-CSANet, Eqs. (15) to (17); the tuned one hears a map of angles besides."""

    def __init__(self, settings: CscSaSettings, pilots: PilotNetwork) -> None:
        super().__init__()
        cell, width = settings.cell, settings.width
        self.chains, self.tokens = cell.user_chains, settings.tokens
        inputs = settings.token_subcarriers * 2 * cell.user_chains * settings.pilots
        self.embedding = nn.Linear(inputs, width)
        self.told = nn.Linear(settings.conditions, width, bias=False) if settings.conditions else None
        self.register_buffer("positions", sine_positions(settings.tokens, width), persistent=False)
        self.transformer = transformer(settings, settings.layers)
        self.semantics = nn.Linear(width, width)
        self.feedback = Branch(settings, settings.numbers)
        self.map = self.grid = None
        if settings.tuned and settings.mapped:
            self.map = AngleMap(pilots, settings.arrivals, settings.departures)
            self.of_map = nn.Sequential(
                nn.Linear(settings.arrivals * settings.departures, width), nn.GELU(), nn.Linear(width, width)
            )
            self.register_buffer("code", gray_code(settings.arrivals), persistent=False)
            self.sharpness = nn.Parameter(torch.full((3,), SHARPNESS))
        if settings.tuned:
            self.beams = Branch(settings, self.chains * settings.departures)
            self.grid = GridBeams(cell.user_antennas, settings.departures, conjugate=False)
        else:
            self.free = FreeBeams(cell.user_antennas, cell.user_chains, settings.preset.phases)
            self.beams = Branch(settings, self.free.inputs)

    def forward(
        self, features: Tensor, used: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a user makes of pilots.

        Parameters
        ----------
        features : Tensor [batch, subcarriers, 2 user chains pilots]
            See :func:`.pilots.features_of`; zero for pilots that are not sent.
        used : Tensor [batch, pilots]
            1 for pilots that are.
        condition : Tensor [batch, conditions]

        Returns
        -------
        beams : Tensor [batch, user antennas, user chains, 2]
            F_RF, of modulus 1.
        numbers : Tensor [batch, numbers]
            To be quantised and fed back, in (-1, 1): those of the paper's sigmoid, times 2 less 1.
        semantics : Tensor [batch, tokens, width]
            S_CSI,UE.
        choice : Tensor [batch, user chains, departures]
            Logits of beams on the grid; of no points unless tuned.
        """
        tokens = self.embedding(features.unflatten(1, (self.tokens, -1)).flatten(2)) + self.positions
        if self.told is not None:
            tokens = tokens + self.told(condition)[:, None]
        found = None
        if self.map is not None:
            found = self.map(features, used)
            tokens = tokens + self.of_map(found.flatten(1))[:, None]
        semantics = self.semantics(self.transformer(tokens))
        said, numbers = self.beams(semantics), self.feedback(semantics)
        if self.grid is None:
            return self.free(said), _limited(numbers), semantics, said[:, None, :0]
        choice = said.unflatten(1, (self.chains, -1))
        if found is None:
            return self.grid(choice).transpose(1, 2), _limited(numbers), semantics, choice
        departures, arrivals = _marginal(found, 1), _marginal(found, 2)
        choice = choice + self.sharpness[0] * departures[:, None]
        # of the map, in the first numbers: the code of the best arrival, then all arrivals
        best = (self.sharpness[1] * arrivals).softmax(-1) @ self.code
        start = torch.cat((CODED * best, self.sharpness[2] * arrivals), dim=1)[:, : numbers.shape[1]]
        start = functional.pad(start, (0, numbers.shape[1] - start.shape[1]))
        return self.grid(choice).transpose(1, 2), _limited(numbers + start), semantics, choice


class StationChannelNetwork(nn.Module):
    """BS-CSANet, Eqs. (18) and (19)."""

    def __init__(self, settings: CscSaSettings) -> None:
        super().__init__()
        cell, width = settings.cell, settings.width
        self.tokens, self.chains = settings.tokens, cell.station_chains
        self.embedding = nn.Linear(cell.users * settings.numbers, settings.tokens * width)
        self.told = nn.Linear(settings.conditions, width, bias=False) if settings.conditions else None
        self.norm = nn.LayerNorm(width)
        self.transformer = transformer(settings, settings.layers)
        self.semantics = nn.Linear(width, width)
        self.grid, self.from_codes = None, False
        if settings.tuned:
            self.combiner = Branch(settings, self.chains * settings.arrivals)
            self.grid = GridBeams(cell.station_antennas, settings.arrivals, conjugate=True)
            code = gray_code(settings.arrivals)
            enough = cell.users >= self.chains and settings.numbers >= code.shape[1]
            self.from_codes = settings.mapped and enough
            if self.from_codes:
                self.register_buffer("code", code, persistent=False)
                self.sharpness = nn.Parameter(torch.tensor(2.0 * SHARPNESS / code.shape[1]))
        else:
            self.free = FreeBeams(cell.station_chains, cell.station_antennas, settings.preset.phases)
            self.combiner = Branch(settings, self.free.inputs)

    def forward(self, numbers: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the station makes of feedback.

        numbers: of all users, quantised, 0 where none was sent, [batch, users, numbers].

        Returns
        -------
        beams : Tensor [batch, station chains, station antennas, 2]
            W_RF, of modulus 1.
        semantics : Tensor [batch, tokens, width]
            S_CSI,BS.
        choice : Tensor [batch, station chains, arrivals]
            Logits of beams on the grid; of no points unless tuned.
        """
        tokens = self.embedding(numbers.flatten(1)).unflatten(1, (self.tokens, -1))
        if self.told is not None:
            tokens = tokens + self.told(condition)[:, None]
        semantics = self.semantics(self.transformer(self.norm(tokens)))
        said = self.combiner(semantics)
        if self.grid is None:
            return self.free(said), semantics, said[:, None, :0]
        choice = said.unflatten(1, (self.chains, -1))
        if self.from_codes:  # chain k starts from the code of user k's best arrival, as far as it was sent
            coded = numbers[:, : self.chains, : self.code.shape[1]]
            choice = choice + self.sharpness * coded @ self.code.T
        return self.grid(choice), semantics, choice


class Feedback(nn.Module):
    """Quantiser and dequantiser of footnote 5; gradients pass straight."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def sent(self, numbers: Tensor) -> Tensor:
        """Bits 0 and 1, float32 [..., numbers, bits]."""
        return to_bits(numbers, self.bits)

    def forward(
        self, numbers: Tensor, sent: Tensor, flipped: float = 0.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Numbers as they arrive; sent: 1 for those that there are bits for, 0 for others.

        flipped: chance that a bit arrives as the other one.
        """
        bits = self.sent(numbers)
        if flipped:
            wrong = torch.rand(bits.shape, generator=generator, device=bits.device) < flipped
            bits = torch.where(wrong, 1.0 - bits, bits)
        return sent * straight_through(numbers, from_bits(bits))


def _limited(numbers: Tensor) -> Tensor:
    return 2.0 * numbers.sigmoid() - 1.0


def _marginal(found: Tensor, over: int) -> Tensor:
    """Largest powers along an axis, over the largest of all, less what noise alone may reach."""
    largest = found.amax(over).square()
    return largest / largest.amax(1, keepdim=True) - NOISY
