#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the radar blocks in flowgraphs: results/radar/blocks.csv and presence.csv.

    python scripts/radar_block_results.py [blocks | presence] ...

Frames of the modulator come back with a delay of a fraction of a sample, a Doppler shift that turns within
the symbols too, an angle, and noise. Half an hour on one core.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, semisac

from semisac_ml.results import Result, write_results
from semisac_ml.runtime import Bundle
from semisac_ml.signal import detection, radar_trials
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame
from semisac_ml.signal.metrics import proportion
from semisac_ml.signal.radar_bounds import range_from_delay, velocity_from_doppler
from semisac_ml.signal.radar_parameters import RadarParameters

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "radar"
TRIALS = 4000
BATCH = 100
SNR_DB = (18.0, 22.0, 30.0, 37.0, 45.0)
PRESENCE_SNR_DB = (-20.0, -15.0, -10.0, -5.0, -3.0, 0.0)
PRESENCE_FRAMES = 1000


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """CN(0, 1)."""
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2.0)


def echo(samples: np.ndarray, delay: float, doppler: float = 0.0) -> np.ndarray:
    """Samples delayed by a fraction of a sample too, turned by Doppler in cycles a sample."""
    padded = np.concatenate([samples, np.zeros(-len(samples) % 4096 + 256)])
    turn = np.exp(-2j * np.pi * np.fft.fftfreq(len(padded)) * delay)
    delayed = np.fft.ifft(np.fft.fft(padded) * turn)[: len(samples)]
    return delayed * np.exp(2j * np.pi * doppler * np.arange(len(samples)))


def sent_frames(frame: FrameParameters, count: int, rng: np.random.Generator):
    """Symbols [count, images, channel_uses] of unit mean power an image, samples [count, frame_samples]."""
    symbols = noise(rng, count, frame.images_per_frame, frame.channel_uses)
    symbols /= np.sqrt(np.mean(np.abs(symbols) ** 2, axis=2, keepdims=True))
    return symbols, np.stack([modulate_frame(one, frame) for one in symbols]).astype(np.complex128)


def frame_tags(frame: FrameParameters, count: int) -> list:
    """Tag frame_id on each of count frames, numbered from 0."""
    key = pmt.intern("frame_id")
    return [
        gr.python_to_tag((index * frame.frame_samples, key, pmt.from_uint64(index), pmt.PMT_F))
        for index in range(count)
    ]


def sources(frame, sent, received, processor, flowgraph, repeat: bool) -> None:
    """Connect the streams of a batch of frames to a processor."""
    tags = frame_tags(frame, len(sent))
    source = blocks.vector_source_c(sent.astype(np.complex64).ravel(), repeat, 1, tags)
    flowgraph.connect(source, (processor, 0))
    for antenna, samples in enumerate(received):
        stream = blocks.vector_source_c(samples.astype(np.complex64).ravel(), repeat)
        flowgraph.connect(stream, (processor, 1 + antenna))


def strongest(parameters: RadarParameters, sent, received, regularisation: float) -> list[dict]:
    """The strongest detection of each frame, from the blocks."""
    flowgraph = gr.top_block()
    processor = semisac.echo_processor(parameters, noise_variance=1.0, regularisation=regularisation)
    sources(parameters.frame, sent, received, processor, flowgraph, True)
    detector = semisac.cfar_detector(parameters, false_alarm_rate=1e-5, false_alarms_per="cell")
    store = blocks.message_debug()
    flowgraph.connect((processor, 0), blocks.null_sink(8 * parameters.frame.channel_uses))
    flowgraph.connect((processor, 1), detector)
    flowgraph.msg_connect((detector, "detections"), (store, "store"))
    flowgraph.start()
    while store.num_messages() < len(sent):
        time.sleep(0.002)
    flowgraph.stop()
    flowgraph.wait()
    messages = [pmt.to_python(store.get_message(index)) for index in range(len(sent))]
    return [message["detections"][0] if message["detections"] else {} for message in messages]


def measure_blocks() -> None:
    """RMSE over the Cramér-Rao bound behind both blocks, all three parameters together."""
    frame = FrameParameters(images_per_frame=64)
    parameters = RadarParameters(frame, antennas=4, carrier_hz=5.8e9, doppler_bins=128, range_bins=128)
    geometry = parameters.geometry
    rng = np.random.default_rng(11)
    rows = []
    for snr_db in SNR_DB:
        errors = {1.0: [], np.inf: []}
        for _ in range(TRIALS // BATCH):
            _, sent = sent_frames(frame, BATCH, rng)
            truth, received = _scene(parameters, sent, snr_db, rng)
            for regularisation, collected in errors.items():
                found = strongest(parameters, sent, received, regularisation)
                collected += [_error(parameters, *pair) for pair in zip(found, truth, strict=True)]
        bound = radar_trials.bound(geometry, snr_db)
        for regularisation, collected in errors.items():
            missed = sum(one is None for one in collected)
            measured = np.array([one for one in collected if one is not None])
            loss_db = radar_trials.loss_to_bound_db(measured, bound)
            conditions = {"x": "SNR behind the matched filter in dB", "regularisation": regularisation}
            told = {"system": "radar", "figure": "blocks", "x": snr_db, "n": len(collected), "seed": "11"}
            rows += [
                Result(**told, conditions={**conditions, "parameter": name}, metric=metric, value=value)
                for axis, name in enumerate(("range", "doppler", "angle"))
                for metric, value in (("loss_db", float(loss_db[axis])), ("missed", float(missed)))
            ]
    write_results(RESULTS / "blocks.csv", rows)


def _scene(parameters: RadarParameters, sent: np.ndarray, snr_db: float, rng: np.random.Generator):
    """One target a frame: truth [delay samples, Doppler cycles a sample, sine of the azimuth], streams."""
    frame, geometry = parameters.frame, parameters.geometry
    cells = parameters.antennas * geometry.slow_times * geometry.spectrum.sum()
    amplitude = np.sqrt(10.0 ** (snr_db / 10.0) / cells)
    received = noise(rng, parameters.antennas, *sent.shape)
    truth = []
    for index, samples in enumerate(sent):
        delay = rng.uniform(0.5, frame.prefix_samples - 2.5)
        doppler = rng.uniform(-0.02, 0.02) / frame.fft_size
        sine = rng.uniform(-0.8, 0.8)
        phases = np.exp(2j * np.pi * (parameters.element_spacing * np.arange(parameters.antennas) * sine))
        turn = amplitude * np.exp(2j * np.pi * rng.random())
        received[:, index] += phases[:, None] * (turn * echo(samples, delay, doppler))
        truth.append((delay, doppler, sine))
    return truth, received


def _error(parameters: RadarParameters, found: dict, truth) -> np.ndarray | None:
    """Errors in cycles a cell, as the bounds are."""
    if not found:
        return None
    frame, geometry = parameters.frame, parameters.geometry
    delay = found["range_m"] / range_from_delay(1.0 / frame.sample_rate_hz)
    doppler = found["velocity_mps"] / velocity_from_doppler(frame.sample_rate_hz, parameters.carrier_hz)
    scale = np.array(
        [1.0 / frame.fft_size, geometry.slow_time_s * frame.sample_rate_hz, parameters.element_spacing]
    )
    return (np.array([delay, doppler, np.sin(found["azimuth_rad"])]) - truth) * scale


def measure_presence() -> None:
    """Learned decision on the processor's echoes, beside the optimal detector for the same energy."""
    frame = FrameParameters(images_per_frame=64)
    session = Bundle.load(ROOT / "models" / "jssc" / "awgn").session("sensing")
    rng = np.random.default_rng(12)
    rows = []
    for snr_db in PRESENCE_SNR_DB:
        correct = total = matched = 0
        for _ in range(PRESENCE_FRAMES // BATCH):
            symbols, sent = sent_frames(frame, BATCH, rng)
            there = rng.random(BATCH) < 0.5
            stream = 10.0 ** (snr_db / 20.0) * echo((sent * there[:, None]).ravel(), 7.5)
            echoes = _echoes(frame, sent, stream + noise(rng, sent.size), snr_db)
            x = symbols.reshape(-1, frame.channel_uses).astype(np.complex64)
            present = np.repeat(there, frame.images_per_frame)
            probability = session.run(
                symbols=np.stack([x.real, x.imag], axis=-1),
                echo=np.stack([echoes.real, echoes.imag], axis=-1),
                range_snr_db=np.full((len(x), 1), snr_db, np.float32),
                range_delay=np.zeros(1, np.int64),
                prior=np.array([0.5, 0.5], np.float32),
            )["probability"]
            energy = 10.0 ** (snr_db / 20.0) * (np.abs(x) ** 2).sum(axis=1)
            correct += int(((probability[:, 1] > 0.5) == present).sum())
            matched += int((((np.conj(x) * echoes).sum(axis=1).real > energy / 2) == present).sum())
            total += len(x)
        decided = {
            "learned": proportion(correct, total),
            "matched filter on the same echoes": proportion(matched, total),
            "optimal": detection.presence_accuracy_awgn(2 * frame.channel_uses, snr_db),
        }
        told = {"system": "radar", "figure": "presence", "metric": "sensing_accuracy", "x": snr_db}
        told["conditions"] = {"x": "sensing SNR in dB"}
        rows += [
            Result.of(found, **told, variant=variant, seed="" if variant == "optimal" else "12")
            for variant, found in decided.items()
        ]
    write_results(RESULTS / "presence.csv", rows)


def _echoes(frame: FrameParameters, sent: np.ndarray, received: np.ndarray, snr_db: float) -> np.ndarray:
    flowgraph = gr.top_block()
    processor = semisac.echo_processor(RadarParameters(frame), delay_samples=7.5, sensing_snr_db=snr_db)
    sources(frame, sent, [received], processor, flowgraph, False)
    sink = blocks.vector_sink_c(frame.channel_uses)
    flowgraph.connect(processor, sink)
    flowgraph.run()
    return np.array(sink.data(), dtype=np.complex64).reshape(-1, frame.channel_uses)


PARTS = {"blocks": measure_blocks, "presence": measure_presence}


def main(names: list[str]) -> int:
    """Run the parts named, all without names."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"radar_block_results: {unknown[0]!r} is none of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for name in names or PARTS:
        PARTS[name]()
        print(f"{name}: done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
