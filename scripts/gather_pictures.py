#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the folder of larger pictures on which the shipped picture code was trained beside CIFAR-10.

Photographs inside the wheels of scikit-learn, Matplotlib and scikit-image (none of those that
`semisac evaluate jssc_hifi --data photographs` tests with) at two sizes, sheets of CIFAR-10's training images
enlarged four times, and frames of other folders, such as the camera's of a set of `semisac data scenes`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import skimage.data
import sklearn.datasets
from cyclopts import Parameter
from PIL import Image
from pydantic import Field

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.data import cifar10, images

SHEETS, TILES, ENLARGED = 60, 4, 128
SMALLER = 0.6
PHOTOGRAPHS = (
    *(Path(sklearn.datasets.__file__).parent / "images" / name for name in ("china.jpg", "flower.jpg")),
    Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    *(
        Path(skimage.data.__file__).parent / f"{name}.png"
        for name in ("brick", "camera", "cell", "coins", "grass", "gravel", "moon")
    ),
)


class GatherOptions(Options):
    """What is gathered beside the photographs."""

    frames: list[Path] = Field([], description="Folder of further pictures; repeat it for several.")
    seed: int = Field(0, description="Which images of CIFAR-10.")


program = new_program("scripts/gather_pictures.py")


@program.default
def main(
    folder: Annotated[Path, Parameter(help="Folder to make.")],
    /,
    *,
    options: GatherOptions = GatherOptions(),
) -> None:
    """Gather the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0

    def keep(picture: Image.Image) -> None:
        nonlocal count
        picture.convert("RGB").save(folder / f"{count:04}.png")
        count += 1

    for file in PHOTOGRAPHS:
        with Image.open(file) as picture:
            keep(picture)
            keep(picture.convert("RGB").resize([round(SMALLER * side) for side in picture.size]))
    small = cifar10.load("train")[0]
    chosen = np.random.default_rng(options.seed).choice(len(small), (SHEETS, TILES, TILES), replace=False)
    for sheet in chosen:
        pasted = Image.new("RGB", (TILES * ENLARGED, TILES * ENLARGED))
        for place, index in np.ndenumerate(sheet):
            tile = Image.fromarray(small[index]).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC)
            pasted.paste(tile, (place[1] * ENLARGED, place[0] * ENLARGED))
        keep(pasted)
    for other in options.frames:
        for file in images.picture_files(other):
            with Image.open(file) as picture:
                keep(picture)
    print(f"{folder}: {count} pictures")


if __name__ == "__main__":
    sys.exit(run_program(program))
