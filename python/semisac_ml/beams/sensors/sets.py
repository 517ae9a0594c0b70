# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sensors a prediction may use, as on the command line: "beams8,camera,lidar", "gps,radar"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semisac_ml.beams.inputs import PARTIAL_SWEEPS, InputSet
from semisac_ml.beams.samples import BEAMS
from semisac_ml.beams.sensors.samples import SENSORS
from semisac_ml.signal.beam_choice import measured_beams

KNOWN = f"gps, {', '.join(f'beams{count}' for count in PARTIAL_SWEEPS)}, {', '.join(SENSORS)}"
POWER = "beams8"  # what "power" is in the settings below: 8 of the 64 beams, measured at this moment
CASE_STUDY = {
    "SISAC-I": "camera",
    "SISAC-P": POWER,
    "SISAC-C": "lidar",
    "SISAC-M": "radar",
    "DISAC-PI": f"{POWER},camera",
    "DISAC-PC": f"{POWER},lidar",
    "DISAC-PM": f"{POWER},radar",
    "TISAC-PIC": f"{POWER},camera,lidar",
    "TISAC-PIM": f"{POWER},camera,radar",
    "TISAC-PCM": f"{POWER},lidar,radar",
    "FISAC": f"{POWER},camera,lidar,radar",
}
BEYOND = {  # what the paper does not have
    "position": "gps",
    "FISAC + position": f"gps,{POWER},camera,lidar,radar",
    "SISAC-P, 16 beams": "beams16",
    "FISAC, 16 beams": "beams16,camera,lidar,radar",
}


@dataclass(frozen=True)
class SensorPresence:
    """Which values a prediction is given, oldest frame first.

    position_known: bool [samples, frames]. measured: bool [samples, frames, beams].
    known: bool [samples, frames, 3], of camera, LiDAR and radar.
    shown_of: int [samples, 4], which of these samples is shown in the place of each where position, camera,
        LiDAR and radar are concerned; None: every sample its own.
    """

    position_known: np.ndarray
    measured: np.ndarray
    known: np.ndarray
    shown_of: np.ndarray | None = None


@dataclass(frozen=True)
class SensorSet:
    """One combination of sensors.

    gps: position. beams: how many are measured at this moment, 0 for none. sensors: of SENSORS.
    """

    gps: bool
    beams: int
    sensors: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> SensorSet:
        """From words separated by commas. Raises ValueError, which says what is known, for any other word."""
        words = [word.strip().lower() for word in text.split(",")]
        sensors = tuple(word for word in words if word in SENSORS)
        if len(set(sensors)) < len(sensors):
            raise ValueError(f"inputs are {text!r}, expected each sensor once")
        others = [word for word in words if word not in SENSORS]
        if not others:
            return cls(False, 0, sensors)
        try:
            found = InputSet.parse(",".join(others))
        except ValueError as error:
            raise ValueError(f"inputs are {text!r}, expected some of: {KNOWN}") from error
        if found.history or found.sweep_age:
            raise ValueError(f"inputs are {text!r}, expected some of: {KNOWN}")
        return cls(found.gps, found.beams, sensors)

    def __str__(self) -> str:
        words = ["gps"] * self.gps + [f"beams{self.beams}"] * bool(self.beams)
        return ",".join([*words, *(sensor for sensor in SENSORS if sensor in self.sensors)])

    def presence(self, there: np.ndarray, recorded: np.ndarray) -> SensorPresence:
        """What samples are given.

        there : bool [samples, frames], frames that the drive has.
        recorded : bool [samples, frames, 3], sensors that recorded them.
        """
        count = len(there)
        return given(
            there,
            recorded,
            gps=np.full(count, self.gps),
            beams=np.full(count, self.beams),
            sensors=np.tile([sensor in self.sensors for sensor in SENSORS], (count, 1)),
        )


_SWEEPS = np.zeros((BEAMS + 1, BEAMS), dtype=bool)
for _count in PARTIAL_SWEEPS:
    _SWEEPS[_count, measured_beams(_count, BEAMS)] = True


def given(
    there: np.ndarray, recorded: np.ndarray, *, gps: np.ndarray, beams: np.ndarray, sensors: np.ndarray
) -> SensorPresence:
    """What each sample is given: gps bool [samples], beams int [samples], sensors bool [samples, 3]."""
    return SensorPresence(
        there & gps[:, None],
        there[:, :, None] & _SWEEPS[beams][:, None],
        recorded & there[:, :, None] & sensors[:, None],
    )


def swapped(count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Of a batch, whose sensors each sample is shown, int [samples, 4]: of a share another's, by sensor.

    What a network learns by heart of a drive it learns to doubt, and to believe the beams that were measured.
    """
    own = np.tile(np.arange(count)[:, None], (1, 1 + len(SENSORS)))
    other = rng.integers(count, size=own.shape)
    return np.where(rng.random(own.shape) < share, other, own)


def random_presence(
    there: np.ndarray, recorded: np.ndarray, rng: np.random.Generator, asked: tuple[SensorSet, ...]
) -> SensorPresence:
    """Sensors drawn at random for training: for three samples of four one of those asked for, else any."""
    count = len(there)
    drawn = {
        "gps": rng.random(count) < 0.4,
        "beams": rng.choice((0, 4, 8, 16), count, p=(0.5, 0.1, 0.3, 0.1)),
        "sensors": rng.random((count, len(SENSORS))) < 0.5,
    }
    nothing = ~(drawn["gps"] | (drawn["beams"] > 0) | drawn["sensors"].any(axis=1))
    drawn["sensors"][nothing] = True
    which = np.where(rng.random(count) < 0.75, rng.integers(max(len(asked), 1), size=count), -1)
    for place, one in enumerate(asked):
        drawn["gps"][which == place] = one.gps
        drawn["beams"][which == place] = one.beams
        drawn["sensors"][which == place] = [sensor in one.sensors for sensor in SENSORS]
    return given(there, recorded, **drawn)
