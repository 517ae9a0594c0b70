# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`semisac train|evaluate|export` of a system of beam prediction where all sensors are meant."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from semisac_ml.beams import report
from semisac_ml.beams.bundles import NETWORK, write_beam_bundle
from semisac_ml.beams.command import TRAINED, check_settings
from semisac_ml.beams.inputs import PARTIAL_SWEEPS
from semisac_ml.beams.protocol import BY_SEQUENCE
from semisac_ml.beams.samples import BEAMS
from semisac_ml.beams.sensors import networks
from semisac_ml.beams.sensors.protocol import (
    FigureJob,
    SensorSystem,
    Street,
    baselines,
    by_light,
    figures_of,
    measure_split,
    sets_of,
    split_of,
    test_network,
    training_job,
)
from semisac_ml.beams.sensors.samples import SensorSamples
from semisac_ml.beams.sensors.sets import KNOWN
from semisac_ml.beams.sensors.tensors import SensorTensors
from semisac_ml.beams.sensors.training import CalibratedNetwork, SensorRecipe, calibrated
from semisac_ml.outputs import console_beside, write_output
from semisac_ml.runtime import Bundle
from semisac_ml.signal.beam_choice import measured_beams
from semisac_ml.training import load_checkpoint, onnx_export, save_checkpoint

STREET = "street"


@dataclass(frozen=True)
class Measurement:
    """What is measured and where the figures go: see `semisac evaluate`."""

    street: Street
    inputs: list[str] | None
    seed: int
    json_file: Path | None
    results: Path | None


def train(
    system: SensorSystem, street: Street, variant: str, recipe: SensorRecipe, seed: int, folder: Path
) -> None:
    """Train on the training side of a split by drives and keep the network for export."""
    trainer, console = system.trainer(variant), Console()
    samples = street.samples(console)
    split = split_of(samples, seed)
    job = training_job(recipe, samples, split, sets_of(None), seed, folder, console)
    network = calibrated(trainer, job)
    settings = {
        "system": system.name,
        "data": STREET,
        "folder": str(street.folder),
        "scenarios": street.scenarios,
        "sites": list(samples.beams.names),
        "seed": seed,
        "split": split.name,
        "variant": variant,
        "frames": recipe.frames,
        "command": shlex.join(["semisac", *sys.argv[1:]]),
    }
    write_output(folder / "settings.json", json.dumps(settings, indent=2) + "\n")
    save_checkpoint(folder / f"{TRAINED}.safetensors", network, None, settings)
    console.print(f"trained: {folder}; next: semisac export {system.name} --run {folder}")


def retrain_and_measure(
    system: SensorSystem, asked: Measurement, variant: str, recipe: SensorRecipe, splits: int, run: Path
) -> None:
    """Train on each split, measure on its test side, and write the figures."""
    system.trainer(variant)
    sets, console = sets_of(asked.inputs), console_beside(asked.json_file)
    samples = asked.street.samples(console)
    tested, blockage = [], []
    for seed in range(asked.seed, asked.seed + splits):
        split = split_of(samples, seed)
        job = training_job(recipe, samples, split, sets, seed, run / f"split{seed}", console)
        found, hidden = measure_split(system, variant, job, split, sets)
        tested += found
        blockage.append(hidden)
    content = figures_of(system, asked.street, samples, tested, blockage, variant=variant)
    _write(asked, samples, tested, content, console)


def measure_bundle(system: SensorSystem, asked: Measurement, name: str) -> None:
    """Measure a bundle on the drives that its training held out; prints and writes the figures."""
    bundle, sets, console = Bundle.load(name), sets_of(asked.inputs), console_beside(asked.json_file)
    if "camera" not in bundle.manifest.networks:
        raise ValueError(f"{bundle.name} takes power and position alone, expected a bundle of all sensors")
    samples = asked.street.samples(console)
    split = split_of(samples, bundle.manifest.training.seed)
    tensors = SensorTensors(samples, bundle.manifest.beams.frames, 1.0)
    tensors.rename_sites(bundle.manifest.beams.sites)
    predictor = networks.BundlePredictor(bundle)
    tested, blockage = test_network(
        system.name, predictor, tensors, split, sets, bundle.manifest.training.seed
    )
    tested += baselines(samples, split, bundle.manifest.training.seed)
    about = {"bundle": f"{bundle.name} {bundle.fingerprint}", "rows": "held out of the training"}
    content = figures_of(system, asked.street, samples, tested, [blockage], **about)
    _write(asked, samples, tested, content, console)


def draw_figure(job: FigureJob, name: str) -> None:
    """Recompute a figure with its CSV. Raises ValueError for one that is not known."""
    if name not in job.system.figures:
        known = ", ".join(job.system.figures) or "none"
        raise ValueError(f"unknown figure {name!r}, expected one of: {known}")
    for file in job.system.figures[name](job):
        job.console.print(f"written: {file}")


def export(system: SensorSystem, run: Path, output: Path) -> Bundle:
    """Write the bundle of a training and return it as loaded back."""
    settings = check_settings(run)
    network = CalibratedNetwork(system.network(len(settings["sites"]), settings["variant"]))
    load_checkpoint(run / f"{TRAINED}.safetensors", network)
    onnx_export.round_weights(network.eval())
    fields = {
        "networks": networks.as_onnx(network, settings["frames"]),
        "interfaces": networks.interfaces(),
        "system": settings["system"],
        "name": output.name,
        "description": f"Beams from any of power, position, camera, LiDAR and radar: {system.title}",
        "licence": "GPL-3.0-or-later",  # the street is made by this program
        "beams": {
            "count": BEAMS,
            "frames": settings["frames"],
            "sites": settings["sites"],
            "measured": {str(count): measured_beams(count).tolist() for count in PARTIAL_SWEEPS},
        },
        "data": {
            "name": "ray-traced street (semisac data scenes): no real sensor was seen",
            "split": settings["split"],
            "inputs": f"any of {KNOWN}",
        },
    }
    bundle = write_beam_bundle(output, settings, fields, {})
    return write_beam_bundle(output, settings, fields, stated_metrics(bundle, settings))


def stated_metrics(bundle: Bundle, settings: dict) -> dict[str, dict[str, object]]:
    """Figures for the manifest: of each set of sensors over the samples of the drives held out."""
    from semisac_ml.beams.figures import sample_scores
    from semisac_ml.signal.metrics import mean

    street = Street(Path(settings["folder"]), settings["scenarios"] and tuple(settings["scenarios"]))
    samples = street.samples(Console(quiet=True))
    split = split_of(samples, settings["seed"])
    tensors = SensorTensors(samples, settings["frames"], 1.0)
    tensors.rename_sites(settings["sites"])
    predictor = networks.BundlePredictor(bundle)
    tested, _ = test_network(NETWORK, predictor, tensors, split, sets_of(None), settings["seed"])
    found: dict[str, dict[str, object]] = {}
    for one in tested:
        scores = sample_scores(samples.beams, one)
        for score in ("dba", "top1", "top3"):
            stated = {"conditions": f"{split.name}; mean of samples"}
            found[f"{score} {one.inputs}"] = {**mean(scores[score]).as_dict(), **stated}
    return found


def _write(asked: Measurement, samples: SensorSamples, tested: list, content: dict, console: Console) -> None:
    if asked.json_file:
        report.write_json(asked.json_file, content)
    if asked.results:
        report.write_csv(asked.results / f"{STREET}.csv", content)
        report.draw(asked.results / f"{STREET}.png", by_light(samples), tested, content)
    console.print(report.console_table(content, BY_SEQUENCE))
    for inputs, one in content["blockage"].items():
        console.print(f"blockage, {inputs}: " + ", ".join(f"{key} {value:.3g}" for key, value in one.items()))
    if asked.json_file:
        console.print(f"written: {asked.json_file}")
    if asked.results:
        console.print(f"written: {asked.results / STREET}.csv, {asked.results / STREET}.png")
