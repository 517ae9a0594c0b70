# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IIO daemon of the tests is one to libiio's tool, to pyadi-iio and to gr-iio, as they are."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

import block_testing as bt  # noqa: E402
from frame_testing import receive  # noqa: E402
from gnuradio import blocks, gr, semisac  # noqa: E402
from patience import HANG_S  # noqa: E402
from pluto_testing import FRAME, QUIET  # noqa: E402


def test_iio_info_lists_the_device(serve_pluto):
    tool = shutil.which("iio_info")
    if tool is None:
        pytest.skip("iio_info is not installed (libiio-utils)")
    server = serve_pluto(QUIET)
    done = subprocess.run([tool, "-u", server.uri], capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0
    assert done.stderr == ""
    for text in ("hw_model: Analog Devices PlutoSDR", "IIO context has 4 devices", "le:S12/16>>0"):
        assert text in done.stdout


def test_pyadi_transmits_and_receives(serve_pluto):
    """A tone of a twentieth of the rate, through the attenuation and the path of 0.1."""
    import adi

    server = serve_pluto(QUIET)
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


COMMANDS = (
    "NOPE",
    "SET iio:device3 BUFFERS_COUNT 0",
    "SET iio:device3 BUFFERS_COUNT 8",
    "CLOSE iio:device3",
    "GETTRIG iio:device9",
    "TIMEOUT abc",
    "READ",
    "READ iio:device3 BUFFER enable",
    "READ ad9361-phy calib_mode",
    "READ iio:device0 OUTPUT voltage9 hardwaregain",
    "WRITE iio:device0 OUTPUT voltage0 hardwaregain 0\r\n",
    "WRITE iio:device0 OUTPUT voltage0 hardwaregain 2\r\n33",
    "WRITEBUF iio:device2 8",
    "READBUF iio:device3 8",
    "OPEN iio:device3 1024 00000003\r\nSET iio:device3 BUFFERS_COUNT 8\r\nCLOSE iio:device3",
)


def answer(uri: str, command: str) -> bytes:
    """What a daemon says to one command in a connection of its own."""
    host, _, port = uri.removeprefix("ip:").rpartition(":")
    with socket.create_connection((host, int(port)), HANG_S) as connection:
        connection.sendall(command.encode() + b"\r\nEXIT\r\n")
        return connection.makefile("rb").read()


def test_answers_are_those_of_the_daemon_of_libiio(serve_pluto, iiod):
    server = serve_pluto(QUIET)
    real = iiod(server.uri)
    if not answer(real, "VERSION").startswith(b"0."):
        pytest.skip("its protocol is another one")
    theirs = {command: answer(real, command) for command in COMMANDS}
    ours = {command: answer(server.uri, command) for command in COMMANDS}
    assert ours == theirs


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
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
        process.stdin.close()
    assert done.returncode == 0, done.stderr
    received = receive(FRAME, np.load(file))
    assert set(received.ids) == set(range(64))
    assert np.sqrt(np.mean(np.abs(received.symbols - symbols[received.ids]) ** 2)) < 0.1
