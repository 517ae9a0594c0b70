# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USRP front end over a stub of gnuradio.uhd: arguments, times, bursts, events. Lines are those of the
last table in docs/hardware.md.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")
pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")

import uhd_stub  # noqa: E402
from block_testing import frames as random_symbols  # noqa: E402
from block_testing import source  # noqa: E402
from gnuradio import blocks, gr, semisac, uhd  # noqa: E402
from gnuradio.semisac import radio  # noqa: E402
from gnuradio.semisac.radio import usrp  # noqa: E402
from patience import HANG_S, until  # noqa: E402

from semisac_ml.signal.frame import FrameParameters  # noqa: E402

RATE_HZ = 1e6
FRAME = FrameParameters(
    sample_rate_hz=RATE_HZ, fft_size=64, prefix_samples=16, images_per_frame=8, gap_samples=100
)


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
    made = uhd_stub.Stub(air)
    monkeypatch.setattr(usrp, "uhd", made)
    return made


def opened(role: str, **named) -> tuple[radio.front_end, dict]:
    settings = radio.RadioSettings("usrp", **{"sample_rate_hz": RATE_HZ, "timeout_s": HANG_S, **named})
    front_end = radio.open_front_end(settings, FRAME, role)
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
            self.modulator = semisac.frame_modulator(FRAME)
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
        "monostatic", address="type=b200", tx_gain_db=40.0, rx_gain_db=20.0, rx_antenna="TX/RX",
        rx_channels=2, clock_source="external", time_source="external", bandwidth_hz=2e6,
        options={"measure_latency": True, "master_clock_rate_hz": 40e6},
    )  # fmt: skip
    made = calls(stub, "usrp_source") + calls(stub, "usrp_sink")
    assert made == [
        ("make", "usrp_source", "type=b200,master_clock_rate=40000000", (0, 1)),
        ("make", "usrp_sink", "type=b200,master_clock_rate=40000000", (0,)),
    ]
    assert ("usrp_source", "set_gain", 20.0, 1) in stub.device.calls
    assert ("usrp_sink", "set_gain", 40.0, 0) in stub.device.calls
    assert ("usrp_source", "set_antenna", "TX/RX", 1) in stub.device.calls
    assert ("usrp_source", "set_bandwidth", 2e6, 0) in stub.device.calls
    assert calls(stub, "set_clock_source") == [
        ("usrp_source", "set_clock_source", "external"), ("usrp_sink", "set_clock_source", "external"),
    ]  # fmt: skip
    assert len(calls(stub, "set_time_unknown_pps")) == 1
    assert in_force["serial"] == "30AABBC"
    assert in_force["sample_rate_hz"] == RATE_HZ
    assert in_force["warnings"] == []


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


def test_nothing_is_tuned_while_the_radio_runs(stub):
    """Line 11: a retune changes the phase from transmitter to receiver. Line 12: nor is the gain."""
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    before = len(stub.device.calls)
    transmission(front_end, 20).run_until(lambda: stub.device.transmitter.bursts_sent() == 20)
    called = [call[1] for call in stub.device.calls[before:]]
    assert called == ["set_start_time", "set_start_time", "set_gain"]
    assert stub.device.calls[-1] == ("usrp_sink", "set_gain", 0.0, 0)  # when it is over


def test_late_bursts_are_counted_and_their_frames_named(stub):
    """Line 4."""
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    flow = transmission(front_end, 60)
    stub.device.transmitter.inject_late(3)
    flow.run_until(lambda: stub.device.transmitter.bursts_sent() == 57 and heard(front_end, "late", 3))
    assert front_end.events.counts()["late"] == 3
    hit = front_end.events.frames_hit()
    assert [kind for _, kind in hit] == ["late"] * 3
    assert [frame for frame, _ in hit] == [0, 8, 16]  # the ids of the first three frames


def test_underflows_are_counted(stub):
    front_end, _ = opened("transmit")
    flow = transmission(front_end, 40)
    stub.device.transmitter.inject_underflow(2)
    flow.run_until(lambda: stub.device.transmitter.bursts_sent() == 38 and heard(front_end, "underflow", 2))
    assert front_end.events.counts()["underflow"] == 2


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
    gaps = [tag for tag in flow.sinks[0].tags() if str(tag.key) == "gap"]
    data = np.array(flow.sinks[0].data())
    for tag, length in zip(gaps, (1234, 99), strict=True):
        assert int(str(tag.value)) == length
        assert not data[tag.offset : tag.offset + length].any()


def test_ranges_need_a_calibration_for_exactly_these_settings(stub):
    """Line 1."""
    with pytest.raises(
        radio.CalibrationError, match="run python apps/calibrate.py --radio usrp.*--rx-gain-db 20"
    ):
        opened("monostatic", rx_gain_db=20.0)
    front_end, _ = opened("monostatic", rx_gain_db=20.0, options={"measure_latency": True})
    radio.CalibrationStore().save(
        radio.Calibration(
            front_end.calibration_key(), 46.0, 0.01, -20.0, 0.3, 10, "2100-01-01T00:00:00+00:00"
        )
    )
    _, in_force = opened("monostatic", rx_gain_db=20.0)
    assert in_force["latency_samples"] == 46.0
    for change in (
        {"rx_gain_db": 21.0},
        {"rx_gain_db": 20.0, "sample_rate_hz": 2e6},
        {"rx_antenna": "TX/RX"},
    ):
        with pytest.raises(radio.CalibrationError, match="no calibration"):
            opened("monostatic", **{"rx_gain_db": 20.0, **change})


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"sample_rate_hz": 3e6}, "--sample-rate-hz is 3e[+]06, the radio would run at 3.07"),
        ({"center_frequency_hz": 10e9}, "the radio tunes to 6e[+]09"),
        ({"rx_antenna": "J1"}, "--rx-antenna is 'J1', this device has RX2, TX/RX"),
        (
            {"clock_source": "sundial"},
            "--clock-source is 'sundial', this device has internal, external, gpsdo",
        ),
    ],
)
def test_what_the_device_cannot_do_is_refused(stub, named, message):
    with pytest.raises(radio.RadioError, match=message):
        opened("receive", **named)


def test_what_is_not_right_is_warned_of(stub):
    stub.device.locked = False
    _, in_force = opened("receive", rx_gain_db=90.0, clock_source="external")
    warnings = " / ".join(in_force["warnings"])
    assert "gain is 76 dB, 90 is not in its range" in warnings
    assert "oscillator is not locked" in warnings
    assert "reference clock is not locked" in warnings


def test_no_device_is_one_clear_error(stub):
    stub.refusal = "LookupError: KeyError: No devices found for ----->\nEmpty Device Address"
    with pytest.raises(radio.RadioError, match="no USRP connected: is it powered.*semisac radio probe"):
        opened("receive")


def test_no_device_with_the_installed_driver():
    """The real gr-uhd; nothing listens at this address."""
    with pytest.raises(radio.RadioError, match="no USRP at 'addr=127.0.0.9'"):
        opened("receive", address="addr=127.0.0.9")


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
