# SPDX-License-Identifier: GPL-3.0-or-later
"""A learned detector on matched-filter outputs, for any waveform length and any set of ranges."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class MatchedFilterDetector(nn.Module):
    """Posterior of "no target" and of each range, from the echo and the symbols that were sent.

    Whatever the waveform, the echo tells about range r only through the matched-filter output z_r = x_rᴴy
    and the energy ρ_r that the echo would have; the log-likelihood ratio against noise is a function of
    (z_r, ρ_r) alone. With z scaled to unit noise variance it is

    - known gain: 2·√ρ·Re z − ρ;
    - unknown phase: ln I0(2·√ρ·|z|) − ρ ≈ 2·√ρ·|z| − ρ − ½·ln(1 + 4π·√ρ·|z|);
    - Rayleigh gain: |z|²·ρ/(1+ρ) − ln(1+ρ).

    The network weighs the three with gates that depend on ρ, adds what they miss, and learns from data which
    of the channels it lives in. One function serves every range, so the number of ranges, their steps
    and the waveform length are free at run time. A bank of Doppler shifts covers a moving target.

    max_frequency_offset: Doppler shifts to cover, in cycles a symbol (0: one filter).
    doppler_bins: number of filters in the bank, when there is a Doppler shift.
    """

    def __init__(self, max_frequency_offset: float = 0.0, doppler_bins: int = 9, width: int = 48) -> None:
        super().__init__()
        bank = torch.zeros(1)
        if max_frequency_offset > 0:
            bank = torch.linspace(-max_frequency_offset, max_frequency_offset, doppler_bins)
        self.register_buffer("doppler_bank", bank)
        self.bins = len(bank)
        self.gate = nn.Sequential(nn.Linear(3, width), nn.GELU(), nn.Linear(width, 4))
        self.remainder = nn.Sequential(
            nn.Linear(5, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1)
        )
        nn.init.zeros_(self.remainder[-1].weight)
        nn.init.zeros_(self.remainder[-1].bias)

    def forward(
        self, symbols: Tensor, echo: Tensor, range_snr_db: Tensor, range_delay: Tensor, prior: Tensor
    ) -> Tensor:
        """Return log posteriors, unnormalised, (batch, 1 + ranges).

        symbols : float32 (batch, channel_uses, 2), as transmitted, unit mean power.
        echo : float32 (batch, echo_samples, 2), noise variance 1.
        range_snr_db : float32 (batch, ranges), Es/N0 of an echo from each range.
        range_delay : int64 (ranges,), delay of each range in symbols.
        prior : float32 (1 + ranges,), probability of each hypothesis before the echo is seen.
        """
        channel_uses = symbols.shape[1]
        time = torch.arange(channel_uses, device=symbols.device)
        # (ranges, channel_uses): where in the echo each range's copy of the waveform lies
        aligned = echo[:, range_delay[:, None] + time[None, :]]
        phase = 2.0 * math.pi * self.doppler_bank[:, None] * time
        cosine, sine = torch.cos(phase), torch.sin(phase)
        in_phase, quadrature = symbols[:, None, :, 0], symbols[:, None, :, 1]
        # (batch, doppler, channel_uses): the waveform as a target at each Doppler shift would return it
        template_real = in_phase * cosine - quadrature * sine
        template_imaginary = in_phase * sine + quadrature * cosine
        real = torch.einsum("bdk,brk->brd", template_real, aligned[..., 0]) + torch.einsum(
            "bdk,brk->brd", template_imaginary, aligned[..., 1]
        )
        imaginary = torch.einsum("bdk,brk->brd", template_real, aligned[..., 1]) - torch.einsum(
            "bdk,brk->brd", template_imaginary, aligned[..., 0]
        )
        energy = symbols.square().sum(dim=(1, 2))
        scale = energy.rsqrt()[:, None, None]
        real, imaginary = real * scale, imaginary * scale
        log_energy = torch.log(energy)[:, None, None] + range_snr_db[..., None] * (math.log(10.0) / 10.0)
        log_energy = log_energy.expand_as(real)
        ratio = self.log_likelihood_ratio(real, imaginary, log_energy)
        ratio = torch.logsumexp(ratio, dim=-1) - math.log(self.bins)
        null = torch.zeros_like(ratio[:, :1])
        return torch.cat([null, ratio], dim=1) + torch.log(prior.clamp(min=1e-12))

    def log_likelihood_ratio(self, real: Tensor, imaginary: Tensor, log_energy: Tensor) -> Tensor:
        """Learned log p(z | target) / p(z | noise); all arguments of one shape, noise variance of z is 1."""
        energy = log_energy.exp()
        amplitude = energy.sqrt()
        power = real.square() + imaginary.square()
        magnitude = (power + 1e-9).sqrt()
        known_gain = 2.0 * amplitude * real - energy
        unknown_phase = (
            2.0 * amplitude * magnitude - energy - 0.5 * torch.log1p(4.0 * math.pi * amplitude * magnitude)
        )
        rayleigh = power * energy / (1.0 + energy) - torch.log1p(energy)
        level = torch.stack([log_energy / 4.0, torch.tanh(log_energy), torch.sigmoid(log_energy)], dim=-1)
        gate = self.gate(level)
        details = torch.stack(
            [
                log_energy / 4.0,
                torch.tanh(known_gain / 8.0),
                torch.tanh(rayleigh / 8.0),
                torch.tanh(real / 2.0),
                torch.log1p(power) / 2.0,
            ],
            dim=-1,
        )
        models = torch.stack([known_gain, unknown_phase, rayleigh, torch.ones_like(power)], dim=-1)
        return (gate * models).sum(dim=-1) + self.remainder(details)[..., 0]
