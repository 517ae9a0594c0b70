# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radar blocks: the processor against stock blocks that do the same, the detector against its reference."""

from __future__ import annotations

import numpy as np
import pmt
from gnuradio import blocks, fft, gr, semisac

from semisac_ml.signal import radar_detection, radar_trials
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame
from semisac_ml.signal.radar_parameters import RadarParameters
from semisac_ml.signal.range_doppler import range_doppler_map

from .record import Comparison, asked
from .timing import call_rate, flowgraph_rate

FRAMES = 8  # in memory, sent again and again
GOAL_MSPS = 20.0
IMAGES = 100  # with the header about 64 symbols a frame


def comparisons() -> list[Comparison]:
    """Echo processor in both modes, and the detector."""
    frame = FrameParameters(images_per_frame=IMAGES, header_repetitions=4)
    pulses = FrameParameters(images_per_frame=IMAGES, header_repetitions=4, frame_type="lfm")
    cases = {
        "OFDM": RadarParameters(frame),
        "OFDM, 4 antennas": RadarParameters(frame, antennas=4),
        "LFM": RadarParameters(pulses, mode="lfm"),
    }
    found = [
        Comparison(
            group="echo_processor",
            name=f"echo_processor, {name}",
            unit="MS/s",
            peer="stock blocks",
            peer_conditions="keep_m_in_n, fft_vcc, divide_cc, fft_vcc, matrix_interleaver, fft_vcc; one "
            "antenna, OFDM symbols without chirps, a thread a block",
            measure=lambda seconds, parameters=parameters: _rate(parameters, seconds),
            measure_peer=lambda seconds: _stock_rate(frame, seconds),
        )
        for name, parameters in cases.items()
    ]
    found.append(
        asked(
            "echo_processor",
            "echo_processor, OFDM, 4 antennas, as asked",
            "MS/s",
            GOAL_MSPS,
            "of the project",
            lambda seconds: _rate(cases["OFDM, 4 antennas"], seconds),
        )
    )
    parameters = RadarParameters(frame)
    rd_map = _map_of_two_targets(parameters)
    found.append(
        Comparison(
            group="cfar_detector",
            name="cfar_detector, 2 targets a map",
            unit="maps/s",
            peer="numpy reference",
            peer_conditions="the same search and refinement",
            measure=lambda seconds: _detector_rate(parameters, rd_map, seconds),
            measure_peer=lambda seconds: call_rate(
                lambda: radar_detection.detect(rd_map, parameters.geometry), 1, seconds
            ),
        )
    )
    return found


def _rate(parameters: RadarParameters, seconds: float) -> float:
    """Millions of samples a second of each stream through the processor, maps and echoes."""
    frame = parameters.frame
    samples = _samples(frame)
    tags = []
    for start in range(0, len(samples), frame.frame_samples):
        for key, value in (
            ("frame_id", pmt.from_uint64(start)),
            ("images", pmt.from_long(frame.images_per_frame)),
            ("packet_len", pmt.from_long(frame.frame_samples)),
        ):
            tags.append(gr.python_to_tag((start, pmt.intern(key), value, pmt.PMT_F)))
    processor = semisac.echo_processor(parameters)
    flowgraph = gr.top_block("bench")
    flowgraph.connect(blocks.vector_source_c(samples, True, 1, tags), (processor, 0))
    received = blocks.vector_source_c(samples, True)
    for antenna in range(parameters.antennas):
        flowgraph.connect(received, (processor, 1 + antenna))
    flowgraph.connect((processor, 0), blocks.null_sink(gr.sizeof_gr_complex * frame.channel_uses))
    flowgraph.connect((processor, 1), blocks.null_sink(gr.sizeof_gr_complex * parameters.map_cells))
    return flowgraph_rate(flowgraph, processor.frames_processed, seconds) * frame.frame_samples / 1e6


def _stock_rate(frame: FrameParameters, seconds: float) -> float:
    """Millions of samples a second of OFDM symbols through stock blocks to range-Doppler maps."""
    size, symbol = frame.fft_size, frame.symbol_samples
    symbols = frame.header_symbols + frame.body_symbols
    item = gr.sizeof_gr_complex
    flowgraph = gr.top_block("bench")
    source = blocks.vector_source_c(_samples(frame)[frame.header_start :][: symbols * symbol], True)
    division = blocks.divide_cc(size)
    for port in (0, 1):
        kept = blocks.keep_m_in_n(item, size, symbol, frame.prefix_samples)
        spectrum = fft.fft_vcc(size, True, [], False)
        flowgraph.connect(source, kept, blocks.stream_to_vector(item, size), spectrum, (division, port))
    ranges = fft.fft_vcc(size, False, [], False)
    turned = blocks.matrix_interleaver(item, symbols, size)
    dopplers = fft.fft_vcc(symbols, True, [], False)
    sink = blocks.null_sink(item * symbols)
    flowgraph.connect(division, ranges, blocks.vector_to_stream(item, size), turned)
    flowgraph.connect(turned, blocks.stream_to_vector(item, symbols), dopplers, sink)
    return flowgraph_rate(flowgraph, lambda: sink.nitems_read(0), seconds) * symbols / size * symbol / 1e6


def _samples(frame: FrameParameters) -> np.ndarray:
    rng = np.random.default_rng(1)
    shape = (FRAMES, frame.images_per_frame, frame.channel_uses)
    symbols = (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)
    return np.concatenate([modulate_frame(one, frame) for one in symbols])


def _map_of_two_targets(parameters: RadarParameters) -> np.ndarray:
    rng = np.random.default_rng(2)
    places = np.array([[0.1, 0.2, 0.0], [0.2, -0.1, 0.0]])
    cells = radar_trials.observed_cells(parameters.geometry, places, [30.0, 25.0], rng)
    return range_doppler_map(cells, parameters.geometry).astype(np.complex64)


def _detector_rate(parameters: RadarParameters, rd_map: np.ndarray, seconds: float) -> float:
    flowgraph = gr.top_block("bench")
    detector = semisac.cfar_detector(parameters)
    flowgraph.connect(blocks.vector_source_c(rd_map.ravel(), True, rd_map.size), detector)
    return flowgraph_rate(flowgraph, detector.maps_searched, seconds)
