# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks on pictures over a link: pixels counted scene by scene, for scores of any part of the scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from semisac_ml.channels.mimo_ofdm import MimoPaths, drawn_paths

from .model import CscSaNet, Link
from .samples import PictureSet
from .scores import confusion
from .settings import CLASS_COUNT

CHUNK = 8


@torch.no_grad()
def counted(part: PictureSet, scores: Callable[[Tensor], Tensor], rows: Tensor | None = None) -> np.ndarray:
    """Pixels by scene, true and predicted class, int64 [scenes, classes, classes].

    scores: from rows of the part, CHUNK at most, to class scores [rows, classes, height, width]. rows: which
    scenes; all by default.
    """
    truth, found = part.labels.numpy(), []
    chosen = torch.arange(len(part)) if rows is None else rows
    for chunk in chosen.split(CHUNK):
        predicted = scores(chunk).argmax(1).cpu().numpy()
        pairs = zip(predicted, truth[chunk.numpy()], strict=True)
        found += [confusion(one, other, CLASS_COUNT) for one, other in pairs]
    return np.stack(found)


def measured(
    model: CscSaNet,
    part: PictureSet,
    pilots: int,
    feedback_bits: int,
    symbols: int,
    snr_db: float,
    seed: int = 0,
    channels: Callable[[int, torch.Generator], MimoPaths] | None = None,
    sources: Sequence[Tensor] | None = None,
    **options: object,
) -> np.ndarray:
    """Pixels counted of a part over links of one kind, each scene over a channel of its own.

    Parameters
    ----------
    model : CscSaNet
        In evaluation mode afterwards.
    part : PictureSet
    pilots, feedback_bits, symbols : int
        L, B and Q.
    snr_db : float
        P_t over noise, ours; less the preset's ``snr_offset_db`` it is what its figures name.
    seed : int
        Of channels and noise.
    channels : function, optional
        Makes as many channels as it is told; by default those of the cell, at random.
    sources : of each user, optional
        What :func:`encoded` made of the part.
    options
        Of the model, such as ``faults``.

    Returns
    -------
    ndarray, int64 [scenes, classes, classes]
        True and predicted class.
    """
    model.eval()
    device = model.pilots.baseband.device
    generator = torch.Generator(device).manual_seed(seed)

    def scores(rows: Tensor) -> Tensor:
        link = Link(pilots, feedback_bits, symbols, torch.full((len(rows),), snr_db, device=device))
        count = len(rows)
        cell = model.settings.cell
        paths = channels(count, generator) if channels else drawn_paths(count, cell, generator)
        return model(_sources(model, part, rows, sources), paths, link, generator, **options)

    return counted(part, scores)


@torch.no_grad()
def encoded(model: CscSaNet, part: PictureSet) -> list[Tensor]:
    """Source semantics of all pictures of a part, of each user, which links do not change."""
    model.eval()
    chunks = [_sources(model, part, rows, None) for rows in torch.arange(len(part)).split(CHUNK)]
    return [torch.cat(one) for one in zip(*chunks, strict=True)]


def _sources(
    model: CscSaNet, part: PictureSet, rows: Tensor, sources: Sequence[Tensor] | None
) -> list[Tensor]:
    if sources is not None:
        return [one[rows] for one in sources]
    device = model.pilots.baseband.device
    return model.sources([one.to(device) for one in part.batch(rows)[0]])


def bound(model: CscSaNet, part: PictureSet, sources: Sequence[Tensor] | None = None) -> np.ndarray:
    """The same over stage I's identity channel without noise: of networks of stage I no channel's bound."""
    model.eval()
    device, settings = model.pilots.baseband.device, model.settings

    def scores(rows: Tensor) -> Tensor:
        snrs = torch.zeros(len(rows), device=device)
        link = Link(settings.pilots, settings.feedback_bits, settings.symbols, snrs)
        return model.over_identity(_sources(model, part, rows, sources), link)

    return counted(part, scores)
