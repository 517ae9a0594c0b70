# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When to sweep instead of trusting a prediction: precision of the posterior, or entropy of the softmax?

The samples of which a gate is least sure are swept, and lose nothing. The variational network alone, out of
the bundle, on drives that it was not trained on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from scipy.stats import rankdata

from semisac_ml.beams.bundles import NETWORK, drives_apart
from semisac_ml.beams.inputs import InputSet, sets_of
from semisac_ml.beams.ladder import INPUTS, member_outputs
from semisac_ml.beams.protocol import Evaluation
from semisac_ml.beams.samples import BeamSamples
from semisac_ml.beams.tensors import BeamInputs, SampleTensors
from semisac_ml.beams.training import SMALLEST
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import curves, picture
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beam_choice import choose_beams
from semisac_ml.signal.beams import power_loss_db
from semisac_ml.signal.metrics import mean_over_groups
from semisac_ml.training.onnx_export import part_of

GATE, SHARES = "gate", np.linspace(0.0, 0.5, 11)
ENTROPY, PRECISION = "entropy of the softmax", "precision of the posterior"


def draw_gate(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Power lost over the share that is swept, for each gate; CSV and picture."""
    bundle = Bundle.load(asked.bundle or f"{asked.system.name}/{samples.source}")
    beams, rows = bundle.interface(BeamPrediction).beams, drives_apart(bundle, samples).test
    tensors = SampleTensors(samples, 1.0, beams.frames)
    tensors.rename_sites(beams.sites)
    session, power = with_precision(bundle), 10.0 ** (samples.power_db[rows].astype(np.float64) / 10.0)
    found: list[Result] = []
    for inputs in sets_of(asked.texts or INPUTS):
        probability, precision = said_of(session, tensors, rows, inputs)
        loss = power_loss_db(power, choose_beams(probability, tempering=beams.tempering)[:, 0])
        gates = {
            ENTROPY: -(probability * np.log(probability + SMALLEST)).sum(axis=1),
            PRECISION: -np.log(precision).sum(axis=1),
            "the loss itself": loss,
        }
        # share of the samples that are swept before each; of equal ones the mean
        before = {name: 1.0 - rankdata(unsure) / len(unsure) for name, unsure in gates.items()}
        drive, site = samples.drive[rows], samples.site[rows]
        told = {"system": asked.system.name, "figure": GATE, "inputs": str(inputs)}
        for name, share in before.items():
            for x in SHARES:
                left = mean_over_groups(np.where(share < x, 0.0, loss), drive, site)
                at = {"variant": name, "conditions": {"x": "share swept"}, "x": float(x)}
                found.append(Result(**told, **at, metric="power_loss_db", **left.as_dict()))
            area = mean_over_groups(loss * share, drive, site).as_dict()
            found.append(Result(**told, variant=name, metric="area_db", **area))
        apart = mean_over_groups(loss * (before[PRECISION] - before[ENTROPY]), drive, site).as_dict()
        found.append(Result(**told, variant=PRECISION, metric="area_against_entropy_db", **apart))
    files = [asked.results / f"{GATE}{ending}" for ending in (".csv", ".png")]
    write_results(files[0], found)
    draw(files[1], found)
    return files


def with_precision(bundle: Bundle) -> onnxruntime.InferenceSession:
    """The first network of a bundle: its probabilities, and the precision of the newest shared posterior.

    Eq. (47) ends in a division by the precision, whose results of all frames are put together for the task
    model.
    """
    model = onnx.load(bundle.path / bundle.manifest.networks[NETWORK].file)
    made = {output: node for node in model.graph.node for output in node.output}
    frames = bundle.interface(BeamPrediction).beams.frames
    precision = None
    for node in model.graph.node:
        if node.op_type == "Concat" and len(node.input) == frames + 1:  # posteriors and the state before
            posteriors = [made[name] for name in node.input[:frames] if name in made]
            if len(posteriors) == frames and all(one.op_type == "Div" for one in posteriors):
                precision = posteriors[-1].input[1]
    if precision is None:
        raise ValueError(f"{bundle.name} holds no product of experts, expected a bundle of vi_beam")
    outputs = [member_outputs(model)[0], precision]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(part_of(model, outputs), options, providers=["CPUExecutionProvider"])


def said_of(
    session: onnxruntime.InferenceSession, tensors: SampleTensors, rows: np.ndarray, inputs: InputSet
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each beam [rows, beams] and precision of each latent [rows, latents]."""
    given = tensors.inputs(rows, tensors.presence(inputs, rows))
    taken = {node.name for node in session.get_inputs()}
    named = zip(BeamInputs._fields, given, strict=True)
    probability, precision = session.run(None, {key: one.numpy() for key, one in named if key in taken})
    return probability.astype(np.float64), precision.astype(np.float64)


def draw(path: Path, rows: list[Result]) -> None:
    """A panel for each set of inputs."""
    shown = [row for row in rows if row.metric == "power_loss_db"]
    names = list(dict.fromkeys(row.inputs for row in shown))
    with picture(path, 3.4 * len(names), 3.2) as figure:
        for axis, inputs in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
            own = [row for row in shown if row.inputs == inputs]
            curves(axis, own, lambda row: {"label": row.variant, "marker": "o"}, intervals=False)
            axis.set_title(inputs)
            axis.set_xlabel("share of the samples that is swept")
        figure.axes[0].set_ylabel("dB below the strongest beam")
        figure.axes[0].legend(fontsize=7)
