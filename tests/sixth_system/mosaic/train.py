# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of the made-up link, on the pictures that ship."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from semisac_ml.data import cifar10
from semisac_ml.systems.mosaic.model import CHANNEL_USES, Link
from semisac_ml.training import save_checkpoint

CHECKPOINT = "mosaic.safetensors"


def command(*, run: Path = Path("runs/mosaic"), steps: int = 100, seed: int = 0) -> None:
    """Train with 10 dB of SNR and echoes of 3 dB."""
    torch.manual_seed(seed)
    pictures, labels = cifar10.sample()[:2]
    image = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255
    label, snr_db = torch.from_numpy(labels), torch.full((len(pictures),), 3.0)
    link = Link()
    optimiser = torch.optim.Adam(link.parameters(), 0.02)
    for _ in range(steps):
        symbols = link.encoder(image)
        received = symbols + torch.randn_like(symbols) * (0.5 * 10**-1.0) ** 0.5
        there = torch.randint(0, 2, (len(pictures),))
        noise = torch.randn(len(pictures), CHANNEL_USES, 2) * 0.5**0.5
        echo = symbols.detach() * there[:, None, None] * 10 ** (3.0 / 20) + noise
        loss = (
            functional.mse_loss(link.reconstruction(received), image)
            + 0.01 * functional.nll_loss(link.task(received).log(), label)
            + functional.nll_loss(link.sensing_echo(echo, snr_db).log(), there)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    save_checkpoint(run / CHECKPOINT, link, None, {"steps": steps, "seed": seed})
    print(f"trained in {steps} steps")
