# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Channel blocks of this module against GNU Radio's channel model, symbols a second."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gnuradio import blocks, channels, gr, semisac

from .record import Comparison
from .timing import flowgraph_rate

NOISE_VOLTAGE = 0.7  # of N0 = 10^(-3 dB / 10)
LONG_FRAME = 1000  # symbols: the arithmetic shows, not the tags of each frame


def comparisons(channel_uses: int) -> list[Comparison]:
    """Both channels with frames of the bundle's length and with long ones."""
    found = []
    for name, make in (("fading_channel", _fading), ("echo_channel", _echo)):
        for length in (channel_uses, LONG_FRAME):
            found.append(
                Comparison(
                    group=name,
                    name=f"{name}, {length} symbols a frame",
                    unit="MS/s",
                    peer="channel_model",
                    peer_conditions="gr-channels, noise only, no frames, no tags",
                    measure=lambda seconds, make=make, length=length: _rate(make(length), length, seconds),
                    measure_peer=lambda seconds: _rate(
                        channels.channel_model(NOISE_VOLTAGE, 0.0, 1.0, [1.0], 1), 1, seconds
                    ),
                )
            )
    return found


def _fading(length: int):
    return semisac.fading_channel(length, "rayleigh", 3.0, 1)


def _echo(length: int):
    return semisac.echo_channel(length, fading="rayleigh", seed=1)


def _rate(channel, length: int, seconds: float) -> float:
    """Millions of symbols a second through a channel whose items hold `length` symbols."""
    symbols = np.exp(2j * np.pi * np.arange(16 * length) / 8).astype(np.complex64)
    source = blocks.vector_source_c(symbols, True, length)
    sink = blocks.null_sink(gr.sizeof_gr_complex * length)
    flowgraph = gr.top_block("bench")
    flowgraph.connect(source, channel, sink)
    count: Callable[[], int] = lambda: sink.nitems_read(0)  # noqa: E731
    return flowgraph_rate(flowgraph, count, seconds) * length / 1e6
