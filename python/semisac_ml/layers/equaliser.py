# SPDX-License-Identifier: GPL-3.0-or-later
"""Equalisation of block fading, in real arithmetic so that it exports to ONNX."""

from __future__ import annotations

import torch
from torch import Tensor


def equalise(received: Tensor, channel_gain: Tensor, snr_db: Tensor) -> tuple[Tensor, Tensor]:
    """Linear minimum-mean-square-error estimate of unit-power symbols from y = h·x + w.

    x̂ = h*·y / (|h|² + N0), N0 = 10^(-snr_db/10).

    Parameters
    ----------
    received : float32 (batch, channel_uses, 2).
    channel_gain : float32 (batch, 2), h.
    snr_db : float32 (batch,), mean SNR of the link.

    Returns
    -------
    estimate : float32 (batch, channel_uses, 2).
    instantaneous_snr_db : float32 (batch,), snr_db + 10·log10|h|², floored 30 dB below snr_db.
    """
    real, imaginary = channel_gain[:, 0, None], channel_gain[:, 1, None]
    power = channel_gain.square().sum(dim=1)
    noise_variance = 10.0 ** (-snr_db / 10.0)
    in_phase = real * received[..., 0] + imaginary * received[..., 1]
    quadrature = real * received[..., 1] - imaginary * received[..., 0]
    scale = 1.0 / (power + noise_variance)
    estimate = torch.stack([in_phase, quadrature], dim=-1) * scale[:, None, None]
    return estimate, snr_db + 10.0 * torch.log10(power.clamp(min=1e-3))
