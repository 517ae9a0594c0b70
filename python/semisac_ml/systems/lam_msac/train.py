# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train lam_msac``: the mixture of experts on power and position."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from torch import nn

from semisac_ml.beams.command import train_on_everything
from semisac_ml.beams.inputs import InputSet, Presence
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import Losses, Objective, Recipe, cross_entropy, train_network
from semisac_ml.layers.mixture_of_experts import load_balance
from semisac_ml.systems.lam_msac.model import MixtureBeamModel, MixtureSettings

RECIPE = Recipe(epochs=20, batch=128, learning_rate=1.5e-3, members=1)
BALANCE_WEIGHT = 0.1


def balanced_objective(tensors: SampleTensors) -> Objective:
    """Cross-entropy with soft labels, and what keeps all experts in use."""

    def losses(network: MixtureBeamModel, rows: np.ndarray, presence: Presence, progress: float) -> Losses:
        logits, gate = network.logits_and_gate(*tensors.inputs(rows, presence))
        task = cross_entropy(logits, tensors.label[torch.from_numpy(rows)])
        balance = load_balance(gate)
        return {"loss": task + BALANCE_WEIGHT * balance, "task": task, "balance": balance}

    return losses


def _train(
    mixed: bool,
    tensors: SampleTensors,
    rows: np.ndarray,
    recipe: Recipe,
    asked: tuple[InputSet, ...],
    seed: int,
    folder: Path,
    console: Console,
) -> nn.Module:
    network = MixtureBeamModel(MixtureSettings(sites=len(tensors.samples.names), mixed=mixed))
    network.features.fit(tensors.power_db[rows], tensors.position_m[rows], tensors.site[rows])
    return train_network(
        network,
        tensors,
        rows,
        recipe,
        asked,
        seed=seed,
        folder=folder,
        name=f"{'mixture' if mixed else 'single'}-{seed}",
        console=console,
        objective=balanced_objective(tensors),
    )


def train_mixture(*given: object) -> nn.Module:
    """One network with experts and gate."""
    return _train(True, *given)


def train_single(*given: object) -> nn.Module:
    """One network with a single expert as wide as those that the gate would choose."""
    return _train(False, *given)


MEMBERS = {"mixture": train_mixture, "single": train_single}


def command(
    scenarios: Annotated[
        str, typer.Option(help="Scenarios of DeepSense 6G, separated by commas.")
    ] = "1,2,5,8",
    variant: Annotated[str, typer.Option(help="mixture, or single: one expert, no gate.")] = "mixture",
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = RECIPE.epochs,
    members: Annotated[int, typer.Option(min=1, help="Networks that are averaged.")] = RECIPE.members,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the networks.")] = 0,
    run: Annotated[
        Path | None, typer.Option(help="Folder of checkpoints and logs [default: runs/lam_msac/seedSEED].")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads [default: all].")] = None,
) -> None:
    """Train the mixture of experts on power and position; any of them may be absent.

    Drives of a fifth of the samples are held out for `semisac export lam_msac`, which measures on them.
    """
    recipe = dataclasses.replace(RECIPE, epochs=epochs, members=members)
    folder = run or Path("runs/lam_msac") / f"seed{seed}"
    if variant not in MEMBERS:
        raise ValueError(f"variant is {variant!r}, expected one of {', '.join(MEMBERS)}")
    train_on_everything("lam_msac", MEMBERS[variant], recipe, scenarios, seed, folder, threads, variant)
