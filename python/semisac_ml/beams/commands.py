# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines of the systems of beam prediction: options that all have, with the defaults of each."""

# no `from __future__ import annotations`: typer could not resolve the options of a nested function

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from semisac_ml.beams import report
from semisac_ml.beams.bundles import (
    SETTINGS,
    TRAINED,
    TrainedOn,
    check_settings,
    export_trained,
    sensors_of,
    test_bundle,
)
from semisac_ml.beams.ensemble import train_ensemble
from semisac_ml.beams.inputs import known_words, sets_of
from semisac_ml.beams.protocol import BeamSystem, Evaluation, Predictors, run_splits, training_job
from semisac_ml.beams.recordings import Recordings
from semisac_ml.beams.samples import AT_RANDOM, BY_SEQUENCE, BeamSamples
from semisac_ml.beams.scores import Tested
from semisac_ml.outputs import check_outputs, console_beside, write_output
from semisac_ml.runtime import Bundle, check_replaceable
from semisac_ml.sensors import declared
from semisac_ml.training import save_checkpoint

POWER, SENSORS = "deepsense6g", "sensors"
KINDS = {POWER: POWER, SENSORS: SENSORS, "street": SENSORS}  # what is meant by --data; the last is of old
SCENARIOS = "1,2,5,8"
POWER_ALONE = ("random_splits", "members", "perceptron", "processes")
NEED_RETRAINING = (*POWER_ALONE, "splits", "seed", "variant", "epochs", "run")
# without effect beside --figure, of power and position and of all sensors
SET_BY_FIGURE = ("retrain", "variant", "bundle", "json_file")
SET_BY_FIGURES = {POWER: ("members", "epochs", "perceptron"), SENSORS: ("inputs", "splits")}

Data = Annotated[
    str,
    typer.Option(
        help=f"{POWER} (power and position), or {SENSORS}: all sensors, of recordings or a ray-traced street."
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        help=f"With --data {SENSORS}: a set of `semisac data scenes`, or a folder with scenarios 31 to 34 of "
        "DeepSense 6G [default: the latter, where SEMISAC_DATA says]."
    ),
]
Scenarios = Annotated[
    str,
    typer.Option(help=f"Scenarios, separated by commas; with --data {SENSORS} all there are unless named."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What a prediction may use, separated by commas: {known_words()}; with --data {SENSORS} "
        f"{known_words(tuple(declared()))}. Repeat it to measure the same networks with other inputs; the "
        "figures of the first stand for all."
    ),
]
Retrain = Annotated[
    bool, typer.Option("--retrain", help="Train anew for each split, instead of measuring the bundle.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs [default: what the figures were made with].")]
Members = Annotated[int | None, typer.Option(min=1, help="Networks that are averaged [default: four].")]
Splits = Annotated[int, typer.Option(min=1, help="Splits by sequence (drives held out).")]
RandomSplits = Annotated[int, typer.Option(min=0, help="Splits at random, which leak neighbouring frames.")]
WithPerceptron = Annotated[
    bool, typer.Option("--perceptron/--no-perceptron", help="Train the small network to beat as well.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]
Results = Annotated[
    Path | None, typer.Option(help="Folder for CSV and picture; nothing is written without it.")
]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Splits at a time [default: as many as processor cores].")
]
Run = Annotated[
    Path | None,
    typer.Option(
        help="Folder of checkpoints, which the same command goes on from [default: none kept; with "
        f"--data {SENSORS} runs/SYSTEM/...]."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads [default: all].")]


def recordings_of(context: typer.Context, data: str, folder: Path | None, scenarios: str) -> Recordings:
    """The recordings that are meant. Raises ValueError."""
    if data not in KINDS:
        raise ValueError(f"data is {data!r}, expected {POWER} or {SENSORS}")
    if KINDS[data] == SENSORS:
        named = numbers_of(scenarios) if _is_given(context, "scenarios") else None
        return Recordings(named, folder, sensors=True)
    refuse_options(context, ("folder",), f"--data {SENSORS}")
    return Recordings(numbers_of(scenarios))


def numbers_of(scenarios: str) -> tuple[int, ...]:
    """Numbers of scenarios. Raises ValueError."""
    try:
        found = tuple(int(part) for part in scenarios.split(","))
    except ValueError:
        raise ValueError(f"scenarios are {scenarios!r}, expected numbers such as 1,2,5,8") from None
    if len(set(found)) < len(found):
        raise ValueError(f"scenarios are {scenarios!r}, expected each once")
    return found


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_options(context: typer.Context, names: tuple[str, ...], without: str) -> None:
    """Raise ValueError where the command line has options that would have no effect."""
    given = [f"--{name.replace('_', '-')}" for name in names if _is_given(context, name)]
    if given:
        raise ValueError(f"{', '.join(given)}: without effect here, expected {without}")


def help_on_variants(system: BeamSystem) -> str:
    """Help on the variants of a system."""
    power, sensors = (", ".join(one.trainers) for one in (system.power, system.sensors))
    return f"{power}; with --data {SENSORS}: {sensors} [default: the first]. See docs/{system.name}.md."


def evaluation(
    system: BeamSystem,
    recordings: Recordings,
    variant: str | None,
    changes: dict[str, Any],
    **asked: Any,
) -> Evaluation:
    """What is trained and measured; changes: of the usual recipe, None where it is as usual."""
    approach = system.of(recordings)
    given = {name: value for name, value in changes.items() if value is not None}
    recipe = dataclasses.replace(approach.recipe, **given)
    variant = variant or next(iter(approach.trainers))
    approach.trainer(variant)  # mistakes are told before anything is read
    sets_of(asked.get("texts"), tuple(declared()) if recordings.sensors else ())
    return Evaluation(system, recordings, recipe=recipe, variant=variant, **asked)


def train(asked: Evaluation) -> None:
    """Train on the training side of a split by drives and keep the networks for export."""
    system, recordings, console, folder = asked.system, asked.recordings, asked.console, asked.run
    trainer = asked.approach.trainer(asked.variant)
    samples = recordings.samples(console)
    split = samples.split(BY_SEQUENCE, asked.seed)
    sets = sets_of(None, samples.sensors)
    job = training_job(samples, split, asked.recipe, sets, asked.seed, folder, console)
    network = train_ensemble(trainer, job)
    trained_on = TrainedOn(
        system=system.name,
        sites=list(samples.names),
        seed=asked.seed,
        split=split.name,
        variant=asked.variant,
        command=shlex.join(["semisac", *sys.argv[1:]]),
        data=SENSORS if recordings.sensors else POWER,
        scenarios=recordings.scenarios and list(recordings.scenarios),
        folder=recordings.folder and str(recordings.folder),
        sensors=samples.sensors,
        frames=asked.recipe.frames,
        members=asked.recipe.members,
    )
    settings = dataclasses.asdict(trained_on)
    write_output(folder / SETTINGS, json.dumps(settings, indent=2) + "\n")
    save_checkpoint(folder / f"{TRAINED}.safetensors", network, None, settings)
    console.print(f"trained: {folder}; next: semisac export {system.name} --run {folder}")


def retrain_and_measure(asked: Evaluation, perceptron: bool) -> None:
    """Train on each split, measure on its test side, and write the figures."""
    predictors = Predictors(
        asked.system.name, asked.approach.trainer(asked.variant), asked.recipe, perceptron
    )
    samples = asked.recordings.samples(asked.console)  # early: what is damaged is told before any training
    asked = asked.given(samples)
    tested = run_splits(predictors, asked.jobs(), asked.processes, asked.console)
    about = {
        "system": asked.system.name,
        "variant": asked.variant,
        "recipe": dataclasses.asdict(asked.recipe),
    }
    write_figures(asked, samples, tested, about)


def measure_bundle(asked: Evaluation, name: str) -> None:
    """Measure a bundle on the drives that its training held out; prints and writes the figures."""
    bundle = Bundle.load(name).with_beams()
    sets = sets_of(asked.texts, sensors_of(bundle, asked.recordings))
    samples, tested = test_bundle(bundle, asked.recordings, sets, asked.console)
    about = {
        "system": bundle.manifest.system,
        "bundle": f"{bundle.name} {bundle.fingerprint}",
        "rows": f"held out of the training: {bundle.manifest.data.split}",
    }
    write_figures(asked, samples, tested, about)


def write_figures(
    asked: Evaluation, samples: BeamSamples, tested: list[Tested], about: dict[str, Any]
) -> None:
    """Print figures, and write them where they are wanted."""
    console, folder = asked.console, asked.recordings.folder
    about |= {"data": folder.name if folder else POWER, "command": shlex.join(["semisac", *sys.argv[1:]])}
    content = report.as_json(samples, tested, about)
    written = []
    if asked.json_file:
        report.write_json(asked.json_file, content)
        written = [f"written: {asked.json_file}"]
    if asked.results:
        stem = samples.source if asked.recordings.sensors else POWER
        files = report.write_figures(asked.results, stem, samples, tested, content)
        written += ["written: " + ", ".join(map(str, files))]
    for kind in (BY_SEQUENCE, AT_RANDOM):
        if report.SPLIT_KEYS[kind] in content:
            console.print(report.console_table(content, kind))
    for inputs, one in content.get("blockage", {}).items():
        console.print(f"blockage, {inputs}: " + ", ".join(f"{key} {value:.3g}" for key, value in one.items()))
    for line in written:
        console.print(line)


def draw_figure(asked: Evaluation, name: str) -> None:
    """Train what a figure compares and draw it. Raises ValueError for one that is not known."""
    figures = asked.approach.figures
    if name not in figures:
        raise ValueError(f"unknown figure {name!r}, expected one of: {', '.join(figures) or 'none'}")
    samples = asked.recordings.samples(asked.console)
    for file in figures[name](asked.given(samples), samples):
        asked.console.print(f"written: {file}")


def train_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac train` of a system."""

    def command(
        context: typer.Context,
        data: Data = POWER,
        folder: Folder = None,
        scenarios: Scenarios = SCENARIOS,
        variant: Annotated[str | None, typer.Option(help=help_on_variants(system))] = None,
        epochs: Epochs = None,
        members: Members = None,
        seed: Annotated[int, typer.Option(help="Seed of the split and of the networks.")] = 0,
        run: Annotated[
            Path | None,
            typer.Option(
                help=f"Folder of checkpoints and logs [default: runs/{system.name}/seedSEED, with "
                f"--data {SENSORS} sensorsSEED]."
            ),
        ] = None,
        threads: Threads = None,
    ) -> None:
        import torch

        if threads:
            torch.set_num_threads(threads)
        recordings = recordings_of(context, data, folder, scenarios)
        if recordings.sensors:
            refuse_options(context, ("members",), f"--data {POWER}")
        run = run or Path("runs") / system.name / f"{'sensors' if recordings.sensors else 'seed'}{seed}"
        changes = {"epochs": epochs, "members": members}
        train(evaluation(system, recordings, variant, changes, seed=seed, run=run))

    command.__doc__ = f"""Train the {system.power.title} on power and position, or all sensors.

    Any of them may be absent. Drives of a fifth of the samples are held out for `semisac export
    {system.name}`, which measures on them.
    """
    return command


def evaluate_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac evaluate` of a system."""

    def command(
        context: typer.Context,
        data: Data = POWER,
        folder: Folder = None,
        scenarios: Scenarios = SCENARIOS,
        inputs: Inputs = None,
        splits: Splits = 5,
        random_splits: RandomSplits = 3,
        seed: Annotated[int, typer.Option(min=0, help="Seed of the first split.")] = 0,
        retrain: Retrain = False,
        figure: Annotated[
            str | None,
            typer.Option(
                help="Train what a figure compares and draw it, with its CSV: "
                f"{', '.join(system.power.figures)}; with --data {SENSORS} "
                f"{', '.join(system.sensors.figures)}."
            ),
        ] = None,
        variant: Annotated[str | None, typer.Option(help=help_on_variants(system))] = None,
        members: Members = None,
        epochs: Epochs = None,
        perceptron: WithPerceptron = True,
        json_file: JsonFile = None,
        results: Results = None,
        processes: Processes = None,
        run: Run = None,
        bundle: Annotated[
            str | None,
            typer.Option(
                help="Bundle that is measured without --retrain, on drives that it has not seen "
                f"[default: {system.name}/deepsense or {system.name}/street]."
            ),
        ] = None,
    ) -> None:
        check_outputs({"--json": json_file})
        recordings = recordings_of(context, data, folder, scenarios)
        all_sensors = recordings.sensors
        if all_sensors:
            refuse_options(context, POWER_ALONE, f"--data {POWER}")
            run = run or Path("runs") / system.name / (figure or "splits")
        if figure:
            refused = (*SET_BY_FIGURE, *SET_BY_FIGURES[KINDS[data]])
            refuse_options(context, refused, "no --figure beside it")
        elif retrain:
            refuse_options(context, ("bundle",), "no --retrain beside it")
        else:
            refuse_options(context, NEED_RETRAINING, "--retrain beside it")
        asked = evaluation(
            system,
            recordings,
            variant,
            {"epochs": epochs, "members": members},
            texts=inputs,
            splits=1 if figure and all_sensors else splits,
            random_splits=0 if figure or all_sensors else random_splits,
            seed=seed,
            processes=processes,
            run=run,
            json_file=json_file,
            console=console_beside(json_file),
            results=results or (Path("results") / system.name if figure else None),
        )
        if figure:
            draw_figure(asked, figure)
        elif retrain:
            retrain_and_measure(asked, perceptron and not all_sensors)
        else:
            measure_bundle(asked, bundle or f"{system.name}/{'street' if all_sensors else 'deepsense'}")

    command.__doc__ = f"""Measure the {system.power.title}, with drives held out and at random.

    One network serves all inputs. Scores: DBA of the challenge and with thresholds, top-k, power loss,
    expected calibration error, beams measured; baselines beside it.
    """
    return command


def export_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac export` of a system."""

    def command(
        run: Annotated[Path, typer.Option(help=f"Folder of a training (semisac train {system.name} --run).")],
        output: Annotated[
            Path | None,
            typer.Option(
                help=f"Folder of the bundle [default: models/{system.name}/deepsense, street or recorded]."
            ),
        ] = None,
    ) -> None:
        settings = check_settings(run)
        samples = settings.recordings.samples(Console(quiet=True))
        output = output or Path("models") / system.name / samples.source
        check_replaceable(output)
        bundle = export_trained(system, settings, samples, run, output)
        size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
        Console().print(f"{output}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")

    command.__doc__ = "Export trained networks as a bundle and measure it on the drives that were held out."
    return command
