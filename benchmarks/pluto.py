#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the Pluto front end against the made-up device of the tests, in real time; see --help."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, semisac
from gnuradio.semisac.radio import RadioSettings, open_front_end
from pydantic import Field
from scipy.constants import speed_of_light

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.signal.complex_pairs import as_complex
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.radar_parameters import RadarParameters

SERVER = Path(__file__).resolve().parents[1] / "tests" / "iio_server.py"
CARRIER_HZ = 2.45e9
LEAKAGE = (3.3, 0.1, 0.0)
ECHO = (15.67, 0.01, 0.0)  # samples, amplitude, Hz; 20 dB below the leakage
MOST_S = 30.0


class Device:
    """The made-up Pluto as a process of its own, which loses what nobody takes in time."""

    def __init__(self, seed: int, *paths: tuple[float, float, float]):
        options = [word for path in paths for word in ("--path", *map(str, path))]
        command = [sys.executable, str(SERVER), "--lossy", "--seed", str(seed), "--noise", "3e-4", *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.uri = self._process.stdout.readline().strip()

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error) -> None:
        self._process.stdin.close()
        self._process.wait(10)


class images(gr.sync_block):
    """Output 0: random symbols, complex64[channel uses], tag frame_id; `count` of them, 0 for ever."""

    def __init__(self, channel_uses: int, count: int = 0):
        gr.sync_block.__init__(self, "images", None, [(np.complex64, channel_uses)])
        parts = np.random.default_rng(1).standard_normal((1024, channel_uses, 2)).astype(np.float32)
        self._symbols = as_complex(parts) / np.float32(np.sqrt(2))
        self._sent, self._count = 0, count

    def work(self, input_items, output_items):
        room = min(len(output_items[0]), 256)
        taken = min(room, self._count - self._sent) if self._count else room
        if taken == 0:
            return -1
        output_items[0][:taken] = self._symbols[(self._sent + np.arange(taken)) % 1024]
        for item in range(taken):
            value = pmt.from_uint64(self._sent + item)
            self.add_item_tag(0, self.nitems_written(0) + item, pmt.intern("frame_id"), value)
        self._sent += taken
        return taken


def settings(device: Device, rate: float, **options) -> RadioSettings:
    return RadioSettings("pluto", device.uri, CARRIER_HZ, rate, options=options)


def frames_lost(frame: FrameParameters, frames: int, cyclic: bool) -> dict[str, object]:
    """Send and receive through one device, as two programs; what became of the frames."""
    with Device(0, LEAKAGE) as device:
        rate = frame.sample_rate_hz
        options = {"cyclic": cyclic} | ({"cycle_frames": 50} if cyclic else {})
        sender = open_front_end(settings(device, rate, **options), frame, "transmit")
        receiver = open_front_end(settings(device, rate), frame, "receive")
        sender.configure()
        receiver.configure()
        count = 0 if cyclic else frames * frame.images_per_frame
        sending, receiving = gr.top_block(), gr.top_block()
        source, modulator = images(frame.channel_uses, count), semisac.frame_modulator(frame)
        sending.connect(source, modulator, sender.tx)
        synchronizer, demodulator = semisac.frame_synchronizer(frame), semisac.frame_demodulator(frame)
        ids = blocks.vector_sink_c(frame.channel_uses)
        receiving.connect(receiver.rx(), synchronizer, demodulator, ids)
        receiver.prepare()
        receiving.start()
        time.sleep(0.5)
        begun = time.process_time(), time.monotonic()
        sender.prepare()
        sending.start()
        wanted = frames * frame.images_per_frame
        enough_s = 3.0 + frames * frame.frame_samples / rate
        while time.monotonic() - begun[1] < enough_s and demodulator.frames_received() < frames:
            time.sleep(0.1)
        time.sleep(0.2)
        share = (time.process_time() - begun[0]) / (time.monotonic() - begun[1])
        states = sender.status(), receiver.status()
        for top in (receiving, sending):
            top.stop()
            top.wait()
        sender.close()
        receiver.close()
    first = [pmt.to_uint64(tag.value) for tag in ids.tags() if pmt.symbol_to_string(tag.key) == "frame_id"]
    numbers = np.array(first[:wanted], np.int64)
    steps = np.diff(numbers)
    cycle = 50 * frame.images_per_frame if cyclic else 0
    lost = np.count_nonzero((steps != 1) & (steps != 1 - cycle)) if cyclic else wanted - len(set(numbers))
    return {
        "transmit": "cyclic" if cyclic else "stream",
        "frames": len(numbers) // frame.images_per_frame,
        "images_lost": int(lost),
        "cpu_share": round(share, 3),
        "underflows": states[0]["underflow"],
        "overflows": states[1]["overflow"],
    }


def range_errors(frame: FrameParameters, restarts: int) -> dict[str, object]:
    """Range of an echo, in samples of delay beside the truth, after each of many starts."""
    errors, latencies, waits = [], [], []
    for seed in range(restarts):
        with Device(seed, LEAKAGE, ECHO) as device:
            radio = open_front_end(settings(device, frame.sample_rate_hz), frame, "monostatic")
            radio.configure()
            radar = RadarParameters(frame, carrier_hz=CARRIER_HZ, antennas=1, frames_per_interval=8)
            top = gr.top_block()
            source, modulator = images(frame.channel_uses), semisac.frame_modulator(frame)
            processor = semisac.echo_processor(radar, leakage_removal="zero_delay")
            maps = blocks.vector_sink_c(radar.geometry.doppler_bins * radar.geometry.range_bins)
            limit = blocks.head(maps.input_signature().sizeof_stream_item(0), 4)
            unused = blocks.null_sink(gr.sizeof_gr_complex * frame.channel_uses)
            top.connect(source, modulator, radio.tx)
            top.connect(radio.sent, (processor, 0))
            top.connect(radio.rx(), (processor, 1))
            top.connect((processor, 0), unused)
            top.connect((processor, 1), limit, maps)
            radio.prepare()
            begun = time.monotonic()
            top.start()
            while time.monotonic() - begun < MOST_S and limit.nitems_written(0) < 4:
                time.sleep(0.02)
            waits.append(time.monotonic() - begun)
            latencies.append(radio.status().get("latency_samples", float("nan")))
            top.stop()
            top.wait()
            radio.close()
            errors.append(_peak_samples(np.array(maps.data()), radar) - (ECHO[0] - LEAKAGE[0]))
    return {
        "restarts": restarts,
        "largest_error_samples": float(np.max(np.abs(errors))),
        "offsets_samples": [round(latency, 2) for latency in latencies],
        "seconds_to_four_maps": round(float(np.median(waits)), 2),
    }


def _peak_samples(cells: np.ndarray, radar: RadarParameters) -> float:
    """Delay of the strongest cell of the mean map, refined by a parabola."""
    geometry = radar.geometry
    power = np.mean(np.abs(cells.reshape(-1, geometry.doppler_bins, geometry.range_bins)) ** 2, axis=0)
    profile = np.sqrt(power.max(axis=0))
    peak = int(np.argmax(profile))
    left, middle, right = profile[peak - 1], profile[peak], profile[(peak + 1) % len(profile)]
    refined = peak + 0.5 * (left - right) / (left - 2 * middle + right)
    bin_samples = 2.0 * geometry.range_bin_m / speed_of_light * radar.frame.sample_rate_hz
    return refined * bin_samples


class MeasureOptions(Options):
    """What is measured."""

    frames: int = Field(1000, description="Frames to send and receive.")
    restarts: int = Field(20, description="Starts with another offset each.")
    sample_rate_hz: float = Field(1e6, description="Of the device.")


program = new_program("benchmarks/pluto.py")


@program.default
def main(*, options: MeasureOptions = MeasureOptions()) -> None:
    """Frames lost and CPU share at a rate, cyclic and streamed; error of a range after restarts.

    The device is a process that loses what is not taken in time: a quiet machine with two cores is needed.
    """
    rate_hz = options.sample_rate_hz
    frame = FrameParameters(sample_rate_hz=rate_hz, images_per_frame=8)
    figures: dict[str, object] = {"sample_rate_hz": rate_hz, "frame_samples": frame.frame_samples}
    if options.frames:
        figures["link"] = [frames_lost(frame, options.frames, cyclic) for cyclic in (True, False)]
    if options.restarts:
        figures["ranging"] = range_errors(frame, options.restarts)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    sys.exit(run_program(program))
