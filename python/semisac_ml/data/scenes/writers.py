# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a step in the official layouts of DeepSense 6G, and the truth beside them.

``truth/<sequence>/<step>.npz`` is written last: a step whose truth is there is whole.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from semisac_ml.data import ply
from semisac_ml.outputs import write_output

from .drive import Drive
from .layouts import LAYOUTS
from .plan import plain, scenario_number, step_name
from .positioning import degrees
from .step import ORIGIN_DEG, Step

JPEG_QUALITY = 93
PATH_FIELDS = ("gain", "delay_s", "doppler_hz", "departure_rad", "arrival_rad", "line_of_sight")
DEPTH_UNIT_M = 0.01


def truth_file(folder: Path, sequence: int, step: int) -> Path:
    """Where the truth of a step lies."""
    return folder / "truth" / f"{sequence:04d}" / f"{step:03d}.npz"


def write_step(folder: Path, drive: Drive, sequence: int, number: int, step: Step) -> None:
    """Write all files of a step."""
    files = _deepsense(folder, drive, sequence, number, step)
    record = {
        "sequence": sequence,
        "step": number,
        "time_s": round(number * drive.settings.interval_s, 6),
        "files": files,
        "thermal_range_k": [round(v, 3) for v in step.thermal_range_k],
        "targets": step.targets,
    }
    arrays: dict[str, Any] = {
        "record": np.frombuffer(json.dumps(record).encode(), np.uint8),
        "classes": step.classes,
        "instances": step.instances,
        "depth_cm": _depth_cm(step.depth_m),
        "thermal": step.thermal,
        "powers": step.powers,
    }
    for carrier_ghz, links in ((28, step.paths_28_ghz), (60, step.paths_60_ghz)):
        for k, paths in enumerate(links):
            for name in PATH_FIELDS:
                arrays[f"paths_{carrier_ghz}_{k}_{name}"] = getattr(paths, name)
    _write_bytes(truth_file(folder, sequence, number), _npz(arrays))


def _deepsense(folder: Path, drive: Drive, sequence: int, number: int, step: Step) -> dict[str, str]:
    scenario = folder / "deepsense6g" / f"scenario{scenario_number(drive.settings)}"
    name = step_name(sequence, number)
    files = {
        "image": f"unit1/camera_data/image_BS1_{name}.jpg",
        "lidar": f"unit1/lidar_data/lidar_frame_{name}.ply",
        "radar": f"unit1/radar_data/radar_frame_{name}.npy",
        "power": f"unit1/mmWave_data/mmWave_power_{name}.txt",
        "location": f"unit2/GPS_data/gps_location_{name}.txt",
    }
    stream = io.BytesIO()
    Image.fromarray(step.image).save(stream, "JPEG", quality=JPEG_QUALITY)
    _write_bytes(scenario / files["image"], stream.getvalue())
    (scenario / files["lidar"]).parent.mkdir(parents=True, exist_ok=True)
    ply.write(scenario / files["lidar"], step.points)
    stream = io.BytesIO()
    np.save(stream, step.beat)
    _write_bytes(scenario / files["radar"], stream.getvalue())
    station = scenario / "unit1/GPS_data/gps_location.txt"
    if not station.is_file():
        _write_numbers(station, degrees(np.zeros(2), ORIGIN_DEG), 9)
    if np.isfinite(step.powers[0]).all():
        _write_numbers(scenario / files["power"], step.powers[0], None)
        _write_numbers(scenario / files["location"], step.position_deg[0], 9)
    else:
        del files["power"], files["location"]
    return {kind: str((scenario / file).relative_to(folder)) for kind, file in files.items()}


def _depth_cm(depth_m: np.ndarray) -> np.ndarray:
    """Depth in whole centimetres, uint16, 0 for the sky."""
    return np.where(np.isfinite(depth_m), np.clip(np.rint(depth_m / DEPTH_UNIT_M), 1, 65535), 0).astype(
        np.uint16
    )


def _write_numbers(file: Path, values: np.ndarray, digits: int | None) -> None:
    rows = [f"{value:.{digits}f}" if digits else f"{value:.9e}" for value in plain(values)]
    _write_bytes(file, ("\n".join(rows) + "\n").encode())


def _npz(arrays: dict[str, Any]) -> bytes:
    """A compressed archive that holds no date, so that the same arrays give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, values in arrays.items():
            content = io.BytesIO()
            np.save(content, np.asarray(values))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _write_bytes(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_output(file, content)


def drive_record(drive: Drive, sequence: int) -> dict[str, Any]:
    """What is true of a whole drive, for the index."""
    weather, camera, street = drive.weather, drive.camera, drive.street
    return {
        "sequence": sequence,
        "scenario": scenario_number(drive.settings),
        "held_out": LAYOUTS[drive.settings.layout].held_out,
        **{name: plain(value) for name, value in vars(drive.settings).items()},
        "air_k": weather.air_k,
        "cloud": weather.cloud,
        "rain_mm_h": weather.rain_mm_h,
        "sun": plain(weather.sun),
        "station_m": plain(street.station_m),
        "boresight_rad": street.boresight_rad,
        "camera": {
            "position_m": plain(camera.position_m),
            "heading_rad": camera.heading_rad,
            "pitch_rad": camera.pitch_rad,
            "field_of_view_deg": camera.field_of_view_deg,
            "width": camera.width,
            "height": camera.height,
        },
        "carriers": [k + 1 for k in drive.carriers],
    }


def write_drive(folder: Path, drive: Drive, sequence: int) -> None:
    """Write what is true of a whole drive."""
    file = folder / "truth" / f"{sequence:04d}" / "drive.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_output(file, json.dumps(drive_record(drive, sequence), indent=1))
