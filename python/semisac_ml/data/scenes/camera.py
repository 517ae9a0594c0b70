# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pinhole camera and what its sensor makes of the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .light import Weather

FIELD_OF_VIEW_DEG = 84.0


@dataclass(frozen=True)
class Camera:
    """A camera without distortion.

    pose : position [3] in metres, heading (counter-clockwise from x) and pitch (up) in radians.
    """

    position_m: np.ndarray
    heading_rad: float
    pitch_rad: float
    width: int
    height: int
    field_of_view_deg: float = FIELD_OF_VIEW_DEG

    @property
    def focal_length_px(self) -> float:
        """Focal length in pixels."""
        return self.width / 2 / np.tan(np.radians(self.field_of_view_deg) / 2)

    @property
    def axes(self) -> np.ndarray:
        """Rows: to the right, down, ahead; in the frame of the street, float64 [3, 3]."""
        c, s = np.cos(self.heading_rad), np.sin(self.heading_rad)
        ahead = np.array([np.cos(self.pitch_rad) * c, np.cos(self.pitch_rad) * s, np.sin(self.pitch_rad)])
        right = np.array([s, -c, 0.0])
        return np.stack([right, np.cross(ahead, right), ahead])

    def directions(self, shift_px: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
        """Unit directions through the pixels, row by row, float32 [height·width, 3]."""
        y, x = np.meshgrid(np.arange(self.height), np.arange(self.width), indexing="ij")
        flat = np.stack(
            [
                (x + shift_px[0] - self.width / 2) / self.focal_length_px,
                (y + shift_px[1] - self.height / 2) / self.focal_length_px,
                np.ones(x.shape),
            ],
            axis=-1,
        ).reshape(-1, 3)
        rays = flat @ self.axes
        return (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixel coordinates (x, y), [..., 2], and depths along the optical axis in metres, [...]."""
        seen = (np.asarray(points_m) - self.position_m) @ self.axes.T
        depth = seen[..., 2]
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        centre = np.array([self.width / 2, self.height / 2])
        return centre + self.focal_length_px * seen[..., :2] / safe[..., None], depth


def photograph(
    radiance: np.ndarray, glow: np.ndarray, weather: Weather, rng: np.random.Generator
) -> np.ndarray:
    """What a camera of some years' age makes of the light that falls on it.

    Parameters
    ----------
    radiance : ndarray, float [height, width, 3]
        Everything, linear.
    glow : ndarray, float [height, width, 3]
        The part that comes straight from lamps, which halos form around.

    Returns
    -------
    ndarray, uint8 [height, width, 3]
    """
    scale = radiance.shape[1] / 320.0
    halo = sum(
        weight * ndimage.gaussian_filter(glow, (size * scale, size * scale, 0))
        for weight, size in ((0.35, 1.3), (0.16, 4.0), (0.05, 11.0))
    )
    light = ndimage.gaussian_filter(radiance, (0.45 * scale, 0.45 * scale, 0)) + halo
    luminance = light @ [0.2126, 0.7152, 0.0722]
    key = {"day": 0.19, "dusk": 0.15, "night": 0.115}[weather.time]
    typical = np.exp(np.log(np.maximum(luminance, 1e-5 + 0.02 * luminance.mean())).mean())
    gain = key / typical * 2.0**weather.exposure_stops
    exposed = light * gain * weather.white_balance
    y, x = np.indices(luminance.shape)
    radius = np.hypot((x / luminance.shape[1] - 0.5), (y / luminance.shape[0] - 0.5) * 0.75) / 0.62
    exposed *= (1 - 0.22 * radius**2)[..., None]
    # photons: 4000 fill a pixel of a well lit scene, fewer where the gain is high
    full = 5000.0 / np.clip(gain / 3.0, 1.0, 9.0)
    sigma = np.sqrt(np.clip(exposed, 0, 2) / full + (2.5 / full) ** 2 * 4)
    exposed = exposed + sigma * rng.standard_normal(exposed.shape)
    exposed = ndimage.gaussian_filter(exposed, (0.3, 0.3, 0))  # demosaicking
    return _developed(exposed)


def _developed(exposed: np.ndarray) -> np.ndarray:
    """Shoulder for the highlights and the sRGB curve."""
    exposed = np.maximum(exposed, 0)
    curved = exposed * (1 + exposed / 5.0) / (0.92 + exposed)
    grey = curved.mean(axis=-1, keepdims=True)
    curved = np.clip(grey + 1.12 * (curved - grey), 0, 1)
    encoded = np.where(
        curved < 0.0031308, 12.92 * curved, 1.055 * np.maximum(curved, 1e-9) ** (1 / 2.4) - 0.055
    )
    return np.rint(255 * np.clip(encoded, 0, 1)).astype(np.uint8)
