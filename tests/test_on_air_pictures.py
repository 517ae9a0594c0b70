# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of any size from run_transmitter.py to run_receiver.py, through a recording."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from on_air_testing import MODULES, call
from PIL import Image

pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")

pytestmark = pytest.mark.slow

PICTURES = ("--bundle", "jssc/pictures", "--picture-size", "64x48", "--images-per-frame", "5")
OTHERS = ("--bundle", "jssc/tiny", "--radio", "simulation")


@pytest.fixture(scope="module")
def folder(own_home, tmp_path_factory):
    """Folder with the made-up bundles and three soft pictures."""
    from tiny_bundle import make_tiny_bundle
    from tiny_picture_bundle import make_tiny_picture_bundle

    made = tmp_path_factory.mktemp("pictures")
    shipped = Path(__file__).resolve().parents[1] / "models"
    shutil.copytree(shipped / "lam_msac" / "deepsense", made / "models" / "lam_msac" / "deepsense")
    make_tiny_picture_bundle(made / "models" / "jssc" / "pictures")
    make_tiny_bundle(made / "models" / "jssc" / "tiny")
    rng = np.random.default_rng(1)
    (made / "photographs").mkdir()
    for number in range(3):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((80, 60), Image.Resampling.BICUBIC).save(made / "photographs" / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMISAC_MODELS", str(made / "models"))
        yield made


def measure(name: str, *arguments) -> dict:
    done = call(name, "--quiet", "--json", "-", *PICTURES, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("ratio", "packets"), [("1/24", 12), ("1/6", 48)])
def test_pictures_are_received_whole_and_saved(folder, tmp_path, ratio, packets):
    """64 x 48 pixels: 192 x 4, 8 or 16 values, two to a symbol, 32 symbols a packet, 5 packets a frame."""
    recording = ("--radio", "file", "--address", tmp_path / "sent")
    source = ("--data", folder / "photographs", "--images", 7, "--bandwidth-ratio", ratio)
    sent = measure("run_transmitter", *recording, *source)
    assert sent["counters"] == {"images_sent": 7, "frames_sent": 7 * -(-packets // 5)}
    received = measure(
        "run_receiver", *recording, "--truth", folder / "photographs", "--save", tmp_path / "saved"
    )
    counters = received["counters"]
    assert counters["images_received"] == 7
    assert counters["images_lost"] == counters["images_damaged"] == counters["packets_lost"] == 0
    assert received["metrics"]["psnr_db"]["n"] == 7
    # the same as without a radio: a linear code of so many cosines of each 4 x 4 pixels
    assert received["metrics"]["psnr_db"]["value"] > 18.0
    assert abs(received["metrics"]["cfo_hz"]["value"]) < 1.0
    files = sorted((tmp_path / "saved").iterdir())
    assert len(files) == 7
    with Image.open(files[0]) as picture:
        assert picture.size == (64, 48)


def test_a_longer_recording_is_stopped_at(folder, tmp_path):
    recording = ("--radio", "file", "--address", tmp_path / "sent")
    measure("run_transmitter", *recording, "--data", "synthetic", "--images", 6)
    received = measure("run_receiver", *recording, "--images", 4)
    assert received["counters"]["images_received"] == 4
    assert len(received["images"]) == 4


@pytest.mark.parametrize(
    ("name", "arguments", "pattern"),
    [
        ("run_transmitter", (*OTHERS, "--picture-size", "64"), "have one size: leave it out"),
        ("run_transmitter", (*OTHERS, "--bandwidth-ratio", "1/6"), "--bandwidth-ratio is 1/6, but"),
        ("run_transmitter", (*OTHERS, "--fit", "pad"), "--fit is pad, but"),
        ("run_receiver", (*OTHERS, "--picture-size", "64"), "have one size: leave it out"),
        (
            "run_receiver",
            (*PICTURES, "--radio", "simulation", "--truth", "camera"),
            "cannot be compared with",
        ),
        ("run_transmitter", (*PICTURES, "--radio", "simulation", "--data", "sample"), "expected 32 with"),
    ],
)
def test_a_mistake_is_one_line(folder, called_here, name, arguments, pattern):
    done = called_here(f"on_air.{MODULES[name]}", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert pattern in done.stderr
