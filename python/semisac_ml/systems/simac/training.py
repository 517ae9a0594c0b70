# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of SIMAC and of what it is compared with, Algorithm 5: the same budget and stopping for all."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from rich.console import Console
from torch import nn

from semisac_ml.command_line import OptionError, Options
from semisac_ml.outputs import write_output
from semisac_ml.training import Stage, load_checkpoint, save_checkpoint, train_stage
from semisac_ml.training.early_stopping import BestKept
from semisac_ml.training.team import Part, team

from .measuring import CHUNK, run
from .model import LossWeights, Simac, SimacSettings, total_loss
from .samples import STATES, TRAIN, VALIDATION, TargetSet
from .scoring import HALF_WIDTH, NOMINAL_COVERAGE
from .tensors import (
    Batch,
    EchoSource,
    SampleTensors,
    channel_state,
    drawn_snr_db,
    with_other_sentences,
)
from .tuned import TunedSettings, TunedSimac

SETTINGS_FILE = "settings.json"
BEST_FILE = "best.safetensors"
STAGE = "simac"
CLIPPED_NORM = 1.0
WARM_UP = 0.05
FADINGS = ("awgn", "rayleigh")
VALIDATION_SNR_DB = (5.0, 15.0, 25.0)
PICTURE_WEIGHT = 100.0
"""The paper's l1."""
SHUFFLED = "shuffled sentence"
"""A variant of what the network is told, not of the network: every sentence is that of another SNR."""


System = Simac | TunedSimac


class SimacTraining(Options):
    """How a network is trained; its fields are what a checkpoint must share to be gone on from.

    variant: see SimacSettings.variant and TunedSettings.variant, or SHUFFLED. learning_rate: of AdamW; it
    rises at first, then falls as a cosine over all epochs. picture_weight: l1.

    Raises ValueError for a setting that no training can have.
    """

    variant: str = Field(
        "simac",
        description="Network: simac, as in the paper; cv-s, rs-s, lstm, gru, perceptron, without lse, "
        "numbers, shuffled sentence, 'without ssd: TASK'; tuned, or a part of it, such as 'tuned, radar'.",
    )
    size: Literal["small", "paper"] = Field("small", description="Of a network in the paper's form.")
    fading: Literal["awgn", "rayleigh", "both"] = Field(
        "awgn", description="Communication channel; both: one or the other, batch by batch."
    )
    echo: Literal["lfm", "paper"] = Field("lfm", description="Chirps, or Eq. (1) of the paper as printed.")
    epochs: int = Field(60, ge=1, description="Epochs at most.")
    patience: int = Field(12, ge=1, description="Epochs without improvement on validation that end it.")
    batch: int = Field(32, ge=1, description="Samples a step.")
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False, description="Peak learning rate.")
    weight_decay: float = Field(0.01, ge=0, allow_inf_nan=False, description="Of matrices.")
    picture_weight: float = Field(
        PICTURE_WEIGHT, ge=0, allow_inf_nan=False, description="Of the picture's loss: l1."
    )
    bits: int = Field(4, ge=1, le=8, description="Of a value that is sent, of a network in the paper's form.")
    gpt2: str = Field("", description="GPT-2's weights to start from: a folder, or gpt2 [default: none].")
    recoloured: bool = Field(True, description="Draw the colours of frames and pictures anew in each batch.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Of products of matrices in training; bfloat16 is faster where the processor has it.",
    )
    seed: int = Field(0, description="Seed of the training.")

    @model_validator(mode="after")
    def _is_a_network(self) -> SimacTraining:
        self.network()
        if self.variant.startswith("tuned"):
            for name, only in (("echo", "lfm"), ("size", "small"), ("bits", 4), ("gpt2", "")):
                value = getattr(self, name)
                if value != only:
                    raise OptionError(name, f"is {value!r}, expected {only!r} with variant {self.variant!r}")
        return self

    def network(self) -> SimacSettings | TunedSettings:
        """Sizes of the network."""
        if self.variant.startswith("tuned"):
            return TunedSettings.variant(self.variant)
        named = SimacSettings.named(self.size).for_echoes(*EchoSource(self.echo).shape)
        named = dataclasses.replace(named, bits=self.bits)
        return named if self.variant == SHUFFLED else named.variant(self.variant)

    def untrained(self) -> System:
        """The network with no training yet but that of GPT-2."""
        sizes = self.network()
        return TunedSimac(sizes) if isinstance(sizes, TunedSettings) else Simac(sizes, self.gpt2 or None)

    @property
    def weights(self) -> LossWeights:
        """l1 to l4."""
        return LossWeights(picture=self.picture_weight)


def tensors_for(settings: SimacTraining, samples: TargetSet) -> SampleTensors:
    """A scene as tensors of the network's sizes."""
    network = settings.network()
    return SampleTensors(samples, network.frame_pixels, network.picture_pixels, EchoSource(settings.echo))


def channels_of(fading: str) -> tuple[str, ...]:
    """What a network is trained for."""
    return FADINGS if fading == "both" else (fading,)


def losses_of(
    system: System,
    batch: Batch,
    snr_db: np.ndarray,
    fading: str,
    settings: SimacTraining,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> dict[str, torch.Tensor]:
    """Losses of a batch over a channel, one a task, and their weighted sum, "loss"."""
    device = next(system.parameters()).device
    state = channel_state(snr_db, fading, device)
    if settings.variant == SHUFFLED:
        state = with_other_sentences(state, rng)
    lower = settings.precision == "bfloat16" and system.training
    with torch.autocast(device.type, torch.bfloat16, enabled=lower):
        found = system(batch.pictures.to(device), batch.echoes.to(device), state, fading, generator)
    found = {name: value.float() for name, value in found.items()}
    losses = system.losses(found, {task: value.to(device) for task, value in batch.truth.items()})
    return {**losses, "loss": total_loss(losses, settings.weights)}


@torch.no_grad()
def validation_losses(system: System, tensors: SampleTensors, settings: SimacTraining) -> dict[str, float]:
    """Mean losses of the validation part, with the same draws every time.

    Each sample is taken at one SNR of one channel; neighbours, which resemble each other, at different ones.
    """
    device = next(system.parameters()).device
    generator, rng = torch.Generator(device).manual_seed(0), np.random.default_rng(0)
    totals: dict[str, float] = {}
    rows = tensors.samples.of(VALIDATION)
    conditions = list(itertools.product(channels_of(settings.fading), VALIDATION_SNR_DB))
    for place, (fading, snr_db) in enumerate(conditions):
        own = rows[place :: len(conditions)]
        for chunk in np.array_split(own, math.ceil(len(own) / CHUNK)):
            batch = tensors.batch(chunk, rng)
            at = np.full(len(chunk), snr_db)
            for name, loss in losses_of(system, batch, at, fading, settings, generator, rng).items():
                totals[name] = totals.get(name, 0.0) + len(chunk) / len(rows) * loss.item()
    return {f"validation_{name}": value for name, value in totals.items()}


def train(
    settings: SimacTraining,
    tensors: SampleTensors,
    folder: Path,
    console: Console,
    device: torch.device | None = None,
) -> System:
    """Train, going on from a checkpoint in the folder; the network that was best on validation, on the CPU.

    Raises CheckpointError if the folder holds a training with other settings.
    """
    device = device or torch.device("cpu")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    system = settings.untrained()
    if isinstance(system, TunedSimac):
        system.normalise_by(tensors.limits)
    both = BestKept(system, settings.patience).to(device)
    parameters = [one for one in both.model.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(_groups(both.model, settings), betas=(0.9, 0.98))
    rows = tensors.samples.of(TRAIN)
    size = min(settings.batch, len(rows))

    def step(part: Part) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        seed = int(torch.randint(2**31, (), generator=part.shared, device=device))
        rng = np.random.default_rng(seed)
        order = rng.permutation(rows)
        rng = part.own_rng(rng)
        for first in range(0, len(rows) - size + 1, size):
            own = part.rows(order[first : first + size])
            batch = tensors.batch(own, rng, recoloured=settings.recoloured)
            snr_db, fading = drawn_snr_db(len(own), rng), str(rng.choice(channels_of(settings.fading)))
            losses = losses_of(both.model, batch, snr_db, fading, settings, part.own, rng)
            yield losses["loss"], losses

    def validate() -> dict[str, float]:
        figures = validation_losses(both.model, tensors, settings)
        both.tell(figures["validation_loss"])
        return figures

    stored = {**settings.model_dump(), "scene": tensors.samples.name, "samples": len(rows)}
    train_stage(
        Stage(
            name=STAGE,
            model=both,
            optimiser=optimiser,
            epochs=settings.epochs,
            steps_per_epoch=len(rows) // size,
            learning_rate=lambda done: min(
                (done + 1e-3) / WARM_UP, 0.01 + 0.495 * (1.0 + math.cos(math.pi * done))
            ),
            step=step,
            validate=validate,
            seed=settings.seed,
            settings=stored,
            stopped=both.stopped,
            clipped=parameters,
            clipped_norm=CLIPPED_NORM,
        ),
        folder,
        console,
    )
    best = both.best.cpu().eval()
    if isinstance(best, TunedSimac):
        calibrate(best, tensors, settings)
    save_checkpoint(folder / BEST_FILE, best, None, stored)
    if team().first:
        write_output(folder / SETTINGS_FILE, settings.model_dump_json(indent=1) + "\n")
    return best


@torch.no_grad()
def calibrate(system: TunedSimac, tensors: SampleTensors, settings: SimacTraining) -> None:
    """Widen or narrow deviations, so that 90 % of the validation part lie where they should."""
    system.decoder.widening.fill_(1.0)
    ratios = []
    conditions = itertools.product(channels_of(settings.fading), VALIDATION_SNR_DB)
    for place, (fading, snr_db) in enumerate(conditions):
        outcome = run(system, tensors, snr_db, fading, VALIDATION, seed=place)
        truth = tensors.samples.states[outcome.rows]
        error = [outcome.states[task] - truth[:, k] for k, task in enumerate(STATES)]
        ratios.append(np.abs(error) / [outcome.deviations[task] for task in STATES])
    quantile = np.quantile(np.concatenate(ratios, axis=1), NOMINAL_COVERAGE, axis=1)
    system.decoder.widening.copy_(torch.as_tensor(quantile / HALF_WIDTH))


def trained(folder: Path) -> tuple[System, SimacTraining]:
    """The best network that ``train`` left in a folder, and its settings.

    Raises ValueError if the folder holds no training, CheckpointError if it holds another one.
    """
    try:
        settings = SimacTraining(**json.loads((folder / SETTINGS_FILE).read_text()))
    except (OSError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{folder} holds no training of simac ({error}), expected {SETTINGS_FILE} and {BEST_FILE}"
        ) from error
    system = settings.replaced(gpt2="").untrained()
    load_checkpoint(folder / BEST_FILE, system)
    return system.eval(), settings


def _groups(model: nn.Module, settings: SimacTraining) -> list[dict[str, object]]:
    """Weights of matrices decay, vectors do not."""
    decaying, other = [], []
    for parameter in model.parameters():
        (decaying if parameter.dim() > 1 else other).append(parameter)
    return [
        {"params": decaying, "lr": settings.learning_rate, "weight_decay": settings.weight_decay},
        {"params": other, "lr": settings.learning_rate, "weight_decay": 0.0},
    ]
