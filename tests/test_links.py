# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links between processes: samples and tags as they were sent, and what happens when one of them is gone."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="links need GNU Radio and the module")

import block_testing as bt  # noqa: E402
import link_process  # noqa: E402
from gnuradio import blocks, gr, semisac, zeromq  # noqa: E402
from gnuradio.semisac.radio import RadioError, RadioSettings, open_front_end  # noqa: E402
from gnuradio.semisac.radio.watch import BlockThreads  # noqa: E402
from gnuradio.semisac.radio.zmq import parse_addresses  # noqa: E402
from patience import HANG_S, until  # noqa: E402

from semisac_ml.signal.frame import FrameParameters  # noqa: E402

pytestmark = pytest.mark.slow

RATE = 1e6
FRAME = FrameParameters(sample_rate_hz=RATE, images_per_frame=4)
IMAGES = 60


@pytest.fixture
def free_address(free_port):
    """Function that gives an address on this machine that nobody uses."""
    return lambda: f"tcp://127.0.0.1:{free_port()}"


def front_end(address: str, role: str, **changes):
    usual = {"sample_rate_hz": RATE, "timeout_s": HANG_S}
    return open_front_end(RadioSettings("zmq", address, **{**usual, **changes}), FRAME, role)


def transmitter(address: str, symbols: np.ndarray, repeat: bool = False, **changes):
    """(top block, front end) that sends frames with these symbols."""
    sender = front_end(address, "transmit", **changes)
    sender.configure()
    top = gr.top_block()
    ids = bt.frame_tags(frame_id=range(len(symbols)))
    source = blocks.vector_source_c(symbols.ravel().tolist(), repeat, symbols.shape[1], ids)
    modulator = semisac.frame_modulator(FRAME)
    top.connect(source, modulator, sender)
    top.held = (source, modulator)
    return top, sender


def receiver(address: str, **changes):
    """(top block, front end, sink of symbols)."""
    listener = front_end(address, "receive", **changes)
    listener.configure()
    top = gr.top_block()
    chain = semisac.frame_synchronizer(FRAME), semisac.frame_demodulator(FRAME)
    sink = bt.sink(np.complex64, FRAME.channel_uses)
    top.connect(listener.rx(), chain[0])
    top.connect(*chain, sink)
    top.held = chain
    return top, listener, sink


def test_every_frame_of_a_finite_transmission_arrives(tmp_path, free_address):
    address = free_address()
    symbols = bt.frames(IMAGES, FRAME.channel_uses)
    listening, listener, sink = receiver(address)
    sending, sender = transmitter(address, symbols, transmit_level_db=-20.0)
    listener.prepare()
    listening.start()
    sender.prepare()
    sending.run()
    sender.close()
    sender.close()
    until(lambda: len(sink.data()) >= IMAGES * FRAME.channel_uses)
    listening.stop()
    listening.wait()
    status = listener.status()
    listener.close()
    received = bt.contents(sink, np.complex64, FRAME.channel_uses)
    assert bt.tag_values(sink, "frame_id") == list(range(IMAGES))
    np.testing.assert_allclose(received, symbols, atol=0.02)
    assert status["vanished"] == 0
    assert status["samples"] >= IMAGES // 4 * FRAME.frame_samples
    assert sender.status()["frames_scheduled"] == IMAGES // 4


def test_a_receiver_notices_that_its_sender_is_gone_and_ends_at_once(free_address):
    before = set(threading.enumerate())
    address = free_address()
    listening, listener, _ = receiver(address, timeout_s=2.0)
    sending, sender = transmitter(address, bt.frames(IMAGES, FRAME.channel_uses), repeat=True)
    listener.prepare()
    listening.start()
    sending.start()
    until(lambda: listener.status()["samples"] > 10_000)
    sending.stop()
    sending.wait()
    sender.close()
    until(listener.events.vanished)
    assert "no samples for 2 s" in listener.events.vanished()
    assert listener.events.counts()["vanished"] == 1
    listening.stop()
    listening.wait()
    listener.close()
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if thread.name == "radio_watch"]


def test_without_anybody_at_the_other_end_both_can_be_stopped(free_address):
    addresses = free_address(), free_address()
    sending, sender = transmitter(addresses[0], bt.frames(IMAGES, FRAME.channel_uses), repeat=True)
    listening, listener, sink = receiver(addresses[1], timeout_s=0.2)
    for top, radio in ((sending, sender), (listening, listener)):
        radio.prepare()
        top.start()
    until(lambda: sender.status()["frames_scheduled"])
    for top, radio in ((sending, sender), (listening, listener)):
        radio.events.stopping = True  # as whoever runs a flowgraph says
        top.stop()
        top.wait()
        radio.close()
    assert listener.events.vanished() == f"no sample came from {addresses[1]}: start its sender"
    assert len(sink.data()) == 0


FOREIGN = {
    "without tags": lambda address: zeromq.push_sink(gr.sizeof_gr_complex, 1, address, 100, False),
    "floats": lambda address: zeromq.push_sink(gr.sizeof_float, 1, address, 100, False),
}


@pytest.mark.parametrize("kind", [*FOREIGN, "three bytes", "nothing"])
def test_a_sender_of_something_else_is_noticed(kind, free_address):
    """GNU Radio's receiver throws in its thread; nothing else would ever end."""
    address = free_address()
    listening, listener, sink = receiver(address)
    sending = gr.top_block()
    if kind in FOREIGN:
        item = gr.sizeof_gr_complex if kind == "without tags" else gr.sizeof_float
        source, sender = blocks.null_source(item), FOREIGN[kind](address)
        head = blocks.head(item, 100_001)
        sending.connect(source, head, sender)
    else:
        sender = zeromq.push_sink(1, 1, address, 100, False)
        bytes_of = blocks.vector_source_b([1, 2, 3] if kind == "three bytes" else [1])
        sending.connect(bytes_of, sender)
    listener.prepare()
    listening.start()
    sending.start()
    until(listener.events.vanished)
    assert "pull_source has failed" in listener.events.vanished()
    assert "Pass Tags" in listener.events.vanished() and address in listener.events.vanished()
    assert listener.events.counts()["vanished"] == 1
    for top in (listening, sending):
        top.stop()
        top.wait()
    listener.close()
    assert len(sink.data()) == 0


@pytest.mark.parametrize("older", [0, 10_000])
def test_blocks_whose_work_is_done_are_not_missed(older):
    """A thread that ends with its stream is no fault; one that ends because its block throws is.

    older: blocks that this process made before, by which they are numbered.
    """
    for _ in range(older):
        blocks.null_sink(8)
    top, source = gr.top_block(), blocks.vector_source_c([1.0] * 10)
    endless, pace, sink = blocks.null_source(8), blocks.throttle(8, 1e4), blocks.null_sink(8)
    other = blocks.null_sink(8)
    top.connect(source, other)
    top.connect(endless, pace, sink)
    threads = BlockThreads()
    for block in (source, endless, pace, sink, other):
        threads.add(block, "why")
    threads.see()  # before the start
    top.start()
    until(lambda: other.nitems_read(0) == 10)
    for _ in range(2 * BlockThreads.LOOKS):
        threads.see()
    top.stop()
    top.wait()
    with pytest.raises(RuntimeError, match="has failed: why"):
        for _ in range(BlockThreads.LOOKS):
            threads.see()


def test_three_processes_pass_images_on(tmp_path, tiny_bundle, free_address):
    """Transmitter, channel, receiver: but for the noise, pictures are those of a link of bare symbols."""
    first, second = free_address(), free_address()
    program, common = Path(__file__).with_name("link_process.py"), [str(tiny_bundle), str(IMAGES)]
    file = tmp_path / "received.npz"
    calls = (("receive", second, str(file)), ("channel", first, second), ("transmit", first))
    processes = {
        role: subprocess.Popen([sys.executable, str(program), role, *common, *rest], stderr=subprocess.PIPE)
        for role, *rest in calls
    }
    try:
        for role in ("transmit", "receive"):
            _, errors = processes[role].communicate(timeout=HANG_S)
            assert processes[role].returncode == 0, errors.decode()
        assert processes["channel"].poll() is None
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    with np.load(file) as found:
        pictures, ids = found["pictures"], found["ids"]
    assert ids.tolist() == list(range(IMAGES))
    expected = link_of_symbols(tiny_bundle)
    error = np.sqrt(np.mean((pictures - expected) ** 2))
    of_another = np.sqrt(np.mean((pictures - np.roll(expected, 1, axis=0)) ** 2))
    assert error < 0.2 * of_another, (error, of_another)


def link_of_symbols(bundle: Path) -> np.ndarray:
    """Pictures that the decoder makes of the symbols themselves, at the SNR of the link."""
    top, sink = gr.top_block(), bt.sink(np.uint8, bt.IMAGE_LENGTH)
    chain = (
        semisac.image_source(bt.pictures(IMAGES)),
        semisac.jscc_encoder(str(bundle), link_process.SNR_DB),
        semisac.fading_channel(bt.CHANNEL_USES, "awgn", link_process.SNR_DB),
        semisac.jscc_decoder(str(bundle)),
        sink,
    )
    top.connect(*chain)
    top.run()
    return bt.contents(sink, np.uint8, bt.IMAGE_LENGTH).astype(float)


def test_sensing_over_a_link_finds_its_delay_from_the_leakage(free_address):
    """A room in another flowgraph sends back the leakage after 137 samples, an echo 9 samples later.

    No frame is sent twice: of those that return within a second, the search could not tell which it was.
    """
    there, back = free_address(), free_address()
    room = gr.top_block()
    parts = (
        zeromq.pull_source(gr.sizeof_gr_complex, 1, there, 100, True, 16),
        semisac.fading_channel(
            1, "awgn", 40.0, 1, RATE, delay_samples=137.0, delays_s=[0.0, 9e-6], gains_db=[0.0, -12.0]
        ),
        zeromq.push_sink(gr.sizeof_gr_complex, 1, back, 100, True, 16),
    )
    room.connect(*parts)
    radio = front_end(f"{there},{back}", "monostatic")
    radio.configure()
    top = gr.top_block()
    symbols = bt.frames(40 * IMAGES, FRAME.channel_uses)
    source = bt.source(symbols, bt.frame_tags(frame_id=range(len(symbols))))
    modulator = semisac.frame_modulator(FRAME)
    heads = [blocks.head(gr.sizeof_gr_complex, 40_000) for _ in range(2)]
    sinks = [blocks.vector_sink_c() for _ in range(2)]
    top.connect(source, modulator, radio)
    top.connect(radio.sent, heads[0], sinks[0])
    top.connect(radio.rx(), heads[1], sinks[1])
    room.start()
    radio.prepare()
    top.start()
    until(lambda: all(len(sink.data()) == 40_000 for sink in sinks))
    status = radio.status()
    for flow in (top, room):
        flow.stop()
        flow.wait()
    radio.close()
    sent, received = (np.array(sink.data()) for sink in sinks)
    peaks = np.abs(np.fft.ifft(np.conj(np.fft.fft(sent)) * np.fft.fft(received)))[:50]
    assert np.argsort(peaks)[-2:].tolist() == [9, 0]
    assert status["latency_samples"] == pytest.approx(137.0, abs=0.05)
    assert status["vanished"] == 0


def test_an_address_in_use_is_one_clear_error(free_address):
    address = free_address()
    first = front_end(address, "transmit")
    first.configure()
    with pytest.raises(RadioError, match="Address already in use.*give another --address"):
        front_end(address, "transmit").configure()


@pytest.mark.parametrize(
    "text, count, message",
    [
        ("127.0.0.1:5555", 1, "expected such as tcp://127.0.0.1:5555"),
        ("tcp://127.0.0.1", 1, "expected such as"),
        ("tcp://127.0.0.1:70000", 1, "expected such as"),
        ("udp://127.0.0.1:5555", 1, "expected such as"),
        ("tcp://a:1,tcp://a:2", 1, "names 2 .*expected 1"),
        ("tcp://a:1", 2, "names 1 .*expected 2"),
    ],
)
def test_wrong_addresses_are_refused(text, count, message):
    with pytest.raises(ValueError, match=message):
        parse_addresses(text, count)


def test_addresses_of_each_role():
    assert parse_addresses("", 2) == ["tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"]
    assert parse_addresses("tcp://*:1, ipc:///tmp/x", 2) == ["tcp://*:1", "ipc:///tmp/x"]
    with pytest.raises(ValueError, match="queue is 0"):
        front_end("", "receive", options={"queue": "0"})
