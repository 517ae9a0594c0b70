# SPDX-License-Identifier: GPL-3.0-or-later
"""What every system's training shares: checkpoints without pickles, logs, the loop with its progress bar."""

from __future__ import annotations

from semisac_ml.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from semisac_ml.training.loop import Stage, autocast, choose_device, train_stage

__all__ = [
    "CheckpointError",
    "Stage",
    "autocast",
    "choose_device",
    "load_checkpoint",
    "save_checkpoint",
    "train_stage",
]
