# SPDX-License-Identifier: GPL-3.0-or-later
"""The air between encoder and decoder, as the code meets it: noise, frames that fade, frames that are
lost.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_SNR = 1e-2  # of a faded frame: below, it is worth nothing


def transmit(
    code: Tensor,
    snr_db: Tensor,
    sent_channels: Tensor,
    fades: Tensor,
    lost_share: Tensor,
    generator: torch.Generator | None = None,
    frames: int = 8,
) -> tuple[Tensor, Tensor]:
    """Received code and what each value is worth.

    SNR is Es/N0 of a complex channel use: two real values of mean square 1 each, noise of variance 1 / snr in
    each.
    The values of a picture are spread over frames at random; a frame has one gain (known to the receiver, the
    code is divided by it) and arrives whole or not at all.

    Parameters
    ----------
    code : (batch, channels, rows, columns), 0 where nothing is sent.
    snr_db : (batch,) mean SNR.
    sent_channels : (batch,) channels of the code that are sent.
    fades : bool (batch,) whether frames have gains |h|^2 ~ exponential with mean 1, or 1.
    lost_share : (batch,) probability that a frame is lost; the first one of a picture never is.
    frames : of a picture.

    Returns
    -------
    received : shape of code; y = x + w, 0 where nothing came.
    worth : the same; snr / (1 + snr), 0 where nothing came.
    """
    batch, device = len(code), code.device

    def uniform() -> Tensor:
        return torch.rand(batch, frames, generator=generator, device=device)

    gain = torch.where(fades[:, None], -torch.log1p(-uniform()), 1.0)
    snr = ((10.0 ** (snr_db / 10.0))[:, None] * gain).clamp(min=LEAST_SNR)
    came = (uniform() >= lost_share[:, None]).to(code.dtype)
    came[:, 0] = 1.0
    if bool((fades | (lost_share > 0)).any()):
        frame = torch.randint(frames, code.shape, generator=generator, device=device).flatten(1)
    else:
        frame = torch.zeros(code.shape, dtype=torch.long, device=device).flatten(1)
    channels = torch.arange(code.shape[1], device=device)
    sent = (channels < sent_channels[:, None]).to(code.dtype)[:, :, None, None]
    snr = snr.gather(1, frame).reshape(code.shape)
    there = came.gather(1, frame).reshape(code.shape) * sent
    noise = torch.randn(code.shape, generator=generator, device=device)
    return (code + noise * snr.rsqrt()) * there, snr / (1.0 + snr) * there
