# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the Pluto share: its daemon, flowgraphs around a front end, patience."""

from __future__ import annotations

import block_testing as bt
import numpy as np
import pmt
from gnuradio import blocks, gr, semisac
from gnuradio.semisac.radio import (
    RadioSettings,
    pluto_device,
    pluto_receiver,
    pluto_silence,
    pluto_transmitter,
)
from iio_server import IioServer
from patience import HANG_S
from pluto_air import Air

from semisac_ml.signal.frame import FrameParameters

RATE = 1e6
FRAME = FrameParameters(sample_rate_hz=RATE, images_per_frame=8)
QUIET = Air(paths=((3.0, 0.1, 0.0),), noise_deviation=0.0)


def be_patient(monkeypatch) -> None:
    """Let a front end wait for a device whose computer is busy with other things."""
    monkeypatch.setattr(pluto_device, "STREAM_TIMEOUT_S", HANG_S)
    monkeypatch.setattr(pluto_silence, "SILENCE_S", HANG_S)
    monkeypatch.setattr(pluto_receiver, "QUEUE_S", HANG_S)
    monkeypatch.setattr(pluto_transmitter, "DRAIN_S", HANG_S)


def settings(server: IioServer, **changes) -> RadioSettings:
    usual = {"radio": "pluto", "address": server.uri, "sample_rate_hz": RATE, "timeout_s": HANG_S}
    return RadioSettings(**{**usual, **changes})


class images_to(gr.top_block):
    """Frames of random symbols into a front end, once or for ever."""

    def __init__(self, radio, count: int, repeat: bool = False):
        gr.top_block.__init__(self)
        images = count * FRAME.images_per_frame
        self.symbols = bt.frames(images, FRAME.channel_uses)
        ids = bt.frame_tags(frame_id=range(images))
        self.source = blocks.vector_source_c(self.symbols.ravel().tolist(), repeat, FRAME.channel_uses, ids)
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
