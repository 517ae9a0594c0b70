# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""calibrate.py as a person uses it, and run_sensing.py with and without what it stores."""

from __future__ import annotations

import json
import re

import pytest
from on_air_testing import PATIENT, SAMPLE_CLOCK, call, measure
from patience import HANG_S

pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")

pytestmark = pytest.mark.slow

UNKNOWN = ("--radio", "simulation", "--radio-option", "latency_known=false")
LATENCY_SAMPLES, LEAKAGE_DB = 61.625, -25.0


@pytest.fixture(autouse=True)
def own_folders(own_home, tmp_path, monkeypatch):
    """Calibrations of our own."""
    monkeypatch.setenv("SEMISAC_CONFIG", str(tmp_path / "calibrations"))


def test_ranges_are_right_after_a_calibration_and_refused_before(tiny_bundle, tmp_path):
    air = [*UNKNOWN, *SAMPLE_CLOCK]
    for option in (f"latency_samples={LATENCY_SAMPLES}", f"leakage_db={LEAKAGE_DB}", "targets=900,0,10"):
        air += ["--radio-option", option]
    refused = call("run_sensing", "--bundle", "jssc/tiny", *air, "--images", "80")
    assert refused.returncode == 2
    assert "no calibration for device SIM0001" in refused.stderr
    assert "run python apps/calibrate.py --radio simulation" in refused.stderr

    found = measure("calibrate", *air, "--frames", "40", "--duration-s", HANG_S)
    figures = found["metrics"]
    assert figures["latency_samples"]["value"] == pytest.approx(LATENCY_SAMPLES, abs=0.05)
    assert figures["leakage_db"]["value"] == pytest.approx(LEAKAGE_DB, abs=0.2)
    assert 0.02 < figures["adc_peak"]["value"] < 0.2
    stored = json.loads((tmp_path / "calibrations" / "calibration.json").read_text())
    assert found["stored_in"] == str(tmp_path / "calibrations" / "calibration.json")
    assert stored["calibrations"][0]["key"]["serial"] == "SIM0001"

    sensed = measure("run_sensing", *air, "--images", "800")
    assert sensed["radio"]["latency_samples"] == figures["latency_samples"]["value"]
    # half a sample at 1 MS/s is 75 m
    assert sensed["targets"][0]["range_m"] == pytest.approx(900.0, abs=30.0)

    other = call("run_sensing", "--bundle", "jssc/tiny", *air, "--rx-gain-db", "20", "--images", "80")
    assert other.returncode == 2
    assert "rx_gain_db (30.0)" in other.stderr


@pytest.mark.parametrize(
    ("options", "patience_s", "reason"),
    [
        (("leakage_db=-200", "targets="), 2, "0 of 40 frames came back"),
        (("leakage_db=-60", "noise_dbfs=-40", "targets="), 2, "frames came back|above the rest|varies by"),
        (("leakage_db=15",), HANG_S, "peaks at 1.00 of full scale"),
    ],
)
def test_what_is_no_direct_path_is_not_stored(tiny_bundle, tmp_path, options, patience_s, reason):
    named = [word for option in options for word in ("--radio-option", option)]
    done = call(
        "calibrate", *UNKNOWN, *PATIENT, "--bundle", "jssc/tiny", "--frames", "40",
        "--duration-s", patience_s, "-q", *named,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr

    assert re.search(reason, done.stderr), done.stderr
    assert not (tmp_path / "calibrations").exists()


def test_too_few_frames_are_refused(tiny_bundle):
    done = call("calibrate", *UNKNOWN, "--frames", "1")
    assert done.returncode == 2
    assert "--frames is 1, expected 2 or more" in done.stderr


@pytest.mark.parametrize("radio", ["pluto", "file", "zmq"])
def test_a_radio_that_finds_its_delay_by_itself_is_not_calibrated(tiny_bundle, radio):
    done = call("calibrate", "--radio", radio)
    assert done.returncode == 2
    assert f"--radio {radio} needs no calibration" in done.stderr
