# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The radar: beat samples of an FMCW array, the nearest ranges and the slowest speeds of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semisac_ml.data.reading import array, wrong
from semisac_ml.sensors import Sensor

if TYPE_CHECKING:
    from torch import Tensor, nn

SHAPE = (4, 64, 64, 2)  # antennas, samples, chirps, I and Q
DECODED = 2  # decoded maps have half the samples and chirps
WIDTH_SHARE = 8  # of EncoderSizes.width: complex channels


class Radar(Sensor):
    """Frames of an FMCW radar with four antennas or more, half a wavelength apart."""

    label = "radar"
    column = "unit1_radar"
    endings = (".npy", ".mat")
    shape = SHAPE
    described = "beat samples of four antennas, the nearest 64 range bins, the slowest 64 Doppler bins"

    def read(self, file: Path) -> np.ndarray:
        """Beat samples of an FMCW frame, complex64 [antennas, samples, chirps].

        A .npy file holds the array as complex numbers, or real with I and Q in a fourth axis; a .mat file
        holds it under the name "data".
        """
        stored = _read_mat(file) if file.suffix.lower() == ".mat" else array(file, self.column, "fiuc")
        if stored.ndim == 4 and stored.shape[-1] == 2 and stored.dtype.kind != "c":
            stored = stored[..., 0].astype(np.float32) + 1j * stored[..., 1].astype(np.float32)
        if stored.ndim != 3 or stored.dtype.kind != "c" or 0 in stored.shape:
            raise wrong(
                file,
                self.column,
                f"has the shape {stored.shape} of {stored.dtype}",
                "complex [antennas, samples, chirps]",
            )
        return stored.astype(np.complex64)

    def frame(self, now: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """Beat samples of an FMCW frame for a network, float32 [4, 64, 64, 2].

        The nearest 64 range bins and the 64 slowest Doppler bins are kept; what has fewer is padded with
        zeros. Scaled so that the median amplitude of the range-Doppler map, most of which is noise, is 1.

        Parameters
        ----------
        now : ndarray, complex [antennas, samples, chirps]
            At least four antennas; the first four are used.
        """
        antennas, samples, chirps, _ = SHAPE
        if now.ndim != 3 or now.shape[0] < antennas or not np.iscomplexobj(now):
            raise ValueError(
                f"radar frame is {now.dtype} {now.shape}, expected complex [{antennas} antennas or more, "
                "samples, chirps]"
            )
        cube = np.asarray(now[:antennas], np.complex64)
        cube = _slowest(_nearest(cube, samples), chirps)
        floor = np.median(np.abs(np.fft.fft2(cube, norm="ortho")))
        if not np.isfinite(floor):
            raise ValueError("radar frame holds values that are not finite, expected beat samples")
        cube = cube / floor if floor > 0 else cube
        return np.stack([cube.real, cube.imag], axis=-1).astype(np.float32)

    def hidden(self, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> bool:
        return False

    def seen(self, frames: Tensor, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> Tensor:
        import torch

        beat = frames.flip(1) if mirrored else frames
        if not azimuth_rad:
            return beat
        # a small turn is a phase between antennas
        phase = math.pi * math.sin(azimuth_rad) * torch.arange(beat.shape[1])
        c, s = (part[:, None, None] for part in (torch.cos(phase), torch.sin(phase)))
        real, imaginary = beat[..., 0], beat[..., 1]
        return torch.stack([c * real - s * imaginary, s * real + c * imaginary], dim=-1)

    def encoder(self, size: int, sizes: Any) -> nn.Module:
        from semisac_ml.layers.radar import ComplexRadarEncoder

        return ComplexRadarEncoder(SHAPE[:3], size, sizes.width // WIDTH_SHARE, background=sizes.background)

    def azimuth_map(self, beams: int) -> nn.Module:
        from semisac_ml.layers.azimuth_maps import RadarMap

        return RadarMap(SHAPE[:3], beams)

    def told(self, size: int) -> int:
        return size

    def mirror(self, size: int, width: int) -> nn.Module:
        """Range-Doppler maps of half the size, real parts of all antennas before the imaginary ones."""
        from semisac_ml.layers.residual import ResidualDecoder

        antennas, samples, chirps, _ = SHAPE
        return ResidualDecoder(size, 2 * antennas, samples // DECODED, chirps // DECODED, 3, width)

    def residual(self, truth: Tensor, told: Tensor) -> Tensor:
        """Of beat samples, told of those at their own level."""
        level = truth.square().mean(dim=(1, 2, 3, 4), keepdim=True).sqrt().clamp(min=1e-6)
        return (truth / level - told).flatten(1)


def _read_mat(file: Path) -> np.ndarray:
    from scipy.io import loadmat

    if not file.is_file():
        raise wrong(file, Radar.column, "is missing", "a .mat file")
    try:
        stored = np.asarray(loadmat(file, variable_names=["data"])["data"])
    except KeyError as error:
        raise wrong(file, Radar.column, "holds no array 'data'", "one of this name") from error
    except Exception as error:  # noqa: BLE001 - the reader raises many kinds
        raise wrong(file, Radar.column, f"cannot be read ({str(error)[:80]})", "a .mat file") from error
    if stored.dtype.kind not in "fiuc" or not np.isfinite(stored).all():
        raise wrong(file, Radar.column, "is not finite or holds no numbers", "complex numbers")
    return stored


def _nearest(cube: np.ndarray, samples: int) -> np.ndarray:
    """The lowest beat frequencies alone, as if sampled more slowly."""
    if cube.shape[1] <= samples:
        return np.pad(cube, ((0, 0), (0, samples - cube.shape[1]), (0, 0)))
    spectrum = np.fft.fft(cube, axis=1)[:, :samples]
    return np.fft.ifft(spectrum, axis=1)


def _slowest(cube: np.ndarray, chirps: int) -> np.ndarray:
    have = cube.shape[2]
    if have <= chirps:
        return np.pad(cube, ((0, 0), (0, 0), (0, chirps - have)))
    spectrum = np.fft.fftshift(np.fft.fft(cube, axis=2), axes=2)
    start = have // 2 - chirps // 2
    return np.fft.ifft(np.fft.ifftshift(spectrum[..., start : start + chirps], axes=2), axis=2)
