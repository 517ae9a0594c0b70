# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a set of scenes is made of: drives, and where each goes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from semisac_ml.data import DataError
from semisac_ml.outputs import write_output

from .drive import DriveSettings
from .layouts import LAYOUTS
from .light import TIMES
from .traffic import TIME_STEP_S

FORMAT = 1
PLAN_FILE = "plan.json"
SECONDS_A_STEP = 3.0  # at 320x240 on one core of 2024


@dataclass(frozen=True)
class Plan:
    """A set of scenes; the same plan gives the same files.

    frames : int
        Steps in all.
    sequence_frames : int
        Steps of a drive; the last one may be shorter.
    rain_share : float
        Part of the drives in which it rains.
    pairs_every : int
        Every how many steps an RGB-thermal pair is written; neighbours hardly differ.
    """

    layouts: tuple[str, ...] = ("canyon", "avenue", "junction")
    times: tuple[str, ...] = TIMES
    frames: int = 200
    seed: int = 1
    sequence_frames: int = 40
    interval_s: float = 0.1
    width: int = 320
    height: int = 240
    rain_share: float = 0.15
    density: float = 1.0
    people: bool = True
    pairs_every: int = 5

    def __post_init__(self) -> None:
        for name, known in (("layouts", tuple(LAYOUTS)), ("times", TIMES)):
            for value in getattr(self, name):
                if value not in known:
                    raise DataError(f"{name} holds {value!r}, expected some of {', '.join(known)}")
        limits = {
            "frames": (1, 10**6),
            "sequence_frames": (5, 400),
            "interval_s": (0.1, 2.0),
            "width": (80, 1920),
            "height": (60, 1080),
            "rain_share": (0.0, 1.0),
            "density": (0.2, 3.0),
            "pairs_every": (1, 10**6),
            "seed": (0, 2**31),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f"{name} is {getattr(self, name)}, expected {low} to {high}")
        steps = self.interval_s / TIME_STEP_S
        if abs(steps - round(steps)) > 1e-6:
            raise DataError(f"interval_s is {self.interval_s}, expected a multiple of {TIME_STEP_S:g}")
        if not self.layouts or not self.times:
            raise DataError("layouts or times is empty, expected one or more of each")

    def drives(self) -> list[DriveSettings]:
        """Settings of every drive: layouts in turn, and for each layout the times of day in turn."""
        found, left = [], self.frames
        while left > 0:
            k = len(found)
            rng = np.random.default_rng([self.seed, k])
            place, turn = k % len(self.layouts), k // len(self.layouts)
            found.append(
                DriveSettings(
                    self.layouts[place],
                    self.times[(turn + place) % len(self.times)],
                    bool(rng.random() < self.rain_share),
                    int(rng.integers(2**31)),
                    min(self.sequence_frames, left),
                    self.interval_s,
                    self.width,
                    self.height,
                    self.density,
                    self.people,
                )
            )
            left -= self.sequence_frames
        return found

    def estimated_seconds(self, steps: int, processes: int) -> float:
        """How long so many steps may take."""
        return SECONDS_A_STEP * (0.4 + 0.6 * self.width * self.height / 76800) * steps / processes

    def to_json(self) -> str:
        """The plan as text that :meth:`from_json` reads."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str, source: str) -> Plan:
        """A plan from its text; raises DataError, which names the source, if that is none."""
        try:
            values = json.loads(text)
            if values.pop("format") != FORMAT:
                raise DataError(f"{source}: format: is not {FORMAT}: written by another version")
            known = {f.name for f in fields(cls)}
            if set(values) != known:
                raise DataError(f"{source}: {sorted(set(values) ^ known)[0]}: missing or unknown field")
            values["layouts"], values["times"] = tuple(values["layouts"]), tuple(values["times"])
            return cls(**values)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{source}: is no plan of a set of scenes ({error})") from error


def scenario_number(drive: DriveSettings) -> int:
    """Number of the DeepSense scenario of a drive: hundreds the layout, tens the time of day, 1 for rain."""
    return 100 * (1 + list(LAYOUTS).index(drive.layout)) + 10 * TIMES.index(drive.time) + drive.rain


def step_name(sequence: int, step: int) -> str:
    """How the files of a step are called."""
    return f"{sequence:04d}_{step:03d}"


def claim(folder: Path, plan: Plan) -> None:
    """Take a folder for a plan, or find the same plan there; raises DataError if it holds another."""
    file = folder / PLAN_FILE
    if file.is_file():
        there = Plan.from_json(file.read_text(encoding="utf-8"), str(file))
        if there != plan:
            different = [f.name for f in fields(Plan) if getattr(there, f.name) != getattr(plan, f.name)]
            raise DataError(
                f"{file}: {different[0]}: is {getattr(there, different[0])!r}, expected "
                f"{getattr(plan, different[0])!r}: choose another folder, or the same options to go on"
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder}: is not empty and holds no {PLAN_FILE}: choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_output(file, plan.to_json())


def plain(value: Any) -> Any:
    """Numbers of numpy as those of Python, for JSON."""
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value.tolist()]
    if isinstance(value, np.generic):
        return value.item()
    return value
