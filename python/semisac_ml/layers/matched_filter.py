# SPDX-License-Identifier: GPL-3.0-or-later
"""The best detector of a target whose echo has an unknown phase, as a network without weights."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.signal.posterior import exponential_nodes, frequency_offsets

_SMALL = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
_LARGE = (
    0.39894228,
    0.01328592,
    0.00225319,
    -0.00157565,
    0.00916281,
    -0.02057706,
    0.02635537,
    -0.01647633,
    0.00392377,
)
_TURN = 3.75


class MatchedFilterDetector(nn.Module):
    """Posterior of "no target" and of each range, from the echo and the symbols that were sent.

    Whatever the waveform, the echo tells about range r only through the matched filter z_r = x_r^H y and the
    energy rho_r that the echo would have, so that the posterior has a closed form: Bayes' rule, as
    :func:`semisac_ml.signal.posterior.range_posterior` has it, in operations that files of ONNX have. The
    phase of the echo is unknown, as it is to every radio. How the echo fades is told with each call.

    max_frequency_offset: Doppler shifts are uniform within this, in cycles a symbol. Waveforms may turn by
    about five cycles; longer ones need a smaller offset.
    """

    def __init__(self, max_frequency_offset: float = 0.0) -> None:
        super().__init__()
        offsets, weights = frequency_offsets(max_frequency_offset)
        hops, shares = np.array(exponential_nodes()).T
        for name, values in (("offset", offsets), ("hop", hops)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)
        for name, values in (("offset_log_weight", weights), ("hop_log_weight", shares)):
            self.register_buffer(name, torch.tensor(np.log(values), dtype=torch.float32), persistent=False)

    def forward(
        self,
        symbols: Tensor,
        echo: Tensor,
        range_snr_db: Tensor,
        range_delay: Tensor,
        prior: Tensor,
        fading: Tensor,
    ) -> Tensor:
        """Return log posteriors, unnormalised, (batch, 1 + ranges).

        symbols : float32 (batch, channel_uses, 2), as transmitted, unit mean power.
        echo : float32 (batch, echo_samples, 2), noise variance 1.
        range_snr_db : float32 (batch, ranges), Es/N0 of an echo from each range.
        range_delay : int64 (ranges,), delay of each range in symbols.
        prior : float32 (1 + ranges,), probability of each hypothesis before the echo is seen.
        fading : int64 (1,), place in signal.channel.FADING_MODELS.
        """
        time = torch.arange(symbols.shape[1], device=symbols.device)
        # (ranges, channel_uses): where in the echo each range's copy of the waveform lies
        aligned = echo[:, range_delay[:, None] + time[None, :]]
        phase = 2.0 * math.pi * self.offset[:, None] * time
        cosine, sine = torch.cos(phase), torch.sin(phase)
        in_phase, quadrature = symbols[:, None, :, 0], symbols[:, None, :, 1]
        # (batch, offsets, channel_uses): the waveform as a target at each Doppler shift would return it
        template_real = in_phase * cosine - quadrature * sine
        template_imaginary = in_phase * sine + quadrature * cosine
        real = torch.einsum("bdk,brk->brd", template_real, aligned[..., 0]) + torch.einsum(
            "bdk,brk->brd", template_imaginary, aligned[..., 1]
        )
        imaginary = torch.einsum("bdk,brk->brd", template_real, aligned[..., 1]) - torch.einsum(
            "bdk,brk->brd", template_imaginary, aligned[..., 0]
        )
        energy = symbols.square().sum(dim=(1, 2))[:, None, None]
        power = (real.square() + imaginary.square()) / energy  # of z at unit noise variance
        received_energy = energy * 10.0 ** (range_snr_db[..., None] / 10.0)
        ratio = self.log_likelihood_ratio(power, received_energy, fading)
        ratio = torch.logsumexp(ratio + self.offset_log_weight, dim=-1)
        null = torch.zeros_like(ratio[:, :1])
        return torch.cat([null, ratio], dim=1) + torch.log(prior.clamp(min=1e-12))

    def log_likelihood_ratio(self, power: Tensor, energy: Tensor, fading: Tensor) -> Tensor:
        """ln p(z | target) / p(z | noise) of |z|^2 at unit noise variance, and the energy rho of an echo."""
        argument = 2.0 * torch.sqrt(energy * power + 1e-20)
        steady = log_bessel_i0(argument) - energy
        rayleigh = power * energy / (1.0 + energy) - torch.log1p(energy)
        hop = energy[..., None] * self.hop
        two_hops = power[..., None] * hop / (1.0 + hop) - torch.log1p(hop) + self.hop_log_weight
        ratios = (steady, rayleigh, torch.logsumexp(two_hops, dim=-1))
        chosen = torch.zeros_like(power)
        for place, ratio in enumerate(ratios):
            chosen = torch.where(fading == place, ratio, chosen)
        return chosen


def log_bessel_i0(argument: Tensor) -> Tensor:
    """ln I0 of what is not negative, to 2e-7 (Abramowitz and Stegun, 9.8.1 and 9.8.2)."""
    small = _polynomial(_SMALL, (argument.clamp(max=_TURN) / _TURN).square())
    large = argument.clamp(min=_TURN)
    scaled = _polynomial(_LARGE, _TURN / large)
    far = large - 0.5 * torch.log(large) + torch.log(scaled)
    return torch.where(argument < _TURN, torch.log(small), far)


def _polynomial(coefficients: tuple[float, ...], value: Tensor) -> Tensor:
    """Sum of coefficients times powers, the constant first."""
    found = torch.full_like(value, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        found = found * value + coefficient
    return found
