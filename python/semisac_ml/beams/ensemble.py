# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One or several networks whose probabilities are averaged, and calibrated on drives held out."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.calibration import UNCALIBRATED, Calibration, calibrations, kinds_of
from semisac_ml.beams.training import SMALLEST, Trainer, TrainingJob, predict
from semisac_ml.signal.calibration import TwoTemperatures, softmax


class BeamEnsemble(nn.Module):
    """Mean probability of networks, made to mean what it says by what was fitted on other drives.

    calibration: of each of KINDS. Of several networks, none has encoders of sensors.
    """

    def __init__(
        self, networks: list[nn.Module], calibration: tuple[TwoTemperatures, ...] = UNCALIBRATED
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.calibration = Calibration(calibration)

    @property
    def encoders(self) -> nn.ModuleDict:
        """Encoders of the sensors."""
        return self.networks[0].encoders

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Probability that each beam is the strongest [batch, beams], and of blockage [batch] if it is told.

        inputs: see BeamInputs.
        """
        said = [network(*inputs) for network in self.networks]
        mean = torch.stack([torch.softmax(one[0], dim=1) for one in said]).mean(dim=0)
        beams = self.calibration(mean, inputs[1], inputs[3])
        if len(said[0]) == 1:
            return (beams,)
        return beams, torch.stack([torch.sigmoid(one[1]) for one in said]).mean(dim=0)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *how: object) -> None:
        """Checkpoints of one network with all sensors called it `network` once."""
        for key in [key for key in state_dict if key.startswith(f"{prefix}network.")]:
            state_dict[f"{prefix}networks.0.{key.removeprefix(f'{prefix}network.')}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *how)


def train_ensemble(trainer: Trainer, job: TrainingJob) -> BeamEnsemble:
    """Train the members, hold drives of the training part out, fit temperatures on these.

    Half of the members are trained without one set of drives, half without another, so that together they
    have seen all; temperatures are fitted to what each half says of the drives that it has not seen.
    """
    networks = {
        place: train_member(trainer, job, kept_and_held(job, place)[0], place)
        for place in range(job.recipe.members)
    }
    return calibrated(networks, job)


def kept_and_held(job: TrainingJob, place: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows on which the member at some place is trained, and those of the drives that it does not see."""
    if not job.recipe.held_out:  # not calibrated
        return job.rows, job.rows[:0]
    return job.tensors.samples.held_out_drives(job.rows, job.recipe.held_out, job.seed, place % 2)


def calibrated(networks: dict[int, nn.Module], job: TrainingJob) -> BeamEnsemble:
    """An ensemble of members, by their places, with temperatures fitted to drives that they did not see."""
    tensors, logarithms, truth, kinds = job.tensors, [], [], []
    for part in sorted({place % 2 for place in networks}):
        own = [network for place, network in sorted(networks.items()) if place % 2 == part]
        held = kept_and_held(job, part)[1]
        asked = tuple(inputs for inputs in job.asked if inputs.eligible(tensors.samples)[held].any())
        by_network = [predict(one, tensors, held, asked) for one in own] if asked else []
        for inputs, *said in zip(asked, *by_network, strict=True):
            rows = said[0].rows
            probability = np.mean([softmax(one.beams) for one in said], axis=0)
            logarithms.append(np.log(probability + SMALLEST))
            truth.append(tensors.samples.beam[rows])
            shown = tensors.presence(inputs, rows)
            kinds.append(kinds_of(shown.measured, shown.position_known))
    members = [networks[place] for place in sorted(networks)]
    if not logarithms:
        return BeamEnsemble(members).eval()
    return BeamEnsemble(members, calibrations(*map(np.concatenate, (logarithms, truth, kinds)))).eval()


def train_member(trainer: Trainer, job: TrainingJob, rows: np.ndarray, place: int) -> nn.Module:
    """One network on some of the rows, from a seed of its own."""
    seed = job.recipe.seeds_apart * job.seed + place
    torch.manual_seed(seed)
    return trainer(dataclasses.replace(job, rows=rows, seed=seed))
