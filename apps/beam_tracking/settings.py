# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run replays, and which of its sensors fail when."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from semisac_ml.data.beam_recordings import POSITION, BeamRecording
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.sensors import declared

BEAMS, PREDICTOR = "beams", "predictor"
REPLAYED = {"gps": POSITION, **{name: name for name in declared()}}
SENSORS = {
    "gps": "GPS",
    **{name: sensor.label for name, sensor in declared().items()},
    BEAMS: "beam measurements",
    PREDICTOR: "predictor",
}


@dataclass(frozen=True)
class Kill:
    """A sensor that does not work from one second of the recording to another, infinite: to its end."""

    sensor: str
    from_s: float
    to_s: float

    @classmethod
    def parse(cls, text: str) -> Kill:
        """From "gps@5s" or "beams@5-8s". Raises ValueError for anything else."""
        number = r"(\d+(?:\.\d+)?)"
        match = re.fullmatch(rf"(\w+)@{number}s?(?:-{number}s?)?", text.strip().lower())
        if not match or match[1] not in SENSORS:
            known = ", ".join(SENSORS)
            raise ValueError(f"--kill is {text!r}, expected SENSOR@SECONDS or SENSOR@FROM-TO, of {known}")
        from_s, to_s = float(match[2]), float(match[3] or np.inf)
        if to_s <= from_s:
            raise ValueError(f"--kill is {text!r}, expected an end after the beginning")
        return cls(match[1], from_s, to_s)

    def __str__(self) -> str:
        return f"{self.sensor}@{self.from_s:g}" + ("" if np.isinf(self.to_s) else f"-{self.to_s:g}") + "s"


def working(kills: list[Kill], sensor: str, time_s: float) -> bool:
    """Whether a sensor works at a moment of the recording."""
    return not any(one.sensor == sensor and one.from_s <= time_s < one.to_s for one in kills)


def unseen(recording: BeamRecording, bundle: Bundle) -> tuple[BeamRecording, str]:
    """Drives that the bundle was not trained on, and which these are, in words.

    All are unseen of a base station that it was not trained at. Raises ValueError where none is left.
    """
    names = getattr(bundle.manifest.data, "trained_drives", None)
    known = set(bundle.interface(BeamPrediction).beams.sites) & set(recording.site)
    if recording.paths is not None or not known:
        return recording, "all drives, none of which the bundle has seen"
    if names is None:
        return recording, "all drives; the bundle does not say which it has seen"
    rows = np.flatnonzero(~np.isin(recording.drive_name, names))
    if not len(rows):
        raise ValueError(f"{bundle.name} was trained on all of these drives, expected others or --drives all")
    return recording.chosen(rows), "drives that the bundle's training held out"
