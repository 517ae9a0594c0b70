# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USRP front end over a stub of gnuradio.uhd: how it is found, opened and set up, and what is refused."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")
pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")

import uhd_stub  # noqa: E402
from gnuradio import uhd  # noqa: E402
from gnuradio.semisac import radio  # noqa: E402
from gnuradio.semisac.radio import usrp_checks, usrp_opening  # noqa: E402
from patience import HANG_S  # noqa: E402
from usrp_testing import RATE_HZ, calibrate, calls, opened  # noqa: E402


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


def test_settings_reach_the_device(usrp_stub):
    _, in_force = opened(
        "monostatic", address="type=b200", tx_gain_db=40.0, rx_gain_db=20.0, rx_antenna="RX2",
        rx_channels=2, clock_source="external", time_source="external", bandwidth_hz=2e6,
        options={"measure_latency": True, "master_clock_rate_hz": 40e6},
    )  # fmt: skip
    made = calls(usrp_stub, "usrp_source") + calls(usrp_stub, "usrp_sink")
    arguments = "type=b200,master_clock_rate=40000000,clock_source=external,time_source=external"
    assert made == [
        ("make", "usrp_source", arguments, (0, 1)),
        ("make", "usrp_sink", arguments, (0,)),
    ]
    assert ("usrp_source", "set_gain", 20.0, 1) in usrp_stub.device.calls
    assert ("usrp_sink", "set_gain", 40.0, 0) in usrp_stub.device.calls
    assert ("usrp_source", "set_antenna", "RX2", 1) in usrp_stub.device.calls
    assert ("usrp_source", "set_bandwidth", 2e6, 0) in usrp_stub.device.calls
    assert len(calls(usrp_stub, "set_time_unknown_pps")) == 1
    assert in_force["serial"] == "30AABBC"
    assert in_force["sample_rate_hz"] == RATE_HZ
    assert in_force["warnings"] == []


@pytest.mark.parametrize("takes", [True, False])
def test_sources_of_clock_and_time_are_set_once_before_anything_is_tuned(usrp_stub, takes):
    """On an X310 each change resets the clocks. Some devices take them as arguments, some do not."""
    usrp_stub.device.takes_sources = takes
    opened("monostatic", clock_source="external", time_source="external", options={"measure_latency": True})
    assert usrp_stub.device.sources == {"clock": "external", "time": "external"}
    assert (
        len(calls(usrp_stub, "set_clock_source"))
        == len(calls(usrp_stub, "set_time_source"))
        == (0 if takes else 1)
    )
    names = [call[1] for call in usrp_stub.device.calls]
    if not takes:
        assert names.index("set_time_source") < names.index("set_center_freq")


def test_dc_tracking_is_off_unless_asked_for(usrp_stub):
    """Line 12: it may notch what does not move."""
    opened("receive")
    opened("receive", dc_tracking=True)
    assert [call[2] for call in calls(usrp_stub, "set_auto_dc_offset")] == [False, True]


def test_ranges_need_a_calibration_for_exactly_these_settings(usrp_stub):
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
def test_what_the_device_cannot_do_is_refused(usrp_stub, named, message):
    with pytest.raises(radio.RadioError, match=message):
        opened("receive", **named)


def test_a_source_that_a_device_has_not_is_named(usrp_stub):
    usrp_stub.device.takes_sources = False
    with pytest.raises(radio.RadioError, match="--time-source is 'sundial', this device has internal, ext"):
        opened("receive", time_source="sundial")


def test_what_is_not_right_is_warned_of(usrp_stub):
    usrp_stub.device.name = "X310"
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
def test_what_does_not_lock_is_refused(usrp_stub, impatient, role, named, message):
    usrp_stub.device.locked = False
    with pytest.raises(radio.RadioError, match=message):
        opened(role, tx_gain_db=30.0, **named)
    if role == "transmit":  # it was set up, and is silent again
        assert usrp_stub.device.calls[-1] == ("usrp_sink", "set_gain", 0.0, 0)


def test_locks_are_waited_for_on_every_channel(usrp_stub, monkeypatch):
    monkeypatch.setattr(usrp_checks, "POLL_S", 0.0)
    monkeypatch.setattr(usrp_checks, "LO_LOCK_S", HANG_S)
    usrp_stub.device.asked_before_lock = 7
    _, in_force = opened("receive", rx_channels=2)
    asked = [call[2:] for call in calls(usrp_stub, "get_sensor")]
    assert asked == [("lo_locked", 0)] * 8 + [("lo_locked", 1)]
    assert in_force["warnings"] == []


def test_a_gpsdo_without_a_fix_is_warned_of(usrp_stub):
    usrp_stub.device.asked_before_lock = 0
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


def test_the_port_that_transmits_does_not_listen(usrp_stub):
    options = {"measure_latency": True}
    with pytest.raises(radio.RadioError, match="--rx-antenna is 'TX/RX', the port that transmits"):
        opened("monostatic", rx_antenna="TX/RX", options=options)
    opened("monostatic", rx_antenna="TX/RX", options={**options, "rx_subdevice": "A:B"})
    opened("receive", rx_antenna="TX/RX")


def test_no_device_is_one_clear_error(usrp_stub):
    usrp_stub.refusal = "LookupError: KeyError: No devices found for ----->\nEmpty Device Address"
    with pytest.raises(radio.RadioError, match="no USRP connected: is it powered.*semisac radio probe"):
        opened("receive")


def test_no_device_with_the_installed_driver():
    """The real gr-uhd; nothing listens at this address."""
    with pytest.raises(radio.RadioError, match="no USRP at 'addr=127.0.0.9'"):
        opened("receive", address="addr=127.0.0.9")


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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
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


def test_a_set_up_that_fails_says_when_its_transmitter_stays_on(usrp_stub, monkeypatch):
    def fail(*arguments):
        usrp_stub.device.gain_stays = True
        raise RuntimeError("the device went")

    monkeypatch.setattr(uhd_stub.usrp_sink, "get_clock_rate", fail)
    with pytest.raises(radio.RadioError, match="the device went; the transmitter may not be silent"):
        opened("transmit", tx_gain_db=20.0)
