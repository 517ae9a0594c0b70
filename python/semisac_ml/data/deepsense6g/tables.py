# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios and the challenge of 2022 as their official CSV tables, whose cells name the files of sensors.

A scenario's table has one row a sample. The challenge's have one row a sequence of five frames (unit1_rgb_1
to unit1_rgb_5, likewise unit1_lidar and unit1_radar), the positions unit2_loc_1 and unit2_loc_2 of the first
two frames, and power and unit1_beam of the last; its test part has neither of these. Beams count from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from semisac_ml.sensors import Sensor, declared

from .. import DataError
from ..reading import Table, inside, integers, table, wrong
from . import sensors
from .samples import FRAMES, FrameSequences, Scenario, check_beam, check_order

IN_CHALLENGE = ("camera", "lidar", "radar")
NEEDED = ("seq_index", "unit1_pwr_60ghz", "unit1_loc", "unit2_loc")
BEAM_COLUMNS = ("unit1_beam", "unit1_beam_index")


def load_scenario(file: Path, name: str, leave_out: bool) -> Scenario:
    """A scenario from its table; leave_out: whether samples that are damaged are left out."""
    columns = table(file, NEEDED)
    sequence = integers(file, columns, "seq_index")
    check_order(sequence, file, "seq_index")
    number = np.arange(1, len(sequence) + 1)
    if "index" in columns:
        number = integers(file, columns, "index")
        _check_rising(file, "index", number, columns)
    kinds = {kind: sensor.column for kind, sensor in declared().items() if _recorded(columns, sensor)}
    calibrated = "unit2_loc_cal" if any(columns.get("unit2_loc_cal", ())) else None
    located = ("unit1_loc", "unit2_loc") + ((calibrated,) if calibrated else ())

    def read(row: int) -> dict[str, np.ndarray | Path]:
        cells: dict[str, np.ndarray | Path] = {
            "power": sensors.power(_file(file, columns, "unit1_pwr_60ghz", row), "unit1_pwr_60ghz")
        }
        for column in located:
            place = _file(file, columns, column, row)
            cells[column] = sensors.position(place, column)
            sensors.check_near(cells[column], cells["unit1_loc"], place, column)
        for kind, column in kinds.items():
            cells[kind] = _file(file, columns, column, row)
            sensors.exists(cells[kind], column)
        return cells

    kept, rows, left_out = _rows(columns, read, leave_out, file)
    power = np.stack([cells["power"] for cells in rows])
    beam = _beam(file, columns, power, kept)
    return Scenario(
        name=name,
        power=power,
        beam=power.argmax(axis=1) if beam is None else beam,
        sequence=sequence[kept],
        index=number[kept],
        vehicle=np.stack([cells["unit2_loc"] for cells in rows]),
        base_station=np.stack([cells["unit1_loc"] for cells in rows]),
        vehicle_calibrated=np.stack([cells[calibrated] for cells in rows]) if calibrated else None,
        files={kind: [cells[kind] for cells in rows] for kind in kinds},
        left_out=left_out,
    )


def load_challenge(file: Path, name: str, labelled: bool, leave_out: bool) -> FrameSequences:
    """A part of the challenge from its table; labelled: whether power and beam of the last frame are told."""
    framed = {
        f"{kind} {frame}": f"{declared()[kind].column}_{frame}"
        for kind in IN_CHALLENGE
        for frame in range(1, FRAMES + 1)
    }
    needed = [*framed.values(), "unit1_loc", "unit2_loc_1", "unit2_loc_2"]
    columns = table(file, [*needed, *(("unit1_pwr_60ghz", "unit1_beam") if labelled else ())])

    def read(row: int) -> dict[str, np.ndarray | Path]:
        cells: dict[str, np.ndarray | Path] = {}
        for column in ("unit1_loc", "unit2_loc_1", "unit2_loc_2"):
            place = _file(file, columns, column, row)
            cells[column] = sensors.position(place, column)
            sensors.check_near(cells[column], cells["unit1_loc"], place, column)
        for key, column in framed.items():
            cells[key] = _file(file, columns, column, row)
            sensors.exists(cells[key], column)
        _check_frames(file, columns.lines[row], [cells[f"camera {frame}"] for frame in range(1, FRAMES + 1)])
        if labelled:
            cells["power"] = sensors.power(_file(file, columns, "unit1_pwr_60ghz", row), "unit1_pwr_60ghz")
        return cells

    kept, rows, left_out = _rows(columns, read, leave_out, file)
    files = {
        kind: [[cells[f"{kind} {frame}"] for frame in range(1, FRAMES + 1)] for cells in rows]
        for kind in IN_CHALLENGE
    }
    power = np.stack([cells["power"] for cells in rows]) if labelled else None
    return FrameSequences(
        name=name,
        power=power,
        beam=_beam(file, columns, power, kept) if labelled else None,
        sequence=drives(files["camera"]),
        vehicle=np.stack([[cells["unit2_loc_1"], cells["unit2_loc_2"]] for cells in rows]),
        base_station=np.stack([cells["unit1_loc"] for cells in rows]),
        files=files,
        left_out=left_out,
    )


def drives(files: list[list[Path]]) -> np.ndarray:
    """Number of the piece of recording of each sequence, int64: sequences that share a frame share it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    numbers: dict[Path, int] = {}
    frames = [numbers.setdefault(file, len(numbers)) for window in files for file in window]
    owner = np.repeat(np.arange(len(files)), [len(window) for window in files])
    links = coo_matrix((np.ones(len(frames)), (owner, len(files) + np.array(frames))))
    links.resize(2 * (len(files) + len(numbers),))
    return connected_components(links, directed=False)[1][: len(files)].astype(np.int64)


def _recorded(columns: Table, sensor: Sensor) -> bool:
    """Whether a sensor is in the table, in a format that is read: LiDAR of scenarios 8 and 9 is not."""
    cells = [cell for cell in columns.get(sensor.column, ()) if cell.strip()]
    return bool(cells) and (not sensor.endings or cells[0].strip().lower().endswith(sensor.endings))


def _file(source: Path, columns: Table, column: str, row: int) -> Path:
    return inside(source.parent, columns[column][row], source, f"{column} of line {columns.lines[row]}")


def _rows(
    columns: Table, read: Callable[[int], dict], leave_out: bool, file: Path
) -> tuple[np.ndarray, list[dict], tuple[str, ...]]:
    """Rows that can be read, what was read, and why others were left out."""
    kept, rows, left_out = [], [], []
    for row, line in enumerate(columns.lines):
        try:
            rows.append(read(row))
            kept.append(row)
        except DataError as error:
            if not leave_out:
                raise
            left_out.append(f"line {line}: {error}")
    if not rows:
        raise wrong(file, "rows", f"are all damaged; {left_out[0]}", "one or more that can be read")
    return np.array(kept, dtype=np.int64), rows, tuple(left_out)


def _beam(file: Path, columns: Table, power: np.ndarray, kept: np.ndarray) -> np.ndarray | None:
    column = next((name for name in BEAM_COLUMNS if name in columns), None)
    if column is None:
        return None
    beam = integers(file, columns, column, kept) - 1
    if column == "unit1_beam_index" and np.array_equal(beam + 1, power.argmax(axis=1)):
        return beam + 1  # some tables of scenarios 1 to 9 count from 0
    if (beam < 0).any() or (beam >= sensors.BEAMS).any():
        raise wrong(file, column, f"is {beam.min() + 1} to {beam.max() + 1}", f"1 to {sensors.BEAMS}")
    check_beam(beam, power, file, column, [columns.lines[row] for row in kept])
    return beam


def _check_rising(file: Path, column: str, values: np.ndarray, columns: Table) -> None:
    falls = np.flatnonzero(np.diff(values) <= 0)
    if len(falls):
        raise wrong(
            file,
            column,
            f"does not rise at line {columns.lines[falls[0] + 1]}",
            "samples in the order of recording",
        )


def _check_frames(file: Path, line: int, frames: list[Path]) -> None:
    """Five frames of one scenario, each once."""
    if len(set(frames)) != len(frames) or len({frame.parent for frame in frames}) != 1:
        raise wrong(file, f"unit1_rgb of line {line}", "mixes scenarios or repeats a frame", "five frames")
