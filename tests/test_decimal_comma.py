# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs in a session whose numbers have a decimal comma: QApplication adopts its locale for all of C."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCALE = "de_DE.UTF-8"

# What is asked under the locale: texts and checksums of C++ against numpy, a link, messages of errors.
PROGRAM = """
import dataclasses, locale, math
import numpy as np
locale.setlocale(locale.LC_ALL, "")
assert locale.localeconv()["decimal_point"] == ",", locale.localeconv()
from block_testing import frames
from frame_testing import random_parameters, receive
from gnuradio import semisac
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame

for seed in range(200):
    parameters = random_parameters(seed)
    assert semisac.frame_parameters(parameters).canonical_text() == parameters.canonical_text()
for rate_hz in (520833.0, 2083333.0, 100e6 / 3, 1e3, 1e10, 3e9 / 7, 61.44e6):
    parameters = FrameParameters(sample_rate_hz=rate_hz)
    text = semisac.frame_parameters(parameters).canonical_text()
    assert text == parameters.canonical_text() and "," not in text, text

parameters = FrameParameters(sample_rate_hz=520833.0, images_per_frame=4)
images = frames(4)
got = receive(parameters, np.concatenate([modulate_frame(images, parameters), np.zeros(500)]))
assert got.demodulator.frames_received() == 1 and len(got.ids) == 4  # numpy's frame, read by C++

for make, message in (
    (lambda: semisac.frame_synchronizer(parameters, 0.5), "is 0.5, expected 1e-15 to 0.01"),
    (lambda: semisac.gap_filler(1e6).set_start_time(0, 1.25), "has the fraction 1.25, expected"),
    (lambda: semisac.fading_channel(1, snr_db=-200.5), "is -200.5, expected -200 to 200"),
):
    try:
        make()
    except ValueError as error:
        assert message in str(error), error
    else:
        raise AssertionError(message)
print("equal")
"""


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a locale that has a decimal comma, for LOCPATH."""
    folder = tmp_path_factory.mktemp("locales")
    language, encoding = LOCALE.split(".")
    try:
        subprocess.run(
            ["localedef", "-i", language, "-f", encoding, folder / LOCALE], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no {LOCALE} can be made here ({error}): install the package locales")
    return folder


@pytest.mark.slow
def test_numbers_are_the_same_with_a_decimal_comma(locales: Path):
    pytest.importorskip("gnuradio.semisac", reason="the blocks are what is asked")
    environment = os.environ | {
        "LOCPATH": str(locales),
        "LC_ALL": LOCALE,
        "PYTHONPATH": f"{ROOT / 'tests'}:{os.environ.get('PYTHONPATH', '')}",
    }
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert run.stdout.endswith("equal\n"), run.stdout + run.stderr  # GNU Radio may log before


def test_no_source_reads_or_writes_numbers_by_the_locale():
    asks_the_locale = re.compile(
        r"\b(\w*printf|strto(d|f|ld)|sto(d|f|ld)|atof|lexical_cast|[io]?stringstream)\b"
    )
    sources = [*ROOT.glob("lib/**/*.*"), *ROOT.glob("include/**/*.h"), *ROOT.glob("python/**/bindings/*.cc")]
    found = {
        source.name: match[0]
        for source in sources
        if source.suffix in {".h", ".cc"} and not source.name.startswith("qa_")
        for match in asks_the_locale.finditer(
            re.sub(r"//[^\n]*|/\*.*?\*/", "", source.read_text(), flags=re.S)
        )
    }
    assert found.pop("parameter_checks.h") == "ostringstream"  # with the classic locale: number_text
    assert not found
