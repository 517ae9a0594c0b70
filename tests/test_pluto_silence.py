# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Pluto's transmitter is silent at the end, whatever failed, or the program says that it may not be.

Each fault is put into the daemon, and the device is read back.
"""

from __future__ import annotations

import errno
import re
import signal
import threading

import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

from gnuradio import blocks, gr  # noqa: E402
from gnuradio.semisac.radio import RadioError, open_front_end, pluto_device, pluto_silence  # noqa: E402
from iio_server import IGNORED  # noqa: E402
from patience import until  # noqa: E402
from pluto_testing import FRAME, QUIET, images_to, settings  # noqa: E402

SHORT_S = 1.0
GAIN = r"WRITE .* OUTPUT voltage0 hardwaregain \d+"
SWITCH = r"WRITE .* OUTPUT altvoltage1 powerdown \d+"


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """As in a terminal: a background job ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """Ctrl-C, as a terminal sends it."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def set_up(server, role: str = "monostatic", **changes) -> tuple[object, str]:
    """Front end after `configure`, and what that raised, "" for nothing."""
    radio = open_front_end(settings(server, **changes), FRAME, role)
    try:
        radio.configure()
    except (RadioError, KeyboardInterrupt) as error:
        return radio, str(error) or "interrupted"
    return radio, ""


def ended(radio) -> str:
    """What closing says."""
    try:
        radio.close()
    except RadioError as error:
        return str(error)
    return ""


def written(server) -> list[str]:
    """Writes of a set-up from the first one to the transmitter on."""
    radio, trouble = set_up(server)
    assert trouble == ""
    writes = [command for command in server.commands if command.startswith("WRITE ")]
    radio.close()
    first = next(number for number, command in enumerate(writes) if "OUTPUT" in command)
    return list(dict.fromkeys(writes[first:]))


@pytest.mark.parametrize("what", ["refused", "disconnected", "interrupted"])
def test_a_set_up_that_fails_anywhere_is_silent(serve_pluto, what):
    server = serve_pluto(QUIET)
    writes = written(server)
    assert len(writes) >= 15
    does = {"refused": errno.EIO, "disconnected": server.disconnect, "interrupted": interrupt}[what]
    failed = 0
    for write in writes:
        server.inject(f"^{re.escape(write)}$", does, times=1)
        radio, trouble = set_up(server)
        server.faults.clear()
        failed += bool(trouble)
        assert ended(radio) == "", write
        assert "may not be silent" not in trouble
        until(server.device.is_silent)
        server.device.set_value("out_voltage0_hardwaregain", "-10.000000 dB")  # as if never used
    # a link can do without some settings, and without the register that says when samples are lost
    needed = sum("DEBUG" not in write for write in writes)
    assert failed >= {"refused": 6, "disconnected": needed, "interrupted": len(writes)}[what]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rx_gain_db": 90.0}, "hardwaregain to 90.0 failed"),
        ({"rx_channels": 2}, "no input channel voltage1"),
    ],
)
def test_a_set_up_that_the_device_refuses_is_silent(serve_pluto, changes, reason):
    server = serve_pluto(QUIET)
    radio, trouble = set_up(server, tx_gain_db=-3.0, **changes)
    assert reason in trouble
    assert server.device.is_silent()  # before anybody closes it
    assert ended(radio) == ""


def test_what_was_not_touched_stays_as_it_is(serve_pluto):
    """A device that refuses before the transmitter's turn, and a receiver, leave it alone."""
    server = serve_pluto(QUIET)
    server.inject("WRITE .* sampling_frequency", errno.EIO)
    radio, trouble = set_up(server)
    assert "sampling_frequency" in trouble
    radio.close()
    server.faults.clear()
    radio, trouble = set_up(server, "receive", rx_gain_db=90.0)
    assert trouble
    radio.close()
    assert server.device.value("out_voltage0_hardwaregain") == "-10.000000 dB"
    assert server.device.value("out_altvoltage1_TX_LO_powerdown") == "0"


def pause(server) -> None:
    """A daemon that is suspended until the radio has been given up."""
    server.silent()


FAULTS = {
    "a read fails once": lambda server: server.inject("^READBUF", errno.EIO, times=1),
    "reads give nothing": lambda server: server.inject("^READBUF", b"0\n"),
    "the connections end": lambda server: server.disconnect(),
    "it pauses": pause,
    "the oscillator is switched off": lambda server: server.device.set_value(
        "out_altvoltage1_TX_LO_powerdown", "1"
    ),
}


def running(server, role: str, cyclic: bool) -> tuple[object, gr.top_block]:
    """Front end that sends, and its flowgraph."""
    radio, trouble = set_up(server, role, options={"cyclic": cyclic})
    assert trouble == ""
    top = images_to(radio, 8, repeat=True)
    if role == "monostatic":
        for port in range(2):
            top.connect((radio, port), blocks.null_sink(gr.sizeof_gr_complex))
    radio.prepare()
    top.start()
    until(lambda: server.device.pushed)
    return radio, top


def be_quick(monkeypatch) -> None:
    """A device that pauses is given up at once, not after the time that a busy computer may need."""
    monkeypatch.setattr(pluto_device, "STREAM_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(pluto_device, "STREAM_SHARE", 0.0)


STREAMS = [("transmit", True), ("transmit", False), ("monostatic", True)]


@pytest.mark.parametrize(
    ("role", "cyclic", "fault"),
    [
        (*stream, fault)
        for stream in STREAMS
        for fault in FAULTS
        if stream[0] != "transmit" or "read" not in fault
    ],
)
def test_a_stream_that_fails_is_silent(serve_pluto, monkeypatch, role, cyclic, fault):
    server = serve_pluto(QUIET)
    be_quick(monkeypatch)
    radio, top = running(server, role, cyclic)
    FAULTS[fault](server)
    until(radio.events.vanished)
    server.answers_again()
    top.stop()
    top.wait()
    assert ended(radio) == ""
    until(server.device.is_silent)


@pytest.mark.parametrize("cyclic", [True, False])
@pytest.mark.parametrize("fault", ["^OPEN iio:device2 (?!256 )", "^WRITEBUF"])
def test_samples_that_are_refused_leave_silence(serve_pluto, fault, cyclic):
    server = serve_pluto(QUIET)
    radio, trouble = set_up(server, "transmit", options={"cyclic": cyclic})
    assert trouble == ""
    server.inject(fault, errno.EBUSY)
    top = images_to(radio, 8, repeat=True)
    if "OPEN" in fault and not cyclic:
        with pytest.raises(RadioError, match="another program uses it, and transmits"):
            radio.prepare()
    else:
        radio.prepare()
        top.start()
        until(radio.events.vanished)
        top.stop()
        top.wait()
    assert ended(radio) == ""
    until(server.device.is_silent)


REFUSALS = {
    "it is gone": lambda server: server.vanish(),
    "it is mute": lambda server: server.silent(),
    "the gain is refused": lambda server: server.inject(f"{GAIN}=-89.75", errno.EIO),
    "the gain stays": lambda server: server.inject(f"{GAIN}=-89.75", IGNORED),
    "the gain is nonsense": lambda server: server.inject("READ .* OUTPUT voltage0 hardwaregain", "ERROR"),
    "the oscillator is refused": lambda server: server.inject(f"{SWITCH}=1", errno.EIO),
    "the oscillator stays on": lambda server: server.inject(f"{SWITCH}=1", IGNORED),
    "the tones are refused": lambda server: server.inject(r"WRITE .* altvoltage0 scale \d+=0", errno.EIO),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_what_cannot_be_silenced_is_said(serve_pluto, monkeypatch, fault):
    server = serve_pluto(QUIET)
    be_quick(monkeypatch)
    radio, top = running(server, "transmit", True)
    if fault in ("it is gone", "it is mute"):
        monkeypatch.setattr(pluto_silence, "SILENCE_S", SHORT_S)
        REFUSALS[fault](server)
        until(radio.events.vanished)
    top.stop()
    top.wait()
    REFUSALS[fault](server)
    assert "the transmitter may not be silent, unplug it" in ended(radio)
    assert ended(radio) == ""  # said once


def test_a_set_up_whose_silence_is_refused_says_both(serve_pluto):
    server = serve_pluto(QUIET)
    server.inject(f"{GAIN}=-89.75", errno.EIO)
    radio, trouble = set_up(server, rx_gain_db=90.0)
    assert "hardwaregain to 90.0 failed" in trouble
    assert "the transmitter may not be silent, unplug it" in trouble
    assert ended(radio) == ""


def test_a_gain_that_was_set_to_a_mute_device_is_the_least_when_it_wakes(serve_pluto, monkeypatch):
    """The command is on its way, though nobody waited for the answer."""
    server = serve_pluto(QUIET)
    be_quick(monkeypatch)
    monkeypatch.setattr(pluto_silence, "SILENCE_S", SHORT_S)
    radio, top = running(server, "transmit", True)
    server.silent()
    until(radio.events.vanished)
    top.stop()
    top.wait()
    assert "may not be silent" in ended(radio)
    server.answers_again()
    until(lambda: server.device.number("out_voltage0_hardwaregain") == -89.75)


# The oscillator


@pytest.mark.parametrize("does", [errno.EIO, errno.EINVAL, IGNORED])
def test_an_oscillator_that_stays_off_is_told(serve_pluto, does):
    server = serve_pluto(QUIET)
    server.device.set_value("out_altvoltage1_TX_LO_powerdown", "1")
    server.inject(f"{SWITCH}=0", does)
    radio, trouble = set_up(server, "transmit")
    assert "powerdown to 0 failed" in trouble or "the transmit oscillator stays off" in trouble
    assert ended(radio) == ""
    until(server.device.is_silent)


def test_firmware_without_a_switch_of_the_oscillator(serve_pluto):
    server = serve_pluto(QUIET)
    for channel in server.device.devices["iio:device0"].channels:
        channel.attributes.pop("powerdown", None)
    radio, trouble = set_up(server, "transmit")
    assert trouble == ""
    assert ended(radio) == ""
    assert server.device.number("out_voltage0_hardwaregain") == -89.75


def test_an_oscillator_that_is_switched_off_later_ends_the_transmission(serve_pluto):
    server = serve_pluto(QUIET)
    radio, top = running(server, "transmit", True)
    server.device.set_value("out_altvoltage1_TX_LO_powerdown", "1")
    until(radio.events.vanished)
    assert "its transmit oscillator was switched off by another program" in radio.events.vanished()
    top.stop()
    top.wait()
    radio.close()
