# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""DeepSense 6G (Alkhateeb et al. 2023): a base station that hears a car at 60 GHz with 64 beams, and sees it.

Scenarios 1 to 9 are used for power and GPS, from their official tables or from the published arrays.
Scenarios 31 to 34 have camera, LiDAR and radar as well, as tables of their own or as those of the
multi-modal beam prediction challenge of 2022. Licence CC BY-NC-SA 4.0: non-commercial, and what derives from
it says so.

Trap: 58 power files of the challenge hold "nan", and their unit1_beam is the place of the first of them. Such
samples are refused, or left out on demand, never used.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .. import DataError
from ..reading import find_folder as find_any
from . import arrays, sensors, tables
from .samples import FRAMES, FrameSequences, Scenario

FOLDER = "deepsense6g"
SOURCE = "https://www.deepsense6g.net"
GET = (
    f"register at {SOURCE}, download the scenarios and put them below {FOLDER}/ in the folder that "
    "SEMISAC_DATA names: scenario31/scenario31.csv, Multi_Modal/ml_challenge_dev_multi_modal.csv, or "
    "scenario1_unit1_pwr_60ghz_1-2422.npy and its like (docs/data.md)"
)
CHALLENGE = {
    "development": "Multi_Modal/ml_challenge_dev_multi_modal.csv",
    "adaptation": "Adaptation_dataset_multi_modal/ml_challenge_data_adaptation_multi_modal.csv",
    "test": "Multi_Modal_Test/ml_challenge_test_multi_modal.csv",
}
DAMAGED = ("refuse", "leave out")


def find_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder deepsense6g; raises DataError, which says how to get it, if there is none."""
    return find_any([FOLDER], root, GET)


def scenarios(root: str | os.PathLike[str] | None = None) -> list[int]:
    """Numbers of the scenarios that are there."""
    folder = find_folder(root)
    return sorted({*arrays.scenarios(folder), *_tables(folder)})


def load(number: int, root: str | os.PathLike[str] | None = None, *, damaged: str = "refuse") -> Scenario:
    """The samples of a scenario, from its table if that is there, else from its arrays.

    Parameters
    ----------
    number : int
        1 to 9 or 31 to 34, or the number of made-up scenes in this layout.
    root : path, optional
        Folder that holds deepsense6g.
    damaged : "refuse" or "leave out"
        What to do with rows of a table of which a file is missing or holds no power or position. Pictures,
        point clouds and radar frames are read later and always refused.

    Raises
    ------
    DataError
        If the scenario is missing or damaged; it names file and field.
    """
    leave_out = _leave_out(damaged)
    folder = find_folder(root)
    known = _tables(folder)
    if number in known:
        return tables.load_scenario(known[number], f"scenario{number}", leave_out)
    if number in arrays.scenarios(folder):
        return arrays.load(folder, number)
    there = ", ".join(map(str, scenarios(folder))) or "none"
    raise DataError(f"{folder}: scenario {number} is not there, expected one of: {there}; {GET}")


def load_challenge(
    part: str, root: str | os.PathLike[str] | None = None, *, damaged: str = "refuse"
) -> FrameSequences:
    """Sequences of five frames of the challenge of 2022.

    Parameters
    ----------
    part : "development", "adaptation" or "test"
        Of the test part, beam and power are secret: None.
    root : path, optional
        Folder that holds deepsense6g.
    damaged : "refuse" or "leave out"

    Raises
    ------
    DataError
        If the part is missing or damaged.
    """
    if part not in CHALLENGE:
        raise DataError(f"part is {part!r}, expected one of {', '.join(CHALLENGE)}")
    leave_out = _leave_out(damaged)
    folder = find_folder(root)
    file = folder / CHALLENGE[part]
    if not file.is_file():
        raise DataError(f"{file}: is missing, expected the table of the {part} part; {GET}")
    return tables.load_challenge(file, f"challenge, {part}", part != "test", leave_out)


def verify(root: str | os.PathLike[str] | None = None) -> Path:
    """Read every file of every scenario and part; returns the folder. Raises DataError at the first fault."""
    folder = find_folder(root)
    parts = [part for part, name in CHALLENGE.items() if (folder / name).is_file()]
    if not parts and not scenarios(folder):
        raise DataError(f"{folder}: holds no scenario, expected one or more: {GET}")
    for number in arrays.scenarios(folder):
        arrays.load(folder, number)
    for number, file in _tables(folder).items():
        for kind, files in tables.load_scenario(file, f"scenario{number}", False).files.items():
            sensors.read_everything(kind, files)
    for part in parts:
        for kind, windows in load_challenge(part, folder).files.items():
            sensors.read_everything(kind, [file for window in windows for file in window])
    return folder


def fetch(root: str | os.PathLike[str] | None = None, *, progressbar: object = False) -> Path:
    """The folder if it is there and whole; it cannot be downloaded without a registration: DataError."""
    return verify(root)


def _tables(folder: Path) -> dict[int, Path]:
    """Tables by the number of their scenario: scenario31/scenario31.csv, or scenario31/scenario31_dev.csv."""
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("[Ss]cenario*/scenario*.csv"), key=lambda file: (len(file.name), file)):
        match = re.fullmatch(r"scenario(\d+)(_dev)?\.csv", file.name)
        if match:
            found.setdefault(int(match[1]), file)
    return found


def _leave_out(damaged: str) -> bool:
    if damaged not in DAMAGED:
        raise DataError(f"damaged is {damaged!r}, expected one of {', '.join(DAMAGED)}")
    return damaged == "leave out"
