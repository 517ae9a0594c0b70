# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this Python can run the link; any Python from 3.7 on can tell, with its standard library alone."""

from __future__ import annotations

import importlib
import os
import sys

OLDEST_PYTHON = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = (
    "numpy",
    "scipy",
    "onnxruntime",
    "pydantic",
    "typer",
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


def _remedy() -> str:
    environment = os.path.join(ROOT, ".venv")
    if not os.path.isdir(environment):
        return f"run `make loopback` in {ROOT}, it sets up what is missing"
    if os.path.realpath(sys.prefix) == os.path.realpath(environment):
        return f"run `make loopback` in {ROOT}, it installs what is missing"
    return f"use the project's environment: source {os.path.join(environment, 'bin', 'activate')}"
