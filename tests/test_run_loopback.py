# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""run_loopback.py as a person uses it: mistakes, Ctrl-C, files, and figures against an offline evaluation."""

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

from semisac_ml.data import cifar10
from semisac_ml.runtime import PROVIDERS, Bundle, ImageLink, installed_providers
from semisac_ml.signal import channel, metrics

pytest.importorskip("gnuradio.semisac", reason="run_loopback.py needs GNU Radio and the module")

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "apps" / "run_loopback.py"
MODELS = ROOT / "models"
ABSENT = next(name for name in PROVIDERS if name not in installed_providers())
TIMING = {"images_per_s", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms"}
FIGURES = {
    "psnr_db", "ssim", "mse", "class_accuracy", "animal_accuracy", "sensing_accuracy", "false_alarm_rate",
    "miss_rate", "frames_sent", "frames_lost", *TIMING,
}  # fmt: skip


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]


def call(*arguments: str, python: tuple[str, ...] = (sys.executable,), cwd: Path | None = None):
    """Run the program to its end."""
    command = [*python, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=HANG_S)


def measure(folder: Path, *arguments: str) -> dict:
    """JSON that a run writes."""
    file = folder / "figures.json"
    done = call("--json", file, "--no-report", "--quiet", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return json.loads(file.read_text())


def assert_one_line(done: subprocess.CompletedProcess, pattern: str) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("run_loopback: ")
    assert re.search(pattern, done.stderr), done.stderr


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (("--snr-db", "nan"), "--snr-db is nan dB, expected the -10 to 20 dB"),
        (("--snr-db", "-inf"), "--snr-db is -inf"),
        (("--snr-db", "40"), "--snr-db is 40 dB, .* -20 to 30 dB with a warning"),
        (("--sensing-snr-db", "1000"), "--sensing-snr-db is 1000"),
        (("--snr-db", "loud"), "snr-db"),
        (("--bundle", "jssc/unheard_of"), "'jssc/unheard_of' not found.*jssc/tiny"),
        (("--data", "no_such_picture.png"), "no_such_picture.png: no such file"),
        (("--data", __file__), "cannot be read as a picture"),
        (("--phy", "smoke"), "--phy is 'smoke', expected one of ofdm, lfm, symbols"),
        (("--target", "near"), "--target is 'near', expected RANGE_M"),
        (("--target", "-5,2"), "--target is '-5,2', expected a range above 0 m"),
        (("--target", "2000"), "--target at 2000 m, expected 480 m or less"),
        (("--phy", "symbols", "--antennas", "2"), "--antennas does nothing with --phy symbols"),
        (("--target", "90,2500"), "--target at 2500 m/s, expected 1912 m/s or less.*--fft-size"),
        (("--false-alarm-rate", "0"), "--false-alarm-rate is 0, expected 1e-15 to 0.5"),
        (("--false-alarms-per", "hour"), "--false-alarms-per is 'hour', expected one of map, cell"),
        (("--range-step-db", "2"), "--range-step-db does nothing with --phy ofdm"),
        (("--delay-spread-ns", "50"), "--delay-spread-ns does nothing by itself, expected --tdl-profile"),
        (("--taps", "0:0,late"), "--taps is '0:0,late', expected delays in ns"),
        (("--tdl-profile", "Z"), "profile"),
        (("--fft-size", "100"), "fft_size is 100, expected a power of two"),
        (("--images-per-frame", "0"), "images_per_frame is 0, expected 1 to"),
        (("--channel", "wire"), "--channel is 'wire', expected one of awgn, rayleigh"),
        (("--ranges", "0"), "--ranges is 0"),
        (("--ranges", "2"), "--ranges is 2, expected 1 with --phy ofdm"),
        (
            ("--delay-symbols-per-range", "100"),
            "--delay-symbols-per-range is 100, expected 0 with --phy ofdm",
        ),
        (("--taps=-5:0",), "--taps is '-5:0', expected delays in ns, 0 or more"),
        (("--data", ""), "--data is empty, expected a value; is a variable not set"),
        (("--phy", "symbols", "--ranges", "2", "--sensing-knowledge", "echo"), "--ranges is 2, expected 1"),
        (("--images", "-3"), "--images is -3"),
        (("--batch", "0"), "--batch is 0"),
        (("--provider", "gpu"), "--provider is 'gpu', expected one of cpu, openvino, cuda, tensorrt"),
        (("--precision", "int8"), "bundle jssc/tiny holds no network in int8: choose float32 or auto"),
        (
            ("--provider", ABSENT),
            f"provider {ABSENT} is not installed, this ONNX Runtime .* has .*cpu.*: pip",
        ),
        (("--threads", "0"), "--threads is 0, expected 1 or more"),
        (("--target-probability", "1.1"), "--target-probability is 1.1"),
        (("--seed", "-1"), "--seed is -1"),
        (("--report", "no_such_folder/report.html"), "no_such_folder does not exist"),
        (("--report", "same", "--json", "same"), "--report and --json are both same"),
        (("--report", "-", "--json", "/dev/stdout"), "--report and --json are both -"),
        (("--loud",), "Unknown option: --loud"),
    ],
)
def test_a_mistake_is_one_line(tiny_bundle, called_here, arguments, pattern):
    assert_one_line(called_here("loopback.command", "--bundle", "jssc/tiny", *arguments), pattern)


def test_a_python_without_gnu_radio_is_told_what_to_do():
    done = call(python=(sys.executable, "-S"))  # -S: no site packages
    assert_one_line(done, r"cannot import GNU Radio.*(make loopback|activate)")


@pytest.mark.parametrize(
    ("module", "pattern"),
    [
        ("gnuradio.semisac", "gnuradio.semisac is not installed.*make loopback"),
        ("semisac_ml.runtime", "semisac_ml.runtime is not installed.*make loopback"),
        ("cyclopts", "lacks a Python package.*cyclopts.*make loopback|activate"),
    ],
)
def test_a_missing_module_is_told(module, pattern):
    program = (
        f"import runpy, sys; sys.modules[{module!r}] = None; sys.argv = ['run_loopback.py'];"
        f"sys.path.insert(0, {str(SCRIPT.parent)!r}); runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", program]
    assert_one_line(subprocess.run(command, capture_output=True, text=True, timeout=HANG_S), pattern)


def test_an_old_python_is_told():
    program = (
        f"import sys; sys.version_info = (3, 9, 2, 'final', 0); sys.path.insert(0, {str(SCRIPT.parent)!r});"
        "from common import environment; print(environment.problem())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG_S)
    assert re.search(r"is Python 3\.9, expected 3\.11 or newer: .*(make loopback|activate)", done.stdout)


def test_defaults_of_a_run(tiny_bundle, tmp_path):
    done = call("--bundle", "jssc/tiny", "--json", "figures.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "run_loopback" not in done.stderr  # no warning
    for label in ("Images sent", "PSNR", "Target right", "Latency, median"):
        assert label in done.stdout
    content = json.loads((tmp_path / "figures.json").read_text())
    assert set(content["metrics"]) == FIGURES
    for name, metric in content["metrics"].items():
        assert set(metric) == {"value", "low", "high", "n"}, name
        assert metric["low"] <= metric["value"] <= metric["high"], name
        assert isinstance(metric["n"], int)
    assert content["metrics"]["frames_sent"]["value"] == 64
    assert content["metrics"]["frames_lost"]["value"] == 0
    assert content["settings"]["snr_db"] == 3.0
    assert content["settings"]["channel"] == "awgn"
    assert content["bundle"]["name"] == "jssc/tiny"
    assert content["finished"] is True
    assert content["inference"] == {"provider": "cpu", "threads": 1, "precision": "float32"}
    report = (tmp_path / "report.html").read_text()
    assert "run_loopback.py --bundle jssc/tiny --json figures.json" in report
    assert not re.search(r"""(src|href)=(?!"data:)|url\(|@import|<script""", report)
    assert report.count("data:image/png;base64,") == 25  # 12 examples, sent and received, and a map
    assert report.count("<svg") == 4
    assert "<td>provider</td><td>cpu</td>" in report


def test_outside_the_trained_range_is_a_warning(tiny_bundle):
    done = call("--bundle", "jssc/tiny", "--snr-db", "-12", "--no-report", "--quiet")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "warning: --snr-db is -12 dB, outside the -10 to 20 dB" in done.stderr


def test_pictures_without_labels(tiny_bundle, tmp_path):
    from PIL import Image

    for i in range(3):
        picture = np.random.default_rng(i).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    arguments = ("--bundle", "jssc/tiny", "--data", tmp_path, "--images", "7", "--target-probability", "1")
    content = measure(tmp_path, *arguments)
    absent = {"class_accuracy", "animal_accuracy", "false_alarm_rate"}
    assert set(content["metrics"]) == FIGURES - absent
    assert content["metrics"]["frames_sent"]["value"] == 7
    assert call(*arguments, "--report", tmp_path / "report.html", "--quiet").returncode == 0


def test_the_same_seed_gives_the_same_figures(tiny_bundle, tmp_path):
    def figures(*arguments: str) -> dict:
        content = measure(tmp_path, "--bundle", "jssc/tiny", "--images", "200", *arguments)
        return {name: metric for name, metric in content["metrics"].items() if name not in TIMING}

    first = figures("--seed", "5")
    assert figures("--seed", "5") == first
    assert figures("--seed", "6") != first


def pairs(values: np.ndarray) -> np.ndarray:
    return np.stack([values.real, values.imag], axis=-1).astype(np.float32)


def offline(bundle: Bundle, count: int, seed: int, model: str, ranges: int, delay: int) -> dict:
    """Figures of the same images without GNU Radio: networks called directly, numpy channels."""
    images, labels = cifar10.sample()[:2]
    chosen = np.arange(count) % len(images)
    images, labels = images[chosen], labels[chosen]
    snr_db = np.full(count, 3.0, np.float32)
    pixels = (images.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)
    sent = bundle.session("encoder").run(image=pixels, snr_db=snr_db)["symbols"]
    symbols = (sent[..., 0] + 1j * sent[..., 1]).astype(np.complex64)
    received, gain = channel.fading_channel(symbols, model, 3.0, seed)
    observed = {"received": pairs(received), "channel_gain": pairs(gain), "snr_db": snr_db}
    image = bundle.session("reconstruction").run(**observed)["image"]
    shown = np.rint(image * np.float32(255)).astype(np.uint8).transpose(0, 2, 3, 1)
    predicted = bundle.session("task").run(**observed)["probability"]
    echo, truth = channel.echo_channel(
        symbols,
        sensing_snr_db=3.0,
        ranges=ranges,
        delay_symbols_per_range=delay,
        fading=bundle.interface(ImageLink).sensing.fading,
        random_phase=bundle.interface(ImageLink).sensing.random_phase,
        seed=seed,
    )
    hypotheses = bundle.session("sensing").run(
        symbols=sent,
        echo=pairs(echo),
        range_snr_db=(3.0 - 3.0 * np.arange(ranges, dtype=np.float32)) * np.ones((count, 1), np.float32),
        range_delay=np.arange(ranges) * delay,
        prior=np.array([0.5] + [0.5 / ranges] * ranges, np.float32),
    )["probability"]
    presence = 1 - hypotheses[:, 0] >= 0.5
    animals = np.array(cifar10.ANIMALS)
    return {
        "psnr_db": metrics.psnr_db(images, shown).mean(),
        "mse": metrics.mse(images, shown).mean(),
        "ssim": metrics.ssim(images, shown).mean(),
        "class_accuracy": np.mean(predicted.argmax(axis=1) == labels),
        "animal_accuracy": np.mean((predicted[:, animals].sum(axis=1) >= 0.5) == np.isin(labels, animals)),
        "sensing_accuracy": np.mean(hypotheses.argmax(axis=1) == truth),
        "false_alarm_rate": np.mean(presence[truth == 0]),
        "miss_rate": np.mean(~presence[truth > 0]),
    }


@pytest.mark.parametrize(
    ("name", "model", "ranges", "delay"),
    [("tiny", "awgn", 1, 0), ("tiny", "awgn", 3, 4), ("tiny_rayleigh", "rayleigh", 1, 0)],
)
def test_figures_are_those_of_an_offline_evaluation(tiny_bundle, tmp_path, name, model, ranges, delay):
    """The channels draw the same numbers; only rounding may differ, by a step of 255 in a rare pixel."""
    content = measure(
        tmp_path, "--bundle", f"jssc/{name}", "--images", "300", "--seed", "11", "--batch", "16",
        "--ranges", str(ranges), "--delay-symbols-per-range", str(delay), "--phy", "symbols",
    )  # fmt: skip
    expected = offline(Bundle.load(f"jssc/{name}"), 300, 11, model, ranges, delay)
    for figure, value in expected.items():
        assert content["metrics"][figure]["value"] == pytest.approx(value, rel=1e-5, abs=1e-9), figure


@pytest.mark.parametrize("phy", ["ofdm", "lfm"])
def test_waveform_carries_what_symbols_carry(tiny_bundle, tmp_path, phy):
    """At 20 dB the frames add next to nothing; the radar finds the target within some bounds' deviations."""
    common = ("--bundle", "jssc/tiny", "--images", "160", "--snr-db", "20")
    bare = measure(tmp_path, *common, "--phy", "symbols")["metrics"]
    target = ("--target", "90,20,-30,-3", "--target-probability", "1")
    content = measure(tmp_path, *common, "--phy", phy, "--images-per-frame", "16", *target)
    assert content["metrics"]["psnr_db"]["value"] == pytest.approx(bare["psnr_db"]["value"], abs=0.1)
    assert content["metrics"]["frames_lost"]["value"] == 0
    counters = content["air"]["counters"]
    assert counters["frames sent"] == counters["frames received"] == 10
    found = content["air"]["targets"][0]
    assert found["found"] == found["maps"] == 10
    for name, error in found["errors"].items():  # chi-squared of 10 values: below 3 with p > 1 - 1e-12
        assert error["rmse"] < 3.0 * error["cramer_rao_deviation"], name


def test_a_target_is_there_for_a_whole_map_or_not_at_all(tiny_bundle, tmp_path):
    """Half of the maps hold it; its speed is as near as the bound of eight frames allows."""
    content = measure(
        tmp_path, "--bundle", "jssc/tiny", "--images", "2560", "--frames-per-map", "8",
        "--target", "90,20,-30,0",
    )  # fmt: skip
    found = content["air"]["targets"][0]
    assert 8 <= found["maps"] <= 32  # of 40: 20 +- 3.2
    assert found["found"] == found["maps"]
    assert (
        found["errors"]["velocity_mps"]["rmse"]
        < 2.0 * found["errors"]["velocity_mps"]["cramer_rao_deviation"]
    )


def test_the_gate_and_the_truth_go_with_a_target_that_turns(tmp_path):
    """1000 m/s between 60 and 180 m: 1 m a frame, and 230 frames are two ways. A gate elsewhere decides by
    guess: 57 % right.
    """
    target = ("--target", "120,1000,20,-3", "--sensing-snr-db", "-3", "--images", "1840")
    content = measure(tmp_path, "--bundle", MODELS / "jssc" / "awgn", *target)
    assert content["metrics"]["sensing_accuracy"]["value"] > 0.8  # 0.88; of a target that stands 0.91
    content = measure(tmp_path, "--bundle", MODELS / "jssc" / "awgn", *target, "--target-probability", "1")
    found = content["air"]["targets"][0]
    assert found["found"] == found["maps"] == 228  # but for the maps in which it turns
    for name, error in found["errors"].items():
        assert error["rmse"] < 2.0 * error["cramer_rao_deviation"], name


def test_impairments_lose_no_frame(tiny_bundle, tmp_path):
    content = measure(
        tmp_path, "--bundle", "jssc/tiny", "--images", "160", "--snr-db", "15",
        "--carrier-offset-hz", "49000", "--clock-offset-ppm", "20", "--delay-samples", "13.37",
        "--taps", "0:0,200:-3,500:-6",
    )  # fmt: skip
    assert content["metrics"]["frames_lost"]["value"] == 0
    assert content["air"]["counters"]["frames received"] == 20


def test_lost_frames_are_counted_and_the_others_stay_right(tiny_bundle, tmp_path):
    arguments = ("--bundle", "jssc/tiny", "--images", "800", "--snr-db", "20")
    whole = measure(tmp_path, *arguments)["metrics"]
    content = measure(tmp_path, *arguments, "--gap-probability", "0.02")
    counters, figures = content["air"]["counters"], content["metrics"]
    assert 0 < counters["frames received"] < counters["frames sent"] == 100
    assert 0 < counters["frames with a gap"] <= counters["frames sent"] - counters["frames received"]
    lost = 8 * (counters["frames sent"] - counters["frames received"])
    assert figures["frames_lost"]["value"] == lost
    assert figures["mse"]["n"] == 800 - lost
    assert figures["class_accuracy"]["value"] == pytest.approx(whole["class_accuracy"]["value"], abs=0.2)


def test_a_link_without_any_frame_ends_with_a_report(tiny_bundle, tmp_path):
    done = call("--bundle", "jssc/tiny", "--snr-db", "-20", "--report", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    assert "64" in done.stdout
    assert (tmp_path / "report.html").exists()


def test_ctrl_c_reports_what_was_done(tiny_bundle, tmp_path):
    command = [
        sys.executable,
        running_program.__file__,
        "--frame",
        str(SCRIPT),
        "--bundle",
        "jssc/tiny",
        "--images",
        "10000000",
        "--json",
        "figures.json",
    ]
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
    assert re.fullmatch(r"run_loopback: interrupted after \d+ of 10000000 images\n", errors)
    content = json.loads((tmp_path / "figures.json").read_text())
    assert content["finished"] is False
    assert content["metrics"]["mse"]["n"] > 0
    assert content["metrics"]["frames_lost"]["value"] == 0
    assert "Interrupted:" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("calls", [0, 3])
def test_a_block_that_fails_leaves_what_was_done(tmp_path, calls):
    """Such as a network that gives NaN: at the first images, or in the middle."""
    program = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
from loopback import command
from gnuradio import semisac
infer, done = semisac.jscc_decoder.work, []
def work(self, input_items, output_items):
    done.append(1)
    if len(done) > {calls}:
        self.error = ValueError("reconstruction: output image is not finite")
        return -1
    return infer(self, input_items, output_items)
semisac.jscc_decoder.work = work
sys.exit(command.run(sys.argv[1:]))
"""
    options = ("--bundle", "jssc/awgn", "--images", "1000", "--json", "figures.json")
    command = [sys.executable, "-c", program, *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 1, done.stderr
    said = "the flowgraph stopped: reconstruction: output image is not finite"
    assert done.stderr == f"run_loopback: {said}\n"
    content = json.loads((tmp_path / "figures.json").read_text())
    assert content["finished"] is False and content["message"] == said
    assert bool(content["metrics"].get("psnr_db")) is bool(calls)
    assert said in (tmp_path / "report.html").read_text()


def test_the_radio_side_imports_no_torch(tiny_bundle):
    program = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); from loopback import command;"
        "command.run(['--bundle', 'jssc/tiny', '--no-report', '-q']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], env=os.environ, timeout=HANG_S).returncode == 0
