# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of an evaluation as JSON, CSV, a table for the console, and pictures."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from semisac_ml.beams.samples import AT_RANDOM, BY_SEQUENCE, BeamSamples
from semisac_ml.beams.scores import Figures, Tested, pooled_reliability, sample_scores, summarise
from semisac_ml.outputs import output_file, write_output
from semisac_ml.signal.beams import PAPER_THRESHOLDS

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
SPLIT_KEYS = {BY_SEQUENCE: "split_by_sequence", AT_RANDOM: "random_split"}


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
        found.setdefault(SPLIT_KEYS[kind], {}).setdefault(predictor, {})[inputs or "its own"] = entry
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
    stem = group[0].split.rpartition(", seed")[0]
    return f"{stem}, seeds {', '.join(str(one.seed) for one in group)}"


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


def write_csv(path: Path, content: dict[str, Any]) -> None:
    """One figure a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("split", "predictor", "inputs", "scenario", "metric", "value", "low", "high", "sd", "n")
        )
        for kind, predictor, inputs, entry in _entries(content):
            scenarios: dict[str, Figures] = {"mean": entry["metrics"], **entry["per_scenario"]}
            for scenario, figures in scenarios.items():
                for metric, one in figures.items():
                    numbers = [f"{one[key]:.5g}" if key in one else "" for key in ("value", "low", "high")]
                    sd = f"{one['sd']:.3g}" if "sd" in one else ""
                    writer.writerow((kind, predictor, inputs, scenario, metric, *numbers, sd, one["n"]))


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
        if inputs == "its own":
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


@contextlib.contextmanager
def picture(path: Path, columns: int, width: float, height: float) -> Iterator[Any]:
    """Axes of a picture that is then written: one, or an array of several side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, columns, figsize=(width, height), layout="constrained")
    yield axes
    for axis in np.atleast_1d(axes):
        axis.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw(path: Path, samples: BeamSamples, tested: list[Tested], content: dict[str, Any]) -> None:
    """DBA of all predictors with the drives held out, and the reliability diagram of the system."""
    shown = [
        (_label(predictor, inputs, content["system"]), entry["metrics"]["dba"])
        for kind, predictor, inputs, entry in _entries(content)
        if kind == BY_SEQUENCE and predictor != "exhaustive sweep"
    ]
    values = [one["value"] for _, one in shown]
    spread = [
        [one["value"] - one["low"] for _, one in shown],
        [min(one["high"], 1.0) - one["value"] for _, one in shown],
    ]
    with picture(path, 2, 12, max(4.2, 1.0 + 0.25 * len(shown))) as (bars, diagram):
        bars.barh(range(len(shown)), values, xerr=spread, color="tab:blue", alpha=0.8)
        bars.set_yticks(range(len(shown)), [name for name, _ in shown], fontsize=7)
        bars.invert_yaxis()
        bars.set_xlim(max(min(values) - 0.15, 0.0), 1.0)
        bars.set_xlabel("DBA (challenge), drives held out, 95 % interval over splits")
        bars.set_title(f"{content['system']} with these inputs, and what it is compared with", fontsize=9)
        for (kind, predictor, inputs), group in grouped(tested).items():
            if kind == BY_SEQUENCE and predictor == content["system"]:
                found = pooled_reliability(samples, group)
                there = found.count > 0
                label = f"{inputs}: ECE {found.expected_calibration_error:.3f}"
                diagram.plot(found.confidence[there], found.accuracy[there], "o-", markersize=4, label=label)
        diagram.plot((0, 1), (0, 1), "k:", linewidth=1)
        diagram.set_xlabel("probability of the likeliest beam")
        diagram.set_ylabel("share of right ones")
        diagram.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _label(predictor: str, inputs: str, system: str) -> str:
    if predictor == system:
        return inputs
    return predictor if inputs == "its own" else f"{predictor}, {inputs}"


def draw_comparison(path: Path, title: str, content: dict[str, Any]) -> None:
    """DBA of several trainings with each set of inputs, drives held out."""
    entries = content[SPLIT_KEYS[BY_SEQUENCE]]
    names = list(dict.fromkeys(inputs for by_inputs in entries.values() for inputs in by_inputs))
    with picture(path, 1, 9, 4.2) as axis:
        for place, (label, by_inputs) in enumerate(entries.items()):
            scores = [one["metrics"]["dba"] for one in by_inputs.values()]
            offset = (place - (len(entries) - 1) / 2) * 0.7 / len(entries)
            middle = [names.index(inputs) + offset for inputs in by_inputs]
            deviation = [one.get("sd", 0.0) for one in scores]
            axis.errorbar(
                middle, [one["value"] for one in scores], deviation, fmt="o", capsize=3, label=label
            )
        axis.set_xticks(range(len(names)), names, fontsize=8)
        axis.set_ylabel("DBA (challenge), drives held out")
        told = f"{title}; {', '.join(content['scenarios'])}, mean and deviation over splits"
        axis.set_title(told, fontsize=10)
        axis.legend(fontsize=7, loc="lower left")


def write_comparison(
    results: Path, name: str, title: str, samples: BeamSamples, tested: list[Tested]
) -> list[Path]:
    """CSV and picture of several trainings; returns their files."""
    files = [results / f"{name}.csv", results / f"{name}.png"]
    content = as_json(samples, tested, {})
    write_csv(files[0], content)
    draw_comparison(files[1], title, content)
    return files


SCORES_OF_PARTS = ("dba", "dba_thresholds", "top1", "top3", "power_loss_db")


def part_rows(samples: BeamSamples, tested: Tested) -> list[dict[str, Any]]:
    """Mean scores over all samples that were tested, then over each part: light, scores and n."""
    names, part = samples.parts
    scores, own = sample_scores(samples, tested), part[tested.rows]
    rows = []
    for light in ("all", *(name for place, name in enumerate(names) if (own == place).any())):
        chosen = slice(None) if light == "all" else own == names.index(light)
        means = {score: float(scores[score][chosen].mean()) for score in SCORES_OF_PARTS}
        rows.append({"light": light, **means, "n": len(own[chosen])})
    return rows


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """A CSV file of these columns; others are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def draw_bars(axis: Any, names: Sequence[str], series: dict[str, dict[str, float]]) -> None:
    """Values by name, of several series side by side, such as DBA."""
    for place, (label, values) in enumerate(series.items()):
        offset = (place - (len(series) - 1) / 2) * 0.8 / len(series)
        heights = [values.get(name, 0.0) for name in names]
        axis.bar(np.arange(len(names)) + offset, heights, 0.8 / len(series), label=label)
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=7)
    axis.set_ylabel("DBA (challenge), drives held out")
    axis.legend(fontsize=6, ncols=2, loc="lower right")
