# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""run_loopback.py with a bundle for targets: figures against an offline evaluation, the air, and mistakes."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import HANG_S, until

pytest.importorskip("gnuradio.semisac", reason="run_loopback.py needs GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")

import tiny_target_bundle as tiny
from gnuradio import blocks
from gnuradio.semisac.frames.received_symbols import equalised
from PIL import Image

from semisac_ml.runtime import Bundle
from semisac_ml.signal import channel, metrics, random_stream
from semisac_ml.signal.lfm_simo_echo import lfm_simo_echo
from semisac_ml.systems.simac import samples
from semisac_ml.systems.simac.practice import camera_estimates
from semisac_ml.systems.simac.sample_scene import sample_scene, training_scene
from semisac_ml.systems.simac.samples import TEST, TRAIN, VALIDATION

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]
SCRIPT = Path(__file__).resolve().parents[1] / "apps" / "run_loopback.py"
SNR_DB, SEED, COUNT = 8.0, 4, 60
MAPS = {"Range-angle map": (1 / 32, 1 / 2), "Range-Doppler map": (1 / 32, 1 / 4)}
"""Maps of the report: shares of their width and height within which two antennas and four pulses resolve."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> str:
    return str(tiny.make_tiny_target_bundle(tmp_path_factory.mktemp("models") / "simac" / "tiny"))


def measure(folder: Path, bundle: str, *arguments: str) -> dict:
    """JSON that a run writes."""
    told = ["--bundle", bundle, "--json", "figures.json", "--quiet", *arguments]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *told], capture_output=True, text=True, cwd=folder, timeout=HANG_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "figures.json").read_text())


def offline(bundle: str) -> tuple[dict[str, np.ndarray], samples.TargetSet]:
    """What encoder, channel and decoder make of the sample, block by block by the references."""
    scene, opened, shape = sample_scene(), Bundle.load(bundle), tiny.RADAR
    frames = np.stack([samples.shrunk(scene.read_frame(n), tiny.FRAME) for n in range(COUNT)])
    size = shape.antennas * tiny.ECHO_LENGTH
    echoes = np.stack(
        [lfm_simo_echo(*state, shape).transpose(0, 2, 1).ravel() for state in scene.states[:COUNT]]
    )
    echoes = echoes + random_stream.complex_normal_frames(
        SEED, random_stream.Stream.ECHO_NOISE, 0, COUNT, size
    )
    symbols = opened.session("encoder").run(
        frame=np.ascontiguousarray(frames.transpose(0, 3, 1, 2) / np.float32(255)),
        echo=echoes.astype(np.complex64).view(np.float32).reshape(COUNT, shape.antennas, -1, 2),
        channel_state=np.tile(np.array([SNR_DB / 10, 1.0, 0.0], np.float32), (COUNT, 1)),
        present=np.ones((COUNT, 2), np.float32),
    )["symbols"]
    received, gain = channel.fading_channel(symbols.view(np.complex64), "awgn", SNR_DB, SEED)
    estimate, worth = equalised(received, gain, np.full(COUNT, SNR_DB, np.float32))
    found = opened.session("decoder").run(received=estimate.view(np.float32), worth=worth)
    return found, scene


def test_figures_are_those_of_an_offline_evaluation(tmp_path, bundle):
    arguments = ("--images", str(COUNT), "--snr-db", str(SNR_DB), "--seed", str(SEED), "--batch", "7")
    measured = measure(tmp_path, bundle, "--phy", "symbols", "--no-report", *arguments)["metrics"]
    found, scene = offline(bundle)
    error = found["state"] - scene.states[:COUNT]
    rmse = np.sqrt(np.mean(error**2, axis=0))
    for name, value in (
        ("distance_rmse_m", rmse[0]),
        ("distance_rmse", rmse[0] / 115.0),
        ("angle_rmse_deg", np.degrees(rmse[1])),
        ("velocity_rmse_mps", rmse[2]),
        ("velocity_coverage", np.mean(np.abs(error[:, 2]) <= 1.64485 * found["deviation"][:, 2])),
    ):
        assert measured[name]["value"] == pytest.approx(value, rel=1e-3), name
    sent = np.stack(
        [
            samples.cut_out(scene.read_frame(n), scene.read_mask(n), scene.box_px[n], tiny.PICTURE)
            for n in range(COUNT)
        ]
    )
    pictures = np.rint(255 * found["picture"].transpose(0, 2, 3, 1)).astype(np.uint8)
    assert measured["psnr_db"]["value"] == pytest.approx(metrics.psnr_db(sent, pictures).mean(), abs=0.01)
    assert measured["frames_sent"]["value"] == COUNT and measured["frames_lost"]["value"] == 0


def test_frames_of_samples_and_a_link_that_is_followed(tmp_path, bundle):
    """More frames than the scene has; three paths; the encoder is told what the receiver measures."""
    arguments = ("--images", "110", "--sensors", "radar", "--adapt", "--images-per-frame", "2")
    content = measure(tmp_path, bundle, "--taps", "0:0,200:-3,500:-8", *arguments)
    assert content["metrics"]["frames_sent"]["value"] == 110
    assert content["metrics"]["frames_lost"]["value"] == 0
    assert content["settings"]["sensors"] == "radar" and content["settings"]["adapt"]
    assert content["settings"]["delays_s"] == pytest.approx([0.0, 2e-7, 5e-7])
    report = (tmp_path / "report.html").read_text()
    for text in ("Targets seen and received", "Error of the velocity", "frames received", "radar alone"):
        assert text in report
    assert report.count("<tr><td>distance</td>") == 8
    measured_db = content["metrics"]["received_snr_db"]["value"]
    assert tiny.REFERENCE_DB - 6.0 < measured_db < tiny.REFERENCE_DB + 1.0  # what paths that fade cost


def brightest(chart: str) -> tuple[float, float]:
    """Middle of the brightest cell of a map in a chart, in its pixels."""
    told = re.search(
        r'href="data:image/png;base64,([^"]+)" x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"',
        chart,
    )
    left, top, width, height = map(float, told.groups()[1:])
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(told[1])))).astype(int).sum(axis=2)
    row, column = np.unravel_index(pixels.argmax(), pixels.shape)
    return left + (column + 0.5) * width / pixels.shape[1], top + (row + 0.5) * height / pixels.shape[0]


def test_the_report_marks_the_target_where_its_echo_is(tmp_path, bundle):
    """Within a range bin, the beam of two antennas, and a fourth of the speeds, for there are four pulses."""
    measure(tmp_path, bundle, "--images", "40", "--phy", "symbols")
    report = (tmp_path / "report.html").read_text()
    charts = {name: re.search(rf"<svg[^>]*><title>{name}.*?</svg>", report, re.S) for name in MAPS}
    for name, cells in MAPS.items():
        chart = charts[name][0]
        cross = re.search(r'<path class="cross" d="M([\d.]+) ([\d.]+)h', chart)
        found, truth = brightest(chart), (float(cross[1]) + 5.0, float(cross[2]))
        for place, (length, share) in enumerate(zip((332.0, 356.0), cells, strict=True)):
            assert abs(found[place] - truth[place]) <= share * length, (name, place)
        assert chart.count('class="ring"') == 1
    measure(tmp_path, bundle, "--images", "4", "--phy", "symbols", "--sensors", "camera")
    assert "Range-angle map" not in (tmp_path / "report.html").read_text()


def test_the_encoder_follows_the_link_while_it_runs(bundle, monkeypatch):
    """Eq. (50) acts on what the demodulator measures: all that the network is told is what it reported, and
    follows when the channel grows worse. The made-up encoder sends what it is told along.
    """
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from loopback.links.targets import TargetOptions, Targets
    from loopback.options import LinkOptions, WaveformOptions, WayOptions

    told = LinkOptions(bundle=bundle, snr_db=15.0, images_per_s=100.0, batch=2)
    way = WayOptions(taps="0:0,200:-3,500:-8")
    frame = WaveformOptions(images_per_frame=1)
    link = Targets(Bundle.load(bundle), told, TargetOptions(adapt=True), way, frame)
    link.load()
    flow, sent = link.flowgraph(1_000_000), blocks.vector_sink_c(tiny.CHANNEL_USES)
    flow.connect((flow.encoder, 0), sent)

    def heard() -> np.ndarray:
        """SNR in dB and bits that the network was told for each frame, float [frames, 2]."""
        reals = np.array(sent.data(), np.complex64).view(np.float32).reshape(-1, 2 * tiny.CHANNEL_USES)
        return reals[:, [8, 9]] / reals[:, 13:14] * [10.0, 1.0]

    flow.start()
    try:
        for snr_db, bits in ((27.0, 4), (5.0, 1), (21.0, 3)):
            flow.layer.channel.set_snr_db(snr_db)
            until(lambda: flow.done() and abs(flow.encoder.snr_db() - snr_db) < 4.0)  # noqa: B023
            known = len(heard())
            until(lambda: len(heard()) > known + 4)  # noqa: B023
            newest = heard()[-1]
            assert abs(newest[0] - snr_db) < 4.0 and newest[1] == pytest.approx(bits, abs=1e-3)
    finally:
        flow.stop()
        flow.wait()
    assert flow.error() is None
    numbers, reported = heard(), np.append(flow.kept().snr_db, told.snr_db)
    assert numbers[0] == pytest.approx([told.snr_db, 2.0], abs=1e-3)
    apart = np.abs(numbers[:, :1] - np.clip(reported, *tiny.SNR_DB)).min(axis=1)
    assert apart.max() < 1e-3


def test_one_frame_gives_figures_without_intervals(tmp_path, bundle):
    found = measure(tmp_path, bundle, "--images", "1", "--no-report", "--phy", "symbols")["metrics"]
    assert found["distance_rmse_m"]["low"] == found["distance_rmse_m"]["high"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--layout", "canyon"), "--layout does nothing with --data sample, expected a street with it"),
        (
            ("--phy", "symbols", "--taps", "0:0"),
            "--taps does nothing with --phy symbols, expected --phy ofdm",
        ),
        (("--ranges", "2"), "--ranges does nothing with this --bundle, expected one for images"),
        (("--sensors", "ears"), "--sensors is 'ears', expected one of both, camera, radar"),
        (("--snr-db", "60"), "--snr-db is 60 dB, expected the 0 to 25 dB for which"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_line(bundle, called_here, arguments, said):
    done = called_here("loopback.command", "--bundle", bundle, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"run_loopback: {said}")


def test_the_sample_is_seen_where_it_is_heard():
    """A camera of known height tells from its boxes what the radar is told, within the size of a pixel."""
    scene = sample_scene()
    rows = np.arange(len(scene))
    seen = camera_estimates(scene, rows)
    near = scene.distance_m < 40
    np.testing.assert_allclose(seen[near, 0], scene.distance_m[near], rtol=0.01)
    np.testing.assert_allclose(seen[:, 1], scene.azimuth_rad, atol=4e-3)
    for car in np.unique(scene.target):
        own = np.flatnonzero(scene.target == car)
        slope = np.diff(scene.distance_m[own]) / np.diff(scene.time_s[own])
        middle = (scene.velocity_mps[own][1:] + scene.velocity_mps[own][:-1]) / 2
        np.testing.assert_allclose(-slope, middle, atol=0.1)


def test_other_cars_to_train_with():
    """Each car is in one part, and shown in another picture than those of the sample."""
    scene = training_scene(300)
    assert set(scene.part.tolist()) == {TRAIN, VALIDATION, TEST}
    for car in np.unique(scene.target):
        assert len(set(scene.part[scene.target == car].tolist())) == 1
    assert not set(np.round(scene.distance_m, 9)) & set(np.round(sample_scene().distance_m, 9))


def test_symbols_are_equalised_as_in_training():
    torch = pytest.importorskip("torch")
    from semisac_ml.systems.simac import tuned

    generator = np.random.default_rng(2)
    pairs = generator.standard_normal((9, 6, 2)).astype(np.float32)
    received, gain = (
        pairs[:, :5].copy().view(np.complex64)[..., 0],
        pairs[:, 5].copy().view(np.complex64)[:, 0],
    )
    snr_db = generator.uniform(-10, 25, 9).astype(np.float32)
    given = (torch.from_numpy(value) for value in (received, gain, snr_db))
    for found, expected in zip(equalised(received, gain, snr_db), tuned.equalised(*given), strict=True):
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)
