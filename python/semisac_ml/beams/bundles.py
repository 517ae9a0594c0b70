# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles that predict beams: one network a sensor, which runs only where it is there, and ``beams``."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from semisac_ml.beams.ensemble import BeamEnsemble
from semisac_ml.beams.inputs import PARTIAL_SWEEPS, InputSet, known_words, usual_sets
from semisac_ml.beams.protocol import BeamSystem, SplitJob, test_baselines, test_network
from semisac_ml.beams.recordings import Recordings
from semisac_ml.beams.samples import BEAMS, BY_SEQUENCE, FRAMES, BeamSamples
from semisac_ml.beams.scores import Tested, sample_scores
from semisac_ml.beams.tensors import SampleTensors, inputs_with
from semisac_ml.data.splits import Split
from semisac_ml.runtime import BeamPrediction, Bundle, write_bundle
from semisac_ml.sensors import chosen, declared
from semisac_ml.signal.beam_choice import measured_beams
from semisac_ml.signal.metrics import mean_over_groups, percentile
from semisac_ml.training import load_checkpoint, onnx_export

NETWORK = "beams"
OUTPUTS = ("probability", "blocked")
FEATURES = "features"
TRAINED = "trained"
TRAINED_DRIVES = "trained_drives"  # in the manifest's section data
SETTINGS = "settings.json"
FIRST_SENSORS = ("camera", "lidar", "radar")  # of trainings whose settings name none
LATENCY_CALLS = 300
REAL = "DeepSense 6G, CC BY-NC-SA 4.0: not for commercial use, nor what derives from it"
RAY_TRACED = "ray-traced street (semisac data scenes): no real sensor was seen"
MARK = {"unit": "1", "range": [0.0, 1.0]}


class _Scaled(nn.Module):
    """An encoder that takes frames as sensors give them: of the camera whole numbers."""

    def __init__(self, encoder: nn.Module, scale: float) -> None:
        super().__init__()
        self.encoder, self.scale = encoder, scale

    def forward(self, frames: Tensor) -> Tensor:
        return self.encoder(frames.float() / self.scale)


def example_frames(sensor: str, batch: int = 2) -> Tensor:
    """Frames of a sensor of the right shape."""
    own = declared()[sensor]
    if own.dtype == np.uint8:
        return torch.randint(0, 256, (batch, *own.shape), dtype=torch.uint8)
    return torch.randn(batch, *own.shape)


def example_inputs(batch: int = 2, frames: int = FRAMES, sizes: dict[str, int] | None = None) -> Any:
    """Inputs of ``beams`` of the right shapes. sizes: of the features of each sensor."""
    marks = torch.ones(batch, frames)
    power, position = torch.randn(batch, frames, BEAMS), torch.randn(batch, frames, 2)
    sizes = sizes or {}
    sensed = [one for size in sizes.values() for one in (torch.randn(batch, frames, size), marks)]
    site = torch.zeros(batch, dtype=torch.int64)
    return inputs_with(tuple(sizes))(power, torch.ones_like(power), position, marks, site, *sensed)


def feature_sizes(network: nn.Module, sensors: tuple[str, ...]) -> dict[str, int]:
    """Size of the features of each sensor."""
    return {name: network.encoders[name].size for name in sensors}


def as_onnx(network: BeamEnsemble, frames: int, sensors: tuple[str, ...] = ()) -> dict[str, bytes]:
    """ONNX content of the encoders and of ``beams``; batches of any size."""
    found = {
        name: onnx_export.to_onnx(
            _Scaled(network.encoders[name], declared()[name].scale),
            {name: example_frames(name)},
            FEATURES,
            {key: {0: "batch"} for key in (name, FEATURES)},
        )
        for name in sensors
    }
    given = example_inputs(frames=frames, sizes=feature_sizes(network, sensors))
    with torch.no_grad():
        outputs = list(OUTPUTS[: len(network(*given))])
    axes = {name: {0: "batch"} for name in (*given._fields, *outputs)}
    return {**found, NETWORK: onnx_export.to_onnx(network, given._asdict(), outputs, axes)}


def described_tensors(sensors: tuple[str, ...] = ()) -> dict[str, Any]:
    """Units and meanings of inputs and outputs."""
    order = "oldest frame first, the last is now"
    power = f"received power of each beam, 10 log10 of the linear power; {order}"
    position = f"vehicle to the east and north of the base station; {order}"
    site = "place of the base station in interface.beams.sites, -1 for another"
    inputs: list[dict[str, Any]] = [
        {"name": "power_db", "unit": "dB", "description": power},
        {"name": "measured", **MARK, "description": "1 for beams that were measured, else 0"},
        {"name": "position_m", "unit": "m", "description": position},
        {"name": "position_known", **MARK, "description": "1 for frames with a position, else 0"},
        {"name": "site", "description": site},
    ]
    told = ("that each beam is the strongest, calibrated", "that the straight way to the vehicle is blocked")
    outputs = [
        {"name": name, **MARK, "description": f"{'probability ' * (name != OUTPUTS[0])}{text}"}
        for name, text in zip(OUTPUTS[: 1 + bool(sensors)], told, strict=False)
    ]
    found = {NETWORK: {"inputs": inputs, "outputs": outputs}}
    for name in sensors:
        known = f"1 for frames of {name} that are there, else 0"
        features = f"output of the network {name}; oldest frame first"
        inputs += [
            {"name": name, "unit": "1", "description": features},
            {"name": f"{name}_known", **MARK, "description": known},
        ]
        scale = declared()[name].scale
        own = {"name": name, "unit": "1", "description": f"a frame as semisac_ml.sensors.{name} makes it"}
        found[name] = {
            "inputs": [own if scale == 1.0 else {**own, "range": [0.0, scale]}],
            "outputs": [{"name": FEATURES, "unit": "1", "description": f"input {name} of {NETWORK}"}],
        }
    return found


def sensors_of(bundle: Bundle, recordings: Recordings) -> tuple[str, ...]:
    """Sensors that a bundle takes of some recordings; raises ValueError where it takes none of theirs."""
    if not recordings.sensors:
        return ()
    found = tuple(name for name in bundle.manifest.networks if name != NETWORK)
    if not found:
        raise ValueError(f"{bundle.name} takes power and position alone, expected a bundle of all sensors")
    return found


class BundlePredictor(nn.Module):
    """A bundle in the place of a trained network, for measurements. sensors: that it takes."""

    def __init__(self, bundle: Bundle, sensors: tuple[str, ...]) -> None:
        super().__init__()
        self.sensors = sensors
        self.encoders = {name: _EncoderSession(bundle.session(name), name) for name in self.sensors}
        self._session = bundle.session(NETWORK)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        names = inputs_with(self.sensors)._fields
        said = self._session.run(**{name: one.numpy() for name, one in zip(names, inputs, strict=True)})
        return tuple(torch.from_numpy(said[name]) for name in OUTPUTS if name in said)


class _EncoderSession:
    def __init__(self, session: Any, sensor: str) -> None:
        (self._sensor,), self._session = chosen([sensor]), session
        self.size = int(session.outputs[FEATURES].shape[1])

    def __call__(self, frames: Tensor) -> Tensor:
        values = frames.numpy()
        if self._sensor.dtype == np.uint8:
            values = np.rint(self._sensor.scale * values).astype(np.uint8)
        return torch.from_numpy(self._session.run(**{self._sensor.name: values})[FEATURES])


def drives_apart(bundle: Bundle, samples: BeamSamples) -> Split:
    """Samples of drives that a bundle was trained on, and those of others, which alone may test it.

    Raises ValueError where the bundle does not name its drives, or has seen all that are there.
    """
    names = getattr(bundle.manifest.data, TRAINED_DRIVES, None)
    if names is None:
        raise ValueError(
            f"{bundle.path}: data.{TRAINED_DRIVES} is missing: nobody knows which drives {bundle.name} has "
            "not seen, expected the names of those that it was trained on: export it again"
        )
    seen = samples.of_drives(names)
    if seen.all():
        drives = len(samples.drive_names)
        raise ValueError(
            f"{bundle.name} was trained on all {drives} drives that are here, expected others too"
        )
    apart = f"{len(samples.named_drives(np.flatnonzero(~seen)))} of {len(samples.drive_names)} drives"
    return Split(
        f"{apart}, none of which {bundle.name} was trained on", np.flatnonzero(seen), np.flatnonzero(~seen)
    )


def test_bundle(
    bundle: Bundle,
    recordings: Recordings,
    inputs: tuple[InputSet, ...],
    console: Console,
    *,
    trained: bool = False,
) -> tuple[BeamSamples, Split, list[Tested]]:
    """Predictions of a bundle on drives that it was not trained on, then those of the baselines.

    trained: predictions alone, on drives that it was trained on.
    """
    predictor, seed = BundlePredictor(bundle, sensors_of(bundle, recordings)), bundle.manifest.training.seed
    samples = recordings.samples(console).with_sensors(predictor.sensors)
    split = drives_apart(bundle, samples)
    if trained:
        split = Split(f"{split.name}: those that it was", split.test, split.train)
    beams = bundle.interface(BeamPrediction).beams
    tensors = SampleTensors(samples, 1.0, beams.frames)
    tensors.rename_sites(beams.sites)
    job = SplitJob(recordings, BY_SEQUENCE, seed, inputs)
    told = (bundle.manifest.system, predictor, tensors, split, job, beams.tempering)
    tested = list(test_network(*told, at_once=len(samples)))
    if not trained:
        tested += test_baselines(samples, split, job)
    return samples, split, tested


def latency_s(bundle: Bundle, sensors: tuple[str, ...]) -> np.ndarray:
    """Processor time of single predictions on one thread, seconds: what else runs does not count."""
    predictor = BundlePredictor(bundle, sensors)
    frames = {name: example_frames(name, 1).float() / declared()[name].scale for name in predictor.sensors}
    sizes = feature_sizes(predictor, predictor.sensors)
    given = example_inputs(1, bundle.interface(BeamPrediction).beams.frames, sizes)
    times = []
    for _ in range(LATENCY_CALLS):
        begin = time.process_time()
        for name, own in frames.items():
            predictor.encoders[name](own)
        predictor(*given)
        times.append(time.process_time() - begin)
    return np.array(times)


@dataclass(frozen=True)
class TrainedOn:
    """What a training was of, kept beside it.

    system, variant, members: of the networks. sites, sensors, frames: that they take. seed, split: of the
    drives held out; drives: names of the others. data, scenarios, folder: recordings as on the command line;
    command: all of it.
    """

    system: str
    sites: list[str]
    seed: int
    split: str
    variant: str
    command: str
    data: str = ""
    scenarios: list[int] | None = None
    folder: str | None = None
    sensors: tuple[str, ...] = ()
    frames: int = FRAMES
    members: int = 1
    drives: tuple[str, ...] = ()

    @property
    def recordings(self) -> Recordings:
        """What it was trained on."""
        folder = Path(self.folder) if self.folder else None
        return Recordings(self.scenarios and tuple(self.scenarios), folder, bool(self.sensors))


def check_settings(folder: Path) -> TrainedOn:
    """Settings of a training. Raises ValueError where the folder holds none."""
    file = folder / SETTINGS
    if not file.is_file():
        raise ValueError(f"{folder}: holds no {SETTINGS}, expected the folder of a finished training")
    settings = json.loads(file.read_text(encoding="utf-8"))
    if settings.get("data") == "street":  # as all sensors were called once
        settings["sensors"] = list(FIRST_SENSORS)
    lists = {name: tuple(settings.get(name, ())) for name in ("sensors", "drives")}
    return TrainedOn(**{**settings, **lists})


def trained_drives(samples: BeamSamples, seed: int) -> list[str]:
    """Names of the drives of the training side of the split by sequence with this seed."""
    return samples.named_drives(samples.split(BY_SEQUENCE, seed).train)


def stated_metrics(bundle: Bundle, settings: TrainedOn, part: str = "test") -> dict[str, dict[str, Any]]:
    """Figures for the manifest: scores with each set of inputs on the drives held out, all samples alike.

    part: or "train", on the others.
    """
    inputs, trained = usual_sets(settings.sensors), part == "train"
    told = settings.recordings, inputs, Console(quiet=True)
    samples, _, tested = test_bundle(bundle, *told, trained=trained)
    found: dict[str, dict[str, Any]] = {}
    for one in tested[: len(inputs)]:
        scores = sample_scores(samples, one)
        for score in ("dba", "top1", "top3", "power_loss_db"):
            drive, part = samples.drive[one.rows], samples.parts[1][one.rows]
            metric = mean_over_groups(scores[score], drive, part, np.zeros_like(part))
            stated = {"conditions": f"{settings.split}; mean of {len(one.rows)} samples, n drives"}
            found[f"{score} {one.inputs}"] = {**metric.as_dict(), **stated}
    slow = percentile(1e3 * latency_s(bundle, settings.sensors), 95.0)
    found["latency_p95_ms"] = {**slow.as_dict(), "conditions": "one a call, processor time of one thread"}
    return found


def export_trained(
    system: BeamSystem, settings: TrainedOn, samples: BeamSamples, run: Path, output: Path
) -> Bundle:
    """Write the bundle of a training and return it as loaded back. samples: that it was trained on."""
    sensors, approach = settings.sensors, system.of(settings.recordings)
    network = approach.network(len(settings.sites), settings.variant, settings.members, sensors)
    load_checkpoint(run / f"{TRAINED}.safetensors", network)
    onnx_export.round_weights(network.eval())
    labels = ["power", "position", *(one.label for one in chosen(sensors))]
    beams = {
        "count": BEAMS,
        "frames": settings.frames,
        "sites": settings.sites,
        "measured": {str(count): measured_beams(count).tolist() for count in PARTIAL_SWEEPS},
        "tempering": approach.recipe.tempering,
    }
    fields = {
        "networks": as_onnx(network, settings.frames, sensors),
        "tensors": described_tensors(sensors),
        "system": settings.system,
        "name": output.name,
        "description": f"Beams from any of {', '.join(labels[:-1])} and {labels[-1]}: {approach.title}",
        # a street is made by this program; what derives from DeepSense 6G is licensed as that is
        "licence": "GPL-3.0-or-later" if samples.ray_traced else "CC-BY-NC-SA-4.0",
        "interface": {"beams": beams},
        "data": {
            "name": RAY_TRACED if samples.ray_traced else REAL,
            "split": settings.split,
            "inputs": f"any of {known_words(sensors)}",
            TRAINED_DRIVES: list(settings.drives) or trained_drives(samples, settings.seed),
        },
        "training": onnx_export.training_record(settings.command, settings.seed),
    }
    bundle = write_bundle(output, **fields, metrics={})
    return write_bundle(output, **fields, metrics=stated_metrics(bundle, settings))
