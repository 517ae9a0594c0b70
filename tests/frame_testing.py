# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of frames share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semisac_ml.signal.frame import FrameParameters


def random_parameters(seed: int) -> FrameParameters:
    """Frame parameters drawn over all that is allowed, of a frame that is not too long for a test."""
    rng = np.random.default_rng(seed)
    fft_size = int(2 ** rng.integers(6, 12))
    prefix = int(rng.integers(4, min(fft_size // 2, 256) + 1))
    sample_rate_hz = float(10 ** rng.uniform(4, 8))
    return FrameParameters(
        sample_rate_hz=sample_rate_hz,
        fft_size=fft_size,
        prefix_samples=prefix,
        guard_subcarriers=None if rng.random() < 0.3 else int(rng.integers(1, fft_size // 4 + 1)),
        pilot_spacing=int(rng.integers(2, 17)),
        images_per_frame=int(rng.integers(1, 40)),
        channel_uses=int(rng.integers(1, 130)),
        chirp_samples=int(rng.integers(max(64, 2 * prefix), 1025)),
        chirp_bandwidth_hz=None if rng.random() < 0.3 else float(sample_rate_hz * rng.uniform(0.25, 1.0)),
        header_repetitions=int(rng.integers(1, 7)),
        gap_samples=int(rng.integers(0, 3) * rng.integers(0, 300)),
        frame_type=str(rng.choice(["ofdm", "lfm"])),
        symbols_per_pulse=int(rng.integers(1, 9)),
    )


@dataclass
class AlignedFrames:
    """What a frame_synchronizer gave: samples [frames, item samples], and a value a frame of each tag."""

    samples: np.ndarray
    times: np.ndarray
    cfo_hz: np.ndarray
    snr_db: np.ndarray


@dataclass
class ReceivedImages:
    """What a frame_demodulator gave: symbols and ids of the images, tags of the frames, and the blocks."""

    symbols: np.ndarray
    ids: np.ndarray
    snr_db: np.ndarray
    cfo_hz: np.ndarray
    synchronizer: object
    demodulator: object


def _run(top, most_items: int) -> None:
    top.run(most_items) if most_items else top.run()


def synchronise(
    parameters: FrameParameters,
    stream: np.ndarray,
    block=None,
    most_items=0,
    gaps: dict[int, int] | None = None,
) -> AlignedFrames:
    """Run a stream through a frame_synchronizer.

    most_items: bound of the items a call of work() gets. gaps: samples lost, by the place of the first one.
    """
    import pmt
    from block_testing import tag_values
    from gnuradio import blocks, gr, semisac

    block = block or semisac.frame_synchronizer(parameters)
    top, sink = gr.top_block(), blocks.vector_sink_c(block.item_samples())
    tags = [
        gr.python_to_tag((place, pmt.intern("gap"), pmt.from_long(count), pmt.PMT_F))
        for place, count in (gaps or {}).items()
    ]
    top.connect(blocks.vector_source_c(np.asarray(stream, np.complex64), False, 1, tags), block, sink)
    _run(top, most_items)
    columns = {key: np.array(tag_values(sink, key)) for key in ("cfo_hz", "snr_db")}
    times = np.array(tag_values(sink, "sample_index"), float) + tag_values(sink, "timing_samples")
    samples = np.array(sink.data(), np.complex64).reshape(-1, block.item_samples())
    return AlignedFrames(samples, times, **columns)


def receive(
    parameters: FrameParameters,
    stream: np.ndarray,
    bundle_fingerprint: int = 0,
    most_items: int = 0,
    picture_packets: bool = False,
) -> ReceivedImages:
    """Run a stream through frame_synchronizer and frame_demodulator."""
    from block_testing import tag_values
    from gnuradio import blocks, gr, semisac

    synchronizer = semisac.frame_synchronizer(parameters)
    demodulator = semisac.frame_demodulator(parameters, bundle_fingerprint, picture_packets)
    top, sink = gr.top_block(), blocks.vector_sink_c(parameters.channel_uses)
    source = blocks.vector_source_c(np.asarray(stream, np.complex64))
    top.connect(source, synchronizer, demodulator, sink)
    _run(top, most_items)
    return ReceivedImages(
        np.array(sink.data(), np.complex64).reshape(-1, parameters.channel_uses),
        np.array(tag_values(sink, "frame_id"), np.int64),
        np.array(tag_values(sink, "snr_db")),
        np.array(tag_values(sink, "cfo_hz")),
        synchronizer,
        demodulator,
    )
