# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line and flowgraph of record.py."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from gnuradio import analog
from gnuradio.semisac.radio import front_end
from gnuradio.semisac.radio.sigmf_fields import plain_frame
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink
from pydantic import Field

from semisac_ml.command_line import Options, run_program

from .command import Program, on_air_flowgraph, on_air_program
from .options import FrameOptions, RadioOptions, RunOptions
from .status import Rows
from .window import Window

LEVEL_AVERAGE = 1e-5  # of the newest sample: over about 100,000 of them
BYTES_PER_SAMPLE = 8

program = on_air_program("record.py")


class RecordingOptions(Options):
    """What the recording says of itself."""

    author: str = Field("", description="Who records.")
    description: str = Field("", description="What is recorded.")
    overwrite: bool = Field(False, description="Replace a recording of this name.")


@program.default
def record(
    path: Annotated[
        Path,
        Parameter(
            metavar="PATH",
            help="Recording to write, without ending; with two channels .sigmf-collection opens it.",
        ),
    ],
    /,
    *,
    own: RecordingOptions = RecordingOptions(),
    radio: RadioOptions,
    frame: FrameOptions = FrameOptions(),
    run: RunOptions = RunOptions(),
) -> int:
    """Record what a radio receives as SigMF, with its settings, the losses and what it counted.

    Frame options say what the transmitter sends; they are written into the recording and not looked for.
    `run_receiver.py --radio file --address PATH` decodes the recording as if it came from the radio. A second
    takes 8 bytes a sample: 8 MB at 1 MS/s.
    """
    plain = {"path": str(path), **own.model_dump()}
    called = Program("record", "receive", radio.settings(), frame, run, plain)
    recorder = make_recorder(called, own)
    return called.on_air(lambda: recorder_flowgraph(called, recorder))


def make_recorder(called: Program, own: RecordingOptions) -> sigmf_sink:
    """The recording, not begun yet. Raises DataError when it cannot be written."""
    settings = called.radio
    return sigmf_sink(
        called.own["path"],
        settings.sample_rate_hz,
        settings.center_frequency_hz,
        [f"rx{channel}" for channel in range(settings.rx_channels)],
        metadata={
            "frame": plain_frame(called.layout),
            "bundle": called.plain_bundle(),
            "radio": settings.plain(),
        },
        **own.model_dump(),
    )


class recorder_flowgraph(on_air_flowgraph):
    """From the radio to the disk."""

    def __init__(self, called: Program, recorder: sigmf_sink):
        on_air_flowgraph.__init__(self, "record")
        self._called = called
        self.recorder = recorder
        self.level = analog.probe_avg_mag_sqrd_c(-100.0, LEVEL_AVERAGE)
        title = f"{called.radio.center_frequency_hz / 1e6:g} MHz"
        self.window = Window.of_spectrum(title, called.radio) if called.run.window else None

    def connect_radio(self, radio: front_end) -> None:
        in_force = {name: value for name, value in self._called.in_force.items() if name != "recorded"}
        self.recorder.set_metadata("radio", {**self._called.radio.plain(), "in_force": in_force})
        self.recorder.set_metadata("counters", radio.events.counts)
        for channel in range(radio.settings.rx_channels):
            self.connect(radio.rx(channel), (self.recorder, channel))
        self.connect(radio.rx(0), self.level)
        if self.window is not None:
            self.connect(radio.rx(0), self.window.block)

    def rows(self) -> Rows:
        samples = self.recorder.samples_recorded()
        settings = self._called.radio
        size = samples * BYTES_PER_SAMPLE * settings.rx_channels
        return [
            ("recorded", f"{samples / settings.sample_rate_hz:.1f} s, {size / 1e6:.0f} MB"),
            ("level", self._level_text() if samples else ""),
        ]

    def counters(self) -> dict[str, int]:
        return {"samples_recorded": self.recorder.samples_recorded()}

    def details(self) -> dict[str, object]:
        file = self.recorder.file()
        return {"recording": None if file is None else str(file)}

    def _level_text(self) -> str:
        power = self.level.level()
        return f"{10.0 * math.log10(power):.1f} dB of full scale" if power > 0.0 else "none"


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
