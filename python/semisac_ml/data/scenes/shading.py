# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Light that reaches the camera: sun, sky with one bounce, lamps, mirror images, haze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .camera import Camera
from .light import Lights, Weather, lights_of, shine, sky
from .surfaces import Facades, Look, look
from .world import Surface, Tracer, World

SHIFTS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
LIFT_M = 2e-3


@dataclass(frozen=True)
class Rendering:
    """Linear light of a frame.

    radiance, glow : ndarray, float32 [height, width, 3]
        All light, and that part of it that comes straight from lamps.
    """

    radiance: np.ndarray
    glow: np.ndarray


class Renderer:
    """Renders a world through a camera in one weather."""

    def __init__(self, world: World, tracer: Tracer, camera: Camera, weather: Weather) -> None:
        self._world, self._tracer, self._camera, self._weather = world, tracer, camera, weather
        self._facades = Facades.of(world)

    def render(self, rng: np.random.Generator) -> Rendering:
        """Light of the world as it stands."""
        lights = lights_of(self._weather, self._world)
        layers = [self._layer(shift, lights, rng) for shift in SHIFTS]
        shape = (self._camera.height, self._camera.width)
        mean = [np.mean([layer[k] for layer in layers], axis=0).reshape(*shape, -1) for k in range(5)]
        sharp, albedo, soft, share, glow = mean
        soft = soft / np.maximum(share, 1e-3)
        guide = layers[0][5]
        soft = _denoised(soft, guide[0].reshape(*shape, 3), guide[1].reshape(shape))
        return Rendering((sharp + albedo * soft).astype(np.float32), glow.astype(np.float32))

    def _layer(self, shift: tuple[float, float], lights: Lights, rng: np.random.Generator) -> tuple:
        """One ray a pixel: sharp light, reflectance, soft irradiance and its share, glow, guide."""
        weather = self._weather
        directions = self._camera.directions(shift)
        origin = self._camera.position_m.astype(np.float32)
        surface = self._world.surface(origin, directions, self._tracer.first_hit(origin, directions))
        seen = look(surface, self._world, self._facades, weather)
        rows = np.flatnonzero(surface.hit)
        spot = _Spot(surface, seen, directions, rows)
        sharp = np.zeros((len(directions), 3), np.float32)
        soft, albedo = np.zeros_like(sharp), np.zeros_like(sharp)
        sharp[rows] = spot.albedo * self._sun(spot, rng)
        soft[rows] = self._ambient(spot, rng) + self._lamps(spot, lights, rng)
        mirrored, reflectance = self._mirrored(spot, rng)
        sharp[rows] += mirrored
        albedo[rows] = spot.albedo * (1 - reflectance)[:, None]
        sharp[rows] += spot.emission
        glow = np.where(spot.emission.max(axis=1, keepdims=True) > 0.2, spot.emission, 0)
        clear = np.exp(-weather.extinction_per_m * np.where(surface.hit, surface.distance_m, 0))[:, None]
        air = self._airlight()
        sharp = sharp * clear + air * (1 - clear)
        albedo *= clear
        missed = np.flatnonzero(~surface.hit)
        far = np.exp(-weather.extinction_per_m * 250 * np.exp(-9 * np.clip(directions[missed, 2:], 0, 1)))
        sharp[missed] = sky(weather, directions[missed]) * far + air * (1 - far)
        shining = np.zeros_like(sharp)
        shining[rows] = glow * clear[rows]
        return (
            sharp,
            albedo,
            soft,
            surface.hit.astype(np.float32),
            shining,
            (surface.normal, surface.distance_m),
        )

    def _sun(self, spot: _Spot, rng: np.random.Generator) -> np.ndarray:
        """Outgoing share of sunlight, [n, 3]: irradiance over pi."""
        weather = self._weather
        if not weather.sun_irradiance.any():
            return np.zeros((len(spot.rows), 3), np.float32)
        cosine = np.clip(spot.normal @ weather.sun, 0, 1).astype(np.float32)
        lit = np.flatnonzero(cosine > 0)
        towards = weather.sun + 0.006 * rng.standard_normal((len(lit), 3))
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        shadow = self._tracer.blocked(spot.start[lit], towards, 1e3)
        cosine[lit[shadow]] = 0
        return cosine[:, None] * (weather.sun_irradiance / np.pi).astype(np.float32)

    def _ambient(self, spot: _Spot, rng: np.random.Generator) -> np.ndarray:
        """Mean radiance that one ray into the half space over each point finds, [n, 3]."""
        aside = rng.standard_normal((len(spot.rows), 3)).astype(np.float32)
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        ways = spot.normal + 0.999 * aside
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        return self._gathered(spot.start, ways, clouds=False)

    def _gathered(self, start: np.ndarray, ways: np.ndarray, clouds: bool) -> np.ndarray:
        """Radiance along rays, where what they meet is shaded without further rays, [n, 3]."""
        weather, hits = self._weather, self._tracer.first_hit(start, ways)
        found = np.zeros((len(ways), 3), np.float32)
        free = hits.object < 0
        found[free] = sky(weather, ways[free], clouds)
        rows = np.flatnonzero(~free)
        if len(rows) == 0:
            return found
        hits = type(hits)(hits.distance_m[rows], hits.object[rows], hits.triangle[rows], hits.weights[rows])
        surface = self._world.surface(start[rows], ways[rows], hits)
        bright = np.clip(surface.normal @ weather.sun, 0, 1)[:, None] * weather.sun_irradiance * 0.45 / np.pi
        around = 0.55 * (0.5 * weather.zenith + 0.5 * weather.horizon) * (0.5 + 0.5 * surface.normal[:, 2:])
        if clouds:
            seen = look(surface, self._world, self._facades, weather)
            colour, own = seen.albedo, seen.emission
        else:
            colour, own = surface.colour * np.where(surface.part == 4, 0.75, 1.0)[:, None], 0.0
        night = 0.02 * weather.lamp_colour if weather.lamps_on else 0.0
        low = np.clip(1.2 - surface.position_m[:, 2:] / 8, 0.1, 1.0)
        found[rows] = colour * (bright + around + night * low) + own
        return found

    def _lamps(self, spot: _Spot, lights: Lights, rng: np.random.Generator) -> np.ndarray:
        """Radiance from the lamps: one is drawn by its share and tested for shadow, [n, 3]."""
        total = np.zeros((len(spot.rows), 3), np.float32)
        if len(lights.position_m) == 0:
            return total
        for first in range(0, len(spot.rows), 20_000):
            piece = slice(first, first + 20_000)
            strength, away, distance = shine(lights, spot.start[piece], spot.normal[piece])
            grown = np.cumsum(strength, axis=1)
            chosen = (grown < (rng.random(len(grown)) * grown[:, -1])[:, None]).sum(axis=1)
            chosen = np.minimum(chosen, strength.shape[1] - 1)
            rows = np.arange(len(grown))
            lit = np.flatnonzero(grown[:, -1] > 1e-5)
            ways = np.stack([component[lit, chosen[lit]] for component in away], axis=-1)
            shadow = self._tracer.blocked(spot.start[piece][lit], ways, distance[lit, chosen[lit]] - 0.35)
            visible = np.zeros(len(grown), np.float32)
            visible[lit[~shadow]] = 1.0
            hue = (lights.colour / lights.colour.max(axis=1, keepdims=True)).astype(np.float32)[chosen[rows]]
            total[piece] = (grown[:, -1] * visible / np.pi)[:, None] * hue
        return total

    def _mirrored(self, spot: _Spot, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Mirror images on paint, glass and wet ground, [n, 3], and how much is mirrored, [n]."""
        image = np.zeros((len(spot.rows), 3), np.float32)
        cosine = np.clip(-(spot.normal * spot.directions).sum(axis=1), 0, 1)
        share = np.where(spot.mirror > 0, spot.mirror + (1 - spot.mirror) * (1 - cosine) ** 5, 0)
        share = np.where(spot.ground, np.minimum(share, 0.35), np.minimum(share, 0.8)).astype(np.float32)
        rows = np.flatnonzero(share > 0.004)
        if len(rows) == 0:
            return image, share
        normal = spot.normal[rows] + np.where(spot.ground[rows], 0.035, 0.004)[:, None] * rng.standard_normal(
            (len(rows), 3)
        )
        ways = (
            spot.directions[rows] - 2 * (spot.directions[rows] * normal).sum(axis=1, keepdims=True) * normal
        )
        ways = (ways / np.linalg.norm(ways, axis=1, keepdims=True)).astype(np.float32)
        image[rows] = share[rows, None] * self._gathered(spot.start[rows], ways, clouds=True)
        sun = np.clip(ways @ self._weather.sun, 0, 1)[:, None] ** 900
        open_sky = ~self._tracer.blocked(spot.start[rows], ways, 1e3)[:, None]
        image[rows] += share[rows, None] * sun * open_sky * self._weather.sun_irradiance * 25
        return image, share

    def _airlight(self) -> np.ndarray:
        weather = self._weather
        night = 0.012 * weather.lamp_colour if weather.time == "night" else 0.0
        return (0.85 * weather.horizon + 0.04 * weather.sun_irradiance + night).astype(np.float32)


class _Spot:
    """Points that are shaded, gathered from those that were hit."""

    def __init__(self, surface: Surface, seen: Look, directions: np.ndarray, rows: np.ndarray) -> None:
        self.rows = rows
        self.normal = surface.normal[rows]
        self.start = surface.position_m[rows] + LIFT_M * self.normal
        self.directions = directions[rows]
        self.albedo = np.clip(seen.albedo[rows], 0, 0.9)
        self.emission = seen.emission[rows]
        self.mirror = seen.mirror[rows]
        self.ground = seen.part[rows] <= 1


def _denoised(light: np.ndarray, normal: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Soft light averaged over neighbours on the same plane: edge-avoiding à-trous wavelets.

    Source: Dammertz et al., "Edge-Avoiding À-Trous Wavelet Transform for fast Global Illumination Filtering",
    High Performance Graphics 2010.
    """
    depth = np.where(np.isfinite(distance), distance, 1e4)[..., None].astype(np.float32)
    slope = 0.02 + 2.0 * np.abs(ndimage.sobel(depth, axis=0)) / 8 / np.maximum(depth, 1)
    slope += 2.0 * np.abs(ndimage.sobel(depth, axis=1)) / 8 / np.maximum(depth, 1)
    slope = np.minimum(slope, 0.2)
    for size in (1, 2, 4):
        total, weight = light.copy(), np.ones_like(depth)
        for dy in (-size, 0, size):
            for dx in (-size, 0, size):
                if dx == dy == 0:
                    continue
                other, other_depth = np.roll(light, (dy, dx), (0, 1)), np.roll(depth, (dy, dx), (0, 1))
                alike = (
                    np.clip((normal * np.roll(normal, (dy, dx), (0, 1))).sum(-1, keepdims=True), 0, 1) ** 24
                )
                near = np.exp(-np.abs(other_depth - depth) / (depth * slope * size))
                share = alike * near * (0.6 if dx and dy else 0.8)
                total += share * other
                weight += share
        light = total / weight
    return light
