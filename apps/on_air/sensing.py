# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line and flowgraph of run_sensing.py."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Literal

import numpy as np
from common.options import MapOptions
from common.pictures import map_regularisation
from cyclopts import Group, Parameter
from gnuradio import blocks, gr, semisac
from gnuradio.semisac.radio import RadioSettings, front_end
from gnuradio.semisac.radio.simulation import DEFAULT_TARGETS, parse_targets
from gnuradio.semisac.work_errors import ends_flow_on_error
from pydantic import Field, model_validator
from scipy.constants import speed_of_light

from semisac_ml.command_line import run_program
from semisac_ml.runtime import ImageLink
from semisac_ml.signal.metrics import Metric
from semisac_ml.signal.radar_parameters import RadarParameters

from .command import Program, on_air_flowgraph, on_air_program
from .figures import RunningShare, present
from .level import ReceivedLevel
from .options import FrameOptions, RadioOptions, RunOptions, SourceOptions
from .recall import SentSymbols, symbol_memory, symbol_recall
from .sending import sender
from .status import Rows
from .targets import target_list
from .window import Window, start_qt

RETURN_S = 2.0  # no frame came back for so long: no more do
BATCH = 64

program = on_air_program(
    "run_sensing.py",
    "run_sensing.py --radio simulation --gate-m 600",
    "run_sensing.py --radio usrp --sample-rate-hz 5e6 --tx-gain-db 30 --rx-gain-db 20 --window",
    "run_sensing.py --radio pluto --sample-rate-hz 4e6 --tx-gain-db -10 --record echoes --duration-s 20",
    "run_sensing.py --radio file --address echoes --sample-rate-hz 4e6",
)


@Parameter(group=Group("Radar", sort_key=5))
class RadarOptions(MapOptions):
    """What is made of the echoes."""

    gate_m: float | None = Field(
        None,
        description="Range in which the learned detector decides about a target. Without it: it does not "
        "run.",
    )
    gate_mps: float = Field(0.0, description="Closing speed of that gate.")
    gate_snr_db: float | None = Field(
        None,
        description="SNR of a symbol's echo that is taken for a target there. Half that amplitude decides. "
        "[default: the bundle's reference]",
    )
    target_probability: float = Field(
        0.5, ge=0, le=1, description="How probable a target in the gate is beforehand."
    )
    leakage_removal: Literal["none", "zero_delay", "static"] = Field(
        "zero_delay",
        description="**zero_delay** removes what comes straight from the transmitter, **static** all that "
        "stands still, **none** nothing.",
    )
    record: Path | None = Field(
        None,
        description="SigMF recording to write of what is sent and received; --radio file replays it.",
    )
    element_spacing: float = Field(0.5, description="Of two receive antennas, in wavelengths.")

    @model_validator(mode="after")
    def _about_a_gate(self) -> RadarOptions:
        if self.gate_snr_db is not None and not math.isfinite(self.gate_snr_db):
            raise ValueError(f"--gate-snr-db is {self.gate_snr_db:g}, expected a number of dB")
        if self.gate_m is None:
            of_gate = ("gate_mps", "gate_snr_db", "target_probability")
            self.refuse(of_gate, "by itself, expected --gate-m with it")
        return self


@program.default
def sense(
    *,
    source: SourceOptions = SourceOptions(),
    radio: RadioOptions,
    frame: FrameOptions = FrameOptions(),
    run: RunOptions = RunOptions(),
    own: RadarOptions = RadarOptions(),
) -> int:
    """Transmit images and listen to what comes back: targets with range and speed, presence by a learned
    detector.

    Images are sent until the program is stopped, or --images of them. Radios whose delay from transmitter to
    receiver is fixed but unknown ask for apps/calibrate.py first.
    """
    plain = source.model_dump() | own.model_dump() | {"record": str(own.record or "")}
    called = Program("run_sensing", "monostatic", radio.settings(), frame, run, plain)
    return called.on_air(lambda: sensing_flowgraph(called, source, own))


class presence_log(gr.sync_block):
    """Count what the learned detector says.

    Input 0: probability of each hypothesis, float32[2].
    """

    def __init__(self):
        gr.sync_block.__init__(self, "presence_log", [(np.float32, 2)], None)
        self.present = RunningShare()
        self.newest = float("nan")

    @ends_flow_on_error
    def work(self, input_items, output_items):
        items = input_items[0]
        probability = 1.0 - items[:, 0]
        self.present.add(probability >= 0.5)
        self.newest = float(probability[-1])
        return len(items)


def radar_warnings(radar: RadarParameters, radio: RadioSettings) -> list[str]:
    """What the maps cannot tell rightly, of the array and of targets that a simulated radio emulates."""
    warnings = []
    if radar.antennas > 1:
        warnings.append(
            f"the {radar.antennas} receive channels are not calibrated against each other: azimuths are "
            "right only if an echo from broadside has one phase in all of them"
        )
    geometry = radar.geometry
    fastest = geometry.velocity_bin_mps * geometry.doppler_bins / 2.0
    if radio.radio != "simulation" or geometry.slow_times == 1:
        return warnings
    for target in parse_targets(str(radio.options.get("targets", DEFAULT_TARGETS))):
        speed = target["velocity_mps"]
        if abs(speed) > fastest:
            shown = (speed + fastest) % (2.0 * fastest) - fastest
            warnings.append(
                f"the emulated target of {speed:g} m/s is faster than the {fastest:.3g} m/s that these maps "
                f"can tell: it is listed with {shown:+.3g} m/s; lower --center-frequency-hz, or make frames "
                "shorter or maps of one frame"
            )
    return warnings


def _listed(target: dict[str, float | int]) -> str:
    """A target as text."""
    azimuth = target["azimuth_deg"]
    direction = "" if math.isnan(azimuth) else f"{azimuth:+.0f}°, "
    return (
        f"{target['range_m']:.1f} m, {target['velocity_mps']:+.1f} m/s, {direction}"
        f"{target['snr_db']:.0f} dB, in {100 * target['share']:.0f} % of the maps"
    )


class sensing_flowgraph(on_air_flowgraph):
    """Images to the radio, and what comes back to maps, targets and the learned detector."""

    def __init__(self, called: Program, source: SourceOptions, own: RadarOptions):
        on_air_flowgraph.__init__(self, "sensing")
        self._called, self._own = called, own
        self.radar = RadarParameters(
            called.layout,
            mode=called.layout.frame_type,
            carrier_hz=called.radio.center_frequency_hz,
            antennas=called.radio.rx_channels,
            element_spacing=own.element_spacing,
            frames_per_interval=own.frames_per_map,
        )
        self.sender = sender(called, source, repeat=not source.images)
        reference_db = called.bundle.interface(ImageLink).sensing.reference_snr_db
        self.processor = semisac.echo_processor(
            self.radar,
            self._gate_samples(called, own.gate_m),
            sensing_snr_db=reference_db if own.gate_snr_db is None else own.gate_snr_db,
            regularisation=map_regularisation(called.bundle),
            leakage_removal=own.leakage_removal,
        )
        self.detector = semisac.cfar_detector(
            self.radar,
            false_alarm_rate=own.false_alarm_rate,
            false_alarms_per=own.false_alarms_per,
        )
        self.targets = target_list(self.radar, leakage=own.leakage_removal != "none")
        self.connect((self.processor, 1), self.detector)
        self.msg_connect(self.detector, "detections", self.targets, "detections")
        self._connect_echoes(called)
        self.window = self._make_window() if called.run.window else None
        self._warnings = radar_warnings(self.radar, called.radio)
        for warning in self._warnings:
            called.warn(warning)
        self._newest = (-1, 0.0)  # frames that are back, and since when
        self._replays = False

    @staticmethod
    def _gate_samples(called: Program, gate_m: float | None) -> float:
        if gate_m is None:
            return 0.0
        farthest = speed_of_light * called.layout.prefix_samples / (2.0 * called.layout.sample_rate_hz)
        if not 0.0 <= gate_m <= farthest:
            raise ValueError(
                f"--gate-m is {gate_m:g}, expected 0 to {farthest:.0f} m: an echo must come within the "
                f"cyclic prefix of {called.layout.prefix_samples} samples; raise --fft-size or lower "
                "--sample-rate-hz"
            )
        return 2.0 * gate_m / speed_of_light * called.layout.sample_rate_hz

    def _connect_echoes(self, called: Program) -> None:
        """The learned detector at the gate, if there is one."""
        bundle, layout = called.bundle, called.layout
        self.presence = None
        if self._own.gate_m is None:
            self.unused = blocks.null_sink(gr.sizeof_gr_complex * layout.channel_uses)
            self.connect((self.processor, 0), self.unused)
            return
        sensing = bundle.interface(ImageLink).sensing
        self.processor.set_velocity_mps(self._own.gate_mps)
        sent = SentSymbols(layout.channel_uses)
        self.memory = symbol_memory(sent, layout.channel_uses)
        self.recall = symbol_recall(sent, layout.channel_uses, sensing.reference_snr_db)
        self.sensing = semisac.sensing_decoder(
            bundle, target_probability=self._own.target_probability, batch=BATCH
        )
        self.presence = presence_log()
        self.connect((self.processor, 0), self.recall)
        self.connect((self.recall, 0), (self.sensing, 0))
        self.connect((self.recall, 1), (self.sensing, 1))
        self.connect(self.sensing, self.presence)

    def check(self, radio: front_end) -> list[str]:
        return [] if radio.replays else self.sender.check(radio)

    def connect_radio(self, radio: front_end) -> None:
        self._level = ReceivedLevel(self, radio)
        if radio.replays:
            self._connect_replay(radio)
        else:
            self.sender.connect(self, radio)
            if self.presence:
                self.connect(self.sender.encoder, self.memory)
        self.connect(radio.sent, (self.processor, 0))
        for channel in range(radio.settings.rx_channels):
            self.connect(radio.rx(channel), (self.processor, 1 + channel))
        if self._own.record:
            self._connect_recorder(radio, self._called)

    def _connect_recorder(self, radio: front_end, called: Program) -> None:
        from gnuradio.semisac.radio.sigmf_fields import plain_frame
        from gnuradio.semisac.radio.sigmf_sink import sigmf_sink

        channels = radio.settings.rx_channels
        self.recorder = sigmf_sink(
            self._own.record,
            called.radio.sample_rate_hz,
            called.radio.center_frequency_hz,
            ["sent", *(f"rx{channel}" for channel in range(channels))],
            hardware=str(called.in_force.get("device", "")),
            description="What was sent and what came back",
            metadata={
                "frame": plain_frame(called.layout),
                "bundle": called.plain_bundle(),
                "radio": called.radio.plain(),
                "calibration": {
                    name: called.in_force.get(name) for name in ("latency_samples", "calibrated")
                },
            },
        )
        self.connect(radio.sent, (self.recorder, 0))
        for channel in range(channels):
            self.connect(radio.rx(channel), (self.recorder, 1 + channel))

    def _connect_replay(self, radio: front_end) -> None:
        """What was sent is in the recording: nothing is sent, and symbols are read from its frames."""
        self._replays = True
        self.no_frames = blocks.vector_source_c([])
        self.connect(self.no_frames, radio.tx)
        if self.presence:
            self.synchronizer = semisac.frame_synchronizer(self.radar.frame)
            self.demodulator = semisac.frame_demodulator(self.radar.frame)
            self.connect(radio.sent, self.synchronizer, self.demodulator, self.memory)

    def error(self) -> Exception | None:
        return on_air_flowgraph.error(self) or self.sender.error()

    def nothing_received(self) -> str:
        return "" if self.processor.frames_processed() else self._level.said_without("frame came back")

    def finished(self) -> bool:
        """The last frame has come back, or does not come any more."""
        if self._replays or not self.sender.all_sent():
            return False
        back = self.processor.frames_processed() + self.processor.frames_refused()
        if back > self._newest[0]:
            self._newest = (back, time.monotonic())
        return back >= self.sender.frames() or time.monotonic() > self._newest[1] + RETURN_S

    def rows(self) -> Rows:
        counters = self.counters()
        listed = [_listed(target) for target in self.targets.targets()[:6]]
        presence = self.presence and self.presence.present.metric()
        gate = f"{self.presence.newest:.2f} now, {100 * presence.value:.1f} % reported" if presence else ""
        return [
            *self.sender.rows(),
            ("frames back", str(counters["frames_processed"])),
            ("intervals broken", str(counters["intervals_broken"])),
            ("maps", str(counters["maps"])),
            ("target in the gate", gate),
            *((f"target {number}", text) for number, text in enumerate(listed)),
            ("ranges not to be trusted", self.targets.doubt() or ""),
        ]

    def counters(self) -> dict[str, int]:
        return self.sender.counters() | {
            "frames_processed": self.processor.frames_processed(),
            "frames_refused": self.processor.frames_refused(),
            "frames_lost": self.processor.frames_lost(),
            "intervals_broken": self.processor.intervals_broken(),
            "maps": self.targets.maps,
            "detections": self.targets.detections,
        }

    def figures(self) -> dict[str, Metric]:
        if self.presence is None:
            return {}
        return present({"presence": self.presence.present.metric()})

    def details(self) -> dict[str, object]:
        return {
            "targets": self.targets.targets(),
            "detections": self.targets.newest(),
            "warnings": [*self._warnings, *filter(None, [self.targets.doubt()])],
        }

    def _make_window(self) -> Window:
        start_qt()
        self.map_sink = semisac.range_doppler_sink(self.radar)
        self.connect((self.processor, 1), self.map_sink)
        self.msg_connect(self.detector, "detections", self.map_sink, "detections")
        return Window("semisac sensing", [self.map_sink.qwidget()])


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
