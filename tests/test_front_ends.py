# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every radio does, whichever it is."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")

import radio_labs  # noqa: E402
from frame_testing import receive  # noqa: E402
from gnuradio.semisac.radio import RadioError  # noqa: E402
from patience import until  # noqa: E402
from radio_labs import ECHO_SAMPLES, FRAME, RATE_HZ  # noqa: E402

from semisac_ml.signal.direct_path import direct_path  # noqa: E402

pytestmark = pytest.mark.slow

FRAMES_A_SECOND = RATE_HZ / FRAME.frame_samples


def make_simulation(monkeypatch):
    return radio_labs.simulation()


def make_usrp(monkeypatch):
    pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")
    return radio_labs.usrp(monkeypatch)


def make_pluto(monkeypatch):
    pytest.importorskip("adi", reason="the front end needs pyadi-iio")
    return radio_labs.pluto(monkeypatch)


@pytest.fixture(
    params=[make_simulation, make_usrp, make_pluto], ids=lambda make: make.__name__.removeprefix("make_")
)
def lab(request, monkeypatch, tmp_path):
    """A laboratory of each kind of radio; leaves no thread behind."""
    monkeypatch.setenv("SEMISAC_CONFIG", str(tmp_path))
    before = set(threading.enumerate())
    made = request.param(monkeypatch)
    yield made
    made.close()
    until(lambda: set(threading.enumerate()) <= before)


def test_what_is_in_force_is_said(lab):
    front_end = lab.open("transmit")
    for name in ("device", "serial", "driver", "sample_rate_hz", "center_frequency_hz", "warnings"):
        assert name in lab.in_force
    assert lab.in_force["sample_rate_hz"] == RATE_HZ
    front_end.close()


def test_closing_twice_or_unopened_does_nothing(lab):
    front_end = lab.open("transmit")
    front_end.close()
    front_end.close()


def test_a_transmission_can_be_stopped_in_the_middle(lab):
    flow = lab.station(lab.open("monostatic"), 4000)
    flow.begin()
    flow.go_on(0.5)
    flow.end()


def test_frames_come_back_aligned(lab):
    """The direct path without delay, the echo where it is; every frame that was sent whole is received
    right.
    """
    flow = lab.station(lab.open("monostatic"), int(6.0 * FRAMES_A_SECOND))
    flow.begin()
    flow.go_on(2.0)
    flow.end()
    sent, received = flow.output(0), flow.output(1)
    starts = [tag.offset for tag in flow.sinks[0].tags() if str(tag.key) == "packet_len"]
    heard = min(len(sent), len(received))  # stopped in the middle, one output has come further than the other
    whole = [start for start in starts if start + FRAME.frame_samples <= heard]
    assert len(whole) >= 60
    for start in whole[10::17]:
        span = slice(start, start + FRAME.frame_samples)
        delay, gain = direct_path(sent[span], received[span])
        assert abs(delay) < 0.1
        rest = received[span] - gain * sent[span]
        assert direct_path(sent[span], rest, 20)[0] == pytest.approx(ECHO_SAMPLES, abs=0.5)
    images = receive(FRAME, received[whole[0] :])
    assert images.demodulator.frames_with_bad_header() == 0
    assert images.demodulator.frames_received() >= len(whole) - 1
    assert images.demodulator.images_lost() == 0
    error = images.symbols - flow.symbols[images.ids % len(flow.symbols)]
    assert 10 * np.log10(np.mean(np.abs(error) ** 2)) < -15.0


def test_lost_samples_hit_their_frames_alone(lab):
    """A loss in the middle: frames hit are named, those behind are right and aligned."""
    front_end = lab.open("monostatic")
    flow = lab.station(front_end, int(7.0 * FRAMES_A_SECOND))
    flow.begin()
    flow.go_on(1.5)
    lab.lose(front_end, 777)
    flow.go_on(1.2)
    events = front_end.status()
    flow.end()
    sent, received = flow.output(0), flow.output(1)
    marked = [tag.offset for tag in flow.sinks[0].tags() if str(tag.key) in ("lost", "realigned")]
    assert 1 <= len(marked) <= lab.most_frames_hit
    assert events["overflow"] + events["gap"] + events.get("realignments", 0) >= 1
    starts = [tag.offset for tag in flow.sinks[0].tags() if str(tag.key) == "packet_len"]
    behind = [
        s for s in starts if s > max(marked) and s + FRAME.frame_samples <= min(len(sent), len(received))
    ]
    assert len(behind) > 20
    for start in behind[5:20]:
        span = slice(start, start + FRAME.frame_samples)
        assert abs(direct_path(sent[span], received[span])[0]) < 0.1


def test_a_storm_of_losses_is_counted_and_passes(lab):
    """Forty losses in a second; frames behind them are right again."""
    front_end = lab.open("monostatic")
    flow = lab.station(front_end, int(9.0 * FRAMES_A_SECOND))
    flow.begin()
    flow.go_on(1.5)
    for _ in range(40):
        lab.lose(front_end, 501)
        flow.go_on(0.025)
    flow.go_on(1.5)
    events = front_end.status()
    flow.end()
    assert front_end.events.vanished() == ""
    assert events["overflow"] + events["gap"] >= lab.least_events_of_a_storm
    sent, received = flow.output(0), flow.output(1)
    tags = flow.sinks[0].tags()
    marked = {tag.offset for tag in tags if str(tag.key) == "lost"}
    assert marked
    starts = [tag.offset for tag in tags if str(tag.key) == "packet_len"]
    behind = [
        s for s in starts if s > max(marked) and s + FRAME.frame_samples <= min(len(sent), len(received))
    ]
    assert len(behind) > 20
    for start in behind[:20]:
        span = slice(start, start + FRAME.frame_samples)
        assert abs(direct_path(sent[span], received[span])[0]) < 0.1


def test_late_frames_are_named_and_the_next_are_right(lab):
    front_end = lab.open("monostatic")
    if not front_end.capabilities.has_timestamps:
        front_end.close()
        pytest.skip("a radio without a clock has no late bursts")
    flow = lab.station(front_end, int(7.0 * FRAMES_A_SECOND))
    flow.begin()
    flow.go_on(1.5)
    lab.delay(front_end, 3)
    flow.go_on(0.6)
    counts, hit = front_end.events.counts(), front_end.events.frames_hit()
    flow.end()
    # frames that touch are one burst, which runs dry before the next ones are late
    assert [kind for _, kind in hit] == ["underflow", "late", "late"]
    assert (counts["underflow"], counts["late"]) == (1, 2)
    ids = {t.offset: int(str(t.value)) for t in flow.sinks[0].tags() if str(t.key) == "frame_id"}
    lost = {t.offset: str(t.value) for t in flow.sinks[0].tags() if str(t.key) == "lost"}
    assert {ids[offset]: reason for offset, reason in lost.items()} == dict(hit)


@pytest.mark.parametrize("role", ["receive", "monostatic"])
def test_a_device_that_is_gone_is_noticed_and_left(lab, role):
    front_end = lab.open(role, timeout_s=0.5)
    flow = lab.station(front_end, 4000)
    flow.begin()
    flow.go_on(0.5)
    lab.unplug(front_end)
    until(front_end.events.vanished)
    assert front_end.events.counts()["vanished"] == 1
    try:
        flow.end()
    except RadioError as error:  # nobody could tell it to be silent
        assert role == "monostatic" and "may not be silent" in str(error)


def test_a_device_that_answers_late_is_waited_for(lab):
    front_end = lab.open("monostatic")
    flow = lab.station(front_end, int(7.0 * FRAMES_A_SECOND))
    flow.begin()
    flow.go_on(0.5)
    lab.stall(front_end, 0.5)
    flow.go_on(0.9)
    assert front_end.events.vanished() == ""
    flow.end()
