# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pluto that loses samples, goes, is slow, is another device, or is not there."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

import block_testing as bt  # noqa: E402
from frame_testing import receive  # noqa: E402
from gnuradio import blocks, gr  # noqa: E402
from gnuradio.semisac.radio import RadioError, open_front_end, pluto_device, pluto_receiver, pluto_silence  # noqa: E402
from gnuradio.semisac.radio.pluto_link import reach  # noqa: E402
from patience import HANG_S, until  # noqa: E402
from pluto_description import ADC  # noqa: E402
from pluto_testing import FRAME, QUIET, images_to, samples_of, settings  # noqa: E402

from semisac_ml.iio_address import complete_address, network_place  # noqa: E402


def endless_frames_to(radio) -> gr.top_block:
    """Flowgraph that sends the same silent frame until it is stopped."""
    top = gr.top_block()
    samples = np.zeros(FRAME.frame_samples, np.complex64)
    tags = [bt.tag(0, "frame_id", 0), bt.tag(0, "packet_len", FRAME.frame_samples)]
    top.connect(blocks.vector_source_c(samples.tolist(), True, 1, tags), radio.tx)
    return top


def test_lost_samples_are_a_gap_and_cost_the_frames_they_hit(serve_pluto, monkeypatch):
    """The device loses 700 samples in the middle of a frame; frames outside of the gap are right.

    Its clock is slow: where the loss lies is judged by whether a read waits for samples, a thirtieth of a
    second here.
    """
    server = serve_pluto(replace(QUIET, most_start_samples=0), speed=0.1)
    monkeypatch.setattr(pluto_receiver, "WAITED", 2.0)
    sender = open_front_end(settings(server), FRAME, "transmit")
    receiver = open_front_end(settings(server), FRAME, "receive")
    sender.configure()
    receiver.configure()
    sending, receiving = images_to(sender, 8, repeat=True), samples_of(receiver)
    sender.prepare()
    sending.start()
    until(lambda: sender.status()["cycle_samples"])
    receiver.prepare()
    receiving.start()
    until(lambda: receiving.sinks[0].nitems_read(0) > 100_000)
    server.device.lose(700)
    # a busy computer finds out late where the gap ends
    sink = receiving.sinks[0]
    until(lambda: receiving.gaps() and sink.nitems_read(0) > sum(receiving.gaps()[-1]) + 100_000)
    receiving.stop()
    receiving.wait()
    counts = receiver.status()
    sending.stop()
    sending.wait()
    sender.close()
    receiver.close()
    assert counts["overflow"] == 1
    assert counts["gap"] >= 1
    gaps, samples = receiving.gaps(), receiving.samples()
    begin, end = gaps[0][0], sum(gaps[-1])
    assert not samples[begin:end].any()
    assert server.device.lost_samples == 700
    for part in (samples[:begin], samples[end:]):
        received = receive(FRAME, part)
        assert np.array_equal(np.unique(received.ids), np.arange(64))
        errors = np.abs(received.symbols - sending.symbols[received.ids]).max(axis=1)
        assert errors.max() < 0.1


def test_a_flowgraph_that_is_late_loses_exactly_what_the_gap_says():
    """Whoever does not take samples for seconds finds the later ones in their place."""
    from gnuradio.semisac.radio.pluto_receiver import _Queue

    queue = _Queue(most=3)
    parts = [np.full((10, 2), number, np.int16) for number in range(6)]
    assert [queue.add(part) for part in parts] == [True, True, True, False, True, True]
    taken = [queue.take(0.0) for _ in range(4)]
    assert [part[0, 0] for part in taken[:3]] == [0, 1, 2]
    assert taken[3] == 30
    assert queue.add(parts[0])
    assert queue.take(0.0) is parts[0]
    assert queue.take(0.0) is None


def asked_twice(server) -> None:
    """Wait until the status register has been read twice more."""

    def reads() -> int:
        return sum(command.startswith("READ ") and "direct_reg" in command for command in server.commands)

    before = reads()
    until(lambda: reads() >= before + 2)


def test_a_transmitter_that_ran_dry_is_counted(serve_pluto):
    """Once; not at the end of the stream, when nothing is left to send by right."""
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, options={"cyclic": False}), FRAME, "transmit")
    radio.configure()
    top = endless_frames_to(radio)
    radio.prepare()
    top.start()
    until(lambda: radio._sends)
    asked_twice(server)  # what it was told before the first block does not count
    server.device.run_dry()
    until(lambda: radio.status()["underflow"])
    top.stop()
    top.wait()
    asked_twice(server)
    server.device.run_dry()
    asked_twice(server)
    counts = radio.status()
    radio.close()
    assert counts["underflow"] == 1
    assert counts["vanished"] == 0


@pytest.mark.parametrize("fault", ["vanish", "silent"])
@pytest.mark.parametrize(("role", "cyclic"), [("transmit", True), ("transmit", False), ("receive", True)])
def test_a_device_that_goes_ends_the_flowgraph(serve_pluto, monkeypatch, fault, role, cyclic):
    server = serve_pluto(QUIET, lossless=False)
    monkeypatch.setattr(pluto_device, "STREAM_TIMEOUT_S", 1.0)
    monkeypatch.setattr(pluto_device, "STREAM_SHARE", 0.0)
    monkeypatch.setattr(pluto_silence, "SILENCE_S", 1.0)
    before = set(threading.enumerate())
    radio = open_front_end(settings(server, options={"cyclic": cyclic}), FRAME, role)
    radio.configure()
    if role == "receive":
        top = samples_of(radio)
    else:
        top = endless_frames_to(radio)
    radio.prepare()
    top.start()
    until(lambda: any(command.startswith(("READBUF", "WRITEBUF")) for command in server.commands))
    getattr(server, fault)()
    top.wait()  # by itself
    if role == "receive":
        radio.close()
    else:
        with pytest.raises(RadioError, match="the transmitter may not be silent, unplug it"):
            radio.close()
    radio.close()  # told once
    assert radio.status()["vanished"] == 1
    assert radio.events.vanished()
    server.vanish()

    def left() -> list[str]:
        alive = {thread.name for thread in set(threading.enumerate()) - before}
        return [name for name in alive if name.startswith(("pluto", "radio"))]

    until(lambda: not left())


def test_a_stop_in_the_middle_is_silent_too(serve_pluto):
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server), FRAME, "transmit")
    radio.configure()
    top = images_to(radio, 8)
    radio.prepare()
    top.start()
    until(lambda: server.device.pushed)
    radio.close()  # before the flowgraph has ended, as at the end of a program
    top.stop()
    top.wait()
    assert server.device.number("out_voltage0_hardwaregain") == -89.75


def test_a_device_in_use_is_told(serve_pluto):
    """Also by one that began between the set-up and the start of another."""
    server = serve_pluto(QUIET)
    first, second = (open_front_end(settings(server), FRAME, "receive") for _ in range(2))
    for radio in (first, second):
        radio.configure()
    first.prepare()
    with pytest.raises(RadioError, match="another program uses it, and receives"):
        second.prepare()
    first.close()
    second.close()


# Addresses


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.168.2.1", ("192.168.2.1", 30431)),
        ("ip:pluto.local", ("pluto.local", 30431)),
        ("ip:127.0.0.1:4000", ("127.0.0.1", 4000)),
        ("127.0.0.1:4000", ("127.0.0.1", 4000)),
        ("ip:[fe80::1]:5", ("fe80::1", 5)),
        ("ip:fe80::1", ("fe80::1", 30431)),
        ("usb:1.2.5", None),
    ],
)
def test_addresses(address, place):
    assert network_place(complete_address(address)) == place


@pytest.fixture
def mute_listener():
    """URI at which a program listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"ip:127.0.0.1:{listener.getsockname()[1]}"


def test_dead_addresses_are_told_in_time(mute_listener, free_port):
    with pytest.raises(RadioError, match="does not answer within 0.3 s"):
        reach(mute_listener, 0.3)
    with pytest.raises(RadioError, match=r"cannot be reached \(Connection refused\).*semisac radio probe"):
        reach(f"ip:127.0.0.1:{free_port()}", HANG_S)
    with pytest.raises(RadioError, match="cannot be reached|does not answer"):
        reach("ip:no.such.host.invalid", 1.0)
    with pytest.raises(RadioError, match="expected such as ip:192.168.2.1"):
        reach("ip:host:port", 1.0)


def test_another_service_is_told():
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    threading.Thread(target=answer, daemon=True).start()
    with pytest.raises(RadioError, match="is no IIO daemon"):
        reach(f"ip:127.0.0.1:{listener.getsockname()[1]}", HANG_S)
    listener.close()


def test_a_slow_device(serve_pluto, monkeypatch):
    """Slow answers only take longer; too slow ones are an error, not a program that hangs."""
    server = serve_pluto(QUIET)
    server.answer_delay_s = 0.02
    radio = open_front_end(settings(server), FRAME, "receive")
    radio.configure()
    radio.close()
    server.answer_delay_s = 0.1
    monkeypatch.setattr(pluto_device, "SETUP_TIMEOUTS", 1.2 / HANG_S)
    radio = open_front_end(settings(server), FRAME, "receive")
    with pytest.raises(RadioError, match="answers too slowly: no answer within 1.2 s"):
        radio.configure()
    server.answer_delay_s = HANG_S
    radio = open_front_end(settings(server, timeout_s=0.3), FRAME, "receive")
    with pytest.raises(RadioError, match="does not answer within 0.3 s"):
        radio.configure()


def test_another_device_is_told(serve_pluto):
    server = serve_pluto(QUIET)
    del server.device.devices[ADC]
    radio = open_front_end(settings(server), FRAME, "receive")
    with pytest.raises(RadioError, match="is no Pluto: it has no device cf-ad9361-lpc, only ad9361-phy"):
        radio.configure()


def test_a_missing_attribute_is_told(serve_pluto):
    server = serve_pluto(QUIET)
    for channel in server.device.devices["iio:device0"].channels:
        channel.attributes.pop("gain_control_mode", None)
    radio = open_front_end(settings(server), FRAME, "receive")
    with pytest.raises(RadioError, match="no attribute 'gain_control_mode'"):
        radio.configure()


def test_what_a_link_can_do_without_is_a_warning(serve_pluto):
    server = serve_pluto(QUIET)
    for channel in server.device.devices["iio:device0"].channels:
        channel.attributes.pop("rf_bandwidth", None)
        channel.attributes.pop("rf_dc_offset_tracking_en", None)
    radio = open_front_end(settings(server), FRAME, "receive")
    warnings = radio.configure()["warnings"]
    radio.close()
    assert [text.partition("setting voltage0 ")[2].partition(" ")[0] for text in warnings] == [
        "rf_bandwidth",
        "rf_dc_offset_tracking_en",
    ]


def test_a_device_without_fir_filter(serve_pluto):
    """Rates that need the filter are refused, the others work without it."""
    server = serve_pluto(QUIET)
    for channel in server.device.devices["iio:device0"].channels:
        channel.attributes.pop("voltage_filter_fir_en", None)
    radio = open_front_end(settings(server), FRAME, "receive")
    with pytest.raises(RadioError, match=r"sampling_frequency to 1000000 failed.*\[2083333 1 61440000\]"):
        radio.configure()
    radio = open_front_end(settings(server, sample_rate_hz=4e6), FRAME, "receive")
    (warning,) = radio.configure()["warnings"]
    radio.close()
    assert warning.startswith("no FIR filter")


def test_a_value_that_the_device_refuses_is_told(serve_pluto):
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, center_frequency_hz=5.8e9), FRAME, "receive")
    pattern = (
        r"frequency to 5800000000 failed \(Invalid argument\); expected one of \[325000000 1 3800000000\]"
    )
    with pytest.raises(RadioError, match=pattern):
        radio.configure()


def test_a_device_without_status_register(serve_pluto):
    server = serve_pluto(QUIET)
    server.device.devices[ADC].debug.clear()
    radio = open_front_end(settings(server), FRAME, "receive")
    assert any("does not say when samples are lost" in text for text in radio.configure()["warnings"])
    top = samples_of(radio, 20_000)
    radio.prepare()
    top.run()
    radio.close()
    assert len(top.samples()) == 20_000
