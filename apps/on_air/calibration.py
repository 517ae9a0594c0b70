# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line and flowgraph of calibrate.py."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pmt
from gnuradio import blocks, gr
from gnuradio.semisac.radio import Calibration, CalibrationStore, front_end, front_end_class
from gnuradio.semisac.work_errors import ends_flow_on_error
from pydantic import Field

from semisac_ml.command_line import Options, run_program
from semisac_ml.runtime import ImageLink
from semisac_ml.signal.direct_path import direct_path
from semisac_ml.signal.metrics import Metric

from .command import Program, on_air_flowgraph, on_air_program
from .options import FrameOptions, RadioOptions, RunOptions, SourceOptions
from .sending import sender
from .status import Rows
from .window import Window

LEAST_PEAK, MOST_PEAK = 0.02, 0.9  # of full scale: below, few bits are used; above, the converter may clip
LEAST_SNR_DB = 10.0  # of the direct path behind the matched filter, for one frame
MOST_SPREAD_SAMPLES = 0.1
IMAGES_PER_S = 500.0
PATIENCE_S = 20.0

program = on_air_program("calibrate.py")


class CalibrationOptions(Options):
    """How long to measure."""

    frames: int = Field(100, ge=2, description="Frames to measure.")


@program.default
def calibrate(
    *,
    own: CalibrationOptions = CalibrationOptions(),
    radio: RadioOptions,
    frame: FrameOptions = FrameOptions(),
    run: RunOptions = RunOptions(),
) -> int:
    """Measure delay and strength of the direct path from transmitter to receiver, and keep them.

    Use the settings (rate, gains, ports) with which run_sensing.py will run: the delay is another one for
    others.
    With antennas as they will stand, or TX and RX joined by a cable with an attenuator of 30 dB or more,
    never without one.
    """
    settings = radio.settings()
    measuring = replace(settings, options={**settings.options, "measure_latency": True})
    if not front_end_class(radio.radio).capabilities.needs_calibration:
        raise ValueError(
            f"--radio {radio.radio} needs no calibration: run_sensing.py takes its delay from the direct "
            f"leakage at each "
            "start, or from the recording"
        )
    CalibrationStore().check_writable()  # before the measurement, not behind it
    patience_s = run.duration_s or PATIENCE_S
    endless = run.model_copy(update={"duration_s": 0.0})
    called = Program("calibrate", "monostatic", measuring, frame, endless, own.model_dump())
    return called.on_air(lambda: calibration_flowgraph(called, own.frames, patience_s))


class path_meter(gr.sync_block):
    """Direct path of each frame.

    Input 0: what is sent, with the tags frame_id and packet_len. Input 1: what is received, aligned with it.

    most: frames that are measured.
    """

    def __init__(self, most: int):
        gr.sync_block.__init__(self, "path_meter", [np.complex64, np.complex64], None)
        self._most = most
        self._lock = threading.Lock()
        self._frame: list[np.ndarray] = []
        self._missing = 0
        self._measured: list[tuple[float, float, float]] = []
        self.error: Exception | None = None

    def measured(self) -> np.ndarray:
        """Of each frame so far: delay in samples behind the alignment, gain in dB, SNR of the path in dB."""
        with self._lock:
            return np.array(self._measured).reshape(-1, 3)

    @ends_flow_on_error
    def work(self, input_items, output_items):
        both = np.stack([input_items[0], input_items[1]])
        count = both.shape[1]
        lost = {tag.offset for tag in self.get_tags_in_window(0, 0, count, pmt.intern("lost"))}
        begins = [
            # a frame that was late or met a gap is not measured
            (tag.offset - self.nitems_read(0), 0 if tag.offset in lost else pmt.to_long(tag.value))
            for tag in self.get_tags_in_window(0, 0, count, pmt.intern("packet_len"))
        ]
        at = 0
        for begin, length in [*begins, (count, 0)]:
            self._take(both[:, at:begin])
            if begin < count:
                self._frame, self._missing = [], length
            at = begin
        return count

    def _take(self, both: np.ndarray) -> None:
        if not self._missing or not both.shape[1]:
            return
        part = both[:, : self._missing].copy()
        self._frame.append(part)
        self._missing -= part.shape[1]
        if not self._missing and len(self._measured) < self._most:
            sent, received = np.concatenate(self._frame, axis=1).astype(complex)
            delay, gain = direct_path(sent, received)
            energy = np.sum(np.abs(sent) ** 2)
            rest = max(np.sum(np.abs(received) ** 2) - abs(gain) ** 2 * energy, 1e-12) / len(sent)
            snr_db = 10.0 * np.log10(abs(gain) ** 2 * energy / rest + 1e-12)
            with self._lock:
                self._measured.append((delay, 20.0 * np.log10(abs(gain) + 1e-12), snr_db))


class calibration_flowgraph(on_air_flowgraph):
    """Frames out, the direct path back."""

    def __init__(self, called: Program, frames: int, patience_s: float):
        gr.top_block.__init__(self, "calibrate")
        self._called, self._frames = called, frames
        sizeless = called.bundle.interface(ImageLink).symbols.code is not None
        images = SourceOptions(data="synthetic" if sizeless else "sample", images_per_s=IMAGES_PER_S)
        self.sender = sender(called, images, repeat=True)
        self.meter = path_meter(frames)
        self._radio: front_end | None = None
        self._peak = 0.0
        self._saved: Calibration | None = None
        self._level_db = called.radio.transmit_level_db
        self.window = Window.of_spectrum("semisac calibration", called.radio) if called.run.window else None
        self._patience_s, self._begun_s = patience_s, time.monotonic()

    def connect_radio(self, radio: front_end) -> None:
        self._radio, self._begun_s = radio, time.monotonic()
        self.sender.connect(self, radio)
        self.connect(radio.sent, (self.meter, 0))
        self.connect(radio.rx(0), (self.meter, 1))
        if self.window is not None:
            self.connect(radio.rx(0), self.window.block)
        for channel in range(1, radio.settings.rx_channels):  # share delay and clock with the first
            self.connect(radio.rx(channel), blocks.null_sink(gr.sizeof_gr_complex))

    def error(self) -> Exception | None:
        found = self.meter.error or self.sender.error()
        if found is None and time.monotonic() - self._begun_s > self._patience_s:
            found = RuntimeError(
                f"{len(self.meter.measured())} of {self._frames} frames came back within "
                f"{self._patience_s:g} s: is "
                "the receiver connected, by antennas or by a cable with an attenuator?"
            )
        return found

    def finished(self) -> bool:
        self._peak = max(self._peak, self._radio.status()["adc_peak"])
        if len(self.meter.measured()) < self._frames:
            return False
        self._save()
        return True

    def _save(self) -> None:
        """Keep what was measured. Raises RuntimeError when it is not good enough."""
        if self._saved is not None:
            return
        delays, gains_db, snrs_db = self.meter.measured().T
        if np.median(snrs_db) < LEAST_SNR_DB:
            raise RuntimeError(
                f"the direct path stands {np.median(snrs_db):.1f} dB above the rest, expected "
                f"{LEAST_SNR_DB:g} or "
                "more: raise the gains, or join TX and RX by a cable with an attenuator"
            )
        if self._peak > MOST_PEAK:
            raise RuntimeError(
                f"the receiver peaks at {self._peak:.2f} of full scale, expected {MOST_PEAK:g} or less: "
                f"lower "
                "--rx-gain-db or --tx-gain-db"
            )
        if self._peak < LEAST_PEAK:
            self._called.warn(f"the receiver peaks at {self._peak:.3f} of full scale: raise --rx-gain-db")
        if np.std(delays) > MOST_SPREAD_SAMPLES:
            raise RuntimeError(
                f"the delay varies by {np.std(delays):.2f} samples from frame to frame, expected "
                f"{MOST_SPREAD_SAMPLES:g} or less: this is no direct path but something that moves; join TX "
                f"and RX "
                "by a cable with an attenuator"
            )
        latency = self._radio.status()["latency_samples"]
        self._saved = Calibration(
            key=self._radio.calibration_key(),
            latency_samples=latency + float(np.mean(delays)),
            latency_spread_samples=float(np.std(delays)),
            leakage_db=float(np.mean(gains_db)) - self._level_db,
            adc_peak=self._peak,
            frames=len(delays),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        CalibrationStore().save(self._saved)

    def rows(self) -> Rows:
        measured = self.meter.measured()
        rows = [
            ("frames measured", f"{len(measured)} of {self._frames}"),
            ("ADC peak", f"{self._peak:.3f}"),
        ]
        if len(measured):
            rows.append(("direct path", f"{measured[-1, 1] - self._level_db:.1f} dB"))
        return rows

    def counters(self) -> dict[str, int]:
        return self.sender.counters() | {"frames_measured": len(self.meter.measured())}

    def figures(self) -> dict[str, Metric]:
        if self._saved is None:
            return {}
        saved = self._saved
        half = 1.96 * saved.latency_spread_samples / np.sqrt(saved.frames)
        at, n = saved.latency_samples, saved.frames
        return {
            "latency_samples": Metric(at, at - half, at + half, n),
            "leakage_db": Metric(saved.leakage_db, saved.leakage_db, saved.leakage_db, saved.frames),
            "adc_peak": Metric(saved.adc_peak, saved.adc_peak, saved.adc_peak, saved.frames),
        }

    def details(self) -> dict[str, object]:
        return {"stored_in": str(CalibrationStore().file) if self._saved else None}


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
