# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probabilities of beams made to mean what they say, by what was fitted on drives held out."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.training import SMALLEST
from semisac_ml.signal.calibration import LOG_TEMPERATURE, TwoTemperatures, fit_two_temperatures

KINDS = ("measured now and a past", "measured now", "measured before", "never measured")
UNCALIBRATED = (TwoTemperatures(),) * len(KINDS)
FEWEST = 200  # samples that a calibration is fitted to


def evidence(measured: Tensor, position_known: Tensor) -> Tensor:
    """Place in KINDS of what is known of each sample, int64 [batch]: how sure networks may be differs by it.

    measured: float32 [batch, frames, beams]. position_known: float32 [batch, frames]. The newest frame last.
    """
    swept = measured.amax(dim=2)
    now, ever = swept[:, -1] > 0, swept.amax(dim=1) > 0
    past = (swept + position_known)[:, :-1].sum(dim=1) > 0
    return torch.where(now, torch.where(past, 0, 1), torch.where(ever, 2, 3))


def kinds_of(measured: np.ndarray, position_known: np.ndarray) -> np.ndarray:
    """The same of marks as arrays, bool, int64 [samples]."""
    return evidence(torch.from_numpy(measured).float(), torch.from_numpy(position_known).float()).numpy()


class Calibration(nn.Module):
    """Applies what was fitted of each of KINDS to probabilities."""

    def __init__(self, fitted: tuple[TwoTemperatures, ...] = UNCALIBRATED) -> None:
        super().__init__()
        table = [dataclasses.astuple(one) for one in fitted]
        self.register_buffer("table", torch.tensor(table, dtype=torch.float32))

    def forward(self, probability: Tensor, measured: Tensor, position_known: Tensor) -> Tensor:
        """Calibrated probabilities, float32 [batch, beams], of those that were said; others: see evidence."""
        logarithm = torch.log(probability + SMALLEST)
        entropy = -(probability * logarithm).sum(dim=1, keepdim=True)
        values = self.table[evidence(measured, position_known)]
        level, slope, share_level, share_slope, flat = values.split(1, dim=1)
        sharp = torch.exp(torch.clamp(level + slope * entropy, *LOG_TEMPERATURE))
        share = torch.sigmoid(share_level + share_slope * entropy)
        flattened = torch.exp(torch.clamp(flat, *LOG_TEMPERATURE))
        sharpened = torch.softmax(logarithm / sharp, dim=1)
        return (1.0 - share) * sharpened + share * torch.softmax(logarithm / flattened, dim=1)


def calibrations(
    log_probability: np.ndarray, truth: np.ndarray, kind: np.ndarray
) -> tuple[TwoTemperatures, ...]:
    """Calibration of each of KINDS; of all together for kinds of which there are too few samples."""
    together, found = fit_two_temperatures(log_probability, truth), []
    for place in range(len(KINDS)):
        own = kind == place
        enough = own.sum() >= FEWEST
        found.append(fit_two_temperatures(log_probability[own], truth[own]) if enough else together)
    return tuple(found)
