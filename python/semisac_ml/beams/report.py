# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of an evaluation as JSON, rows of results, a table for the console, and pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from semisac_ml.beams.protocol import Evaluation
from semisac_ml.beams.samples import AT_RANDOM, BY_SEQUENCE, IN_FOLDS, BeamSamples
from semisac_ml.beams.scores import Tested, pooled_reliability, sample_scores, summarise
from semisac_ml.outputs import write_output
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import curves, picture, side_by_side, slant_names, spread
from semisac_ml.signal.beams import PAPER_THRESHOLDS
from semisac_ml.signal.metrics import mean_over_groups

SHOWN = {
    "dba": "DBA",
    "top1": "top-1",
    "top3": "top-3",
    "power_loss_db": "loss\ndB",
    "power_loss_top3_db": "best of\n3, dB",
    "lost": "lost",
    "ece": "ECE",
    "overhead_beams": "beams",
}
OWN_INPUTS, MEAN = "its own", "mean"
SPLIT_KEYS = {BY_SEQUENCE: "split_by_sequence", IN_FOLDS: "split_in_folds", AT_RANDOM: "random_split"}


def grouped(tested: list[Tested]) -> dict[tuple[str, str, str], list[Tested]]:
    """By kind of split, predictor and inputs, in the order of the first of each."""
    groups: dict[tuple[str, str, str], list[Tested]] = {}
    for one in tested:
        groups.setdefault((one.kind, one.predictor, one.inputs), []).append(one)
    return groups


def as_json(samples: BeamSamples, tested: list[Tested], about: dict[str, Any]) -> dict[str, Any]:
    """The whole evaluation as JSON values.

    "metrics" and "per_scenario" are those of the system with the first inputs, drives held out; the same for
    all splits, predictors and inputs is below "split_by_sequence" and "random_split". "scenarios" are the
    parts that figures are told by, be it times of day. "blockage" is there where anybody knows it.
    """
    about = {"scenarios": list(samples.parts[0]), "inputs": tested[0].inputs, **about}
    about |= {"samples_left_out": len(samples.left_out), "left_out": list(samples.left_out)}
    found: dict[str, Any] = {**about, "dba_threshold_beams": list(PAPER_THRESHOLDS)}
    for (kind, predictor, inputs), group in grouped(tested).items():
        metrics, per_scenario = summarise(samples, group)
        entry = {
            "split": _split_name(group),
            "metrics": metrics,
            "per_scenario": per_scenario,
            "samples": sum(len(one.rows) for one in group),
            "samples_without_these_inputs": sum(one.asked - len(one.rows) for one in group),
        }
        found.setdefault(SPLIT_KEYS[kind], {}).setdefault(predictor, {})[inputs or OWN_INPUTS] = entry
        if "metrics" not in found:
            found |= {"split": entry["split"], "metrics": metrics, "per_scenario": per_scenario}
    if samples.light is not None:
        found["blockage"] = _blockage(tested)
    return found


def _blockage(tested: list[Tested]) -> dict[str, dict[str, float]]:
    """Figures of each set of inputs, mean over splits."""
    by_inputs: dict[str, list[dict[str, float]]] = {}
    for one in tested:
        if one.blockage is not None:
            by_inputs.setdefault(one.inputs, []).append(one.blockage)
    return {
        inputs: {key: float(np.mean([one[key] for one in own if key in one])) for key in own[0]}
        for inputs, own in by_inputs.items()
    }


def _split_name(group: list[Tested]) -> str:
    stem, seed, _ = group[0].split.rpartition(", seed")
    return f"{stem}, seeds {', '.join(str(one.seed) for one in group)}" if seed else group[0].split


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file, whole or not at all."""
    write_output(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _entries(content: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Split, predictor, inputs and entry of each combination."""
    return [
        (kind, predictor, inputs, entry)
        for kind, key in SPLIT_KEYS.items()
        for predictor, by_inputs in content.get(key, {}).items()
        for inputs, entry in by_inputs.items()
    ]


def rows_of(
    system: str, figure: str, samples: BeamSamples, tested: list[Tested], content: dict[str, Any]
) -> list[Result]:
    """Rows of an evaluation that :func:`as_json` made; ``dba_sd`` is the deviation of ``dba`` over splits.

    ``reliability`` is the share of right ones over the probability of the likeliest beam, ``cpu_hours`` what
    this run took of the processor, trainings included.
    """
    rows = []
    for (kind, predictor, inputs), group in grouped(tested).items():
        entry = content[SPLIT_KEYS[kind]][predictor][inputs or OWN_INPUTS]
        told = {
            "system": system,
            "figure": figure,
            "variant": predictor,
            "inputs": inputs or OWN_INPUTS,
            "seed": " ".join(str(one.seed) for one in group),
        }
        for scenario, figures in ({MEAN: entry["metrics"]} | entry["per_scenario"]).items():
            told["conditions"] = {"split": kind, "scenario": scenario}
            for metric, one in figures.items():
                interval = {key: one[key] for key in ("value", "low", "high", "n") if key in one}
                rows.append(Result(**told, metric=metric, **interval))
                if "sd" in one:
                    rows.append(Result(**told, metric=f"{metric}_sd", value=one["sd"], n=one["n"]))
        if kind == BY_SEQUENCE and predictor == system:
            told["conditions"] = {"x": "probability of the likeliest beam", "split": kind, "scenario": MEAN}
            found = pooled_reliability(samples, group)
            for x, value, count in zip(found.confidence, found.accuracy, found.count, strict=True):
                if count > 0:
                    of_bin = {"x": float(x), "value": float(value), "n": int(count)}
                    rows.append(Result(**told, metric="reliability", **of_bin))
    if "cpu_hours" in content:
        told = {"system": system, "figure": figure, "variant": system, "unit": "h"}
        budget = {"epochs": content["recipe"]["epochs"]}
        rows.append(Result(**told, conditions=budget, metric="cpu_hours", value=content["cpu_hours"]))
    return rows


def console_table(content: dict[str, Any], kind: str) -> Table:
    """Figures of one kind of split, mean over scenarios and splits; fits a console of 80 columns."""
    table = Table(
        title=f"split {kind}: mean of {', '.join(content['scenarios'])}, standard deviation over splits",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("predictor, its inputs", min_width=20, max_width=24)
    for heading in SHOWN.values():
        table.add_column(heading, justify="right", no_wrap=True)
    named = ""
    for own_kind, predictor, inputs, entry in _entries(content):
        if own_kind != kind:
            continue
        cells = [_cell(entry["metrics"].get(score)) for score in SHOWN]
        if inputs == OWN_INPUTS:
            table.add_row(predictor, *cells)
        else:
            table.add_row(f"{predictor}\n {inputs}" if predictor != named else f" {inputs}", *cells)
        named = predictor
    return table


def _cell(figure: dict[str, float] | None) -> str:
    if figure is None:
        return "–"
    spread = f"\n±{figure['sd']:.3f}" if figure.get("sd") else ""
    digits = 3 if figure["value"] < 9.9995 else 1
    return f"{figure['value']:.{digits}f}{spread}"


def over_scenarios(rows: list[Result], metric: str) -> list[Result]:
    """Rows of one metric with the drives held out, mean over scenarios."""
    place = {"split": BY_SEQUENCE, "scenario": MEAN}
    return [row for row in rows if row.metric == metric and place.items() <= row.conditions.items()]


def draw(path: Path, rows: list[Result]) -> None:
    """DBA of all predictors with the drives held out, and the reliability diagram of the system."""
    system = rows[0].system
    shown = [row for row in over_scenarios(rows, "dba") if row.variant != "exhaustive sweep"]
    values = [row.value for row in shown]
    within = [dataclasses.replace(row, high=row.high and min(row.high, 1.0)) for row in shown]
    error = {row.inputs: row.value for row in over_scenarios(rows, "ece") if row.variant == system}
    with picture(path, 12, max(4.2, 1.0 + 0.25 * len(shown))) as figure:
        bars, diagram = figure.subplots(1, 2)
        bars.barh(range(len(shown)), values, xerr=spread(within), color="tab:blue", alpha=0.8)
        bars.set_yticks(range(len(shown)), [_label(row) for row in shown], fontsize=7)
        bars.invert_yaxis()
        bars.set_xlim(max(min(values) - 0.15, 0.0), 1.0)
        bars.set_xlabel("DBA (challenge), drives held out, 95 % interval over drives")
        bars.set_title(f"{system} with these inputs, and what it is compared with", fontsize=9)
        curves(
            diagram,
            over_scenarios(rows, "reliability"),
            lambda row: {"marker": "o", "label": f"{row.inputs}: ECE {error[row.inputs]:.3f}"},
        )
        diagram.plot((0, 1), (0, 1), "k:", linewidth=1)
        diagram.set_xlabel("probability of the likeliest beam")
        diagram.set_ylabel("share of right ones")
        diagram.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _label(row: Result) -> str:
    if row.variant == row.system:
        return row.inputs
    return row.variant if row.inputs == OWN_INPUTS else f"{row.variant}, {row.inputs}"


def write_figures(
    results: Path, name: str, samples: BeamSamples, tested: list[Tested], content: dict[str, Any]
) -> list[Path]:
    """CSV and picture of an evaluation that :func:`as_json` made; returns their files."""
    files = [results / f"{name}.csv", results / f"{name}.png"]
    rows = rows_of(content["system"], name, samples, tested, content)
    write_results(files[0], rows)
    draw(files[1], rows)
    return files


def draw_comparison(path: Path, rows: list[Result], parts: str) -> None:
    """DBA of several trainings with each set of inputs, drives held out. parts: over which the mean is."""
    deviation = {(row.variant, row.inputs): row.value for row in over_scenarios(rows, "dba_sd")}
    shown = [
        dataclasses.replace(row, low=row.value - sd, high=row.value + sd)
        for row in over_scenarios(rows, "dba")
        for sd in (deviation.get((row.variant, row.inputs), 0.0),)
    ]
    with picture(path, 9, 4.2) as figure:
        axis = figure.subplots()
        side_by_side(axis, shown, lambda row: row.inputs, lambda row: row.variant, bars=False)
        axis.set_ylabel("DBA (challenge), drives held out")
        axis.set_title(f"{rows[0].system}: {rows[0].figure}; {parts}, mean and deviation over splits")
        axis.legend(fontsize=7, loc="lower left")


def write_comparison(asked: Evaluation, name: str, samples: BeamSamples, tested: list[Tested]) -> list[Path]:
    """CSV and picture of several trainings; returns their files."""
    files = [asked.results / f"{name}.csv", asked.results / f"{name}.png"]
    content = as_json(samples, tested, {})
    rows = rows_of(asked.system.name, name, samples, tested, content)
    write_results(files[0], rows)
    draw_comparison(files[1], rows, ", ".join(content["scenarios"]))
    return files


SCORES_OF_PARTS = ("dba", "dba_thresholds", "top1", "top3", "power_loss_db")
EVERY_LIGHT = "all"


def part_rows(
    samples: BeamSamples, tested: Tested, conditions: dict[str, str], **told: Any
) -> Iterator[Result]:
    """Mean scores over all samples that were tested, then over each part of them: times of day.

    conditions: beside the light; told: further columns.
    """
    names, part = samples.parts
    scores, own = sample_scores(samples, tested), part[tested.rows]
    for light in (EVERY_LIGHT, *(name for place, name in enumerate(names) if (own == place).any())):
        chosen = slice(None) if light == EVERY_LIGHT else own == names.index(light)
        at = {**conditions, "light": light}
        for score in SCORES_OF_PARTS:
            drive, light_of = samples.drive[tested.rows][chosen], own[chosen]
            found = mean_over_groups(scores[score][chosen], drive, light_of, np.zeros_like(light_of))
            yield Result(**told, conditions=at, seed=str(tested.seed), metric=score, **found.as_dict())


def draw_dba(axis: Any, rows: list[Result], name: Any, series: Any) -> None:
    """Bars of DBA by name, of several series side by side."""
    side_by_side(axis, [row for row in rows if row.metric == "dba"], name, series)
    slant_names(axis)
    axis.set_ylabel("DBA (challenge), drives held out")
    axis.legend(fontsize=6, ncols=2, loc="lower right")
