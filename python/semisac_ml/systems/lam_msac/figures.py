# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One network for all inputs against networks of their own, and Figure 3 of the paper.

Power and position: networks that know one set of inputs are trained for a third of the epochs, since of what
the one network sees, a seventh or less is that set.

All sensors: accuracy and cost of every combination, from one network with experts, one without, and networks
that were trained on one modality alone (for a quarter as long: they have less to learn), on the same drives.
What it takes to keep one model for each combination is counted from the parts that the combination needs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semisac_ml.beams import report
from semisac_ml.beams.ensemble import BeamEnsemble, train_ensemble
from semisac_ml.beams.inputs import CASE, InputSet, Presence
from semisac_ml.beams.protocol import Evaluation, SplitJob, test_network, training_job
from semisac_ml.beams.samples import BY_SEQUENCE, BeamSamples
from semisac_ml.beams.scores import Tested
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import PowerRecipe, Trainer
from semisac_ml.data.splits import Split
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import picture, side_by_side, slant_names
from semisac_ml.systems.lam_msac.costs import Cost, Costs

ALONE, CASE_STUDY_FILE, EXPERTS, COSTS = "alone", "case_study", "experts", "costs"
COMPARED = {
    "top-1 of four experts": "top-1",
    "top-2 of four experts": "mixture",
    "all four experts": "top-4",
    "one wide expert": "single",
}
COMPARED_OF_SENSORS = {**COMPARED, "top-2, no maps of azimuths": "no-maps"}
COSTED = {**COMPARED_OF_SENSORS, "the paper's widths": "paper"}
ONE, SINGLE, EACH = "one network", "one network w/o MoE", "a network each"
RECIPE = PowerRecipe(epochs=80, members=1)
RECIPE_EACH = dataclasses.replace(RECIPE, epochs=25, asked_share=1.0)
CASE_STUDY = {
    "SISAC-I": "camera",
    "SISAC-P": CASE,
    "SISAC-C": "lidar",
    "SISAC-M": "radar",
    "DISAC-PI": f"{CASE},camera",
    "DISAC-PC": f"{CASE},lidar",
    "DISAC-PM": f"{CASE},radar",
    "TISAC-PIC": f"{CASE},camera,lidar",
    "TISAC-PIM": f"{CASE},camera,radar",
    "TISAC-PCM": f"{CASE},lidar,radar",
    "FISAC": f"{CASE},camera,lidar,radar",
    # what the paper does not have
    "position": "gps",
    "FISAC + position": f"gps,{CASE},camera,lidar,radar",
    "SISAC-P, 16 beams": "beams16",
    "FISAC, 16 beams": "beams16,camera,lidar,radar",
}
COMBINATIONS = tuple(CASE_STUDY)[:11]  # of the paper, each of which is a network that might be kept
TRAINED_ALONE = ("SISAC-I", "SISAC-P", "SISAC-C")
SCORES = ("top1", "top3", "dba", "power_loss_db")


def draw_alone(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Train both kinds on each split, write CSV and picture."""
    trainer = asked.approach.trainers["mixture"]
    tested = asked.compare(ONE, trainer, RECIPE)
    for one in asked.inputs:
        tested += asked.compare(EACH, trainer, RECIPE_EACH, inputs=(one,))
    return report.write_comparison(asked, ALONE, samples, tested)


def draw_experts(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """How many experts a sample uses, of which the paper says that it matters; CSV and picture.

    Of all sensors also what the comparison azimuth by azimuth is worth, which the paper does not have.
    """
    compared = COMPARED_OF_SENSORS if samples.sensors else COMPARED
    recipe = asked.recipe if samples.sensors else RECIPE
    tested: list[Tested] = []
    for label, variant in compared.items():
        tested += asked.compare(label, asked.approach.trainers[variant], recipe)
    name = f"{samples.source}_{EXPERTS}" if samples.sensors else EXPERTS
    return report.write_comparison(asked, name, samples, tested)


def draw_costs(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """What a prediction costs with each variant, which no training changes; CSV and picture."""
    sets = {name: InputSet.parse(CASE_STUDY[name], samples.sensors) for name in COMBINATIONS}
    rows: list[Result] = []
    for label, variant in COSTED.items():
        torch.manual_seed(0)
        network = asked.approach.network(len(samples.names), variant, 1, samples.sensors).eval()
        costs = Costs(network, asked.recipe.frames, samples.sensors)
        told = {"system": asked.system.name, "figure": COSTS, "variant": label}
        for setting, own in sets.items():
            of = {**told, "inputs": str(own), "conditions": {"setting": setting}}
            rows += cost_rows(costs.of(own), **of)
    files = [asked.results / f"{COSTS}{ending}" for ending in (".csv", ".png")]
    write_results(files[0], rows)
    with picture(files[1], 12, 4.2) as figure:
        for axis, metric in zip(figure.subplots(1, 2), ("flops", "latency_ms"), strict=True):
            shown = [row for row in rows if row.metric == metric]
            side_by_side(axis, shown, _setting, lambda row: row.variant)
            slant_names(axis)
            axis.set_yscale("log")
            axis.set_title(f"{metric.replace('_', ' ')} of a prediction, as exported")
        axis.legend(fontsize=6)
    return files


def cost_rows(cost: Cost, **told: Any) -> Iterator[Result]:
    """Cost of a setting."""
    yield Result.of(cost.flops, **told, metric="flops", unit="FLOP")
    yield Result.of(cost.weights_mb, **told, metric="weights_mb")
    yield Result(**told, metric="latency_ms", value=cost.latency_ms)


@dataclasses.dataclass
class CaseStudy:
    """One split of all sensors, on which networks are trained and measured. sets: by the paper's names."""

    asked: Evaluation
    samples: BeamSamples
    split: Split
    sets: dict[str, InputSet]

    def measured(
        self, name: str, trainer: Trainer, sets: tuple[InputSet, ...], folder: Path, **changes: Any
    ) -> tuple[BeamEnsemble, SampleTensors, list[Tested]]:
        """Train a network for some sets and test it with each; changes: of the recipe, or `draw`."""
        seed, draw = self.asked.seed, changes.pop("draw", None)
        recipe = dataclasses.replace(self.asked.recipe, **changes)
        job = training_job(self.samples, self.split, recipe, sets, seed, folder, self.asked.console)
        network = train_ensemble(trainer, dataclasses.replace(job, draw=draw))
        told = SplitJob(self.asked.recordings, BY_SEQUENCE, seed, sets)
        found = test_network(name, network, job.tensors, self.split, told, recipe.tempering)
        return network, job.tensors, list(found)

    def alone(self, own: InputSet) -> Tested:
        """What a network says that was trained on one combination and knows no other."""

        def only(there: np.ndarray, recorded: np.ndarray, sensors: tuple[str, ...], *_: object) -> Presence:
            return own.presence(there, recorded, sensors)

        changes = {"epochs": max(self.asked.recipe.epochs // 4, 1), "draw": only}
        folder = self.asked.run / str(own).replace(",", "-")
        trainer = self.asked.approach.trainers["mixture"]
        return self.measured(EACH, trainer, (own,), folder, **changes)[2][0]

    def rows_of(self, setting: str, tested: Tested, cost: Cost) -> Iterator[Result]:
        """Scores of one setting, over all and by time of day; whether it saw what blocked; what it costs."""
        conditions = {"setting": setting}
        told = {
            "system": self.asked.system.name,
            "figure": CASE_STUDY_FILE,
            "variant": tested.predictor,
            "inputs": tested.inputs,
        }
        rows = report.part_rows(self.samples, tested, conditions, **told)
        yield from (row for row in rows if row.metric in SCORES)
        told["conditions"] = {**conditions, "light": report.EVERY_LIGHT}
        if tested.blockage and "balanced_accuracy" in tested.blockage:
            share = tested.blockage["balanced_accuracy"]
            yield Result(**told, metric="blockage", value=share, n=len(tested.rows), seed=str(tested.seed))
        yield from cost_rows(cost, **told)


def draw_case_study(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Train, measure, write CSV and picture."""
    sets = {name: InputSet.parse(text, samples.sensors) for name, text in CASE_STUDY.items()}
    study = CaseStudy(asked, samples, samples.split(BY_SEQUENCE, asked.seed), sets)
    every = tuple(sets.values())
    rows: list[Result] = []
    for model, variant in ((SINGLE, "single"), (ONE, "mixture")):
        trainer = asked.approach.trainers[variant]
        network, tensors, tested = study.measured(model, trainer, every, asked.run)
        costs = Costs(network, asked.recipe.frames, samples.sensors)
        cost = {name: costs.of(own) for name, own in sets.items()}
        for name, one in zip(sets, tested, strict=True):
            rows += study.rows_of(name, one, cost[name])
    load = expert_load(network, tensors, study.split.test, every)
    for name in TRAINED_ALONE:  # of the same parts as the mixture, so it costs the same
        rows += study.rows_of(name, study.alone(sets[name]), cost[name])
    asked.console.print("load of the experts: " + ", ".join(f"{one:.1%}" for one in load))
    rows += [
        Result(
            system=asked.system.name,
            figure=CASE_STUDY_FILE,
            variant=ONE,
            conditions={"x": "expert"},
            x=float(number),
            metric="expert_load",
            value=float(share),
            seed=str(asked.seed),
        )
        for number, share in enumerate(load, start=1)
    ]
    files = [asked.results / f"{CASE_STUDY_FILE}{ending}" for ending in (".csv", ".png")]
    write_results(files[0], rows)
    draw_study(files[1], rows)
    return files


@torch.no_grad()
def expert_load(
    network: BeamEnsemble, tensors: SampleTensors, rows: np.ndarray, sets: tuple[InputSet, ...]
) -> np.ndarray:
    """Share of the weight that each expert carries, mean over samples and combinations, float64 [experts]."""
    (model,) = network.networks
    features = tensors.encode(network, rows)
    total = np.zeros(model.settings.experts)
    for one in sets:
        gate = model.said_and_gate(*tensors.inputs(rows, tensors.presence(one, rows), features))[1]
        best = torch.topk(gate, model.settings.chosen, dim=1).values[:, -1:]
        kept = torch.where(gate >= best, gate, torch.zeros_like(gate))
        total += (kept / kept.sum(dim=1, keepdim=True)).mean(dim=0).numpy()
    return total / len(sets)


def draw_study(path: Path, rows: list[Result]) -> None:
    """Accuracy by day and night, cost against accuracy, and what has to be kept."""
    by_light = [row for row in rows if row.conditions.get("light") in ("day", "night")]

    def overall(model: str, metric: str) -> dict[str, float]:
        """By setting."""
        return {
            row.conditions["setting"]: row.value
            for row in rows
            if (row.variant, row.conditions.get("light"), row.metric) == (model, report.EVERY_LIGHT, metric)
        }

    with picture(path, 15, 4.4) as figure:
        bars, cost, kept = figure.subplots(1, 3)
        report.draw_dba(bars, by_light, _setting, lambda row: f"{row.variant}, {row.conditions['light']}")
        for model, marker in ((ONE, "o"), (SINGLE, "s")):
            dba, flops = overall(model, "dba"), overall(model, "flops")
            cost.plot([1e-6 * flops[one] for one in dba], list(dba.values()), marker, label=model)
            if model == ONE:
                for setting, value in dba.items():
                    cost.annotate(setting, (1e-6 * flops[setting], value), fontsize=6)
        cost.set_xscale("log")
        cost.set_xlabel("MFLOP a prediction")
        cost.set_ylabel("DBA")
        cost.legend(fontsize=7)
        # what has to be kept for the paper's combinations up to each
        weights_mb = {one: mb for one, mb in overall(ONE, "weights_mb").items() if one in COMBINATIONS}
        kept.plot(list(weights_mb), np.cumsum(list(weights_mb.values())), "o-", label=EACH)
        kept.plot(list(weights_mb), [max(weights_mb.values())] * len(weights_mb), "s-", label=ONE)
        slant_names(kept)
        kept.set_ylabel("weights to keep, MB")
        kept.legend(fontsize=7)


def _setting(row: Result) -> str:
    return row.conditions["setting"]
