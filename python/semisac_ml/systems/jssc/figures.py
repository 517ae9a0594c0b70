# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of the joint sensing and semantic link: each as one CSV file and one picture."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from semisac_ml.data import cifar10
from semisac_ml.parallel import Workers, run_jobs
from semisac_ml.results import Result, ResultTable, command_line, unique, write_results
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal import channel as reference_channel
from semisac_ml.signal import detection, metrics, posterior
from semisac_ml.systems.jssc import baselines
from semisac_ml.systems.jssc.drawing import draw_rows
from semisac_ml.systems.jssc.measuring import (
    BATCH,
    Conditions,
    encode,
    evaluate_bundle,
    sense,
    sense_echo_alone,
)
from semisac_ml.systems.jssc.rows import BEST_ALONE, CODE_FRAMES, RANGES, SENSING_WEIGHTS, SNR_DB, Place

if TYPE_CHECKING:
    from semisac_ml.systems.jssc.trained_figures import Job

PRESENCE_DIMENSIONS = (2, 4, 8, 20, 32, 64)
TWO_HOP_DIMENSIONS = 20
PRESENCE_SNR_DB = (-20.0, -15.0, -10.0, -5.0, 0.0, 5.0, 10.0)
DETECTION_FRAMES = 40_000
FALSE_ALARM_RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
FALSE_ALARM_SNR_DB = (-10.0, -5.0, 0.0, 5.0, 10.0)
DRAWN_SNR_DB = 2.0
"""Of echoes that thresholds are found with: ten symbols are as strong as a false alarm in a million."""
TRAINED = ("4", "5", "6", "epochs", "gain", "echoes", "sharing", "tradeoff")
"""Figures that train."""


def draw(
    figure: str,
    bundles: list[str],
    results: Path,
    runs: Path,
    epochs: int | None,
    seeds: int,
    threads: int | None,
    images: int | None,
    console: Console,
    workers: Workers = Workers(1),
) -> list[Path]:
    """Recompute a figure; return the files written.

    figure: one of ``evaluate.FIGURES``. bundles: those drawn in. runs, epochs, seeds, threads: of the
    trainings. images: test images for what the bundles are measured on. workers: who trains, or measures.
    """
    name = f"figure{figure}" if figure.isdigit() else figure
    file = results / f"{name}.csv"
    if figure in TRAINED:
        # these train, so they need PyTorch; the others need the bundles alone
        from semisac_ml.systems.jssc import trained_figures

        wanted = trained_figures.jobs(figure, runs, epochs, seeds, threads)
        trained = _trained(figure, wanted, file, console, workers)
        rows = unique([*_bundle_rows(figure, bundles, images, console), *trained])
        rows = trained_figures.in_order(rows, wanted)
    else:
        rows = _measured(figure, bundles, images, console, workers)
    return [write_results(file, rows), draw_rows(rows, results / f"{name}.png")]


def _trained(figure: str, wanted: list[Job], file: Path, console: Console, workers: Workers) -> list[Result]:
    """Rows of the file, with those of all trainings, each of which is written when it is done, for good."""
    from semisac_ml.systems.jssc import trained_figures

    table = ResultTable.open(file)
    table.rows = trained_figures.in_order(table.rows, wanted)
    left = trained_figures.missing(wanted, table.rows)
    trained_figures.prepare(left, console)
    jobs = {str(job): (job,) for job in left}
    for _, rows in _done(figure, trained_figures.trained_rows, jobs, console, workers):
        table.replace(rows)
    return table.rows


def _done(
    figure: str,
    function: Callable[..., list[Result]],
    jobs: dict[str, tuple],
    console: Console,
    workers: Workers,
) -> Iterator[tuple[str, list[Result]]]:
    """Name and rows of jobs as they are done, with the command that was typed: a worker has another one."""
    typed = command_line()
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as progress:
        done = run_jobs(function, jobs, workers)
        for name, rows in progress.track(done, total=len(jobs), description=figure):
            yield name, [replace(row, command=typed) for row in rows]


def _bundle_rows(figure: str, bundles: list[str], images: int | None, console: Console) -> Iterator[Result]:
    """The bundles that ship, on the axes of Figs. 4 to 6 that one bundle serves.

    Its weights are what they are: in Fig. 4 it is the same at all of them.
    """
    panels: dict[str, list[tuple[str, list[tuple[float, Conditions]]]]] = {
        "4": [("weight of sensing", [(weight, Conditions()) for weight in SENSING_WEIGHTS])],
        "5": [
            ("communication SNR in dB", [(s, Conditions(snr_db=s)) for s in SNR_DB]),
            ("sensing SNR in dB", [(s, Conditions(sensing_snr_db=s)) for s in SNR_DB]),
            (
                "number of ranges",
                [(r, Conditions(ranges=r, target_probability=r / (1 + r))) for r in RANGES],
            ),
        ],
        "6": [("SNR in dB", [(s, Conditions(snr_db=s, sensing_snr_db=s)) for s in SNR_DB])],
    }
    pictures, labels = (part[:images] for part in cifar10.load("test"))
    for name in bundles if figure in panels else ():
        bundle = Bundle.load(name)
        model = bundle.interface(ImageLink).channel.model
        found: dict[Conditions, dict[str, metrics.Metric]] = {}
        for panel, conditions in panels[figure]:
            for x, at in conditions:
                console.print(f"{bundle.name}: {panel} {x:g}")
                if at not in found:
                    found[at] = evaluate_bundle(bundle, pictures, labels, at)
                measured, place = found[at], Place(figure, panel, model)
                yield place.row("bundle", x, "mse", measured["mse"])
                sensing = measured["sensing_accuracy"]
                yield place.row("bundle, symbols known", x, "sensing_accuracy", sensing)
                if "echo_only_sensing_accuracy" in measured:
                    alone = measured["echo_only_sensing_accuracy"]
                    yield place.row("bundle", x, "sensing_accuracy", alone)
                if figure == "6":
                    animal = measured["animal_accuracy"]
                    yield place.row("bundle", x, "task_accuracy", animal)
                n = bundle.interface(ImageLink).symbols.real_dimensions
                yield from baselines.bound_rows(place, x, n, at.snr_db, at.sensing_snr_db, at.ranges)


def _measured(
    figure: str, bundles: list[str], images: int | None, console: Console, workers: Workers
) -> list[Result]:
    """Rows of a figure that measures bundles as they are, cell by cell."""
    jobs = {
        f"{name}, {figure} {' '.join(f'{one:g}' for one in point)}": (figure, name, images, *point)
        for name in bundles
        for point in CELLS[figure][1]
    }
    found = dict(_done(figure, _cell, jobs, console, workers))
    return [row for job in jobs for row in found[job]]


def _cell(figure: str, name: str, images: int | None, *point: float) -> list[Result]:
    return list(CELLS[figure][0](name, images, *point))


def _snr_rows(name: str, images: int | None, snr_db: float) -> Iterator[Result]:
    """A bundle at one of the SNRs that it serves, with the bounds."""
    pictures, labels = (part[:images] for part in cifar10.load("test"))
    bundle = Bundle.load(name)
    link = bundle.interface(ImageLink)
    model, n = link.channel.model, link.symbols.real_dimensions
    place = Place("snr", "SNR in dB", model)
    measured = evaluate_bundle(bundle, pictures, labels, Conditions(snr_db=snr_db, sensing_snr_db=snr_db))
    for metric in ("psnr_of_mean_mse_db", "class_accuracy", "animal_accuracy"):
        yield place.row("bundle", snr_db, metric, measured[metric])
    sensing = measured["sensing_accuracy"]
    yield place.row("bundle, symbols known", snr_db, "sensing_accuracy", sensing)
    alone = measured["echo_only_sensing_accuracy"]
    yield place.row("bundle, echo only", snr_db, "sensing_accuracy", alone)
    bounds = {
        "psnr_of_mean_mse_db": {
            "linear code": baselines.linear_code_psnr_db(model, n, snr_db),
            "Gaussian rate-distortion": baselines.gaussian_psnr_db(model, n, snr_db),
        },
        "sensing_accuracy": {
            "optimal detector": baselines.range_ceiling(model, n, snr_db),
            "energy detector": baselines.energy_detector(model, n, snr_db),
        },
    }
    for metric, systems in bounds.items():
        for system, value in systems.items():
            yield place.row(system, snr_db, metric, value)


@functools.lru_cache(maxsize=2)
def _kept_symbols(folder: Path, fingerprint: str, channel_uses: int) -> np.ndarray:
    """:func:`encoded_symbols` of a bundle, which the cells that a process does have in common."""
    return encoded_symbols(Bundle.load(folder), channel_uses)


def encoded_symbols(bundle: Bundle, channel_uses: int) -> np.ndarray:
    """Symbols of test images in a row, complex64 (channel_uses,), or fewer if that is all there are.

    Only as many images are encoded as are needed.
    """
    pictures, _ = cifar10.load("test")
    wanted = -(-channel_uses // bundle.interface(ImageLink).symbols.channel_uses)
    return _sent(bundle, pictures[:wanted], 3.0).ravel()[:channel_uses]


def _sent(bundle: Bundle, pictures: np.ndarray, snr_db: float) -> np.ndarray:
    """Symbols of any number of images uint8 (count, 32, 32, 3), complex64 (count, channel_uses)."""
    parts = [encode(bundle, pictures[i : i + BATCH], snr_db) for i in range(0, len(pictures), BATCH)]
    return np.concatenate(parts)


def learned_waveforms(symbols: np.ndarray, channel_uses: int, frames: int) -> np.ndarray:
    """Waveforms of any length from encoded symbols, complex64 (frames, channel_uses), unit mean power.

    The symbols of several images in a row (again from the first when they end), cut to length and scaled.
    """
    stream = np.resize(symbols, frames * channel_uses).reshape(frames, channel_uses)
    power = np.mean(np.abs(stream) ** 2, axis=1, keepdims=True)
    return (stream / np.sqrt(power)).astype(np.complex64)


def _presence_rows(name: str, images: int | None, n: int) -> Iterator[Result]:
    """Detector with known symbols against the exact ceiling, for waveforms of n reals.

    Where the link fades, and of the paper's n, also for an echo that fades on both hops.
    """
    bundle = Bundle.load(name)
    model = bundle.interface(ImageLink).channel.model
    frames = images or DETECTION_FRAMES
    encoded = _kept_symbols(bundle.path, bundle.fingerprint, frames * PRESENCE_DIMENSIONS[-1] // 2)
    symbols = learned_waveforms(encoded, n // 2, frames)
    fadings = {f"n = {n}": None}
    if model == "rayleigh" and n == TWO_HOP_DIMENSIONS:
        fadings[f"n = {n}, both hops fade"] = "two_hop_rayleigh"
    for panel, fading in fadings.items():
        place = Place("presence", "sensing SNR in dB", model, panel)
        for snr_db in PRESENCE_SNR_DB:
            at = Conditions(sensing_snr_db=snr_db, fading=fading)
            accuracy = detector_accuracy(bundle, symbols, at)
            yield place.row("bundle, symbols known", snr_db, "sensing_accuracy", accuracy)
            ceiling = baselines.range_ceiling(model, n, snr_db, fading=fading)
            yield place.row("optimal detector", snr_db, "sensing_accuracy", ceiling)


def _range_rows(name: str, images: int | None, delay: int, ranges: int) -> Iterator[Result]:
    """Ranges told apart by amplitude alone and by delay, against the optimal decision on the same echoes."""
    bundle = Bundle.load(name)
    model = bundle.interface(ImageLink).channel.model
    frames = images or DETECTION_FRAMES
    encoded = _kept_symbols(bundle.path, bundle.fingerprint, 10 * frames)
    symbols = learned_waveforms(encoded, 10, frames)
    panel = "amplitude only" if delay == 0 else "delay of one symbol a range"
    at = Conditions(ranges=ranges, delay_symbols_per_range=delay, target_probability=ranges / (1 + ranges))
    place = Place("ranges", "number of ranges", model, panel)
    accuracy, optimal = (measured(bundle, symbols, at) for measured in (detector_accuracy, optimal_accuracy))
    yield place.row("bundle, symbols known", ranges, "sensing_accuracy", accuracy)
    yield place.row("optimal decision", ranges, "sensing_accuracy", optimal)


def _echo_alone_rows(name: str, images: int | None, snr_db: float) -> Iterator[Result]:
    """Decoder 2 from the echo alone, and who knows the symbols of all training images, on the same echoes."""
    bundle = Bundle.load(name)
    link = bundle.interface(ImageLink)
    (known, _), (pictures, _) = cifar10.load("train"), cifar10.load("test")
    code_book = _sent(bundle, known[:images], snr_db)
    symbols = _sent(bundle, pictures[: images or CODE_FRAMES], snr_db)
    at = Conditions(snr_db=snr_db, sensing_snr_db=snr_db)
    echo, hypothesis = _echoes(bundle, symbols, at)
    found = sense_echo_alone(bundle, echo, at).argmax(axis=1)
    accuracy = metrics.proportion(int((found == hypothesis).sum()), len(hypothesis))
    model, n = link.channel.model, link.symbols.real_dimensions
    place = Place("echo_alone", "SNR in dB", model)
    yield place.row("bundle, echo only", snr_db, "sensing_accuracy", accuracy)
    told = {key: at.echo_of(bundle)[key] for key in ("sensing_snr_db", "fading", "max_frequency_offset")}
    best = posterior.code_book_accuracy(code_book, echo, hypothesis, **told)
    yield place.row(BEST_ALONE, snr_db, "sensing_accuracy", best)
    energy = baselines.energy_detector(model, n, snr_db)
    yield place.row("energy detector", snr_db, "sensing_accuracy", energy)


def _false_alarm_rows(name: str, images: int | None, snr_db: float) -> Iterator[Result]:
    """Detection probability of the detector that knows the symbols, at fixed probabilities of a false alarm.

    It cannot be better than a detector that knows the Doppler shift too, whose figure is exact.
    """
    roc = {"none": detection.roc_unknown_phase, "rayleigh": detection.roc_rayleigh}
    bundle = Bundle.load(name)
    link = bundle.interface(ImageLink)
    frames, uses = images or DETECTION_FRAMES, link.symbols.channel_uses
    encoded = _kept_symbols(bundle.path, bundle.fingerprint, frames * uses)
    symbols = learned_waveforms(encoded, uses, frames)
    at = Conditions(sensing_snr_db=snr_db, target_probability=1.0)
    echo, _ = reference_channel.echo_channel(symbols, **at.echo_of(bundle), seed=1)
    found = log_likelihood_ratios(bundle, symbols, echo, at)
    thresholds = false_alarm_thresholds(bundle, symbols, at)
    for rate, threshold in zip(FALSE_ALARM_RATES, thresholds, strict=True):
        place = Place("false_alarms", "sensing SNR in dB", link.channel.model, f"Pfa {rate:g}")
        detected = metrics.proportion(int((found > threshold).sum()), frames)
        yield place.row("bundle, symbols known", snr_db, "detection_probability", detected)
        best = float(roc[link.sensing.fading](2 * uses, snr_db, rate))
        yield place.row("optimal detector, Doppler known", snr_db, "detection_probability", best)


CELLS: dict[str, tuple[Callable[..., Iterator[Result]], list[tuple]]] = {
    "snr": (_snr_rows, [(snr_db,) for snr_db in np.arange(-10.0, 20.1, 2.5)]),
    "presence": (_presence_rows, [(n,) for n in PRESENCE_DIMENSIONS]),
    "ranges": (_range_rows, [(delay, ranges) for delay in (0, 1) for ranges in RANGES]),
    "echo_alone": (_echo_alone_rows, [(snr_db,) for snr_db in SNR_DB]),
    "false_alarms": (_false_alarm_rows, [(snr_db,) for snr_db in FALSE_ALARM_SNR_DB]),
}
"""Figures that measure bundles as they are: rows of a cell, and where the cells are."""


def log_likelihood_ratios(
    bundle: Bundle, symbols: np.ndarray, echo: np.ndarray, conditions: Conditions
) -> np.ndarray:
    """ln of target against noise that the detector finds, float32 (frames,)."""
    fair = replace(conditions, target_probability=0.5)
    none, target = np.log(np.maximum(sense(bundle, symbols, echo, fair), 1e-37)).T
    return target - none


def false_alarm_thresholds(bundle: Bundle, symbols: np.ndarray, conditions: Conditions) -> np.ndarray:
    """Statistics that noise alone exceeds with each of FALSE_ALARM_RATES.

    One in a million is counted by drawing echoes of a Rayleigh target, which reach as far, in place of noise,
    each of which counts as the likelihood of noise over that of such a target: P(noise: s > t) =
    E(target: exp(-l); s > t), l its log-likelihood ratio.
    """
    drawn = replace(conditions, fading="rayleigh", sensing_snr_db=DRAWN_SNR_DB, target_probability=1.0)
    echo, _ = reference_channel.echo_channel(symbols, **drawn.echo_of(bundle), seed=2)
    counts = np.exp(-log_likelihood_ratios(bundle, symbols, echo, drawn).astype(np.float64))
    statistic = log_likelihood_ratios(bundle, symbols, echo, conditions)
    order = np.argsort(-statistic)
    exceeded = np.cumsum(counts[order]) / len(symbols)
    return statistic[order][np.searchsorted(exceeded, FALSE_ALARM_RATES)]


def detector_accuracy(bundle: Bundle, symbols: np.ndarray, conditions: Conditions) -> metrics.Metric:
    """Accuracy of the bundle's detector, which knows the symbols."""
    echo, hypothesis = _echoes(bundle, symbols, conditions)
    found = sense(bundle, symbols, echo, conditions).argmax(axis=1)
    return metrics.proportion(int((found == hypothesis).sum()), len(hypothesis))


def optimal_accuracy(bundle: Bundle, symbols: np.ndarray, conditions: Conditions) -> metrics.Metric:
    """Accuracy of the optimal decision on the very same echoes."""
    echo, hypothesis = _echoes(bundle, symbols, conditions)
    optimal = posterior.range_posterior(echo, symbols, **conditions.echo_of(bundle)).argmax(axis=1)
    return metrics.proportion(int((optimal == hypothesis).sum()), len(hypothesis))


def _echoes(bundle: Bundle, symbols: np.ndarray, conditions: Conditions) -> tuple[np.ndarray, np.ndarray]:
    """Echoes of symbols, and the true hypotheses."""
    return reference_channel.echo_channel(symbols, seed=conditions.seed + 1, **conditions.echo_of(bundle))
