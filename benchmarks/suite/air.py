# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole air interface in one flowgraph, link and radar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gnuradio import blocks, gr, semisac

from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.radar_parameters import RadarParameters

from .record import Comparison, asked
from .timing import flowgraph_rate

FRAME = FrameParameters(sample_rate_hz=5e6)
SNR_DB = 10.0
GOAL_MSPS = 10.0
TARGETS = (
    {"range_m": 60.0, "velocity_mps": 10.0, "azimuth_rad": 0.3, "snr_db": 0.0},
    {"range_m": 150.0, "velocity_mps": -20.0, "azimuth_rad": -0.2, "snr_db": 0.0},
    {"range_m": 240.0, "velocity_mps": 30.0, "azimuth_rad": 0.1, "snr_db": 0.0},
    {"range_m": 360.0, "velocity_mps": 0.0, "azimuth_rad": -0.4, "snr_db": 0.0},
)


def comparisons() -> list[Comparison]:
    """Link and radar with four targets, twice as fast as a radio of its sample rate."""
    conditions = "of the project; 64 subcarriers, 1 antenna, no learned blocks, all cores"
    return [asked("air", "link and radar, 4 targets", "MS/s", GOAL_MSPS, conditions, _rate, repeats=7)]


def _rate(seconds: float) -> float:
    """Millions of samples a second that leave the modulator and come through everything behind it."""
    flowgraph, done = link_and_radar()
    return flowgraph_rate(flowgraph, done, seconds) / 1e6


def link_and_radar() -> tuple[gr.top_block, Callable[[], float]]:
    """The flowgraph, and how many samples have come through all of it."""
    uses = FRAME.channel_uses
    symbols = np.random.default_rng(1).standard_normal((4 * FRAME.images_per_frame * uses, 2))
    source = blocks.vector_source_c((symbols @ np.array([1.0, 1.0j]) / np.sqrt(2)).tolist(), True, uses)
    radar = RadarParameters(FRAME)
    modulator = semisac.frame_modulator(FRAME)
    channel = semisac.fading_channel(
        1,
        "awgn",
        SNR_DB,
        1,
        FRAME.sample_rate_hz,
        carrier_offset_hz=20e3,
        delays_s=[0, 3e-7],
        gains_db=[0, -6],
    )
    targets = semisac.target_emulator(
        FRAME.sample_rate_hz, radar.carrier_hz, targets=list(TARGETS), noise_variance=1.0
    )
    synchronizer = semisac.frame_synchronizer(FRAME)
    demodulator = semisac.frame_demodulator(FRAME)
    processor = semisac.echo_processor(radar, 2.0)
    detector = semisac.cfar_detector(radar)
    images, echoes = (blocks.null_sink(gr.sizeof_gr_complex * uses) for _ in range(2))
    flowgraph = gr.top_block("bench")
    flowgraph.connect(source, modulator, channel, synchronizer, demodulator, images)
    flowgraph.connect(modulator, (processor, 0))
    flowgraph.connect(modulator, targets, (processor, 1))
    flowgraph.connect((processor, 0), echoes)
    flowgraph.connect((processor, 1), detector)
    samples_an_image = FRAME.frame_samples / FRAME.images_per_frame
    done = lambda: samples_an_image * min(images.nitems_read(0), echoes.nitems_read(0))  # noqa: E731
    return flowgraph, done
