# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the USRP front end share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")
pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")

import uhd_stub  # noqa: E402
from block_testing import frames as random_symbols  # noqa: E402
from block_testing import source  # noqa: E402
from gnuradio import blocks, gr, semisac  # noqa: E402
from gnuradio.semisac import radio  # noqa: E402
from patience import HANG_S, until  # noqa: E402
from radio_testing import noise, tags_of_frames  # noqa: E402

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


def installed_stub(monkeypatch) -> uhd_stub.Stub:
    """The stub in the place of gnuradio.uhd."""
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
