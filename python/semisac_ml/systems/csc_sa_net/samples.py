# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures in colour and in heat with their labels, as tensors: MFNet's, or the street's in its layout."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from semisac_ml.command_line import Options
from semisac_ml.data import mfnet
from semisac_ml.data.scenes.sample import sample

PARTS = {"train": "train", "validation": "val", "test": "test"}
"""Parts and the lists that they are; the street's keep drives apart."""
SAMPLE = "sample"


@dataclass(frozen=True, eq=False)
class PictureSet:
    """A part of a data set.

    names: of the scenes. pictures: colour and thermal, uint8 [scenes, 3, height, width] and [scenes, 1,
    height, width]. labels: uint8 [scenes, height, width]. night: bool [scenes].
    """

    names: tuple[str, ...]
    pictures: tuple[Tensor, Tensor]
    labels: Tensor
    night: Tensor

    def __len__(self) -> int:
        return len(self.names)

    def batch(self, rows: Tensor, mirrored: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """Pictures of each user, float32 in [0, 1], and labels int64, of rows; some of them mirrored."""
        pictures = [one[rows].float() / 255.0 for one in self.pictures]
        labels = self.labels[rows].long()
        if mirrored is not None:
            pictures = [torch.where(mirrored[:, None, None, None], one.flip(-1), one) for one in pictures]
            labels = torch.where(mirrored[:, None, None], labels.flip(-1), labels)
        return pictures, labels

    def fingerprint(self) -> str:
        """Of names and size, so that a training is not gone on with on others."""
        text = f"{self.names} {tuple(self.labels.shape)}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class PictureOptions(Options):
    """Which pictures."""

    data: Path | None = Field(
        None,
        description="Folder of the street (semisac data scenes), or one that holds MFNet's ir_seg_dataset; "
        "sample: the few pictures that ship, for a trial [default: MFNet, where `semisac data` puts it].",
    )

    def load(self, part: str, height: int, width: int) -> PictureSet:
        """A part, "train", "validation" or "test", in the size of the network.

        Raises DataError if the data are missing or damaged, ValueError for another part.
        """
        if part not in PARTS:
            raise ValueError(f"part is {part!r}, expected one of {', '.join(PARTS)}")
        root = sample() if self.data is not None and str(self.data) == SAMPLE else self.data
        return as_tensors(mfnet.load(PARTS[part], root), height, width)


def as_tensors(pairs: mfnet.Pairs, height: int, width: int) -> PictureSet:
    """Pairs in a size, as `Pair.sized` makes them."""
    sized = [pair.sized(height, width) for pair in pairs]
    return PictureSet(
        pairs.names,
        (
            torch.from_numpy(np.stack([one.colour for one in sized])).permute(0, 3, 1, 2).contiguous(),
            torch.from_numpy(np.stack([one.thermal for one in sized]))[:, None],
        ),
        torch.from_numpy(np.stack([one.label for one in sized])),
        torch.tensor([name.removesuffix("_flip").endswith(mfnet.LIGHTS["night"]) for name in pairs.names]),
    )
