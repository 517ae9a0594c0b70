# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a link of n reals can do for the mean squared error of a source of known covariance.

Everything follows from the eigenvalues of the source's covariance (Karhunen-Loeve transform), for pixels on
the scale where white is 1. Two references, both for a long-term power constraint of unit mean power a complex
channel use:

- ``gaussian_*``: Gaussian source of that covariance over capacity, reverse water-filling (Cover and Thomas,
Elements
  of Information Theory, theorem 10.3.3). A Gaussian source is the hardest of its covariance, so a good code
  for pictures may beat it; it is a reference, not a bound, for pictures.
- ``linear_*``: linear analog code, one real a principal component with optimal power, and LMMSE decoder (Lee
and
  Petersen, IEEE Trans. Commun. 1976): the best linear code for pictures too.

PSNR here is -10 log10 of the mean MSE, data range 1. Fading is Rayleigh, one gain a frame, known to the
receiver only.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special

_GAIN_NODES = 200


def covariance_spectrum(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean image and eigenvalues of the covariance of a set of images.

    Parameters
    ----------
    images : ndarray, uint8 (0 to 255) or floating point (0 to 1) [N, ...]

    Returns
    -------
    mean : ndarray, float64 [dimensions]
    eigenvalues : ndarray, float64 [dimensions]
        Largest first; their sum is the total variance.
    """
    images = np.asarray(images).reshape(len(images), -1)
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    mean = images.mean(axis=0, dtype=np.float64) / scale
    covariance = np.zeros((images.shape[1], images.shape[1]))
    for block in np.array_split(images, max(1, len(images) // 2000)):
        centred = (block / scale - mean).astype(np.float32)
        covariance += centred.T @ centred
    eigenvalues = np.linalg.eigvalsh(covariance / len(images))[::-1]
    return mean, np.maximum(eigenvalues, 0.0)


def psnr_db(distortion: float, dimensions: int) -> float:
    """-10 log10 of the MSE a dimension, for a distortion summed over the dimensions."""
    return -10.0 * math.log10(distortion / dimensions)


def capacity_bits(n: int, snr: float) -> float:
    """Bits that n reals, n/2 complex channel uses at linear SNR, carry: (n/2) log2(1 + snr)."""
    return n / 2 * math.log2(1.0 + snr)


def gaussian_distortion(eigenvalues: np.ndarray, bits: float) -> float:
    """Smallest summed MSE of a Gaussian source at a rate, by reverse water-filling.

    D = sum min(theta, lambda_i) where R = sum 1/2 log2(lambda_i/theta) over the eigenvalues above theta.

    Parameters
    ----------
    eigenvalues : ndarray [dimensions]
        In any order, none negative.
    bits : float
        Rate for one image, >= 0.
    """
    if bits < 0:
        raise ValueError(f"bits is {bits}, expected at least 0")
    positive = np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1]
    positive = positive[positive > 0.0]
    if positive.size == 0:
        return 0.0
    logarithm = np.log2(positive)
    # With the k largest active log2(theta) = (sum of their log2 - 2 R)/k; k is the first that leaves the next
    # eigenvalue at or below theta.
    level = (np.cumsum(logarithm) - 2.0 * bits) / np.arange(1, positive.size + 1)
    below = np.append(logarithm[1:], -np.inf) <= level
    active = int(np.argmax(below)) + 1
    theta = 2.0 ** level[active - 1]
    return float(active * theta + positive[active:].sum())


def gaussian_psnr_awgn(eigenvalues: np.ndarray, n: int, snr_db: float) -> float:
    """PSNR in dB of the Gaussian reference over n reals of AWGN at Es/N0 snr_db."""
    bits = capacity_bits(n, 10.0 ** (snr_db / 10.0))
    return psnr_db(gaussian_distortion(eigenvalues, bits), len(eigenvalues))


def gaussian_psnr_rayleigh(eigenvalues: np.ndarray, n: int, snr_db: float) -> float:
    """PSNR in dB of the Gaussian reference over Rayleigh block fading: mean distortion over the gains.

    As if the code suited every gain: optimistic, since the transmitter does not know it.
    """
    snr = 10.0 ** (snr_db / 10.0)
    gains, weights = _exponential_quadrature()
    distortions = [gaussian_distortion(eigenvalues, capacity_bits(n, snr * gain)) for gain in gains]
    return psnr_db(float(np.dot(weights, distortions)), len(eigenvalues))


def linear_power_awgn(eigenvalues: np.ndarray, n: int, snr_db: float) -> np.ndarray:
    """Optimal power of each of the n largest components, float64 [min(n, dimensions)]; the sum is n.

    A real of power p arrives at SNR p snr and leaves the error lambda/(1 + p snr); the sum of errors is least
    at p = max(sqrt(lambda snr/mu) - 1, 0)/snr, with mu set by the sum of powers.
    """
    snr = 10.0 ** (snr_db / 10.0)
    root = np.sqrt(np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1][:n])
    count = np.arange(1, len(root) + 1)
    level = (n * snr + count) / np.cumsum(root)  # with the k largest active, sum of (level root - 1)/snr is n
    active = int(np.flatnonzero(level * root > 1.0)[-1]) + 1
    return np.maximum(level[active - 1] * root - 1.0, 0.0) * (count <= active) / snr


def linear_distortion_awgn(eigenvalues: np.ndarray, n: int, snr_db: float) -> float:
    """Summed MSE of the optimal linear code over AWGN: sum lambda/(1 + p snr) and what is not sent."""
    ordered = np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1]
    power = linear_power_awgn(ordered, n, snr_db)
    sent = ordered[: len(power)]
    return float((sent / (1.0 + power * 10.0 ** (snr_db / 10.0))).sum() + ordered[len(power) :].sum())


def linear_psnr_awgn(eigenvalues: np.ndarray, n: int, snr_db: float) -> float:
    """PSNR in dB of the optimal linear analog code with LMMSE decoder over n reals of AWGN."""
    return psnr_db(linear_distortion_awgn(eigenvalues, n, snr_db), len(eigenvalues))


def faded_error(snr: np.ndarray) -> np.ndarray:
    """Mean of 1/(1 + snr g) over g ~ Exp(1): z e^z E1(z) with z = 1/snr; 1 at snr = 0."""
    snr = np.asarray(snr, dtype=np.float64)
    z = 1.0 / np.maximum(snr, 1e-8)
    near = z * special.exp1(np.minimum(z, 600.0)) * np.exp(np.minimum(z, 600.0))
    far = 1.0 - 1.0 / z + 2.0 / z**2  # asymptotic series of z e^z E1(z)
    return np.where(z < 600.0, near, far)


def linear_power_rayleigh(eigenvalues: np.ndarray, n: int, snr_db: float) -> np.ndarray:
    """Optimal power of each of the n largest components for the mean error over Rayleigh gains; the sum is n.

    The mean error of a component falls with its power as a convex function, so that the optimum has equal
    slopes lambda f'(p snr), f being :func:`faded_error`, wherever power is spent.
    """
    snr = 10.0 ** (snr_db / 10.0)
    ordered = np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1][:n]
    grid = np.r_[0.0, np.geomspace(1e-4, n * snr * 1.01, 4000)]
    slope = -_faded_error_slope(grid)  # from 1 down to 0

    def power(log_level: float) -> np.ndarray:
        wanted = math.exp(log_level) / np.maximum(ordered, 1e-300)
        return np.where(wanted < 1.0, np.interp(-wanted, -slope, grid), 0.0) / snr

    top = math.log(ordered[0])
    level = optimize.brentq(lambda x: power(x).sum() - n, top - 60.0, top, xtol=1e-10)
    chosen = power(level)
    return chosen * (n / chosen.sum())


def linear_psnr_rayleigh(eigenvalues: np.ndarray, n: int, snr_db: float) -> float:
    """PSNR in dB of the optimal linear analog code with LMMSE decoder over Rayleigh."""
    ordered = np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1]
    power = linear_power_rayleigh(ordered, n, snr_db)
    sent = ordered[: len(power)]
    error = sent * faded_error(power * 10.0 ** (snr_db / 10.0))
    return psnr_db(float(error.sum() + ordered[len(power) :].sum()), len(ordered))


def _faded_error_slope(snr: np.ndarray) -> np.ndarray:
    """Derivative of :func:`faded_error`: -mean of g/(1 + snr g)^2, by quadrature."""
    gains, weights = _exponential_quadrature()
    return -(weights * gains / (1.0 + np.asarray(snr)[:, None] * gains) ** 2).sum(axis=1)


def _exponential_quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Nodes g and weights of the mean over g ~ Exp(1): Gauss-Legendre over ln g."""
    nodes, weights = np.polynomial.legendre.leggauss(_GAIN_NODES)
    low, high = -18.0, 3.8
    logarithm = low + (high - low) * (nodes + 1.0) / 2.0
    gains = np.exp(logarithm)
    weights = weights * (high - low) / 2.0 * np.exp(logarithm - gains)
    return gains, weights / weights.sum()
