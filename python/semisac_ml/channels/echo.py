# SPDX-License-Identifier: GPL-3.0-or-later
"""The sensing channel transmitter → target → transmitter, differentiable in the transmitted symbols.

The echo is scaled so that the noise variance is 1 at the sensing receiver: an absent target leaves pure
noise, and the ranges differ in signal power only (and in delay, as an option).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from semisac_ml.channels.fading import complex_normal

CLUTTER_ECHOES = 3
EchoFading = Literal["none", "rayleigh", "two_hop_rayleigh"]


@dataclass(frozen=True)
class EchoDraws:
    """Everything random in one batch of echoes, one entry a frame.

    hypothesis : int64 (frames,), 0 = no target, 1 + r = target in range r.
    gain : complex64 (frames,), fading of both hops and the phase shift of the reflection.
    frequency_offset : float32 (frames,), Doppler shift in cycles a symbol.
    noise : complex64 (frames, echo_samples), draws of CN(0, 1).
    """

    hypothesis: Tensor
    gain: Tensor
    frequency_offset: Tensor
    noise: Tensor


def apply_echo(
    symbols: Tensor,
    draws: EchoDraws,
    sensing_snr_db: Tensor,
    range_step_db: float = 3.0,
    delay_symbols_per_range: int = 0,
) -> Tensor:
    """Reflect symbols off a target, or off nothing, and add noise of variance 1.

    Parameters
    ----------
    symbols : complex64 (frames, channel_uses), unit mean power.
    draws : the random part.
    sensing_snr_db : float32 (frames,), Es/N0 of the echo from the nearest range.
    range_step_db : loss of SNR from one range to the next, in dB.
    delay_symbols_per_range : delay from one range to the next, in symbols.

    Returns
    -------
    echo : complex64 (frames, channel_uses + (ranges - 1)·delay_symbols_per_range).
    """
    frames, channel_uses = symbols.shape
    echo_samples = draws.noise.shape[1]
    range_index = (draws.hypothesis - 1).clamp(min=0)
    snr = 10.0 ** ((sensing_snr_db - range_step_db * range_index) / 10.0)
    amplitude = torch.where(draws.hypothesis > 0, snr.sqrt(), torch.zeros_like(snr))
    time = torch.arange(channel_uses, device=symbols.device)
    rotation = torch.polar(
        torch.ones_like(snr)[:, None].expand(frames, channel_uses),
        2.0 * math.pi * draws.frequency_offset[:, None] * time,
    )
    reflected = (amplitude * draws.gain)[:, None] * symbols * rotation
    position = time[None, :] + range_index[:, None] * delay_symbols_per_range
    silence = torch.zeros(frames, echo_samples, dtype=symbols.dtype, device=symbols.device)
    return silence.scatter(1, position, reflected) + draws.noise


@dataclass(frozen=True)
class EchoChannel:
    """Two-hop sensing channel with fading, phase shift, Doppler shift, and ranges of falling SNR.

    fading: "none", "rayleigh" (one gain) or "two_hop_rayleigh" (product of the gains of both hops).
    random_phase: phase shift off the target, uniform on [0, 2π).
    max_frequency_offset: Doppler shift is uniform on ± this, in cycles a symbol.
    target_probability: a target is present with this probability, in each of the ranges alike.
    clutter_db: power over noise of what stands around, whether or not there is a target: echoes of the same
        symbols, one, two and three symbols late (in a circle), with complex normal gains; None: no clutter.

    Source: Sagduyu et al., section II, "Channel effects".
    """

    fading: EchoFading = "none"
    ranges: int = 1
    range_step_db: float = 3.0
    delay_symbols_per_range: int = 0
    random_phase: bool = False
    max_frequency_offset: float = 0.0
    target_probability: float = 0.5
    clutter_db: float | None = None

    def __post_init__(self) -> None:
        if self.fading not in ("none", "rayleigh", "two_hop_rayleigh"):
            raise ValueError(
                f"unknown echo fading {self.fading!r}: expected 'none', 'rayleigh' or 'two_hop_rayleigh'"
            )
        if self.ranges < 1:
            raise ValueError(f"number of ranges is {self.ranges}: expected 1 or more")
        if not 0.0 <= self.target_probability <= 1.0:
            raise ValueError(f"target_probability is {self.target_probability}: expected 0 to 1")

    def draw(
        self, frames: int, channel_uses: int, generator: torch.Generator, device: torch.device
    ) -> EchoDraws:
        """Draw hypotheses, gains, Doppler shifts and noise for a batch."""
        present = torch.rand(frames, generator=generator, device=device) < self.target_probability
        range_index = torch.randint(self.ranges, (frames,), generator=generator, device=device)
        gain = torch.ones(frames, dtype=torch.complex64, device=device)
        if self.fading != "none":
            gain = complex_normal((frames,), generator, device)
        if self.fading == "two_hop_rayleigh":
            gain = gain * complex_normal((frames,), generator, device)
        if self.random_phase:
            phase = 2.0 * math.pi * torch.rand(frames, generator=generator, device=device)
            gain = gain * torch.polar(torch.ones_like(phase), phase)
        offset = (
            2.0 * torch.rand(frames, generator=generator, device=device) - 1.0
        ) * self.max_frequency_offset
        samples = channel_uses + (self.ranges - 1) * self.delay_symbols_per_range
        noise = complex_normal((frames, samples), generator, device)
        return EchoDraws(torch.where(present, range_index + 1, 0), gain, offset, noise)

    def __call__(
        self, symbols: Tensor, sensing_snr_db: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return echoes, complex64 (frames, echo_samples), and the true hypotheses, int64 (frames,)."""
        draws = self.draw(symbols.shape[0], symbols.shape[1], generator, symbols.device)
        echo = apply_echo(symbols, draws, sensing_snr_db, self.range_step_db, self.delay_symbols_per_range)
        if self.clutter_db is not None:
            echo[:, : symbols.shape[1]] += self.clutter(symbols, generator)
        return echo, draws.hypothesis

    def clutter(self, symbols: Tensor, generator: torch.Generator) -> Tensor:
        """Echoes of what stands around, complex64 (frames, channel_uses)."""
        gains = complex_normal((CLUTTER_ECHOES, len(symbols)), generator, symbols.device)
        late = [gain[:, None] * symbols.roll(delay, 1) for delay, gain in enumerate(gains, start=1)]
        return math.sqrt(10.0 ** (self.clutter_db / 10.0) / CLUTTER_ECHOES) * torch.stack(late).sum(0)
