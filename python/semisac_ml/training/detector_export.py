# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network "sensing" of bundles: the detector of targets, and what a manifest says of its tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semisac_ml.layers import MatchedFilterDetector
from semisac_ml.signal.channel import FADING_MODELS

SENSING_MAX_RANGES = 8
SENSING_SNR_DB = (-20.0, 20.0)
_SNR = {"unit": "dB, Es/N0", "range": list(SENSING_SNR_DB), "description": "SNR of the echo"}
DETECTOR_TENSORS = {
    "symbols": {
        "unit": "unit mean power a channel use",
        "range": [-3.0, 3.0],
        "description": "transmitted symbols, I and Q",
    },
    "echo": {"unit": "noise variance 1", "range": [-10.0, 10.0], "description": "echo, I and Q"},
    "sensing_snr_db": _SNR,
    "range_snr_db": {**_SNR, "description": "SNR of an echo from each range"},
    "range_delay": {"unit": "symbols", "range": [0, 0], "description": "delay of each range"},
    "prior": {"unit": "1", "range": [0.01, 1.0], "description": "probability before the echo is seen"},
    "fading": {
        "unit": "1",
        "range": [0, len(FADING_MODELS) - 1],
        "description": f"of the echo: place in {', '.join(FADING_MODELS)}",
    },
}
"""Inputs, and those of "sensing_echo", by name."""
DETECTED = {
    "name": "probability",
    "unit": "1",
    "range": [0.0, 1.0],
    "description": "of no target, and of each range",
}
INPUTS = ("symbols", "echo", "range_snr_db", "range_delay", "prior", "fading")


class Probabilities(nn.Module):
    """A network of scores, with probabilities (softmax of the scores) as its output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.softmax(self.network(*inputs), dim=-1)


def detector_network(
    detector: MatchedFilterDetector, channel_uses: int
) -> tuple[nn.Module, dict[str, Tensor], str, dict[str, dict[int, str]]]:
    """The network "sensing" of a bundle, for waveforms of any length and any ranges."""
    inputs = {
        "symbols": torch.randn(2, channel_uses, 2),
        "echo": torch.randn(2, channel_uses + 3, 2),
        "range_snr_db": torch.tensor([[3.0, 0.0, -3.0], [7.0, 4.0, 1.0]]),
        "range_delay": torch.tensor([0, 1, 2]),
        "prior": torch.full((4,), 0.25),
        "fading": torch.tensor([0]),
    }
    axes = {
        "symbols": {0: "batch", 1: "channel_uses"},
        "echo": {0: "batch", 1: "echo_samples"},
        "range_snr_db": {0: "batch", 1: "ranges"},
        "range_delay": {0: "ranges"},
        "prior": {0: "hypotheses"},
        "fading": {},
        "probability": {0: "batch", 1: "hypotheses"},
    }
    return Probabilities(detector), inputs, "probability", axes


def described_detector() -> dict[str, list[dict[str, object]]]:
    """Units, ranges and meanings of its tensors, for a manifest."""
    return {"inputs": [{"name": name, **DETECTOR_TENSORS[name]} for name in INPUTS], "outputs": [DETECTED]}
