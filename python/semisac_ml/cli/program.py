# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of ``semisac``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App

from semisac_ml import __version__
from semisac_ml.command_line import new_program, run_program

from . import bundle, data, information, radio
from .reproduce import reproduce
from .systems import missing_package, system_commands

ACTIONS = {
    "train": "Train a system; continues from its last checkpoint.",
    "evaluate": "Measure a trained system and redraw its figures.",
    "export": "Write a trained system as a bundle of ONNX networks.",
}


def program(arguments: Sequence[str]) -> App:
    """The program for a command line, with the commands of the systems that are there now."""
    made = new_program(
        "semisac",
        "Joint sensing and semantic communications: train, measure and export learned links.",
        version=f"semisac {__version__}",
        version_flags="--version",
    )
    for action, summary in ACTIONS.items():
        made.command(system_commands(action, summary, arguments))
    for command in (reproduce, bundle.commands, data.commands, radio.commands, information.info):
        made.command(command)
    for place, name in enumerate(made):  # as help lists them
        made[name].sort_key = place
    return made


def run(arguments: list[str] | None = None) -> int:
    """Run a command line of ``semisac`` and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    called = " ".join(["semisac", *given[:2]])
    return run_program(program(given), given, explain=lambda error: missing_package(error, f"'{called}'"))
