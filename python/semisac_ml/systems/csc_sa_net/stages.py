# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each of the three stages of section III-H trains, step by step, and how it is validated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.channels.mimo_ofdm import drawn_paths
from semisac_ml.training.early_stopping import BestKept

from .links import drawn_link, validation_links
from .measuring import CHUNK, counted
from .model import CscSaNet, Link
from .objective import beam_loss, segmentation_loss, stage_two_efficiency
from .samples import PictureSet
from .scores import authors_mean_iou, mean_iou

EASY_SNR_DB = 0.0
"""From which the tuned networks' stage II comes down to the SNRs it is for, over its first half."""
BEAM_WEIGHT = 0.1
"""Of the tuned networks' choice of beams at the start of stage II; it falls to none at the end."""
DRAWS = 256
"""Channels that stage II is validated over."""

Steps = Callable[[torch.Generator], Iterator[dict[str, Tensor]]]


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

    batch: scenes a step.
    """

    train: PictureSet
    validation: PictureSet
    batch: int

    @property
    def size(self) -> int:
        """Scenes a step, of as many as there are."""
        return min(self.batch, len(self.train))

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return len(self.train) // self.size

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows of each step, in random order, and which of them are mirrored."""
        device = generator.device
        order = torch.randperm(len(self.train), generator=generator, device=device)
        for rows in order[: self.steps * self.size].split(self.size):
            mirrored = torch.rand(len(rows), generator=generator, device=device) < 0.5
            yield rows.cpu(), mirrored.cpu()


@dataclass(frozen=True)
class Plan:
    """One stage. trained: networks. steps: of an epoch. validate: tells BestKept of a loss."""

    trained: list[nn.Module]
    steps: int
    step: Steps
    validate: Callable[[], dict[str, float]]


def semantic_plan(both: Selected, pictures: Pictures, device: torch.device) -> Plan:
    """Stage I: source semantics, over an identity channel without noise."""
    model, settings = both.model, both.model.settings

    def scores(part: PictureSet, rows: Tensor, mirrored: Tensor | None, link: Link) -> tuple[Tensor, Tensor]:
        inputs, labels = part.batch(rows, mirrored)
        sources = model.sources([one.to(device) for one in inputs])
        return model.over_identity(sources, link), labels.to(device)

    def step(generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        for rows, mirrored in pictures.batches(generator):
            link = drawn_link(settings, (0.0, 0.0), len(rows), generator)
            yield {"loss": segmentation_loss(*scores(pictures.train, rows, mirrored, link))}

    def validate() -> dict[str, float]:
        link = validation_links(settings, (0.0, 0.0), 1, device)[0]
        return validated(
            both, pictures.validation, [lambda rows: scores(pictures.validation, rows, None, link)[0]]
        )

    return Plan(model.semantic(), pictures.steps, step, validate)


def beam_plan(
    both: Selected, snr_db: tuple[float, float], batch: int, steps: int, epochs: int, device: torch.device
) -> Plan:
    """Stage II: pilots, feedback and beams, for spectral efficiency at SNRs, ours, between two."""
    model, settings = both.model, both.model.settings
    low, high = snr_db

    def step(generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        done = int(both.epochs_done) / epochs
        begin, end = low, high
        if settings.tuned:
            begin += max(0.0, 1.0 - 2.0 * done) * max(EASY_SNR_DB - low, 0.0)
            end = max(begin, high)
        for _ in range(steps):
            paths = drawn_paths(batch, settings.cell, generator)
            link = drawn_link(settings, (begin, end), batch, generator)
            beams = model.beams(paths, link, generator)
            every = settings.token_subcarriers
            efficiency = stage_two_efficiency(paths, beams, link, settings, every=every).mean()
            losses = {"loss": -efficiency, "efficiency": efficiency}
            if settings.tuned:
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
    """Spectral efficiency by L and B, over the same channels every time."""
    settings = model.settings
    found = {}
    for link in validation_links(settings, snr_db, draws, device):
        generator = torch.Generator(device).manual_seed(0)
        paths = drawn_paths(draws, settings.cell, generator)
        beams = model.beams(paths, link, generator)
        every = settings.token_subcarriers
        value = stage_two_efficiency(paths, beams, link, settings, every=every).mean().item()
        found[link.pilots, link.feedback_bits] = value
    return found


def joint_plan(
    both: Selected, pictures: Pictures, snr_db: tuple[float, float], frozen: bool, device: torch.device
) -> Plan:
    """Stage III: all networks, for the task. frozen: encoders of pictures stay, their semantics are kept."""
    model, settings = both.model, both.model.settings
    trained = [*model.physical(), *model.semantic()]
    if frozen:
        heads = [part for user in model.user_fusion for part in (user.attention, user.head)]
        trained = [*model.physical(), *heads, model.station_fusion]
    kept = {
        part: source_semantics(model, part, device)
        for part in ((pictures.train, pictures.validation) if frozen else ())
    }

    def scores(
        part: PictureSet, rows: Tensor, mirrored: Tensor, link: Link, generator: torch.Generator
    ) -> Tensor:
        if part in kept:
            sources = [one[mirrored.long(), rows].to(device) for one in kept[part]]
        else:
            sources = model.sources([one.to(device) for one in part.batch(rows, mirrored)[0]])
        return model(sources, drawn_paths(len(rows), settings.cell, generator), link, generator)

    def step(generator: torch.Generator) -> Iterator[dict[str, Tensor]]:
        for rows, mirrored in pictures.batches(generator):
            labels = pictures.train.batch(rows, mirrored)[1].to(device)
            link = drawn_link(settings, snr_db, len(rows), generator)
            yield {"loss": segmentation_loss(scores(pictures.train, rows, mirrored, link, generator), labels)}

    def validate() -> dict[str, float]:
        ways = []
        for place in range(len(validation_links(settings, snr_db, 1, device))):
            generator = torch.Generator(device).manual_seed(place)

            def found(rows: Tensor, place: int = place, generator: torch.Generator = generator) -> Tensor:
                link = validation_links(settings, snr_db, len(rows), device)[place]
                straight = torch.zeros(len(rows), dtype=torch.bool)
                return scores(pictures.validation, rows, straight, link, generator)

            ways.append(found)
        return validated(both, pictures.validation, ways)

    return Plan(trained, pictures.steps, step, validate)


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
    return [torch.stack(one) for one in zip(*found, strict=True)]


def validated(both: Selected, part: PictureSet, ways: list[Callable[[Tensor], Tensor]]) -> dict[str, float]:
    """Mean IoU of a part over ways from rows to scores; `both` is told that of the preset's metric."""
    counts = [counted(part, scores).sum(0) for scores in ways]
    standard = float(np.mean([mean_iou(one) for one in counts]))
    authors = float(np.mean([authors_mean_iou(one) for one in counts]))
    both.tell(-(standard if both.model.settings.preset.background else authors))
    return {"validation_miou": standard, "validation_authors_miou": authors}
