# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trainings and bundles on the same test samples, scene by scene: what they are measured on is read once.

Frames, pictures and echoes are those of the test part alone; noise of the radar is drawn once, so that all
systems hear the same echoes at every SNR.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.channels.fading import FadingChannel
from semisac_ml.results import Result
from semisac_ml.results.averages import SEED_KEY
from semisac_ml.runtime import Bundle, TargetLink
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar
from semisac_ml.signal.metrics import Metric

from .measuring import run
from .model import ChannelState, Simac
from .samples import STATES, TEST, Limits, TargetSet, joined
from .scenes import SCENE_FILE, SceneOptions, trained_scene
from .scoring import UNITS, Outcome, figures, has_interval
from .tensors import EchoSource, SampleTensors
from .training import PICTURE_WEIGHT, SETTINGS_FILE, SHUFFLED, trained
from .tuned import SENSORS, TunedSimac, equalised

SYSTEM, TABLE = "simac", "snr"
SNR_AXIS = "SNR, Es/N0 (dB)"
SPAN = "span of the training part"
WITHOUT = {"none": SENSORS, "camera": ("radar",), "radar": ("camera",)}
PAPER = "simac"
MISLED = f"{PAPER}, sentences of other SNRs"
"""The paper's network, which was told the truth in training."""
IN_UNITS = {"distance": 1.0, "angle": 180.0 / math.pi, "velocity": 1.0}
"""Of metres, radians and m/s, as they are told."""


class KeptTensors(SampleTensors):
    """Test samples whose echoes are made once, float32 [samples, antennas, length, 2]."""

    def __init__(self, *arguments: Any, heard: np.ndarray, limits: Limits) -> None:
        super().__init__(*arguments, limits=limits)
        self._heard = heard

    def heard(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self._heard[rows]


def only(samples: TargetSet, rows: np.ndarray) -> TargetSet:
    """Some of the samples as a set."""
    names = ("distance_m", "azimuth_rad", "velocity_mps", "box_px", "frame", "time_s", "target", "group")
    camera = samples.read_camera
    return replace(
        samples,
        **{name: getattr(samples, name)[rows] for name in (*names, "part", "broadside_rad")},
        scene=None if samples.scene is None else samples.scene[rows],
        read_mask=lambda row: samples.read_mask(int(rows[row])),
        read_camera=camera and (lambda row: camera(int(rows[row]))),
    )


@dataclass(frozen=True)
class KeptScenes:
    """Test parts of some scenes, for networks of any size.

    each: the scenes, with all their parts. seed: of the radar's noise.
    """

    each: list[TargetSet]
    seed: int = 0
    _kept: dict[object, Any] = field(default_factory=dict)

    @property
    def samples(self) -> TargetSet:
        """All parts of all scenes as one set."""
        return self._once("samples", lambda: joined(self.each))

    @property
    def test(self) -> TargetSet:
        """The test part alone."""
        return self._once("test", lambda: only(self.samples, self.samples.of(TEST)))

    def tensors(self, frame_pixels: int, picture_pixels: int, echoes: EchoSource) -> KeptTensors:
        """Of a network's sizes, normalised by all scenes together."""

        def read() -> KeptTensors:
            heard = self._once(echoes, lambda: self._heard(echoes))
            limits = Limits.of(self.samples)
            return KeptTensors(self.test, frame_pixels, picture_pixels, echoes, heard=heard, limits=limits)

        return self._once((frame_pixels, picture_pixels, echoes), read)

    def limits(self) -> dict[str, Limits]:
        """Of each scene alone, by its name."""
        return {one.name: Limits.of(one) for one in self.each}

    def spans(self) -> list[Result]:
        """What normalised errors of each scene are shares of: rows that are exact."""
        return [
            Result.of(
                float(IN_UNITS[task] * (limits.high - limits.low)[place]),
                system=SYSTEM,
                figure=TABLE,
                variant=SPAN,
                conditions={"scene": scene},
                metric=f"{task}_span_{UNITS[task]}",
                unit=UNITS[task],
            )
            for scene, limits in self.limits().items()
            for place, task in enumerate(STATES)
        ]

    def _heard(self, echoes: EchoSource) -> np.ndarray:
        rng, test = np.random.default_rng(self.seed), self.test
        found = np.empty((len(test), *echoes.shape, 2), np.float32)
        for row, (state, broadside) in enumerate(zip(test.states, test.broadside_rad, strict=True)):
            found[row] = echoes.echo(state, broadside, rng)
        return found

    def _once(self, key: object, make: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


@dataclass
class SceneShelf:
    """Scenes that were read, so that trainings of the same scenes share them."""

    seed: int = 0
    _kept: dict[str, KeptScenes] = field(default_factory=dict)

    def get(self, options: SceneOptions) -> KeptScenes:
        """Test parts of the scenes of these options. Raises DataError if the data are missing."""
        key = options.model_dump_json()
        if key not in self._kept:
            self._kept[key] = KeptScenes(options.each(), self.seed)
        return self._kept[key]


@dataclass(frozen=True)
class Measured:
    """A system to be measured on the test part of its scenes.

    trained: for which channel. may_lack: sensors that it can do without. seed: of the training; "" of a
    bundle. other_sentences: whether it is told of other SNRs than that of the channel.
    """

    name: str
    trained: str
    system: Any
    tensors: SampleTensors
    scenes: KeptScenes
    may_lack: tuple[str, ...]
    seed: str = ""
    other_sentences: bool = False

    @property
    def has(self) -> tuple[str, ...]:
        """Sensors."""
        if isinstance(self.system, Simac):
            return self.system.settings.modalities
        return self.system.settings.sensors if isinstance(self.system, TunedSimac) else SENSORS

    def inputs(self, missing: str) -> str:
        """Sensors that it has, and of them those that work."""
        return ",".join(name for name in self.has if name != missing)


class BundleSystem:
    """A bundle between a channel, called as the networks of PyTorch are.

    limits: by which states are normalised, those of the scenes that it is measured on.
    """

    def __init__(self, bundle: Bundle, limits: Limits) -> None:
        self._encoder, self._decoder = bundle.session("encoder"), bundle.session("decoder")
        self._limits = limits

    def eval(self) -> BundleSystem:
        """Nothing to be done."""
        return self

    def __call__(
        self,
        frames: Tensor,
        echoes: Tensor,
        state: ChannelState,
        fading: str,
        generator: torch.Generator,
        sensors: tuple[str, ...] = SENSORS,
    ) -> dict[str, Tensor]:
        present = torch.tensor([float(name in sensors) for name in SENSORS]).expand(len(frames), -1)
        offered = {"frame": frames, "echo": echoes, "channel_state": state.numbers, "present": present}
        given = {name: offered[name].contiguous().numpy() for name in self._encoder.inputs}
        symbols = torch.from_numpy(self._encoder.run(**given)["symbols"]).unflatten(1, (-1, 2))
        heard, gain = FadingChannel(fading)(torch.view_as_complex(symbols), state.snr_db, generator)
        estimate, worth = equalised(heard, gain, state.snr_db)
        received = torch.view_as_real(estimate).flatten(1).contiguous()
        found = self._decoder.run(received=received.numpy(), worth=worth.numpy())
        outputs = {"picture": torch.from_numpy(found["picture"])}
        span = self._limits.high - self._limits.low
        for place, task in enumerate(STATES):
            normalised = (found["state"][:, place] - self._limits.low[place]) / span[place]
            outputs[task] = torch.from_numpy(normalised)
            outputs[f"{task}_deviation"] = torch.from_numpy(found["deviation"][:, place] / span[place])
        return outputs


class Remembered(nn.Module):
    """A part of a network that does not hear of the channel: what it makes of a batch is made once.

    Batches are told apart by their first sample, whose echo has noise of its own.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._made: dict[tuple[object, ...], Tensor] = {}

    def forward(self, *inputs: Tensor) -> Tensor:
        key = (len(inputs[0]), *(value[:1].numpy().tobytes() for value in inputs))
        if key not in self._made:
            self._made[key] = self.network(*inputs)
        return self._made[key]


def finished_below(folder: Path) -> list[Path]:
    """Folders of finished trainings, however deep, sorted. Raises ValueError if there is none."""
    found = sorted(file.parent for file in folder.rglob(SCENE_FILE))
    if not found:
        raise ValueError(f"{folder} holds no finished training of simac, expected folders with {SCENE_FILE}")
    return found


def identity(folder: Path) -> tuple[str, str, str, tuple[str, ...]]:
    """Name, channel and seed of a training, and its scenes, without reading its network."""
    scenes = trained_scene(folder)
    settings = json.loads((folder / SETTINGS_FILE).read_text())
    return _named(settings), settings["fading"], str(settings["seed"]), tuple(scenes.names)


def _named(settings: dict[str, Any]) -> str:
    """Variant, and of size and weight of the picture what is not usual."""
    size = "" if settings["size"] == "small" else f", {settings['size']}"
    weight = settings["picture_weight"]
    return f"{settings['variant']}{size}" + ("" if weight == PICTURE_WEIGHT else f", l1 {weight:g}")


def of_run(folder: Path, shelf: SceneShelf) -> Measured:
    """What a training left, on its own scenes."""
    system, settings = trained(folder)
    if isinstance(system, Simac):
        system.encoder.fusion = Remembered(system.encoder.fusion)
    scenes, network = shelf.get(trained_scene(folder)), settings.network()
    tensors = scenes.tensors(network.frame_pixels, network.picture_pixels, EchoSource(settings.echo))
    may_lack = SENSORS if isinstance(system, TunedSimac) and len(system.settings.sensors) == 2 else ()
    name, seed = _named(settings.model_dump()), str(settings.seed)
    other = settings.variant == SHUFFLED
    return Measured(name, settings.fading, system, tensors, scenes, may_lack, seed, other)


def of_bundle(name: str, scenes: KeptScenes) -> Measured:
    """A bundle on scenes."""
    bundle = Bundle.load(name)
    link = bundle.interface(TargetLink)
    echoes = EchoSource("lfm", LfmSimoRadar(**link.radar.model_dump()))
    tensors = scenes.tensors(link.frame_pixels, link.picture_pixels, echoes)
    system = BundleSystem(bundle, tensors.limits)
    return Measured(bundle.name, link.channel.model, system, tensors, scenes, SENSORS)


def outcome_of(one: Measured, snr_db: float, fading: str, missing: str = "none", seed: int = 0) -> Outcome:
    """What a system says of the test samples; rows are of its `tensors.samples`."""
    sensors = None if missing == "none" else WITHOUT[missing]
    told = {"sensors": sensors, "other_sentences": one.other_sentences}
    return run(one.system, one.tensors, snr_db, fading, seed=seed, **told)


def measure(one: Measured, snr_db: float, fading: str, missing: str, seed: int = 0) -> list[Result]:
    """Rows of one system at one SNR, scene by scene; none if it cannot do without what is missing."""
    if missing != "none" and missing not in one.may_lack:
        return []
    outcome = outcome_of(one, snr_db, fading, missing, seed)
    told = {"x": SNR_AXIS, "fading": fading, "trained": one.trained}
    if one.seed:
        told[SEED_KEY] = one.seed
    limits = one.scenes.limits()
    return [
        row
        for scene, places in one.tensors.samples.by_scene(outcome.rows).items()
        for row in scored(
            outcome.of(places),
            one.tensors.samples,
            limits[scene],
            variant=one.name,
            inputs=one.inputs(missing),
            conditions={**told, "scene": scene},
            x=snr_db,
            seed=str(seed),
        )
    ]


def scored(outcome: Outcome, samples: TargetSet, limits: Limits, **told: Any) -> Iterator[Result]:
    """Rows of an outcome; normalised errors are left out: they are the others over the scene's span."""
    for name, metric in figures(outcome, samples, limits).items():
        if not name.endswith("_rmse"):
            yield row_of(metric, name, **told)


def row_of(metric: Metric, name: str, **told: Any) -> Result:
    """Row of a figure; without an interval where a single drive or vehicle tells nothing of others."""
    low, high = (metric.low, metric.high) if has_interval(metric) else (None, None)
    unit = next((unit for unit in UNITS.values() if name.endswith(f"_rmse_{unit}")), "")
    return Result(
        system=SYSTEM,
        figure=TABLE,
        metric=name,
        value=metric.value,
        low=low,
        high=high,
        n=metric.n,
        unit=unit,
        **told,
    )
