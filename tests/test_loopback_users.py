# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""run_loopback.py with a bundle for users at a base station: figures against numpy, silence, mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import HANG_S

pytest.importorskip("gnuradio.semisac", reason="run_loopback.py needs GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")

import tiny_fusion_bundle as tiny

from semisac_ml.data import mfnet
from semisac_ml.data.scenes.mimo_paths import write_mimo_paths
from semisac_ml.data.scenes.sample import sample
from semisac_ml.runtime import Bundle
from semisac_ml.signal.mimo_ofdm import PathArrays, drawn_paths
from semisac_ml.signal.segmentation import confusion, mean_iou
from semisac_ml.systems.csc_sa_net.bundled import BundledLink
from semisac_ml.systems.csc_sa_net.scores import authors_mean_iou

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]
SCRIPT = Path(__file__).resolve().parents[1] / "apps" / "run_loopback.py"
COUNT, SEED, SNR_DB = 12, 4, 5.0
HOW = ("--images", str(COUNT), "--seed", str(SEED), "--snr-db", str(SNR_DB))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> str:
    return str(tiny.make_tiny_fusion_bundle(tmp_path_factory.mktemp("models") / "csc_sa_net" / "tiny"))


def measure(folder: Path, bundle: str, *arguments: str) -> dict:
    """JSON that a run writes."""
    told = ["--bundle", bundle, "--json", "figures.json", "--quiet", *HOW, *arguments]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *told], capture_output=True, text=True, cwd=folder, timeout=HANG_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "figures.json").read_text())


def offline(bundle: str, **how) -> np.ndarray:
    """Pixels counted, by the protocol in numpy."""
    found = mfnet.load("test", sample())
    pairs = [found[n % len(found)].sized(tiny.HEIGHT, tiny.WIDTH) for n in range(COUNT)]
    pictures = [
        np.stack([one.colour for one in pairs]),
        np.stack([one.thermal[..., None] for one in pairs]),
    ]
    outcome = BundledLink(Bundle.load(bundle)).run(pictures, snr_db=SNR_DB, seed=SEED, **how)
    labels = [pair.label for pair in pairs]
    return sum(confusion(a, b, tiny.CLASSES) for a, b in zip(outcome.classes, labels, strict=True))


def test_figures_are_those_of_the_protocol_in_numpy(tmp_path, bundle):
    sizes = {"pilots": 2, "feedback_bits": 8, "symbols": 1}
    options = [word for name, n in sizes.items() for word in (f"--{name.replace('_', '-')}", str(n))]
    content = measure(tmp_path, bundle, *options, "--speed-mps", "10")
    counts, figures = offline(bundle, **sizes, speed_mps=10.0), content["metrics"]
    # a number that is fed back may be on the edge of a cell in one frame of twelve
    assert figures["mean_iou"]["value"] == pytest.approx(mean_iou(counts), abs=0.02)
    assert figures["authors_mean_iou"]["value"] == pytest.approx(authors_mean_iou(counts), abs=0.02)
    assert figures["frames_sent"]["value"] == COUNT and figures["frames_lost"]["value"] == 0
    assert figures["mean_iou"]["n"] == 1  # drives of the sample's test part
    assert content["settings"]["pilots"] == 2 and content["settings"]["access"] == "superposed"
    report = (tmp_path / "report.html").read_text()
    for text in ("Seen by the users", "Beams of the base station", "Beams of user 2", "L = 2, B = 8, Q = 1"):
        assert text in report
    assert report.count("<img ") == 6 * 4


def test_a_user_is_silent_and_paths_are_recorded(tmp_path, bundle):
    paths = drawn_paths(tiny.CELL, 99, 0, 5)
    write_mimo_paths(tmp_path / "paths.npz", paths)
    told = ("--silence-user", "thermal", "--paths", "paths.npz", "--no-report")
    content = measure(tmp_path, bundle, *told)
    recorded = PathArrays(**vars(paths))
    value = content["metrics"]["mean_iou"]["value"]
    assert value == pytest.approx(mean_iou(offline(bundle, silent=[1], recorded=recorded)), abs=0.02)
    assert content["settings"]["silent_users"] == ["thermal"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pilots", "9"), "--pilots is 9, expected 1 to 3 with bundle csc_sa_net/tiny"),
        (("--feedback-bits", "3"), "--feedback-bits is 3, expected 2 to 16 in steps of 2"),
        (("--silence-user", "lidar"), "--silence-user"),
        (("--snr-db", "60"), "--snr-db is 60 dB, expected the -30 to 10 dB for which"),
        (("--phy", "lfm"), "--phy does nothing with this --bundle, expected one for images"),
        (("--paths", "nowhere", "--speed-mps", "3"), "--speed-mps does nothing with --paths"),
        (("--paths", "nowhere"), "nowhere: cannot be read"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_line(bundle, called_here, arguments, said):
    done = called_here("loopback.command", "--bundle", bundle, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert said in done.stderr and done.stderr.startswith("run_loopback: ")
