# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""run_transmitter.py, run_receiver.py and run_sensing.py on the simulated radio and on links between
processes; how they end, and what is left behind.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from on_air_testing import (
    APPS,
    BUNDLE,
    MODULES,
    PATIENT,
    SAMPLE_CLOCK,
    call,
    command,
    decoded_offline,
    measure,
    started,
)
from patience import HANG_S

from semisac_ml.runtime import Bundle

pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")

SIMULATION = ("--radio", "simulation")
STATION = ("--radio-option", "bundle=jssc/tiny")


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]


def with_fault(name: str, fault: str, *arguments, samples: int = 100_000) -> subprocess.CompletedProcess:
    """Run a program on the simulated radio with a line of Python that is run when so many samples went by."""
    program = (
        "import sys, threading, time\n"
        f"sys.path.insert(0, {str(APPS)!r})\n"
        "from gnuradio.semisac.radio import simulation\n"
        "class faulty(whole := simulation.simulation_front_end):\n"
        "    def prepare(self):\n"
        "        whole.prepare(self)\n"
        "        threading.Thread(target=self.fail, daemon=True).start()\n"
        "    def fail(self):\n"
        "        half = self.receiver or self.transmitter\n"
        f"        while half.nitems_written(0) < {samples}:\n"
        "            time.sleep(0.01)\n"
        f"        {fault}\n"
        "simulation.simulation_front_end = faulty\n"
        f"from on_air import {MODULES[name]} as program\n"
        f"sys.exit(program.run({[*SIMULATION, *BUNDLE, *map(str, arguments)]!r}))\n"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG_S)


def test_a_simulated_station_is_received(tiny_bundle, tmp_path):
    received = measure(
        "run_receiver", *SIMULATION, *SAMPLE_CLOCK, *STATION, "--truth", "sample", "--images", 400
    )
    counters, metrics = received["counters"], received["metrics"]
    assert (received["ending"], counters["images_received"], counters["images_lost"]) == ("complete", 400, 0)
    assert counters["begun_again"] >= 400 // 16 - 1  # the station repeats two frames
    assert sum(received["classes"].values()) == 400
    # -30 dB of full scale over noise of -60 dB; what the estimate of the channel costs is less than 1.5 dB
    assert 28.5 < metrics["snr_db"]["value"] < 30.5
    assert metrics["cfo_hz"]["value"] == pytest.approx(1500.0, abs=20.0)
    expected = decoded_offline(Bundle.load("jssc/tiny"), 16).mean()
    assert metrics["psnr_db"]["value"] == pytest.approx(expected, abs=0.5)
    assert {"device", "serial", "driver", "sample_rate_hz"} <= set(received["radio"])
    assert set(received["events"]) >= {"late", "underflow", "overflow", "sequence", "gap", "vanished"}


def test_the_transmitter_ends_when_the_last_frame_has_left(tiny_bundle):
    for arguments, images in (((), 64), (("--images", "20"), 20)):
        sent = measure("run_transmitter", *SIMULATION, *SAMPLE_CLOCK, *arguments)
        frames = -(-images // 8)
        assert (sent["ending"], sent["counters"]["images_sent"]) == ("complete", images)
        assert sent["counters"]["frames_sent"] == sent["radio_status"]["frames_scheduled"] == frames


def test_targets_are_seen(tiny_bundle):
    content = measure(
        "run_sensing", *SIMULATION, *SAMPLE_CLOCK, "--radio-option", "targets=600,0,20",
        "--images", 6400, "--gate-m", 600,
    )  # fmt: skip
    assert content["ending"] == "complete"
    assert content["counters"]["maps"] > 20
    target = content["targets"][0]
    # 20 dB an echo sample: the bound is a few metres a map; half a sample of delay is 75 m
    assert target["range_m"] == pytest.approx(600.0, abs=15.0)
    assert target["share"] > 0.9
    assert content["metrics"]["presence"]["value"] > 0.9


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_program_leaves_whole_files(tiny_bundle, tmp_path, name, number):
    file = tmp_path / "result.json"
    options = ("--repeat",) if name == "run_transmitter" else ()
    program = started(
        name, *SIMULATION, *options, *(STATION if name == "run_receiver" else ()), "--json", file
    )
    program.send_signal(number)
    _, errors = program.communicate(timeout=HANG_S)
    assert program.returncode == 130, errors
    assert f"{name}: interrupted after" in errors
    assert "Traceback" not in errors
    content = json.loads(file.read_text())
    assert (content["ending"], content["finished"], content["exit_code"]) == ("interrupted", False, 130)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "half"),
    [("run_receiver", "receiver"), ("run_transmitter", "transmitter"), ("run_sensing", "receiver")],
)
def test_a_radio_that_is_unplugged_ends_the_program(tiny_bundle, tmp_path, name, half):
    file = tmp_path / "result.json"
    options = ("--repeat",) if name == "run_transmitter" else ()
    fault = f"self.{half}.inject_vanish(); self.events.add('vanished', reason='unplugged')"
    done = with_fault(name, fault, "--json", file, "--quiet", *options)
    assert done.returncode == 1, done.stderr
    assert done.stderr == f"{name}: the radio is lost: unplugged\n"
    content = json.loads(file.read_text())
    assert (content["ending"], content["events"]["vanished"]) == ("radio lost", 1)


def test_a_driver_that_hangs_does_not_hold_up_the_program(tiny_bundle, tmp_path):
    file = tmp_path / "result.json"
    fault = "self.close = lambda: time.sleep(10_000)"
    done = with_fault(
        "run_receiver", fault, "--json", file, "--quiet", "--duration-s", 0.1, "--timeout-s", 15, samples=0
    )
    assert done.returncode == 1
    # where the computer is slow the flowgraph may not stop in time either
    assert done.stderr.endswith("run_receiver: the radio does not close: left without it\n")
    assert json.loads(file.read_text())["ending"] == "duration"


def test_frames_lost_on_the_way_are_counted_and_the_others_are_right(tiny_bundle, tmp_path):
    file = tmp_path / "result.json"
    done = with_fault(
        "run_receiver", "self.receiver.inject_loss(3000, 200_000)", "--json", file, "--quiet",
        "--images", 400, "--truth", "sample", *STATION, *SAMPLE_CLOCK, *PATIENT, samples=0,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    assert content["events"]["overflow"] == 1
    assert content["radio_status"]["samples_lost"] == 3000
    assert content["counters"]["frames_with_gap"] <= 2  # with its chirps a frame is not found at all
    assert content["counters"]["images_received"] <= len(content["images"])  # all of them are listed
    worst = min(image["psnr_db"] for image in content["images"])
    expected = decoded_offline(Bundle.load("jssc/tiny"), 16)
    assert worst == pytest.approx(expected.min(), abs=1.0)


def test_a_transmitter_that_begins_anew_is_received(tiny_bundle, tmp_path, free_port):
    file, address = tmp_path / "result.json", f"tcp://127.0.0.1:{free_port()}"
    link = ("--radio", "zmq", "--address", address)
    receiver = subprocess.Popen(
        command(
            "run_receiver", *BUNDLE, *link, *PATIENT, "--truth", "sample", "--images", 80, "--quiet",
            "--json", file,
        ),
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        for _ in range(2):
            done = call("run_transmitter", *BUNDLE, *link, *PATIENT, "--images", 40, "--quiet")
            assert done.returncode == 0, done.stderr
        assert receiver.wait(timeout=HANG_S) == 0
    finally:
        receiver.kill()
    content = json.loads(file.read_text())
    assert [image["frame_id"] for image in content["images"]] == [*range(40), *range(40)]
    assert content["counters"]["begun_again"] == 1
    psnr_db = np.array([image["psnr_db"] for image in content["images"]])
    np.testing.assert_allclose(psnr_db[40:], psnr_db[:40], atol=0.3)


def test_a_recording_gives_the_same_targets_again(tiny_bundle, tmp_path):
    recording = tmp_path / "heard"
    live = measure(
        "run_sensing", *SIMULATION, *SAMPLE_CLOCK, "--images", 4000, "--gate-m", 600, "--record", recording
    )
    again = measure("run_sensing", "--radio", "file", "--address", recording, "--gate-m", 600)
    assert again["ending"] == "end of the stream"
    frames = live["counters"]["frames_processed"]
    assert again["counters"]["frames_processed"] >= 0.95 * frames  # the last ones may not be in the recording
    assert again["targets"][0]["range_m"] == pytest.approx(live["targets"][0]["range_m"], abs=1.0)
