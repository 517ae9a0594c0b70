# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the joint sensing and semantic link.

The paper's variant is trained end to end. The residual variant is trained in two stages: first its backbone
learns what images mean (classification, shared by all channels), then encoder and decoders are trained
jointly through the channels on the backbone's features, computed once for the whole training set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from pydantic import Field
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from semisac_ml.channels import FadingChannel
from semisac_ml.command_line import Options
from semisac_ml.data import cifar10
from semisac_ml.shared_options import DeviceOptions
from semisac_ml.systems.jssc.model import COEFFICIENTS, JointModel, ModelSettings, SemanticBackbone
from semisac_ml.systems.jssc.pretrain import backbone_features, train_backbone
from semisac_ml.systems.jssc.settings import (
    COMMUNICATION_SNR_DB,
    LOSS_REFERENCE,
    TrainingSettings,
    save_settings,
)
from semisac_ml.training import Stage, autocast, choose_device, load_checkpoint, train_stage
from semisac_ml.training.detector_export import SENSING_SNR_DB
from semisac_ml.training.early_stopping import BestKept
from semisac_ml.training.images import ImageSet, batches, to_unit
from semisac_ml.training.team import Part, team


def draw_snr(
    count: int, fixed: float | None, limits: tuple[float, float], generator: torch.Generator
) -> Tensor:
    """SNR of each frame in dB: fixed, or half from the whole range and half from around 3 dB, (count,)."""
    device = generator.device
    if fixed is not None:
        return torch.full((count,), fixed, device=device)
    low, high = limits
    anywhere = low + (high - low) * torch.rand(count, generator=generator, device=device)
    nearby = 3.0 + 2.0 * torch.randn(count, generator=generator, device=device)
    return torch.where(torch.rand(count, generator=generator, device=device) < 0.5, nearby, anywhere)


def task_labels(settings: ModelSettings, labels: Tensor) -> Tensor:
    """Labels of decoder 3: the ten classes, or 1 for an animal and 0 for none."""
    if settings.task == "classes":
        return labels
    return torch.isin(labels, torch.tensor(cifar10.ANIMALS, device=labels.device)).long()


class JointTraining:
    """Losses of one batch, for both variants.

    Residual variant: inputs are features of ``ResidualEncoder.analyse``; paper variant: images.
    """

    def __init__(self, settings: TrainingSettings, model: JointModel) -> None:
        self.settings = settings
        self.model = model
        self.weights = dict(zip(LOSS_REFERENCE, settings.weights, strict=True))
        self.link = FadingChannel(settings.channel)
        self.echo = settings.echo_channel()

    def losses(self, inputs: Tensor, labels: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        settings, model = self.settings, self.model
        count = inputs.shape[0]
        snr_db = draw_snr(count, settings.snr_db, COMMUNICATION_SNR_DB, generator)
        sensing_snr_db = draw_snr(count, settings.sensing_snr_db, SENSING_SNR_DB, generator)
        residual = settings.model.variant == "residual"
        device = inputs.device
        with autocast(device):
            symbols = model.encoder.encode(inputs, snr_db) if residual else model.encoder(inputs, snr_db)
        complex_symbols = torch.view_as_complex(symbols.float().contiguous())
        received, gain = self.link(complex_symbols, snr_db, generator)
        received, gain = torch.view_as_real(received), torch.view_as_real(gain)
        echo, hypothesis = self.echo(complex_symbols, sensing_snr_db, generator)
        # what has no weight costs no time
        losses = {}
        if self.weights["reconstruction"]:
            losses["reconstruction"] = self.reconstruction_loss(inputs, received, gain, snr_db)
        if self.weights["task"]:
            with autocast(device):
                scores = model.task(received, gain, snr_db).float()
            losses["task"] = functional.cross_entropy(scores, task_labels(settings.model, labels))
        if self.weights["sensing"]:
            with autocast(device):
                scores = model.sensing_echo(torch.view_as_real(echo), sensing_snr_db).float()
            losses["sensing"] = functional.cross_entropy(scores, hypothesis)
        return losses

    def reconstruction_loss(self, inputs: Tensor, received: Tensor, gain: Tensor, snr_db: Tensor) -> Tensor:
        """Mean squared error of the pixels; for the residual variant, computed from the coefficients."""
        model = self.model
        residual = self.settings.model.variant == "residual"
        reconstruct = model.reconstruction.coefficients if residual else model.reconstruction
        with autocast(inputs.device):
            reconstructed = reconstruct(received, gain, snr_db).float()
        if not residual:
            return functional.mse_loss(reconstructed, inputs)
        transform = model.encoder.transform
        error = reconstructed - inputs[:, :COEFFICIENTS]
        energy = (error * transform.deviation).square().sum(1).mean() + transform.discarded_energy
        return energy / transform.mean.shape[0]

    def weighted(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of the normalised losses (section II, "Joint training with multi-task learning")."""
        return sum(self.weights[name] * loss / LOSS_REFERENCE[name] for name, loss in losses.items())


@torch.no_grad()
def validation(joint: JointTraining, inputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Losses on the validation part at the training's SNRs, the same draws in every epoch."""
    generator = torch.Generator(device=labels.device).manual_seed(0)
    totals: dict[str, float] = {}
    for chunk, truth in zip(inputs.split(1000), labels.split(1000), strict=True):
        chunk = chunk.to(labels.device)
        chunk = to_unit(chunk) if joint.settings.model.variant == "paper" else chunk
        losses = joint.losses(chunk, truth, generator)
        for name, loss in {**losses, "loss": joint.weighted(losses)}.items():
            totals[name] = totals.get(name, 0.0) + loss.item() * len(truth) / len(labels)
    figures = {f"validation_{name}": value for name, value in totals.items()}
    if "reconstruction" in totals:
        figures["validation_psnr_db"] = -10.0 * math.log10(totals["reconstruction"])
    return figures


def train(
    settings: TrainingSettings,
    data: ImageSet,
    folder: Path,
    console: Console,
    device: torch.device | None = None,
    backbone_folder: Path | None = None,
) -> JointModel:
    """Train a system and return it in evaluation mode on the CPU.

    Parameters
    ----------
    settings : of the run.
    data : images.
    folder : for checkpoints and logs; training goes on from a checkpoint found there.
    backbone_folder : for those of the backbone; by default the parent of ``folder``: all runs share it.
    """
    device = device or choose_device("auto")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    model = _untrained(settings)
    if settings.model.variant == "residual":
        backbone = train_backbone(settings, data, device, backbone_folder or folder.parent, console)
        inputs, labels, kept_inputs = _prepare_residual(model, backbone, data, device, console)
    else:
        inputs, labels, kept_inputs = data.images, data.labels.to(device), data.validation_images
    kept_labels = data.validation_labels.to(device)
    both = BestKept(model, settings.patience).to(device, memory_format=torch.channels_last)
    joint = JointTraining(settings, model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=1e-2)
    batch = min(settings.batch, len(inputs))

    def step(part: Part) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        generator = part.own
        for index in map(part.rows, batches(len(inputs), batch, part.shared)):
            chosen = inputs[index.to(inputs.device)].to(device)
            if settings.model.variant == "paper":
                chosen = to_unit(chosen)
                flip = torch.rand(len(chosen), generator=generator, device=device) < 0.5
                chosen = torch.where(flip[:, None, None, None], chosen.flip(3), chosen)
                chosen = chosen.contiguous(memory_format=torch.channels_last)
            losses = joint.losses(chosen, labels[index], generator)
            yield joint.weighted(losses), losses

    def validate() -> dict[str, float]:
        figures = validation(joint, kept_inputs, kept_labels)
        both.tell(figures["validation_loss"])
        return figures

    train_stage(
        Stage(
            name="joint",
            model=both,
            optimiser=optimiser,
            epochs=settings.epochs,
            steps_per_epoch=len(inputs) // batch,
            learning_rate=lambda done: min(done / 0.05, 0.01 + 0.495 * (1.0 + math.cos(math.pi * done))),
            step=step,
            validate=validate,
            seed=settings.seed,
            settings=settings.model_dump(mode="json"),
            stopped=both.stopped,
            clipped=parameters,
        ),
        folder,
        console,
    )
    return both.best.cpu().eval()


def _prepare_residual(
    model: JointModel, backbone: SemanticBackbone, data: ImageSet, device: torch.device, console: Console
) -> tuple[Tensor, Tensor, Tensor]:
    """Put transform and backbone into the model; analyse all images.

    Returns features and labels of the training images and their mirrors, and features of the validation part.
    """
    encoder = model.encoder
    encoder.backbone.load_state_dict(backbone.state_dict())
    encoder.backbone.requires_grad_(False)
    console.print("computing the features of the training images …")
    encoder.transform.fit(to_unit(data.images).flatten(1))
    encoder.start_at_linear_code()
    model.reconstruction.start_at_linear_code(encoder)
    parts = []
    for images in (data.images, data.images.flip(3), data.validation_images):
        features = backbone_features(backbone, images, device).cpu()
        coefficients = torch.cat([encoder.transform(to_unit(c).flatten(1)) for c in images.split(5000)])
        parts.append(torch.cat([coefficients, features], dim=1))
    inputs = torch.cat(parts[:2]).to(device)
    return inputs, data.labels.repeat(2).to(device), parts[2].to(device)


def trained_model(settings: TrainingSettings, folder: Path) -> JointModel:
    """The networks that were best on validation, of those that ``train`` left in a folder.

    Raises CheckpointError if there are none, or those of another model.
    """
    both = BestKept(_untrained(settings), settings.patience)
    load_checkpoint(folder / "joint.safetensors", both)
    return both.best.eval()


def _untrained(settings: TrainingSettings) -> JointModel:
    samples = settings.model.channel_uses + (settings.model.ranges - 1) * settings.delay_symbols_per_range
    return JointModel(settings.model, samples)


class RunOptions(Options):
    """Where the training is kept."""

    run: Path | None = Field(
        None,
        description="Folder of checkpoints and logs [default: runs/jssc/CHANNEL-seedSEED, or "
        "CHANNEL-sample-seedSEED].",
    )


def command(
    *,
    settings: TrainingSettings = TrainingSettings(),
    options: RunOptions = RunOptions(),
    machine: DeviceOptions = DeviceOptions(),
) -> None:
    """Train the joint sensing and semantic link.

    Goes on from the last checkpoint in the run's folder, if there is one. Logs: CSV and TensorBoard
    (`tensorboard --logdir runs`). Afterwards: `semisac export jssc --run FOLDER`.
    """
    device = machine.launch()
    label = settings.channel if settings.data == "cifar10" else f"{settings.channel}-{settings.data}"
    folder = options.run or Path("runs") / "jssc" / f"{label}-seed{settings.seed}"
    console = team().console()
    train(settings, ImageSet.load(settings.data), folder, console, device)
    if team().first:
        save_settings(settings, folder)
    console.print(f"trained: {folder}; next: semisac export jssc --run {folder}")
