# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USRP front end over a stub of gnuradio.uhd: arguments, times, bursts, events. Lines are those of the
last table in docs/hardware.md.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pmt
import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")
pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")

import uhd_stub  # noqa: E402
from block_testing import frames as random_symbols  # noqa: E402
from block_testing import source  # noqa: E402
from gnuradio import blocks, gr, semisac, uhd  # noqa: E402
from gnuradio.semisac import radio  # noqa: E402
from gnuradio.semisac.radio import usrp_checks, usrp_opening  # noqa: E402
from patience import HANG_S, until  # noqa: E402
from radio_testing import noise, tag, tags_of_frames, time_value, waiting_source  # noqa: E402

from semisac_ml.signal.frame import FrameParameters  # noqa: E402

RATE_HZ = 1e6
FRAME = FrameParameters(
    sample_rate_hz=RATE_HZ, fft_size=64, prefix_samples=16, images_per_frame=8, gap_samples=100
)
TOUCHING = replace(FRAME, gap_samples=0)  # as by default


def air(channels: int):
    """Leakage of -20 dB that arrives 37 samples later, on each channel."""
    block = semisac.target_emulator(RATE_HZ, 2.45e9, channels, leakage_gain_db=-20.0)
    delayed = gr.hier_block2("air", gr.io_signature(1, 1, 8), gr.io_signature(channels, channels, 8))
    delay = blocks.delay(gr.sizeof_gr_complex, 37)
    delayed.connect(delayed, delay, block)
    for channel in range(channels):
        delayed.connect((block, channel), (delayed, channel))
    delayed.kept = (delay, block)
    return delayed


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """The stub in the place of gnuradio.uhd, calibrations in a folder of the test."""
    monkeypatch.setenv("SEMISAC_CONFIG", str(tmp_path))
    return uhd_stub.Stub(air).install(monkeypatch)


def opened(role: str, frame: FrameParameters = FRAME, **named) -> tuple[radio.front_end, dict]:
    settings = radio.RadioSettings("usrp", **{"sample_rate_hz": RATE_HZ, "timeout_s": HANG_S, **named})
    front_end = radio.open_front_end(settings, frame, role)
    in_force = front_end.configure()
    uhd_stub.Stub.run_on_samples(front_end)
    return front_end, in_force


class transmission(gr.top_block):
    """Frames of random symbols to a front end, and what it gives into sinks."""

    def __init__(self, front_end, frames: int):
        gr.top_block.__init__(self, "transmission")
        self.radio = front_end
        outputs = {"transmit": 0, "receive": 1, "monostatic": 2}[front_end.role]
        if front_end.role != "receive":
            self.symbols = source(random_symbols(frames * FRAME.images_per_frame))
            self.modulator = semisac.frame_modulator(front_end.frame)
            self.connect(self.symbols, self.modulator, front_end.tx)
        self.sinks = [blocks.vector_sink_c() for _ in range(outputs)]
        for port, sink in enumerate(self.sinks):
            self.connect((front_end, port), sink)

    def run_until(self, condition) -> None:
        self.radio.prepare()
        self.start()
        until(condition)
        self.end()

    def end(self) -> None:
        self.stop()
        self.wait()
        self.radio.close()

    def go_on(self, samples: int) -> None:
        """Until another so many samples came."""
        enough = self.received() + samples
        until(lambda: self.received() >= enough)

    def received(self) -> int:
        """Samples that came so far."""
        return self.sinks[-1].nitems_read(0)


class paused_sink(gr.sync_block):
    """Takes nothing until it is opened."""

    def __init__(self):
        gr.sync_block.__init__(self, "paused_sink", [np.complex64], None)
        self.open = threading.Event()

    def work(self, input_items, output_items):
        self.open.wait()
        return len(input_items[0])


def modulated(frames: int, first: int = 0, frame: FrameParameters = TOUCHING) -> tuple[np.ndarray, list]:
    """Samples of frames, and their tags."""
    samples = noise(frames * frame.frame_samples)
    starts = range(0, len(samples), frame.frame_samples)
    return samples, tags_of_frames(starts, frame.frame_samples, first, frame.images_per_frame)


def monostatic(front_end, source) -> gr.top_block:
    """Frames of a source to a front end, and nobody who listens."""
    flow = gr.top_block()
    flow.source = source  # a block of Python lives as long as somebody holds it
    flow.connect(source, front_end.tx)
    for port in range(2):
        flow.connect((front_end, port), blocks.null_sink(gr.sizeof_gr_complex))
    return flow


def calibrate(front_end) -> None:
    """Keep a delay for the settings of a front end."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    made = radio.Calibration(front_end.calibration_key(), 46.0, 0.01, -20.0, 0.3, 10, date)
    radio.CalibrationStore().save(made)


def sent_samples(stub) -> int:
    """Samples of bursts that the transmitter was given and has sent."""
    return stub.device.transmitter.nitems_read(0)


def air_time(front_end) -> int:
    """Samples since the start time that left the antenna, silence included."""
    return front_end._scheduler.sample_at(*front_end.device_time())


def heard(front_end, kind: str, times: int) -> bool:
    """Whether a front end has been told so often of a kind of event."""
    return front_end.events.counts()[kind] >= times


def calls(stub, name: str) -> list[tuple]:
    return [call for call in stub.device.calls if call[1] == name]


def test_the_stub_has_the_names_of_the_installed_module():
    for ours, theirs in ((uhd_stub.usrp_sink, uhd.usrp_sink), (uhd_stub.usrp_source, uhd.usrp_source)):
        names = [name for name in dir(ours) if name.startswith(("get_", "set_")) and name in vars(ours)]
        names += [name for name in vars(uhd_stub._usrp_block) if name.startswith(("get_", "set_"))]
        assert [name for name in names if not hasattr(theirs, name)] == []
    for name in ("stream_args", "time_spec", "tune_request", "get_version_string"):
        assert hasattr(uhd, name)
    made = uhd.stream_args(cpu_format="fc32", otw_format="sc16", args="", channels=[0, 1])
    assert made is not None
    assert uhd.time_spec(3, 0.25).get_frac_secs() == 0.25


def test_settings_reach_the_device(stub):
    _, in_force = opened(
        "monostatic", address="type=b200", tx_gain_db=40.0, rx_gain_db=20.0, rx_antenna="RX2",
        rx_channels=2, clock_source="external", time_source="external", bandwidth_hz=2e6,
        options={"measure_latency": True, "master_clock_rate_hz": 40e6},
    )  # fmt: skip
    made = calls(stub, "usrp_source") + calls(stub, "usrp_sink")
    arguments = "type=b200,master_clock_rate=40000000,clock_source=external,time_source=external"
    assert made == [
        ("make", "usrp_source", arguments, (0, 1)),
        ("make", "usrp_sink", arguments, (0,)),
    ]
    assert ("usrp_source", "set_gain", 20.0, 1) in stub.device.calls
    assert ("usrp_sink", "set_gain", 40.0, 0) in stub.device.calls
    assert ("usrp_source", "set_antenna", "RX2", 1) in stub.device.calls
    assert ("usrp_source", "set_bandwidth", 2e6, 0) in stub.device.calls
    assert len(calls(stub, "set_time_unknown_pps")) == 1
    assert in_force["serial"] == "30AABBC"
    assert in_force["sample_rate_hz"] == RATE_HZ
    assert in_force["warnings"] == []


@pytest.mark.parametrize("takes", [True, False])
def test_sources_of_clock_and_time_are_set_once_before_anything_is_tuned(stub, takes):
    """On an X310 each change resets the clocks. Some devices take them as arguments, some do not."""
    stub.device.takes_sources = takes
    opened("monostatic", clock_source="external", time_source="external", options={"measure_latency": True})
    assert stub.device.sources == {"clock": "external", "time": "external"}
    assert len(calls(stub, "set_clock_source")) == len(calls(stub, "set_time_source")) == (0 if takes else 1)
    names = [call[1] for call in stub.device.calls]
    if not takes:
        assert names.index("set_time_source") < names.index("set_center_freq")


def test_dc_tracking_is_off_unless_asked_for(stub):
    """Line 12: it may notch what does not move."""
    opened("receive")
    opened("receive", dc_tracking=True)
    assert [call[2] for call in calls(stub, "set_auto_dc_offset")] == [False, True]


def test_start_is_scheduled_ahead_of_time(stub):
    """Line 2: the time is set, then both directions begin at a time in the future."""
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    transmission(front_end, 1).run_until(lambda: True)
    assert calls(stub, "set_time_now")[0][2:] == (0, 0.0)
    starts = calls(stub, "set_start_time")
    assert len(starts) == 2
    for _, _, start, now in starts:
        assert 0.3 < start - now < 0.6


def test_every_burst_begins_in_time_and_ends(stub):
    """Line 3, the first one too: sob and tx_time on the first sample, eob on the last, in one piece."""
    front_end, _ = opened("transmit")
    transmission(front_end, 40).run_until(lambda: stub.device.transmitter.bursts_sent() == 40)
    bursts = stub.device.bursts
    assert len(bursts) == 40
    assert all(burst.sob and burst.ended for burst in bursts)
    assert {burst.samples for burst in bursts} == {FRAME.occupied_samples}
    assert {burst.calls for burst in bursts} == {1}
    times = [burst.time[0] + Fraction(burst.time[1]) for burst in bursts]
    slots = [
        (later - earlier) * Fraction(RATE_HZ) / FRAME.frame_samples
        for earlier, later in itertools.pairwise(times)
    ]
    assert all(abs(slot - 1) < 1e-6 for slot in slots)
    assert front_end.events.counts()["late"] == 0


@pytest.mark.parametrize("role", ["transmit", "monostatic"])
def test_frames_that_touch_lose_nothing(stub, role):
    """Line 3: a burst that follows another one at once loses its first packet in every USRP."""
    front_end, _ = opened(role, TOUCHING, options={"measure_latency": True})
    samples = 60 * TOUCHING.frame_samples
    transmission(front_end, 60).run_until(lambda: sent_samples(stub) == samples)
    assert stub.device.transmitter.packets_late() == 0
    assert front_end.events.counts()["late"] == 0


def test_a_source_that_pauses_costs_a_slot_and_no_heads(stub):
    """The next frame is not there when a burst ends: that one has a later slot, and all of its samples."""
    front_end, _ = opened("transmit", TOUCHING)
    flow = gr.top_block()
    frames = waiting_source(
        [modulated(3), modulated(3, first=24)], [None, lambda: stub.device.transmitter.bursts_sent() == 1]
    )
    flow.connect(frames, front_end.tx)
    front_end.prepare()
    flow.start()
    until(lambda: sent_samples(stub) == 6 * TOUCHING.frame_samples)
    until(lambda: stub.device.transmitter.bursts_sent() == 2)
    flow.stop()
    flow.wait()
    front_end.close()
    first, second = stub.device.bursts
    assert second.time[1] - first.time[1] == pytest.approx(4 * TOUCHING.frame_samples / RATE_HZ)
    assert stub.device.transmitter.packets_late() == 0
    assert front_end.status()["slots_skipped"] == 1


def test_nothing_is_tuned_while_the_radio_runs(stub):
    """Line 11: a retune changes the phase from transmitter to receiver. Line 12: nor is the gain."""
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    before = len(stub.device.calls)
    transmission(front_end, 20).run_until(lambda: stub.device.transmitter.bursts_sent() == 20)
    called = [call[1] for call in stub.device.calls[before:]]
    assert called == ["set_start_time", "set_start_time", "set_gain"]
    assert stub.device.calls[-1] == ("usrp_sink", "set_gain", 0.0, 0)  # when it is over


@pytest.mark.parametrize("frame", [FRAME, TOUCHING], ids=["apart", "touching"])
def test_late_frames_are_counted_and_named(stub, frame):
    """Line 4. The host was held up for three frames: the event of each of their packets has the time at which
    it was found, behind all of them.
    """
    front_end, _ = opened("monostatic", frame, options={"measure_latency": True})
    flow = transmission(front_end, 60)
    stub.device.transmitter.inject_late(3)
    flow.run_until(lambda: air_time(front_end) > 30 * frame.frame_samples and heard(front_end, "late", 3))
    assert stub.device.transmitter.packets_late() > 3
    assert front_end.events.counts()["late"] == 3
    hit = front_end.events.frames_hit()
    assert [kind for _, kind in hit] == ["late"] * 3
    assert [frame for frame, _ in hit] == [0, 8, 16]  # the ids of the first three frames


@pytest.mark.parametrize("frame", [FRAME, TOUCHING], ids=["apart", "touching"])
def test_a_host_that_is_held_up_in_the_middle_costs_these_frames(stub, frame):
    """What touches runs dry first; the frames before and behind are none of them."""
    front_end, _ = opened("monostatic", frame, options={"measure_latency": True})
    stub.device.transmitter.inject_late(5, 20)
    length = frame.frame_samples

    def lost() -> list[tuple[int, int]]:
        """Start and id of the frames in the five slots from that of frame 20 on."""
        sent = front_end._scheduler.frames_between(0, 1 << 40)
        return front_end._scheduler.frames_between(sent[20][0], sent[20][0] + 5 * length - 1)

    flow = transmission(front_end, 60)
    flow.run_until(
        lambda: air_time(front_end) > 70 * length and len(front_end.events.frames_hit()) >= len(lost()) > 0
    )
    expected = [frame_id for _, frame_id in lost()]
    assert expected[0] == 20 * 8
    assert [one for one, _ in front_end.events.frames_hit()] == expected
    kinds = [kind for _, kind in front_end.events.frames_hit()]
    assert kinds[1:] == ["late"] * (len(expected) - 1)
    assert kinds[0] == "late" if frame is FRAME else kinds[0] in ("underflow", "late")


@pytest.mark.parametrize("frame", [FRAME, TOUCHING], ids=["apart", "touching"])
def test_underflows_are_counted_and_their_frames_named(stub, frame):
    front_end, _ = opened("transmit", frame)
    flow = transmission(front_end, 40)
    stub.device.transmitter.inject_underflow(2)
    flow.run_until(
        lambda: air_time(front_end) > 40 * frame.frame_samples and heard(front_end, "underflow", 2)
    )
    assert front_end.events.frames_hit() == [(0, "underflow"), (8, "underflow")]
    assert front_end.events.counts()["underflow"] == 2
    assert front_end.events.counts()["late"] == 0  # the second halves are of the same frames


def test_messages_that_are_no_events_are_let_be(stub):
    front_end, _ = opened("transmit")
    transmission(front_end, 1).run_until(lambda: True)
    listener = front_end._listener
    key, codes = pmt.intern("uhd_async_msg"), pmt.intern("event_code")
    spec = pmt.intern("time_spec")
    for content in (
        pmt.PMT_NIL, pmt.from_long(3), pmt.cons(key, pmt.PMT_T), pmt.cons(key, pmt.make_dict()),
        *(pmt.cons(key, pmt.dict_add(pmt.make_dict(), codes, value))
          for value in (pmt.intern("time_error"), pmt.from_long(1), pmt.list1(pmt.from_long(1)))),
        *(pmt.cons(key, pmt.dict_add(pmt.dict_add(pmt.make_dict(), codes, pmt.list1(pmt.intern("other"))),
                                     spec, value))
          for value in (pmt.intern("now"), pmt.cons(pmt.from_double(1.0), pmt.intern("x")),
                        pmt.cons(pmt.from_long(-1), pmt.from_double(0.0)),
                        pmt.cons(pmt.from_long(1), pmt.from_double(float("nan"))))),
    ):  # fmt: skip
        listener._take(content)
    assert not any(front_end.events.counts().values())


def test_lost_samples_are_found_by_their_times(stub):
    """Line 5: the stub reports no error with them."""
    front_end, _ = opened("receive")
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    for lost in (1234, 99):
        flow.go_on(100_000)
        stub.device.receiver.inject_loss(lost)
    flow.go_on(100_000)
    status = front_end.status()
    flow.end()
    assert status["samples_lost"] == 1333
    assert front_end.events.counts()["overflow"] == 2
    gaps = [one for one in flow.sinks[0].tags() if str(one.key) == "gap"]
    data = np.array(flow.sinks[0].data())
    for one, length in zip(gaps, (1234, 99), strict=True):
        assert int(str(one.value)) == length
        assert not data[one.offset : one.offset + length].any()


def test_ranges_need_a_calibration_for_exactly_these_settings(stub):
    """Line 1."""
    with pytest.raises(
        radio.CalibrationError, match="run python apps/calibrate.py --radio usrp.*--rx-gain-db 20"
    ):
        opened("monostatic", rx_gain_db=20.0)
    front_end, _ = opened("monostatic", rx_gain_db=20.0, options={"measure_latency": True})
    calibrate(front_end)
    _, in_force = opened("monostatic", rx_gain_db=20.0)
    assert in_force["latency_samples"] == 46.0
    for change in (
        {"rx_gain_db": 21.0},
        {"rx_gain_db": 20.0, "sample_rate_hz": 2e6},
        {"options": {"tx_subdevice": "A:B"}, "rx_antenna": "TX/RX"},
        {"center_frequency_hz": 2.4e9},
        {"bandwidth_hz": 5e5},
        {"options": {"rx_subdevice": "A:B"}},
    ):
        with pytest.raises(radio.CalibrationError, match="no calibration"):
            opened("monostatic", **{"rx_gain_db": 20.0, **change})


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"sample_rate_hz": 3e6}, "--sample-rate-hz is 3e[+]06, the radio would run at 3.07"),
        ({"center_frequency_hz": 10e9}, "the radio tunes to 6e[+]09"),
        ({"rx_antenna": "J1"}, "--rx-antenna is 'J1', this device has RX2, TX/RX"),
        ({"clock_source": "sundial"}, "refused to be set up: .*sundial; --clock-source is 'sundial'"),
    ],
)
def test_what_the_device_cannot_do_is_refused(stub, named, message):
    with pytest.raises(radio.RadioError, match=message):
        opened("receive", **named)


def test_a_source_that_a_device_has_not_is_named(stub):
    stub.device.takes_sources = False
    with pytest.raises(radio.RadioError, match="--time-source is 'sundial', this device has internal, ext"):
        opened("receive", time_source="sundial")


def test_what_is_not_right_is_warned_of(stub):
    stub.device.name = "X310"
    _, in_force = opened("receive", rx_channels=2, rx_gain_db=90.0, time_source="external")
    warnings = " / ".join(in_force["warnings"])
    assert "receiver's gain of channel 0 is 76 dB, 90 is not in its range" in warnings
    assert "receiver's gain of channel 1 is 76 dB" in warnings
    assert "--time-source is external, the clock is the device's own" in warnings
    assert "phase between receive channels" in warnings


@pytest.fixture
def impatient(monkeypatch):
    """Locks are not waited for."""
    monkeypatch.setattr(usrp_checks, "LO_LOCK_S", 0.0)
    monkeypatch.setattr(usrp_checks, "REFERENCE_LOCK_S", {"external": 0.0, "gpsdo": 0.0})


@pytest.mark.parametrize(
    ("role", "named", "message"),
    [
        ("receive", {}, "the receiver's oscillator of channel 0 is not locked after 0 s"),
        ("transmit", {}, "the transmitter's oscillator of channel 0 is not locked"),
        ("receive", {"clock_source": "external"}, "reference clock is not locked.*--clock-source external"),
        ("receive", {"clock_source": "gpsdo"}, "reference clock is not locked.*--clock-source gpsdo"),
    ],
)
def test_what_does_not_lock_is_refused(stub, impatient, role, named, message):
    stub.device.locked = False
    with pytest.raises(radio.RadioError, match=message):
        opened(role, tx_gain_db=30.0, **named)
    if role == "transmit":  # it was set up, and is silent again
        assert stub.device.calls[-1] == ("usrp_sink", "set_gain", 0.0, 0)


def test_locks_are_waited_for_on_every_channel(stub, monkeypatch):
    monkeypatch.setattr(usrp_checks, "POLL_S", 0.0)
    monkeypatch.setattr(usrp_checks, "LO_LOCK_S", HANG_S)
    stub.device.asked_before_lock = 7
    _, in_force = opened("receive", rx_channels=2)
    asked = [call[2:] for call in calls(stub, "get_sensor")]
    assert asked == [("lo_locked", 0)] * 8 + [("lo_locked", 1)]
    assert in_force["warnings"] == []


def test_a_gpsdo_without_a_fix_is_warned_of(stub):
    stub.device.asked_before_lock = 0
    _, in_force = opened("receive", clock_source="gpsdo")
    assert in_force["warnings"] == []
    found = usrp_checks.warnings_of(
        [usrp_checks.Direction("receiver", unfixed(), [0], 30.0)],
        radio.RadioSettings("usrp", clock_source="gpsdo"),
    )
    assert any("no fix yet" in text for text in found)


class unfixed:
    """A receiver whose GPSDO has no fix."""

    def get_gain(self, channel):
        return 30.0

    def get_mboard_sensor_names(self, mboard):
        return ("gps_locked", "ref_locked")

    def get_mboard_sensor(self, name, mboard):
        return uhd_stub.Sensor(name != "gps_locked")


def test_a_start_that_came_too_late_is_repeated_once(stub):
    """gr-uhd logs an error and never gets a sample."""
    stub.device.late_starts = 1
    front_end, _ = opened("receive", timeout_s=2.0, options={"start_in_s": 0.2})
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    until(flow.received)
    assert front_end.status()["starts_repeated"] == 1
    flow.end()
    ((_, _, mode, now, when, told),) = calls(stub, "issue_stream_cmd")
    assert (mode, now) == ("start_continuous", False)
    assert 0.1 < when - told < 0.3
    assert front_end.events.vanished() == ""


def test_a_start_that_is_late_twice_tells_its_cause(stub):
    stub.device.late_starts = 2
    front_end, _ = opened("receive", timeout_s=0.5)
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    until(front_end.events.vanished)
    flow.end()
    assert "nor behind a second start" in front_end.events.vanished()
    assert "start_in_s (now 0.5)" in front_end.events.vanished()


def test_the_start_is_an_option(stub):
    front_end, _ = opened("monostatic", options={"measure_latency": True, "start_in_s": 3.0})
    transmission(front_end, 1).run_until(lambda: True)
    assert all(2.9 < start - now < 3.1 for _, _, start, now in calls(stub, "set_start_time"))
    with pytest.raises(ValueError, match="start_in_s is 0, expected 0.05 to 60"):
        opened("receive", options={"start_in_s": 0.0})


def test_the_port_that_transmits_does_not_listen(stub):
    options = {"measure_latency": True}
    with pytest.raises(radio.RadioError, match="--rx-antenna is 'TX/RX', the port that transmits"):
        opened("monostatic", rx_antenna="TX/RX", options=options)
    opened("monostatic", rx_antenna="TX/RX", options={**options, "rx_subdevice": "A:B"})
    opened("receive", rx_antenna="TX/RX")


def test_clipping_of_what_is_sent_is_counted(stub):
    for level_db, clips in ((-20.0, False), (0.0, True)):
        front_end, _ = opened("transmit", transmit_level_db=level_db)
        transmission(front_end, 5).run_until(lambda radio=front_end: radio.status()["frames_scheduled"] == 5)
        assert (front_end._scheduler.samples_clipped() > 0) == clips


def test_gains_and_carrier_change_while_it_runs(stub):
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    calibrate(front_end)
    front_end, _ = opened("monostatic")
    flagged = []

    def change() -> bool:
        flagged.append(front_end.status()["frames_flagged"])
        front_end.set_tx_gain_db(12.0)
        front_end.set_rx_gain_db(34.0)
        front_end.set_center_frequency_hz(2.5e9)
        return True

    flow = monostatic(front_end, waiting_source([modulated(200), modulated(100, 1600)], [None, change]))
    front_end.prepare()
    flow.start()
    until(lambda: flagged and front_end.status()["frames_flagged"] > flagged[0])
    with pytest.raises(radio.RadioError, match="tunes to 6e[+]09"):
        front_end.set_center_frequency_hz(7e9)
    flow.stop()
    flow.wait()
    front_end.close()
    for call in (
        ("usrp_sink", "set_gain", 12.0, 0), ("usrp_source", "set_gain", 34.0, 0),
        ("usrp_sink", "set_center_freq", 2.5e9, 0), ("usrp_source", "set_center_freq", 2.5e9, 0),
    ):  # fmt: skip
        assert call in stub.device.calls
    listener, _ = opened("receive")
    with pytest.raises(radio.RadioError, match="no transmit gain that changes"):
        listener.set_tx_gain_db(3.0)


def test_runs_again_with_its_gain_and_lets_go_when_closed(stub):
    front_end, _ = opened("transmit", tx_gain_db=33.0)
    for _ in range(2):
        flow = transmission(front_end, 10)
        front_end.prepare()
        flow.start()
        before = front_end.status()["frames_scheduled"]
        until(lambda: front_end.status()["frames_scheduled"] > 5)
        gains = [call[2] for call in calls(stub, "set_gain")]
        assert gains[-1] == 33.0, before
        flow.stop()
        flow.wait()
        front_end.silence()
        assert calls(stub, "set_gain")[-1][2] == 0.0
        flow.disconnect_all()
    held = weakref.ref(front_end._sink)
    front_end.close()
    stub.device.recorder = None
    del flow
    gc.collect()
    assert held() is None


def test_no_device_is_one_clear_error(stub):
    stub.refusal = "LookupError: KeyError: No devices found for ----->\nEmpty Device Address"
    with pytest.raises(radio.RadioError, match="no USRP connected: is it powered.*semisac radio probe"):
        opened("receive")


def test_no_device_with_the_installed_driver():
    """The real gr-uhd; nothing listens at this address."""
    with pytest.raises(radio.RadioError, match="no USRP at 'addr=127.0.0.9'"):
        opened("receive", address="addr=127.0.0.9")


@pytest.mark.parametrize("role", ["receive", "monostatic"])
def test_a_clock_that_jumps_is_an_event_and_ends_a_radar(stub, role):
    """Behind it nothing received is in step with what is sent."""
    front_end, _ = opened(role, options={"measure_latency": True})
    filler = semisac.gap_filler(1e4)
    front_end._filler = filler
    flow = gr.top_block()
    jump = [tag(0, "rx_time", time_value(0, 0.0)), tag(50, "rx_time", time_value(700, 0.0))]
    flow.connect(blocks.vector_source_c([0.0] * 100, False, 1, jump), filler, blocks.null_sink(8))
    flow.run()
    counts = front_end.status()
    assert (counts["gap"], counts["overflow"]) == (1, 0)
    assert front_end.status()["gap"] == 1  # told once
    assert ("clock jumped" in front_end.events.vanished()) == (role == "monostatic")


class MuteUsrp:
    """A network USRP that is found, accepts its control connection, and says nothing more."""

    address = "127.0.0.4"
    DISCOVERY, CONTROL = 49600, 49601  # of devices with MPM: N3xx, E3xx, X4xx

    def __enter__(self):
        self._found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._found.bind((self.address, self.DISCOVERY))
        self._control = socket.create_server((self.address, self.CONTROL))
        self._found.settimeout(0.1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        return self

    def _answer(self):
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                asked, peer = self._found.recvfrom(4096)
                if asked.startswith(b"MPM-DISC"):
                    self._found.sendto(b"USRP-MPM;type=n3xx;product=n310;serial=ABC123;claimed=False", peer)

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._found.close()
        self._control.close()


OPENS = """
import sys, time
from gnuradio.semisac import radio
from semisac_ml.signal.frame import FrameParameters

settings = radio.RadioSettings("usrp", address="addr=127.0.0.4", timeout_s=float(sys.argv[1]))
front_end = radio.open_front_end(settings, FrameParameters(sample_rate_hz=1e6), "receive")
print("opens", flush=True)
begun = time.monotonic()
try:
    front_end.configure()
except radio.RadioError as error:
    print(error, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(time.monotonic() - begun, flush=True)
"""


def opening(timeout_s: float) -> subprocess.Popen:
    """A program that opens the USRP at 127.0.0.4 through the installed driver."""
    return subprocess.Popen(
        [sys.executable, "-c", OPENS, str(timeout_s)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_a_device_that_hangs_is_given_up():
    """UHD itself waits for 10 s and more, holding Python's lock. The limit is five times --timeout-s."""
    with MuteUsrp(), opening(0.2) as program:
        output = program.communicate(timeout=HANG_S)[0].splitlines()
    assert output[0] == "opens"
    assert "at 'addr=127.0.0.4' did not open within 1 s" in output[1]
    assert program.returncode == 0


def test_ctrl_c_is_heard_while_a_device_hangs():
    with MuteUsrp(), opening(HANG_S) as program:
        assert program.stdout.readline() == "opens\n"
        time.sleep(0.5)  # it is in UHD by then, or will be: the signal is heard in either
        program.send_signal(signal.SIGINT)
        output = program.communicate(timeout=HANG_S)[0].splitlines()
    assert output[0] == "interrupted"
    assert program.returncode == 0


def test_the_library_of_the_installed_driver_is_found():
    """Else nothing bounds the time of opening."""
    assert usrp_opening.uhd_library(uhd.get_version_string()) is not None
    assert usrp_opening.uhd_library("0.1.2.3-none") is None


def test_a_device_that_is_back_can_run_again(stub):
    front_end, _ = opened("transmit")
    flow = transmission(front_end, 400)
    front_end.prepare()
    flow.start()
    stub.device.unplugged = True
    until(front_end.events.vanished)
    flow.stop()
    flow.wait()
    front_end.silence()
    stub.device.unplugged = False
    front_end.prepare()
    assert front_end.events.vanished() == ""
    flow.symbols.rewind()
    flow.start()
    until(lambda: stub.device.transmitter.bursts_sent() > 0)
    flow.end()


def test_a_consumer_that_pauses_is_no_device_that_is_gone(stub):
    """For much longer than timeout_s."""
    front_end, _ = opened("receive", timeout_s=0.3)
    flow = gr.top_block()
    valve = paused_sink()
    flow.connect(front_end, valve)
    front_end.prepare()
    flow.start()
    # its buffers are full and stay so
    until(lambda: not front_end._filler.waits_for_samples() and front_end._filler.nitems_written(0) > 0)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert front_end.events.vanished() == ""
        time.sleep(0.02)
    valve.open.set()
    until(lambda: valve.nitems_read(0) > 200_000)
    flow.stop()
    flow.wait()
    front_end.close()
    assert front_end.events.vanished() == ""


def test_a_device_that_is_unplugged_is_noticed(stub):
    front_end, _ = opened("transmit")
    flow = transmission(front_end, 400)
    front_end.prepare()
    flow.start()
    until(lambda: stub.device.transmitter.bursts_sent() > 0)
    stub.device.unplugged = True
    until(front_end.events.vanished)
    flow.end()
    assert "the device answers no more" in front_end.events.vanished()


def test_a_receiver_without_samples_is_noticed(stub):
    front_end, _ = opened("receive", timeout_s=0.5)
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    until(flow.received)
    stub.device.receiver.inject_vanish()
    until(front_end.events.vanished)
    flow.end()
    assert "no samples for 0.5 s" in front_end.events.vanished()
    assert front_end.events.counts()["vanished"] == 1
