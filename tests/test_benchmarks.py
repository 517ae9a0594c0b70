# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""benchmarks/run.py runs and writes what it says; how fast anything is, is no test's business."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG_S

pytest.importorskip("gnuradio", reason="benchmarks run flowgraphs")

from semisac_ml.results import read_results

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).resolve().parent.parent / "benchmarks" / "run.py"
FIELDS = {"name", "value", "unit", "peer", "peer_value", "ratio", "goal", "machine", "date", "best"}
LEARNED = {"jscc_encoder", "jscc_decoder", "task_decoder", "sensing_decoder"}


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        timeout=3 * HANG_S,
        check=False,
    )


@pytest.fixture
def tiny_users(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up bundle csc_sa_net/tiny beside jssc/tiny, so that none has to be exported."""
    pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")
    from tiny_fusion_bundle import make_tiny_fusion_bundle

    make_tiny_fusion_bundle(tmp_path / "models" / "csc_sa_net" / "tiny")
    folders = (tmp_path / "models", tiny_bundle.parents[1])
    monkeypatch.setenv("SEMISAC_MODELS", os.pathsep.join(map(str, folders)))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """The program's module, to run it in this process."""
    for folder in ("benchmarks", "apps"):
        monkeypatch.syspath_prepend(str(PROGRAM.parents[1] / folder))
    from suite import command

    return command


@pytest.mark.usefixtures("tiny_users")
def test_quick_run_writes_every_benchmark(command, tmp_path: Path, request: pytest.FixtureRequest):
    pytest.importorskip("torch", reason="simac is measured beside PyTorch")
    request.getfixturevalue("traced")
    file = tmp_path / "bench.json"
    assert command.run(["--bundle", "jssc/tiny", "--quick", "--json", str(file)]) == 0
    records = json.loads(file.read_text())
    assert {record["name"].partition(",")[0] for record in records} == LEARNED | {
        "fading_channel",
        "echo_channel",
        "mimo_ofdm_channel",
        "frames",
        "echo_processor",
        "cfar_detector",
        "target_emulator",
        "link and radar",
        "simac",
        "loopback",
        "encoder of jssc/tiny",
        "prediction of a beam",
        "pictures through the whole link",
        "latency of pictures",
        "run_receiver.py",
        "uplink of two users",
        "air_interface",
        "pluto",
        "on_air",
        "targets",
    } | {record["name"].partition(",")[0] for record in records if record["name"].startswith("scene,")}
    for record in records:
        assert record.keys() == FIELDS
        assert record["value"] > 0 and record["peer_value"] > 0
        rate = record["value"] / record["peer_value"]
        costs = record["unit"] in ("ms", "s", "% of a core", "cores", "times", "samples")
        assert record["ratio"] == pytest.approx(1.0 / rate if costs else rate, rel=2e-3)
        learned = record["name"] in LEARNED - {"sensing_decoder"} | {"loopback"}
        assert record["goal"] == 0.85 if learned else record["goal"] in (None, 0.5, 1.0, 1.5, 3.0, 5.0, 10.0)
        assert costs or record["unit"].endswith("/s") or record["unit"] in ("%", "million samples")
        assert record["peer"] and "core" in record["machine"]
        datetime.date.fromisoformat(record["date"])


def test_only_measures_what_is_named(tiny_bundle: Path, tmp_path: Path):
    file = tmp_path / "bench.json"
    done = run("--bundle", "jssc/tiny", "--quick", "--only", "task_decoder", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert [record["name"] for record in json.loads(file.read_text())] == ["task_decoder"]


@pytest.fixture
def bench(command, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The program in this process, with two made-up comparisons, its own file and page."""
    from suite.record import Comparison

    rates = {"loopback": 100.0, "air": 50.0}

    def comparisons(bundle, batch):
        return [
            Comparison(name, name, "MS/s", "peer", "1 thread", lambda s, n=name: rates[n], lambda s: 100.0)
            for name in rates
        ]

    monkeypatch.setattr(command, "_comparisons", comparisons)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "stored.json")
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(command.page, "written", lambda records: f"{len(records)} rows")
    told = ["--bundle", "jssc/tiny", "--seconds", "0.01", "--repeats", "2"]
    return rates, lambda *arguments: command.run([*told, *arguments])


def test_a_ratio_that_fell_fails_and_stays_stored(bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rates, call = bench
    stored = tmp_path / "stored.json"
    assert call() == 0
    assert (tmp_path / "page.md").read_text() == "2 rows"
    before = stored.read_bytes()
    rates["air"] = 39.0
    capsys.readouterr()
    assert call() == 1
    told = capsys.readouterr().err.splitlines()
    assert any(
        line.startswith("bench: air: ratio 0.39, more than 20 % below the best that was stored, 0.5 (")
        for line in told
    )
    assert stored.read_bytes() == before
    assert call("--only", "air", "--json", str(stored)) == 1  # asked for: written all the same
    ratios = {record["name"]: record["ratio"] for record in json.loads(stored.read_text())}
    assert ratios == {"loopback": 1.0, "air": 0.39}
    assert call() == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--bundle", "jssc/absent"], "jssc/absent"),
        (["--bundle", "jssc/tiny", "--only", "modem"], "--only is 'modem', expected one of jscc_encoder"),
        (["--bundle", "jssc/tiny", "--batch", "0"], "--batch is 0, expected 1 or more"),
        (["--bundle", "jssc/tiny", "--json", "/nowhere/bench.json"], "/nowhere does not exist"),
        (["--speed"], "--speed"),
    ],
)
def test_mistakes_are_one_line(command, tiny_bundle: Path, capsys, arguments: list[str], expected: str):
    assert command.run(arguments) == 2
    told = capsys.readouterr().err
    assert expected in told and len(told.splitlines()) == 1


def test_targets_over_frames_and_as_bare_symbols(tmp_path: Path):
    pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")
    from tiny_target_bundle import make_tiny_target_bundle

    bundle = make_tiny_target_bundle(tmp_path / "simac" / "tiny")
    program = PROGRAM.with_name("targets.py")
    told = ["--bundle", str(bundle), "--snr-db", "12", "--seeds", "1", "--results", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(program), *told], capture_output=True, text=True, timeout=HANG_S, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = read_results(tmp_path / "ofdm.csv")
    value = {(row.variant, row.metric): row.value for row in rows}
    bare, received, frames = "bare symbols", "bare symbols at the Es/N0 received", "frames of OFDM"
    assert value[bare, "received_snr_db"] == pytest.approx(12.0, abs=1e-3)
    assert value[received, "received_snr_db"] == pytest.approx(value[frames, "received_snr_db"], abs=1e-3)
    assert value[frames, "received_snr_db"] < 12.0  # three paths cost some of it
    for name, unit in (("distance", "m"), ("angle", "deg"), ("velocity", "mps")):
        ratio = value[frames, f"{name}_rmse_{unit}"] / value[received, f"{name}_rmse_{unit}"]
        assert value[f"{frames} over {received}", f"{name}_rmse_ratio"] == pytest.approx(ratio, rel=1e-4)
    assert all(row.conditions["scene"] == "a made-up road" and row.x == 12.0 for row in rows)
    assert (tmp_path / "ofdm.png").stat().st_size > 5000
