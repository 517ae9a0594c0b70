# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Channel blocks of this module against GNU Radio's, symbols or samples a second."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gnuradio import blocks, channels, gr, semisac

from .record import Comparison, asked
from .timing import flowgraph_rate

NOISE_VOLTAGE = 0.7  # of N0 = 10^(-3 dB / 10)
LONG_FRAME = 1000  # symbols: the arithmetic shows, not the tags of each frame

SAMPLE_RATE_HZ = 5e6
CARRIER_OFFSET_HZ = 5e3
DOPPLER_HZ = 100.0
WAVES = 8  # of each fading tap, here and at the peer
DELAYS = (0.0, 1.3, 2.6)  # samples
GAINS_DB = (0.0, -3.0, -6.0)

CARRIER_HZ = 2.45e9
GOAL_MSPS = 20.0  # a target and an antenna


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
    return [*found, *stream_comparisons(), *target_comparisons()]


def stream_comparisons() -> list[Comparison]:
    """`fading_channel` on a stream of samples: noise and carrier offset, and fading taps."""
    return [
        Comparison(
            group="fading_channel",
            name="fading_channel, samples, noise and carrier offset",
            unit="MS/s",
            peer="channel_model",
            peer_conditions="gr-channels, noise and carrier offset; it runs in threads of its own",
            measure=lambda seconds: _stream_rate(_carrier(), seconds),
            measure_peer=lambda seconds: _stream_rate(
                channels.channel_model(NOISE_VOLTAGE, CARRIER_OFFSET_HZ / SAMPLE_RATE_HZ, 1.0, [1.0], 1),
                seconds,
            ),
            goal=3.0,
        ),
        Comparison(
            group="fading_channel",
            name="fading_channel, samples, 3 taps of 8 waves",
            unit="MS/s",
            peer="selective_fading_model",
            peer_conditions="gr-channels, 8 sinusoids, the same 3 taps, no noise",
            measure=lambda seconds: _stream_rate(_fading_taps(), seconds),
            measure_peer=lambda seconds: _stream_rate(_peer_fading_taps(), seconds),
            goal=10.0,
        ),
    ]


def target_comparisons() -> list[Comparison]:
    """`target_emulator`, with moving targets and noise, against the project's goal."""
    return [
        asked(
            "target_emulator",
            f"target_emulator, {_count(targets, 'target')}, {_count(antennas, 'antenna')}",
            "MS/s",
            GOAL_MSPS,
            "of the project, no measurement",
            lambda seconds, targets=targets, antennas=antennas: (
                targets * antennas * _stream_rate(_targets(targets, antennas), seconds)
            ),
        )
        for targets, antennas in ((1, 1), (4, 1), (4, 4))
    ]


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' if number > 1 else ''}"


def _targets(targets: int, antennas: int):
    return semisac.target_emulator(
        SAMPLE_RATE_HZ,
        CARRIER_HZ,
        antennas,
        seed=1,
        noise_variance=1.0,
        targets=[
            {"range_m": 100.0 * (1 + index), "velocity_mps": 10.0, "azimuth_rad": 0.1 * index, "snr_db": 0.0}
            for index in range(targets)
        ],
    )


def _carrier():
    return semisac.fading_channel(
        1, "awgn", 3.0, 1, sample_rate_hz=SAMPLE_RATE_HZ, carrier_offset_hz=CARRIER_OFFSET_HZ
    )


def _fading_taps():
    return semisac.fading_channel(
        1,
        "rayleigh",
        200.0,  # no noise, as at the peer
        1,
        sample_rate_hz=SAMPLE_RATE_HZ,
        doppler_hz=DOPPLER_HZ,
        fading_paths=WAVES,
        delays_s=[delay / SAMPLE_RATE_HZ for delay in DELAYS],
        gains_db=GAINS_DB,
    )


def _peer_fading_taps():
    amplitudes = [10 ** (gain / 20) for gain in GAINS_DB]
    length = 8  # of its interpolation filter: the shortest that holds the delays
    return channels.selective_fading_model(
        WAVES, DOPPLER_HZ / SAMPLE_RATE_HZ, False, 4.0, 1, DELAYS, amplitudes, length
    )


def _stream_rate(channel, seconds: float) -> float:
    """Millions of samples a second through a channel."""
    source = blocks.null_source(gr.sizeof_gr_complex)
    sink = blocks.null_sink(gr.sizeof_gr_complex)
    flowgraph = gr.top_block("bench")
    flowgraph.connect(source, channel)
    for port in range(channel.output_signature().min_streams()):
        flowgraph.connect((channel, port), (sink, port))
    return flowgraph_rate(flowgraph, lambda: sink.nitems_read(0), seconds) / 1e6


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
