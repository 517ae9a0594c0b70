# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one run of the link is made of, checked before the flowgraph is built."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semisac_ml.data import cifar10
from semisac_ml.data.images import load_images
from semisac_ml.runtime import Bundle, ImageLink

from .waveform import WaveformSettings

if TYPE_CHECKING:
    from .pictures import PictureSettings

CHANNELS = ("awgn", "rayleigh")
KNOWLEDGE = ("symbols", "echo")
PHYSICAL_LAYERS = ("ofdm", "lfm", "symbols")
FARTHEST_OUTSIDE_DB = 10.0


@dataclass(frozen=True)
class LinkSettings:
    """Link, target and pace of a run.

    channel: "awgn" or "rayleigh".
    snr_db: mean Es/N0 of each channel use, dB.
    sensing_snr_db: echo SNR of the nearest range, dB.
    ranges, range_step_db, delay_symbols_per_range: where a target may be, loss (dB) and delay (symbols) from
        one range to the next.
    target_probability: share of frames with a target, which the detector knows.
    sensing_knowledge: "symbols" (it knows what was sent) or "echo".
    phy: "symbols", or "ofdm" or "lfm", which take a waveform.
    seed: of all random draws.
    batch: most frames in one inference.
    images_per_s: pace, 0 = as fast as possible.
    pictures: of a bundle for pictures of any size.
    """

    channel: str
    snr_db: float
    sensing_snr_db: float
    ranges: int = 1
    range_step_db: float = 3.0
    delay_symbols_per_range: int = 0
    target_probability: float = 0.5
    sensing_knowledge: str = "symbols"
    phy: str = "symbols"
    waveform: WaveformSettings | None = None
    seed: int = 0
    batch: int = 64
    images_per_s: float = 0.0
    pictures: PictureSettings | None = None

    def __post_init__(self) -> None:
        _one_of("--channel", self.channel, CHANNELS)
        _one_of("--sensing-knowledge", self.sensing_knowledge, KNOWLEDGE)
        _one_of("--phy", self.phy, PHYSICAL_LAYERS)
        _at_least("--ranges", self.ranges, 1)
        _at_least("--batch", self.batch, 1)
        _at_least("--delay-symbols-per-range", self.delay_symbols_per_range, 0)
        _at_least("--range-step-db", self.range_step_db, 0)
        _at_least("--images-per-s", self.images_per_s, 0)
        for option, value, usual in (
            ("--ranges", self.ranges, 1),
            ("--delay-symbols-per-range", self.delay_symbols_per_range, 0),
        ):
            if self.phy != "symbols" and value != usual:
                raise ValueError(
                    f"{option} is {value}, expected {usual} with --phy {self.phy}: ranges that differ in "
                    "strength are for --phy symbols; give --target several times"
                )
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"--seed is {self.seed}, expected 0 to 2^64 - 1")
        if not 0.0 <= self.target_probability <= 1.0:
            raise ValueError(f"--target-probability is {self.target_probability}, expected 0 to 1")

    def plain(self) -> dict[str, object]:
        """Settings by name, for people and JSON."""
        named = asdict(self)
        del named["waveform"]
        named |= named.pop("pictures") or {}
        return named | (self.waveform.plain() if self.waveform else {})

    def check_against(self, bundle: Bundle) -> list[str]:
        """Warnings where the bundle was trained for something else; ValueError where it cannot serve."""
        link = bundle.interface(ImageLink)
        warnings = snr_warnings("--snr-db", self.snr_db, link.channel.snr_db, bundle.name)
        warnings += snr_warnings("--sensing-snr-db", self.sensing_snr_db, link.sensing.snr_db, bundle.name)
        if self.channel != link.channel.model:
            warnings.append(
                f"bundle {bundle.name} was trained for {link.channel.model}, not for {self.channel}"
            )
        if self.ranges > link.sensing.max_ranges:
            raise ValueError(
                f"--ranges is {self.ranges}, expected 1 to {link.sensing.max_ranges} with {bundle.name}"
            )
        if self.sensing_knowledge == "echo" and self.ranges > 1:
            raise ValueError(
                f"--ranges is {self.ranges}, expected 1 with --sensing-knowledge echo: "
                "telling ranges apart takes the symbols"
            )
        needed = {"encoder", "reconstruction"} | (set() if self.pictures else {"task"})
        needed.add("sensing" if self.sensing_knowledge == "symbols" else "sensing_echo")
        missing = sorted(name for name in needed if not bundle.has(name))
        if missing:
            raise ValueError(
                f"bundle {bundle.name} lacks network {missing[0]!r}, expected {', '.join(sorted(needed))}: "
                "choose another --bundle"
            )
        return warnings


@dataclass(frozen=True)
class Pictures:
    """Images uint8 [N, height, width, 3] or the name of a camera or video, labels int64 [N] (-1 unknown), and
    where they came from.
    """

    images: np.ndarray | str
    labels: np.ndarray
    source: str


def load_pictures(data: str) -> Pictures:
    """Pictures of --data: "sample", "cifar10", or a path of one or a folder of them. Raises DataError."""
    if data == "sample":
        images, labels = cifar10.sample()[:2]
        return Pictures(images, labels, f"the {len(images)} CIFAR-10 test images that ship")
    if data == "cifar10":
        images, labels = cifar10.load("test")
        return Pictures(images, labels, "the CIFAR-10 test set")
    images = load_images(data)
    return Pictures(images, np.full(len(images), -1, np.int64), str(Path(data)))


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        expected = allowed[0] if len(allowed) == 1 else "one of " + ", ".join(allowed)
        raise ValueError(f"{option} is {value!r}, expected {expected}")


def _at_least(option: str, value: float, least: float) -> None:
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"{option} is {value}, expected {least} or more")


def snr_warnings(option: str, snr_db: float, trained: list[float], bundle: str) -> list[str]:
    """What to say of an SNR for which a bundle was not trained. Raises ValueError when that is far."""
    low, high = trained
    said = f"the {low:g} to {high:g} dB for which {bundle} was trained"
    lowest, highest = low - FARTHEST_OUTSIDE_DB, high + FARTHEST_OUTSIDE_DB
    if not lowest <= snr_db <= highest:  # nor NaN
        raise ValueError(
            f"{option} is {snr_db:g} dB, expected {said}, {lowest:g} to {highest:g} dB with a warning"
        )
    return [] if low <= snr_db <= high else [f"{option} is {snr_db:g} dB, outside {said}"]
