# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of a training as one safetensors file: weights, optimiser state and counters; no pickles."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from semisac_ml.outputs import output_file
from semisac_ml.training.team import team


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says why and what to do."""


def save_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None, counters: dict[str, object]
) -> None:
    """Write a checkpoint under a temporary name, then rename it: an interrupted write loses nothing.

    Parameters
    ----------
    path : file to write.
    model : its state_dict is stored.
    optimiser : its per-parameter tensors are stored, or None.
    counters : JSON values, such as the number of epochs done and the settings of the run.

    Of several processes of a training, the first writes, and the others wait for it.
    """
    if team().first:
        _write(path, model, optimiser, counters)
    team().wait()


def _write(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None, counters: dict[str, object]
) -> None:
    tensors: dict[str, Tensor] = {f"model.{name}": value for name, value in model.state_dict().items()}
    if optimiser is not None:
        for index, state in optimiser.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    # tied tensors (a transform shared by encoder and decoder) are stored once for each name
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as unfinished:
        save_file(tensors, unfinished, metadata={"counters": json.dumps(counters)})


def read_counters(path: Path) -> dict[str, object]:
    """The counters of a checkpoint, without its tensors."""
    with safe_open(path, framework="pt") as file:
        return json.loads((file.metadata() or {})["counters"])


def load_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None = None
) -> dict[str, object]:
    """Restore model and optimiser from a checkpoint and return its counters.

    Raises
    ------
    CheckpointError : the file is no checkpoint, or of another model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            counters = json.loads((file.metadata() or {})["counters"])
    except (SafetensorError, KeyError, json.JSONDecodeError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint of this program ({error}): expected a .safetensors file written by "
            "`semisac train`; remove it to start again"
        ) from error
    weights = {name[6:]: value for name, value in tensors.items() if name.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        # torch lists every tensor that differs: one is enough
        difference = textwrap.shorten(str(error).partition("\n\t")[2] or str(error), 160, placeholder=" ...")
        raise CheckpointError(
            f"{path} belongs to another model ({difference}): train with the settings it was made with, or "
            "choose another --run folder"
        ) from error
    if optimiser is not None:
        state = optimiser.state_dict()
        state["state"] = {}
        for name, value in tensors.items():
            if name.startswith("optimiser."):
                _, index, key = name.split(".", 2)
                state["state"].setdefault(int(index), {})[key] = value
        optimiser.load_state_dict(state)
    return counters
