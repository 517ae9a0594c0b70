# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring the picture code and its baselines under the same conditions, resumably."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from semisac_ml.data import DataError, cifar10, images
from semisac_ml.parallel import Workers, run_jobs
from semisac_ml.results import Result, ResultTable, command_line
from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems.jssc_hifi import air
from semisac_ml.systems.jssc_hifi.baselines import DigitalSchemes, Scores, scores
from semisac_ml.systems.jssc_hifi.codecs import COUNTED, codecs
from semisac_ml.systems.jssc_hifi.learned_code import LearnedCode
from semisac_ml.systems.jssc_hifi.linear_code import LinearCode

LEARNED, LINEAR = "learned", "linear"
# colour photographs inside scikit-image's wheel: nothing is downloaded
PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
SENT_CHANNELS = {Fraction(1, 24): 4, Fraction(1, 12): 8, Fraction(1, 6): 16}
WHOLE_PICTURE, BLOCK = 32, 8
X_NAME = "SNR (Es/N0) in dB"

Place = tuple[str, str, str, float]  # set of pictures, channel, ratio, SNR in dB


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    data: "cifar10", "sample" (64 shipped pictures), "photographs" (of scikit-image), or a folder.
    images: how many pictures, None for all (500 of CIFAR-10). picture_size: side of larger pictures, a
        multiple of 8. ratios: complex channel uses a source value. counted: see :mod:`codecs`.
    schemes: names of codecs, "linear" and "learned".
    """

    data: str = "cifar10"
    images: int | None = None
    picture_size: int = 256
    ratios: tuple[Fraction, ...] = tuple(SENT_CHANNELS)
    snr_db: tuple[float, ...] = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
    channels: tuple[str, ...] = ("awgn", "rayleigh")
    counted: str = "data"
    schemes: tuple[str, ...] = (LEARNED, LINEAR, *codecs())
    avif_speed: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        checks = (
            ("ratio", self.ratios, SENT_CHANNELS),
            ("channel", self.channels, air.CHANNELS),
            ("counted", (self.counted,), COUNTED),
            ("scheme", self.schemes, (LEARNED, LINEAR, *codecs())),
        )
        for name, given, known in checks:
            for value in given:
                if value not in known:
                    raise ValueError(f"{name} is {value}, expected one of {', '.join(map(str, known))}")
        if self.picture_size % BLOCK:
            raise ValueError(f"picture_size is {self.picture_size}, expected a multiple of {BLOCK}")

    @property
    def name(self) -> str:
        """Of the set of pictures, for files."""
        return self.data if self.data in ("cifar10", "sample", "photographs") else Path(self.data).name

    def pictures(self) -> np.ndarray:
        """uint8 (count, height, width, 3). Raises DataError where there are none."""
        if self.data == "cifar10":
            return cifar10.load("test")[0][: self.images or 500]
        if self.data == "sample":
            return cifar10.sample()[0][: self.images]
        if self.data != "photographs":
            return images.load_images(self.data, self.picture_size)[: self.images]
        import skimage.data

        folder = Path(skimage.data.__file__).parent
        files = [folder / name for name in PHOTOGRAPHS if (folder / name).is_file()]
        if not files:
            raise DataError(f"{folder}: holds none of scikit-image's photographs; name a folder of pictures")
        return np.concatenate([images.load_images(file, self.picture_size) for file in files[: self.images]])


def row(place: Place, scheme: str, counted: str, metric: str, found: Metric, seed: int) -> Result:
    """A measured value with its 95 % interval over pictures."""
    data, channel, ratio, snr_db = place
    return Result.of(
        found,
        system="jssc_hifi",
        figure="compare",
        variant=scheme,
        conditions={
            "x": X_NAME,
            "data": data,
            "channel": channel,
            "ratio": ratio,
            "counted": counted,
        },
        x=snr_db,
        metric=metric,
        seed=str(seed),
    )


def group(one: Result) -> tuple[object, ...]:
    """The same for rows that are computed together: place, head of the scheme, what counts, pictures."""
    told = one.conditions
    place = told["data"], told["channel"], told["ratio"], one.x
    return *place, one.variant.partition(" + ")[0], told["counted"], one.n


def open_table(path: Path) -> ResultTable:
    """The table of a comparison, empty if there is none. Raises ValueError for another kind of file."""
    table = ResultTable.open(path)
    foreign = [one.figure for one in table.rows if (one.system, one.figure) != ("jssc_hifi", "compare")]
    if foreign:
        raise ValueError(f"{path}: holds rows of {foreign[0]}, expected a comparison: choose another folder")
    return table


class Schemes:
    """All schemes of a comparison for its pictures; what is costly to prepare is prepared when first used.

    learned: name or folder of the learned code, None to leave it out.
    """

    def __init__(self, comparison: Comparison, learned: str | None) -> None:
        self.comparison, self.pictures = comparison, comparison.pictures()
        self.learned = LearnedCode(learned) if learned and LEARNED in comparison.schemes else None
        self._digital: dict[str, DigitalSchemes] = {}
        self._linear: LinearCode | None = None

    def heads(self) -> list[str]:
        """Schemes that are computed one by one, the learned one first."""
        return [head for head in self.comparison.schemes if head != LEARNED or self.learned]

    def linear(self) -> LinearCode:
        """Fitted to CIFAR-10's training images, whole; to larger pictures' own 8 x 8 blocks."""
        if self._linear is None:
            if self.comparison.data == "cifar10":
                self._linear = LinearCode(cifar10.load("train")[0], WHOLE_PICTURE)
            else:
                self._linear = LinearCode(self.pictures, BLOCK)
        return self._linear

    def digital(self, name: str) -> DigitalSchemes:
        """A codec's schemes."""
        if name not in self._digital:
            codec = codecs(self.comparison.avif_speed)[name]
            self._digital[name] = DigitalSchemes(self.pictures, codec, self.comparison.counted)
        return self._digital[name]

    def channel_uses(self, ratio: Fraction) -> int:
        """Of a picture."""
        return int(ratio * self.pictures[0].size)

    def measure(
        self, head: str, channel: str, ratio: Fraction, snr_db: float
    ) -> Iterator[tuple[str, Scores]]:
        """Name and scores of each scheme of a head."""
        seed = self.comparison.seed
        gains = air.power_gains(channel, len(self.pictures), self.channel_uses(ratio), seed)
        if head == LEARNED:
            sent = SENT_CHANNELS[ratio]
            received = self.learned.reconstruct(self.pictures, snr_db, sent, channel, seed, gains)
            yield LEARNED, scores(self.pictures, received)
        elif head == LINEAR:
            received = self.linear().send(self.pictures, float(ratio), snr_db, channel, gains, seed)
            yield LINEAR, scores(self.pictures, received)
        else:
            yield from self.digital(head).measure(snr_db, channel, gains, seed)


@functools.cache
def schemes_of(comparison: Comparison, learned: str | None) -> Schemes:
    """Of this process, so that files once made serve all its jobs."""
    return Schemes(comparison, learned)


def run(
    comparison: Comparison,
    learned: str | None,
    table: ResultTable,
    workers: Workers = Workers(1),
    done: Callable[[str], None] = lambda _: None,
) -> None:
    """Measure what the table does not have yet; the learned code, which may have changed, always.

    A job is a scheme over a channel at a ratio, at all SNRs. done: called with a description after each.
    """
    schemes, typed = schemes_of(comparison, learned), command_line()  # a worker has another one
    known, jobs = {group(one) for one in table.rows}, {}
    for head, channel, ratio in series(schemes):
        place = comparison.name, channel, str(ratio)
        told = head, comparison.counted, len(schemes.pictures)
        missing = [one for one in comparison.snr_db if head == LEARNED or (*place, one, *told) not in known]
        name = f"{head}, {channel}, {ratio}"
        if missing:
            jobs[name] = (comparison, learned, head, channel, ratio, missing)
        else:
            done(name)
    for name, rows in run_jobs(_measured, jobs, workers):
        table.replace([replace(one, command=typed) for one in rows], group)
        done(name)


def series(schemes: Schemes) -> list[tuple[str, str, Fraction]]:
    """Scheme, channel and ratio of each curve."""
    return list(itertools.product(schemes.heads(), schemes.comparison.channels, schemes.comparison.ratios))


def _measured(
    comparison: Comparison,
    learned: str | None,
    head: str,
    channel: str,
    ratio: Fraction,
    snrs_db: list[float],
) -> list[Result]:
    """Rows of a curve."""
    schemes = schemes_of(comparison, learned)
    return [
        row(
            (comparison.name, channel, str(ratio), snr_db),
            scheme,
            comparison.counted,
            metric,
            metrics.mean(values, *(() if metric == "psnr_db" else (-1.0, 1.0))),
            comparison.seed,
        )
        for snr_db in snrs_db
        for scheme, measured in schemes.measure(head, channel, ratio, snr_db)
        for metric, values in measured.items()
    ]
