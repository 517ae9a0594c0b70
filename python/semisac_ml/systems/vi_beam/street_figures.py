# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paper's Table II and Figures 2 to 4 on all sensors: what is missing, aligned, private."""

from __future__ import annotations

import csv
import dataclasses
import functools
from pathlib import Path

import numpy as np

from semisac_ml.beams.figures import sample_scores
from semisac_ml.beams.sensors.protocol import FigureJob, sets_of, split_of, test_network
from semisac_ml.beams.sensors.sets import POWER, SensorSet
from semisac_ml.beams.sensors.training import calibrated
from semisac_ml.outputs import output_file
from semisac_ml.systems.vi_beam.street import PLANS, Plan, train_plan

ALL = f"gps,{POWER},camera,lidar,radar"
MISSING = {
    "nothing missing": ALL,
    "power missing": "gps,camera,lidar,radar",
    "position missing": f"{POWER},camera,lidar,radar",
    "camera missing": f"gps,{POWER},lidar,radar",
    "LiDAR missing": f"gps,{POWER},camera,radar",
    "radar missing": f"gps,{POWER},camera,lidar",
    "LiDAR and camera missing": f"gps,{POWER},radar",
    "power and position missing": "camera,lidar,radar",
}
FIGURES: dict[str, dict[str, Plan]] = {
    "missing": {"efficient": PLANS["efficient"], "sufficient": PLANS["sufficient"]},
    "ablation": {
        "efficient": PLANS["efficient"],
        "no alignment": Plan(fused=False),
        "no private latent": Plan(shared=48, private=0),
    },
    "aligned": {
        f"{aligned:.0%} aligned, latent {shared}": Plan(aligned, True, shared=shared, private=shared // 2)
        for shared in (8, 32)
        for aligned in (0.05, 0.2, 1.0)
    },
    "ratio": {
        f"{shared} shared, {24 - shared} private": Plan(shared=shared, private=24 - shared)
        for shared in (4, 12, 20)
    },
}
SCORES = ("dba", "dba_thresholds", "top1", "top3")
COLUMNS = ("figure", "trained", "inputs", "light", *SCORES, "n")


def draw(name: str, job: FigureJob) -> list[Path]:
    """Train what a figure compares, write CSV and picture."""
    samples = job.street.samples(job.console)
    split = split_of(samples, job.seed)
    sets = {label: SensorSet.parse(text) for label, text in MISSING.items()}
    rows: list[dict[str, object]] = []
    for label, plan in FIGURES[name].items():
        stem = label.replace(",", "").replace(" ", "-").replace("%", "")
        training = job.training(samples, split, sets_of(None))
        trainer = functools.partial(train_plan, plan, stem)
        network = calibrated(trainer, dataclasses.replace(training, folder=_folder(job.run / stem)))
        tested, _ = test_network(label, network, training.tensors, split, tuple(sets.values()), job.seed)
        for what, one in zip(sets, tested, strict=True):
            scores, light = sample_scores(samples.beams, one), samples.light[one.rows]
            for part in ("all", *np.unique(light)):
                own = light == part if part != "all" else np.ones(len(light), bool)
                means = {score: f"{scores[score][own].mean():.4f}" for score in SCORES}
                told = {"figure": name, "trained": label, "inputs": what, "light": str(part)}
                rows.append({**told, **means, "n": int(own.sum())})
    stem = f"street_{name}"
    return [write(job.results / f"{stem}.csv", rows), picture(job.results / f"{stem}.png", name, rows)]


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    """One training, set of sensors and time of day a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def picture(path: Path, name: str, rows: list[dict[str, object]]) -> Path:
    """DBA of each training with all sensors and with some missing."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(9, 4.2), layout="constrained")
    trained = list(dict.fromkeys(str(row["trained"]) for row in rows))
    inputs = list(MISSING)
    for place, label in enumerate(trained):
        own = {
            row["inputs"]: float(str(row["dba"]))
            for row in rows
            if (row["trained"], row["light"]) == (label, "all")
        }
        offset = (place - (len(trained) - 1) / 2) * 0.8 / len(trained)
        axis.bar(
            np.arange(len(inputs)) + offset, [own[one] for one in inputs], 0.8 / len(trained), label=label
        )
    axis.set_xticks(range(len(inputs)), inputs, rotation=20, ha="right", fontsize=7)
    axis.set_ylabel("DBA (challenge), drives held out")
    axis.set_title(f"vi_beam on the street: {name}")
    axis.legend(fontsize=7, ncols=2)
    axis.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
