# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of all sensors, read once from the official layout and kept as small arrays.

A ray-traced street (`semisac data scenes`) is read by the same loader as scenarios 31 to 34. Its truth gives
what those lack: whether the vehicle is hidden from the base station, the time of day and the layout.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from semisac_ml.beams.samples import NOW, BeamSamples
from semisac_ml.data import DataError, deepsense6g
from semisac_ml.data.deepsense6g.samples import Scenario
from semisac_ml.data.scenes.reader import INDEX_FILE, SceneSet
from semisac_ml.data.splits import Split, sequence_split
from semisac_ml.outputs import output_file
from semisac_ml.sensors import declared

SENSORS = tuple(declared())
SHAPES = {kind: (one.shape, one.kept) for kind, one in declared().items()}
NIGHT_SCENARIOS = {33, 34}  # of the real ones; vi_beam paper, section V
LAYOUT_VERSION = 2  # of the kept arrays: change it with what sensors make


@dataclass(frozen=True)
class SensorSamples:
    """Samples with everything that was sensed at that moment.

    beams: power, position, drives. sensed: arrays of "camera", "lidar" and "radar", one entry a sample, in
    the shapes of `sensor_inputs`. there: bool [samples, 3], which of them were recorded.
    blocked: 1 where the vehicle is hidden from the base station, 0 where not, NaN where nobody knows,
    float32 [samples]. light: "day", "dusk" or "night" of each. drive: number of the drive, over all sites.
    camera_view_deg: width of the camera's view; None of a real recording, whose tables do not tell it.
    """

    beams: BeamSamples
    sensed: dict[str, np.ndarray]
    there: np.ndarray
    blocked: np.ndarray
    light: np.ndarray
    drive: np.ndarray
    camera_view_deg: float | None = None

    def __len__(self) -> int:
        return len(self.beams)

    def split(self, seed: int, test_share: float = 0.2) -> Split:
        """Whole drives held out, of each time of day by itself if each has two or more."""
        groups = [np.flatnonzero(self.light == light) for light in np.unique(self.light)]
        if any(len(np.unique(self.drive[rows])) < 2 for rows in groups):
            groups = [np.arange(len(self))]
        sides = []
        for rows in groups:
            own = sequence_split(self.drive[rows], test_share, seed)
            sides.append((own.name, rows[own.train], rows[own.test]))
        train, test = (np.sort(np.concatenate([side[k] for side in sides])) for k in (1, 2))
        return Split(sides[0][0], train, test)


def load(
    folder: Path, scenarios: Sequence[int] | None, console: Console, keep: Path | None = None
) -> SensorSamples:
    """Read a folder in the layout of DeepSense 6G, or of a street, with a progress bar.

    Parameters
    ----------
    folder : path
        Holds deepsense6g/, or is it.
    scenarios : sequence of int, optional
        Numbers; all that are there by default.
    keep : path, optional
        Where the arrays are kept, so that the next reading is quick; the user's cache folder by default.

    Raises
    ------
    DataError
        If a scenario is missing or damaged; it names file and field.
    """
    if not Path(folder).expanduser().is_dir():
        raise DataError(
            f"{folder} is no folder, expected a street (semisac data scenes {folder}) or one with scenarios "
            "31 to 34 of DeepSense 6G (docs/data.md)"
        )
    numbers = tuple(scenarios or deepsense6g.scenarios(folder))
    loaded = [deepsense6g.load(number, folder, damaged="leave out") for number in numbers]
    beams = BeamSamples.of(loaded)
    paths = {kind: _paths(loaded, kind) for kind in SENSORS}
    there = np.array([[path is not None for path in paths[kind]] for kind in SENSORS]).T
    if not there.any():
        raise DataError(
            f"{folder}: {', '.join(one.name for one in loaded)} have no camera, LiDAR or radar, expected a "
            "street (semisac data scenes) or scenarios 31 to 34 of DeepSense 6G (docs/data.md)"
        )
    kept = _kept(paths, beams, keep or _cache_folder(), console)
    drive = np.unique(np.stack([beams.site, beams.sequence]), axis=1, return_inverse=True)[1].reshape(-1)
    truth = _truth(folder, loaded)
    if truth is None:
        light = np.repeat(
            ["night" if number in NIGHT_SCENARIOS else "day" for number in numbers],
            [len(scenario) for scenario in loaded],
        )
        return SensorSamples(beams, kept, there, np.full(len(beams), np.nan, np.float32), light, drive)
    names, site = np.unique([layout for _, _, layout in truth], return_inverse=True)
    sites = {"names": tuple(str(name) for name in names), "site": site, "sequence": drive}
    beams = dataclasses.replace(beams, **sites)
    blocked = np.array([hidden for hidden, _, _ in truth], np.float32)
    lights = np.array([light for _, light, _ in truth])
    return SensorSamples(beams, kept, there, blocked, lights, drive, _camera_view_deg(folder))


def _paths(loaded: Sequence[Scenario], kind: str) -> list[Path | None]:
    return [path for scenario in loaded for path in scenario.files.get(kind, [None] * len(scenario))]


def _cache_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("semisac")) / "sensors"


def _kept(
    paths: dict[str, list[Path | None]], beams: BeamSamples, keep: Path, console: Console
) -> dict[str, np.ndarray]:
    """The arrays, from the folder where they are kept if the same files were read before."""
    told = hashlib.sha256(f"{LAYOUT_VERSION} {SHAPES}".encode())
    for kind in SENSORS:
        for path in paths[kind]:
            stamp = path.stat().st_mtime_ns if path else 0
            told.update(f"{path and path.resolve()} {stamp}\n".encode())
    folder = keep / told.hexdigest()[:16]
    if not (folder / f"{SENSORS[-1]}.npy").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        made = _read(paths, beams.frames[:, NOW - 1], console)
        for kind in SENSORS:  # the last one says that all are there
            with output_file(folder / f"{kind}.npy") as unfinished:
                np.save(unfinished, made[kind])
    return {kind: np.load(folder / f"{kind}.npy") for kind in SENSORS}


def _read(paths: dict[str, list[Path | None]], before: np.ndarray, console: Console) -> dict[str, np.ndarray]:
    count = len(before)
    made = {kind: np.zeros((count, *shape), dtype) for kind, (shape, dtype) in SHAPES.items()}
    with Progress(console=console) as progress:
        task = progress.add_task("reading sensors", total=count)
        last: dict[str, tuple[int, np.ndarray]] = {}  # neighbours follow each other: each file is read once
        for row in range(count):
            for kind in SENSORS:
                path = paths[kind][row]
                if path is None:
                    continue
                now = declared()[kind].read(path)
                place, older = last.get(kind, (-1, None))
                last[kind] = (row, now)
                made[kind][row] = _prepared(kind, now, older if place == before[row] else None, path)
            progress.advance(task)
    return made


def _prepared(kind: str, now: np.ndarray, before: np.ndarray | None, path: Path) -> np.ndarray:
    try:
        return declared()[kind].frame(now, before)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _street(folder: Path) -> SceneSet | None:
    """The ray-traced street that a folder is or lies in."""
    folder = Path(folder).expanduser()
    root = next((place for place in (folder, folder.parent) if (place / INDEX_FILE).is_file()), None)
    return SceneSet.open(root) if root else None


def _camera_view_deg(folder: Path) -> float | None:
    views = {drive["camera"]["field_of_view_deg"] for drive in _street(folder).drives}
    return float(views.pop()) if len(views) == 1 else None


def _truth(folder: Path, loaded: Sequence[Scenario]) -> list[tuple[float, str, str]] | None:
    """Whether the vehicle is hidden, time of day and layout of each sample; None of a real recording."""
    scenes = _street(folder)
    if scenes is None:
        return None
    known = {moment.file("image").resolve(): moment for moment in scenes}
    found = []
    for scenario in loaded:
        for path in scenario.files["camera"]:
            if path.resolve() not in known:
                raise DataError(
                    f"{scenes.folder / INDEX_FILE}: knows nothing of {path}, expected the set it is from"
                )
            moment = known[path.resolve()]
            own = [target for target in moment.targets if target["carrier"] == 1]
            hidden = float(own[0]["blocked"]) if own else float("nan")
            found.append((hidden, moment.drive["time"], moment.drive["layout"]))
    return found
