# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line and flowgraph of run_transmitter.py."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from gnuradio.semisac.radio import RadioSettings, front_end

from semisac_ml.cli.mistakes import run_program

from .command import Program, epilog, on_air_flowgraph, typer_program
from .options import with_shared_options
from .sending import sender
from .settings import FrameSettings, RunSettings, SourceSettings
from .status import Rows
from .window import Window

program = typer_program()


EXAMPLES = (
    "run_transmitter.py --radio simulation --images 64",
    "run_transmitter.py --radio usrp --address serial=30CD391 --tx-gain-db 20 --repeat",
    "run_transmitter.py --radio pluto --tx-gain-db -30 --data camera --radio-option cyclic=false",
    "run_transmitter.py --radio file --address frames --images 64",
)


@program.command(epilog=epilog(*EXAMPLES))
@with_shared_options
def transmit(
    source: SourceSettings,
    radio: RadioSettings,
    frame: FrameSettings,
    run: RunSettings,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Send until stopped. Without it and --images: each image once.")
    ] = False,
) -> int:
    """Send images through a radio: learned encoder, frames of samples, antenna.

    The law and the licence of the band come first: docs/over_the_air.md. When the program has ended, by
    itself, by --duration-s or by Ctrl-C, the radio is silent.
    """
    if repeat and source.images:
        raise ValueError("--repeat and --images contradict each other: give one of them")
    called = Program("run_transmitter", "transmit", radio, frame, run, asdict(source) | {"repeat": repeat})
    return called.on_air(lambda: transmitter_flowgraph(called, source, repeat))


class transmitter_flowgraph(on_air_flowgraph):
    """Images to the radio."""

    def __init__(self, called: Program, source: SourceSettings, repeat: bool):
        on_air_flowgraph.__init__(self, "transmitter")
        self.sender = sender(called, source, repeat)
        self._window = Window.of_spectrum("semisac transmitter", called.radio) if called.run.window else None
        self._radio: front_end | None = None

    def check(self, radio: front_end) -> list[str]:
        return self.sender.check(radio)

    def connect_radio(self, radio: front_end) -> None:
        self._radio = radio
        self.sender.connect(self, radio)
        if self._window:
            self.connect(self.sender.modulator, self._window.block)

    def error(self) -> Exception | None:
        return self.sender.error()

    def finished(self) -> bool:
        return self.sender.all_sent() and self._radio.has_sent(self.sender.frames())

    def rows(self) -> Rows:
        return self.sender.rows()

    def counters(self) -> dict[str, int]:
        return self.sender.counters()

    def make_window(self) -> Window | None:
        return self._window


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, "run_transmitter", arguments, typed="run_transmitter.py")
