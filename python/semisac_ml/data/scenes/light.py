# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Light and weather: sun and sky by day, at dusk and at night; lamps and headlights.

Radiances are relative: white paper in the noon sun has about 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .noise import fractal_noise
from .world import World

TIMES = ("day", "dusk", "night")


@dataclass(frozen=True)
class Weather:
    """Light and air of a sequence.

    sun : ndarray [3]
        Unit vector to the sun; irrelevant where sun_irradiance is 0.
    sun_irradiance, zenith, horizon : ndarray [3]
        Linear RGB.
    cloud : float
        Share of the sky that clouds cover.
    lamps_on : bool
    extinction_per_m : float
        Of light in the air.
    rain_mm_h : float
    air_k : float
        Air temperature.
    """

    time: str
    sun: np.ndarray
    sun_irradiance: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    cloud: float
    cloud_seed: int
    lamps_on: bool
    extinction_per_m: float
    rain_mm_h: float
    air_k: float
    lamp_colour: np.ndarray
    exposure_stops: float
    white_balance: np.ndarray


def draw_weather(time: str, rain: bool, boresight_rad: float, rng: np.random.Generator) -> Weather:
    """Light of a time of day, drawn at random within what that time can be.

    Raises
    ------
    ValueError
        If `time` is none of TIMES.
    """
    if time not in TIMES:
        raise ValueError(f"time is {time!r}, expected one of {', '.join(TIMES)}")
    cloud = (
        rng.uniform(0.85, 1.0)
        if rain
        else rng.choice([rng.uniform(0.05, 0.55), rng.uniform(0.8, 1.0)], p=[0.7, 0.3])
    )
    elevation = {"day": rng.uniform(22, 58), "dusk": rng.uniform(1.5, 6), "night": -20.0}[time]
    # not straight into the lens
    azimuth = boresight_rad + np.radians(rng.uniform(70, 290))
    up = np.radians(elevation)
    sun = np.array([np.cos(up) * np.cos(azimuth), np.cos(up) * np.sin(azimuth), np.sin(up)])
    clear = np.clip(1.25 - 1.3 * cloud, 0.0, 1.0)
    grey = np.array([0.62, 0.66, 0.72])
    if time == "day":
        warm = np.array([1.0, 0.95 - 0.1 * np.exp(-elevation / 25), 0.86 - 0.25 * np.exp(-elevation / 25)])
        light, blue, pale = 3.0 * clear * warm, np.array([0.13, 0.27, 0.58]), np.array([0.52, 0.62, 0.74])
        scale, thick = 1.0, min(1.0, cloud)
        zenith, horizon = (1 - thick) * blue + thick * 0.75 * grey, (1 - thick) * pale + thick * 0.7 * grey
        air = rng.uniform(281, 299)
    elif time == "dusk":
        light = 0.22 * clear * np.array([1.0, 0.48, 0.20])
        scale = rng.uniform(0.05, 0.12)
        zenith, horizon = scale * np.array([0.28, 0.38, 0.75]), scale * np.array([1.25, 0.85, 0.70])
        zenith, horizon = (z * clear + scale * 0.5 * grey * (1 - clear) for z in (zenith, horizon))
        air = rng.uniform(279, 293)
    else:
        light, scale = np.zeros(3), rng.uniform(0.0006, 0.002)
        zenith, horizon = scale * np.array([0.4, 0.5, 0.9]), scale * np.array([2.4, 1.7, 1.1])
        air = rng.uniform(275, 290)
    lamp = np.array([[1.0, 0.62, 0.28], [1.0, 0.86, 0.66], [0.92, 0.97, 1.0]])[
        rng.choice(3, p=[0.35, 0.4, 0.25])
    ]
    fog = rng.uniform(0.006, 0.016) if rain else rng.uniform(0.0003, 0.0015)
    return Weather(
        time,
        sun,
        light,
        zenith,
        horizon,
        float(cloud),
        int(rng.integers(2**16)),
        time != "day",
        float(fog),
        float(rng.uniform(2, 12)) if rain else 0.0,
        float(air),
        lamp,
        float(rng.normal(0.0, 0.25)),
        1.0 + rng.normal(0, 0.03, 3),
    )


def sky(weather: Weather, directions: np.ndarray, clouds: bool = True) -> np.ndarray:
    """Radiance of the sky in unit directions, float32 [rays, 3]."""
    rise = np.clip(directions[:, 2], 0.0, 1.0)
    blend = ((1.0 - rise) ** 3)[:, None]
    radiance = weather.zenith * (1 - blend) + weather.horizon * blend
    towards = np.clip(directions @ weather.sun, 0.0, 1.0)[:, None]
    radiance = radiance + weather.sun_irradiance * (0.10 * towards**8 + 0.05 * towards**60)
    if not clouds or weather.time == "night":
        return radiance.astype(np.float32)
    flat = directions[:, :2] / np.maximum(directions[:, 2:], 0.06)
    noise = fractal_noise(flat * 0.9, weather.cloud_seed, octaves=5)
    edge = 0.72 - 0.5 * weather.cloud
    cover = np.clip((noise - edge) / 0.22, 0, 1)[:, None] * np.clip(rise * 9, 0, 1)[:, None]
    bright = 0.55 * weather.horizon + 0.16 * weather.sun_irradiance + 0.15 * weather.zenith
    shade = 1.15 - 0.5 * np.clip(noise - edge, 0, 0.5)[:, None]
    return (radiance * (1 - 0.85 * cover) + 0.85 * cover * bright * shade).astype(np.float32)


@dataclass(frozen=True)
class Lights:
    """Lamps and headlights of one step: [n, 3] each; a lamp shines down, a headlight along `towards`."""

    position_m: np.ndarray
    towards: np.ndarray
    colour: np.ndarray
    headlight: np.ndarray


def lights_of(weather: Weather, world: World) -> Lights:
    """The lights that are on; none by day."""
    if not weather.lamps_on:
        none = np.zeros((0, 3))
        return Lights(none, none, none, np.zeros(0, bool))
    lamps = world.street.lamps_m
    down = np.tile([0.0, 0.0, -1.0], (len(lamps), 1))
    shine = np.tile(2.6 * weather.lamp_colour, (len(lamps), 1))
    places, ways = [], []
    for k, track in enumerate(world.tracks):
        position, heading = world.poses["position_m"][k], world.poses["heading_rad"][k]
        if track.label in ("person", "cyclist") or not np.isfinite(heading):
            continue
        way = np.array([np.cos(heading), np.sin(heading), 0.0])
        places.append(position + way * (track.size_m[0] / 2 + 0.15) + [0, 0, 0.72])
        ways.append(way + [0, 0, -0.03])
    count = len(places)
    beams = np.tile([13.0, 12.2, 10.8], (count, 1))
    return Lights(
        np.concatenate([lamps, np.array(places).reshape(-1, 3)]),
        np.concatenate([down, np.array(ways).reshape(-1, 3)]),
        np.concatenate([shine, beams]),
        np.r_[np.zeros(len(lamps), bool), np.ones(count, bool)],
    )


def shine(
    lights: Lights, position_m: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Unblocked irradiance, ways to the lights (x, y, z) and distances, each [points, lights]."""
    x, y, z = (lights.position_m[None, :, k].astype(np.float32) - position_m[:, k : k + 1] for k in range(3))
    distance = np.sqrt(x * x + y * y + z * z)
    near = 1.0 / np.maximum(distance, 0.1)
    x, y, z = x * near, y * near, z * near
    cosine = np.clip(x * normal[:, :1] + y * normal[:, 1:2] + z * normal[:, 2:], 0, 1)
    towards = lights.towards.astype(np.float32)
    along = -(x * towards[:, 0] + y * towards[:, 1] + z * towards[:, 2])
    spread = np.empty_like(along)
    beam = lights.headlight
    spread[:, ~beam] = _lamp(along[:, ~beam])
    spread[:, beam] = _headlight(z[:, beam], along[:, beam])
    power = lights.colour.max(axis=1).astype(np.float32)
    return power * spread * cosine / np.maximum(distance, 0.5) ** 2, (x, y, z), distance


def _lamp(along: np.ndarray) -> np.ndarray:
    return np.clip(along, 0, 1) ** 1.5 * np.clip((along - 0.12) / 0.3, 0, 1)


def _headlight(rise: np.ndarray, along: np.ndarray) -> np.ndarray:
    """`rise`: of the way back to the light; the beam is cut off above its axis, as low beams are."""
    above = np.clip(0.03 - rise, 0, 1)
    cut = np.clip(1 - above / 0.04, 0.04, 1)
    return np.clip(along, 0, 1) * np.exp((along * along - 1) / 0.33**2) * cut
