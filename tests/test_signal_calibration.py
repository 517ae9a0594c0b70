# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reliability and temperature against draws whose probabilities are known."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal.calibration import (
    TwoTemperatures,
    fit_temperature_line,
    fit_two_temperatures,
    reliability,
    softmax,
)

SAMPLES = 20_000


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of six classes and outcomes drawn from their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 2.0, (SAMPLES, 6))
    uniform = rng.random((SAMPLES, 1))
    truth = (softmax(logits).cumsum(axis=1) < uniform).sum(axis=1)
    return logits, np.minimum(truth, 5)


def test_true_probabilities_are_calibrated():
    """ECE of true probabilities is sampling noise: below sqrt(bins / samples) / 2 with room to spare."""
    logits, truth = drawn()
    found = reliability(softmax(logits), truth)
    assert found.count.sum() == SAMPLES
    assert found.expected_calibration_error < 0.5 * np.sqrt(15 / SAMPLES)


def test_error_of_known_size():
    """Said 0.9 and right in 600 of 1000: the error is 0.3, in one bin."""
    probability = np.full((1000, 2), (0.9, 0.1))
    truth = np.repeat([0, 1], (600, 400))
    found = reliability(probability, truth)
    assert found.expected_calibration_error == pytest.approx(0.3)
    assert (found.count > 0).sum() == 1


def test_temperature_is_recovered():
    """Logits that were halved need the temperature 1/2, whatever the entropy."""
    logits, truth = drawn(1)
    said = np.log(softmax(0.5 * logits))
    level, slope = fit_temperature_line(said, truth)
    entropy = -(np.exp(said) * said).sum(axis=1)
    assert np.exp(level + slope * entropy) == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="expected"):
        reliability(said, truth[:5])


def test_two_temperatures_are_recovered():
    """Of predictions that are right in shape and gross errors in a tenth of the samples, both are told."""
    rng = np.random.default_rng(3)
    said = np.log(softmax(1.5 * rng.normal(size=(20_000, 8))))
    mixed = TwoTemperatures(np.log(0.5), 0.0, np.log(0.1 / 0.9), 0.0, np.log(4.0))
    truth = (np.cumsum(mixed.apply(said), axis=1) < rng.random((len(said), 1))).sum(axis=1)
    found = fit_two_temperatures(said, truth)
    assert np.abs(found.apply(said) - mixed.apply(said)).mean() < 0.01
    one = np.exp(fit_temperature_line(said, truth)[0])
    assert one > 0.55  # a single one must give way to the gross errors


def test_without_calibration_a_prediction_stays():
    said = np.log(softmax(np.random.default_rng(0).normal(size=(10, 5))))
    np.testing.assert_allclose(TwoTemperatures().apply(said), np.exp(said), atol=1e-7)
