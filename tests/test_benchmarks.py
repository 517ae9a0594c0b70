# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""benchmarks/run.py runs and writes what it says; how fast anything is, is no test's business."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG_S

pytest.importorskip("gnuradio", reason="benchmarks run flowgraphs")

from semisac_ml.results import read_results

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).resolve().parent.parent / "benchmarks" / "run.py"
FIELDS = {"name", "value", "unit", "peer", "peer_value", "ratio", "goal", "machine", "date"}
LEARNED = {"jscc_encoder", "jscc_decoder", "task_decoder", "sensing_decoder"}


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        timeout=3 * HANG_S,
        check=False,
    )


def test_quick_run_writes_every_benchmark(tiny_bundle: Path, tmp_path: Path):
    pytest.importorskip("torch", reason="simac is measured beside PyTorch")
    file = tmp_path / "bench.json"
    done = run("--bundle", "jssc/tiny", "--quick", "--json", str(file))
    assert done.returncode == 0, done.stderr
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
    }
    for record in records:
        assert record.keys() == FIELDS
        assert record["value"] > 0 and record["peer_value"] > 0
        assert record["ratio"] == pytest.approx(record["value"] / record["peer_value"], rel=1e-3)
        learned = record["name"] in LEARNED | {"loopback"}
        assert record["goal"] == 0.85 if learned else record["goal"] in (None, 1.0, 1.5, 3.0, 5.0, 10.0)
        assert record["unit"] in ("images/s", "MS/s", "maps/s", "samples/s", "symbols/s")
        assert record["peer"] and "core" in record["machine"]
        datetime.date.fromisoformat(record["date"])


def test_only_measures_what_is_named(tiny_bundle: Path, tmp_path: Path):
    file = tmp_path / "bench.json"
    done = run("--bundle", "jssc/tiny", "--quick", "--only", "task_decoder", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert [record["name"] for record in json.loads(file.read_text())] == ["task_decoder"]


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
def test_mistakes_are_one_line(tiny_bundle: Path, arguments: list[str], expected: str):
    done = run(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr and len(done.stderr.splitlines()) == 1


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
