# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One drive: a street, its light, its traffic, and the two vehicles that carry radios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import Camera
from .layouts import Street, build_street
from .light import Weather, draw_weather
from .positioning import position_errors_m
from .traffic import Track, simulate
from .world import World, build_world

NEAREST_M, FARTHEST_M, HALF_VIEW_RAD = 9.0, 85.0, np.radians(40.0)
SPARE_STEPS = 60
ATTEMPTS = 6
ANTENNA_ABOVE_ROOF_M = 0.25


@dataclass(frozen=True)
class DriveSettings:
    """What a drive is made from; the same settings give the same drive.

    layout : name of a layout. time : "day", "dusk" or "night".
    """

    layout: str
    time: str
    rain: bool
    seed: int
    steps: int = 40
    interval_s: float = 0.1
    width: int = 320
    height: int = 240
    density: float = 1.0
    people: bool = True


@dataclass
class Drive:
    """Everything about a drive that does not change from step to step.

    carriers : indices into the tracks of the world; the first is unit 2 of DeepSense.
    position_errors_m : ndarray [carriers, steps, 2]
    """

    settings: DriveSettings
    world: World
    weather: Weather
    camera: Camera
    carriers: tuple[int, int]
    position_errors_m: np.ndarray

    @property
    def street(self) -> Street:
        """The street without its traffic."""
        return self.world.street


def prepare(settings: DriveSettings) -> Drive:
    """Draw a drive in which a vehicle that carries a radio is in view, in every step if that can be had.

    Raises
    ------
    ValueError
        If the layout or the time of day is unknown, or no two vehicles come into view.
    """
    street = build_street(settings.layout, settings.seed)
    weather = draw_weather(
        settings.time, settings.rain, street.boresight_rad, np.random.default_rng([settings.seed, 4])
    )
    best: tuple[float, list[Track], tuple[int, int]] | None = None
    for attempt in range(ATTEMPTS):
        tracks = simulate(
            street,
            settings.steps + SPARE_STEPS,
            settings.interval_s,
            settings.seed + 7919 * attempt,
            settings.density * (1 + 0.3 * attempt),
            settings.people,
        )
        found = _best_window(street, tracks, settings.steps)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
        if best is not None and best[0] >= 1.0:
            break
    if best is None:
        raise ValueError(
            f"layout {settings.layout} with seed {settings.seed}: no two vehicles come into view"
        )
    _, tracks, carriers = best
    world = build_world(street, tracks, settings.seed)
    camera = Camera(street.station_m, street.boresight_rad, street.pitch_rad, settings.width, settings.height)
    rng = np.random.default_rng([settings.seed, 5])
    errors = np.stack([position_errors_m(settings.steps, settings.interval_s, rng) for _ in carriers])
    return Drive(settings, world, weather, camera, carriers, errors)


def in_view(street: Street, track: Track) -> np.ndarray:
    """In which steps a mover is in front of the base station at a useful distance, bool [steps]."""
    away = track.position_m - street.station_m[:2]
    bearing = np.angle(np.exp(1j * (np.arctan2(away[:, 1], away[:, 0]) - street.boresight_rad)))
    distance = np.hypot(*away.T)
    with np.errstate(invalid="ignore"):
        return (distance > NEAREST_M) & (distance < FARTHEST_M) & (np.abs(bearing) < HALF_VIEW_RAD)


def _best_window(
    street: Street, tracks: list[Track], steps: int
) -> tuple[float, list[Track], tuple[int, int]] | None:
    """The part of a simulation with the first carrier longest in view: score, its tracks, the carriers."""
    vehicles = [k for k, track in enumerate(tracks) if track.label in ("car", "van", "bus", "truck")]
    if len(vehicles) < 2:
        return None
    seen = np.array([in_view(street, tracks[k]) for k in vehicles])
    moving = np.array([np.nan_to_num(tracks[k].speed_mps) for k in vehicles])
    best = None
    for start in range(seen.shape[1] - steps + 1):
        share = seen[:, start : start + steps].mean(axis=1)
        worth = share + 0.02 * np.minimum(moving[:, start : start + steps].mean(axis=1), 8.0)
        order = np.argsort(-worth, kind="stable")
        score = share[order[0]] + 0.2 * min(share[order[1]], 0.5)
        if share[order[1]] > 0 and (best is None or score > best[0] + 1e-9):
            best = (float(score), start, (vehicles[order[0]], vehicles[order[1]]))
    if best is None:
        return None
    score, start, chosen = best
    cut = [_cut(track, start, steps) for track in tracks]
    kept = [k for k, track in enumerate(cut) if track.present.any()]
    carriers = tuple(kept.index(k) for k in chosen)
    return score, [cut[k] for k in kept], carriers  # type: ignore[return-value]


def _cut(track: Track, start: int, steps: int) -> Track:
    part = slice(start, start + steps)
    return Track(
        track.number,
        track.kind,
        track.label,
        track.size_m,
        track.position_m[part],
        track.heading_rad[part],
        track.speed_mps[part],
        track.acceleration[part],
    )
