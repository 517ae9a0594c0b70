# SPDX-License-Identifier: GPL-3.0-or-later
"""Fully convolutional joint source-channel code, aware of SNR and bandwidth.

A picture of any size becomes a code of CODE_CHANNELS real values for each 4 x 4 pixels, in order of
importance: the first 4, 8 or 16 of them are sent, two to a complex channel use, which is k/n = 1/24, 1/12 or
1/6. Source of the idea: E. Bourtsoulatze, D. Burth Kurka, D. Gunduz, "Deep Joint Source-Channel Coding for
Wireless Image Transmission", IEEE Transactions on Cognitive Communications and Networking, 2019; of the
attention to SNR: J. Xu et al., "Wireless Image Transmission Using Deep Source Channel Coding With Attention
Modules", IEEE Transactions on Circuits and Systems for Video Technology, 2022.

Instead of being told a single SNR, the decoder is told for each received value how much it is worth, snr / (1
+ snr): 0 for values that were not sent or lost on the way. So one decoder serves all ratios, frames that fade
differently, and lost frames, whose place it fills in from what is around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CODE_CHANNELS = 16
SENT_CHANNELS = (4, 8, 16)
STRIDE = 4
SNR_DB = (-5.0, 20.0)


def bandwidth_ratio(sent_channels: int) -> float:
    """Complex channel uses a real source value (k/n) when so many channels of the code are sent."""
    return sent_channels / 2 / (3 * STRIDE**2)


@dataclass(frozen=True)
class HifiSettings:
    """Size of the networks.

    fine_width, coarse_width: channels at half and at a quarter of the resolution.
    encoder_blocks, decoder_blocks: blocks at half and at a quarter of the resolution.
    """

    fine_width: int = 32
    coarse_width: int = 64
    encoder_blocks: tuple[int, int] = (1, 5)
    decoder_blocks: tuple[int, int] = (1, 10)

    @classmethod
    def named(cls, size: str) -> HifiSettings:
        """ "default", for processors, or "large", for accelerators. Raises ValueError for any other name."""
        if size == "default":
            return cls()
        if size == "large":
            return cls(fine_width=64, coarse_width=160, encoder_blocks=(1, 6), decoder_blocks=(2, 12))
        raise ValueError(f"size is {size!r}, expected default or large")


def conditions(snr_db: Tensor, sent_channels: Tensor) -> Tensor:
    """What blocks attend to: SNR and bandwidth, each about -1 to 1; (batch, 2)."""
    low, high = SNR_DB
    return torch.stack(
        [(snr_db - (low + high) / 2) / ((high - low) / 2), torch.log2(sent_channels / 8.0)], dim=1
    )


class AttentiveBlock(nn.Module):
    """Residual block: two convolutions, attention of the channels between them.

    The gate of each channel follows from its mean over the picture, from SNR and bandwidth.
    """

    def __init__(self, width: int, hidden: int = 32) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.squeeze = nn.Linear(width + 2, hidden)
        self.excite = nn.Linear(hidden, width)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, values: Tensor, at: Tensor) -> Tensor:
        filtered = functional.relu(self.first(values))
        seen = torch.cat([filtered.mean((2, 3)), at], dim=1)
        gate = 2.0 * torch.sigmoid(self.excite(functional.relu(self.squeeze(seen))))
        return values + self.second(filtered * gate[:, :, None, None])


class HifiEncoder(nn.Module):
    """Picture to code.

    Input: image (batch, 3, height, width) in [0, 1], height and width multiples of 4; snr_db (batch,);
    sent_channels (batch,), 4, 8 or 16.
    Output: code (batch, 16, height / 4, width / 4), mean square 1 over the channels that are sent, 0 in the
        others.
    """

    def __init__(self, settings: HifiSettings) -> None:
        super().__init__()
        fine, coarse = settings.fine_width, settings.coarse_width
        self.enter = nn.Conv2d(12, fine, 3, padding=1)
        self.fine = nn.ModuleList(AttentiveBlock(fine) for _ in range(settings.encoder_blocks[0]))
        self.down = nn.Conv2d(4 * fine, coarse, 1)
        self.coarse = nn.ModuleList(AttentiveBlock(coarse) for _ in range(settings.encoder_blocks[1]))
        self.leave = nn.Conv2d(coarse, CODE_CHANNELS, 3, padding=1)

    def forward(self, image: Tensor, snr_db: Tensor, sent_channels: Tensor) -> Tensor:
        at = conditions(snr_db, sent_channels)
        values = self.enter(functional.pixel_unshuffle(image - 0.5, 2))
        for block in self.fine:
            values = block(values, at)
        values = self.down(functional.pixel_unshuffle(values, 2))
        for block in self.coarse:
            values = block(values, at)
        return normalised(self.leave(values).float(), sent_channels)


def sent_mask(sent_channels: Tensor) -> Tensor:
    """1 for the channels that are sent, 0 for the others, (batch, 16, 1, 1)."""
    channels = torch.arange(CODE_CHANNELS, device=sent_channels.device, dtype=sent_channels.dtype)
    return (channels < sent_channels[:, None]).to(torch.float32)[:, :, None, None]


def normalised(code: Tensor, sent_channels: Tensor) -> Tensor:
    """Code of mean square 1 in each picture over the channels that are sent, 0 in the others."""
    kept = code * sent_mask(sent_channels)
    # the mean over all 16 channels, brought to that over the sent ones
    power = kept.square().mean((1, 2, 3)) * CODE_CHANNELS / sent_channels
    return kept * torch.rsqrt(power + 1e-9)[:, None, None, None]


class HifiDecoder(nn.Module):
    """Received code to picture.

    Input: received (batch, 16, rows, columns), y = x + w where something came, anything elsewhere; worth (the
    same shape), snr / (1 + snr) of each value, 0 where nothing came; snr_db (batch,) mean SNR; sent_channels
    (batch,).
    Output: image (batch, 3, 4 rows, 4 columns) in [0, 1].
    """

    def __init__(self, settings: HifiSettings) -> None:
        super().__init__()
        fine, coarse = settings.fine_width, settings.coarse_width
        self.enter = nn.Conv2d(2 * CODE_CHANNELS, coarse, 3, padding=1)
        self.coarse = nn.ModuleList(AttentiveBlock(coarse) for _ in range(settings.decoder_blocks[1]))
        self.up = nn.Conv2d(coarse, 4 * fine, 1)
        self.fine = nn.ModuleList(AttentiveBlock(fine) for _ in range(settings.decoder_blocks[0]))
        self.leave = nn.Conv2d(fine, 12, 3, padding=1)

    def unlimited(self, received: Tensor, worth: Tensor, snr_db: Tensor, sent_channels: Tensor) -> Tensor:
        """The picture before it is limited to [0, 1], for training."""
        at = conditions(snr_db, sent_channels)
        values = self.enter(torch.cat([received * worth, 2.0 * worth - 1.0], dim=1))
        for block in self.coarse:
            values = block(values, at)
        values = functional.pixel_shuffle(self.up(values), 2)
        for block in self.fine:
            values = block(values, at)
        return functional.pixel_shuffle(self.leave(values).float(), 2) + 0.5

    def forward(self, received: Tensor, worth: Tensor, snr_db: Tensor, sent_channels: Tensor) -> Tensor:
        return self.unlimited(received, worth, snr_db, sent_channels).clamp(0.0, 1.0)


class HifiTask(nn.Module):
    """Received code to what the picture shows, without rebuilding it.

    Inputs: as of HifiDecoder. Output: probability (batch, classes).
    """

    def __init__(self, classes: int = 10, width: int = 64, blocks: int = 3) -> None:
        super().__init__()
        self.enter = nn.Conv2d(2 * CODE_CHANNELS, width, 3, padding=1)
        self.fine = nn.ModuleList(AttentiveBlock(width) for _ in range(blocks))
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(AttentiveBlock(2 * width) for _ in range(blocks))
        self.drop = nn.Dropout(0.2)
        self.decide = nn.Linear(2 * width, classes)

    def logits(self, received: Tensor, worth: Tensor, snr_db: Tensor, sent_channels: Tensor) -> Tensor:
        """What the probabilities follow from, (batch, classes)."""
        at = conditions(snr_db, sent_channels)
        values = self.enter(torch.cat([received * worth, 2.0 * worth - 1.0], dim=1))
        for block in self.fine:
            values = block(values, at)
        values = self.down(values)
        for block in self.coarse:
            values = block(values, at)
        return self.decide(self.drop(functional.relu(values).mean((2, 3)))).float()

    def forward(self, received: Tensor, worth: Tensor, snr_db: Tensor, sent_channels: Tensor) -> Tensor:
        return self.logits(received, worth, snr_db, sent_channels).softmax(dim=1)


class HifiModel(nn.Module):
    """Encoder and decoder."""

    def __init__(self, settings: HifiSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = HifiEncoder(settings)
        self.decoder = HifiDecoder(settings)
