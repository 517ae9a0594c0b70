# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator buys: power lost against beams measured a frame, of everything that can find a beam.

On the same drives: the system's network alone, one perceptron, four perceptrons (the control of the
ensemble, of which three quarters are perceptrons), the ensemble that ships, each as a prediction and in the
tracker, and what needs no network.

Networks are members of the bundle, on the drives that it was not trained on, and one more perceptron in the
place of the system's network, which is trained; with `--retrain` all are trained on each of five splits that
do not overlap, into files of their own. What is not trained is measured on these in either case.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from semisac_ml.beams import report
from semisac_ml.beams.baselines import nearest_by_power, strongest_measured
from semisac_ml.beams.bundles import NETWORK, drives_apart
from semisac_ml.beams.ensemble import calibrated, kept_and_held, train_member
from semisac_ml.beams.following import tracked
from semisac_ml.beams.inputs import sets_of, usual_sets
from semisac_ml.beams.mixed import frame_perceptron
from semisac_ml.beams.protocol import Evaluation, SplitJob, test_baselines, test_network, training_job
from semisac_ml.beams.samples import BY_SEQUENCE, FOLDS, IN_FOLDS, BeamSamples
from semisac_ml.beams.scores import Tested, over_drives, sample_scores
from semisac_ml.beams.tensors import BeamInputs
from semisac_ml.beams.training import SMALLEST, Trainer, TrainingJob
from semisac_ml.data.splits import Split
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import picture, spread
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beams import best_beams
from semisac_ml.training.onnx_export import part_of

LADDER, CONTROL = "ladder", "four perceptrons"
RETRAINED = f"{LADDER}_retrained"  # has other rows, and must not take the place of the bundle's
INPUTS = ("gps", "gps,beams4", "gps,beams8", "beams8", "beams8,history", "gps,beams8,history", "gps,beams16")
COUNTS = (4, 8, 16, 32)
MEMBERS = 4


class Member(nn.Module):
    """One network of an exported ensemble. Its logits are logarithms of what it says before the mean."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._taken = {node.name for node in self._session.get_inputs()}

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        named = zip(BeamInputs._fields, inputs, strict=True)
        (said,) = self._session.run(None, {name: one.numpy() for name, one in named if name in self._taken})
        return (torch.log(torch.from_numpy(said) + SMALLEST),)


def member_outputs(model: onnx.ModelProto) -> list[str]:
    """Names of what the networks of an exported ensemble say before the mean; of other bundles none."""
    made = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type == "Concat":
            stacked = [made[name] for name in node.input if name in made]
            softmaxes = [made.get(one.input[0]) for one in stacked if one.op_type == "Unsqueeze"]
            if len(softmaxes) == MEMBERS and all(one and one.op_type == "Softmax" for one in softmaxes):
                return [one.output[0] for one in softmaxes]
    return []


def members_of(bundle: Bundle) -> list[Member]:
    """The networks whose probabilities a bundle averages. Raises ValueError where these are not four."""
    model = onnx.load(bundle.path / bundle.manifest.networks[NETWORK].file)
    found = member_outputs(model)
    if not found:
        raise ValueError(f"{bundle.name} is no mean of {MEMBERS} networks, expected one of variant mixed")
    return [Member(part_of(model, [name])) for name in found]


def drives_of(bundle: Bundle, samples: BeamSamples) -> Split:
    """The split that a bundle was trained on. Raises ValueError where some of its drives are not there."""
    split, sites = drives_apart(bundle, samples), bundle.interface(BeamPrediction).beams.sites
    gone = len(set(bundle.manifest.data.trained_drives) - set(samples.drive_names))
    if gone or list(samples.names) != sites:
        raise ValueError(
            f"{bundle.name} was trained on {gone} drives that are not here, or on other scenarios, expected "
            f"{', '.join(sites)} as it had them: on others calibration would be fitted to what a network saw"
        )
    return split


@dataclasses.dataclass
class Rungs:
    """Everything that is compared on one split. kind, number: of the split. job: of the networks."""

    asked: Evaluation
    kind: str
    number: int
    split: Split
    job: TrainingJob

    @property
    def samples(self) -> BeamSamples:
        """Of all sites."""
        return self.job.tensors.samples

    def networks(self, first: nn.Module, small: dict[int, nn.Module]) -> Iterator[Tested]:
        """Predictions and tracks of all networks. first: of the system. small: four perceptrons by place."""
        system = self.asked.system.name
        others = {place: small[place] for place in range(1, MEMBERS)}
        compared = {
            f"{system} alone": {0: first},
            "one perceptron": {1: small[1]},
            CONTROL: small,
            f"{system} and three perceptrons": {0: first, **others},
        }
        told = SplitJob(self.asked.recordings, self.kind, self.number, self.asked.inputs)
        for name, members in compared.items():
            network = calibrated(members, self.job)
            tempering = self.job.recipe.tempering
            yield from test_network(name, network, self.job.tensors, self.split, told, tempering)
            for gps in (True, False):
                yield tracked(name, network, self.job.tensors, self.split, told, gps)

    def baselines(self) -> Iterator[Tested]:
        """What needs no network, with as many beams as there are sweeps."""
        told = SplitJob(self.asked.recordings, self.kind, self.number, ())
        counted = {f"nearest neighbours on {k} powers": partial(nearest_by_power, count=k) for k in COUNTS}
        counted |= {f"strongest of {k}": partial(strongest_measured, count=k) for k in COUNTS}
        yield from (
            one
            for one in test_baselines(self.samples, self.split, told)
            if one.predictor not in counted and one.predictor != "last best beam"
        )
        for name, baseline in counted.items():
            ranked, measured = baseline(self.samples, self.split.train, self.split.test)
            rows = self.split.test
            about = (name, self.kind, self.number, self.split.name, "", rows, len(rows))
            yield Tested(*about, best_beams(ranked, 5), None, measured)


def draw_ladder(trainer: Trainer, asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Measure, and train what is missing; write CSV and picture. trainer: of the system's network."""
    recipe = dataclasses.replace(asked.recipe, members=MEMBERS)
    asked = dataclasses.replace(asked, inputs=sets_of(asked.texts or INPUTS))
    tested: list[Tested] = []

    def rungs(kind: str, number: int, split: Split) -> Rungs:
        folder = (asked.run or Path("runs") / LADDER) / f"{kind.replace(' ', '-')}-{number}"
        job = training_job(samples, split, recipe, usual_sets(), number, folder, asked.console)
        return Rungs(asked, kind, number, split, job)

    def trained(own: Rungs, how: Trainer, place: int) -> nn.Module:
        return train_member(how, own.job, kept_and_held(own.job, place)[0], place)

    if not asked.retrain:
        bundle = Bundle.load(asked.bundle or f"{asked.system.name}/{samples.source}")
        own = rungs(BY_SEQUENCE, bundle.manifest.training.seed, drives_of(bundle, samples))
        first, *others = members_of(bundle)
        small = {0: trained(own, frame_perceptron, 0), **dict(enumerate(others, start=1))}
        tested += [*own.networks(first, small), *own.baselines()]
    for fold in range(min(asked.splits, FOLDS)):
        own = rungs(IN_FOLDS, fold, samples.split(IN_FOLDS, fold))
        if asked.retrain:
            small = {place: trained(own, frame_perceptron, place) for place in range(MEMBERS)}
            tested += own.networks(trained(own, trainer, 0), small)
        tested += own.baselines()
    return write_ladder(asked, samples, tested)


METRICS = ("dba", "top1", "top3", "power_loss_db", "lost", "overhead_beams", "ece")
COST, LOSS = "overhead_beams", "power_loss_db"


def write_ladder(asked: Evaluation, samples: BeamSamples, tested: list[Tested]) -> list[Path]:
    """CSV and picture; returns their files."""
    figure = RETRAINED if asked.retrain else LADDER
    files = [asked.results / f"{figure}{ending}" for ending in (".csv", ".png")]
    content = report.as_json(samples, tested, {})
    told = (asked.system.name, figure, samples, tested)
    rows = [row for row in report.rows_of(*told, content) if row.metric in METRICS]
    rows += against_control(*told)
    write_results(files[0], rows)
    draw(files[1], [row for row in rows if row.conditions["split"] == tested[0].kind])
    return files


def against_control(system: str, figure: str, samples: BeamSamples, tested: list[Tested]) -> list[Result]:
    """How networks differ from the control with the same inputs, sample by sample: what both lose cancels."""
    groups, rows = report.grouped(tested), []
    for (kind, predictor, inputs), group in groups.items():
        control = groups.get((kind, CONTROL, inputs))
        if control is None or predictor == CONTROL:
            continue
        tested_rows = np.concatenate([one.rows for one in group])
        split = np.repeat(np.arange(len(group)), [len(one.rows) for one in group])
        for metric, name in (("dba", "dba_against_control"), (LOSS, "power_loss_against_control_db")):
            pairs = zip(group, control, strict=True)
            apart = [sample_scores(samples, a)[metric] - sample_scores(samples, b)[metric] for a, b in pairs]
            drive, part = samples.drive[tested_rows], samples.parts[1][tested_rows]
            found = over_drives(np.concatenate(apart), drive, part, split)
            told = {"system": system, "figure": figure, "variant": predictor, "inputs": inputs}
            conditions = {"split": kind, "scenario": report.MEAN}
            interval = {key: found[key] for key in ("value", "low", "high", "n")}
            seed = " ".join(str(one.seed) for one in group)
            rows.append(Result(**told, conditions=conditions, metric=name, seed=seed, **interval))
    return rows


def draw(path: Path, rows: list[Result]) -> None:
    """Power lost against beams measured of all that is compared; the curve of what nothing beats in both."""
    shown = [row for row in rows if row.conditions["scenario"] == report.MEAN]
    cost, loss = (
        {(row.variant, row.inputs): row for row in shown if row.metric == metric} for metric in (COST, LOSS)
    )
    points = {key: (cost[key].value, row.value) for key, row in loss.items() if row.value > 0.0}
    with picture(path, 10, 6) as figure:
        axis = figure.subplots()
        named: set[str] = set()  # the inputs of all networks stand near each other, and are named once
        for number, variant in enumerate(dict.fromkeys(variant for variant, _ in points)):
            own = [key for key in points if key[0] == variant]
            x, y = zip(*(points[key] for key in own), strict=True)
            marker = "o" if own[0][1] != report.OWN_INPUTS else "s^"[number // 10]
            style = {"fmt": marker, "color": f"C{number % 10}", "capsize": 2, "alpha": 0.8}
            axis.errorbar(x, y, yerr=spread([loss[key] for key in own]), label=variant, **style)
            for (_, inputs), at in zip(own, zip(x, y, strict=True), strict=True):
                if inputs != report.OWN_INPUTS and inputs not in named:
                    axis.annotate(
                        inputs, at, fontsize=7, xytext=(-5, 3), textcoords="offset points", ha="right"
                    )
                named.add(inputs)
        best = frontier(list(points.values()))
        axis.plot(*zip(*best, strict=True), "k--", linewidth=0.8, label="nothing is better in both")
        axis.set_yscale("log")
        axis.set_xlim(-2.0, 33.0)
        axis.set_xlabel("beams measured a frame")
        axis.set_ylabel("dB below the strongest beam, 95 % interval over drives")
        axis.set_title(f"{rows[0].system}: drives held out, mean of scenarios")
        axis.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5))


def frontier(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of (cost, loss) that no other has at most the cost and less of the loss, by rising cost."""
    found: list[tuple[float, float]] = []
    for cost, loss in sorted(points):
        if not found or loss < found[-1][1]:
            found.append((cost, loss))
    return found
