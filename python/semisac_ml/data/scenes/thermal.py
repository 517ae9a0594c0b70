# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thermal camera, 8 to 14 micrometres, uncooled.

Every surface radiates by its temperature and emissivity and mirrors the rest of what surrounds it:
T⁴ = ε·T_own⁴ + (1 − ε)·T_around⁴, which within 8 to 14 µm and 260 to 340 K is off by less than 1 K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .geometry import Part
from .light import Weather
from .noise import fractal_noise, hashed

NETD_K = 0.06
FIXED_PATTERN_K = 0.03
BLUR_PX = 0.8
COLD_SPAN_K, LEAST_SPAN_K = 12.0, 6.0
ATTENUATION_PER_M = 4e-4  # of clear air in this band; rain adds that of light
SKIN_K = 306.0

EMISSIVITY = {
    Part.ASPHALT: 0.95,
    Part.PAVING: 0.94,
    Part.KERB: 0.94,
    Part.GRASS: 0.98,
    Part.FACADE: 0.93,
    Part.ROOF: 0.92,
    Part.BARK: 0.95,
    Part.LEAVES: 0.97,
    Part.STEEL: 0.82,
    Part.SIGN: 0.85,
    Part.LAMP: 0.85,
    Part.PAINT: 0.86,
    Part.GLASS: 0.84,
    Part.TYRE: 0.95,
    Part.RIM: 0.6,
    Part.TRIM: 0.92,
    Part.HEADLIGHT: 0.88,
    Part.TAILLIGHT: 0.88,
    Part.PLATE: 0.85,
    Part.SKIN: 0.98,
    Part.CLOTHES: 0.95,
    Part.BONNET: 0.86,
    Part.PLASTIC: 0.92,
}
_SUN_HEATING_K = {  # above the air in full sun
    Part.ASPHALT: 18.0,
    Part.PAVING: 12.0,
    Part.KERB: 10.0,
    Part.GRASS: 3.0,
    Part.FACADE: 8.0,
    Part.ROOF: 20.0,
    Part.BARK: 4.0,
    Part.LEAVES: 2.0,
    Part.STEEL: 7.0,
    Part.SIGN: 6.0,
    Part.PAINT: 14.0,
    Part.BONNET: 14.0,
    Part.GLASS: 4.0,
    Part.TRIM: 14.0,
    Part.PLASTIC: 8.0,
    Part.TYRE: 8.0,
    Part.CLOTHES: 5.0,
}
_STORED_K = {  # above the air without sun: heat kept from the day, lost to the sky, or made inside
    Part.ASPHALT: 4.0,
    Part.PAVING: 2.6,
    Part.KERB: 2.6,
    Part.GRASS: -2.0,
    Part.FACADE: 2.2,
    Part.ROOF: -2.5,
    Part.BARK: 1.0,
    Part.LEAVES: 0.0,
    Part.STEEL: -1.0,
    Part.LAMP: 22.0,
    Part.HEADLIGHT: 3.0,
    Part.PLASTIC: 0.8,
}
_ENGINE_K = {  # above the air in a vehicle that has driven
    Part.BONNET: 17.0,
    Part.TYRE: 13.0,
    Part.RIM: 16.0,
    Part.PAINT: 2.5,
    Part.GLASS: 3.0,
    Part.TRIM: 6.0,
    Part.HEADLIGHT: 9.0,
    Part.TAILLIGHT: 5.0,
    Part.PLATE: 5.0,
}


@dataclass(frozen=True)
class ThermalScene:
    """What the thermal camera sees, a row a pixel.

    part : int [n], −1 for the sky; normal : float [n, 3]; position_m : float [n, 3]; distance_m : float [n]
    instance : int [n], 0 for what is no target; sunlit : bool [n]
    warmth : float [n]
        Of vehicles: 0 parked long since, 1 driving. Of everything else 0.
    texture_m : float [n, 2]
    elevation_sin : float [n], of the ray
    """

    part: np.ndarray
    normal: np.ndarray
    position_m: np.ndarray
    distance_m: np.ndarray
    instance: np.ndarray
    sunlit: np.ndarray
    warmth: np.ndarray
    texture_m: np.ndarray
    elevation_sin: np.ndarray


def sky_temperature_k(weather: Weather, elevation_sin: np.ndarray) -> np.ndarray:
    """Apparent temperature of the sky: when clear, 40 K below the air overhead and near it at the horizon."""
    clear = 1.0 - 0.85 * weather.cloud
    return weather.air_k - 40.0 * clear * np.sqrt(np.clip(elevation_sin, 0.0, 1.0)) - 3.0


def temperatures_k(scene: ThermalScene, weather: Weather) -> np.ndarray:
    """Apparent temperatures without noise, float64 [n]."""
    part = np.clip(scene.part, 0, None)

    def column(table: dict[Part, float], otherwise: float) -> np.ndarray:
        values = np.full(max(Part) + 1, otherwise)
        for kind, value in table.items():
            values[kind] = value
        return values[part]

    sun = np.clip(scene.normal @ weather.sun, 0, 1) * scene.sunlit * weather.sun_irradiance.max() / 3.0
    own = weather.air_k + column(_SUN_HEATING_K, 5.0) * sun + column(_STORED_K, 0.5)
    own = own + column(_ENGINE_K, 0.0) * scene.warmth
    own = own + 1.6 * (hashed(scene.instance, 5) - 0.5) * (scene.instance > 0)
    own = own + 1.2 * (fractal_noise(scene.texture_m * 0.8, 31, 3) - 0.5) * (scene.instance == 0)
    warm_window = (
        (scene.part == Part.FACADE)
        & (scene.texture_m[:, 1] % 3.2 > 1.2)
        & (scene.texture_m[:, 0] % 2.8 > 1.3)
    )
    own = own + 2.5 * warm_window
    own = np.where(scene.part == Part.SKIN, SKIN_K + 0.25 * (weather.air_k - 293.0), own)
    clothes = weather.air_k + 0.42 * (SKIN_K - 1.0 - weather.air_k)
    own = np.where(scene.part == Part.CLOTHES, clothes, own)
    emissivity = column(EMISSIVITY, 0.93)
    up = 0.5 + 0.5 * scene.normal[:, 2]
    around = up * sky_temperature_k(weather, np.full(len(up), 0.6)) + (1 - up) * (weather.air_k + 1.0)
    apparent = (emissivity * own**4 + (1 - emissivity) * around**4) ** 0.25
    sky = sky_temperature_k(weather, scene.elevation_sin)
    apparent = np.where(scene.part < 0, sky, apparent)
    reach = np.where(scene.part < 0, 0.0, scene.distance_m)
    through = np.exp(-(ATTENUATION_PER_M + 0.35 * weather.extinction_per_m) * reach)
    return weather.air_k + (apparent - weather.air_k) * through


def thermal_image(
    temperature_k: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[float, float]]:
    """What the camera delivers: blurred, noisy, and with its own choice of range.

    Parameters
    ----------
    temperature_k : ndarray, float [height, width]

    Returns
    -------
    image : ndarray, uint8 [height, width]
        White is warm.
    range_k : (float, float)
        Temperatures of 0 and 255.
    """
    size = BLUR_PX * temperature_k.shape[1] / 320.0
    seen = ndimage.gaussian_filter(np.asarray(temperature_k, float), size)
    seen = seen + NETD_K * rng.standard_normal(seen.shape)
    seen = seen + FIXED_PATTERN_K * rng.standard_normal(seen.shape[1])
    low, median, high = np.percentile(seen, [2.0, 50.0, 99.95])
    low = max(low, median - COLD_SPAN_K)  # the sky may be black: its depth is of no interest
    high = max(high, low + LEAST_SPAN_K)
    scaled = np.clip((seen - low) / (high - low), 0, 1)
    return np.rint(255 * scaled).astype(np.uint8), (float(low), float(high))
