# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of ``semisac``."""

from __future__ import annotations

import sys

from cyclopts import App

from semisac_ml import __version__
from semisac_ml.command_line import new_program, run_program

from . import bundle, data, information, radio
from .systems import missing_package, system_commands


def program() -> App:
    """The program with the commands of the systems that are there now."""
    made = new_program(
        "semisac",
        "Joint sensing and semantic communications: train, measure and export learned links.",
        version=f"semisac {__version__}",
        version_flags="--version",
    )
    commands = (
        system_commands("train", "Train a system; continues from its last checkpoint."),
        system_commands("evaluate", "Measure a trained system and redraw its figures."),
        system_commands("export", "Write a trained system as a bundle of ONNX networks."),
        bundle.commands,
        data.commands,
        radio.commands,
        information.info,
    )
    for command in commands:
        made.command(command)
    for place, name in enumerate(made):  # as help lists them
        made[name].sort_key = place
    return made


def run(arguments: list[str] | None = None) -> int:
    """Run a command line of ``semisac`` and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    called = " ".join(["semisac", *given[:2]])
    return run_program(program(), given, explain=lambda error: missing_package(error, f"'{called}'"))
