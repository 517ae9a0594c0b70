# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the picture code over all SNRs and bandwidths at once."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter
from pydantic import Field, model_validator
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn

from semisac_ml.command_line import Options
from semisac_ml.data import images
from semisac_ml.systems.jssc_hifi.link import transmit
from semisac_ml.systems.jssc_hifi.model import SENT_CHANNELS, SNR_DB, HifiModel, HifiSettings
from semisac_ml.training import Stage, autocast, load_checkpoint, train_stage
from semisac_ml.training.images import ImageSet, batches, to_unit
from semisac_ml.training.team import Part

AVERAGE_OVER_STEPS = 1000
LEAST_ERROR = 1e-4  # 40 dB: what is better than that need not get better still
CROP_PIXELS = 96  # of a photograph
FADING_SHARE, LOSSY_SHARE, MOST_LOST = 0.2, 0.2, 0.5
VALIDATION_IMAGES = 1000
VALIDATION_SNR_DB = 10.0


class HifiTraining(Options):
    """A training run, whole; its options on the command line, and what its folder keeps."""

    size: str = Field("default", description="Networks: default (processors) or large (accelerators).")
    snr_db: float | None = Field(
        None, description="Train for this SNR alone, for comparison [default: -5 to 20 dB]."
    )
    sent_channels: int = Field(
        0, description="Train for 4, 8 or 16 channels of the code alone (k/n 1/24, 1/12, 1/6); 0: for all."
    )
    epochs: int = Field(55, ge=1, description="Epochs.")
    batch: int = Field(128, ge=1, description="Images a step.")
    learning_rate: float = Field(4e-3, ge=0, description="Peak learning rate.")
    seed: int = Field(0, description="Seed.")
    data: str = Field("cifar10", description="cifar10, or sample (64 shipped images, for a trial).")
    photographs: Annotated[str, Parameter(metavar="FOLDER")] = Field(
        "",
        description="Folder of larger pictures to train on as well, such as DIV2K_train_HR of "
        "`semisac data fetch div2k`.",
    )
    photograph_share: Annotated[float, Parameter(show_default=False)] = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the steps that see photographs, each as many pixels as any other "
        "[default: 0.5 with them].",
    )
    start: Annotated[str, Parameter(metavar="FOLDER")] = Field(
        "",
        description="Start from the weights of another training, such as runs/jssc_hifi/default-seed0.",
    )
    task_epochs: int = Field(
        20,
        ge=0,
        description="Epochs of the decoder that says what a picture shows, on the finished code; 0: without "
        "it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _share_with_photographs(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"photograph_share": 0.5, **values} if values.get("photographs") else values

    @model_validator(mode="after")
    def _fit_the_networks(self) -> HifiTraining:
        HifiSettings.named(self.size)
        if self.sent_channels not in (0, *SENT_CHANNELS):
            raise ValueError(
                f"sent_channels is {self.sent_channels}, expected 0 (all) or one of "
                f"{', '.join(map(str, SENT_CHANNELS))}"
            )
        if (self.photograph_share > 0.0) != bool(self.photographs):
            raise ValueError(
                f"photograph_share is {self.photograph_share} and photographs {self.photographs!r}, expected "
                "a folder and a share above 0, or neither"
            )
        return self


class AveragedModel(nn.Module):
    """A model and the average of its weights over the last steps, which is what is used in the end."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self) -> None:
        """Take the newest weights into the average."""
        self.steps += 1
        done = int(self.steps)
        share = max(1.0 / AVERAGE_OVER_STEPS, 9.0 / (done + 10.0))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), share)


def draw_conditions(
    settings: HifiTraining, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """SNR in dB, channels sent, whether frames fade, and the share of lost frames, each (count,)."""
    device = generator.device

    def uniform() -> Tensor:
        return torch.rand(count, generator=generator, device=device)

    if settings.snr_db is not None:
        steady = torch.zeros(count, device=device)
        snr_db = torch.full((count,), settings.snr_db, device=device)
        return snr_db, _channels(settings, count, generator), steady.bool(), steady
    low, high = SNR_DB
    snr_db = low + (high - low) * uniform()
    lossy = uniform() < LOSSY_SHARE
    lost_share = torch.where(lossy, MOST_LOST * uniform(), 0.0)
    return snr_db, _channels(settings, count, generator), uniform() < FADING_SHARE, lost_share


def _channels(settings: HifiTraining, count: int, generator: torch.Generator) -> Tensor:
    choices = torch.tensor(
        [settings.sent_channels] if settings.sent_channels else SENT_CHANNELS,
        dtype=torch.float32,
        device=generator.device,
    )
    return choices[torch.randint(len(choices), (count,), generator=generator, device=generator.device)]


def errors(
    model: HifiModel, pictures: Tensor, at: tuple[Tensor, Tensor, Tensor, Tensor], generator: torch.Generator
) -> Tensor:
    """Mean squared error of each picture over the link, (batch,)."""
    snr_db, sent, fades, lost_share = at
    with autocast(pictures.device):
        code = model.encoder(pictures, snr_db, sent)
    received, worth = transmit(code.float(), snr_db, sent, fades, lost_share, generator)
    with autocast(pictures.device):
        rebuilt = model.decoder.unlimited(received, worth, snr_db, sent)
    return (rebuilt.float() - pictures).square().mean((1, 2, 3))


def load_photographs(folder: str, console: Console) -> list[Tensor]:
    """Pictures of a folder, uint8 (3, height, width), those too small for a crop left out.

    Raises DataError if a picture cannot be read, ValueError if none is large enough.
    """
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("photographs", total=None)
        found = images.load_photographs(
            folder, tell=lambda done, total: progress.update(task, completed=done, total=total)
        )
    large = [picture for picture in found if min(picture.shape[:2]) >= CROP_PIXELS]
    if not large:
        raise ValueError(
            f"{folder}: none of {len(found)} pictures has {CROP_PIXELS} x {CROP_PIXELS} pixels or more"
        )
    return [torch.tensor(picture).permute(2, 0, 1) for picture in large]


def crops(pictures: list[Tensor], count: int, generator: torch.Generator) -> Tensor:
    """Random parts of random pictures, uint8 (count, 3, CROP_PIXELS, CROP_PIXELS)."""
    draws = torch.rand(count, 3, generator=generator, device=generator.device).tolist()
    found = []
    for which, down, right in draws:
        picture = pictures[int(which * len(pictures))]
        top = int(down * (picture.shape[1] - CROP_PIXELS + 1))
        left = int(right * (picture.shape[2] - CROP_PIXELS + 1))
        found.append(picture[:, top : top + CROP_PIXELS, left : left + CROP_PIXELS])
    return torch.stack(found)


@torch.no_grad()
def validation(model: HifiModel, images: Tensor, device: torch.device) -> dict[str, float]:
    """PSNR in dB at 10 dB for each bandwidth, mean of the first images; nothing is chosen by it."""
    figures = {}
    for sent in SENT_CHANNELS:
        generator = torch.Generator(device=device).manual_seed(0)
        found = []
        for chunk in images[:VALIDATION_IMAGES].split(250):
            count = len(chunk)
            steady = torch.zeros(count, device=device)
            at = (
                torch.full((count,), VALIDATION_SNR_DB, device=device),
                torch.full((count,), float(sent), device=device),
                steady.bool(),
                steady,
            )
            found.append(-10.0 * errors(model, to_unit(chunk.to(device)), at, generator).log10())
        figures[f"validation_psnr_db_{sent}"] = float(torch.cat(found).mean())
    return figures


def train(
    settings: HifiTraining, data: ImageSet, folder: Path, console: Console, device: torch.device
) -> HifiModel:
    """Train, going on from a checkpoint in ``folder``; the averaged model, in evaluation mode on the CPU.

    The loss is the mean of the pictures' PSNR: easy and hard ones, high and low SNR count alike.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    both = AveragedModel(_initial_model(settings))
    both.to(device, memory_format=torch.channels_last)
    parameters = list(both.model.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=1e-4)
    batch = min(settings.batch, len(data.images))
    photographs = load_photographs(settings.photographs, console) if settings.photographs else []
    crops_per_step = max(1, round(batch * (data.images.shape[-1] / CROP_PIXELS) ** 2))

    def step(part: Part) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        generator = part.own
        for index in batches(len(data.images), batch, part.shared):
            chosen = data.images[part.rows(index).cpu()]
            if float(torch.rand((), generator=part.shared, device=device)) < settings.photograph_share:
                chosen = crops(photographs, max(1, crops_per_step // part.count), generator)
            pictures = to_unit(chosen.to(device))
            count = len(pictures)
            flip = torch.rand(count, generator=generator, device=device) < 0.5
            pictures = torch.where(flip[:, None, None, None], pictures.flip(3), pictures)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            at = draw_conditions(settings, count, generator)
            loss = 10.0 * (errors(both.model, pictures, at, generator) + LEAST_ERROR).log10().mean()
            yield loss, {"loss": loss}

    steps = len(data.images) // batch
    warm_up = min(0.05, 500 / (settings.epochs * steps))
    train_stage(
        Stage(
            name="hifi",
            model=both,
            optimiser=optimiser,
            epochs=settings.epochs,
            steps_per_epoch=steps,
            learning_rate=lambda done: min(done / warm_up, 0.01 + 0.495 * (1.0 + math.cos(math.pi * done))),
            step=step,
            validate=lambda: validation(both.average, data.validation_images, device),
            seed=settings.seed,
            settings={name: value for name, value in settings.model_dump().items() if name != "task_epochs"},
            clipped=parameters,
            stepped=both.update,
        ),
        folder,
        console,
    )
    return both.average.cpu().eval()


def _initial_model(settings: HifiTraining) -> HifiModel:
    if not settings.start:
        return HifiModel(HifiSettings.named(settings.size))
    model, other = trained_model(Path(settings.start))
    if other.size != settings.size:
        raise ValueError(
            f"start is {settings.start}, of size {other.size}, expected one of size {settings.size}"
        )
    return model.train().requires_grad_(True)


def trained_model(folder: Path) -> tuple[HifiModel, HifiTraining]:
    """The averaged model that ``train`` left in a folder, and its settings.

    Raises ValueError if the folder holds no training, CheckpointError if it holds another one.
    """
    try:
        settings = HifiTraining(**json.loads((folder / "settings.json").read_text()))
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder} holds no training ({error}): expected settings.json and hifi.safetensors; run "
            f"`semisac train jssc_hifi --run {folder}`"
        ) from error
    both = AveragedModel(HifiModel(HifiSettings.named(settings.size)))
    load_checkpoint(folder / "hifi.safetensors", both)
    return both.average.eval(), settings
