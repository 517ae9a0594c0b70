# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""run_loopback.py with pictures of any size: what comes through, what is lost, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import HANG_S

pytest.importorskip("gnuradio.semisac", reason="the link needs GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")

from PIL import Image  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]

SCRIPT = Path(__file__).resolve().parents[1] / "apps" / "run_loopback.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Folder with the bundle jssc/pictures and three soft pictures of other proportions."""
    from tiny_picture_bundle import make_tiny_picture_bundle

    made = tmp_path_factory.mktemp("pictures")
    make_tiny_picture_bundle(made / "models" / "jssc" / "pictures")
    rng = np.random.default_rng(1)
    (made / "photographs").mkdir()
    for number, size in enumerate(((90, 60), (60, 90), (64, 64))):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(made / "photographs" / f"{number}.png")
    return made


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), "--bundle", "jssc/pictures", *arguments]
    environment = {**os.environ, "SEMISAC_MODELS": str(folder / "models")}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=HANG_S
    )


def measure(folder: Path, *arguments: str) -> dict:
    done = call(folder, "--json", "figures.json", "--no-report", "--quiet", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "figures.json").read_text())


def test_pictures_come_through_frames_on_the_air(folder):
    """Of the same size at each bandwidth, and better with more of it at a high SNR."""
    psnr_db = []
    for ratio in ("1/24", "1/6"):
        content = measure(
            folder, "--data", "photographs", "--picture-size", "64x48", "--bandwidth-ratio", ratio,
            "--images", "5", "--snr-db", "20",
        )  # fmt: skip
        figures = content["metrics"]
        assert figures["frames_sent"]["value"] == 5
        assert figures["frames_lost"]["value"] == figures["packets_lost"]["value"] == 0
        assert figures["sensing_accuracy"]["value"] > 0.9
        assert content["settings"]["width"] == 64 and content["settings"]["height"] == 48
        assert content["air"]["counters"]["frames received"] == content["air"]["counters"]["frames sent"]
        assert figures["latency_p95_ms"]["value"] > 0
        psnr_db.append(figures["psnr_db"]["value"])
    assert psnr_db[1] > psnr_db[0] > 12.0


def test_lost_frames_damage_pictures_and_are_counted(folder):
    content = measure(
        folder, "--data", "photographs", "--picture-size", "64", "--images", "12", "--images-per-frame", "4",
        "--gap-probability", "0.05", "--seed", "3",
    )  # fmt: skip
    figures, counters = content["metrics"], content["air"]["counters"]
    assert counters["frames received"] < counters["frames sent"]
    assert figures["pictures_damaged"]["value"] > 0
    assert figures["packets_lost"]["value"] > 0
    assert figures["frames_lost"]["value"] < 12


def test_the_same_seed_gives_the_same_pictures(folder):
    runs = [measure(folder, "--data", "sample", "--images", "8", "--phy", "symbols") for _ in range(2)]
    assert runs[0]["metrics"]["psnr_db"] == runs[1]["metrics"]["psnr_db"]
    assert runs[0]["settings"]["width"] == 32
    # the bundle's task knows brightness, not CIFAR-10's classes: of 8 pictures it is right by chance
    assert runs[0]["metrics"]["class_accuracy"]["n"] == 8
    assert (
        runs[0]["metrics"]["class_accuracy"]["value"] == runs[1]["metrics"]["class_accuracy"]["value"] < 0.7
    )


def test_a_video_is_sent_to_its_end_and_reported(folder):
    pytest.importorskip("av", reason="videos are read with the package av")
    from video_files import grey_levels, write_video

    write_video(folder / "grey.mkv", grey_levels(6, 40, 40))
    done = call(folder, "--data", "grey.mkv", "--picture-size", "32", "--report", "report.html")
    assert done.returncode == 0, done.stderr
    for label in ("Images sent", "PSNR", "Target right", "95th percentile", "Packets lost"):
        assert label in done.stdout
    report = (folder / "report.html").read_text()
    assert "32 x 32 pixels" in report
    assert report.count('alt="received image') == 6


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (("--picture-size", "30", "--data", "photographs"), "--picture-size is 30, expected multiples of 4"),
        (("--picture-size", "wide"), "--picture-size is 'wide', expected pixels such as 256"),
        (("--picture-size", "64"), "--picture-size is 64x64, expected 32 with --data sample"),
        (("--bandwidth-ratio", "1/7"), "--bandwidth-ratio is 1/7, expected one of 1/24, 1/12, 1/6"),
        (("--bandwidth-ratio", "some"), "--bandwidth-ratio is some, expected one of 1/24"),
        (("--fit", "squeeze"), "--fit is 'squeeze', expected one of crop, pad"),
        (("--sensing-knowledge", "symbols"), "--sensing-knowledge does nothing with pictures"),
        (("--data", "none.mp4"), "none.mp4: no such file, expected a video"),
        (("--bundle", "jssc/awgn", "--picture-size", "64"), "--picture-size does nothing with this --bundle"),
    ],
)
def test_a_mistake_is_one_line(folder, arguments, pattern):
    done = call(folder, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("run_loopback: ")
    assert done.stderr.count("\n") == 1
    assert pattern in done.stderr
