# SPDX-License-Identifier: GPL-3.0-or-later
"""The communication channel y = h·x + w, differentiable in x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

FadingModel = Literal["awgn", "rayleigh"]


def noise_variance(snr_db: Tensor) -> Tensor:
    """Noise variance N0 of each complex channel use for symbols of unit mean power: 10^(-snr_db/10)."""
    return 10.0 ** (-snr_db / 10.0)


def complex_normal(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw CN(0, 1): complex64, variance 1/2 in each of the real and imaginary parts."""
    pair = torch.randn(*shape, 2, generator=generator, device=device) * 0.5**0.5
    return torch.view_as_complex(pair)


def apply_fading(symbols: Tensor, gain: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Pass symbols through one fading gain a frame and additive noise.

    Parameters
    ----------
    symbols : complex64 (frames, channel_uses), unit mean power.
    gain : complex64 (frames,), 1 for AWGN.
    noise : complex64 (frames, channel_uses), draws of CN(0, 1).
    snr_db : float32 (frames,), mean Es/N0 for each complex channel use.

    Returns
    -------
    received : complex64 (frames, channel_uses).
    """
    return gain[:, None] * symbols + noise_variance(snr_db).sqrt()[:, None] * noise


@dataclass(frozen=True)
class FadingChannel:
    """AWGN, or Rayleigh block fading with a fresh gain h ~ CN(0, 1) for each frame.

    Source: Sagduyu et al., section II, "Channel effects".
    """

    model: FadingModel = "awgn"

    def __post_init__(self) -> None:
        if self.model not in ("awgn", "rayleigh"):
            raise ValueError(f"unknown channel model {self.model!r}: expected 'awgn' or 'rayleigh'")

    def __call__(self, symbols: Tensor, snr_db: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return received symbols, complex64 (frames, channel_uses), and the gains, complex64 (frames,)."""
        frames = symbols.shape[0]
        if self.model == "rayleigh":
            gain = complex_normal((frames,), generator, symbols.device)
        else:
            gain = torch.ones(frames, dtype=symbols.dtype, device=symbols.device)
        noise = complex_normal(tuple(symbols.shape), generator, symbols.device)
        return apply_fading(symbols, gain, noise, snr_db), gain
