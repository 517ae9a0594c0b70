# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network that did best on validation, and when to stop looking for a better one."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn


class BestKept(nn.Module):
    """A network in training beside its copy from the epoch that was best; both go into checkpoints.

    model: in training. best: the copy. patience: epochs without improvement after which there is no hope.
    """

    least_loss: Tensor
    epochs_since: Tensor

    def __init__(self, model: nn.Module, patience: int) -> None:
        super().__init__()
        if patience < 1:
            raise ValueError(f"patience is {patience} epochs, expected 1 or more")
        self.model, self.best = model, copy.deepcopy(model).requires_grad_(False)
        self.patience = patience
        self.register_buffer("least_loss", torch.tensor(math.inf, dtype=torch.float64))
        self.register_buffer("epochs_since", torch.tensor(0))

    def tell(self, loss: float) -> None:
        """The loss on validation of an epoch; what is not a number counts as no improvement."""
        if loss < self.least_loss.item():
            self.best.load_state_dict(self.model.state_dict())
            self.least_loss.fill_(loss)
            self.epochs_since.zero_()
        else:
            self.epochs_since += 1

    def stopped(self) -> bool:
        """Whether patience is at its end, for :class:`semisac_ml.training.Stage`."""
        return int(self.epochs_since) >= self.patience
