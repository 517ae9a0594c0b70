# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figure 3 of the paper: accuracy and cost of every combination, from one network and from separate ones.

One network with experts, one without, and networks that were trained on one modality alone (for a quarter as
long: they have less to learn), on the same drives. What it takes to keep one model for each combination is
counted from the parts that the combination needs.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
from pathlib import Path

import numpy as np
import torch
from torch import nn

from semisac_ml.beams.figures import sample_scores
from semisac_ml.beams.protocol import Tested
from semisac_ml.beams.sensors.costs import Cost, Costs
from semisac_ml.beams.sensors.protocol import FigureJob, SensorTrainer, split_of, test_network
from semisac_ml.beams.sensors.samples import SensorSamples
from semisac_ml.beams.sensors.sets import BEYOND, CASE_STUDY, SensorPresence, SensorSet
from semisac_ml.beams.sensors.tensors import SensorTensors
from semisac_ml.beams.sensors.training import CalibratedNetwork, SensorJob, calibrated, inputs_with
from semisac_ml.data.splits import Split
from semisac_ml.outputs import output_file

NAME = "case_study"
ONE, SINGLE, ALONE = "one network", "one network w/o MoE", "a network each"
TRAINED_ALONE = ("SISAC-I", "SISAC-P", "SISAC-C")
SCORES = ("top1", "top3", "dba", "power_loss_db")
COLUMNS = (
    "setting",
    "inputs",
    "model",
    "light",
    *SCORES,
    "blockage",
    "n",
    "flops",
    "weights_mb",
    "latency_ms",
)

Row = dict[str, object]


def draw(job: FigureJob) -> list[Path]:
    """Train, measure, write CSV and picture."""
    samples = job.street.samples(job.console)
    split = split_of(samples, job.seed)
    settings = {name: SensorSet.parse(text) for name, text in {**CASE_STUDY, **BEYOND}.items()}
    sets = tuple(settings.values())
    training = job.training(samples, split, sets)
    mixture, single = job.system.trainers["mixture"], job.system.trainers["single"]
    rows: list[Row] = []
    for model, trainer in ((SINGLE, single), (ONE, mixture)):
        network = calibrated(trainer, training)
        tested, blockage = test_network(model, network, training.tensors, split, sets, job.seed)
        costs = Costs(network, training.recipe.frames)
        cost = {name: costs.of(own) for name, own in settings.items()}
        for name, one in zip(settings, tested, strict=True):
            rows += rows_of(samples, name, one, cost[name], blockage.get(one.inputs, {}))
    load = expert_load(network, training.tensors, split.test, sets)
    for name in TRAINED_ALONE:  # of the same parts as the mixture, so it costs the same
        tested, blockage = trained_alone(training, mixture, settings[name], split)
        rows += rows_of(samples, name, tested, cost[name], blockage)
    job.console.print("load of the experts: " + ", ".join(f"{one:.1%}" for one in load))
    return [write(job.results / f"{NAME}.csv", rows, load), picture(job.results / f"{NAME}.png", rows)]


def trained_alone(
    training: SensorJob, trainer: SensorTrainer, own: SensorSet, split: Split
) -> tuple[Tested, dict[str, float]]:
    """A network that was trained on one combination and knows no other."""
    # alone, a sensor of another sample is a wrong label: nothing contradicts it
    recipe = dataclasses.replace(training.recipe, epochs=max(training.recipe.epochs // 4, 1), swapped=0.0)
    folder = training.folder / str(own).replace(",", "-")
    folder.mkdir(exist_ok=True)
    own_job = dataclasses.replace(training, recipe=recipe, asked=(own,), folder=folder)
    network = calibrated(functools.partial(trainer, draw=functools.partial(only, own)), own_job)
    tested, blockage = test_network(ALONE, network, training.tensors, split, (own,), training.seed)
    return tested[0], blockage.get(str(own), {})


def only(own: SensorSet, there: np.ndarray, recorded: np.ndarray, *_: object) -> SensorPresence:
    """Every sample is given the same sensors."""
    return own.presence(there, recorded)


def rows_of(
    samples: SensorSamples, name: str, tested: Tested, cost: Cost, blockage: dict[str, float]
) -> list[Row]:
    """Scores of one setting, over all and by time of day."""
    scores, light = sample_scores(samples.beams, tested), samples.light[tested.rows]
    found: list[Row] = []
    for part in ("all", *np.unique(light)):
        own = light == part if part != "all" else np.ones(len(light), bool)
        found.append(
            {
                "setting": name,
                "inputs": tested.inputs,
                "model": tested.predictor,
                "light": str(part),
                **{score: float(scores[score][own].mean()) for score in SCORES},
                "blockage": blockage.get("balanced_accuracy", float("nan")) if part == "all" else "",
                "n": int(own.sum()),
                **dataclasses.asdict(cost),
            }
        )
    return found


@torch.no_grad()
def expert_load(
    network: CalibratedNetwork, tensors: SensorTensors, rows: np.ndarray, sets: tuple[SensorSet, ...]
) -> np.ndarray:
    """Share of the weight that each expert carries, mean over samples and combinations, float64 [experts]."""
    model: nn.Module = network.network
    features = tensors.encode_all(network.encoders, rows)
    total = np.zeros(model.settings.experts)
    for one in sets:
        gate = model.logits_and_gate(*inputs_with(one, tensors, rows, features))[2]
        best = torch.topk(gate, model.settings.chosen, dim=1).values[:, -1:]
        kept = torch.where(gate >= best, gate, torch.zeros_like(gate))
        total += (kept / kept.sum(dim=1, keepdim=True)).mean(dim=0).numpy()
    return total / len(sets)


def cumulative(rows: list[Row], column: str) -> tuple[list[str], list[float], list[float]]:
    """Settings, and what has to be kept for the first of them up to each: a network each, and one for all."""
    one = [row for row in rows if row["model"] == ONE and row["light"] == "all"]
    each = [float(str(row[column])) for row in one]
    return [str(row["setting"]) for row in one], list(np.cumsum(each)), [max(each)] * len(each)


def write(path: Path, rows: list[Row], load: np.ndarray) -> Path:
    """One setting, model and time of day a line; the load of the experts last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{v:.5g}" if isinstance(v, float) else v for key, v in row.items()})
        for place, share in enumerate(load):
            writer.writerow({"setting": f"load of expert {place + 1}", "model": ONE, "top1": f"{share:.4f}"})
    return path


def picture(path: Path, rows: list[Row]) -> Path:
    """Accuracy by day and night, cost against accuracy, and what has to be kept."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (bars, cost, kept) = pyplot.subplots(1, 3, figsize=(15, 4.4), layout="constrained")
    names = list(dict.fromkeys(str(row["setting"]) for row in rows))
    shown = [
        (f"{model}, {light}", model, light)
        for model in (ONE, SINGLE, ALONE)
        for light in ("day", "night")
        if any(row["model"] == model and row["light"] == light for row in rows)
    ]
    for place, (label, model, light) in enumerate(shown):
        own = {row["setting"]: row["dba"] for row in rows if (row["model"], row["light"]) == (model, light)}
        offset = (place - (len(shown) - 1) / 2) * 0.8 / len(shown)
        bars.bar(
            np.arange(len(names)) + offset, [own.get(n, 0.0) for n in names], 0.8 / len(shown), label=label
        )
    bars.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    bars.set_ylabel("DBA (challenge), drives held out")
    bars.legend(fontsize=6, ncols=3, loc="lower right")
    for model, marker in ((ONE, "o"), (SINGLE, "s")):
        own = [row for row in rows if row["model"] == model and row["light"] == "all"]
        cost.plot([1e-6 * row["flops"] for row in own], [row["dba"] for row in own], marker, label=model)
        for row in own if model == ONE else ():
            cost.annotate(row["setting"], (1e-6 * row["flops"], row["dba"]), fontsize=6)
    cost.set_xscale("log")
    cost.set_xlabel("MFLOP a prediction")
    cost.set_ylabel("DBA")
    cost.legend(fontsize=7)
    order, separate, together = cumulative(rows, "weights_mb")
    kept.plot(order, separate, "o-", label=ALONE)
    kept.plot(order, together, "s-", label=ONE)
    kept.tick_params(axis="x", rotation=60, labelsize=7)
    kept.set_ylabel("weights to keep, MB")
    kept.legend(fontsize=7)
    for axis in (bars, cost, kept):
        axis.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
