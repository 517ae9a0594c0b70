# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples as the tensors that a network is given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.samples import BeamSamples
from semisac_ml.layers.beam_features import BeamFeatures


class BeamInputs(NamedTuple):
    """What a network is given, oldest frame first; the names are those of the ONNX inputs.

    power_db: float32 [batch, frames, beams], counted only where measured.
    measured: float32 [batch, frames, beams], 1 or 0.
    position_m: float32 [batch, frames, 2], to the east and north of the base station.
    position_known: float32 [batch, frames], 1 or 0.
    site: int64 [batch], place in the list of sites trained for, -1 for another.
    """

    power_db: Tensor
    measured: Tensor
    position_m: Tensor
    position_known: Tensor
    site: Tensor


class SampleTensors:
    """Power, positions and soft labels of all samples.

    label_scale_db: soft labels are softmax(power in dB / label_scale_db), so that beams within the noise of
        a sweep (0.2 dB) share the label.
    """

    def __init__(self, samples: BeamSamples, label_scale_db: float) -> None:
        self.samples = samples
        self.power_db = torch.from_numpy(samples.power_db)
        self.position_m = torch.from_numpy(samples.position_m)
        self.site = torch.from_numpy(samples.site)
        self.there = samples.frames >= 0
        self.label = torch.softmax(self.power_db / label_scale_db, dim=1)
        self.best_beams = samples.beam[np.maximum(samples.frames, 0)]
        self._frames = torch.from_numpy(np.maximum(samples.frames, 0))

    def fit(self, features: BeamFeatures, rows: np.ndarray) -> None:
        """Let features know what is usual at the sites, from some samples."""
        features.fit(self.power_db[rows], self.position_m[rows], self.site[rows])

    def inputs(self, rows: np.ndarray, presence: Presence) -> BeamInputs:
        """Inputs of some samples; presence is of these rows alone. What is absent is zero."""
        frames = self._frames[torch.from_numpy(rows)]
        measured = torch.from_numpy(presence.measured).float()
        known = torch.from_numpy(presence.position_known).float()
        position_m = self.position_m[frames]
        if presence.misplaced_m is not None:
            position_m = position_m + torch.from_numpy(presence.misplaced_m)[:, None]
        return BeamInputs(
            power_db=self.power_db[frames] * measured,
            measured=measured,
            position_m=position_m * known[..., None],
            position_known=known,
            site=self.site[torch.from_numpy(rows)],
        )

    def sweeps_db(self, rows: np.ndarray) -> Tensor:
        """Power of all beams in the frames of some samples, float32 [rows, frames, beams]."""
        return self.power_db[self._frames[torch.from_numpy(rows)]]

    def positions_m(self, rows: np.ndarray) -> Tensor:
        """Positions in the frames of some samples, float32 [rows, frames, 2]."""
        return self.position_m[self._frames[torch.from_numpy(rows)]]
