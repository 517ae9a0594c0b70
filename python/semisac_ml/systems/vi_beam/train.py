# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train vi_beam``: representation and task model, jointly or in the paper's two stages."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from torch import nn

from semisac_ml.beams.baselines import perceptron
from semisac_ml.beams.command import train_on_everything
from semisac_ml.beams.inputs import InputSet, Presence
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import Losses, Objective, Recipe, cross_entropy, train_network
from semisac_ml.systems.vi_beam.model import VariationalBeamModel, VariationalSettings, task_model
from semisac_ml.systems.vi_beam.objective import Weights, variational_objective

RECIPE = Recipe(epochs=24, batch=256, learning_rate=2e-3, weight_decay=0.05)
PERCEPTRON = Recipe(epochs=24, batch=128, learning_rate=1.5e-3)
STAGE_EPOCHS = (0.3, 0.4, 0.3)  # of unimodal pretraining, multimodal fine-tuning and the task model


def new_network(tensors: SampleTensors, rows: np.ndarray) -> VariationalBeamModel:
    """A network that knows what is usual at the sites, from the training samples."""
    network = VariationalBeamModel(VariationalSettings(sites=len(tensors.samples.names)))
    network.features.fit(tensors.power_db[rows], tensors.position_m[rows], tensors.site[rows])
    return network


def train_joint(
    tensors: SampleTensors,
    rows: np.ndarray,
    recipe: Recipe,
    asked: tuple[InputSet, ...],
    seed: int,
    folder: Path,
    console: Console,
) -> nn.Module:
    """One network by all of Eq. (50) at once, with the task's term; regularisers warm up (Remark 2)."""
    return train_network(
        new_network(tensors, rows),
        tensors,
        rows,
        recipe,
        asked,
        seed=seed,
        folder=folder,
        name=f"joint-{seed}",
        console=console,
        objective=variational_objective(tensors, Weights()),
    )


def train_staged(
    tensors: SampleTensors,
    rows: np.ndarray,
    recipe: Recipe,
    asked: tuple[InputSet, ...],
    seed: int,
    folder: Path,
    console: Console,
) -> nn.Module:
    """One network by Algorithms 1 and 2, then the task model on the frozen representation.

    Pretraining shows one modality of each sample. State and priors are shared by the modalities from the
    start, where the paper averages one of each modality afterwards.
    """
    common = dict(seed=seed, folder=folder, console=console)
    network = new_network(tensors, rows)
    first, second, third = (
        dataclasses.replace(recipe, epochs=max(round(share * recipe.epochs), 1)) for share in STAGE_EPOCHS
    )
    alone = Weights(bound=1.0, task=0.0)
    train_network(
        network,
        tensors,
        rows,
        first,
        asked,
        name=f"unimodal-{seed}",
        objective=one_modality(variational_objective(tensors, alone, align=False)),
        **common,
    )
    fused = variational_objective(tensors, alone)
    train_network(network, tensors, rows, second, asked, name=f"fused-{seed}", objective=fused, **common)
    network.task = task_model(network.settings)
    for part in (network.features, network.experts, network.decoders, network.transition):
        part.requires_grad_(False)
    return train_network(
        network,
        tensors,
        rows,
        third,
        asked,
        name=f"task-{seed}",
        objective=frozen_task(tensors),
        parameters=list(network.task.parameters()),
        **common,
    )


def one_modality(objective: Objective) -> Objective:
    """The same objective where each sample shows power or position, by turns, as if recorded apart."""

    def losses(network: nn.Module, rows: np.ndarray, presence: Presence, progress: float) -> Losses:
        power = presence.measured.any(axis=(1, 2))
        both = power & presence.position_known.any(axis=1)
        hide = np.where(both, np.arange(len(rows)) % 2, -1)
        shown = Presence(
            presence.position_known & (hide != 1)[:, None], presence.measured & (hide != 0)[:, None, None]
        )
        return objective(network, rows, shown, progress)

    return losses


def frozen_task(tensors: SampleTensors) -> Objective:
    """Cross-entropy of the task model on posterior means; the representation learns nothing."""
    import torch

    def losses(
        network: VariationalBeamModel, rows: np.ndarray, presence: Presence, progress: float
    ) -> Losses:
        with torch.no_grad():
            frames, _ = network.latents(*tensors.inputs(rows, presence))
        return {"loss": cross_entropy(network.task_logits(frames), tensors.label[torch.from_numpy(rows)])}

    return losses


def train_mixed(
    tensors: SampleTensors,
    rows: np.ndarray,
    recipe: Recipe,
    asked: tuple[InputSet, ...],
    seed: int,
    folder: Path,
    console: Console,
) -> nn.Module:
    """One member of an ensemble of both kinds: see `is_variational`."""
    if is_variational("mixed", seed):
        return train_joint(tensors, rows, recipe, asked, seed, folder, console)
    own = dataclasses.replace(PERCEPTRON, asked_share=recipe.asked_share, least_steps=recipe.least_steps)
    return perceptron(tensors, rows, own, asked, seed, folder, console)


def is_variational(variant: str, place: int) -> bool:
    """Whether a member of an ensemble is variational: in "mixed" every third is, others are perceptrons.

    place: of the member; hundreds are the seed of the ensemble.
    """
    return variant != "mixed" or place % 100 % 3 == 0


MEMBERS = {"mixed": train_mixed, "joint": train_joint, "staged": train_staged}


def command(
    scenarios: Annotated[
        str, typer.Option(help="Scenarios of DeepSense 6G, separated by commas.")
    ] = "1,2,5,8",
    variant: Annotated[
        str,
        typer.Option(help="mixed (with perceptrons), joint (variational), or staged (as in the paper)."),
    ] = "mixed",
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = RECIPE.epochs,
    members: Annotated[int, typer.Option(min=1, help="Networks that are averaged.")] = RECIPE.members,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the networks.")] = 0,
    run: Annotated[
        Path | None, typer.Option(help="Folder of checkpoints and logs [default: runs/vi_beam/seedSEED].")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads [default: all].")] = None,
) -> None:
    """Train the variational beam prediction on power and position; any of them may be absent.

    Drives of a fifth of the samples are held out for `semisac export vi_beam`, which measures on them.
    """
    recipe = dataclasses.replace(RECIPE, epochs=epochs, members=members)
    folder = run or Path("runs/vi_beam") / f"seed{seed}"

    if variant not in MEMBERS:
        raise ValueError(f"variant is {variant!r}, expected one of {', '.join(MEMBERS)}")
    train_on_everything("vi_beam", MEMBERS[variant], recipe, scenarios, seed, folder, threads, variant)
