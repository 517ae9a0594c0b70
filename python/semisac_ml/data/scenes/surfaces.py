# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What surfaces look like close by: paint on the road, joints in the paving, windows in the walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Part
from .layouts import Markings
from .light import Weather
from .noise import fractal_noise, hashed, smooth_noise
from .world import Surface, World

WINDOW = max(Part) + 1  # part of a wall that is glass; walls alone have it
_MIRROR = {
    Part.PAINT: 0.05,
    Part.BONNET: 0.05,
    Part.GLASS: 0.07,
    WINDOW: 0.08,
    Part.RIM: 0.15,
    Part.HEADLIGHT: 0.08,
}


@dataclass
class Look:
    """Of every point: diffuse reflectance and own radiance, [n, 3]; mirror reflectance head on, [n]; part."""

    albedo: np.ndarray
    emission: np.ndarray
    mirror: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Facades:
    """Parameters of the walls of a world, one row a style."""

    bay_m: np.ndarray
    floor_m: np.ndarray
    width: np.ndarray
    height: np.ndarray
    shop: np.ndarray
    brick: np.ndarray
    band: np.ndarray
    lit: np.ndarray
    frame: np.ndarray
    sign: np.ndarray
    glow: np.ndarray

    @classmethod
    def of(cls, world: World) -> Facades:
        """Drawn from the styles of the world's walls."""
        rows = [_draw_facade(np.random.default_rng(int(style))) for style in world.styles]
        return cls(*(np.array([row[k] for row in rows], np.float32) for k in range(11)))


def _draw_facade(rng: np.random.Generator) -> tuple:
    modern = rng.random() < 0.22
    frame = (0.75, 0.74, 0.70) if rng.random() < 0.6 else (0.07, 0.07, 0.075)
    sign = np.clip(
        rng.choice(
            [
                (0.5, 0.05, 0.04),
                (0.05, 0.1, 0.4),
                (0.05, 0.3, 0.12),
                (0.6, 0.45, 0.05),
                (0.5, 0.5, 0.5),
                (0.03, 0.03, 0.03),
            ]
        ),
        0,
        1,
    )
    glow = np.array([1.0, rng.uniform(0.65, 0.9), rng.uniform(0.35, 0.75)])
    return (
        rng.uniform(2.3, 3.6),
        rng.uniform(2.9, 3.5),
        rng.uniform(0.75, 0.9) if modern else rng.uniform(0.34, 0.52),
        rng.uniform(0.66, 0.8) if modern else rng.uniform(0.46, 0.62),
        float(rng.random() < 0.55),
        float(rng.random() < 0.4),
        float(rng.random() < 0.5),
        rng.uniform(0.08, 0.5),
        frame,
        tuple(sign),
        tuple(glow),
    )


def look(surface: Surface, world: World, facades: Facades, weather: Weather) -> Look:
    """How points of the world look."""
    albedo = surface.colour.astype(np.float32).copy()
    emission = np.zeros_like(albedo)
    part = surface.part.astype(np.int16).copy()
    part[~surface.hit] = -1
    painters = {
        Part.ASPHALT: lambda s, rows: _asphalt(s, rows, world.street.markings),
        Part.PAVING: _paving,
        Part.GRASS: _speckled,
        Part.LEAVES: _speckled,
        Part.ROOF: _speckled,
        Part.CLOTHES: _speckled,
    }
    for kind, painter in painters.items():
        rows = np.flatnonzero(part == kind)
        if len(rows):
            albedo[rows] *= painter(surface, rows)
    rows = np.flatnonzero(part == Part.FACADE)
    if len(rows):
        colour, glow, window = _facade(surface, rows, facades, weather)
        albedo[rows], emission[rows] = colour, glow
        part[rows[window]] = WINDOW
    _glowing_parts(surface, world, weather, part, emission)
    mirror = np.zeros(len(part), np.float32)
    for kind, head_on in _MIRROR.items():
        mirror[part == kind] = head_on
    if weather.rain_mm_h > 0:
        wet = (part == Part.ASPHALT) | (part == Part.PAVING)
        albedo[wet] *= 0.55
        puddle = smooth_noise(surface.position_m[wet, :2] * 0.7, 5)
        mirror[wet] = 0.02 + 0.05 * np.clip(puddle - 0.45, 0, 1)
    return Look(albedo, emission, mirror, part)


def _asphalt(surface: Surface, rows: np.ndarray, markings: list[Markings]) -> np.ndarray:
    place, flat = surface.texture_m[rows], surface.position_m[rows, :2]
    tone = 0.72 + 0.35 * fractal_noise(flat * 0.35, 3, 4) + 0.3 * (hashed(*np.floor(flat.T * 16)) - 0.5)
    patch = smooth_noise(flat * 0.11 + 40, 9)
    tone = tone * np.where((patch > 0.74) & (np.abs(place[:, 1]) < 30), 0.72, 1.0)
    crack = np.abs(fractal_noise(flat * 0.45 + 9, 21, 3) - 0.5)
    tone = np.where(crack < 0.006, 0.55 * tone, tone)
    factor = np.repeat(tone[:, None], 3, axis=1)
    wear = fractal_noise(flat * 1.3, 33, 3)
    for style in np.unique(surface.style[rows]):
        mine = surface.style[rows] == style
        if style < len(markings):
            painted = _painted(place[mine], markings[style]) * np.clip(1.6 - 1.5 * wear[mine], 0.15, 1.0)
            along = np.abs(np.abs(place[mine, 1] % 3.3 - 1.65) - 0.8) < 0.3
            factor[mine] *= np.where(along, 0.9, 1.0)[:, None]
            factor[mine] += painted[:, None] * 6.2
    return factor


def _painted(place: np.ndarray, markings: Markings) -> np.ndarray:
    along, left = place.T
    paint = np.zeros(len(place), np.float32)
    for line, dash, gap in markings.lines:
        on = (along % (dash + gap) < dash) if gap else True
        paint[(np.abs(left - line) < 0.07) & on] = 1.0
    half = markings.half_width_m
    for first, last in markings.crossings:
        paint[(along > first) & (along < last) & (left % 1.0 < 0.5) & (np.abs(left) < half - 0.3)] = 1.0
    for where, right, far in markings.stops:
        paint[(np.abs(along - where) < 0.2) & (left > right) & (left < far)] = 1.0
    return paint


def _paving(surface: Surface, rows: np.ndarray) -> np.ndarray:
    place = surface.texture_m[rows]
    size = np.where(surface.style[rows] % 2 == 0, 0.6, 0.4)
    cell = np.floor(place / size[:, None])
    inside = place / size[:, None] - cell
    joint = (inside < 0.04).any(axis=1)
    tone = 0.82 + 0.22 * hashed(*cell.T) + 0.25 * (fractal_noise(place * 0.5, 8, 3) - 0.5)
    tone = np.where(joint, 0.6 * tone, tone)
    return np.repeat(tone[:, None], 3, axis=1)


def _speckled(surface: Surface, rows: np.ndarray) -> np.ndarray:
    place = surface.position_m[rows]
    fine = hashed(*np.floor(place.T * 9))
    coarse = smooth_noise(place[:, :2] * 1.7 + place[:, 2:] * 2.3, 4)
    return (0.55 + 0.55 * fine + 0.35 * coarse)[:, None] * np.ones(3, np.float32)


def _facade(
    surface: Surface, rows: np.ndarray, facades: Facades, weather: Weather
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reflectance and radiance of points of walls, and which of them are glass."""
    u, v = surface.texture_m[rows].T
    style = surface.style[rows]
    bay, floor = facades.bay_m[style], facades.floor_m[style]
    ground = (v < floor * 1.12) & (facades.shop[style] > 0.5)
    column = np.floor(u / bay)
    storey = np.where(v < floor * 1.12, 0, 1 + np.floor((v - floor * 1.12) / floor))
    base = np.where(storey == 0, 0.0, floor * 1.12 + (storey - 1) * floor)
    tall = np.where(storey == 0, floor * 1.12, floor)
    x, y = u / bay - column, (v - base) / tall
    key = hashed(column, storey, style)
    width = np.where(ground, 0.9, facades.width[style]) / 2
    low = np.where(ground, 0.12, 0.28 - 0.2 * (facades.width[style] > 0.7))
    high = np.where(ground, 0.74, low + facades.height[style])
    window = (np.abs(x - 0.5) < width) & (y > low) & (y < high)
    rim = 0.07 / bay
    pane = (np.abs(x - 0.5) < width - rim) & (y > low + 0.06 / tall) & (y < high - 0.06 / tall)
    pane &= (np.abs(x - 0.5) > 0.35 * rim) | ground
    wall = surface.colour[rows] * _wall_tone(u, v, style, facades)[:, None]
    frame = facades.frame[style]
    sill = (y > low - 0.045) & (y <= low) & (np.abs(x - 0.5) < width + 0.03) & ~ground
    lintel = (y >= high) & (y < high + 0.05) & (np.abs(x - 0.5) < width + 0.02) & ~ground
    band = (facades.band[style] > 0.5) & (y < 0.05) & (storey > 0)
    colour = np.where((sill | lintel | band)[:, None], 0.55 + 0.4 * wall, wall)
    sign = ground & (y > 0.78) & (y < 0.95)
    letters = sign & (np.abs(y - 0.865) < 0.05) & (hashed(np.floor(u * 2.6), style) > 0.35)
    colour = np.where(sign[:, None], facades.sign[style], colour)
    colour = np.where(letters[:, None], 0.7, colour)
    inside = np.clip(0.02 + 0.30 * (key > 0.62) * hashed(style, column, storey + 7), 0, 1) * (
        y < low + 0.8 * (high - low)
    )
    shadow = np.clip((high - y) / 0.12, 0.25, 1.0)
    glass = np.where(
        ground, 0.05 + 0.12 * hashed(np.floor(u * 1.5), np.floor(v * 1.2), style), inside + 0.015
    )
    colour = np.where(window[:, None], frame * shadow[:, None], colour)
    colour = np.where(pane[:, None], (glass * shadow)[:, None] * np.array([0.95, 1.0, 1.05]), colour)
    glow = _window_light(pane, ground, sign & letters, key, style, x, y, facades, weather)
    return colour.astype(np.float32), glow.astype(np.float32), pane


def _wall_tone(u: np.ndarray, v: np.ndarray, style: np.ndarray, facades: Facades) -> np.ndarray:
    place = np.stack([u, v], axis=-1)
    tone = 0.86 + 0.28 * fractal_noise(place * 0.6, style, 4)
    course = np.floor(v / 0.075)
    brick = np.floor(u / 0.25 + 0.5 * (course % 2))
    tone = np.where(facades.brick[style] > 0.5, tone * (0.91 + 0.18 * hashed(course, brick)), tone)
    streak = smooth_noise(np.stack([u * 1.8, v * 0.08], axis=-1), style + 5)
    return tone * (1 - 0.22 * np.clip(streak - 0.5, 0, 1)) * np.clip(0.8 + 0.14 * v, 0.8, 1.0)


def _window_light(
    pane: np.ndarray,
    ground: np.ndarray,
    letters: np.ndarray,
    key: np.ndarray,
    style: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    facades: Facades,
    weather: Weather,
) -> np.ndarray:
    if not weather.lamps_on:
        return np.zeros((len(key), 3), np.float32)
    strength = 0.05 if weather.time == "night" else 0.04
    on = np.where(
        ground, hashed(style, 3) < 0.6, hashed((key * 1e6).astype(np.int64), 11) < facades.lit[style]
    )
    shade = 0.35 + 0.65 * smooth_noise(np.stack([x * 4 + key * 99, y * 4], axis=-1), style)
    level = (
        pane
        * on
        * strength
        * np.where(ground, 1.5, 0.4 + 0.9 * hashed((key * 1e6).astype(np.int64), 5))
        * shade
    )
    return level[:, None] * facades.glow[style] + (letters * strength * 1.8)[:, None] * (
        0.3 + facades.sign[style]
    )


def _glowing_parts(
    surface: Surface, world: World, weather: Weather, part: np.ndarray, emission: np.ndarray
) -> None:
    """Lamps, headlights, tail lights that brighten under the brakes, destination boards."""
    braking = np.array([np.isfinite(a) and a < -0.7 for a in _accelerations(world)] or [False])
    number = np.clip(surface.instance - 1, 0, len(braking) - 1)
    moving = (surface.instance > 0) & (surface.instance <= len(world.tracks))
    rear = (part == Part.TAILLIGHT) & moving
    emission[rear & braking[number]] = [1.3, 0.05, 0.03]
    emission[(part == Part.SIGN) & moving] = [0.25, 0.14, 0.02]
    if not weather.lamps_on:
        return
    emission[rear & ~braking[number]] = [0.35, 0.012, 0.008]
    emission[(part == Part.HEADLIGHT) & moving] = [2.4, 2.3, 2.1]
    emission[part == Part.LAMP] = 3.0 * weather.lamp_colour


def _accelerations(world: World) -> np.ndarray:
    return world.poses.get("acceleration", np.zeros(len(world.tracks)))
