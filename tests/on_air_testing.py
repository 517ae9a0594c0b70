# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the programs on the air share: how to call them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from patience import HANG_S

from semisac_ml.data import cifar10
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal import metrics

APPS = Path(__file__).resolve().parents[1] / "apps"
MODULES = {"run_transmitter": "transmitter", "run_receiver": "receiver", "run_sensing": "sensing"}
PROGRAMS = tuple(MODULES)
BUNDLE = ("--bundle", "jssc/tiny")
PATIENT = ("--timeout-s", str(HANG_S))
SAMPLE_CLOCK = ("--radio-option", "time_scale=0")
"""The simulated radio waits for the computer; nothing is late or lost but what a test injects."""


def command(name: str, *arguments) -> list[str]:
    return [sys.executable, str(APPS / f"{name}.py"), *map(str, arguments)]


def call(name: str, *arguments) -> subprocess.CompletedProcess:
    """Run a program to its end."""
    return subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=HANG_S)


def measure(name: str, *arguments) -> dict:
    """JSON that a run writes to standard output."""
    done = call(name, "--quiet", "--json", "-", *BUNDLE, *PATIENT, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def started(name: str, *arguments) -> subprocess.Popen:
    """A program that has begun to run its flowgraph."""
    call = command(name, *BUNDLE, *PATIENT, *arguments)
    program = subprocess.Popen(call, stderr=subprocess.PIPE, text=True)
    said = program.stderr.readline()  # the first line of the status
    assert said.startswith("time "), said + program.stderr.read()
    return program


def decoded_offline(bundle: Bundle, count: int) -> np.ndarray:
    """PSNR of the sample images, encoded and rebuilt without GNU Radio or noise."""
    images = cifar10.sample()[0][np.arange(count) % 64]
    pixels = (images.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)
    snr_db = np.full(count, bundle.interface(ImageLink).channel.reference_snr_db, np.float32)
    symbols = bundle.session("encoder").run(image=pixels, snr_db=snr_db)["symbols"]
    high_db = np.full(count, 70.0, np.float32)
    gain = np.stack([np.ones(count), np.zeros(count)], axis=-1).astype(np.float32)
    inputs = {"received": symbols, "snr_db": high_db, "channel_gain": gain}
    session = bundle.session("reconstruction")
    image = session.run(**{name: inputs[name] for name in session.inputs})["image"]
    rebuilt = np.clip(np.rint(image * 255.0), 0, 255).astype(np.uint8)
    return metrics.psnr_db(images, rebuilt.transpose(0, 2, 3, 1))
