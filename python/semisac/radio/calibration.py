# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delay from a radio's transmitter to its receiver, measured once and kept for each setting that changes
it.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from semisac_ml.home_folder import could_write
from semisac_ml.outputs import write_output

MOST_AGE_DAYS = 30.0
MOST_CLOCK_ERROR_DAYS = 1.0  # of a host without network: what is dated later was not measured yet
FORMAT_VERSION = 1


class CalibrationError(ValueError):
    """A radio has no calibration that holds for its settings."""


@dataclass(frozen=True)
class CalibrationKey:
    """What the delay depends on: another of these is another delay.

    serial: of the device. driver: name and version. clock_rate_hz: of the converters. sample_rate_hz,
    tx_gain_db, rx_gain_db: in force. tx_antenna, rx_antenna: ports. center_frequency_hz: carrier.
    bandwidth_hz: of the receiver's analog filter. tx_subdevice, rx_subdevice: boards and channels.
    """

    serial: str
    driver: str
    clock_rate_hz: float
    sample_rate_hz: float
    tx_gain_db: float
    rx_gain_db: float
    tx_antenna: str = ""
    rx_antenna: str = ""
    center_frequency_hz: float = 0.0
    bandwidth_hz: float = 0.0
    tx_subdevice: str = ""
    rx_subdevice: str = ""

    def describe(self) -> str:
        """One line for people."""
        ports = f"{self.tx_antenna or 'default'} and {self.rx_antenna or 'default'}"
        return (
            f"device {self.serial}, {self.driver}, clock {self.clock_rate_hz / 1e6:g} MHz, "
            f"{self.sample_rate_hz / 1e6:g} MS/s, "
            f"carrier {self.center_frequency_hz / 1e6:g} MHz, gains {self.tx_gain_db:g} and "
            f"{self.rx_gain_db:g} dB, ports {ports}"
        )


@dataclass(frozen=True)
class Calibration:
    """One measurement.

    latency_samples: delay of the direct path from the time of transmission, in samples, also fractional.
    latency_spread_samples: standard deviation over the frames measured.
    leakage_db: power received over power sent, both relative to full scale. adc_peak: largest |I| or |Q|, 0
        to 1.
    frames: measured. date: ISO 8601, UTC.
    """

    key: CalibrationKey
    latency_samples: float
    latency_spread_samples: float
    leakage_db: float
    adc_peak: float
    frames: int
    date: str

    def age_days(self, now: datetime | None = None) -> float:
        """Days since the measurement."""
        return ((now or datetime.now(UTC)) - datetime.fromisoformat(self.date)).total_seconds() / 86400.0


class CalibrationStore:
    """Calibrations in one JSON file, replaced as a whole.

    file: None: calibration.json in $SEMISAC_CONFIG, or in semisac of $XDG_CONFIG_HOME or ~/.config.
    """

    def __init__(self, file: Path | None = None):
        self.file = Path(file) if file else _default_folder() / "calibration.json"

    def all(self) -> list[Calibration]:
        """Every calibration, newest first. Raises CalibrationError for a file that is none."""
        if not self.file.exists():
            return []
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION:
                raise ValueError(f"format_version is not {FORMAT_VERSION}")
            entries = content.get("calibrations")
            if not isinstance(entries, list):
                raise ValueError(f"calibrations is {entries!r:.60}, expected a list")
            found = [_read(entry, f"calibrations/{number}") for number, entry in enumerate(entries)]
        except OSError as error:
            raise CalibrationError(f"{self.file}: cannot be read ({error.strerror})") from error
        except (ValueError, OverflowError, RecursionError) as error:
            raise CalibrationError(
                f"{self.file}: not a file of calibrations ({error}): remove it and run apps/calibrate.py "
                f"again"
            ) from None
        return sorted(found, key=Calibration.age_days)

    def check_writable(self) -> None:
        """Raise ValueError unless a calibration can be kept, CalibrationError for a file that is none."""
        if not could_write(self.file.parent) or (self.file.exists() and not os.access(self.file, os.W_OK)):
            raise ValueError(
                f"{self.file}: no calibration can be kept there: set SEMISAC_CONFIG to a folder that can be "
                "written"
            )
        self.all()

    def save(self, calibration: Calibration) -> None:
        """Add a calibration; one for the same key is replaced. Raises ValueError for one that is none."""
        _read(asdict(calibration), "calibration")
        kept = [other for other in self.all() if other.key != calibration.key]
        content = {
            "format_version": FORMAT_VERSION,
            "calibrations": [asdict(entry) for entry in [calibration, *kept]],
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_output(self.file, json.dumps(content, indent=2) + "\n")

    def find(self, key: CalibrationKey, command: str, most_age_days: float = MOST_AGE_DAYS) -> Calibration:
        """Calibration for exactly this key.

        command: what to run to measure it, for the message.

        Raises CalibrationError when there is none, naming what differs in the nearest one, or when it is too
        old.
        """
        calibrations = self.all()
        for calibration in calibrations:
            if calibration.key == key:
                if calibration.age_days() <= most_age_days:
                    return calibration
                raise CalibrationError(
                    f"the calibration of this radio is {calibration.age_days():.0f} days old, expected "
                    f"{most_age_days:g} or less: run {command}"
                )
        same = [entry.key for entry in calibrations if entry.key.serial == key.serial]
        near = min(same, key=lambda other: len(_differences(other, key)), default=None)
        reason = "" if near is None else f"; the nearest one differs in {', '.join(_differences(near, key))}"
        raise CalibrationError(
            f"no calibration for {key.describe()}{reason}; ranges would be wrong by an unknown delay: run "
            f"{command}"
        )


def _read(entry: object, place: str) -> Calibration:
    """A calibration of JSON. Raises ValueError that names the field."""
    key = _fields(CalibrationKey, entry.get("key") if isinstance(entry, dict) else None, f"{place}/key")
    found = Calibration(**{**_fields(Calibration, entry, place), "key": CalibrationKey(**key)})
    for name, least in (("latency_samples", -0.5), ("latency_spread_samples", 0.0), ("frames", 1)):
        if getattr(found, name) < least:
            raise ValueError(f"{place}/{name} is {getattr(found, name)}, expected {max(least, 0):g} or more")
    try:
        age_days = found.age_days()
    except (TypeError, ValueError):
        raise ValueError(f"{place}/date is {found.date!r}, expected a date with its zone") from None
    if age_days < -MOST_CLOCK_ERROR_DAYS:
        raise ValueError(
            f"{place}/date is {found.date}, expected one that has been: set this machine's clock"
        )
    return found


def _fields(kind: type, entry: object, place: str) -> dict[str, object]:
    """The fields of a dataclass in JSON, each of its type."""
    if not isinstance(entry, dict):
        raise ValueError(f"{place} is {entry!r:.60}, expected an object")
    known = {field.name: field for field in fields(kind)}
    unknown = sorted(set(entry) - set(known))
    missing = [name for name, field in known.items() if name not in entry and field.default is MISSING]
    if unknown or missing:
        raise ValueError(f"{place}/{(unknown or missing)[0]} is {'unknown' if unknown else 'missing'}")
    for name, value in entry.items():
        expected = {"str": "text", "float": "a number", "int": "a whole number"}.get(known[name].type)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        fits = {
            "text": isinstance(value, str),
            "a number": number,
            "a whole number": number and value % 1 == 0,
        }
        if expected and not fits[expected]:
            raise ValueError(f"{place}/{name} is {value!r:.60}, expected {expected}")
    return entry


def _differences(one: CalibrationKey, other: CalibrationKey) -> list[str]:
    names = [field.name for field in fields(CalibrationKey)]
    return [f"{name} ({getattr(one, name)})" for name in names if getattr(one, name) != getattr(other, name)]


def _default_folder() -> Path:
    if "SEMISAC_CONFIG" in os.environ:
        return Path(os.environ["SEMISAC_CONFIG"])
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "semisac"
