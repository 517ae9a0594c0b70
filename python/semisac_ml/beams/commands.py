# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines of the systems of beam prediction: options that all have, with the defaults of each."""

# no `from __future__ import annotations`: the options of a nested function could not be resolved

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import Field
from rich.console import Console

from semisac_ml.beams import report
from semisac_ml.beams.bundles import (
    SETTINGS,
    TRAINED,
    TrainedOn,
    check_settings,
    export_trained,
    sensors_of,
    stated_metrics,
    test_bundle,
)
from semisac_ml.beams.ensemble import train_ensemble
from semisac_ml.beams.inputs import known_words, sets_of
from semisac_ml.beams.ladder import LADDER
from semisac_ml.beams.protocol import BeamSystem, Evaluation, Predictors, run_splits, training_job
from semisac_ml.beams.recordings import Recordings
from semisac_ml.beams.samples import AT_RANDOM, BY_SEQUENCE, FOLDS, IN_FOLDS, BeamSamples
from semisac_ml.beams.scores import Tested
from semisac_ml.command_line import OnOff, Options
from semisac_ml.outputs import check_outputs, console_beside, write_output
from semisac_ml.results import command_line
from semisac_ml.runtime import BeamPrediction, Bundle, check_replaceable
from semisac_ml.sensors import declared
from semisac_ml.shared_options import ExportOptions, ParallelOptions, ThreadOptions
from semisac_ml.training import save_checkpoint
from semisac_ml.training.quantisation import add_int8

POWER, SENSORS = "deepsense6g", "sensors"
KINDS = {POWER: POWER, SENSORS: SENSORS, "street": SENSORS}  # what is meant by --data; the last is of old
POWER_ALONE = ("random_splits", "members", "perceptron", "processes")
NEED_RETRAINING = (*POWER_ALONE, "scheduler", "splits", "folds", "seed", "variant", "epochs", "run")
# without effect beside --figure, of power and position and of all sensors
SET_BY_FIGURE = ("retrain", "variant", "folds", "json_file")
SET_BY_LADDER = ("variant", "folds", "json_file", "seed")
SET_BY_FIGURES = {POWER: ("members", "epochs", "perceptron"), SENSORS: ("inputs", "splits")}


class RecordingOptions(Options):
    """Which recordings are used."""

    data: str = Field(
        POWER,
        description=f"{POWER} (power and position), or {SENSORS}: all sensors, of recordings or a ray-traced "
        "street.",
    )
    folder: Path | None = Field(
        None,
        description=f"With --data {SENSORS}: a set of `semisac data scenes`, or a folder with scenarios 31 "
        "to 34 of DeepSense 6G [default: the latter, where SEMISAC_DATA says].",
    )
    scenarios: str = Field(
        "1,2,5,8",
        description=f"Scenarios, separated by commas; with --data {SENSORS} all there are unless named.",
    )

    def recordings(self) -> Recordings:
        """The recordings that are meant. Raises ValueError."""
        if self.data not in KINDS:
            raise ValueError(f"data is {self.data!r}, expected {POWER} or {SENSORS}")
        if KINDS[self.data] == SENSORS:
            named = numbers_of(self.scenarios) if self.given("scenarios") else None
            return Recordings(named, self.folder, sensors=True)
        self.refuse(("folder",), f"here, expected --data {SENSORS}")
        return Recordings(numbers_of(self.scenarios))


class RecipeOptions(Options):
    """What is changed of the recipe with which a system's figures were made."""

    epochs: int | None = Field(None, ge=1, description="Epochs [default: what the figures were made with].")
    members: int | None = Field(None, ge=1, description="Networks that are averaged [default: four].")


class MeasureOptions(ParallelOptions):
    """What is measured, on which splits, and what is written."""

    inputs: list[str] = Field(
        [],
        description=f"What a prediction may use, separated by commas: {known_words()}; with --data {SENSORS} "
        f"{known_words(tuple(declared()))}. Repeat it to measure the same networks with other inputs; the "
        "figures of the first stand for all.",
    )
    splits: int = Field(5, ge=1, description="Splits by sequence (drives held out).")
    folds: OnOff = Field(False, description=f"Also {FOLDS} splits by sequence that do not overlap.")
    random_splits: int = Field(3, ge=0, description="Splits at random, which leak neighbouring frames.")
    seed: int = Field(0, ge=0, description="Seed of the first split.")
    retrain: bool = Field(False, description="Train anew for each split, instead of measuring the bundle.")
    perceptron: OnOff = Field(True, description="Train the small network to beat as well.")
    json_file: Annotated[Path | None, Parameter(name="--json")] = Field(
        None, description="Write all figures to this file."
    )
    results: Path | None = Field(
        None, description="Folder for CSV and picture; nothing is written without it."
    )
    run: Path | None = Field(
        None,
        description="Folder of checkpoints, which the same command goes on from [default: none kept; with "
        f"--data {SENSORS} runs/SYSTEM/...].",
    )


def numbers_of(scenarios: str) -> tuple[int, ...]:
    """Numbers of scenarios. Raises ValueError."""
    try:
        found = tuple(int(part) for part in scenarios.split(","))
    except ValueError:
        raise ValueError(f"scenarios are {scenarios!r}, expected numbers such as 1,2,5,8") from None
    if len(set(found)) < len(found):
        raise ValueError(f"scenarios are {scenarios!r}, expected each once")
    return found


def help_on_variants(system: BeamSystem) -> str:
    """Help on the variants of a system."""
    power, sensors = (", ".join(one.trainers) for one in (system.power, system.sensors))
    return f"{power}; with --data {SENSORS}: {sensors} [default: the first]. See docs/{system.name}.md."


def evaluation(
    system: BeamSystem,
    recordings: Recordings,
    variant: str | None,
    changes: RecipeOptions,
    **asked: Any,
) -> Evaluation:
    """What is trained and measured."""
    approach = system.of(recordings)
    given = changes.model_dump(include={"epochs", "members"}, exclude_none=True)
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
        command=command_line(),
        data=SENSORS if recordings.sensors else POWER,
        scenarios=recordings.scenarios and list(recordings.scenarios),
        folder=recordings.folder and str(recordings.folder),
        sensors=samples.sensors,
        frames=asked.recipe.frames,
        members=asked.recipe.members,
        drives=tuple(samples.named_drives(split.train)),
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
    asked, begin = asked.given(samples), time.process_time()
    tested = run_splits(predictors, asked.jobs(), asked.workers, asked.console)
    about = {
        "system": asked.system.name,
        "variant": asked.variant,
        "recipe": dataclasses.asdict(asked.recipe),
    }
    if samples.sensors:  # trained in this process
        about["cpu_hours"] = (time.process_time() - begin) / 3600.0
    write_figures(asked, samples, tested, about)


def measure_bundle(asked: Evaluation, name: str) -> None:
    """Measure a bundle on drives that it was not trained on; prints and writes the figures."""
    bundle = Bundle.load(name)
    bundle.interface(BeamPrediction)  # raises for others
    sets = sets_of(asked.texts, sensors_of(bundle, asked.recordings))
    samples, split, tested = test_bundle(bundle, asked.recordings, sets, asked.console)
    about = {
        "system": bundle.manifest.system,
        "bundle": f"{bundle.name} {bundle.fingerprint}",
        "rows": split.name,
    }
    write_figures(asked, samples, tested, about)


def write_figures(
    asked: Evaluation, samples: BeamSamples, tested: list[Tested], about: dict[str, Any]
) -> None:
    """Print figures, and write them where they are wanted."""
    console, folder = asked.console, asked.recordings.folder
    about |= {"data": folder.name if folder else POWER, "command": command_line()}
    content = report.as_json(samples, tested, about)
    written = []
    if asked.json_file:
        report.write_json(asked.json_file, content)
        written = [f"written: {asked.json_file}"]
    if asked.results:
        stem = samples.source if asked.recordings.sensors else POWER
        files = report.write_figures(asked.results, stem, samples, tested, content)
        written += ["written: " + ", ".join(map(str, files))]
    for kind in (BY_SEQUENCE, IN_FOLDS, AT_RANDOM):
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

    class TrainOptions(RecipeOptions):
        variant: str | None = Field(None, description=help_on_variants(system))
        seed: int = Field(0, description="Seed of the split and of the networks.")
        run: Path | None = Field(
            None,
            description=f"Folder of checkpoints and logs [default: runs/{system.name}/seedSEED, with "
            f"--data {SENSORS} sensorsSEED].",
        )

    def command(
        *,
        data: RecordingOptions = RecordingOptions(),
        options: TrainOptions = TrainOptions(),
        machine: ThreadOptions = ThreadOptions(),
    ) -> None:
        machine.use_threads()
        recordings = data.recordings()
        if recordings.sensors:
            options.refuse(("members",), f"here, expected --data {POWER}")
        name = f"{'sensors' if recordings.sensors else 'seed'}{options.seed}"
        run = options.run or Path("runs") / system.name / name
        train(evaluation(system, recordings, options.variant, options, seed=options.seed, run=run))

    command.__doc__ = f"""Train the {system.power.title} on power and position, or all sensors.

    Any of them may be absent. Drives of a fifth of the samples are held out for `semisac export
    {system.name}`, which measures on them.
    """
    return command


def evaluate_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac evaluate` of a system."""

    class EvaluateOptions(RecipeOptions, MeasureOptions):
        figure: str | None = Field(
            None,
            description=f"Train what a figure compares and draw it, with its CSV: "
            f"{', '.join(system.power.figures)}; with --data {SENSORS} {', '.join(system.sensors.figures)}.",
        )
        variant: str | None = Field(None, description=help_on_variants(system))
        bundle: str | None = Field(
            None,
            description="Bundle that is measured without --retrain or by a figure, on drives that it has not "
            f"seen [default: {system.name}/deepsense or {system.name}/street].",
        )

    def command(
        *,
        data: RecordingOptions = RecordingOptions(),
        options: EvaluateOptions = EvaluateOptions(),
    ) -> None:
        check_outputs({"--json": options.json_file})
        recordings = data.recordings()
        all_sensors, figure, run = recordings.sensors, options.figure, options.run
        if all_sensors:
            options.refuse(POWER_ALONE, f"here, expected --data {POWER}")
            run = run or Path("runs") / system.name / (figure or "splits")
        if figure:
            by_figure = SET_BY_LADDER if figure == LADDER else SET_BY_FIGURE
            refused = [*by_figure, *SET_BY_FIGURES[KINDS[data.data]]]
            if figure not in system.of(recordings).of_bundles:
                refused.append("bundle")
            options.refuse(refused, "here, expected no --figure beside it")
        elif options.retrain:
            options.refuse(("bundle",), "here, expected no --retrain beside it")
        else:
            options.refuse(NEED_RETRAINING, "here, expected --retrain beside it")
        asked = evaluation(
            system,
            recordings,
            options.variant,
            options,
            texts=options.inputs or None,
            splits=1 if figure and all_sensors else options.splits,
            random_splits=0 if figure or all_sensors else options.random_splits,
            folds=options.folds,
            bundle=options.bundle,
            retrain=options.retrain,
            seed=options.seed,
            workers=options.workers,
            run=run,
            json_file=options.json_file,
            console=console_beside(options.json_file),
            results=options.results or (Path("results") / system.name if figure else None),
        )
        if figure:
            draw_figure(asked, figure)
        elif options.retrain:
            retrain_and_measure(asked, options.perceptron and not all_sensors)
        else:
            usual = f"{system.name}/{'street' if all_sensors else 'deepsense'}"
            measure_bundle(asked, options.bundle or usual)

    command.__doc__ = f"""Measure the {system.power.title}, with drives held out and at random.

    One network serves all inputs. Scores: DBA of the challenge and with thresholds, top-k, power loss,
    expected calibration error, beams measured; baselines beside it.
    """
    return command


def export_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac export` of a system."""

    def command(*, options: ExportOptions) -> None:
        settings = check_settings(options.run)
        samples = settings.recordings.samples(Console(quiet=True))
        output = options.output or Path("models") / system.name / samples.source
        check_replaceable(output)
        bundle, console = export_trained(system, settings, samples, options.run, output), Console()
        if options.precision == "int8":

            def measure(bundle: Bundle, part: str) -> dict[str, dict[str, Any]]:
                return stated_metrics(bundle, settings, part)

            data = "the drives that it was trained on"
            bundle = add_int8(bundle, measure, data, console, options.int8_networks)
        size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
        console.print(f"{output}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")

    command.__doc__ = "Export trained networks as a bundle and measure it on the drives that were held out."
    return command
