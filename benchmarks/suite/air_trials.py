# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trials of the air interface: frames lost, frames that were never sent, times and carrier offsets."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pmt
from gnuradio import analog, blocks, gr, semisac
from scipy import stats

from semisac_ml.results import Result
from semisac_ml.results.rows import GOAL
from semisac_ml.signal import impairments
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame
from semisac_ml.signal.lfm import carrier_variance_bound, timing_variance_bound

CARRIER_HZ = 2.45e9
OFFSET_PPM = 20.0
PATH_DELAYS = np.array([0.0, 2.3, 5.6])  # samples
PATH_GAINS_DB = np.array([0.0, -3.0, -6.0])
BATCH = 100  # frames of one flowgraph


@dataclass(frozen=True)
class Row:
    """One figure: how many of how many trials, or a value, beside its goal."""

    measurement: str
    condition: str
    trials: int
    value: float
    unit: str
    goal: str
    upper_95: float | None = None  # of a share of failures

    def result(self, system: str, figure: str) -> Result:
        """As it stands in a file of results."""
        return Result(
            system=system,
            figure=figure,
            conditions={"condition": self.condition} | ({GOAL: self.goal} if self.goal else {}),
            metric=self.measurement,
            value=self.value,
            high=self.upper_95,
            n=self.trials,
            unit=self.unit,
        )


def share_failed(measurement: str, condition: str, failed: int, trials: int, goal: str) -> Row:
    """Share of failed trials in per cent, with its one-sided 95 % limit (Clopper and Pearson)."""
    upper = stats.beta.ppf(0.95, failed + 1, trials - failed) if failed < trials else 1.0
    return Row(measurement, condition, trials, 100.0 * failed / trials, "%", goal, 100.0 * upper)


def random_symbols(rng: np.random.Generator, images: int, channel_uses: int) -> np.ndarray:
    """CN(0, 1) symbols, complex128 [images, channel_uses]."""
    return impairments.noise(rng, images * channel_uses, 0.0).reshape(images, channel_uses)


def tag_values(sink, key: str) -> np.ndarray:
    """Values of the tags of one key that a vector sink holds, in the order of their items."""
    found = [tag for tag in sink.tags() if pmt.symbol_to_string(tag.key) == key]
    return np.array([pmt.to_python(tag.value) for tag in sorted(found, key=lambda tag: tag.offset)])


def lost_without_noise(frames: int) -> list[Row]:
    """Frames lost from modulator to demodulator, back to back, and memory gained behind a tenth of them."""
    parameters = FrameParameters()
    images = parameters.images_per_frame
    symbols = random_symbols(np.random.default_rng(1), 8 * images, parameters.channel_uses)
    item = gr.sizeof_gr_complex * parameters.channel_uses
    source = blocks.vector_source_c(symbols.ravel().tolist(), True, parameters.channel_uses)
    modulator = semisac.frame_modulator(parameters)
    demodulator = semisac.frame_demodulator(parameters)
    sink = blocks.null_sink(item)
    top = gr.top_block()
    top.connect(source, blocks.head(item, frames * images), modulator)
    top.connect(modulator, semisac.frame_synchronizer(parameters), demodulator, sink)
    top.start()
    while modulator.frames_sent() < frames // 10:
        time.sleep(0.001)
    early = resident_kib()
    top.wait()
    gained = resident_kib() - early
    lost = frames - demodulator.frames_received()
    return [
        share_failed("frames lost", "no noise, back to back", lost, frames, "0"),
        Row("memory gained", "no noise, back to back", frames, gained, "KiB", ""),
    ]


def resident_kib() -> int:
    """Memory of this process, KiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def hurt(
    frame: np.ndarray,
    parameters: FrameParameters,
    rng: np.random.Generator,
    paths: tuple[np.ndarray, np.ndarray] = (PATH_DELAYS, PATH_GAINS_DB),
) -> np.ndarray:
    """A frame over paths of random phases at a random time, carrier and clock off by up to 20 ppm.

    paths: delays in samples, and mean powers in dB, which are scaled to a sum of 1.
    """
    delays, gains_db = paths
    sent = np.concatenate([np.zeros(int(rng.integers(0, 200))), frame, np.zeros(40)])
    gains = 10 ** (gains_db / 20) * np.exp(2j * np.pi * rng.uniform(size=len(gains_db)))
    gains /= np.linalg.norm(gains)
    late = impairments.multipath(sent, delays + rng.uniform(), gains)
    late = impairments.resample(late, rng.uniform(-OFFSET_PPM, OFFSET_PPM))
    cfo_hz = rng.uniform(-OFFSET_PPM, OFFSET_PPM) * 1e-6 * CARRIER_HZ
    return impairments.turn(late, cfo_hz, parameters.sample_rate_hz)


def detected(snr_db: float, frames: int, seed: int) -> Iterator[tuple[int, int, int]]:
    """After each batch: frames so far, frames found so far, frames with the right header so far.

    A header is right when its frame_id is that of the frame.
    """
    parameters = FrameParameters()
    images = parameters.images_per_frame
    rng = np.random.default_rng(seed)
    sent = found = right = 0
    while sent < frames:
        count = min(BATCH, frames - sent)
        stream = []
        for frame in range(count):
            symbols = random_symbols(rng, images, parameters.channel_uses)
            stream.append(hurt(modulate_frame(symbols, parameters, frame * images), parameters, rng))
        samples = np.concatenate(stream)
        samples += impairments.noise(rng, len(samples), snr_db)
        synchronizer = semisac.frame_synchronizer(parameters)
        demodulator = semisac.frame_demodulator(parameters)
        sink = blocks.vector_sink_c(parameters.channel_uses)
        top = gr.top_block()
        top.connect(blocks.vector_source_c(samples.astype(np.complex64)), synchronizer, demodulator, sink)
        top.run()
        ids = tag_values(sink, "frame_id")
        expected = np.arange(count * images)
        right += int(np.isin(expected, ids).reshape(count, images).all(axis=1).sum())
        wrong = len(np.setdiff1d(ids, expected))
        sent, found = sent + count, found + synchronizer.frames_detected()
        if wrong:
            raise RuntimeError(f"{wrong} images came with ids that were never sent")
        yield sent, found, right


def false_frames_in_noise(samples: int, seed: int) -> list[Row]:
    """Frames found in white noise, and those whose header passes."""
    parameters = FrameParameters()
    synchronizer = semisac.frame_synchronizer(parameters)
    demodulator = semisac.frame_demodulator(parameters)
    top = gr.top_block()
    top.connect(
        analog.noise_source_c(analog.GR_GAUSSIAN, 1.0, seed),
        blocks.head(gr.sizeof_gr_complex, samples),
        synchronizer,
        demodulator,
        blocks.null_sink(gr.sizeof_gr_complex * parameters.channel_uses),
    )
    top.run()
    dropped = synchronizer.candidates_dropped()
    return [
        Row("candidates dropped", "white noise, samples", samples, dropped, "count", ""),
        Row("chirp pairs", "white noise, samples", samples, synchronizer.frames_detected(), "count", ""),
        Row("false frames", "white noise, samples", samples, demodulator.frames_received(), "count", "0"),
    ]


def count_frames(samples: np.ndarray) -> tuple[int, int]:
    """Frames found and frames received in a stream."""
    parameters = FrameParameters()
    synchronizer = semisac.frame_synchronizer(parameters)
    demodulator = semisac.frame_demodulator(parameters)
    top = gr.top_block()
    sink = blocks.null_sink(gr.sizeof_gr_complex * parameters.channel_uses)
    top.connect(blocks.vector_source_c(samples.astype(np.complex64)), synchronizer, demodulator, sink)
    top.run()
    return synchronizer.frames_detected(), demodulator.frames_received()


def false_frames_in_wifi(captures: list[np.ndarray], frames_each: int, sir_db: float, seed: int) -> list[Row]:
    """Frames found in recordings, and frames lost or made up beneath them, at 20 dB over the noise."""
    parameters = FrameParameters()
    rng = np.random.default_rng(seed)
    alone = sum(count_frames(capture)[1] for capture in captures)
    samples = sum(map(len, captures))
    false, sent, received = 0, 0, 0
    for capture in captures:
        pieces = []
        for frame in range(frames_each):
            symbols = random_symbols(rng, parameters.images_per_frame, parameters.channel_uses)
            made = modulate_frame(symbols, parameters, frame * parameters.images_per_frame)
            pieces += [made, np.zeros(int(rng.integers(0, 500)))]
        stream = np.concatenate(pieces)
        loud = capture[np.abs(capture) > 0.05]
        level = 10 ** (-sir_db / 20) / float(np.sqrt(np.mean(np.abs(loud) ** 2)))
        stream += level * np.resize(np.roll(capture, int(rng.integers(len(capture)))), len(stream))
        stream += impairments.noise(rng, len(stream), 20.0)
        found = count_frames(stream)[1]
        sent, received = sent + frames_each, received + min(found, frames_each)
        false += max(found - frames_each, 0)
    condition = f"{len(captures)} IEEE 802.11 recordings"
    return [
        Row("false frames", condition + ", samples", samples, alone, "count", "0"),
        Row("false frames", condition + f" as interference, SIR {sir_db:g} dB", sent, false, "count", "0"),
        share_failed(
            "frames lost", condition + f" as interference, SIR {sir_db:g} dB", sent - received, sent, ""
        ),
    ]


def timing_and_carrier(snr_db: float, frames: int, seed: int) -> list[Row]:
    """RMSE of time and carrier offset over their Cramer-Rao bounds, one path."""
    parameters = FrameParameters(images_per_frame=1, header_repetitions=1)
    rng = np.random.default_rng(seed)
    frame = modulate_frame(random_symbols(rng, 1, parameters.channel_uses), parameters)
    time_errors, offset_errors = [], []
    for first in range(0, frames, BATCH):
        truth, pieces, begin = [], [], 0
        for _ in range(min(BATCH, frames - first)):
            delay = rng.uniform(10.0, 60.0)
            cfo_hz = rng.uniform(-OFFSET_PPM, OFFSET_PPM) * 1e-6 * CARRIER_HZ
            gain = np.exp(2j * np.pi * rng.uniform())
            sent = np.concatenate([frame, np.zeros(100)])
            late = impairments.multipath(sent, np.array([delay]), np.array([gain]))
            pieces.append(impairments.turn(late, cfo_hz, parameters.sample_rate_hz))
            truth.append((begin + delay, cfo_hz))
            begin += len(sent)
        stream = np.concatenate(pieces)
        stream += impairments.noise(rng, len(stream), snr_db)
        block = semisac.frame_synchronizer(parameters)
        sink = blocks.vector_sink_c(block.item_samples())
        top = gr.top_block()
        top.connect(blocks.vector_source_c(stream.astype(np.complex64)), block, sink)
        top.run()
        times = tag_values(sink, "sample_index") + tag_values(sink, "timing_samples")
        time_errors.append(times - np.array(truth)[:, 0])
        offset_errors.append(tag_values(sink, "cfo_hz") - np.array(truth)[:, 1])
    snr = parameters.chirp_samples * 10 ** (snr_db / 10)
    time_rmse = np.sqrt(np.mean(np.concatenate(time_errors) ** 2)) / parameters.sample_rate_hz
    offset_rmse = np.sqrt(np.mean(np.concatenate(offset_errors) ** 2))
    time_bound = np.sqrt(timing_variance_bound(snr, parameters.chirp_bandwidth_hz) / 2)
    offset_bound = np.sqrt(carrier_variance_bound(snr, parameters))
    condition = f"Es/N0 {snr_db:g} dB"
    rows = []
    for name, rmse, bound in (("time", time_rmse, time_bound), ("carrier", offset_rmse, offset_bound)):
        above = 20 * np.log10(rmse / bound)
        rows.append(Row(f"RMSE of the {name} over its bound", condition, frames, above, "dB", "<= 1"))
    return rows
