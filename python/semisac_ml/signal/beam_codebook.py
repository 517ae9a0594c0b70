# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A line of antennas half a wavelength apart, and the beams that are made of them.

Azimuth is from broadside, positive to the left; beam 0 points to the right end of the sector. A plane wave
from azimuth a at elevation e meets element n with the phase pi n sin(a) cos(e). The weights of a beam are the
response to its own direction over sqrt(elements), so that noise of a variance keeps it in every beam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def steering(
    azimuth_rad: np.ndarray | float, elevation_rad: np.ndarray | float = 0.0, elements: int = 16
) -> np.ndarray:
    """Response of a horizontal line of elements, complex128 [..., elements], unit magnitude each."""
    sine = np.sin(azimuth_rad) * np.cos(elevation_rad)
    return np.exp(1j * np.pi * np.asarray(sine)[..., None] * np.arange(elements))


def beam_azimuths_rad(beams: int = 64, sector_rad: float = np.pi / 2) -> np.ndarray:
    """Where beams point that are spread evenly over a sector, from its right end to its left, [beams]."""
    return sector_rad * ((np.arange(beams) + 0.5) / beams - 0.5)


@dataclass(frozen=True)
class BeamCodebook:
    """Beams of one array.

    elements: antennas. beams: of the codebook, over `sector_rad` in azimuth.
    """

    elements: int = 16
    beams: int = 64
    sector_rad: float = np.pi / 2

    def __post_init__(self) -> None:
        for name, least in (("elements", 1), ("beams", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")
        if not 0 < self.sector_rad <= np.pi:
            raise ValueError(f"sector is {np.rad2deg(self.sector_rad):g} degrees, expected 0 to 180")

    @property
    def azimuths_rad(self) -> np.ndarray:
        """Where the beams point, float64 [beams]."""
        return beam_azimuths_rad(self.beams, self.sector_rad)

    @property
    def weights(self) -> np.ndarray:
        """Weights of all beams, complex128 [beams, elements], of unit norm."""
        return steering(self.azimuths_rad, elements=self.elements) / np.sqrt(self.elements)

    def pattern(self, azimuth_rad: np.ndarray | float, elevation_rad: np.ndarray | float = 0.0) -> np.ndarray:
        """Power that each beam receives of a plane wave of unit power, float64 [..., beams].

        At most `elements`; patches of the array as in :func:`snapshots_of_paths`.
        """
        response = steering(azimuth_rad, elevation_rad, self.elements) @ self.weights.conj().T
        patch = np.clip(np.cos(azimuth_rad), 0.0, 1.0)
        return np.abs(response) ** 2 * np.square(patch)[..., None]

    def covariance(self, snapshots: np.ndarray) -> np.ndarray:
        """Mean of x x^H over snapshots [snapshots, elements], complex128 [elements, elements]."""
        snapshots = np.asarray(snapshots, dtype=np.complex128)
        return snapshots.T @ snapshots.conj() / len(snapshots)

    def power(self, covariance: np.ndarray, beams: np.ndarray) -> np.ndarray:
        """Mean power that some beams receive, w^H R w, linear, float64 [len(beams)]."""
        chosen = self.weights[np.asarray(beams, dtype=np.int64)]
        return np.maximum(((chosen.conj() @ covariance) * chosen).sum(axis=1).real, 0.0)


@dataclass(frozen=True)
class Paths:
    """Plane waves at an array from one transmitter, [paths] each.

    gain: complex, with the phase of the carrier. azimuth_rad, elevation_rad: of arrival (or of departure,
    when the array sends), from broadside. delay_s.
    """

    gain: np.ndarray
    azimuth_rad: np.ndarray
    elevation_rad: np.ndarray
    delay_s: np.ndarray


def snapshots_of_paths(
    paths: Paths,
    elements: int,
    snapshots: int,
    bandwidth_hz: float,
    noise_variance: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """What the antennas hear of a transmitter of unit power, complex128 [snapshots, elements].

    Each snapshot is a tone of the band, so that paths add up as they do over it; elements are patches, whose
    amplitude falls with the cosine of the azimuth and which hear nothing from behind.

    Parameters
    ----------
    paths : Paths
    elements, snapshots : int
    bandwidth_hz : float
        Band over which the tones are spread.
    noise_variance : float
        Of the complex noise in each element.
    rng : numpy Generator
    """
    tones = (np.arange(snapshots) / snapshots - 0.5) * bandwidth_hz
    patch = np.clip(np.cos(paths.azimuth_rad), 0.0, 1.0)
    each = np.exp(-2j * np.pi * tones[:, None] * paths.delay_s) * (paths.gain * patch)
    heard = each @ steering(paths.azimuth_rad, paths.elevation_rad, elements)
    noise = rng.standard_normal((2, snapshots, elements)) * np.sqrt(noise_variance / 2)
    return heard + noise[0] + 1j * noise[1]
