# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trainings on the same scenes over the same links: pixels counted drive by drive, and kept beside them.

What was counted once is read again, so that figures are redrawn at once and an evaluation that was broken
off goes on. Intervals come from drives that are drawn anew with replacement: scenes of a drive resemble each
other. Trainings of several seeds meet the same drives; their mean is resampled, how far they lie apart
stands beside it as a standard deviation, "<metric>_sd".
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths
from semisac_ml.data.scenes.mimo_paths import read_mimo_paths
from semisac_ml.outputs import output_file
from semisac_ml.results import Result
from semisac_ml.signal.metrics import Metric
from semisac_ml.signal.mimo_ofdm import PathArrays

from .faults import NO_FAULTS, Faults
from .measuring import bound, encoded, measured
from .model import CscSaNet
from .samples import PARTS, PICTURES_FILE, PictureOptions, PictureSet, joined
from .scores import authors_mean_iou, mean_iou
from .separated import AUTHORS, KNOWLEDGE, OF_ACQUIRED, Knowledge, ofdm_symbols
from .settings import CscSaSettings
from .training import SETTINGS_FILE, CscSaTraining, best_file, trained

SYSTEM = "csc_sa_net"
KEPT = "measured"
TEST, HELD_OUT = "test", "held out"
SCORES: dict[str, Callable[[np.ndarray], float]] = {"miou": mean_iou, "authors_miou": authors_mean_iou}
"""Eq. (29), and the authors' program."""
KNOWN: dict[Knowledge, str] = {
    "known": "PCA, channel known",
    "sought": "PCA, likeliest path",
    "learned": "beams of CSC-SA-Net",
    "acquired": "PCA, learned acquisition",
    "precoded": "learned precoder, learned acquisition",
    "known precoded": "learned precoder, channel known",
}
NO_CHANNEL = "no channel"
SINGLE_STAGE = "from scratch"
REPLICATES = 1000
PART_OF_PILOTS = 4


@dataclass(frozen=True)
class Point:
    """A link, of OFDM symbols for data in all, pilots among them; snr_db: as the preset has it."""

    pilots: int = 8
    feedback_bits: int = 1024
    symbols: int = 4
    snr_db: float = -25.0
    faults: Faults = NO_FAULTS


@dataclass(frozen=True)
class Scenes:
    """What is measured on. name: with layouts, where they are known."""

    name: str
    part: PictureSet

    @property
    def drives(self) -> list[str]:
        """In the order of what is counted."""
        return sorted(set(self.part.drives))

    def by_drive(self, counts: np.ndarray) -> np.ndarray:
        """Counts [scenes, classes, classes] added up: [drives, classes, classes]."""
        places = np.searchsorted(self.drives, self.part.drives)
        found = np.zeros((len(self.drives), *counts.shape[1:]), np.int64)
        np.add.at(found, places, counts)
        return found

    def over(self, channels: str) -> Scenes:
        """The same with other channels, which the name says."""
        kind, *layouts = self.name.split(":", 1)
        return Scenes(":".join((f"{kind}, {channels}", *layouts)), self.part)

    def at(self, time: str) -> np.ndarray:
        """Which drives are at a time of the day."""
        times = dict(zip(self.part.drives, self.part.times, strict=True))
        return np.array([times[drive] == time for drive in self.drives])


def test_scenes(options: PictureOptions, settings: CscSaSettings) -> Scenes:
    """The test part of what a network was trained on."""
    return _named(TEST, options.load("test", settings.height, settings.width_pixels))


def held_out_scenes(folder: Path, settings: CscSaSettings) -> Scenes:
    """All scenes of a folder that nothing was trained on."""
    options = PictureOptions(data=folder)
    parts = [options.load(part, settings.height, settings.width_pixels) for part in PARTS]
    return _named(HELD_OUT, joined(parts))


def _named(kind: str, part: PictureSet) -> Scenes:
    return Scenes(f"{kind}: {part.layouts}" if part.layouts else kind, part)


@dataclass(frozen=True)
class Scheme:
    """A training as one curve shows it. name: of the curve. knowledge: of separated users' beams.
    stage: "3", or "1" for what no channel leaves."""

    name: str
    folder: Path
    settings: CscSaTraining
    knowledge: Knowledge | None = None
    stage: str = "3"

    @property
    def network(self) -> CscSaSettings:
        """Its sizes."""
        return self.settings.network()

    @property
    def group(self) -> tuple[str, str]:
        """The same for trainings that differ in their seed alone: name and preset."""
        return self.name, self.settings.preset

    def data_symbols(self, symbols: int) -> int:
        """Symbols of data among so many OFDM symbols; one even of one, as pilots cannot do without."""
        if not self.network.receiver:
            return symbols
        return max(1, symbols * (PART_OF_PILOTS - 1) // PART_OF_PILOTS)

    def spent(self, symbols: int) -> float:
        """OFDM symbols that so many of data cost, pilots among them counted as the paper's footnote 6 does
        where the authors' receiver has them for nothing."""
        network = self.network
        if network.receiver == AUTHORS:
            return symbols * PART_OF_PILOTS / (PART_OF_PILOTS - 1)
        return float(ofdm_symbols(network, symbols) if network.receiver else symbols)

    def fits(self, point: Point) -> bool:
        """Whether the networks were made for such links."""
        return self.network.fits(point.pilots, point.feedback_bits, self.data_symbols(point.symbols))


def schemes_below(folders: Sequence[Path]) -> list[Scheme]:
    """Of all finished trainings in or below folders. Raises ValueError for a folder without any."""
    found: dict[Path, list[Scheme]] = {}
    for folder in folders:
        files = sorted(folder.rglob(best_file(Path(), "3").name))
        if not files:
            raise ValueError(
                f"{folder} holds no finished training of csc_sa_net, expected one or more (stage 3)"
            )
        for file in files:
            found.setdefault(file.parent.resolve(), schemes_of(file.parent))
    return [one for own in found.values() for one in own]


def schemes_of(folder: Path) -> list[Scheme]:
    """Of one training. Raises ValueError if the folder holds none."""
    file = folder / SETTINGS_FILE
    try:
        settings = CscSaTraining(**json.loads(file.read_text()))
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: is no settings of a training ({error})") from error
    name = settings.variant + (", paper" if settings.size == "paper" else "")
    name += ", orthogonal" if settings.access == "orthogonal" else ""
    network = settings.network()
    if network.receiver:
        name, ways = name.removesuffix(" acquisition"), OF_ACQUIRED if network.acquires else KNOWLEDGE
        return [Scheme(f"{name}, {KNOWN[one]}", folder, settings, one) for one in ways]
    if not best_file(folder, "1").is_file():
        return [Scheme(f"{name}, {SINGLE_STAGE}", folder, settings)]
    return [Scheme(name, folder, settings), Scheme(f"{name}, {NO_CHANNEL}", folder, settings, stage="1")]


@dataclass
class Bench:
    """Where schemes are measured.

    data: pictures to test with instead of those that a training names; held_out: of layouts that nothing was
    trained on. draws: channels for each scene. seed: of channels and noise. paths: recorded ones, of which
    each scene has some at random, in the place of drawn ones.
    """

    data: PictureOptions | None = None
    held_out: Path | None = None
    draws: int = 1
    seed: int = 0
    paths: Path | None = None
    _scenes: dict[object, list[Scenes]] = field(default_factory=dict)
    _network: tuple[object, CscSaNet] | None = None
    _encoded: dict[object, list[Tensor]] = field(default_factory=dict)
    _digests: dict[Path, str] = field(default_factory=dict)

    def __reduce__(self) -> tuple[object, ...]:
        """Another process has one of its own, which keeps what it has read."""
        data = None if self.data is None else self.data.model_dump_json()
        return _bench_of_process, (data, self.held_out, self.draws, self.seed, self.paths)

    def scenes(self, scheme: Scheme) -> list[Scenes]:
        """Test scenes of a training, and those that are held out. Raises DataError if data are missing."""
        options, network = self.data or pictures_of(scheme.folder), scheme.network
        key = (options.model_dump_json(), network.height, network.width_pixels)
        if key not in self._scenes:
            found = [test_scenes(options, network)]
            if self.held_out is not None:
                found.append(held_out_scenes(self.held_out, network))
            if self.paths is not None:
                found = [one.over("recorded channels") for one in found]
            self._scenes[key] = found
        return self._scenes[key]

    def network(self, scheme: Scheme) -> CscSaNet:
        """The last one asked for is kept."""
        key = (scheme.folder, scheme.stage)
        if self._network is None or self._network[0] != key:
            self._network = (key, trained(scheme.folder, scheme.stage)[0])
        return self._network[1]

    def sources(self, scheme: Scheme, scenes: Scenes) -> list[Tensor]:
        """Source semantics; trainings that share their encoders share them."""
        network, sha = self.network(scheme), hashlib.sha256()
        for user in network.user_fusion:
            for value in user.encoder.state_dict().values():
                sha.update(value.contiguous().numpy().tobytes())
        grid = network.settings.semantic_grid
        key = (sha.hexdigest(), grid, scenes.name, scenes.part.fingerprint())
        if key not in self._encoded:
            self._encoded[key] = encoded(network, scenes.part)
        return self._encoded[key]

    def file(self, scheme: Scheme, scenes: Scenes, point: Point) -> Path:
        """Where counts are kept: beside the training, named by all that they hang on."""
        weights = best_file(scheme.folder, scheme.stage)
        if weights not in self._digests:
            self._digests[weights] = hashlib.sha256(weights.read_bytes()).hexdigest()
        told = (self._digests[weights], scheme.knowledge, scenes.part.fingerprint(), self.draws, self.seed)
        if scheme.stage == "3":
            told += (point,)
            if self.paths is not None:
                told += (recorded(self.paths, scheme.network.cell).fingerprint,)
        return scheme.folder / KEPT / f"{hashlib.sha256(repr(told).encode()).hexdigest()[:24]}.npz"

    def counts(self, scheme: Scheme, scenes: Scenes, point: Point) -> np.ndarray:
        """Pixels of a scheme by drive, true and predicted class, int64 [drives, classes, classes]."""
        file = self.file(scheme, scenes, point)
        if not file.is_file():
            found = scenes.by_drive(self._measured(scheme, scenes, point))
            file.parent.mkdir(exist_ok=True)
            with output_file(file) as unfinished, unfinished.open("wb") as stream:
                np.savez_compressed(stream, counts=found)
        with np.load(file) as stored:
            return stored["counts"]

    def _measured(self, scheme: Scheme, scenes: Scenes, point: Point) -> np.ndarray:
        network, sources = self.network(scheme), self.sources(scheme, scenes)
        if scheme.stage == "1":
            return bound(network, scenes.part, sources)
        options: dict[str, object] = {"faults": point.faults}
        if scheme.knowledge is not None:
            options["knowledge"] = scheme.knowledge
        if self.paths is not None:
            options["channels"] = recorded(self.paths, scheme.network.cell)
        snr_db = point.snr_db + scheme.network.preset.snr_offset_db
        link = (point.pilots, point.feedback_bits, scheme.data_symbols(point.symbols), snr_db)
        draws = (
            measured(network, scenes.part, *link, seed=self.seed + draw, sources=sources, **options)
            for draw in range(self.draws)
        )
        return sum(draws)


@functools.cache
def _bench_of_process(
    data: str | None, held_out: Path | None, draws: int, seed: int, paths: Path | None
) -> Bench:
    options = None if data is None else PictureOptions.model_validate_json(data)
    return Bench(options, held_out, draws, seed, paths)


class Recorded:
    """Channels of recorded paths, some at random of all that there are."""

    def __init__(self, paths: PathArrays) -> None:
        self.paths, sha = MimoPaths.from_arrays(paths), hashlib.sha256()
        for one in fields(paths):
            sha.update(np.ascontiguousarray(getattr(paths, one.name)).tobytes())
        self.fingerprint = sha.hexdigest()[:12]

    def __call__(self, count: int, generator: torch.Generator) -> MimoPaths:
        rows = torch.randint(len(self.paths.gain), (count,), generator=generator, device=generator.device)
        return MimoPaths(
            *(getattr(self.paths, one.name)[rows.cpu()].to(rows.device) for one in fields(self.paths))
        )


@functools.cache
def recorded(place: Path, cell: MimoOfdm) -> Recorded:
    """Paths of a folder of the street, or of a file of them. Raises DataError if it is neither."""
    return Recorded(read_mimo_paths(place, cell))


def pictures_of(folder: Path) -> PictureOptions:
    """Which pictures a training was made on. Raises ValueError if it does not say."""
    file = folder / PICTURES_FILE
    try:
        return PictureOptions(**json.loads(file.read_text()))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{file}: does not name pictures ({error}), expected a training of all stages"
        ) from error


def grouped(schemes: Sequence[Scheme]) -> dict[tuple[str, str], list[Scheme]]:
    """Schemes by name and preset, each by its seed. Raises ValueError for a seed that is there twice."""
    found: dict[tuple[str, str], list[Scheme]] = {}
    for scheme in sorted(schemes, key=lambda one: one.settings.seed):
        own = found.setdefault(scheme.group, [])
        if own and own[-1].settings.seed == scheme.settings.seed:
            raise ValueError(
                f"{scheme.folder} and {own[-1].folder} are both {scheme.name} of seed "
                f"{scheme.settings.seed}, expected one of them"
            )
        own.append(scheme)
    return found


def resampled(counts: Sequence[np.ndarray], score: Callable[[np.ndarray], float]) -> Metric:
    """Mean over trainings of a score of all drives, and its interval over drives.

    counts: of each training, [drives, classes, classes], the same drives.
    """
    return _interval(lambda weights: np.mean([score(_weighed(weights, one)) for one in counts]), counts)


def difference(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], score: Callable[[np.ndarray], float]
) -> Metric:
    """By how much the first score better, on the same drives; trainings in the same order."""

    def value(weights: np.ndarray) -> float:
        pairs = zip(first, second, strict=True)
        return float(np.mean([score(_weighed(weights, a)) - score(_weighed(weights, b)) for a, b in pairs]))

    return _interval(value, first)


def _weighed(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.tensordot(weights, counts, 1)


def _interval(value: Callable[[np.ndarray], float], counts: Sequence[np.ndarray]) -> Metric:
    drives = len(counts[0])
    all_once = float(value(np.ones(drives, np.int64)))
    if drives == 1:
        return Metric(all_once, all_once, all_once, 1)
    drawn = np.random.default_rng(0).multinomial(drives, np.full(drives, 1.0 / drives), REPLICATES)
    low, high = np.nanpercentile([value(weights) for weights in drawn], (2.5, 97.5))
    return Metric(all_once, min(float(low), all_once), max(float(high), all_once), drives)


def score_rows(
    counts: Mapping[int, np.ndarray],
    figure: str,
    variant: str,
    conditions: Mapping[str, object],
    **told: object,
) -> list[Result]:
    """Rows of both scores: mean over seeds with its interval over drives, and the seeds' deviation.

    counts: by seed, [drives, classes, classes]. told: further fields of rows.
    """
    rows, seeds = [], " ".join(map(str, counts))
    place = {"system": SYSTEM, "figure": figure, "variant": variant, "conditions": conditions, **told}
    for metric, score in SCORES.items():
        rows.append(Result.of(resampled(list(counts.values()), score), metric=metric, seed=seeds, **place))
        if len(counts) > 1:
            deviation = float(np.std([score(one.sum(0)) for one in counts.values()], ddof=1))
            rows.append(Result(value=deviation, n=len(counts), metric=f"{metric}_sd", seed=seeds, **place))
    return rows
