# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the command lines of the systems of beam prediction share."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import Progress

from semisac_ml.beams import report
from semisac_ml.beams.inputs import KNOWN, InputSet
from semisac_ml.beams.protocol import (
    AT_RANDOM,
    BY_SEQUENCE,
    TEST_SHARE,
    MemberTrainer,
    Predictors,
    SplitJob,
    load_samples,
    run_splits,
    train_predictor,
)
from semisac_ml.beams.training import Recipe
from semisac_ml.training import save_checkpoint

DATA = "deepsense6g"
TRAINED = "trained"
DEFAULT_INPUTS = ("gps,beams8,history", "gps,beams8", "gps,beams4", "gps,sweep2", "gps")

Data = Annotated[str, typer.Option(help="Data set: deepsense6g.")]
Scenarios = Annotated[str, typer.Option(help="Scenarios, separated by commas; any that are there.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What a prediction may use, separated by commas: {KNOWN}. Repeat it to measure the same "
        "networks with other inputs; the figures of the first stand for all.",
    ),
]
Splits = Annotated[int, typer.Option(min=1, help="Splits by sequence (drives held out).")]
RandomSplits = Annotated[int, typer.Option(min=0, help="Splits at random, which leak neighbouring frames.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the first split.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]
Results = Annotated[
    Path | None, typer.Option(help="Folder for CSV and picture; nothing is written without it.")
]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Splits at a time [default: as many as processor cores].")
]
Run = Annotated[
    Path | None,
    typer.Option(help="Folder of checkpoints, which the same command goes on from [default: none kept]."),
]
WithPerceptron = Annotated[
    bool, typer.Option("--perceptron/--no-perceptron", help="Train the small network to beat as well.")
]


def numbers_of(scenarios: str) -> tuple[int, ...]:
    """Numbers of scenarios. Raises ValueError."""
    try:
        found = tuple(int(part) for part in scenarios.split(","))
    except ValueError:
        raise ValueError(f"scenarios are {scenarios!r}, expected numbers such as 1,2,5,8") from None
    if len(set(found)) < len(found):
        raise ValueError(f"scenarios are {scenarios!r}, expected each once")
    return found


def check_data(data: str) -> None:
    """Raises ValueError for a data set that is not known."""
    if data != DATA:
        raise ValueError(f"data is {data!r}, expected {DATA}")


def retrain_and_measure(
    predictors: Predictors,
    scenarios: str,
    inputs: list[str] | None,
    splits: int,
    random_splits: int,
    seed: int,
    json_file: Path | None,
    results: Path | None,
    processes: int | None,
    run: Path | None,
) -> None:
    """Train on each split, measure on its test side, and write the figures."""
    numbers = numbers_of(scenarios)
    asked = tuple(InputSet.parse(text) for text in inputs or DEFAULT_INPUTS)
    samples = load_samples(numbers)  # early: what is missing or damaged is told before any training
    jobs = [SplitJob(numbers, BY_SEQUENCE, seed + k, asked, run) for k in range(splits)]
    jobs += [SplitJob(numbers, AT_RANDOM, seed + k, asked, run) for k in range(random_splits)]
    console = Console()
    with Progress(console=console) as progress:
        task = progress.add_task("splits", total=len(jobs))
        tested = run_splits(
            predictors,
            jobs,
            min(processes or os.cpu_count() or 1, len(jobs)),
            lambda job: progress.advance(task),
        )
    about = {
        "system": predictors.system,
        "data": DATA,
        "scenarios": list(samples.names),
        "inputs": str(asked[0]),
        "recipe": dataclasses.asdict(predictors.recipe),
        "command": shlex.join(["semisac", *sys.argv[1:]]),
    }
    content = report.as_json(samples, tested, about)
    for kind in (BY_SEQUENCE, AT_RANDOM)[: 1 + bool(random_splits)]:
        console.print(report.console_table(content, kind))
    if json_file:
        report.write_json(json_file, content)
        console.print(f"written: {json_file}")
    if results:
        report.write_csv(results / f"{DATA}.csv", content)
        report.draw(results / f"{DATA}.png", samples, tested, content)
        console.print(f"written: {results / DATA}.csv, {results / DATA}.png")


def train_on_everything(
    system: str,
    member: MemberTrainer,
    recipe: Recipe,
    scenarios: str,
    seed: int,
    folder: Path,
    threads: int | None,
    variant: str,
) -> None:
    """Train on the training side of a split by sequence and keep the networks for export."""
    if threads:
        torch.set_num_threads(threads)
    numbers = numbers_of(scenarios)
    samples = load_samples(numbers)
    split = samples.split(BY_SEQUENCE, seed, TEST_SHARE)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    asked = tuple(InputSet.parse(text) for text in DEFAULT_INPUTS)
    network = train_predictor(member, recipe, samples, split.train, asked, seed, folder, console)
    settings = {
        "system": system,
        "scenarios": list(numbers),
        "sites": list(samples.names),
        "seed": seed,
        "split": split.name,
        "members": recipe.members,
        "variant": variant,
        "command": shlex.join(["semisac", *sys.argv[1:]]),
    }
    (folder / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    save_checkpoint(folder / f"{TRAINED}.safetensors", network, None, settings)
    console.print(f"trained: {folder}; next: semisac export {system} --run {folder}")


def check_settings(folder: Path) -> dict:
    """Settings of a training. Raises ValueError where the folder holds none."""
    file = folder / "settings.json"
    if not file.is_file():
        raise ValueError(f"{folder}: holds no settings.json, expected the folder of a finished training")
    return json.loads(file.read_text(encoding="utf-8"))
