# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings in the layout of DeepSense 6G as samples: power and position alone, or all sensors.

Sensors are read once and kept as small arrays. A ray-traced street (`semisac data scenes`) is read by the
same loader as scenarios 31 to 34. Its truth gives what those lack: whether the vehicle is hidden from the
base station, the time of day and the layout.
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
from semisac_ml.data.scenes.reader import INDEX_FILE, Moment, SceneSet
from semisac_ml.home_folder import writable
from semisac_ml.outputs import output_file
from semisac_ml.sensors import declared

NIGHT_SCENARIOS = {33, 34}  # of the real ones; vi_beam paper, section V
LAYOUT_VERSION = 2  # of the kept arrays: change it with what sensors make
WANTED = "a street (semisac data scenes) or scenarios 31 to 34 of DeepSense 6G (docs/data.md)"


@dataclass(frozen=True)
class Recordings:
    """Scenarios of DeepSense 6G, or of what is in its layout.

    scenarios: numbers; None: all that are there. folder: holds deepsense6g/, or is it; None: wherever
    SEMISAC_DATA says. sensors: whether all sensors are read, or power and position alone. ahead_s: how much
    later the blockage is that is to be told.
    """

    scenarios: tuple[int, ...] | None
    folder: Path | None = None
    sensors: bool = False
    ahead_s: float = 0.0

    def samples(self, console: Console) -> BeamSamples:
        """All samples, with a progress bar where they are not kept yet. Raises DataError."""
        if self.sensors:
            found = load_sensors(self.folder or deepsense6g.find_folder(), self.scenarios, console)
            return found.blocked_after(round(self.ahead_s / found.interval_s))
        numbers = self.scenarios or deepsense6g.scenarios(self.folder)
        return BeamSamples.of([deepsense6g.load(number, self.folder) for number in numbers])

    def drives(self) -> list[list[Moment]]:
        """Steps of each drive of a ray-traced street. Raises DataError for other recordings."""
        folder = self.folder or deepsense6g.find_folder()
        scenes = _street(Path(folder).expanduser())
        if scenes is None:
            raise DataError(f"{folder}: is no ray-traced street, expected one: semisac data scenes {folder}")
        drives: dict[int, list[Moment]] = {}
        for moment in scenes:
            if self.scenarios is None or moment.drive["scenario"] in self.scenarios:
                drives.setdefault(moment.record["sequence"], []).append(moment)
        return list(drives.values())


def load_sensors(
    folder: Path, scenarios: Sequence[int] | None, console: Console, keep: Path | None = None
) -> BeamSamples:
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
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder, expected {WANTED}: semisac data scenes {folder}")
    numbers = tuple(scenarios or deepsense6g.scenarios(folder))
    if not numbers:
        raise DataError(f"{folder}: holds no scenario, expected {WANTED}")
    loaded = [deepsense6g.load(number, folder, damaged="leave out") for number in numbers]
    left_out = tuple(f"{one.name}, {why}" for one in loaded for why in one.left_out)
    if left_out:
        more = f"; and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        told = f"damaged, left out: {len(left_out)} samples: {left_out[0]}{more}"
        console.print(told, soft_wrap=True, markup=False)
    samples = dataclasses.replace(BeamSamples.of(loaded), left_out=left_out)
    paths = {name: _paths(loaded, name) for name in declared()}
    paths = {name: own for name, own in paths.items() if any(path is not None for path in own)}
    if not paths:
        names = ", ".join(one.name for one in loaded)
        labels = ", ".join(sensor.label for sensor in declared().values())
        raise DataError(f"{folder}: {names} have none of {labels}, expected {WANTED}")
    samples = dataclasses.replace(
        samples,
        sensors=tuple(paths),
        sensed=_kept(paths, samples, keep or _cache_folder(), console),
        recorded=np.array([[path is not None for path in own] for own in paths.values()]).T,
    )
    scenes = _street(folder)
    if scenes is not None:
        return _with_truth(samples, scenes, loaded)
    light = ["night" if number in NIGHT_SCENARIOS else "day" for number in numbers]
    return dataclasses.replace(samples, light=np.repeat(light, [len(scenario) for scenario in loaded]))


def _paths(loaded: Sequence[Scenario], name: str) -> list[Path | None]:
    return [path for scenario in loaded for path in scenario.files.get(name, [None] * len(scenario))]


def _cache_folder() -> Path:
    import platformdirs

    return writable(Path(platformdirs.user_cache_dir("semisac")) / "sensors")


def _kept(
    paths: dict[str, list[Path | None]], samples: BeamSamples, keep: Path, console: Console
) -> dict[str, np.ndarray]:
    """The arrays, from the folder where they are kept if the same files were read before."""
    shapes = {name: (declared()[name].shape, declared()[name].kept) for name in paths}
    told = hashlib.sha256(f"{LAYOUT_VERSION} {shapes}".encode())
    for own in paths.values():
        for path in own:
            stamp = path.stat().st_mtime_ns if path else 0
            told.update(f"{path and path.resolve()} {stamp}\n".encode())
    folder = keep / told.hexdigest()[:16]
    if not (folder / f"{list(paths)[-1]}.npy").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in _read(paths, samples.frames[:, NOW - 1], console).items():
            with output_file(folder / f"{name}.npy") as unfinished:  # the last one says that all are there
                np.save(unfinished, made)
    return {name: np.load(folder / f"{name}.npy") for name in paths}


def _read(paths: dict[str, list[Path | None]], before: np.ndarray, console: Console) -> dict[str, np.ndarray]:
    sensors = {name: declared()[name] for name in paths}
    made = {name: np.zeros((len(before), *one.shape), one.kept) for name, one in sensors.items()}
    with Progress(console=console) as progress:
        task = progress.add_task("reading sensors", total=len(before))
        last: dict[str, tuple[int, np.ndarray]] = {}  # neighbours follow each other: each file is read once
        for row in range(len(before)):
            for name, sensor in sensors.items():
                path = paths[name][row]
                if path is None:
                    continue
                now = sensor.read(path)
                place, older = last.get(name, (-1, None))
                last[name] = (row, now)
                try:
                    made[name][row] = sensor.frame(now, older if place == before[row] else None)
                except ValueError as error:
                    raise DataError(f"{path}: {error}") from error
            progress.advance(task)
    return made


def _street(folder: Path) -> SceneSet | None:
    """The ray-traced street that a folder is or lies in."""
    root = next((place for place in (folder, folder.parent) if (place / INDEX_FILE).is_file()), None)
    return SceneSet.open(root) if root else None


def _with_truth(samples: BeamSamples, scenes: SceneSet, loaded: Sequence[Scenario]) -> BeamSamples:
    """With whether the vehicle is hidden, the time of day, and layouts as sites."""
    known = {moment.file("image").resolve(): moment for moment in scenes}
    blocked, lights, layouts, aims, stations = [], [], [], [], []
    drive_names = list(samples.drive_names)
    for path, number in zip(_paths(loaded, "camera"), samples.drive, strict=True):
        if path is None or path.resolve() not in known:
            raise DataError(
                f"{scenes.folder / INDEX_FILE}: knows nothing of {path}, expected the set it is from"
            )
        moment = known[path.resolve()]
        own = [target for target in moment.targets if target["carrier"] == 1]
        blocked.append(float(own[0]["blocked"]) if own else float("nan"))
        lights.append(moment.drive["time"])
        layouts.append(moment.drive["layout"])
        aims.append(moment.drive["boresight_rad"])
        stations.append(moment.drive["station_m"][:2])
        drive_names[number] = f"{moment.drive['layout']}/{moment.drive['seed']}"
    names, site = np.unique(layouts, return_inverse=True)
    views = {drive["camera"]["field_of_view_deg"] for drive in scenes.drives}
    (interval_s,) = {drive["interval_s"] for drive in scenes.drives}
    return dataclasses.replace(
        samples,
        names=tuple(str(name) for name in names),
        site=site,
        sequence=samples.drive,
        drive_names=tuple(drive_names),
        blocked=np.array(blocked, np.float32),
        light=np.array(lights),
        ray_traced=True,
        camera_view_deg=float(views.pop()) if len(views) == 1 else None,
        interval_s=float(interval_s),
        boresight_rad=np.array(aims, np.float32),
        station_m=np.array(stations, np.float32),
    )
