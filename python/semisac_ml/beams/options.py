# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines of the systems of beam prediction: options that all have, with the defaults of each."""

# no `from __future__ import annotations`: typer could not resolve the options of a nested function

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semisac_ml.beams.bundles import export_trained, measure_bundle
from semisac_ml.beams.command import (
    DATA,
    BeamSystem,
    Retraining,
    check_settings,
    draw_figure,
    numbers_of,
    retrain_and_measure,
    sets_of,
    train_on_everything,
)
from semisac_ml.beams.inputs import KNOWN
from semisac_ml.beams.protocol import Predictors
from semisac_ml.beams.sensors import command as all_sensors
from semisac_ml.beams.sensors import sets
from semisac_ml.beams.sensors.protocol import FigureJob, Street
from semisac_ml.data import deepsense6g
from semisac_ml.outputs import check_outputs
from semisac_ml.runtime import check_replaceable

SCENARIOS = "1,2,5,8"
NEED_RETRAINING = (
    "splits",
    "random_splits",
    "seed",
    "variant",
    "members",
    "epochs",
    "perceptron",
    "results",
    "processes",
    "run",
)

POWER_AND_POSITION_ALONE = ("random_splits", "members", "perceptron", "processes")

Data = Annotated[
    str,
    typer.Option(help="deepsense6g (power and position), or street: all sensors, in DeepSense's layout."),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        help="With --data street: a set of `semisac data scenes`, or a folder with scenarios 31 to 34 of "
        "DeepSense 6G [default: the latter, where SEMISAC_DATA says]."
    ),
]
Scenarios = Annotated[
    str,
    typer.Option(help="Scenarios, separated by commas; of a street all that are there unless named."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What a prediction may use, separated by commas: {KNOWN}; with --data street "
        f"{sets.KNOWN}. Repeat it to measure the same networks with other inputs; the figures of "
        "the first stand for all."
    ),
]
Retrain = Annotated[
    bool, typer.Option("--retrain", help="Train anew for each split, instead of measuring the bundle.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs [default: what the figures were made with].")]
Members = Annotated[int, typer.Option(min=1, help="Networks that are averaged.")]
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
    typer.Option(help="Folder of checkpoints, which the same command goes on from [default: none kept]."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads [default: all].")]


def has_all_sensors(data: str) -> bool:
    """Whether all sensors are meant. Raises ValueError for a data set that is not known."""
    if data not in (DATA, all_sensors.STREET):
        raise ValueError(f"data is {data!r}, expected {DATA} or {all_sensors.STREET}")
    return data == all_sensors.STREET


def street_of(context: typer.Context, folder: Path | None, scenarios: str) -> Street:
    """The folder of all sensors that is meant."""
    named = numbers_of(scenarios) if is_given(context, "scenarios") else None
    return Street(folder or deepsense6g.find_folder(), named)


def is_given(context: typer.Context, name: str) -> bool:
    """Whether the command line has this option."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_options(context: typer.Context, names: tuple[str, ...], without: str) -> None:
    """Raise ValueError where the command line has options that would have no effect."""
    given = [f"--{name.replace('_', '-')}" for name in names if is_given(context, name)]
    if given:
        raise ValueError(f"{', '.join(given)}: without effect here, expected {without}")


def help_on_variants(system: BeamSystem) -> str:
    """Help on the variants of a system, of all sensors too."""
    return f"{system.variants} With --data street: {', '.join(system.sensors.trainers)} [default: the first]."


def use_threads(threads: int | None) -> None:
    """Let PyTorch use so many processor threads, all by default."""
    import torch

    if threads:
        torch.set_num_threads(threads)


def train_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac train` of a system."""
    usual = system.recipe
    first = next(iter(system.members))

    def command(
        context: typer.Context,
        data: Data = DATA,
        folder: Folder = None,
        scenarios: Scenarios = SCENARIOS,
        variant: Annotated[str | None, typer.Option(help=help_on_variants(system))] = None,
        epochs: Epochs = None,
        members: Members = usual.members,
        seed: Annotated[int, typer.Option(help="Seed of the split and of the networks.")] = 0,
        run: Annotated[
            Path | None,
            typer.Option(help=f"Folder of checkpoints and logs [default: runs/{system.name}/seedSEED]."),
        ] = None,
        threads: Threads = None,
    ) -> None:
        use_threads(threads)
        if has_all_sensors(data):
            refuse_options(context, ("members",), f"--data {DATA}")
            own = system.sensors
            recipe = dataclasses.replace(own.recipe, epochs=epochs or own.recipe.epochs)
            kept = run or Path("runs") / system.name / f"street{seed}"
            street = street_of(context, folder, scenarios)
            all_sensors.train(own, street, variant or next(iter(own.trainers)), recipe, seed, kept)
            return
        refuse_options(context, ("folder",), f"--data {all_sensors.STREET}")
        recipe = dataclasses.replace(system.recipe, epochs=epochs or usual.epochs, members=members)
        kept = run or Path("runs") / system.name / f"seed{seed}"
        train_on_everything(system, variant or first, recipe, scenarios, seed, kept)

    command.__doc__ = f"""Train the {system.title} on power and position, or all sensors; any may be absent.

    Drives of a fifth of the samples are held out for `semisac export {system.name}`, which measures on them.
    """
    return command


def evaluate_command(system: BeamSystem) -> Callable[..., None]:
    """`semisac evaluate` of a system."""
    usual = system.recipe
    first = next(iter(system.members))

    def command(
        context: typer.Context,
        data: Data = DATA,
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
                f"{', '.join(system.figures) or 'none'}; with --data street "
                f"{', '.join(system.sensors.figures)}."
            ),
        ] = None,
        variant: Annotated[str | None, typer.Option(help=help_on_variants(system))] = None,
        members: Members = usual.members,
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
        if has_all_sensors(data):
            refuse_options(context, POWER_AND_POSITION_ALONE, f"--data {DATA}")
            street = street_of(context, folder, scenarios)
            asked = all_sensors.Measurement(street, inputs, seed, json_file, results)
            own = system.sensors
            kept = run or Path("runs") / system.name / (figure or "splits")
            recipe = dataclasses.replace(own.recipe, epochs=epochs or own.recipe.epochs)
            if figure:
                without_figure = ("inputs", "splits", "retrain", "variant", "bundle", "json_file")
                refuse_options(context, without_figure, "no --figure beside it")
                place = results or Path("results") / system.name
                job = FigureJob(own, street, recipe, seed, kept, place, Console())
                all_sensors.draw_figure(job, figure)
            elif retrain:
                refuse_options(context, ("bundle",), "no --retrain beside it")
                first_variant = variant or next(iter(own.trainers))
                all_sensors.retrain_and_measure(own, asked, first_variant, recipe, splits, kept)
            else:
                needing = ("splits", "seed", "variant", "epochs", "run")
                refuse_options(context, needing, "--retrain beside it")
                all_sensors.measure_bundle(own, asked, bundle or f"{system.name}/{all_sensors.STREET}")
            return
        refuse_options(context, ("folder",), f"--data {all_sensors.STREET}")
        if figure:
            without_figure = ("retrain", "variant", "members", "epochs", "perceptron", "bundle", "json_file")
            refuse_options(context, without_figure, "no --figure beside it")
        elif not retrain:
            refuse_options(context, NEED_RETRAINING, "--retrain beside it")
            name = bundle or f"{system.name}/deepsense"
            measure_bundle(name, numbers_of(scenarios), sets_of(inputs), json_file)
            return
        asked = Retraining(
            scenarios=numbers_of(scenarios),
            inputs=sets_of(inputs),
            splits=splits,
            random_splits=0 if figure else random_splits,
            seed=seed,
            processes=processes,
            run=run,
            json_file=json_file,
            results=results,
        )
        if figure:
            draw_figure(system, figure, asked, results or Path("results") / system.name)
            return
        refuse_options(context, ("bundle",), "no --retrain beside it")
        member = system.member(variant or first)
        recipe = dataclasses.replace(system.recipe, members=members, epochs=epochs or usual.epochs)
        retrain_and_measure(Predictors(system.name, member, recipe, perceptron), asked)

    command.__doc__ = f"""Measure the {system.title}, with drives held out and at random.

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
            typer.Option(help=f"Folder of the bundle [default: models/{system.name}/deepsense or street]."),
        ] = None,
    ) -> None:
        trained_on = check_settings(run).get("data", DATA)
        if trained_on == all_sensors.STREET:
            output = output or Path("models") / system.name / all_sensors.STREET
            check_replaceable(output)
            bundle = all_sensors.export(system.sensors, run, output)
        else:
            output = output or Path("models") / system.name / "deepsense"
            check_replaceable(output)
            bundle = export_trained(system, run, output)
        size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
        Console().print(f"{output}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")

    command.__doc__ = "Export trained networks as a bundle and measure it on the drives that were held out."
    return command
