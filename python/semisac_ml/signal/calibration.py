# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether probabilities mean what they say: reliability, expected calibration error, temperature.

Source: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural Networks", 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15
LOG_TEMPERATURE = (-2.5, 2.5)


@dataclass(frozen=True)
class Reliability:
    """Samples sorted into bins of equal width by the probability of the class that was predicted.

    count: samples in each bin, int64 [bins].
    confidence, accuracy: mean probability and share of right predictions, float64 [bins]; 0 where empty.
    """

    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def expected_calibration_error(self) -> float:
        """Mean of |accuracy - confidence| over samples."""
        return float((self.count * np.abs(self.accuracy - self.confidence)).sum() / self.count.sum())


def calibration_bins(
    probability: np.ndarray, truth: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability of the likeliest class, whether it is the right one, and the bin, of each [samples]."""
    said = np.asarray(probability, dtype=np.float64).max(axis=1)
    return said, probability.argmax(axis=1) == truth, np.minimum((said * bins).astype(int), bins - 1)


def reliability(probability: np.ndarray, truth: np.ndarray, bins: int = BINS) -> Reliability:
    """Compare the probability of the likeliest class with how often it is right.

    Parameters
    ----------
    probability : ndarray, float [samples, classes]
        Each row sums to 1.
    truth : ndarray, int [samples]
    bins : int
    """
    probability, truth = np.asarray(probability, dtype=np.float64), np.asarray(truth)
    if probability.ndim != 2 or truth.shape != probability.shape[:1] or not len(truth):
        raise ValueError(
            f"shapes are {probability.shape} and {truth.shape}, expected [samples, classes] and [samples]"
        )
    said, right, place = calibration_bins(probability, truth, bins)
    count = np.bincount(place, minlength=bins)
    share = np.maximum(count, 1)
    return Reliability(
        count=count,
        confidence=np.bincount(place, said, bins) / share,
        accuracy=np.bincount(place, right, bins) / share,
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, float64, along the last axis."""
    scaled = np.asarray(logits, dtype=np.float64)
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    weight = np.exp(scaled)
    return weight / weight.sum(axis=-1, keepdims=True)


def fit_temperature_line(log_probability: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Temperature exp(a + b entropy) at which the truth is likeliest; returns (a, b).

    One temperature for all (b = 0) does not serve predictions of few and of many inputs alike.

    Parameters
    ----------
    log_probability : ndarray, float [samples, classes]
        Logarithm of the probability said of samples that the network was not trained on.
    truth : ndarray, int [samples]
    """
    from scipy.optimize import minimize

    log_probability = np.asarray(log_probability, dtype=np.float64)
    truth = np.asarray(truth)[:, None]
    said = np.exp(log_probability)
    entropy = -(said * log_probability).sum(axis=1, keepdims=True)

    def loss(line: np.ndarray) -> float:
        probability = softmax(
            log_probability / np.exp(np.clip(line[0] + line[1] * entropy, *LOG_TEMPERATURE))
        )
        return float(-np.log(np.take_along_axis(probability, truth, axis=1) + 1e-30).mean())

    found = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
    return float(found.x[0]), float(found.x[1])


@dataclass(frozen=True)
class TwoTemperatures:
    """Mixture of a prediction sharpened and the same flattened, which allows for rare gross errors.

    One temperature must serve both the many predictions that are nearly right and the few that are far off,
    and leaves the former less sure than they may be.

    level, slope: logarithm of the first temperature at entropy 0, and its slope in the entropy (nats).
    share_level, share_slope: the same of the logit of the share of the flattened prediction.
    flat: logarithm of its temperature.
    """

    level: float = 0.0
    slope: float = 0.0
    share_level: float = -20.0
    share_slope: float = 0.0
    flat: float = 0.0

    def apply(self, log_probability: np.ndarray) -> np.ndarray:
        """Probabilities, float64 [samples, classes], from logarithms of those that were said."""
        log_probability = np.asarray(log_probability, dtype=np.float64)
        entropy = -(np.exp(log_probability) * log_probability).sum(axis=1, keepdims=True)
        sharp = np.exp(np.clip(self.level + self.slope * entropy, *LOG_TEMPERATURE))
        share = 1.0 / (1.0 + np.exp(-np.clip(self.share_level + self.share_slope * entropy, -30.0, 30.0)))
        flat = np.exp(np.clip(self.flat, *LOG_TEMPERATURE))
        return (1.0 - share) * softmax(log_probability / sharp) + share * softmax(log_probability / flat)


def fit_two_temperatures(log_probability: np.ndarray, truth: np.ndarray) -> TwoTemperatures:
    """Temperatures and shares at which the truth is likeliest; arguments as of `fit_temperature_line`."""
    from scipy.optimize import minimize

    log_probability, truth = np.asarray(log_probability, dtype=np.float64), np.asarray(truth)[:, None]

    def loss(values: np.ndarray) -> float:
        probability = TwoTemperatures(*values).apply(log_probability)
        return float(-np.log(np.take_along_axis(probability, truth, axis=1) + 1e-30).mean())

    start = np.array([*fit_temperature_line(log_probability, truth[:, 0]), -3.0, 0.0, 0.5])
    found = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
    return TwoTemperatures(*(float(value) for value in found.x))
