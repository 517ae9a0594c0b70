# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each of the three stages of section III-H trains, step by step, and how it is validated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from semisac_ml.channels.mimo_ofdm import drawn_paths
from semisac_ml.outputs import output_file
from semisac_ml.training.early_stopping import BestKept
from semisac_ml.training.team import Part

from .learned_acquisition import AcquiringNet
from .links import drawn_link, validation_links
from .measuring import CHUNK, counted
from .model import CHANNELS, CscSaNet
from .objective import beam_loss, class_weights, segmentation_loss, stage_two_efficiency
from .samples import PictureSet
from .scores import authors_mean_iou, mean_iou
from .settings import CLASS_COUNT

EASY_SNR_DB = 0.0
"""From which the tuned networks' stage II comes down to the SNRs it is for, over its first half."""
BEAM_WEIGHT = 0.1
"""Of the tuned networks' choice of beams at the start of stage II; it falls to none at the end."""
DRAWS = 256
"""Channels that stage II is validated over."""

Steps = Callable[[Part], Iterator[dict[str, Tensor]]]


class Selected(BestKept):
    """BestKept that counts epochs too, so that a training that is resumed knows how far it is."""

    epochs_done: Tensor

    def __init__(self, model: CscSaNet, patience: int) -> None:
        super().__init__(model, patience)
        self.register_buffer("epochs_done", torch.tensor(0))

    def tell(self, loss: float) -> None:
        self.epochs_done += 1
        super().tell(loss)


@dataclass(frozen=True)
class Pictures:
    """What stages I and III learn from and are validated on.

    batch: scenes a step. balanced: rare classes weigh more. folder: where semantics of encoders that are
    frozen are kept, for all trainings with the same ones; None: they are made anew.
    """

    train: PictureSet
    validation: PictureSet
    batch: int
    balanced: bool = False
    folder: Path | None = None

    @property
    def size(self) -> int:
        """Scenes a step, of as many as there are."""
        return min(self.batch, len(self.train))

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return len(self.train) // self.size

    def weights(self, device: torch.device) -> Tensor | None:
        """Of classes in the loss."""
        return class_weights(self.train.labels, CLASS_COUNT).to(device) if self.balanced else None

    def batches(self, part: Part) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows of each step, in random order, and which of them are mirrored."""
        device = part.own.device
        order = torch.randperm(len(self.train), generator=part.shared, device=device)
        for rows in map(part.rows, order[: self.steps * self.size].split(self.size)):
            mirrored = torch.rand(len(rows), generator=part.own, device=device) < 0.5
            yield rows.cpu(), mirrored.cpu()


@dataclass(frozen=True)
class Plan:
    """One stage. trained: networks. steps: of an epoch. validate: tells BestKept of a loss."""

    trained: list[nn.Module]
    steps: int
    step: Steps
    validate: Callable[[], dict[str, float]]


class Sources:
    """Source semantics of rows of a part: encoders' own, or what frozen ones made once."""

    def __init__(self, model: CscSaNet, pictures: Pictures, frozen: bool, device: torch.device) -> None:
        self.model, self.device = model, device
        self.kept = {
            part: kept_semantics(model, part, device, pictures.folder)
            for part in ((pictures.train, pictures.validation) if frozen else ())
        }

    def __call__(self, part: PictureSet, rows: Tensor, mirrored: Tensor | None = None) -> list[Tensor]:
        """Of each user; some rows mirrored."""
        if part in self.kept:
            way = torch.zeros_like(rows) if mirrored is None else mirrored.long()
            return [one[way, rows].to(self.device) for one in self.kept[part]]
        inputs = part.batch(rows, mirrored)[0]
        return self.model.sources([one.to(self.device) for one in inputs])


def semantic_plan(
    both: Selected, pictures: Pictures, frozen: bool, lower: bool, device: torch.device
) -> Plan:
    """Stage I: source semantics, over an identity channel without noise.

    frozen: encoders of pictures are given. lower: products of matrices in bfloat16.
    """
    model, settings = both.model, both.model.settings
    sources, weights = Sources(model, pictures, frozen, device), pictures.weights(device)

    def step(part: Part) -> Iterator[dict[str, Tensor]]:
        generator = part.own
        for rows, mirrored in pictures.batches(part):
            labels = pictures.train.batch(rows, mirrored)[1].to(device)
            link = drawn_link(settings, (0.0, 0.0), len(rows), generator)
            with torch.autocast(device.type, torch.bfloat16, enabled=lower):
                scores = model.over_identity(sources(pictures.train, rows, mirrored), link)
            yield {"loss": segmentation_loss(scores, labels, weights)}

    def validate() -> dict[str, float]:
        link = validation_links(settings, (0.0, 0.0), 1, device)[0]

        def scores(rows: Tensor) -> Tensor:
            return model.over_identity(sources(pictures.validation, rows), link)

        return validated(both, pictures.validation, [scores], lower, device)

    return Plan(model.semantic(frozen), pictures.steps, step, validate)


def beam_plan(
    both: Selected, snr_db: tuple[float, float], batch: int, steps: int, epochs: int, device: torch.device
) -> Plan:
    """Stage II: pilots, feedback and beams, for spectral efficiency at SNRs, ours, between two."""
    model, settings = both.model, both.model.settings
    low, high = snr_db
    eased = settings.tuned and settings.eased

    def step(part: Part) -> Iterator[dict[str, Tensor]]:
        generator, own = part.own, part.size(batch)
        done = int(both.epochs_done) / epochs
        begin, end = low, high
        if eased:
            begin += max(0.0, 1.0 - 2.0 * done) * max(EASY_SNR_DB - low, 0.0)
            end = max(begin, high)
        for _ in range(steps):
            paths = drawn_paths(own, settings.cell, generator)
            link = drawn_link(settings, (begin, end), own, generator)
            if isinstance(model, AcquiringNet):
                yield model.losses(paths, link, generator)
                continue
            beams = model.beams(paths, link, generator)
            every = settings.token_subcarriers
            efficiency = stage_two_efficiency(paths, beams, link, settings, every=every).mean()
            losses = {"loss": -efficiency, "efficiency": efficiency}
            if eased:
                losses["beam_loss"] = beam_loss(paths, beams, settings)
                losses["loss"] = losses["loss"] + BEAM_WEIGHT * (1.0 - done) * losses["beam_loss"]
            yield losses

    def validate() -> dict[str, float]:
        figures = {
            f"validation_efficiency_l{pilots}_b{bits}": value
            for (pilots, bits), value in efficiencies(model, snr_db, device).items()
        }
        mean = sum(figures.values()) / len(figures)
        both.tell(-mean)
        return {**figures, "validation_loss": -mean}

    return Plan(model.physical(), steps, step, validate)


@torch.no_grad()
def efficiencies(
    model: CscSaNet, snr_db: tuple[float, float], device: torch.device, draws: int = DRAWS
) -> dict[tuple[int, int], float]:
    """Spectral efficiency by L and B, over the same channels every time; of channels that are acquired a mean
    over what beams can be made from."""
    settings, every = model.settings, model.settings.token_subcarriers
    found = {}
    for link in validation_links(settings, snr_db, draws, device):
        generator = torch.Generator(device).manual_seed(0)
        paths = drawn_paths(draws, settings.cell, generator)
        if isinstance(model, AcquiringNet):
            beams = [model.analog_beams(paths, link, generator, one) for one in model.knowledge]
        else:
            beams = [model.beams(paths, link, generator)]
        rates = [stage_two_efficiency(paths, one, link, settings, every=every).mean() for one in beams]
        found[link.pilots, link.feedback_bits] = torch.stack(rates).mean().item()
    return found


def joint_plan(
    both: Selected,
    pictures: Pictures,
    snr_db: tuple[float, float],
    frozen: bool,
    lower: bool,
    device: torch.device,
) -> Plan:
    """Stage III: all networks, for the task.

    frozen: encoders of pictures stay, their semantics are kept. lower: products of matrices in bfloat16.
    """
    model, settings = both.model, both.model.settings
    sources, weights = Sources(model, pictures, frozen, device), pictures.weights(device)

    def step(part: Part) -> Iterator[dict[str, Tensor]]:
        generator = part.own
        for rows, mirrored in pictures.batches(part):
            labels = pictures.train.batch(rows, mirrored)[1].to(device)
            link = drawn_link(settings, snr_db, len(rows), generator)
            paths = drawn_paths(len(rows), settings.cell, generator)
            with torch.autocast(device.type, torch.bfloat16, enabled=lower):
                scores = model(sources(pictures.train, rows, mirrored), paths, link, generator)
            yield {"loss": segmentation_loss(scores, labels, weights)}

    def validate() -> dict[str, float]:
        ways = []
        for place in range(len(validation_links(settings, snr_db, 1, device))):
            generator = torch.Generator(device).manual_seed(place)

            def scores(rows: Tensor, place: int = place, generator: torch.Generator = generator) -> Tensor:
                link = validation_links(settings, snr_db, len(rows), device)[place]
                paths = drawn_paths(len(rows), settings.cell, generator)
                return model(sources(pictures.validation, rows), paths, link, generator)

            ways.append(scores)
        return validated(both, pictures.validation, ways, lower, device)

    return Plan(model.joint(frozen), pictures.steps, step, validate)


def kept_semantics(
    model: CscSaNet, part: PictureSet, device: torch.device, folder: Path | None
) -> list[Tensor]:
    """What :func:`source_semantics` makes, read from the folder if these encoders left it there."""
    if folder is None:
        return source_semantics(model, part, device)
    sha = hashlib.sha256()
    for user in model.user_fusion:
        for value in user.encoder.state_dict().values():
            sha.update(value.cpu().contiguous().numpy().tobytes())
    sizes = model.settings
    # the same weights make other semantics of halves that are added
    grid = "" if sizes.semantic_grid == sizes.grid else "-{}x{}".format(*sizes.semantic_grid)
    file = folder / f"semantics-{sha.hexdigest()[:12]}-{part.fingerprint()}{grid}.safetensors"
    if not file.is_file():
        made = source_semantics(model, part, device)
        with output_file(file) as unfinished:
            save_file(dict(zip(CHANNELS, made, strict=True)), unfinished)
    stored = load_file(file)
    return [stored[name] for name in CHANNELS]


@torch.no_grad()
def source_semantics(model: CscSaNet, part: PictureSet, device: torch.device) -> list[Tensor]:
    """Of each user, as they are and mirrored: [2, scenes, d_s, rows, columns], on the CPU."""
    training = model.training
    model.eval()
    found = []
    for mirrored in (False, True):
        chunks = []
        for rows in torch.arange(len(part)).split(CHUNK):
            inputs, _ = part.batch(rows, torch.full((len(rows),), mirrored))
            chunks.append([one.cpu() for one in model.sources([one.to(device) for one in inputs])])
        found.append([torch.cat(one) for one in zip(*chunks, strict=True)])
    model.train(training)
    return [torch.stack(one).contiguous() for one in zip(*found, strict=True)]


def validated(
    both: Selected,
    part: PictureSet,
    ways: list[Callable[[Tensor], Tensor]],
    lower: bool,
    device: torch.device,
) -> dict[str, float]:
    """Mean IoU of a part, a mean over ways from rows to scores that have the scenes in turn.

    `both` is told that of the preset's metric.
    """
    turns = [torch.arange(len(part))[place :: len(ways)] for place in range(len(ways))]
    with torch.autocast(device.type, torch.bfloat16, enabled=lower):
        pairs = zip(ways, turns, strict=True)
        counts = [counted(part, scores, rows).sum(0) for scores, rows in pairs if len(rows)]
    standard = float(np.mean([mean_iou(one) for one in counts]))
    authors = float(np.mean([authors_mean_iou(one) for one in counts]))
    both.tell(-(standard if both.model.settings.preset.background else authors))
    return {"validation_miou": standard, "validation_authors_miou": authors}
