# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of benchmarks: what a ratio means, when one has fallen, and the page that is made of them."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from suite import page, record  # noqa: E402
from suite.record import Comparison, Record, asked  # noqa: E402

from semisac_ml.processor import machine  # noqa: E402

STORED = Record(
    "encoder", 90.0, "images/s", "ONNX Runtime (1 thread)", 100.0, 0.9, 0.85, "old, 4 cores", "2026-11-01"
)
HERE = machine()


def measured(unit: str, own: float, peer: float) -> Record:
    comparison = Comparison("group", "name", unit, "peer", "as it is", lambda s: own, lambda s: peer)
    return record.record(comparison, [(own, peer)])


def test_ratios_say_how_good_ours_is():
    assert measured("MS/s", 30.0, 20.0).ratio == pytest.approx(1.5)
    assert measured("ms", 50.0, 100.0).ratio == pytest.approx(2.0)
    assert measured("% of a core", 2.0, 1.0).ratio == pytest.approx(0.5)


def test_what_is_asked_is_met_at_a_ratio_of_one():
    comparison = asked("group", "latency", "ms", 100.0, "of the project", lambda seconds: 80.0)
    found = record.record(comparison, [(comparison.measure(1.0), comparison.measure_peer(1.0))])
    assert (found.peer, found.goal) == ("goal (of the project)", 1.0)
    assert found.ratio == pytest.approx(1.25)


def test_a_ratio_falls_by_more_than_a_fifth():
    now = dataclasses.replace(STORED, ratio=0.73, machine=HERE, date="2026-11-30")
    assert record.fallen([now], [STORED]) == {}
    (line,) = record.fallen([dataclasses.replace(now, ratio=0.71)], [STORED]).values()
    said = (
        "encoder: ratio 0.71, more than 20 % below the best that was stored, 0.9 (2026-11-01, old, 4 cores)"
    )
    assert line == said


def test_a_ratio_that_falls_by_little_each_time_falls():
    first = dataclasses.replace(STORED, ratio=1.0)
    (second,) = record.with_best([dataclasses.replace(STORED, ratio=0.85)], [first])
    assert (second.ratio, second.best) == (0.85, 1.0)
    assert record.fallen([dataclasses.replace(STORED, ratio=0.75)], [second])
    (better,) = record.with_best([dataclasses.replace(STORED, ratio=1.1)], [second])
    assert better.best is None and better.reference == 1.1


def test_what_is_not_compared_is_told():
    now = [STORED, dataclasses.replace(STORED, name="decoder")]
    stored = [STORED, dataclasses.replace(STORED, name="radar")]
    assert record.unchecked(now, stored) == [
        "decoder: nothing stored to compare with",
        "radar: is stored, was not measured",
    ]


@pytest.mark.parametrize("changed", [{"name": "decoder"}, {"peer": "ONNX Runtime (2 threads)"}])
def test_another_comparison_is_none(changed):
    now = dataclasses.replace(STORED, ratio=0.1, **changed)
    assert record.fallen([now], [STORED]) == {}


@pytest.mark.parametrize(("machine", "falls"), [("old, 4 cores", True), ("new, 2 cores", False)])
def test_plain_figures_are_compared_on_the_same_machine(machine, falls):
    stored = dataclasses.replace(STORED, peer="goal (of the project)")
    now = dataclasses.replace(stored, ratio=0.1, machine=machine)
    assert bool(record.fallen([now], [stored])) is falls


def test_rows_of_others_stay_in_their_order():
    others = [dataclasses.replace(STORED, name=name) for name in ("a", "b", "c")]
    new = dataclasses.replace(STORED, name="b", ratio=2.0)
    found = record.merged([new], others, ["c", "b", "d"])
    assert [(one.name, one.ratio) for one in found] == [("c", 0.9), ("b", 2.0)]


def test_a_file_of_another_kind_is_refused(tmp_path):
    file = tmp_path / "bench.json"
    assert record.read(file) == []
    record.write([STORED], file)
    assert record.read(file) == [STORED]
    file.write_text(json.dumps([{"speed": 1}]))
    with pytest.raises(ValueError, match="holds no benchmarks"):
        record.read(file)


def test_the_page_is_what_the_command_makes_of_the_stored_file():
    made = page.written(record.read(ROOT / "results" / "benchmarks" / "bench.json"))
    stored = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert stored == made, "run `make bench ARGS=--page` and commit docs/performance.md"


def test_the_page_says_what_falls_short():
    rows = [
        dataclasses.replace(STORED, name="jscc_encoder", ratio=0.5),
        Record(
            "link and radar, 4 targets",
            8.0,
            "MS/s",
            "goal (of the project)",
            10.0,
            0.8,
            1.0,
            HERE,
            "2026-11-30",
        ),
    ]
    text = page.written(rows)
    assert "| jscc_encoder | 90 images/s | ONNX Runtime (1 thread) | 100 | 0.50 (short) |" in text
    assert "- **jscc_encoder**: 0.50, asked a ratio of 0.85." in text
    assert "- **link and radar, 4 targets**: 8 MS/s, asked 10 MS/s: " in text
    assert f"old, 4 cores and on {HERE}" in text
    with pytest.raises(ValueError, match="'modem' has no table"):
        page.written([dataclasses.replace(STORED, name="modem")])
