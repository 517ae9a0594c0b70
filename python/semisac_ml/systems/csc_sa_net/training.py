# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of CSC-SA-Net in three stages, each resumable, each selected on validation; see :mod:`.stages`.

I: source semantics, over an identity channel. II: pilots, feedback and beams, for spectral efficiency.
III: all together for the task, from what I and II left.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, model_validator
from rich.console import Console
from torch import nn

from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.outputs import write_output
from semisac_ml.training import Stage, load_checkpoint, save_checkpoint, train_stage
from semisac_ml.training.team import Part, team

from .learned_acquisition import AcquiringNet
from .model import CscSaNet
from .separated import SeparatedNet
from .settings import PAPER, VARIANTS, CscSaSettings
from .stages import Pictures, Plan, Selected, beam_plan, joint_plan, semantic_plan

SETTINGS_FILE = "settings.json"
STAGES = ("1", "2", "3")
CLIPPED_NORM = 1.0
WARM_UP = 0.05
PILOT_FACTOR = 10.0
"""Of the learning rate, for pilots of size small: phases have radians to go."""
PAPER_SNR_DB = -25.0
SNR_DB = (-30.0, -5.0)
"""For which one network for all links is trained, ours."""


class CscSaTraining(Options):
    """How networks are trained; its fields are what a checkpoint must share to be gone on from.

    Raises ValueError for a setting that no training can have.
    """

    variant: Literal[tuple(VARIANTS)] = Field(
        PAPER,
        description="Networks: csc-sa-net, as in the paper; tuned, which hear angles and know their Doppler; "
        "'tuned colour' and 'tuned thermal', where the other user is silent; separated users, who are "
        "detected by an LMMSE receiver (separated), the same with channels that networks acquire "
        "('separated acquisition'), a delay-limited receiver, or the authors'; or tuned without a part of "
        "it.",
    )
    preset: Literal["printed", "notebook"] = Field(
        "printed", description="Conditions: the equations as printed, or the authors' program."
    )
    size: Literal["small", "paper"] = Field(
        "small", description="small, one network for all links; paper, one for one link."
    )
    access: Literal["superposed", "orthogonal"] = Field(
        "superposed", description="Users on the same subcarriers, or each on every other one."
    )
    pilots: int = Field(8, ge=1, le=64, description="L, OFDM symbols of pilots; the most of size small.")
    feedback_bits: int = Field(1024, ge=1, description="B, of each user; the most of size small.")
    symbols: int | None = Field(
        None,
        ge=1,
        le=14,
        description="Q, OFDM symbols of data [default: up to 5 of size small, 4 of size paper].",
    )
    snr_db: float | None = Field(
        None,
        allow_inf_nan=False,
        description="SNR in dB, as the preset has it [default: a range of size small, -25 of size paper].",
    )
    semantic_epochs: int = Field(100, ge=1, description="Epochs of stage 1.")
    beam_epochs: int = Field(100, ge=1, description="Epochs of stage 2.")
    beam_steps: int = Field(100, ge=1, description="Steps of an epoch of stage 2.")
    joint_epochs: int = Field(100, ge=1, description="Epochs of stage 3.")
    patience: int = Field(30, ge=1, description="Epochs without improvement on validation that end a stage.")
    batch: int = Field(16, ge=1, description="Scenes a step of stages 1 and 3.")
    beam_batch: int = Field(64, ge=1, description="Channels a step of stage 2; the paper has 128.")
    learning_rate: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Of Adam [default: 1e-4 of size paper, of size small 1e-3, falling].",
    )
    frozen: OnOff = Field(
        True, description="Stage 3 leaves encoders of size small as stage 1 made them, which is faster."
    )
    balanced: OnOff = Field(False, description="Rare classes weigh more in the loss.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Of products of matrices in stages 1 and 3; bfloat16 is faster where the processor has "
        "it.",
    )
    encoders: Path | None = Field(
        None,
        description="Folder of a training whose encoders of pictures are taken as they are, which is faster: "
        "stage 1 trains the rest.",
    )
    beams: Path | None = Field(
        None, description="Folder of a training whose networks of stage 2 are taken instead of training some."
    )
    seed: int = Field(0, description="Seed of the training.")

    @model_validator(mode="after")
    def _is_a_network(self) -> CscSaTraining:
        if self.variant != PAPER and self.size != "small":
            raise OptionError("size", f"is {self.size!r}, expected 'small' with variant {self.variant!r}")
        self.network()
        return self

    def network(self) -> CscSaSettings:
        """Sizes of the networks."""
        named = CscSaSettings.named(self.size, self.preset, self.variant, self.access)
        symbols = self.symbols or named.symbols
        return dataclasses.replace(
            named, pilots=self.pilots, feedback_bits=self.feedback_bits, symbols=symbols
        )

    @property
    def peak_rate(self) -> float:
        """Learning rate."""
        return self.learning_rate or (1e-4 if self.size == "paper" else 1e-3)

    def snr_range_db(self, stage: str) -> tuple[float, float]:
        """SNRs that a stage trains for, ours."""
        preset = self.network().preset
        if stage == "2" and preset.beam_snr_db is not None:
            return (preset.beam_snr_db, preset.beam_snr_db)
        if self.size == "small" and self.snr_db is None:
            return SNR_DB
        ours = (PAPER_SNR_DB if self.snr_db is None else self.snr_db) + preset.snr_offset_db
        return (ours, ours)


def best_file(folder: Path, stage: str) -> Path:
    """Where a stage leaves the networks that were best on validation."""
    return folder / f"best{stage}.safetensors"


def untrained(settings: CscSaTraining) -> CscSaNet:
    """Networks as they start."""
    torch.manual_seed(settings.seed)
    return network_of(settings.network())


def network_of(settings: CscSaSettings) -> CscSaNet:
    """Networks as they start, after these settings."""
    if settings.acquires:
        return AcquiringNet(settings)
    return SeparatedNet(settings) if settings.receiver else CscSaNet(settings)


def train(
    settings: CscSaTraining,
    stage: str,
    folder: Path,
    console: Console,
    device: torch.device | None = None,
    pictures: Pictures | None = None,
    from_scratch: bool = False,
) -> CscSaNet:
    """Train a stage, going on from a checkpoint in the folder; its best networks, on the CPU.

    Parameters
    ----------
    settings : CscSaTraining
    stage : "1", "2" or "3"
    folder : Path
    console : Console
    device : torch.device, optional
    pictures : Pictures
        For stages 1 and 3.
    from_scratch : bool
        Stage 3 alone, of all networks as they start, the encoders of pictures too.

    Raises
    ------
    ValueError
        If pictures are missing, or a stage that this one starts from; if another stage, or one that takes
        networks of other trainings, is to be from scratch.
    CheckpointError
        If the folder holds a training with other settings.
    """
    if stage not in STAGES:
        raise ValueError(f"stage is {stage!r}, expected one of {', '.join(STAGES)}")
    if stage != "2" and pictures is None:
        raise ValueError(f"pictures are missing, expected them for stage {stage}")
    if from_scratch and (stage != "3" or settings.encoders is not None or settings.beams is not None):
        raise ValueError(
            f"training from scratch has stage {stage}, encoders {settings.encoders} and beams "
            f"{settings.beams}, expected stage 3 and none of them"
        )
    device, begun = device or torch.device("cpu"), time.monotonic()
    model = started(settings, folder) if stage == "3" and not from_scratch else untrained(settings)
    folder.mkdir(parents=True, exist_ok=True)
    told = {**settings.model_dump(mode="json"), "stage": stage}
    if from_scratch:
        told["from_scratch"] = True
    if stage == "2" and settings.beams is not None:
        take(model.physical(), trained(settings.beams, "2")[0].physical(), "beams")
        return _left(model, settings, stage, folder, told)
    if stage == "1" and settings.encoders is not None:
        other = trained(settings.encoders, "1")[0]
        take(*([user.encoder for user in one.user_fusion] for one in (model, other)), "encoders")
    for network in model.semantic():
        # convolutions are faster on a processor if all channels of a pixel lie side by side
        network.to(memory_format=torch.channels_last)
    both = Selected(model, settings.patience).to(device)
    plan, epochs = _plan(settings, stage, both, pictures, device, from_scratch)
    plan = dataclasses.replace(plan, validate=_timed(plan.validate, seconds_file(folder, stage), both, begun))
    if pictures is not None and stage != "2":
        told["pictures"] = pictures.train.fingerprint()
    train_stage(_stage(settings, stage, both, plan, epochs, told), folder, console)
    return _left(both.best.cpu(), settings, stage, folder, told)


def seconds_file(folder: Path, stage: str) -> Path:
    """Where a stage leaves how long its epochs took, all that were kept together, beside its log."""
    return folder / f"seconds{stage}.txt"


def _timed(
    validate: Callable[[], dict[str, float]], file: Path, both: Selected, begun: float
) -> Callable[[], dict[str, float]]:
    """Validation that writes down the seconds since `begun` (monotonic), and those of epochs before it."""
    before = -1.0

    def timed() -> dict[str, float]:
        nonlocal before
        if before < 0.0:  # only now is a training that goes on as far as it was
            before = float(file.read_text()) if int(both.epochs_done) and file.is_file() else 0.0
        figures = validate()
        if team().first:
            write_output(file, f"{before + time.monotonic() - begun:.1f}\n")
        return figures

    return timed


def _left(
    model: CscSaNet, settings: CscSaTraining, stage: str, folder: Path, told: dict[str, object]
) -> CscSaNet:
    """Write what a stage leaves."""
    save_checkpoint(best_file(folder, stage), model, None, told)
    if team().first:
        write_output(folder / SETTINGS_FILE, settings.model_dump_json(indent=1) + "\n")
    return model.eval()


def take(own: list[nn.Module], other: list[nn.Module], option: str) -> None:
    """Take weights of networks of another training. Raises OptionError if they are of another form."""
    try:
        for one, given in zip(own, other, strict=True):
            one.load_state_dict(given.state_dict())
    except RuntimeError as error:
        raise OptionError(option, "has networks of another form, expected those of this variant") from error


def started(settings: CscSaTraining, folder: Path) -> CscSaNet:
    """Where stage III starts: semantic networks of stage I, all others of stage II.

    Raises ValueError if one of them has not been trained, CheckpointError if it is another network.
    """
    stages = {"1": untrained(settings), "2": untrained(settings)}
    for stage, model in stages.items():
        file = best_file(folder, stage)
        if not file.is_file():
            raise ValueError(f"{file} is missing, expected stage {stage} to be trained before stage 3")
        load_checkpoint(file, model)
    found = stages["1"]
    for own, other in zip(found.physical(), stages["2"].physical(), strict=True):
        own.load_state_dict(other.state_dict())
    return found


def trained(folder: Path, stage: str = "3") -> tuple[CscSaNet, CscSaTraining]:
    """The best networks that a stage left in a folder, and their settings.

    Raises ValueError if the folder holds no such training, CheckpointError if it holds another one.
    """
    try:
        settings = CscSaTraining(**json.loads((folder / SETTINGS_FILE).read_text()))
    except (OSError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{folder} holds no training of csc_sa_net ({error}), expected {SETTINGS_FILE}"
        ) from error
    file = best_file(folder, stage)
    if not file.is_file():
        raise ValueError(f"{file} is missing, expected stage {stage} to be trained")
    model = untrained(settings)
    load_checkpoint(file, model)
    return model.eval(), settings


def _plan(
    settings: CscSaTraining,
    stage: str,
    both: Selected,
    pictures: Pictures | None,
    device: torch.device,
    from_scratch: bool,
) -> tuple[Plan, int]:
    """A stage and its epochs."""
    snr_db = settings.snr_range_db(stage)
    lower = settings.precision == "bfloat16"
    if stage == "1":
        given = settings.encoders is not None
        return semantic_plan(both, pictures, given, lower, device), settings.semantic_epochs
    if stage == "2":
        epochs = settings.beam_epochs
        return beam_plan(both, snr_db, settings.beam_batch, settings.beam_steps, epochs, device), epochs
    frozen = settings.frozen and settings.size == "small" and not from_scratch
    return joint_plan(both, pictures, snr_db, frozen, lower, device), settings.joint_epochs


def _stage(
    settings: CscSaTraining, number: str, both: Selected, plan: Plan, epochs: int, told: dict[str, object]
) -> Stage:
    both.model.requires_grad_(False)
    for network in plan.trained:
        network.requires_grad_(True)
    parameters = [one for one in both.model.parameters() if one.requires_grad]
    pilots = [one for one in both.model.pilots.parameters() if one.requires_grad]
    others = [one for one in parameters if all(one is not other for other in pilots)]
    factor = 1.0 if settings.size == "paper" else PILOT_FACTOR
    groups = ((pilots, factor * settings.peak_rate), (others, settings.peak_rate))
    optimiser = torch.optim.Adam([{"params": one, "lr": rate} for one, rate in groups if one])

    def step(part: Part) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        return ((losses["loss"], losses) for losses in plan.step(part))

    return Stage(
        name=f"stage{number}",
        model=both,
        optimiser=optimiser,
        epochs=epochs,
        steps_per_epoch=plan.steps,
        learning_rate=_constant if settings.size == "paper" else _falling,
        step=step,
        validate=plan.validate,
        seed=settings.seed,
        settings=told,
        stopped=both.stopped,
        clipped=parameters,
        clipped_norm=CLIPPED_NORM,
    )


def _constant(done: float) -> float:
    return 1.0


def _falling(done: float) -> float:
    """Rising at first, then a cosine."""
    return min((done + 1e-3) / WARM_UP, 0.01 + 0.495 * (1.0 + math.cos(math.pi * done)))
