# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`mimo_ofdm_channel` against the channel that training uses, of the same cell and beams, with noise."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pmt
from gnuradio import blocks, gr, semisac

from semisac_ml.signal.mimo_ofdm import MimoOfdm, noise_factor

from .record import Comparison
from .timing import call_rate, flowgraph_rate

CELL = MimoOfdm()
SYMBOLS = 4  # a frame
SNR_DB = -20.0
BATCH = 32  # frames; of 8, 32 and 128 the fastest
GOAL = 5.0
FRAMES = 16  # that the source repeats


def comparisons() -> list[Comparison]:
    """Both users up to the station; rates are of processor time, all threads of the flowgraph together."""
    return [
        Comparison(
            group="mimo_ofdm_channel",
            name="mimo_ofdm_channel, 2 users, 64 x 8 antennas, 100 subcarriers",
            unit="symbols/s",
            peer="PyTorch",
            peer_conditions=f"semisac_ml.channels.mimo_ofdm, batch {BATCH}, 1 thread",
            measure=_block_rate,
            measure_peer=lambda seconds: call_rate(
                _torch_call(), BATCH * SYMBOLS, seconds, clock=time.process_time
            ),
            goal=GOAL,
        )
    ]


def _beams() -> tuple[np.ndarray, np.ndarray]:
    """Combiner [chains, antennas] and precoders [users, antennas, chains]."""
    rng = np.random.default_rng(1)
    combiner = rng.random((CELL.station_chains, CELL.station_antennas))
    precoder = rng.random((CELL.users, CELL.user_antennas, CELL.user_chains))
    return np.exp(2j * np.pi * combiner), np.exp(2j * np.pi * precoder)


def _block_rate(seconds: float) -> float:
    """OFDM symbols a second of a flowgraph of sources, channel and sink."""
    combiner, precoder = _beams()
    channel = semisac.mimo_ofdm_channel("up", SYMBOLS, combiner, snr_db=SNR_DB, **asdict(CELL))
    sink = blocks.null_sink(gr.sizeof_gr_complex * CELL.subcarriers * CELL.station_chains)
    flowgraph = gr.top_block("bench")
    length = CELL.subcarriers * CELL.user_chains
    for user in range(CELL.users):
        symbols = np.exp(2j * np.pi * np.arange(FRAMES * SYMBOLS * length) / 8)
        beams = pmt.init_c32vector(precoder[user].size, precoder[user].ravel().tolist())
        tags = [
            gr.python_to_tag((SYMBOLS * frame, pmt.intern(key), value, pmt.PMT_F))
            for frame in range(FRAMES)
            for key, value in (("frame_id", pmt.from_uint64(frame)), ("precoder", beams))
        ]
        source = blocks.vector_source_c(symbols.tolist(), True, length, tags)
        flowgraph.connect(source, (channel, user))
    flowgraph.connect(channel, sink)
    return flowgraph_rate(flowgraph, lambda: sink.nitems_read(0), seconds, clock=time.process_time)


@functools.cache
def _torch_call() -> Callable[[], object]:
    """Draws a batch of channels and sends symbols over them."""
    import torch

    from semisac_ml.channels import mimo_ofdm
    from semisac_ml.channels.fading import complex_normal

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    arrays = _beams()
    combiner, precoder = (torch.from_numpy(array).to(torch.complex64)[None] for array in arrays)
    amplitude = 10.0 ** (-SNR_DB / 20.0)
    factor = amplitude * torch.from_numpy(noise_factor(arrays[0])).to(torch.complex64)
    times, tones = torch.arange(SYMBOLS), torch.arange(CELL.subcarriers)
    shape = (BATCH, CELL.users, SYMBOLS, CELL.subcarriers, CELL.user_chains)
    symbols = complex_normal(shape, generator, torch.device("cpu"))

    def call() -> object:
        with torch.inference_mode():
            paths = mimo_ofdm.drawn_paths(BATCH, CELL, generator)
            gains = mimo_ofdm.equivalent_channel(paths, combiner, precoder, times, tones, CELL)
            heard = torch.einsum("bktnrs,bktns->btnr", gains, symbols)
            noise = complex_normal(tuple(heard.shape), generator, heard.device)
            return heard + noise @ factor.T

    return call
