# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true of every target: distance, angles, radial velocity, box, whether it is blocked."""

from __future__ import annotations

from typing import Any

import numpy as np

from .drive import Drive
from .ray_tracer import Paths
from .world import Tracer

FARTHEST_M = 120.0
ABOVE_ROOF_M = 0.05


def targets(drive: Drive, tracer: Tracer, step: int, instances: np.ndarray) -> list[dict[str, Any]]:
    """Every vehicle, cyclist and walker within 120 m in front of the base station, by ascending distance.

    Parameters
    ----------
    instances : ndarray, int [height, width]
        Number of the target in every pixel, 0 where there is none.

    Returns
    -------
    list of dict
        instance, label, kind, carrier (1 or 2; 0: carries no radio); distance_m, azimuth_deg, elevation_deg
        and radial_velocity_mps of the middle of the body (positive: going away); position_m, heading_deg,
        speed_mps;
        box_px (x, y, width, height of the visible pixels, null if none), visible_pixels; blocked: whether the
        straight line from the mast head to the top of its middle is obstructed.
    """
    street, tracks = drive.street, drive.world.tracks
    rows = []
    for k, track in enumerate(tracks):
        if track.present[step]:
            state = (*track.position_m[step], track.heading_rad[step], track.speed_mps[step])
            carrier = 1 + drive.carriers.index(k) if k in drive.carriers else 0
            rows.append((k + 1, track.label, track.kind, track.size_m, state, carrier))
    for k, (x, y, heading) in enumerate(street.parked):
        rows.append((len(tracks) + k + 1, "car", "parked", (4.5, 1.85, 1.5), (x, y, heading, 0.0), 0))
    found = [_target(row, street, instances) for row in rows]
    found = [row for row in found if row["distance_m"] < FARTHEST_M and abs(row["azimuth_deg"]) < 75.0]
    if found:
        tops = np.array([[*row["position_m"], row.pop("top_m")] for row in found])
        ways = tops - street.station_m
        reach = np.linalg.norm(ways, axis=1)
        start = np.tile(street.station_m, (len(ways), 1))
        for row, blocked in zip(found, tracer.blocked(start, ways / reach[:, None], reach), strict=True):
            row["blocked"] = bool(blocked)
    return sorted(found, key=lambda row: row["distance_m"])


def _target(row: tuple, street: Any, instances: np.ndarray) -> dict[str, Any]:
    number, label, kind, size, (x, y, heading, speed), carrier = row
    ground = 0.13 if label == "person" else 0.0
    away = np.array([x, y, ground + size[2] / 2]) - street.station_m
    distance = float(np.linalg.norm(away))
    azimuth = np.angle(np.exp(1j * (np.arctan2(away[1], away[0]) - street.boresight_rad)))
    rate = speed * (np.cos(heading) * away[0] + np.sin(heading) * away[1]) / distance
    rows, columns = np.nonzero(instances == number)
    box = None
    if len(rows):
        left, top = int(columns.min()), int(rows.min())
        box = [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
    return {
        "instance": number,
        "label": label,
        "kind": kind,
        "carrier": carrier,
        "distance_m": round(distance, 4),
        "azimuth_deg": round(float(np.degrees(azimuth)), 4),
        "elevation_deg": round(float(np.degrees(np.arcsin(away[2] / distance))), 4),
        "radial_velocity_mps": round(float(rate), 4),
        "position_m": [round(float(x), 4), round(float(y), 4)],
        "heading_deg": round(float(np.degrees(heading)), 3),
        "speed_mps": round(float(speed), 4),
        "size_m": [float(v) for v in size],
        "box_px": box,
        "visible_pixels": len(rows),
        "top_m": ground + size[2] + ABOVE_ROOF_M,
    }


def turned(paths: Paths, heading_rad: float, boresight_rad: float) -> Paths:
    """Paths with azimuths from either array's broadside: the vehicle's heading, the station's boresight."""
    departure, arrival = paths.departure_rad.copy(), paths.arrival_rad.copy()
    departure[:, 0] = np.angle(np.exp(1j * (departure[:, 0] - heading_rad)))
    arrival[:, 0] = np.angle(np.exp(1j * (arrival[:, 0] - boresight_rad)))
    return Paths(paths.gain, paths.delay_s, paths.doppler_hz, departure, arrival, paths.line_of_sight)


def no_paths() -> Paths:
    """The paths of somebody who is not there."""
    none = np.zeros(0)
    return Paths(none.astype(complex), none, none, np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, bool))
