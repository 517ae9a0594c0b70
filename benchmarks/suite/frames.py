# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames from symbols to samples and back, against GNU Radio's OFDM transmitter and receiver."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import numpy as np
from gnuradio import blocks, digital, gr, semisac

from semisac_ml.signal.frame import FrameParameters

from .record import Comparison, asked
from .timing import flowgraph_rate

PACKET_BYTES = 96
NARROW = FrameParameters()
GOAL_MSPS = 10.0
WIDE = FrameParameters(fft_size=1024, prefix_samples=72, images_per_frame=128, channel_uses=100)


def comparisons() -> list[Comparison]:
    """Modulate, synchronise and demodulate, both on one core."""
    beside_stock = [
        Comparison(
            group="frames",
            name=f"frames, {parameters.fft_size} subcarriers, one core",
            unit="MS/s",
            peer="ofdm_tx, ofdm_rx",
            peer_conditions=f"gr-digital, 64 subcarriers, {PACKET_BYTES} bytes a packet, one core",
            measure=lambda seconds, parameters=parameters: _chain_rate(parameters, seconds),
            measure_peer=_stock_rate,
            goal=10.0,
        )
        for parameters in (NARROW, WIDE)
    ]
    name = f"frames, {NARROW.fft_size} subcarriers, one core, as asked"
    plain = asked(
        "frames", name, "MS/s", GOAL_MSPS, "of the project", lambda seconds: _chain_rate(NARROW, seconds)
    )
    return [*beside_stock, plain]


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Threads that start meanwhile run on the core that this one runs on."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _chain_rate(parameters: FrameParameters, seconds: float) -> float:
    """Millions of samples a second from the images' symbols to the images' symbols."""
    uses = parameters.channel_uses
    rng = np.random.default_rng(1)
    symbols = rng.standard_normal((4 * parameters.images_per_frame * uses, 2)) @ np.array([1.0, 1.0j])
    source = blocks.vector_source_c((symbols / np.sqrt(2)).tolist(), True, uses)
    samples = blocks.copy(gr.sizeof_gr_complex)  # counts, as at the peer's
    flowgraph = gr.top_block("bench")
    flowgraph.connect(
        source,
        semisac.frame_modulator(parameters),
        samples,
        semisac.frame_synchronizer(parameters),
        semisac.frame_demodulator(parameters),
        blocks.null_sink(gr.sizeof_gr_complex * uses),
    )
    with _one_core():
        return flowgraph_rate(flowgraph, lambda: samples.nitems_read(0), seconds) / 1e6


def _stock_rate(seconds: float) -> float:
    """The same for GNU Radio's pair, bytes to bytes."""
    tag = "packet_length"
    data = np.random.default_rng(2).integers(0, 256, 100 * PACKET_BYTES).tolist()
    samples = blocks.copy(gr.sizeof_gr_complex)
    flowgraph = gr.top_block("bench")
    flowgraph.connect(
        blocks.vector_source_b(data, True),
        blocks.stream_to_tagged_stream(gr.sizeof_char, 1, PACKET_BYTES, tag),
        digital.ofdm_tx(fft_len=64, cp_len=16, packet_length_tag_key=tag),
        samples,
        # a name of its own: misled by the transmitter's tags it receives nothing, and stalls from 3.10.12 on
        digital.ofdm_rx(fft_len=64, cp_len=16, packet_length_tag_key="received_length"),
        blocks.null_sink(gr.sizeof_char),
    )
    with _one_core():
        return flowgraph_rate(flowgraph, lambda: samples.nitems_read(0), seconds) / 1e6
