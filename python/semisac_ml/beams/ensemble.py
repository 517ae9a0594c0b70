# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several networks whose probabilities are averaged, and calibrated on drives held out."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.samples import NOW
from semisac_ml.beams.training import SMALLEST, MemberTrainer, TrainingJob, predict
from semisac_ml.signal.calibration import LOG_TEMPERATURE, TwoTemperatures, fit_two_temperatures, softmax

HELD_OUT_SHARE = 0.08
MEMBER_SEEDS = 100  # of the members of one ensemble: 100 times its own seed, and those that follow
KINDS = ("measured now and a past", "measured now", "measured before", "never measured")
UNCALIBRATED = (TwoTemperatures(),) * len(KINDS)
FEWEST = 200  # samples that a calibration is fitted to
TEMPERING = 0.65  # of probabilities when beams are ranked: best on the drives held out for calibration


def evidence(measured: Tensor, position_known: Tensor) -> Tensor:
    """Place in KINDS of what is known of each sample, int64 [batch]: how sure networks may be differs by it.

    measured: float32 [batch, frames, beams]. position_known: float32 [batch, frames].
    """
    swept = measured.amax(dim=2)
    now, ever = swept[:, NOW] > 0, swept.amax(dim=1) > 0
    past = (swept[:, :NOW] + position_known[:, :NOW]).amax(dim=1) > 0
    return torch.where(now, torch.where(past, 0, 1), torch.where(ever, 2, 3))


class BeamEnsemble(nn.Module):
    """Mean probability of several networks, made to mean what it says by what was fitted on other drives.

    calibration: of each of KINDS.
    """

    def __init__(
        self, networks: list[nn.Module], calibration: tuple[TwoTemperatures, ...] = UNCALIBRATED
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        table = [dataclasses.astuple(one) for one in calibration]
        self.register_buffer("calibration", torch.tensor(table, dtype=torch.float32))

    def forward(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> Tensor:
        """Probability that each beam is the strongest, float32 [batch, beams]; inputs: BeamInputs."""
        given = (power_db, measured, position_m, position_known, site)
        mean = torch.stack([torch.softmax(one(*given), dim=1) for one in self.networks]).mean(dim=0)
        logarithm = torch.log(mean + SMALLEST)
        entropy = -(mean * logarithm).sum(dim=1, keepdim=True)
        values = self.calibration[evidence(measured, position_known)]
        level, slope, share_level, share_slope, flat = values.split(1, dim=1)
        sharp = torch.exp(torch.clamp(level + slope * entropy, *LOG_TEMPERATURE))
        share = torch.sigmoid(share_level + share_slope * entropy)
        flattened = torch.exp(torch.clamp(flat, *LOG_TEMPERATURE))
        sharpened = torch.softmax(logarithm / sharp, dim=1)
        return (1.0 - share) * sharpened + share * torch.softmax(logarithm / flattened, dim=1)


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
                known = (torch.from_numpy(marks).float() for marks in (shown.measured, shown.position_known))
                kinds.append(evidence(*known).numpy())
    networks = [by_place[place] for place in sorted(by_place)]
    if not logits:
        return BeamEnsemble(networks).eval()
    return BeamEnsemble(networks, calibrations(*map(np.concatenate, (logits, truth, kinds)))).eval()


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


def train_member(member: MemberTrainer, job: TrainingJob, rows: np.ndarray, seed: int) -> nn.Module:
    """One network on some of the rows, from a seed of its own."""
    torch.manual_seed(seed)
    return member(dataclasses.replace(job, rows=rows, seed=seed))
