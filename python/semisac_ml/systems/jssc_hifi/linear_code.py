# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear analog code: Karhunen-Loeve transform of blocks, optimal power, LMMSE receiver.

The best linear code for mean squared error, for a long-term power constraint (Lee and Petersen, IEEE
Transactions on Communications, 1976): easy pictures leave power to hard ones, which the learned code, with
unit power in each picture, may not do.
"""

from __future__ import annotations

import numpy as np

from semisac_ml.signal import rate_distortion
from semisac_ml.signal.complex_pairs import as_complex, as_pairs
from semisac_ml.systems.jssc_hifi import air


def blocks_of(pictures: np.ndarray, size: int) -> np.ndarray:
    """Square blocks of pictures uint8 (count, height, width, 3), float32 (count, blocks, 3 size^2)."""
    count, height, width, _ = pictures.shape
    if height % size or width % size:
        raise ValueError(f"pictures are {height} x {width}, expected multiples of {size} pixels")
    split = pictures.reshape(count, height // size, size, width // size, size, 3).swapaxes(2, 3)
    return split.reshape(count, -1, 3 * size**2).astype(np.float32) / np.float32(255)


def pictures_of(blocks: np.ndarray, height: int, width: int) -> np.ndarray:
    """Inverse of :func:`blocks_of`, float32 (count, height, width, 3)."""
    size = round((blocks.shape[2] / 3) ** 0.5)
    split = blocks.reshape(len(blocks), height // size, width // size, size, size, 3).swapaxes(2, 3)
    return split.reshape(len(blocks), height, width, 3)


class LinearCode:
    """Linear code for blocks of a size, fitted to the mean and covariance of pictures.

    pictures: uint8 (count, height, width, 3). size: of a block in pixels.
    """

    def __init__(self, pictures: np.ndarray, size: int) -> None:
        self.size = size
        dimensions = 3 * size**2
        total, outer, count = np.zeros(dimensions), np.zeros((dimensions, dimensions)), 0
        for chunk in np.array_split(pictures, max(1, pictures.size // 6_000_000)):
            blocks = blocks_of(chunk, size).reshape(-1, dimensions)
            total += blocks.sum(axis=0, dtype=np.float64)
            outer += blocks.T @ blocks
            count += len(blocks)
        self.mean = total / count
        covariance = (outer / count - np.outer(self.mean, self.mean)).astype(np.float32)
        values, vectors = np.linalg.eigh(covariance)
        self.eigenvalues = np.maximum(values[::-1], 0.0).astype(np.float64)
        self.vectors = np.ascontiguousarray(vectors[:, ::-1])

    def send(
        self, pictures: np.ndarray, ratio: float, snr_db: float, channel: str, gains: np.ndarray, seed: int
    ) -> np.ndarray:
        """Pictures as received, float32 in [0, 1].

        ratio: complex channel uses a real source value. gains: (count, channel uses of a picture).
        """
        count, height, width, _ = pictures.shape
        reals = round(2 * ratio * 3 * self.size**2)
        power_of = (
            rate_distortion.linear_power_awgn if channel == "awgn" else rate_distortion.linear_power_rayleigh
        )
        power = power_of(self.eigenvalues, reals, snr_db)
        vectors, variance = self.vectors[:, : len(power)], np.maximum(self.eigenvalues[: len(power)], 1e-12)
        centred = blocks_of(pictures, self.size) - self.mean.astype(np.float32)
        components = centred @ vectors
        values = (components * np.sqrt(power / variance)).reshape(count, -1)
        order = air.permutation(values.shape[1])
        symbols = as_complex(values[:, order].reshape(count, -1, 2)) / np.sqrt(2.0)
        snr = 10.0 ** (snr_db / 10.0) * gains
        arrived = as_pairs(air.received_symbols(symbols, snr, seed)).reshape(count, -1) * np.sqrt(2.0)
        received, worth = np.empty_like(values), np.empty_like(values)
        received[:, order], worth[:, order] = arrived, np.repeat(snr, 2, axis=1)
        # LMMSE: noise of variance 1 / snr in each real value
        weight = np.sqrt(variance * power) * worth.reshape(components.shape)
        estimate = (
            received.reshape(components.shape) * weight / (1.0 + power * worth.reshape(components.shape))
        )
        blocks = (estimate @ vectors.T.astype(np.float64) + self.mean).astype(np.float32)
        return np.clip(pictures_of(blocks, height, width), 0.0, 1.0)
