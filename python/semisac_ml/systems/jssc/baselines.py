# SPDX-License-Identifier: GPL-3.0-or-later
"""What the joint link is compared with: the linear code and bounds; none needs a training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np

from semisac_ml.data import cifar10
from semisac_ml.results import Result
from semisac_ml.signal import detection, posterior, rate_distortion
from semisac_ml.systems.jssc.rows import MAX_FREQUENCY_OFFSET, Place

FADINGS = {"awgn": "none", "rayleigh": "rayleigh"}
"""Of echoes, by the channel of the link."""


@lru_cache(maxsize=1)
def image_spectrum() -> np.ndarray:
    """Eigenvalues of the covariance of CIFAR-10's training images, float64 (3072,), largest first."""
    images, _ = cifar10.load("train")
    _, eigenvalues = rate_distortion.covariance_spectrum(images)
    return eigenvalues


def linear_code_psnr_db(channel: str, n: int, snr_db: float) -> float:
    """PSNR of the mean error of the linear code: Karhunen–Loève transform, optimal power, LMMSE receiver."""
    psnr = {"awgn": rate_distortion.linear_psnr_awgn, "rayleigh": rate_distortion.linear_psnr_rayleigh}
    return float(psnr[channel](image_spectrum(), n, snr_db))


def gaussian_psnr_db(channel: str, n: int, snr_db: float) -> float:
    """PSNR at the Gaussian rate–distortion function of the channel's capacity (reverse water-filling).

    A bound for a Gaussian source of the images' covariance; images are not Gaussian, so a learned code may
    come closer to it than a linear code, and is not strictly bound by it.
    """
    psnr = {"awgn": rate_distortion.gaussian_psnr_awgn, "rayleigh": rate_distortion.gaussian_psnr_rayleigh}
    return float(psnr[channel](image_spectrum(), n, snr_db))


@cache
def range_ceiling(
    channel: str, n: int, sensing_snr_db: float, ranges: int = 1, delay: int = 0, fading: str | None = None
) -> float:
    """Accuracy of the optimal decision among 1 + ranges hypotheses, all alike, waveform known.

    The phase of the echo is not known, nor its Doppler shift within MAX_FREQUENCY_OFFSET, nor its gain
    (Rayleigh). fading: of the echo, None for the one that goes with the channel.
    """
    return posterior.range_accuracy(
        n,
        sensing_snr_db,
        ranges,
        delay_symbols_per_range=delay,
        fading=fading or FADINGS[channel],
        random_phase=True,
        max_frequency_offset=MAX_FREQUENCY_OFFSET,
    ).value


def energy_detector(channel: str, n: int, sensing_snr_db: float) -> float:
    """Accuracy of the energy detector on waveforms without structure."""
    accuracy = {"awgn": detection.energy_accuracy_awgn, "rayleigh": detection.energy_accuracy_rayleigh}
    return float(accuracy[channel](n, sensing_snr_db))


def bound_rows(
    place: Place, x: float, n: int, snr_db: float, sensing_snr_db: float, ranges: int = 1
) -> Iterator[Result]:
    """Bounds of reconstruction loss and sensing accuracy at one point of a figure.

    x: the value on the axis.
    """
    channel = place.channel
    linear = linear_code_psnr_db(channel, n, snr_db)
    gaussian = gaussian_psnr_db(channel, n, snr_db)
    yield place.row("linear code", x, "mse", 10.0 ** (-linear / 10.0))
    yield place.row("Gaussian rate-distortion", x, "mse", 10.0 ** (-gaussian / 10.0))
    yield place.row(
        "optimal detector", x, "sensing_accuracy", range_ceiling(channel, n, sensing_snr_db, ranges)
    )
