# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a program if this Python can run it; any from 3.7 on can tell, with its standard library alone."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys

OLDEST_PYTHON = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = (
    "numpy",
    "scipy",
    "onnxruntime",
    "pydantic",
    "cyclopts",
    "rich",
    "jinja2",
    "PIL",
    "skimage",
    "sklearn",
)


def problem() -> str:
    """What is missing and what to do about it, in one line; empty when nothing is."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        version = ".".join(str(part) for part in sys.version_info[:2])
        return f"{sys.executable} is Python {version}, expected 3.11 or newer: {_remedy()}"
    try:
        from semisac_ml.numpy_generation import mismatch
    except ImportError:
        mismatch = str  # told below, with what else is missing
    if mismatch():
        return mismatch()
    try:
        from gnuradio import gr  # noqa: F401
    except ImportError as error:
        reason = " ".join(str(error).split())
        return f"{sys.executable} cannot import GNU Radio ({reason}): {_remedy()}"
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError as error:
            return f"{sys.executable} lacks a Python package ({error}): {_remedy()}"
    for module in ("semisac_ml.runtime", "gnuradio.semisac"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            reason = " ".join(str(error).split())
            return f"the module {module} is not installed ({reason}): run `make loopback` in {ROOT}"
    return ""


def run_program(name: str, command: str) -> int:
    """Check this Python before anything heavy is imported, then run a program's command line.

    name: of the program, before its messages. command: module whose ``run(arguments)`` is the program.
    Returns the exit code: 2 when this Python cannot run it, 130 when interrupted.
    """
    try:
        from semisac_ml.home_folder import provide_home
        from semisac_ml.printing import harmless_printing
    except ImportError:  # told below, with what else is missing
        harmless_printing, provide_home = contextlib.nullcontext, lambda: None
    try:
        with harmless_printing(name):
            provide_home()
            before = signal.getsignal(signal.SIGINT)
            if before is signal.default_int_handler:
                # raised within an import of compiled code, it would be lost or taken for a missing package
                signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
            missing = problem()
            if missing:
                print(f"{name}: {missing}", file=sys.stderr)
                return 2
            run = importlib.import_module(command).run
            signal.signal(signal.SIGINT, before)
            return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


def _remedy() -> str:
    environment = os.path.join(ROOT, ".venv")
    if not os.path.isdir(environment):
        return f"run `make loopback` in {ROOT}, it sets up what is missing"
    if os.path.realpath(sys.prefix) == os.path.realpath(environment):
        return f"run `make loopback` in {ROOT}, it installs what is missing"
    return f"use the project's environment: source {os.path.join(environment, 'bin', 'activate')}"
