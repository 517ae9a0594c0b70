# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rate-distortion references on spectra with known answers, and on CIFAR-10."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from semisac_ml.data import DataError, cifar10
from semisac_ml.signal import rate_distortion


@pytest.fixture(scope="module")
def cifar10_eigenvalues() -> np.ndarray:
    """Spectrum of the CIFAR-10 test images."""
    try:
        images, _ = cifar10.load("test")
    except DataError as error:
        pytest.skip(str(error))
    return rate_distortion.covariance_spectrum(images)[1]


def test_white_gaussian_source_has_the_textbook_distortion():
    # D = d sigma^2 2^(-2 R/d)
    found = rate_distortion.gaussian_distortion(np.full(8, 3.0), bits=12.0)
    assert found == pytest.approx(8 * 3.0 * 2.0 ** (-2 * 12 / 8))


def test_reverse_water_filling_drops_what_lies_below_the_water():
    # theta = 1: 1/2 log2(16) + 1/2 log2(4) = 3 bits, and 0.5 and 1 stay as they are
    assert rate_distortion.gaussian_distortion(np.array([0.5, 4.0, 1.0, 16.0]), 3.0) == pytest.approx(
        1 + 1 + 1 + 0.5
    )


def test_no_bits_leave_the_variance():
    eigenvalues = np.array([5.0, 2.0, 0.0])
    assert rate_distortion.gaussian_distortion(eigenvalues, 0.0) == pytest.approx(7.0)
    assert rate_distortion.gaussian_distortion(np.zeros(3), 1.0) == 0.0


def test_matched_white_source_needs_no_code():
    # as many reals as dimensions, white: the linear code meets the rate-distortion bound (Goblick 1965)
    eigenvalues, n, snr_db = np.full(10, 0.2), 10, 4.0
    expected = -10 * np.log10(0.2 / (1 + 10**0.4))
    assert rate_distortion.linear_psnr_awgn(eigenvalues, n, snr_db) == pytest.approx(expected)
    assert rate_distortion.gaussian_psnr_awgn(eigenvalues, n, snr_db) == pytest.approx(expected)


def test_linear_code_never_beats_the_gaussian_reference():
    eigenvalues = np.geomspace(10, 1e-4, 50)
    for n in (2, 10, 40):
        for snr_db in (-10.0, 0.0, 20.0):
            linear = rate_distortion.linear_psnr_awgn(eigenvalues, n, snr_db)
            assert linear <= rate_distortion.gaussian_psnr_awgn(eigenvalues, n, snr_db) + 1e-9
            faded = rate_distortion.linear_psnr_rayleigh(eigenvalues, n, snr_db)
            assert faded <= rate_distortion.gaussian_psnr_rayleigh(eigenvalues, n, snr_db) + 1e-9
            assert faded <= linear + 1e-9  # Jensen


@pytest.mark.parametrize("snr_db", [-5.0, 3.0, 15.0])
def test_power_allocations_are_optimal(snr_db):
    eigenvalues, n = np.geomspace(4, 0.01, 30), 12
    snr = 10 ** (snr_db / 10)
    generator = np.random.default_rng(3)
    for power, error in (
        (rate_distortion.linear_power_awgn(eigenvalues, n, snr_db), lambda p: 1 / (1 + p * snr)),
        (
            rate_distortion.linear_power_rayleigh(eigenvalues, n, snr_db),
            lambda p: rate_distortion.faded_error(p * snr),
        ),
    ):
        assert power.sum() == pytest.approx(n)
        assert (power >= 0).all()
        best = (eigenvalues[:n] * error(power)).sum()
        for _ in range(50):
            other = np.abs(power + 0.1 * generator.standard_normal(n))
            other *= n / other.sum()
            assert (eigenvalues[:n] * error(other)).sum() >= best * (1 - 1e-6)


def test_faded_error_is_the_mean_over_gains():
    for snr in (1e-3, 0.1, 1.0, 30.0, 1e4):
        expected = integrate.quad(lambda g, s=snr: np.exp(-g) / (1 + s * g), 0, 60, limit=500)[0]
        assert rate_distortion.faded_error(snr) == pytest.approx(expected, rel=1e-6)
    assert rate_distortion.faded_error(0.0) == pytest.approx(1.0)


def test_spectrum_of_made_up_images():
    generator = np.random.default_rng(2)
    deviation = np.array([3.0, 1.0, 0.5, 0.1])
    samples = generator.standard_normal((20_000, 4)) * deviation + 7.0
    mean, eigenvalues = rate_distortion.covariance_spectrum(samples)
    assert mean == pytest.approx([7.0] * 4, abs=0.1)
    assert eigenvalues == pytest.approx(deviation**2, rel=0.05)
    assert eigenvalues.sum() == pytest.approx(samples.var(axis=0).sum(), rel=1e-5)


def test_negative_rate_is_refused():
    with pytest.raises(ValueError, match="bits"):
        rate_distortion.gaussian_distortion(np.ones(2), -1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("snr_db", "gaussian", "linear", "faded"),
    [(0.0, 15.57, 14.98, 14.35), (3.0, 16.25, 15.77, 14.97), (10.0, 17.61, 17.27, 16.43)],
)
def test_cifar10_figures(cifar10_eigenvalues, snr_db, gaussian, linear, faded):
    # computed beforehand on other splits, and the faded ones with the power allocation of AWGN: 0.05 dB
    found = rate_distortion.gaussian_psnr_awgn(cifar10_eigenvalues, 20, snr_db)
    assert found == pytest.approx(gaussian, abs=0.03)
    assert rate_distortion.linear_psnr_awgn(cifar10_eigenvalues, 20, snr_db) == pytest.approx(
        linear, abs=0.03
    )
    assert rate_distortion.linear_psnr_rayleigh(cifar10_eigenvalues, 20, snr_db) == pytest.approx(
        faded, abs=0.05
    )


@pytest.mark.slow
def test_cifar10_mean_image_and_gaussian_reference_in_fading(cifar10_eigenvalues):
    mean_image = rate_distortion.psnr_db(cifar10_eigenvalues.sum(), len(cifar10_eigenvalues))
    assert mean_image == pytest.approx(12.09, abs=0.01)
    assert rate_distortion.gaussian_psnr_rayleigh(cifar10_eigenvalues, 20, 3.0) == pytest.approx(
        15.52, abs=0.03
    )
