# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An FMCW radar: echoes of rays, and the beat samples they add up to.

A chirp of slope S is mixed with its echo of delay τ; what remains is exp(j2π(f_c·τ + S·τ·t)). Over the chirps
τ grows by 2·v·T/c each, over the antennas, half a wavelength apart, the phase grows by
π·sin(azimuth)·cos(elevation).
Range bin k is k·c/(2B), Doppler bin m is m·λ/(2·T·M): positive means going away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import constants

from .geometry import Part

LIGHT_MPS = constants.speed_of_light


@dataclass(frozen=True)
class RadarSettings:
    """Chirps of 150 MHz at 77 GHz: 1 m and 0.51 m/s a bin, up to 128 m and ±16.2 m/s."""

    antennas: int = 4
    samples: int = 128
    chirps: int = 64
    carrier_hz: float = 77e9
    bandwidth_hz: float = 149.9e6
    chirp_interval_s: float = 60e-6
    sample_rate_hz: float = 2.5e6
    transmit_power_w: float = 0.015
    antenna_gain: float = 20.0
    noise_figure: float = 25.0
    noise_counts: float = 10.0

    @property
    def wavelength_m(self) -> float:
        """Of the carrier."""
        return LIGHT_MPS / self.carrier_hz

    @property
    def range_bin_m(self) -> float:
        """Width of a range bin."""
        return LIGHT_MPS / (2 * self.bandwidth_hz)

    @property
    def doppler_bin_mps(self) -> float:
        """Width of a Doppler bin."""
        return self.wavelength_m / (2 * self.chirp_interval_s * self.chirps)

    @property
    def fastest_mps(self) -> float:
        """Radial velocities beyond this fold over."""
        return self.wavelength_m / (4 * self.chirp_interval_s)

    @property
    def noise_w(self) -> float:
        """Noise power of a sample."""
        return constants.Boltzmann * 290.0 * self.sample_rate_hz * self.noise_figure


@dataclass(frozen=True)
class Echoes:
    """Echoes at the first antenna, in the middle of the frame: arrays of one length.

    amplitude : ndarray, complex128
        Square root of watts.
    range_m, range_rate_mps, azimuth_rad, elevation_rad : ndarray, float64
        From the radar; the rate is positive for what goes away.
    """

    amplitude: np.ndarray
    range_m: np.ndarray
    range_rate_mps: np.ndarray
    azimuth_rad: np.ndarray
    elevation_rad: np.ndarray


# diffuse power reflectance at 77 GHz, and how much a facet seen head on adds
BACKSCATTER = {
    Part.ASPHALT: 0.02,
    Part.PAVING: 0.03,
    Part.KERB: 0.1,
    Part.GRASS: 0.08,
    Part.FACADE: 0.12,
    Part.ROOF: 0.1,
    Part.BARK: 0.15,
    Part.LEAVES: 0.12,
    Part.STEEL: 0.5,
    Part.SIGN: 0.6,
    Part.LAMP: 0.3,
    Part.PAINT: 0.7,
    Part.BONNET: 0.6,
    Part.GLASS: 0.12,
    Part.TYRE: 0.1,
    Part.RIM: 0.7,
    Part.TRIM: 0.25,
    Part.HEADLIGHT: 0.6,
    Part.TAILLIGHT: 0.5,
    Part.PLATE: 0.9,
    Part.SKIN: 0.3,
    Part.CLOTHES: 0.2,
    Part.PLASTIC: 0.2,
}
HEAD_ON = 8.0


def ray_grid(
    azimuth_deg: tuple[float, float, int], elevation_deg: tuple[float, float, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuths, elevations (from, to, count) and solid angles of rays in random places of a grid."""
    azimuth, elevation = (
        np.radians(low + (high - low) * (np.arange(count) + 0.5) / count)
        for low, high, count in (azimuth_deg, elevation_deg)
    )
    steps = [np.radians((high - low) / count) for low, high, count in (azimuth_deg, elevation_deg)]
    up, aside = (grid.ravel() for grid in np.meshgrid(elevation, azimuth, indexing="ij"))
    up = up + steps[1] * (rng.random(len(up)) - 0.5)
    aside = aside + steps[0] * (rng.random(len(aside)) - 0.5)
    return aside, up, steps[0] * steps[1] * np.cos(up)


def echoes_from_rays(
    range_m: np.ndarray,
    range_rate_mps: np.ndarray,
    azimuth_rad: np.ndarray,
    elevation_rad: np.ndarray,
    solid_angle: np.ndarray,
    cosine: np.ndarray,
    part: np.ndarray,
    settings: RadarSettings,
) -> Echoes:
    """Echo of every ray by the radar equation: the patch it meets scatters by Lambert's law and a lobe.

    A ray of solid angle Ω meets a patch of area Ω·R²/cosθ, whose cross-section is 4·ρ·cos²θ times the area;
    the power received is P·G²·λ²·σ/((4π)³·R⁴).
    """
    table = np.zeros(max(Part) + 1)
    for kind, value in BACKSCATTER.items():
        table[kind] = value
    met = np.isfinite(range_m) & (part >= 0)
    distance, slant = range_m[met].astype(float), np.clip(cosine[met], 0.02, 1.0)
    lobe = 1.0 + HEAD_ON * slant**60
    area = solid_angle[met] * distance**2 / slant
    section = 4.0 * table[part[met]] * slant**2 * lobe * area
    pattern = np.cos(np.clip(azimuth_rad[met], -1.5, 1.5)) ** 2  # of both antennas
    power = (
        settings.transmit_power_w
        * (settings.antenna_gain * pattern) ** 2
        * settings.wavelength_m**2
        * section
        / ((4 * np.pi) ** 3 * distance**4)
    )
    return Echoes(
        np.sqrt(power).astype(complex), distance, range_rate_mps[met], azimuth_rad[met], elevation_rad[met]
    )


def beat_samples(echoes: Echoes, settings: RadarSettings) -> np.ndarray:
    """Samples without noise, square root of watts, complex128 [antennas, samples, chirps]."""
    still = np.abs(echoes.range_rate_mps) < 1e-3
    cube = np.zeros((settings.antennas, settings.samples, settings.chirps), complex)
    for chosen, chirps in ((still, 1), (~still, settings.chirps)):
        if chosen.any():
            cube += _sum(echoes, chosen, settings, chirps)
    return cube


def _sum(echoes: Echoes, chosen: np.ndarray, settings: RadarSettings, chirps: int) -> np.ndarray:
    delay = 2 * echoes.range_m[chosen] / LIGHT_MPS
    sine = np.sin(echoes.azimuth_rad[chosen]) * np.cos(echoes.elevation_rad[chosen])
    antenna = np.exp(1j * np.pi * np.arange(settings.antennas)[:, None] * sine)
    beat = settings.bandwidth_hz * delay / settings.samples
    sample = np.exp(2j * np.pi * np.arange(settings.samples)[:, None] * beat)
    start = echoes.amplitude[chosen] * np.exp(2j * np.pi * ((settings.carrier_hz * delay) % 1.0))
    antenna = antenna * start
    if chirps == 1:
        return (antenna @ sample.T)[..., None]
    turn = 2 * echoes.range_rate_mps[chosen] * settings.chirp_interval_s / settings.wavelength_m
    slow = np.exp(2j * np.pi * (np.arange(chirps) - chirps / 2)[:, None] * turn)
    both = (antenna[:, None] * sample[None]).reshape(-1, len(delay))
    return (both @ slow.T).reshape(settings.antennas, settings.samples, chirps)


def digitised(samples: np.ndarray, settings: RadarSettings, rng: np.random.Generator) -> np.ndarray:
    """What the converter delivers: thermal noise added, int16 [antennas, samples, chirps, 2] (I, Q)."""
    scale = settings.noise_counts * np.sqrt(2.0 / settings.noise_w)
    noise = rng.standard_normal((*samples.shape, 2)) * settings.noise_counts
    counts = np.stack([samples.real, samples.imag], axis=-1) * scale + noise
    return np.clip(np.rint(counts), -32768, 32767).astype(np.int16)
