# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Train tiny networks of three systems: team_training.py FOLDER DEVICES PARTS [jssc|broken].

jssc: of this one alone; broken: the same, interrupted in its second epoch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from semisac_ml.training.team import launch, team

CPU = torch.device("cpu")


def train_jssc(folder: Path, broken: bool = False) -> None:
    """A network in the paper's form, on the images that ship."""
    from test_jssc_model import PAPER

    from semisac_ml.systems.jssc import train
    from semisac_ml.training.images import ImageSet

    if broken:
        real, told = train.validation, []

        def validation(*arguments):
            told.append(arguments)
            if len(told) == 2:
                raise KeyboardInterrupt
            return real(*arguments)

        train.validation = validation
    train.train(PAPER.replaced(batch=16), ImageSet.load("sample"), folder, team().console(), CPU)


def train_simac(folder: Path) -> None:
    """Over both channels, with the vehicles of a made-up video."""
    from simac_testing import made_up, tiny_settings

    from semisac_ml.systems.simac.model import SimacSettings
    from semisac_ml.systems.simac.training import SimacTraining, tensors_for, train

    SimacSettings.named = classmethod(lambda cls, size: tiny_settings())
    settings = SimacTraining(epochs=2, batch=32, fading="both")
    tensors = tensors_for(settings, made_up(vehicles=8, metres_per_pixel=1.0))
    train(settings, tensors, folder, team().console(), CPU)


def train_csc_sa_net(folder: Path) -> None:
    """All stages."""
    from csc_sa_testing import pictures_of, tiny_settings

    from semisac_ml.systems.csc_sa_net import stages
    from semisac_ml.systems.csc_sa_net.settings import CscSaSettings
    from semisac_ml.systems.csc_sa_net.training import CscSaTraining, train

    CscSaSettings.named, stages.DRAWS = staticmethod(tiny_settings), 16
    sizes = {"semantic_epochs": 2, "beam_epochs": 2, "beam_steps": 3, "joint_epochs": 2}
    settings = CscSaTraining(variant="tuned", batch=4, beam_batch=4, **sizes)
    pictures = stages.Pictures(pictures_of(12, 1), pictures_of(6, 2), 4)
    for stage in "123":
        train(settings, stage, folder, team().console(), CPU, pictures)


if __name__ == "__main__":
    root, devices, parts, *more = sys.argv[1:]
    launch(CPU, int(devices), 1, int(parts))
    torch.set_num_threads(1)
    train_jssc(Path(root) / "jssc", broken=more == ["broken"])
    if not more:
        train_simac(Path(root) / "simac")
        train_csc_sa_net(Path(root) / "csc_sa_net")
