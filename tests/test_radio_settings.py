# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings, events and calibrations of radios: what is refused, and what is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")

from gnuradio.semisac import radio  # noqa: E402
from gnuradio.semisac.radio.calibration import CalibrationKey  # noqa: E402

KEY = CalibrationKey("30AA", "UHD 4.3.0.0", 40e6, 10e6, 20.0, 30.0, "TX/RX", "RX2")


def calibration(key: CalibrationKey = KEY, latency_samples: float = 46.0, days_old: float = 0.0):
    date = (datetime.now(UTC) - timedelta(days=days_old)).isoformat(timespec="seconds")
    return radio.Calibration(key, latency_samples, 0.01, -22.0, 0.3, 64, date)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate_hz", 0.0),
        ("sample_rate_hz", float("nan")),
        ("center_frequency_hz", -1.0),
        ("rx_gain_db", float("inf")),
        ("rx_channels", 3),
        ("transmit_level_db", 3.0),
        ("bandwidth_hz", -1.0),
        ("timeout_s", 0.0),
    ],
)
def test_a_wrong_setting_is_refused_with_its_option(name, value):
    with pytest.raises(ValueError, match=f"--{name.replace('_', '-')} is .*expected"):
        radio.RadioSettings("simulation", **{name: value})


def test_options_are_read_as_the_type_of_their_default():
    settings = radio.RadioSettings("pluto", options={"cyclic": "no", "frames": "4", "level": "-3", "name": 5})
    read = settings.take_options(cyclic=True, frames=1, level=0.0, name="", other=7)
    assert read == {"cyclic": False, "frames": 4, "level": -3.0, "name": "5", "other": 7}


@pytest.mark.parametrize("options", [{"cyclic": "perhaps"}, {"frames": "x"}, {"unknown": 1}])
def test_a_wrong_option_is_refused(options):
    with pytest.raises(ValueError, match="expected"):
        radio.RadioSettings("pluto", options=options).take_options(cyclic=True, frames=1)


def test_an_unknown_radio_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match="'hackrf', expected one of .*simulation.*usrp"):
        radio.open_front_end(radio.RadioSettings("hackrf"), None, "receive")


def test_blocks_import_without_uhd_and_libiio():
    """docs/hardware.md, line 13."""
    code = """
import sys
for name in ("gnuradio.uhd", "gnuradio.iio", "iio", "adi", "uhd"):
    sys.modules[name] = None
from gnuradio import semisac
from gnuradio.semisac import radio
radio.RadioSettings("usrp")
semisac.frame_synchronizer(semisac.frame_parameters())
try:
    radio.open_front_end(radio.RadioSettings("usrp"), None, "receive")
except radio.RadioError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "needs a driver that is missing" in done.stdout
    assert "semisac radio probe" in done.stdout


def test_events_are_counted_by_kind_with_the_frames_they_hit():
    events = radio.EventCounters()
    events.add("late", frame_id=5)
    events.add("overflow", 3)
    events.add("late")
    assert events.counts()["late"] == 2
    assert events.counts()["overflow"] == 3
    assert events.frames_hit() == [(5, "late")]
    assert events.vanished() == ""
    events.add("vanished", reason="unplugged")
    assert events.vanished() == "unplugged"
    with pytest.raises(ValueError, match="kind of event is 'lost'"):
        events.add("lost")


def test_a_calibration_is_found_by_its_key_alone(tmp_path):
    """docs/hardware.md, line 1: another clock, rate or gain is another delay."""
    store = radio.CalibrationStore(tmp_path / "calibration.json")
    store.save(calibration())
    store.save(calibration(replace(KEY, sample_rate_hz=20e6), 165.0))
    store.save(calibration(latency_samples=46.5))
    assert len(store.all()) == 2
    assert store.find(KEY, "x").latency_samples == 46.5
    assert store.find(replace(KEY, sample_rate_hz=20e6), "x").latency_samples == 165.0
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.json"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rx_gain_db": 40.0}, r"rx_gain_db \(30.0\)"),
        ({"clock_rate_hz": 20e6}, "clock_rate_hz"),
        ({"driver": "UHD 4.6"}, "driver"),
        ({"serial": "FFFF"}, "device FFFF"),
    ],
)
def test_a_missing_calibration_names_what_differs_and_the_command(tmp_path, change, named):
    store = radio.CalibrationStore(tmp_path / "calibration.json")
    store.save(calibration())
    with pytest.raises(radio.CalibrationError, match=f"{named}.*run python apps/calibrate.py"):
        store.find(replace(KEY, **change), "python apps/calibrate.py --radio usrp")


def test_an_old_calibration_is_refused(tmp_path):
    store = radio.CalibrationStore(tmp_path / "calibration.json")
    store.save(calibration(days_old=45.2))
    with pytest.raises(radio.CalibrationError, match="45 days old, expected 30 or less: run it"):
        store.find(KEY, "it")
    assert store.find(KEY, "it", most_age_days=50.0).latency_samples == 46.0


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format_version": 9}', '{"format_version": 1, "calibrations": [{}]}']
)
def test_a_damaged_file_of_calibrations_is_named_and_kept(tmp_path, text):
    file = tmp_path / "calibration.json"
    file.write_text(text)
    with pytest.raises(radio.CalibrationError, match="calibration.json.*remove it"):
        radio.CalibrationStore(file).save(calibration())
    assert file.read_text() == text


def test_calibrations_lie_where_configurations_do(tmp_path, monkeypatch):
    monkeypatch.delenv("SEMISAC_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    radio.CalibrationStore().save(calibration())
    saved = json.loads((tmp_path / "semisac" / "calibration.json").read_text())
    assert saved["calibrations"][0]["key"]["serial"] == "30AA"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *(
            (f"calibrations/0/{field}", value)
            for field in ("latency_samples", "latency_spread_samples", "leakage_db", "adc_peak", "frames")
            for value in ("x", None, True, [], {}, float("nan"), float("inf"), 10**400)
        ),
        ("calibrations/0/latency_samples", -500.0),
        ("calibrations/0/latency_spread_samples", -1.0),
        ("calibrations/0/frames", 0),
        ("calibrations/0/frames", 1.5),
        *(
            ("calibrations/0/date", value)
            for value in ("yesterday", "2026-01-01", 7, None, "2999-01-01T00:00Z")
        ),
        *(("calibrations/0/key", value) for value in ("x", None, [], {})),
        *((f"calibrations/0/key/{field}", 7) for field in ("serial", "driver", "tx_antenna")),
        *((f"calibrations/0/key/{field}", "x") for field in ("clock_rate_hz", "rx_gain_db", "volume")),
        *(("calibrations/0", value) for value in ("x", None, [], 7)),
        *(("calibrations", value) for value in ("x", None, {}, 7)),
        *(("format_version", value) for value in ("1", None, 2, [])),
    ],
)
def test_a_field_of_another_kind_is_named_in_one_line(tmp_path, place, value):
    file = tmp_path / "calibration.json"
    radio.CalibrationStore(file).save(calibration())
    content = json.loads(file.read_text())
    *way, field = place.split("/")
    within = content
    for step in way:
        within = within[int(step) if step.isdecimal() else step]
    within[int(field) if field.isdecimal() else field] = value
    file.write_text(json.dumps(content))
    with pytest.raises(radio.CalibrationError) as refused:
        radio.CalibrationStore(file).find(KEY, "it")
    message = str(refused.value)
    assert message.startswith(f"{file}: ") and "\n" not in message
    assert place in message or value == 10**400, message


def test_what_could_not_be_read_again_is_not_saved(tmp_path):
    store = radio.CalibrationStore(tmp_path / "calibration.json")
    with pytest.raises(ValueError, match="latency_samples is nan"):
        store.save(calibration(latency_samples=float("nan")))
    assert not store.file.exists()
