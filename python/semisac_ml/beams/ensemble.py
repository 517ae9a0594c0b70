# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several networks whose probabilities are averaged, and calibrated on drives held out."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.calibration import UNCALIBRATED, Calibration, calibrations, kinds_of
from semisac_ml.beams.training import SMALLEST, MemberTrainer, TrainingJob, predict
from semisac_ml.signal.calibration import TwoTemperatures, softmax

HELD_OUT_SHARE = 0.08
MEMBER_SEEDS = 100  # of the members of one ensemble: 100 times its own seed, and those that follow
TEMPERING = 0.65  # of probabilities when beams are ranked: drives unseen are less calibrated


class BeamEnsemble(nn.Module):
    """Mean probability of several networks, made to mean what it says by what was fitted on other drives.

    calibration: of each of KINDS.
    """

    def __init__(
        self, networks: list[nn.Module], calibration: tuple[TwoTemperatures, ...] = UNCALIBRATED
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.calibration = Calibration(calibration)

    def forward(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> Tensor:
        """Probability that each beam is the strongest, float32 [batch, beams]; inputs: BeamInputs."""
        given = (power_db, measured, position_m, position_known, site)
        mean = torch.stack([torch.softmax(one(*given), dim=1) for one in self.networks]).mean(dim=0)
        return self.calibration(mean, measured, position_known)


def mean_log_probability(networks: list[nn.Module], *where: object) -> np.ndarray:
    """Logarithm of the mean probability of networks without temperature, float64 [rows, beams]."""
    return np.log(np.mean([softmax(predict(one, *where)) for one in networks], axis=0) + SMALLEST)


def train_ensemble(member: MemberTrainer, job: TrainingJob) -> BeamEnsemble:
    """Train the members, hold drives of the training part out, fit temperatures on these.

    Half of the members are trained without one set of drives, half without another, so that together they
    have seen all; temperatures are fitted to what each half says of the drives that it has not seen.
    """
    members, samples = job.recipe.members, job.tensors.samples
    halves = [list(range(members))[part::2] for part in range(min(members, 2))]
    by_place: dict[int, nn.Module] = {}
    logits, truth, kinds = [], [], []
    for part, places in enumerate(halves):
        kept, held = samples.held_out_drives(job.rows, HELD_OUT_SHARE, seed=1000 * (part + 1) + job.seed)
        own = [train_member(member, job, kept, MEMBER_SEEDS * job.seed + place) for place in places]
        by_place |= dict(zip(places, own, strict=True))
        for inputs in job.asked:
            some = held[inputs.eligible(samples)[held]]
            if len(some):
                logits.append(mean_log_probability(own, job.tensors, some, inputs))
                truth.append(samples.beam[some])
                shown = inputs.presence(samples).rows(some)
                kinds.append(kinds_of(shown.measured, shown.position_known))
    networks = [by_place[place] for place in sorted(by_place)]
    if not logits:
        return BeamEnsemble(networks).eval()
    return BeamEnsemble(networks, calibrations(*map(np.concatenate, (logits, truth, kinds)))).eval()


def train_member(member: MemberTrainer, job: TrainingJob, rows: np.ndarray, seed: int) -> nn.Module:
    """One network on some of the rows, from a seed of its own."""
    torch.manual_seed(seed)
    return member(dataclasses.replace(job, rows=rows, seed=seed))
