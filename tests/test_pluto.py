# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pluto against an IIO daemon that is made up: set-up, streams, levels, losses, faults, silence."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

import block_testing as bt  # noqa: E402
import pmt  # noqa: E402
from frame_testing import receive  # noqa: E402
from gnuradio import blocks, gr, semisac  # noqa: E402
from gnuradio.semisac.radio import RadioError, RadioSettings, open_front_end  # noqa: E402
from gnuradio.semisac.radio.pluto_link import complete_address, network_place, reach  # noqa: E402
from gnuradio.semisac.radio.pluto_receiver import KERNEL_BUFFERS, block_samples  # noqa: E402
from iio_server import IioServer  # noqa: E402
from pluto_air import Air  # noqa: E402
from pluto_description import ADC, DAC  # noqa: E402
from pluto_emulator import PlutoEmulator  # noqa: E402

from semisac_ml.signal.frame import FrameParameters  # noqa: E402

RATE = 1e6
FRAME = FrameParameters(sample_rate_hz=RATE, images_per_frame=8)
QUIET = Air(paths=((3.0, 0.1, 0.0),), noise_deviation=0.0)
PATIENCE_S = 20.0


@pytest.fixture
def serve():
    """Start an IIO daemon in front of an emulator: (server, device)."""
    servers = []

    def start(air: Air = QUIET, **options) -> IioServer:
        server = IioServer(PlutoEmulator(air, **options)).__enter__()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.__exit__()


def settings(server: IioServer, **changes) -> RadioSettings:
    return RadioSettings(**{"radio": "pluto", "address": server.uri, "sample_rate_hz": RATE, **changes})


class images_to(gr.top_block):
    """Frames of random symbols into a front end; the same for ever when `count` frames are repeated."""

    def __init__(self, radio, count: int):
        gr.top_block.__init__(self)
        images = count * FRAME.images_per_frame
        self.symbols = bt.frames(images, FRAME.channel_uses)
        self.source = bt.source(self.symbols, bt.frame_tags(frame_id=range(images)))
        self.modulator = semisac.frame_modulator(FRAME)
        self.connect(self.source, self.modulator, radio.tx)


class samples_of(gr.top_block):
    """Samples of a receiver, all of them or the first so many of each channel."""

    def __init__(self, radio, count: int = 0):
        gr.top_block.__init__(self)
        self.sinks = [blocks.vector_sink_c() for _ in range(radio.settings.rx_channels)]
        for channel, sink in enumerate(self.sinks):
            if count:
                self.connect(radio.rx(channel), blocks.head(gr.sizeof_gr_complex, count), sink)
            else:
                self.connect(radio.rx(channel), sink)

    def samples(self, channel: int = 0) -> np.ndarray:
        return np.array(self.sinks[channel].data(), np.complex64)

    def gaps(self) -> list[tuple[int, int]]:
        return [(tag.offset, pmt.to_long(tag.value)) for tag in self.sinks[0].tags()]


def until(condition) -> None:
    """Wait for something that happens in another thread."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def transmit(server: IioServer, frames: int = 8, **options) -> tuple[np.ndarray, np.ndarray]:
    """Symbols sent, and the words that the device was given, as complex full scales."""
    radio = open_front_end(settings(server, options=options), FRAME, "transmit")
    radio.configure()
    top = images_to(radio, frames)
    radio.prepare()
    top.run()
    radio.close()
    words = np.concatenate(server.device.pushed).astype(np.float32) / 32768
    return top.symbols, (words[:, 0] + 1j * words[:, 1]).astype(np.complex64)


def test_set_up_of_a_receiver(serve):
    server = serve()
    radio = open_front_end(settings(server, rx_gain_db=40, center_frequency_hz=2.4e9), FRAME, "receive")
    report = radio.configure()
    value = server.device.value
    assert value("in_voltage_sampling_frequency") == "1000000"
    assert value("in_out_voltage_filter_fir_en") == "1"  # below 2.083 MS/s
    assert value("out_altvoltage0_RX_LO_frequency") == "2400000000"
    assert value("in_voltage0_gain_control_mode") == "manual"
    assert value("in_voltage0_hardwaregain") == "40.000000 dB"
    assert value("in_voltage_bb_dc_offset_tracking_en") == "0"
    assert value("in_voltage_rf_dc_offset_tracking_en") == "0"
    # the other direction may belong to another program
    assert value("out_voltage0_hardwaregain") == "-10.000000 dB"
    assert value("out_altvoltage0_TX1_I_F1_scale", DAC) == "0.250000"
    assert report["serial"] == "1044730a1997"
    assert report["sample_rate_hz"] == RATE
    assert report["rx_gain_db"] == 40.0
    assert report["warnings"] == []
    radio.close()
    radio.close()
    assert value("out_voltage0_hardwaregain") == "-10.000000 dB"


def test_constant_of_the_receiver_is_removed_on_request(serve):
    server = serve()
    radio = open_front_end(settings(server, dc_tracking=True), FRAME, "receive")
    radio.configure()
    assert server.device.value("in_voltage_bb_dc_offset_tracking_en") == "1"
    assert server.device.value("in_voltage_rf_dc_offset_tracking_en") == "1"
    radio.close()


def test_rate_that_is_right_is_left_alone(serve):
    """Loading the FIR filter stops the other direction, which may be in use."""
    server = serve()
    for _ in range(2):
        radio = open_front_end(settings(server), FRAME, "receive")
        radio.configure()
        radio.close()
    assert sum("filter_fir_config" in command for command in server.commands) == 1


@pytest.mark.parametrize(("rate", "filtered"), [(521e3, 1), (520.9e3, 1), (2e6, 1), (4e6, 1), (20e6, 1)])
def test_rates(serve, rate, filtered):
    server = serve()
    radio = open_front_end(settings(server, sample_rate_hz=rate), FRAME, "receive")
    warnings = radio.configure()["warnings"]
    radio.close()
    assert server.device.rate_hz() == rate
    assert server.device.number("in_out_voltage_filter_fir_en") == filtered
    assert any("expect lost samples" in text for text in warnings) == (rate > 5e6)


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"sample_rate_hz": 400e3}, "--sample-rate-hz is 400000, a Pluto has 520833 to 61440000"),
        ({"sample_rate_hz": 80e6}, "--sample-rate-hz is 8e.07"),
        ({"tx_gain_db": 3.0}, "--tx-gain-db is 3, a Pluto has -89.75 to 0"),
        ({"clock_source": "external"}, "--clock-source is 'external', a Pluto has internal only"),
        ({"options": {"cycle": 3}}, "has no option 'cycle', expected cycle_frames, cyclic"),
        ({"options": {"cycle_frames": -1}}, "cycle_frames is -1, expected 0"),
        ({"options": {"cycle_frames": 4000}}, "a cycle of 4000 frames has .* samples, a Pluto holds 4194304"),
    ],
)
def test_settings_out_of_range(changes, pattern):
    chosen = RadioSettings(**{"radio": "pluto", "address": "ip:127.0.0.1:1", **changes})
    with pytest.raises(ValueError, match=pattern):
        open_front_end(chosen, FRAME, "transmit")


@pytest.mark.parametrize("cyclic", [True, False])
def test_transmitted_frames_are_those_of_the_modulator(serve, cyclic):
    """All images arrive at the converter; level: full scale is 2^15."""
    server = serve()
    symbols, words = transmit(server, cyclic=cyclic)
    frames = words[: 8 * FRAME.frame_samples] if cyclic else np.trim_zeros(words)
    assert len(server.device.pushed[0]) == (8 * FRAME.frame_samples if cyclic else block_samples(RATE))
    chirp = np.mean(np.abs(frames[: 2 * FRAME.chirp_samples]) ** 2)  # chirps have modulus 1
    assert 10 * np.log10(chirp) == pytest.approx(-12.0, abs=0.01)
    received = receive(FRAME, np.concatenate([frames, np.zeros(4000)]) * 4)
    np.testing.assert_array_equal(received.ids, np.arange(len(symbols)))
    np.testing.assert_allclose(received.symbols, symbols, atol=2e-3)


def test_an_odd_frame_is_sent_an_even_number_of_times(serve):
    """The converter's memory moves two samples at a time."""
    frame = replace(FRAME, gap_samples=1 - FRAME.frame_samples % 2 if FRAME.gap_samples == 0 else 0)
    assert frame.frame_samples % 2 == 1
    radio = open_front_end(settings(serve(), options={"cycle_frames": 3}), frame, "transmit")
    assert radio.configure()["cycle_frames"] == 4
    radio.close()


def test_too_loud_samples_are_counted(serve):
    server = serve()
    radio = open_front_end(settings(server, transmit_level_db=0.0), FRAME, "transmit")
    radio.configure()
    top = images_to(radio, 2)
    radio.prepare()
    top.run()
    clipped = radio.status()["clipped_samples"]
    radio.close()
    words = server.device.pushed[0]
    full = np.count_nonzero((words == 32767) | (words == -32768))
    assert 0 < clipped <= full


def test_the_end_is_silent(serve):
    server = serve()
    transmit(server)
    device = server.device
    assert all(
        device.number(f"out_altvoltage{index}_TX1_{name}_scale", DAC) == 0
        for index, name in enumerate(("I_F1", "I_F2", "Q_F1", "Q_F2"))
    )
    assert device.number("out_voltage0_hardwaregain") == -89.75
    assert device.number("out_altvoltage1_TX_LO_powerdown") == 1
    until(lambda: server.connections() == 0)


def test_received_level_and_peak(serve):
    """Full scale of the converter is 1: a constant of 0.25 arrives as one, and sets the peak."""
    server = serve(Air(paths=((3.0, 0.0, 0.0),), noise_deviation=0.01, dc=0.25 - 0.125j))
    radio = open_front_end(settings(server), FRAME, "receive")
    radio.configure()
    top = samples_of(radio, 50_000)
    radio.prepare()
    top.run()
    peak = radio.status()["adc_peak"]
    radio.close()
    samples = top.samples()
    assert samples.mean() == pytest.approx(0.25 - 0.125j, abs=1e-3)
    assert np.std(samples) == pytest.approx(0.01, rel=0.03)  # 50,000 draws: 0.3 % is a deviation
    assert 0.25 < peak < 0.32
    assert top.gaps() == []


def test_old_buffers_do_not_arrive(serve):
    """The kernel holds samples of an earlier time when a program starts."""
    server = serve(replace(QUIET, paths=((3.0, 0.0, 0.0),)), stale_buffers=KERNEL_BUFFERS)
    radio = open_front_end(settings(server), FRAME, "receive")
    radio.configure()
    top = samples_of(radio, 30_000)
    radio.prepare()
    top.run()
    radio.close()
    assert np.abs(top.samples()).max() == 0.0


def test_two_receivers(serve):
    server = serve(Air(paths=((3.0, 0.1, 0.0),), noise_deviation=0.02), rx_channels=2)
    radio = open_front_end(settings(server, rx_channels=2), FRAME, "receive")
    radio.configure()
    top = samples_of(radio, 20_000)
    radio.prepare()
    top.run()
    radio.close()
    np.testing.assert_allclose(top.samples(1), 1j * top.samples(0), atol=1.01 / 2048)


def test_a_second_receiver_that_is_not_there(serve):
    radio = open_front_end(settings(serve(), rx_channels=2), FRAME, "receive")
    with pytest.raises(RadioError, match="no input channel voltage1: check --rx-channels"):
        radio.configure()


@pytest.mark.parametrize("cyclic", [True, False])
def test_images_over_the_air(serve, cyclic):
    """Transmitter and receiver at once, as two programs on one device: the images of the frames arrive."""
    server = serve(Air(paths=((3.0, 0.1, 0.0), (9.3, 0.02j, 0.0)), noise_deviation=1e-3, dc=0.01))
    sender = open_front_end(settings(server, options={"cyclic": cyclic}), FRAME, "transmit")
    receiver = open_front_end(settings(server), FRAME, "receive")
    sender.configure()
    receiver.configure()
    sending, receiving = images_to(sender, 8 if cyclic else 40), samples_of(receiver)
    receiver.prepare()
    receiving.start()
    until(lambda: len(receiving.sinks[0].data()))
    sender.prepare()
    sending.run()  # a cycle is sent for half a second
    so_far = len(receiving.sinks[0].data())
    until(lambda: len(receiving.sinks[0].data()) > so_far + 50_000)
    receiving.stop()
    receiving.wait()
    sender.close()
    receiver.close()
    received = receive(FRAME, receiving.samples())
    assert set(received.ids) == set(range(len(sending.symbols)))
    assert np.median(received.snr_db) > 20.0


def test_new_settings_take_effect_behind_a_gap(serve):
    """Samples of the old gain are lost as a whole, none passes as one of the new gain."""
    server = serve(Air(paths=((3.0, 0.0, 0.0),), noise_deviation=0.01))
    radio = open_front_end(settings(server, rx_gain_db=30), FRAME, "receive")
    radio.configure()
    top = samples_of(radio)
    radio.prepare()
    top.start()
    until(lambda: len(top.sinks[0].data()) > 40_000)
    radio.set_rx_gain_db(50)
    until(lambda: top.gaps() and len(top.sinks[0].data()) > sum(top.gaps()[-1]) + 40_000)
    top.stop()
    top.wait()
    radio.close()
    first, length = top.gaps()[0][0], sum(length for _, length in top.gaps())
    assert length >= (KERNEL_BUFFERS + 1) * block_samples(RATE) - 1
    samples = top.samples()
    assert not samples[first : first + length].any()
    assert np.std(samples[first - 5000 : first]) == pytest.approx(0.01, rel=0.1)
    assert np.std(samples[first + length : first + length + 5000]) == pytest.approx(0.1, rel=0.1)


def test_lost_samples_are_a_gap_and_cost_the_frames_they_hit(serve):
    """The device loses 700 samples in the middle of a frame; frames outside of the gap are right."""
    server = serve(replace(QUIET, most_start_samples=0))
    sender = open_front_end(settings(server), FRAME, "transmit")
    receiver = open_front_end(settings(server), FRAME, "receive")
    sender.configure()
    receiver.configure()
    sending, receiving = images_to(sender, 8), samples_of(receiver, 400_000)
    sender.prepare()
    sending.start()
    until(lambda: sender.status()["cycle_samples"])
    receiver.prepare()
    receiving.start()
    until(lambda: len(receiving.sinks[0].data()) > 100_000)
    server.device.lose(700)
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


def test_a_flowgraph_that_is_late_loses_exactly_what_the_gap_says(serve):
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


@pytest.mark.parametrize("fault", ["vanish", "silent"])
@pytest.mark.parametrize(("role", "cyclic"), [("transmit", True), ("transmit", False), ("receive", True)])
def test_a_device_that_goes_ends_the_flowgraph(serve, fault, role, cyclic):
    server = serve(lossless=False)
    before = set(threading.enumerate())
    radio = open_front_end(settings(server, options={"cyclic": cyclic}), FRAME, role)
    radio.configure()
    if role == "receive":
        top = samples_of(radio)
    else:
        top = gr.top_block()
        samples = np.zeros(FRAME.frame_samples, np.complex64)
        tags = [bt.tag(0, "frame_id", 0), bt.tag(0, "packet_len", FRAME.frame_samples)]
        endless = blocks.vector_source_c(samples.tolist(), True, 1, tags)
        top.connect(endless, radio.tx)
    radio.prepare()
    top.start()
    until(lambda: any("BUF" in command for command in server.commands))
    getattr(server, fault)()
    top.wait()  # by itself
    radio.close()
    assert radio.status()["vanished"] >= 1
    assert radio.events.vanished()
    alive = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in alive if name.startswith(("pluto", "radio"))}


def test_a_stop_in_the_middle_is_silent_too(serve):
    server = serve()
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


def test_a_device_in_use_is_told(serve):
    server = serve()
    first, second = (open_front_end(settings(server), FRAME, "receive") for _ in range(2))
    for radio in (first, second):
        radio.configure()
    first.prepare()
    with pytest.raises(RadioError, match="another program uses it"):
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


def test_dead_addresses_are_told_in_time(mute_listener):
    with pytest.raises(RadioError, match="does not answer within 0.3 s"):
        reach(mute_listener, 0.3)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(RadioError, match=r"cannot be reached \(Connection refused\).*semisac radio probe"):
        reach(f"ip:127.0.0.1:{port}", 1.0)
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
        reach(f"ip:127.0.0.1:{listener.getsockname()[1]}", 2.0)
    listener.close()


def test_a_slow_device(serve):
    """Slow answers only take longer; too slow ones are an error, not a program that hangs."""
    server = serve()
    server.answer_delay_s = 0.02
    radio = open_front_end(settings(server), FRAME, "receive")
    radio.configure()
    radio.close()
    server.answer_delay_s = 0.1
    radio = open_front_end(settings(server, timeout_s=0.3), FRAME, "receive")
    with pytest.raises(RadioError, match="answers too slowly: no answer within 1.2 s"):
        radio.configure()
    server.answer_delay_s = 30.0
    with pytest.raises(RadioError, match="does not answer within 0.3 s"):
        radio.configure()


def test_another_device_is_told(serve):
    server = serve()
    del server.device.devices[ADC]
    radio = open_front_end(settings(server), FRAME, "receive")
    with pytest.raises(RadioError, match="is no Pluto: it has no device cf-ad9361-lpc, only ad9361-phy"):
        radio.configure()


def test_a_missing_attribute_is_told(serve):
    server = serve()
    for channel in server.device.devices["iio:device0"].channels:
        channel.attributes.pop("gain_control_mode", None)
    radio = open_front_end(settings(server), FRAME, "receive")
    with pytest.raises(RadioError, match="no attribute 'gain_control_mode'"):
        radio.configure()


def test_a_value_that_the_device_refuses_is_told(serve):
    server = serve()
    radio = open_front_end(settings(server, center_frequency_hz=5.8e9), FRAME, "receive")
    pattern = (
        r"frequency to 5800000000 failed \(Invalid argument\); expected one of \[325000000 1 3800000000\]"
    )
    with pytest.raises(RadioError, match=pattern):
        radio.configure()


def test_a_device_without_status_register(serve):
    server = serve()
    server.device.devices[ADC].debug.clear()
    radio = open_front_end(settings(server), FRAME, "receive")
    assert any("does not say when samples are lost" in text for text in radio.configure()["warnings"])
    top = samples_of(radio, 20_000)
    radio.prepare()
    top.run()
    radio.close()
    assert len(top.samples()) == 20_000


# Others against the same daemon, unmodified


def test_iio_info_lists_the_device(serve):
    tool = shutil.which("iio_info")
    if tool is None:
        pytest.skip("iio_info is not installed (libiio-utils)")
    server = serve()
    done = subprocess.run([tool, "-u", server.uri], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == ""
    for text in ("hw_model: Analog Devices PlutoSDR", "IIO context has 4 devices", "le:S12/16>>0"):
        assert text in done.stdout


def test_pyadi_transmits_and_receives(serve):
    """A tone of a twentieth of the rate, through the attenuation and the path of 0.1."""
    import adi

    server = serve()
    pluto = adi.Pluto(server.uri)
    pluto.sample_rate = 1_000_000
    pluto.gain_control_mode_chan0 = "manual"
    pluto.rx_hardwaregain_chan0, pluto.tx_hardwaregain_chan0 = 30, -6
    pluto.rx_lo = pluto.tx_lo = 2_450_000_000
    pluto.tx_cyclic_buffer = True
    pluto.rx_buffer_size = 4000
    pluto.tx(2**14 * np.exp(2j * np.pi * np.arange(2000) / 20))
    for _ in range(8):
        samples = pluto.rx()
    spectrum = np.fft.fft(samples) / len(samples)
    assert np.argmax(np.abs(spectrum)) == 200
    expected = 2**11 * 0.5 * 0.1 * 10 ** (-6 / 20)
    assert np.abs(spectrum[200]) == pytest.approx(expected, rel=0.01)  # rounded to whole numbers
    pluto.tx_destroy_buffer()
    pluto.rx_destroy_buffer()


GR_IIO = """
import os, sys, time
import numpy as np
from gnuradio import blocks, gr, iio
uri, file = sys.argv[1:]
samples = np.load(file)
source = iio.fmcomms2_source_fc32(uri, [True, True], 32768)
source.set_samplerate(4000000)
source.set_frequency(2450000000)
source.set_gain_mode(0, "manual")
source.set_gain(0, 30.0)
sink = iio.fmcomms2_sink_fc32(uri, [True, True], len(samples), True)
sink.set_attenuation(0, 0.0)
sink.set_frequency(2450000000)
top, kept = gr.top_block(), blocks.vector_sink_c()
top.connect(blocks.vector_source_c(samples.tolist()), sink)
head = blocks.head(gr.sizeof_gr_complex, 400000)
top.connect(source, blocks.skiphead(gr.sizeof_gr_complex, 400000), head, kept)
top.start()
while head.nitems_written(0) < 400000:
    time.sleep(0.05)
top.stop()
top.wait()
np.save(file, np.array(kept.data(), np.complex64))
os._exit(0)  # the destructor of fmcomms2_source may wait for ever for its own thread
"""


def test_gr_iio_transmits_and_receives_frames(tmp_path):
    """gr-iio waits for the device with Python's lock: the daemon is a process of its own."""
    symbols = bt.frames(64, FRAME.channel_uses)
    top, sink = gr.top_block(), blocks.vector_sink_c()
    source = bt.source(symbols, bt.frame_tags(frame_id=range(64)))
    top.connect(source, semisac.frame_modulator(FRAME), blocks.multiply_const_cc(0.25), sink)
    top.run()
    file = tmp_path / "samples.npy"
    np.save(file, np.array(sink.data(), np.complex64))
    daemon = [sys.executable, str(Path(__file__).with_name("iio_server.py"))]
    with subprocess.Popen(daemon, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        uri = process.stdout.readline().strip()
        command = [sys.executable, "-c", GR_IIO, uri, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        process.stdin.close()
    assert done.returncode == 0, done.stderr
    received = receive(FRAME, np.load(file))
    assert set(received.ids) == set(range(64))
    assert np.sqrt(np.mean(np.abs(received.symbols - symbols[received.ids]) ** 2)) < 0.1
