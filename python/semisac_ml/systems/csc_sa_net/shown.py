# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figure 12: pictures, truth and what each scheme makes of them, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from semisac_ml.channels.mimo_ofdm import drawn_paths
from semisac_ml.results import Result
from semisac_ml.results.drawing import picture, show_image

from .comparison import SCORES, SYSTEM, Bench, Point, Scheme, grouped
from .figures import compared
from .model import Link
from .samples import PictureSet
from .scores import confusion
from .settings import CLASS_COUNT

FIGURE = "figure12"
CLASS_COLOURS = np.array(
    [
        (0, 0, 0),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
        (0, 0, 192),
        (128, 128, 0),
        (64, 64, 128),
        (192, 128, 128),
        (192, 64, 0),
    ],
    np.uint8,
)
"""As MFNet's own pictures are painted."""


@dataclass(frozen=True)
class Shown:
    """part: some scenes. found: classes [scenes, height, width], by the name of the scheme."""

    part: PictureSet
    found: dict[str, np.ndarray]


def chosen_rows(part: PictureSet) -> list[int]:
    """Of each time of the day that there is, the scene with the most pixels that are no background."""
    full = (part.labels > 0).float().mean(dim=(1, 2))
    rows = []
    for time in ("day", "dusk", "night"):
        own = [row for row, each in enumerate(part.times) if each == time]
        if own:
            rows.append(max(own, key=lambda row: float(full[row])))
    return rows


@torch.no_grad()
def shown(schemes: Sequence[Scheme], bench: Bench, point: Point = Point()) -> Shown:
    """What schemes of the smallest seed make of scenes, all over the same channels.

    Raises ValueError if no training has such links, or if their pictures are not of one size.
    """
    first = [own[0] for own in grouped(compared(schemes)).values() if own[0].fits(point)]
    if not first:
        raise ValueError("figure 12: no training has such links, expected --runs with some")
    sizes = {(one.network.height, one.network.width_pixels) for one in first}
    if len(sizes) > 1:
        raise ValueError(f"figure 12: pictures are of sizes {sorted(sizes)}, expected trainings of one size")
    part = bench.scenes(first[0])[0].part
    rows = torch.tensor(chosen_rows(part))
    found = {}
    for scheme in first:
        network = bench.network(scheme).eval()
        sources, sizes = network.sources(part.batch(rows)[0]), network.settings
        snrs = torch.full((len(rows),), point.snr_db + sizes.preset.snr_offset_db)
        data = scheme.data_symbols(point.symbols)
        if scheme.stage == "1":
            scores = network.over_identity(
                sources, Link(sizes.pilots, sizes.feedback_bits, sizes.symbols, snrs)
            )
        else:
            generator = torch.Generator().manual_seed(bench.seed)
            paths = drawn_paths(len(rows), sizes.cell, generator)
            link = Link(point.pilots, point.feedback_bits, data, snrs)
            options = {} if scheme.knowledge is None else {"knowledge": scheme.knowledge}
            scores = network(sources, paths, link, generator, **options)
        name = scheme.name + (f", {scheme.settings.preset}" if scheme.settings.preset != "printed" else "")
        found[name] = scores.argmax(1).numpy()
    chosen = [int(row) for row in rows]
    some = PictureSet(
        tuple(part.names[row] for row in chosen),
        tuple(one[rows] for one in part.pictures),
        part.labels[rows],
        part.night[rows],
        part.drives_told,
    )
    return Shown(some, found)


def shown_rows(one: Shown, point: Point = Point()) -> list[Result]:
    """Both scores of each picture."""
    told = {name: getattr(point, name) for name in ("pilots", "feedback_bits", "symbols", "snr_db")}
    rows = []
    for variant, classes in one.found.items():
        for place, name in enumerate(one.part.names):
            counts = confusion(classes[place], one.part.labels[place].numpy(), CLASS_COUNT)
            rows += [
                Result.of(
                    score(counts),
                    system=SYSTEM,
                    figure=FIGURE,
                    variant=variant,
                    conditions={**told, "scene": name, "time": one.part.times[place]},
                    metric=metric,
                )
                for metric, score in SCORES.items()
            ]
    return rows


def draw(file: Path, one: Shown) -> None:
    """A row for each scene: colour, thermal, truth, then each scheme."""
    colour, thermal = (each.permute(0, 2, 3, 1).numpy() for each in one.part.pictures)
    columns = {"colour": colour, "thermal": thermal, "truth": CLASS_COLOURS[one.part.labels.numpy()]}
    columns |= {name: CLASS_COLOURS[classes] for name, classes in one.found.items()}
    count = len(one.part)
    with picture(file, 1.7 * len(columns), 1.35 * count + 0.5, grid=False, dpi=150) as figure:
        axes = figure.subplots(count, len(columns), squeeze=False)
        for place, (name, images) in enumerate(columns.items()):
            for axis, image in zip(axes[:, place], images, strict=True):
                show_image(axis, image.squeeze(), cmap="gray")
            axes[0, place].set_title(name.replace(", ", ",\n"), fontsize=6)
        for axis, time in zip(axes[:, 0], one.part.times, strict=True):
            axis.set_ylabel(time, fontsize=7)
