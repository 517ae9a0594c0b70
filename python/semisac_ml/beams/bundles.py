# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles that predict beams: one network, ``beams``, that takes what BeamInputs names."""

from __future__ import annotations

import datetime
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from semisac_ml.beams import report
from semisac_ml.beams.command import TRAINED, BeamSystem, check_settings, sets_of
from semisac_ml.beams.ensemble import TEMPERING
from semisac_ml.beams.inputs import KNOWN, PARTIAL_SWEEPS, InputSet
from semisac_ml.beams.protocol import BY_SEQUENCE, TEST_SHARE, SplitJob, Tested, load_samples, test_baselines
from semisac_ml.beams.samples import BEAMS, FRAMES, BeamSamples
from semisac_ml.beams.tensors import BeamInputs, SampleTensors
from semisac_ml.outputs import console_beside
from semisac_ml.runtime import Bundle, write_bundle
from semisac_ml.signal.beam_choice import choose_beams, measured_beams
from semisac_ml.signal.metrics import mean, percentile
from semisac_ml.training import load_checkpoint, onnx_export

NETWORK = "beams"
OUTPUT = "probability"
LICENCE = "CC-BY-NC-SA-4.0"  # derived from DeepSense 6G, whose licence asks for the same
LATENCY_CALLS = 300


def example_inputs(batch: int = 2) -> BeamInputs:
    """Inputs of the right shapes."""
    return BeamInputs(
        power_db=torch.randn(batch, FRAMES, BEAMS),
        measured=torch.ones(batch, FRAMES, BEAMS),
        position_m=torch.randn(batch, FRAMES, 2),
        position_known=torch.ones(batch, FRAMES),
        site=torch.zeros(batch, dtype=torch.int64),
    )


def to_onnx(network: nn.Module) -> bytes:
    """ONNX content of a network; batches of any size."""
    given = example_inputs()._asdict()
    return onnx_export.to_onnx(network, given, OUTPUT, {name: {0: "batch"} for name in (*given, OUTPUT)})


def interfaces() -> dict[str, Any]:
    """Units and meanings of inputs and output."""
    mark = {"unit": "1", "range": [0.0, 1.0]}
    order = "oldest frame first, the last is now"
    return {
        NETWORK: {
            "inputs": [
                {
                    "name": "power_db",
                    "unit": "dB",
                    "description": f"received power of each beam, 10 log10 of the linear power; {order}",
                },
                {"name": "measured", **mark, "description": "1 for beams that were measured, else 0"},
                {
                    "name": "position_m",
                    "unit": "m",
                    "description": f"vehicle to the east and north of the base station; {order}",
                },
                {"name": "position_known", **mark, "description": "1 for frames with a position, else 0"},
                {"name": "site", "description": "place of the base station in beams.sites, -1 for another"},
            ],
            "outputs": [
                {"name": OUTPUT, **mark, "description": "that each beam is the strongest, calibrated"},
            ],
        }
    }


def test_bundle(
    bundle: Bundle, samples: BeamSamples, rows: np.ndarray, job: SplitJob, split: str
) -> list[Tested]:
    """Predictions of a bundle on some samples, for each set of inputs."""
    tensors, session, found = SampleTensors(samples, 1.0), bundle.session(NETWORK), []
    known = {name: place for place, name in enumerate(bundle.manifest.beams.sites)}
    place = np.array([known.get(name, -1) for name in samples.names])
    for inputs in job.inputs:
        some = rows[inputs.eligible(samples)[rows]]
        presence = inputs.presence(samples).rows(some)
        given = {name: value.numpy() for name, value in tensors.inputs(some, presence)._asdict().items()}
        given["site"] = place[samples.site[some]]
        probability = session.run(**given)[OUTPUT]
        told = (bundle.manifest.system, job.kind, job.seed, split, str(inputs), some, len(rows))
        best = choose_beams(probability, tempering=bundle.manifest.beams.tempering)
        found.append(Tested(*told, best, probability, presence.overhead()))
    return found


def latency_s(bundle: Bundle) -> np.ndarray:
    """Processor time of single predictions on one thread, seconds: what else runs does not count."""
    session = bundle.session(NETWORK)
    given = {name: value.numpy() for name, value in example_inputs(1)._asdict().items()}
    times = []
    for _ in range(LATENCY_CALLS):
        begin = time.process_time()
        session.run(**given)
        times.append(time.process_time() - begin)
    return np.array(times)


def measure(bundle: Bundle, job: SplitJob, rows_of: str) -> dict[str, Any]:
    """Figures on the test side of a split by sequence, with the baselines."""
    samples = load_samples(job.scenarios)
    split = samples.split(job.kind, job.seed, TEST_SHARE)
    tested = test_bundle(bundle, samples, split.test, job, split.name)
    tested += test_baselines(samples, split.train, split.test, job, split.name)
    about = {
        "system": bundle.manifest.system,
        "bundle": f"{bundle.name} {bundle.fingerprint}",
        "data": "deepsense6g",
        "scenarios": list(samples.names),
        "inputs": str(job.inputs[0]),
        "rows": rows_of,
    }
    return report.as_json(samples, tested, about)


def measure_bundle(
    name: str, scenarios: tuple[int, ...], inputs: tuple[InputSet, ...], json_file: Path | None
) -> None:
    """Measure a bundle on the drives that its training held out; prints and writes the figures."""
    bundle = Bundle.load(name).with_beams()
    job = SplitJob(scenarios, BY_SEQUENCE, bundle.manifest.training.seed, inputs)
    content = measure(bundle, job, f"held out of the training: {bundle.manifest.data.split}")
    if json_file:
        report.write_json(json_file, content)
    console = console_beside(json_file)
    console.print(report.console_table(content, BY_SEQUENCE))
    if json_file:
        console.print(f"written: {json_file}")


def stated_metrics(bundle: Bundle, job: SplitJob) -> dict[str, dict[str, Any]]:
    """Figures for the manifest: scores with each set of inputs over samples of the drives held out."""
    from semisac_ml.beams.figures import sample_scores

    samples = load_samples(job.scenarios)
    split = samples.split(job.kind, job.seed, TEST_SHARE)
    found: dict[str, dict[str, Any]] = {}
    for one in test_bundle(bundle, samples, split.test, job, split.name):
        scores = sample_scores(samples, one)
        for score in ("dba", "top1", "top3", "power_loss_db"):
            key = f"{score} {one.inputs}"
            found[key] = {**mean(scores[score]).as_dict(), "conditions": f"{split.name}; mean of samples"}
    slow = percentile(1e3 * latency_s(bundle), 95.0)
    found["latency_p95_ms"] = {**slow.as_dict(), "conditions": "one a call, processor time of one thread"}
    return found


def export_trained(system: BeamSystem, run: Path, output: Path) -> Bundle:
    """Write the bundle of a training and return it as loaded back."""
    settings = check_settings(run)
    network = system.ensemble(len(settings["sites"]), settings["members"], settings["variant"])
    load_checkpoint(run / f"{TRAINED}.safetensors", network)
    onnx_export.round_weights(network.eval())
    content = to_onnx(network)
    job = SplitJob(
        tuple(settings["scenarios"]),
        BY_SEQUENCE,
        settings["seed"],
        sets_of(None),
    )
    fields = {
        "networks": {NETWORK: content},
        "interfaces": interfaces(),
        "system": settings["system"],
        "name": output.name,
        "description": f"Beams from power and position, any of which may be absent: {system.title}",
        "licence": LICENCE,
        "beams": {
            "count": BEAMS,
            "frames": FRAMES,
            "sites": settings["sites"],
            "measured": {str(count): measured_beams(count).tolist() for count in PARTIAL_SWEEPS},
            "tempering": TEMPERING,
        },
        "data": {
            "name": "DeepSense 6G, CC BY-NC-SA 4.0: not for commercial use, nor what derives from it",
            "split": settings["split"],
            "inputs": f"any of {KNOWN}",
        },
    }
    bundle = write_beam_bundle(output, settings, fields, {})
    return write_beam_bundle(output, settings, fields, stated_metrics(bundle, job))


def write_beam_bundle(
    output: Path, settings: dict[str, Any], fields: dict[str, Any], metrics: dict[str, Any]
) -> Bundle:
    """Write a bundle; how its training came about is told from the settings."""
    training = {
        "command": settings["command"],
        "seed": settings["seed"],
        "commit": onnx_export.source_commit(),
        "date": datetime.date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }
    return write_bundle(output, **fields, training=training, metrics=metrics)
