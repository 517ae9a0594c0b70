# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""run_beam_tracking.py as a person uses it: mistakes, Ctrl-C, files, killed sensors, figures by hand."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import running_program
from patience import HANG_S

from semisac_ml.data import beam_recordings
from semisac_ml.sensors.camera import SHAPE as CAMERA_SHAPE
from semisac_ml.signal.beam_tracking import track

pytest.importorskip("gnuradio.semisac", reason="run_beam_tracking.py needs GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")

from beam_samples import street
from tiny_beam_bundle import make_tiny_beam_bundle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "apps" / "run_beam_tracking.py"
FIGURES = {"beams_per_frame", "overhead_saved", "power_loss_db", "best_beam", "lost"}


@pytest.fixture(autouse=True, scope="module")
def surroundings(own_home, tmp_path_factory):
    """A made-up bundle vi_beam/tiny."""
    models = tmp_path_factory.mktemp("models")
    make_tiny_beam_bundle(models / "vi_beam" / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMISAC_MODELS", str(models))
        patch.setenv("SEMISAC_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        yield


def call(*arguments, python: tuple[str, ...] = (sys.executable,), cwd: Path | None = None):
    """Run the program to its end."""
    command = [*python, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=HANG_S)


def measure(folder: Path, *arguments) -> dict:
    """JSON that a run writes."""
    file = folder / "figures.json"
    done = call("--json", file, "--no-report", "--quiet", "--bundle", "vi_beam/tiny", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "run_beam_tracking" not in done.stderr  # no warning
    return json.loads(file.read_text())


def assert_one_line(done: subprocess.CompletedProcess, pattern: str) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("run_beam_tracking: ")
    assert re.search(pattern, done.stderr), done.stderr


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (("--data", "/no/such/place"), "no such folder, expected made-up, sample, deepsense6g or a folder"),
        (("--data", "sample", "--scenario", "7"), "scenario 7 is not there, expected one of: 100, 120"),
        (
            ("--bundle", str(ROOT / "models/jssc/awgn")),
            "bundle jssc/awgn sends images, expected one that predicts beams: choose one",
        ),
        (("--bundle", "vi_beam/unheard_of"), "'vi_beam/unheard_of' not found.*vi_beam/tiny"),
        (("--kill", "sonar@5s"), "--kill is 'sonar@5s', expected SENSOR@SECONDS .* of gps, camera,"),
        (("--kill", "lidar@5s"), "--kill lidar@5s does nothing here, expected one of gps, beams, predictor"),
        (("--kill", "gps"), "--kill is 'gps'"),
        (("--kill", "gps@8-5s"), "--kill is 'gps@8-5s', expected an end after the beginning"),
        (("--drives", "mine"), "--drives is 'mine', expected one of held-out, all"),
        (("--frames", "-1"), "--frames is -1"),
        (("--frames-per-s", "-2"), "--frames-per-s is -2"),
        (("--cover", "0"), "--cover is 0"),
        (("--cover", "nan"), "--cover is nan"),
        (("--seed", "-1"), "--seed is -1"),
        (("--report", "no_such_folder/picture.png"), "no_such_folder does not exist"),
        (("--json", "."), "is a folder, expected a file"),
        (("--json", "same", "--report", "same"), "--report and --json are both same"),
        (("--report", ""), "--report is empty, expected a value"),
        (("--scenario", "7"), "--scenario is 7, but --data made-up has none: leave it out"),
        (("--loud",), "Unknown option: --loud"),
    ],
)
def test_a_mistake_is_one_line(called_here, arguments, pattern, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_one_line(called_here("beam_tracking.command", "--bundle", "vi_beam/tiny", *arguments), pattern)


def test_a_python_without_gnu_radio_is_told_what_to_do():
    done = call(python=(sys.executable, "-S"))  # -S: no site packages
    assert_one_line(done, r"cannot import GNU Radio.*(make loopback|activate)")


def test_a_run_without_data_writes_table_json_and_picture(tmp_path):
    from PIL import Image

    done = call("--bundle", "vi_beam/tiny", "--frames", "30", "--json", "figures.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for label in ("Beams measured a frame", "Below the strongest beam", "More than 5 beams off"):
        assert label in done.stdout
    content = json.loads((tmp_path / "figures.json").read_text())
    assert set(content["metrics"]) == FIGURES
    for name, metric in content["metrics"].items():
        assert metric["low"] <= metric["value"] <= metric["high"], name
        assert metric["n"] == 30
    assert content["finished"] is True
    assert content["bundle"]["name"] == "vi_beam/tiny"
    assert content["counters"]["frames judged"] == 30
    picture = Image.open(tmp_path / "beam_tracking.png")
    assert picture.format == "PNG" and picture.width > 1000
    assert sorted(file.name for file in tmp_path.iterdir()) == ["beam_tracking.png", "figures.json"]


def test_the_sample_that_ships(tmp_path):
    content = measure(tmp_path, "--data", "sample")
    assert content["metrics"]["beams_per_frame"]["n"] == 9


def test_tracker_alone_is_the_numpy_tracker(tmp_path):
    place = street(tmp_path, drives=3, frames=12)
    content = measure(tmp_path, "--data", place, "--bundle", "none")
    recorded = beam_recordings.load(place)
    found = track(recorded.power_db, recorded.drive)
    assert content["frames"]["beam"] == found.beam.tolist()
    assert content["frames"]["measured"] == found.measured.tolist()
    loss_db = recorded.power_db.max(axis=1) - recorded.power_db[np.arange(36), found.beam]
    assert content["metrics"]["power_loss_db"]["value"] == pytest.approx(loss_db.mean(), abs=1e-5)
    off = np.abs(found.beam - recorded.power_db.argmax(axis=1))
    assert content["metrics"]["lost"]["value"] == pytest.approx((off > 5).mean())


def test_the_tracker_alone_stands_beside_a_bundle(tmp_path):
    place = street(tmp_path, drives=3, frames=12)
    both = measure(tmp_path, "--data", place)
    alone = measure(tmp_path, "--data", place, "--bundle", "none")
    assert both["tracker_alone"] == alone["metrics"]
    assert alone["tracker_alone"] is None
    assert both["inference"] == {"provider": "cpu", "threads": 1, "precision": "float32"}
    assert alone["inference"] is None


def test_killed_sensors(tmp_path):
    """100 ms a frame: frames 10 to 19 and 40 on have no measurements, 25 to 29 no position."""
    kills = ("--kill", "beams@1-2s", "--kill", "gps@2.5s-3", "--kill", "BEAMS@4s")
    content = measure(tmp_path, "--frames", "50", *kills)
    dead = [frame for frame, count in enumerate(content["frames"]["measured"]) if count == 0]
    assert dead == [*range(10, 20), *range(40, 50)]
    assert content["counters"]["predictor: position taken"] == 45
    assert content["settings"]["kill"] == ["beams@1-2s", "gps@2.5-3s", "beams@4s"]


def test_sensors_that_the_bundle_takes_are_replayed_and_killed(tmp_path):
    """The sample has nine frames of 0.1 s; the bundle takes its pictures, and no LiDAR."""
    bundle = make_tiny_beam_bundle(tmp_path / "vi_beam" / "seeing", camera=True, picture=CAMERA_SHAPE)
    options = ("--data", "sample", "--bundle", bundle)
    content = measure(tmp_path, *options, "--kill", "camera@0.3s")
    assert content["counters"]["predictor: camera taken"] == 3
    assert content["counters"]["predictor: position taken"] == 9
    assert_one_line(call(*options, "--kill", "radar@1s"), "expected one of gps, camera, beams, predictor")


def test_a_killed_predictor_leaves_the_tracker(tmp_path):
    content = measure(tmp_path, "--frames", "40", "--kill", "predictor@0s")
    assert "predictor: predictions" not in content["counters"]
    assert content["frames"]["measured"][0] >= 32  # a track without a prediction starts with a sweep


def test_only_drives_that_training_held_out(tmp_path):
    """The tiny bundle does not say which drives it has seen; one that does gives only the others."""
    manifest = make_tiny_beam_bundle(tmp_path / "vi_beam" / "told") / "manifest.json"
    told = json.loads(manifest.read_text())
    told["data"]["trained_drives"] = [f"scenario1/{drive}" for drive in range(1, 9)]
    manifest.write_text(json.dumps(told))
    place = street(tmp_path, drives=10, frames=5)
    some = measure(tmp_path, "--data", place, "--bundle", manifest.parent)
    every = measure(tmp_path, "--data", place, "--bundle", manifest.parent, "--drives", "all")
    assert (some["metrics"]["lost"]["n"], every["metrics"]["lost"]["n"]) == (10, 50)
    assert "held out" in some["settings"]["drives"]
    told["data"]["trained_drives"] += ["scenario1/9", "scenario1/10"]
    manifest.write_text(json.dumps(told))
    assert_one_line(call("--data", place, "--bundle", manifest.parent), "trained on all of these drives")


def test_the_same_seed_gives_the_same_figures(tmp_path):
    def figures(seed: str) -> dict:
        return measure(tmp_path, "--frames", "60", "--seed", seed)["frames"]

    first = figures("5")
    assert figures("5") == first
    assert figures("6") != first


def test_json_on_standard_output(tmp_path):
    done = call("--bundle", "none", "--frames", "5", "--json", "-", "--no-report", cwd=tmp_path)
    assert json.loads(done.stdout)["metrics"]["lost"]["n"] == 5
    assert "Beams measured" in done.stderr


def test_a_window_that_nobody_closes_ends_with_the_drives(tmp_path):
    pytest.importorskip("PyQt5", reason="the window needs it")
    file = tmp_path / "figures.json"
    options = ("--bundle", "vi_beam/tiny", "--frames", "20", "--window", "--frames-per-s", "50")
    done = call(*options, "--json", file, "--no-report", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(file.read_text())["counters"]["frames judged"] == 20


def test_ctrl_c_reports_what_was_done(tmp_path):
    command = [
        sys.executable, running_program.__file__, "--frame", str(SCRIPT), "--bundle", "vi_beam/tiny",
        "--frames-per-s", "20",
        "--json", "figures.json",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a test run in the background of a shell ignores Ctrl-C, and its children would too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        running_program.started(process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=HANG_S)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    told = re.search(r"run_beam_tracking: interrupted after (\d+) of 348 frames\n$", errors)
    assert told, errors
    content = json.loads((tmp_path / "figures.json").read_text())
    assert content["finished"] is False
    assert int(told[1]) <= content["metrics"]["lost"]["n"] < 348
    assert (tmp_path / "beam_tracking.png").exists()


def test_the_radio_side_imports_no_torch(tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); from beam_tracking import command;"
        "command.run(['--bundle', 'vi_beam/tiny', '--frames', '5', '--no-report', '-q']);"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, timeout=HANG_S, cwd=tmp_path)
    assert done.returncode == 0
