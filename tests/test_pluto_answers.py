# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Pluto that another program uses too, and one whose answers make no sense."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

from gnuradio.semisac.radio import RadioError, open_front_end, pluto_device, pluto_receiver  # noqa: E402
from gnuradio.semisac.radio.pluto_receiver import block_samples  # noqa: E402
from patience import until  # noqa: E402
from pluto_testing import FRAME, QUIET, RATE, images_to, samples_of, settings  # noqa: E402


def changes_of(server) -> list[str]:
    """Writes so far of what another program would notice."""
    return [command for command in server.commands if command.startswith("WRITE ") and "DEBUG" not in command]


def opened(server, role: str, **changes):
    radio = open_front_end(settings(server, **changes), FRAME, role)
    radio.configure()
    return radio


@pytest.fixture
def running():
    """Function that starts a program on a device: its front end, that sends or receives."""
    started = []

    def start(server, role: str, **changes):
        radio = opened(server, role, **changes)
        top = samples_of(radio) if role == "receive" else images_to(radio, 8, repeat=True)
        radio.prepare()
        top.start()
        started.append((radio, top))
        if role == "receive":
            until(lambda: top.sinks[0].nitems_read(0))
        else:
            until(lambda: server.device.pushed)
        return radio

    yield start
    for radio, top in started:
        top.stop()
        top.wait()
        radio.close()


# Two programs


@pytest.mark.parametrize("through_iiod", [False, True])
@pytest.mark.parametrize(
    ("role", "cyclic", "second", "does"),
    [
        ("transmit", True, "transmit", "transmits"),
        ("transmit", False, "monostatic", "transmits"),
        ("receive", True, "receive", "receives"),
        ("receive", True, "monostatic", "receives"),
    ],
)
def test_a_second_program_writes_nothing(
    serve_pluto, iiod, running, role, cyclic, second, does, through_iiod
):
    """The real daemon shares buffers between programs: nobody refuses the second one by himself."""
    server = serve_pluto(QUIET)
    address = {"address": iiod(server.uri) if through_iiod else server.uri}
    running(server, role, options={"cyclic": cyclic}, **address)
    before = changes_of(server)
    with pytest.raises(RadioError, match=f"another program uses it, and {does}"):
        opened(server, second, center_frequency_hz=2.4e9, tx_gain_db=-30, sample_rate_hz=2e6, **address)
    assert changes_of(server) == before


@pytest.mark.parametrize(
    ("role", "second", "does"), [("transmit", "receive", "transmits"), ("receive", "transmit", "receives")]
)
def test_the_rate_of_another_program_stays(serve_pluto, running, role, second, does):
    """One sends, one receives: both have the same rate, that of the first."""
    server = serve_pluto(QUIET)
    running(server, role)
    pattern = f"{does} at 1000000 S/s.*--sample-rate-hz is 2000000: give --sample-rate-hz 1000000"
    with pytest.raises(RadioError, match=pattern):
        opened(server, second, sample_rate_hz=2e6)
    assert server.device.rate_hz() == RATE
    opened(server, second).close()


CHANGES = {
    "out_altvoltage1_TX_LO_frequency": ("2400000000", "altvoltage1 frequency from 2450000000 to 2400000000"),
    "out_voltage0_hardwaregain": ("-30.000000 dB", "voltage0 hardwaregain from 0 to -30"),
    "in_voltage_sampling_frequency": ("2000000", "voltage0 sampling_frequency from 1000000 to 2000000"),
}


@pytest.mark.parametrize("file", CHANGES)
def test_what_another_program_changes_is_counted_and_told(serve_pluto, running, file):
    server = serve_pluto(QUIET)
    radio = running(server, "transmit")
    value, told = CHANGES[file]
    server.device.set_value(file, value)
    until(lambda: radio.status()["changed"])
    assert radio.status()["changed"] == 1
    assert radio.events.reasons()["changed"] == f"another program changed {told}"
    assert not radio.events.vanished()


def test_what_this_program_changes_is_not_told(serve_pluto, running):
    server = serve_pluto(QUIET)
    radio = running(server, "transmit")
    radio.set_tx_gain_db(-20)
    radio.set_center_frequency_hz(2.41e9)
    before = len(server.commands)
    until(lambda: sum("frequency" in command for command in server.commands[before:]) >= 4)
    assert radio.status()["changed"] == 0


# Nonsense


READ = (
    "INPUT voltage0 sampling_frequency",
    "INPUT out voltage_filter_fir_en",
    "tx_path_rates",
    "INPUT voltage0 hardwaregain",
    "OUTPUT voltage0 hardwaregain",
    "OUTPUT altvoltage0 frequency",
    "OUTPUT altvoltage1 frequency",
    "OUTPUT altvoltage1 powerdown",
)


@pytest.mark.parametrize("text", ["ERROR", "", "nan", "1e999", "-", "12 ERROR", "Gr\u00f6\u00dfe"])
@pytest.mark.parametrize("attribute", READ)
def test_nonsense_from_a_device_is_told_as_such(serve_pluto, attribute, text):
    """By one error that names device and attribute, or in a warning; never as a mistake of the user's."""
    server = serve_pluto(QUIET)
    server.inject(f"^READ .*{attribute}$", text)
    radio = open_front_end(settings(server), FRAME, "monostatic")
    try:
        told = radio.configure()["warnings"]
    except RadioError as error:
        told = [str(error)]
    server.faults.clear()
    radio.close()
    untouched = "-10.000000 dB"
    until(lambda: server.device.is_silent() or server.device.value("out_voltage0_hardwaregain") == untouched)
    needed = attribute not in ("INPUT out voltage_filter_fir_en", "tx_path_rates") and text != "12 ERROR"
    assert told or not needed
    for line in told:
        assert server.uri in line
        assert "\n" not in line


def test_a_description_that_is_no_text_is_told(serve_pluto):
    server = serve_pluto(QUIET)
    content = server.device.xml().replace("made-up Pluto", "Ger\u00e4t").encode("latin-1")
    server.inject("^PRINT", f"{len(content)}\n".encode() + content + b"\n")
    radio = open_front_end(settings(server), FRAME, "receive")
    with pytest.raises(RadioError, match=f"{server.uri} cannot be opened"):
        radio.configure()


def test_reads_that_give_nothing_end_the_stream(serve_pluto, running):
    server = serve_pluto(QUIET)
    radio = running(server, "receive")
    server.inject("^READBUF", b"0\n")
    until(radio.events.vanished)
    assert "no more samples from the receiver: it gives none" in radio.events.vanished()
    assert radio.status()["overflow"] >= 1


def test_a_read_that_gives_less_is_a_gap(serve_pluto, monkeypatch):
    """Samples behind it are in their place."""
    server = serve_pluto(QUIET)
    radio = opened(server, "receive")
    top = samples_of(radio)
    radio.prepare()
    top.start()
    until(lambda: top.sinks[0].nitems_read(0))
    part = bytes(4 * 100)
    server.inject("^READBUF", f"{len(part)}\n00000003\n".encode() + part + b"0\n", times=1)
    until(top.gaps)
    offset, length = top.gaps()[0]
    until(lambda: top.sinks[0].nitems_read(0) > offset + length + block_samples(RATE))
    counts = radio.status()
    reason = radio.events.reasons()["overflow"]
    top.stop()
    top.wait()
    radio.close()
    assert length == block_samples(RATE) - 100
    assert counts["overflow"] >= 1
    assert reason == f"a read of {block_samples(RATE)} samples gave 100"
    assert counts["vanished"] == 0


def test_a_receiver_never_ends_unnoticed(serve_pluto, running, monkeypatch):
    """Whatever goes wrong in the thread that reads is told."""
    server = serve_pluto(QUIET)
    radio = running(server, "receive")
    monkeypatch.setattr(pluto_receiver.pluto_receiver, "_samples", lambda self, buffer: 1 / 0)
    until(radio.events.vanished)
    assert "no more samples from the receiver: division by zero" in radio.events.vanished()


# Time, and drivers


@pytest.mark.parametrize(("timeout_s", "pause_s"), [(3.0, 1.0), (0.5, 0.5), (15.0, 5.0)])
def test_a_pause_while_streaming_is_a_third_of_the_time_out(serve_pluto, monkeypatch, timeout_s, pause_s):
    server = serve_pluto(QUIET)
    monkeypatch.setattr(pluto_device, "STREAM_TIMEOUT_S", 1.0)
    radio = open_front_end(settings(server, timeout_s=timeout_s), FRAME, "receive")
    told = []
    radio.device._set_stream_timeout(SimpleNamespace(set_timeout=told.append))
    assert told == [round(1000 * pause_s)]


@pytest.mark.parametrize("error", [ImportError, AttributeError, OSError])
def test_a_driver_that_is_missing_or_damaged_is_one_error(monkeypatch, error):
    """Such as a libiio without one of its functions."""
    module = sys.modules["gnuradio.semisac.radio.front_end"]

    def fail(name):
        raise error("undefined symbol: iio_get_backends_count")

    monkeypatch.setattr(module, "importlib", SimpleNamespace(import_module=fail))
    with pytest.raises(RadioError, match="--radio pluto needs a driver that is missing or damaged") as found:
        module.front_end_class("pluto")
    assert "iio_get_backends_count" in str(found.value)
    assert "\n" not in str(found.value)


def test_the_highest_peak_is_kept(serve_pluto, running):
    """What is shown live falls again, what the results say does not."""
    server = serve_pluto(replace(QUIET, dc=0.25))
    radio = running(server, "receive")
    until(lambda: radio.status()["adc_peak"] > 0.2)
    server.device.air.dc = 0.0
    until(lambda: radio.status()["adc_peak"] < 0.02)
    assert radio.status()["highest_adc_peak"] == pytest.approx(0.25, abs=0.01)
