# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures in colour and in heat with their labels, as tensors: MFNet's, or the street's in its layout."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
PICTURES_FILE = "pictures.json"
"""Beside a training: the options that found its pictures."""
SAMPLE = "sample"
STREET_NAME = re.compile(r"\d{7}[DN]")
"""Four digits of a drive, three of a step."""
INDEX = "index.json"


@dataclass(frozen=True, eq=False)
class PictureSet:
    """A part of a data set.

    names: of the scenes. pictures: colour and thermal, uint8 [scenes, 3, height, width] and [scenes, 1,
    height, width]. labels: uint8 [scenes, height, width]. night: bool [scenes]. drives_told: what the street
    tells of its drives, by their number as in names; of other data nothing is known.
    """

    names: tuple[str, ...]
    pictures: tuple[Tensor, Tensor]
    labels: Tensor
    night: Tensor
    drives_told: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def drives(self) -> list[str]:
        """Of each scene; one of which none is known is a drive of its own."""
        return [name[:4] if STREET_NAME.match(name) else name for name in self.names]

    @property
    def times(self) -> list[str]:
        """Of the day of each scene: day, dusk or night; without the street's word day or night."""
        pairs = zip(self.drives, self.night.tolist(), strict=True)
        known = self.drives_told
        return [known.get(drive, {}).get("time", "night" if dark else "day") for drive, dark in pairs]

    @property
    def layouts(self) -> str:
        """Of the street, those of these scenes."""
        known = {self.drives_told[one]["layout"] for one in self.drives if one in self.drives_told}
        return ", ".join(sorted(known))

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

    def first(self, count: int) -> PictureSet:
        """So many of the scenes."""
        colour, thermal = self.pictures
        told = {name: getattr(self, name)[:count] for name in ("names", "labels", "night")}
        return replace(self, **told, pictures=(colour[:count], thermal[:count]))

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
        _drives_told(pairs.folder.parent / INDEX),
    )


def joined(sets: list[PictureSet]) -> PictureSet:
    """Parts of one data set as one."""
    pictures = zip(*(one.pictures for one in sets), strict=True)
    return replace(
        sets[0],
        names=tuple(name for one in sets for name in one.names),
        pictures=tuple(map(torch.cat, pictures)),
        labels=torch.cat([one.labels for one in sets]),
        night=torch.cat([one.night for one in sets]),
    )


def _drives_told(index: Path) -> dict[str, dict[str, str]]:
    """Time of the day and layout of the street's drives; of none if this is not the street."""
    if not index.is_file():
        return {}
    drives = json.loads(index.read_text())["drives"]
    return {f"{one['sequence']:04d}": {key: one[key] for key in ("time", "layout")} for one in drives}
