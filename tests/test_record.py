# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""apps/record.py: what a radio gives is on the disk, whatever ends the program."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="recording needs GNU Radio and the module")
pytest.importorskip("sigmf", reason="recordings need the package sigmf")

from gnuradio import blocks, gr  # noqa: E402
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink  # noqa: E402
from patience import HANG_S, until  # noqa: E402

from semisac_ml.data.sigmf_recording import Recording  # noqa: E402
from semisac_ml.signal.frame import FrameParameters  # noqa: E402

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).resolve().parents[1] / "apps" / "record.py"
SAMPLES = 60_000


def heard(path: Path, channels: int = 1) -> list[np.ndarray]:
    """A recording that stands for a radio, and its samples."""
    rng = np.random.default_rng(1)
    samples = [rng.standard_normal(2 * SAMPLES, np.float32).view(np.complex64) for _ in range(channels)]
    top, sink = gr.top_block(), sigmf_sink(path, 1e6, 2.45e9, [f"rx{k}" for k in range(channels)])
    for port, values in enumerate(samples):
        top.connect(blocks.vector_source_c(values.tolist()), (sink, port))
    top.run()
    return samples


def call(bundle: Path, *arguments: str) -> list[str]:
    patient = ["--timeout-s", str(HANG_S)]
    return [sys.executable, str(PROGRAM), "--bundle", str(bundle), "--radio", "file", *patient, *arguments]


def run(bundle: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(call(bundle, *arguments), capture_output=True, text=True, timeout=HANG_S)


def test_what_a_radio_gives_is_recorded_with_what_is_known(tmp_path, tiny_bundle):
    [samples] = heard(tmp_path / "radio")
    done = run(
        tiny_bundle, str(tmp_path / "copy"), "--address", str(tmp_path / "radio"), "--author", "A. Mensch",
        "--json", str(tmp_path / "run.json"), "--quiet",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    recording = Recording.open(tmp_path / "copy", check_hash=True)
    [channel] = recording.channels
    assert channel.samples().tobytes() == samples.tobytes()
    assert channel.metadata["global"]["core:author"] == "A. Mensch"
    assert FrameParameters(**recording.field("frame")).images_per_frame == 8
    assert recording.field("radio")["in_force"]["sample_rate_hz"] == 1e6
    assert recording.field("counters")["overflow"] == 0
    assert recording.field("bundle")["name"] == "jssc/tiny"
    said = json.loads((tmp_path / "run.json").read_text())
    assert said["counters"]["samples_recorded"] == SAMPLES
    assert said["recording"] == str(tmp_path / "copy.sigmf-meta")


def test_two_channels_are_a_collection(tmp_path, tiny_bundle):
    samples = heard(tmp_path / "radio", 2)
    done = run(
        tiny_bundle, str(tmp_path / "copy"), "--address", str(tmp_path / "radio"), "--rx-channels", "2", "-q"
    )
    assert done.returncode == 0, done.stderr
    recording = Recording.open(tmp_path / "copy.sigmf-collection", check_hash=True)
    assert [channel.name for channel in recording.channels] == ["rx0", "rx1"]
    for channel, values in zip(recording.channels, samples, strict=True):
        assert channel.samples().tobytes() == values.tobytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_what_came_is_a_whole_recording(tmp_path, tiny_bundle, number):
    [samples] = heard(tmp_path / "radio")
    address = ["--address", str(tmp_path / "radio"), "--quiet"]
    endless = ["--radio-option", "repeat=true", "--radio-option", "paced=true"]
    program = subprocess.Popen(
        call(tiny_bundle, str(tmp_path / "copy"), *address, *endless),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        unfinished = tmp_path / "copy.sigmf-data.unfinished"
        until(lambda: program.poll() is not None or (unfinished.exists() and unfinished.stat().st_size))
        program.send_signal(number)
        _, errors = program.communicate(timeout=HANG_S)
    finally:
        program.kill()
    assert program.returncode == 130, errors
    assert "interrupted after" in errors
    recorded = Recording.open(tmp_path / "copy", check_hash=True).channels[0].samples()
    repeated = np.tile(samples, -(-len(recorded) // SAMPLES))[: len(recorded)]
    assert recorded.tobytes() == repeated.tobytes()
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_recording_that_was_taken_away_is_said(tmp_path, tiny_bundle):
    heard(tmp_path / "radio")
    address = ["--address", str(tmp_path / "radio"), "--quiet"]
    endless = ["--radio-option", "repeat=true", "--radio-option", "paced=true"]
    said = ["--json", str(tmp_path / "run.json")]
    program = subprocess.Popen(
        call(tiny_bundle, str(tmp_path / "copy"), *address, *endless, *said),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        unfinished = tmp_path / "copy.sigmf-data.unfinished"
        until(lambda: program.poll() is not None or (unfinished.exists() and unfinished.stat().st_size))
        second = run(tiny_bundle, str(tmp_path / "copy"), *address, "--overwrite")
        unfinished.unlink()
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate(timeout=HANG_S)
    finally:
        program.kill()
    assert (second.returncode, len(second.stderr.splitlines())) == (2, 1), second.stderr
    assert "copy.sigmf-data is being written by another program" in second.stderr
    assert program.returncode == 130 and "was removed while it was written" in errors
    content = json.loads((tmp_path / "run.json").read_text())
    assert (content["finished"], content["recording"]) == (False, None)
    assert not list(tmp_path.glob("copy*"))


def test_a_recording_without_samples_is_a_failure(tmp_path, tiny_bundle):
    for name in ("radio.sigmf-data", "radio.sigmf-meta"):
        (tmp_path / name).touch()
    about = {"core:datatype": "cf32_le", "core:version": "1.0.0", "core:sample_rate": 1e6}
    (tmp_path / "radio.sigmf-meta").write_text(
        json.dumps({"global": about, "captures": [], "annotations": []})
    )
    said = ["--json", str(tmp_path / "run.json"), "--quiet"]
    done = run(tiny_bundle, str(tmp_path / "copy"), "--address", str(tmp_path / "radio"), *said)
    content = json.loads((tmp_path / "run.json").read_text())
    assert (content["finished"], content["exit_code"]) == (False, 1)
    assert done.returncode == 1
    own = [line for line in done.stderr.splitlines() if line.startswith("record: ")]
    assert len(own) == 1 and "no sample came" in own[0], done.stderr


def test_a_sender_that_never_comes_is_a_failure(tmp_path, tiny_bundle, free_port):
    address = f"tcp://127.0.0.1:{free_port()}"
    said = ["--json", str(tmp_path / "run.json"), "--quiet"]
    done = run(
        tiny_bundle,
        str(tmp_path / "copy"),
        "--radio",
        "zmq",
        "--address",
        address,
        "--duration-s",
        "1",
        *said,
    )
    assert done.returncode == 1
    assert f"record: no sample came from {address}: start its sender" in done.stderr.splitlines()
    content = json.loads((tmp_path / "run.json").read_text())
    assert (content["finished"], content["exit_code"]) == (False, 1)
    assert address in content["message"]


def test_mistakes_are_one_line(tmp_path, tiny_bundle):
    heard(tmp_path / "radio")
    for arguments, message in (
        ((str(tmp_path / "radio"), "--address", str(tmp_path / "none")), "exists: choose another path"),
        ((str(tmp_path / "copy"),), "--address is empty"),
        ((str(tmp_path / "none" / "copy"), "--address", "x"), "none does not exist: make it"),
        (
            (str(tmp_path / "copy"), "--address", "x", "--json", str(tmp_path / "copy.sigmf-meta")),
            "--json and the recording's copy.sigmf-meta are both",
        ),
    ):
        done = run(tiny_bundle, *arguments)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
    done = run(tiny_bundle, str(tmp_path / "copy"), "--address", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "no such recording" in done.stderr
    assert [file.name for file in tmp_path.glob("copy*")] == []
