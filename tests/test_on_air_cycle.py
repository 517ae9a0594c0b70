# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs with a radio that repeats its first frames by itself: what they take, count and say."""

from __future__ import annotations

import errno
import itertools
import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

from on_air_testing import APPS, BUNDLE, PATIENT, call, command  # noqa: E402
from patience import until  # noqa: E402
from pluto_testing import QUIET  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home", "tiny_bundle")]

TWO_FRAMES = ("--radio-option", "cycle_frames=2")


def pluto(server, *options) -> tuple[str, ...]:
    return ("--radio", "pluto", "--address", server.uri, *BUNDLE, *PATIENT, *TWO_FRAMES, *map(str, options))


@pytest.mark.parametrize(
    ("program", "options", "why"),
    [
        ("run_transmitter", ("--images", 17), "17 images are to be sent"),
        ("run_transmitter", (), "64 images are to be sent"),
        ("run_transmitter", ("--images", 8, "--images-per-s", 5), "images come at a pace"),
        ("run_sensing", ("--images", 17), "17 images are to be sent"),
    ],
)
def test_images_that_would_be_left_out_are_refused(serve_pluto, program, options, why):
    """Before the device is touched, with what to do."""
    server = serve_pluto(QUIET)
    done = call(program, *pluto(server, *options))
    assert done.returncode == 2
    assert "repeats its first 2 frames for ever, of 16 images at the most" in done.stderr
    assert why in done.stderr
    assert "--radio-option cyclic=false" in done.stderr
    assert server.commands == []


def test_a_cycle_that_fits_ends_and_counts_what_was_on_the_air(serve_pluto, tmp_path):
    server = serve_pluto(QUIET)
    file = tmp_path / "result.json"
    done = call("run_transmitter", *pluto(server, "--images", 16, "--json", file))
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    counts = content["counters"]
    assert content["radio_status"]["cycle_samples"] == 2 * content["frame_samples"]
    assert counts["frames_sent"] >= 2
    assert counts["images_sent"] == 8 * counts["frames_sent"]
    assert len(server.device.pushed) == 1
    until(server.device.is_silent)


def test_repeating_a_larger_set_is_warned_of(serve_pluto):
    server = serve_pluto(QUIET)
    line = command("run_transmitter", *pluto(server, "--repeat"))
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as program:
        said = list(itertools.takewhile(lambda text: not text.startswith("time "), program.stderr))
        program.terminate()
        rest = program.stderr.read()
    assert program.returncode == 130, rest
    (warning,) = said
    assert "warning: this radio repeats its first 2 frames for ever, of 16 images at the most" in warning
    until(server.device.is_silent)


@dataclass
class Repeating:
    """A radio that repeats so many frames."""

    frames: int
    cycle_frames: int = 100

    def frames_in_cycle(self) -> int:
        return self.frames

    def frames_sent(self) -> int:
        return 10 * self.frames


def test_frames_that_come_too_late_for_the_cycle_are_told(monkeypatch):
    """A source that is slower than the radio waits: the program ends, and does not claim them sent."""
    monkeypatch.syspath_prepend(str(APPS))
    from gnuradio import semisac
    from on_air.sending import ending_source, sender

    sending = object.__new__(sender)
    sending.source = ending_source(np.zeros((80, 4, 4, 3), np.uint8))
    sending.source._sent = 40
    sending.encoder = semisac.image_source
    sending._frames_per_image, sending._repeat = Fraction(1, 8), False
    for frames, told in ((0, False), (4, True), (9, True), (10, False)):
        sending._radio = Repeating(frames)
        assert (sending.error() is not None) == told
    sending._radio = Repeating(4)
    assert "the radio repeats the first 4 of 10 frames, since the others came too late" in str(
        sending.error()
    )
    assert sending.counters() == {"images_sent": 320, "frames_sent": 40}


def test_a_transmitter_that_may_not_be_silent_is_a_failure(serve_pluto, tmp_path):
    server = serve_pluto(QUIET)
    server.inject(r"WRITE .* OUTPUT voltage0 hardwaregain \d+=-89.75", errno.EIO)
    file = tmp_path / "result.json"
    done = call("run_transmitter", *pluto(server, "--images", 16, "--json", file))
    assert done.returncode == 1
    assert "run_transmitter: the transmitter may not be silent, unplug it" in done.stderr
    assert "may not be silent" in json.loads(file.read_text())["message"]
