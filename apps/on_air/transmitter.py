# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line and flowgraph of run_transmitter.py."""

from __future__ import annotations

from gnuradio.semisac.radio import front_end
from pydantic import Field, model_validator

from semisac_ml.command_line import run_program

from .command import Program, on_air_flowgraph, on_air_program
from .options import FrameOptions, RadioOptions, RunOptions, SourceOptions
from .sending import sender
from .status import Rows
from .window import Window

program = on_air_program(
    "run_transmitter.py",
    "run_transmitter.py --radio simulation --images 64",
    "run_transmitter.py --radio usrp --address serial=30CD391 --tx-gain-db 20 --repeat",
    "run_transmitter.py --radio pluto --tx-gain-db -30 --data camera --radio-option cyclic=false",
    "run_transmitter.py --radio file --address frames --images 64",
)


class TransmitterOptions(SourceOptions):
    """What is sent, and how often."""

    repeat: bool = Field(False, description="Send until stopped. Without it and --images: each image once.")

    @model_validator(mode="after")
    def _once_or_for_ever(self) -> TransmitterOptions:
        if self.repeat and self.images:
            raise ValueError("--repeat and --images contradict each other: give one of them")
        return self


@program.default
def transmit(
    *,
    source: TransmitterOptions = TransmitterOptions(),
    radio: RadioOptions,
    frame: FrameOptions = FrameOptions(),
    run: RunOptions = RunOptions(),
) -> int:
    """Send images through a radio: learned encoder, frames of samples, antenna.

    The law and the licence of the band come first: docs/over_the_air.md. When the program has ended, by
    itself, by --duration-s or by Ctrl-C, the radio is silent.
    """
    called = Program("run_transmitter", "transmit", radio.settings(), frame, run, source.model_dump())
    return called.on_air(lambda: transmitter_flowgraph(called, source))


class transmitter_flowgraph(on_air_flowgraph):
    """Images to the radio."""

    def __init__(self, called: Program, source: TransmitterOptions):
        on_air_flowgraph.__init__(self, "transmitter")
        self.sender = sender(called, source, source.repeat)
        self.window = Window.of_spectrum("semisac transmitter", called.radio) if called.run.window else None
        self._radio: front_end | None = None

    def check(self, radio: front_end) -> list[str]:
        return self.sender.check(radio)

    def connect_radio(self, radio: front_end) -> None:
        self._radio = radio
        self.sender.connect(self, radio)
        if self.window:
            self.connect(self.sender.modulator, self.window.block)

    def error(self) -> Exception | None:
        return self.sender.error()

    def finished(self) -> bool:
        return self.sender.all_sent() and self._radio.has_sent(self.sender.frames())

    def rows(self) -> Rows:
        return self.sender.rows()

    def counters(self) -> dict[str, int]:
        return self.sender.counters()


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
