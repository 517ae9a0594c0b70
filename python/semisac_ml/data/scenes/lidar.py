# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A LiDAR that turns: points from the ranges that its rays find.

Its frame is level: x ahead along the boresight of the base station, y to the left, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .light import Weather


@dataclass(frozen=True)
class LidarSettings:
    """32 rows of rays over the sector in front of the base station."""

    rows: int = 32
    columns: int = 320
    azimuth_deg: tuple[float, float] = (-60.0, 60.0)
    elevation_deg: tuple[float, float] = (-24.0, 6.0)
    range_noise_m: float = 0.02
    reach_m: float = 120.0


def ray_directions(settings: LidarSettings) -> np.ndarray:
    """Unit directions in the frame of the LiDAR, float64 [rows·columns, 3]."""
    elevation, azimuth = np.meshgrid(
        np.radians(np.linspace(*settings.elevation_deg, settings.rows)),
        np.radians(np.linspace(*settings.azimuth_deg, settings.columns)),
        indexing="ij",
    )
    level = np.cos(elevation)
    return np.stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)], -1).reshape(-1, 3)


def points_from_ranges(
    directions: np.ndarray,
    range_m: np.ndarray,
    reflectance: np.ndarray,
    cosine: np.ndarray,
    weather: Weather,
    settings: LidarSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """Points of one turn.

    Parameters
    ----------
    directions : ndarray [rays, 3]
        As of :func:`ray_directions`.
    range_m : ndarray [rays]
        Infinite where nothing is met.
    reflectance, cosine : ndarray [rays]
        Of the surface in the near infrared, and of the angle at which it is met.

    Returns
    -------
    ndarray, float32 [points, 4]
        x, y, z in metres and intensity, 0 to 65535. Weak echoes are lost; in rain some drops are seen
        instead of what is behind them.
    """
    range_m = np.asarray(range_m, float)
    met = np.isfinite(range_m) & (range_m < settings.reach_m) & (range_m > 0.5)
    safe = np.where(met, range_m, 1.0)
    two_way = np.exp(-2.0 * weather.extinction_per_m * safe)
    echo = np.asarray(reflectance) * np.clip(cosine, 0.02, 1.0) * two_way
    power = echo * (20.0 / safe) ** 2  # 1: white paper at 20 m, head on
    kept = met & (rng.random(len(safe)) < 1.0 - np.exp(-((power / 0.0012) ** 0.8)))
    measured = safe + settings.range_noise_m * rng.standard_normal(len(safe))
    drops = rng.random(len(safe)) < 4e-4 * weather.rain_mm_h
    early = rng.uniform(1.0, 12.0, len(safe))
    seen_drop = drops & (early < np.where(met, range_m, np.inf))
    measured = np.where(seen_drop, early, measured)
    intensity = np.where(seen_drop, 200.0, 65535.0 * np.clip(echo, 0, 1))
    kept |= seen_drop
    return np.column_stack([directions[kept] * measured[kept, None], intensity[kept]]).astype(np.float32)
