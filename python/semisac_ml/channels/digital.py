# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values sent as bits: quantised, Gray-mapped, faded, demodulated to probabilities, and their means.

The torch twin of ``semisac_ml.signal.digital_modulation``. Nothing in it has a useful derivative, so that
gradients go straight from what is received to what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from semisac_ml.channels.fading import FadingChannel, FadingModel, noise_variance
from semisac_ml.layers.quantiser import from_bits, straight_through, to_bits
from semisac_ml.signal.digital_modulation import CONSTELLATIONS

MODULATIONS = tuple(CONSTELLATIONS)
WEAKEST_GAIN = 1e-6


def modulate(bits: Tensor, modulation: str) -> Tensor:
    """Symbols of bits, complex64 [frames, symbols]; bits of 0 and 1 [frames, whole symbols * bits]."""
    used = CONSTELLATIONS[modulation]
    places = 2 ** torch.arange(used.bits - 1, -1, -1, device=bits.device)
    label = (bits.long().unflatten(1, (-1, used.bits)) * places).sum(dim=-1)
    return torch.as_tensor(used.points, dtype=torch.complex64, device=bits.device)[label]


def bit_probabilities(received: Tensor, modulation: str, variance: Tensor) -> Tensor:
    """Probability that each bit is 1, float32 [frames, symbols * bits].

    Parameters
    ----------
    received : Tensor, complex64 [frames, symbols]
        Equalised.
    variance : Tensor, float32 [frames]
        Of the noise of an equalised symbol.
    """
    used = CONSTELLATIONS[modulation]
    points = torch.as_tensor(used.points, dtype=torch.complex64, device=received.device)
    labels = torch.as_tensor(used.labels, dtype=torch.float32, device=received.device)
    apart = torch.view_as_real(received[..., None] - points).square().sum(dim=-1)
    weight = torch.softmax(-apart / variance[:, None, None].clamp(min=1e-12), dim=-1)
    return (weight @ labels).flatten(1)


@dataclass(frozen=True)
class DigitalChannel:
    """Values in [-1, 1] through quantiser, modulator, channel and soft demodulator.

    model: "awgn" or "rayleigh", one gain a frame that the receiver knows. bits: of a value.
    """

    model: FadingModel = "awgn"
    bits: int = 4

    def __post_init__(self) -> None:
        FadingChannel(self.model)
        if not 1 <= self.bits <= 12:
            raise ValueError(f"bits of a value are {self.bits}, expected 1 to 12")

    def __call__(
        self, values: Tensor, snr_db: Tensor, modulation: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Means of the values given what is received, float32 [frames, values]; gradient straight through.

        Parameters
        ----------
        values : Tensor, float32 [frames, values]
        snr_db : Tensor, float32 [frames]
            Es/N0, its mean in fading.
        modulation : Tensor, int64 [frames]
            Index in MODULATIONS.
        """
        received = torch.empty_like(values)
        with torch.no_grad(), torch.autocast(values.device.type, enabled=False):
            for index in modulation.unique().tolist():
                own = torch.nonzero(modulation == index)[:, 0]
                received[own] = self._frames(values[own], snr_db[own], MODULATIONS[index], generator)
        return straight_through(values, received)

    def _frames(self, values: Tensor, snr_db: Tensor, modulation: str, generator: torch.Generator) -> Tensor:
        bits = to_bits(values, self.bits).flatten(1)
        count, whole = bits.shape[1], CONSTELLATIONS[modulation].bits
        bits = torch.nn.functional.pad(bits, (0, -count % whole))
        heard, gain = FadingChannel(self.model)(modulate(bits, modulation), snr_db, generator)
        power = torch.view_as_real(gain).square().sum(dim=-1).clamp(min=WEAKEST_GAIN)
        equalised = heard * (gain.conj() / power)[:, None]
        probabilities = bit_probabilities(equalised, modulation, noise_variance(snr_db) / power)
        return from_bits(probabilities[:, :count].unflatten(1, (-1, self.bits)))
