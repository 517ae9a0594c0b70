# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How well a beam was predicted: top-k, the two scores called DBA, and the power that is lost.

Two scores share the name "distance-based accuracy" and differ. That of the multi-modal beam prediction
challenge 2022 takes the three best predictions and lets an error of up to 5 beams count in part
(:func:`dba_challenge`). That of Eqs. (59) and (60) of the variational-inference paper takes one prediction
and counts it as right within each of three distances, averaged (:func:`dba_thresholds`). Say which.
"""

from __future__ import annotations

import numpy as np

CHALLENGE_BEST = 3
CHALLENGE_DISTANCE = 5
PAPER_THRESHOLDS = (0, 1, 2)


def decibel(power: np.ndarray) -> np.ndarray:
    """Recorded linear power of the beams as 10 log10, float32 [samples, beams]."""
    lowest = 1e-6 * power.max(axis=1, keepdims=True)  # a beam that recorded nothing: 60 dB below the best
    return (10.0 * np.log10(np.maximum(power, lowest))).astype(np.float32)


def best_beams(scores: np.ndarray, count: int) -> np.ndarray:
    """Beams by falling score, int64 [samples, count]; of equal scores the lower beam first.

    Parameters
    ----------
    scores : ndarray, float [samples, beams]
        Probability, or any number that grows with it; finite.
    count : int
        1 to beams.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or not 1 <= count <= scores.shape[1]:
        raise ValueError(
            f"{count} of scores {scores.shape}, expected [samples, beams] and 1 to beams of them"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores are not finite, expected finite numbers")
    return np.argsort(-scores, axis=1, kind="stable")[:, :count].astype(np.int64)


def within_best(best: np.ndarray, beam: np.ndarray) -> np.ndarray:
    """Whether the true beam is among those predicted, bool [samples]; its mean is top-k.

    Parameters
    ----------
    best : ndarray, int [samples, k]
        Beams that were predicted.
    beam : ndarray, int [samples]
        The true beam, counted alike.
    """
    best, beam = _pair(best, beam)
    return (best == beam[:, None]).any(axis=1)


def dba_challenge(best: np.ndarray, beam: np.ndarray) -> np.ndarray:
    """DBA of the challenge of 2022, float64 [samples] in 0 to 1; the score is its mean.

    Y_k = 1 - mean of min over the k best predictions of min(|predicted - true| / 5, 1); the score is the mean
    of Y_1, Y_2 and Y_3.

    Parameters
    ----------
    best : ndarray, int [samples, 3 or more]
        Beams that were predicted, the most likely first.
    beam : ndarray, int [samples]
        The true beam.
    """
    best, beam = _pair(best, beam)
    if best.shape[1] < CHALLENGE_BEST:
        raise ValueError(f"{best.shape[1]} beams were predicted, expected {CHALLENGE_BEST} or more")
    distance = np.abs(best[:, :CHALLENGE_BEST] - beam[:, None]) / CHALLENGE_DISTANCE
    return 1.0 - np.minimum.accumulate(np.minimum(distance, 1.0), axis=1).mean(axis=1)


def dba_thresholds(
    predicted: np.ndarray, beam: np.ndarray, thresholds: tuple[int, ...] = PAPER_THRESHOLDS
) -> np.ndarray:
    """DBA of Eqs. (59) and (60), float64 [samples] in 0 to 1; the score is its mean.

    Y_i is the share of predictions not farther than d_i beams from the true one. The paper leaves d_i open;
    0, 1 and 2 are taken, so that Y_1 is top-1.

    Parameters
    ----------
    predicted : ndarray, int [samples]
        The beam that was predicted.
    beam : ndarray, int [samples]
        The true beam.
    thresholds : tuple of int
        Distances d_i in beams.
    """
    predicted, beam = np.asarray(predicted, dtype=np.int64), np.asarray(beam, dtype=np.int64)
    if predicted.shape != beam.shape or beam.ndim != 1:
        raise ValueError(f"shapes are {predicted.shape} and {beam.shape}, expected two equal [samples]")
    distance = np.abs(predicted - beam)
    return (distance[:, None] <= np.asarray(thresholds)[None]).mean(axis=1)


def power_loss_db(power: np.ndarray, chosen: np.ndarray, floor: float | np.ndarray = 0.0) -> np.ndarray:
    """How much weaker the chosen beam is than the strongest, dB, float64 [samples], 0 or more.

    Recorded power includes the noise floor, 4 to 9 dB below a median peak in the DeepSense scenarios, which
    flatters the loss; `floor` is taken off before. A beam at or below the floor loses all (infinity).

    Parameters
    ----------
    power : ndarray, float [samples, beams]
        Linear received power.
    chosen : ndarray, int [samples] or [samples, k]
        The beam that is used, or the beams of which the strongest is.
    floor : float or ndarray [samples]
        Noise floor on the scale of power.
    """
    power = np.asarray(power, dtype=np.float64)
    chosen = np.asarray(chosen, dtype=np.int64)
    chosen = chosen[:, None] if chosen.ndim == 1 else chosen
    if power.ndim != 2 or chosen.shape[0] != power.shape[0]:
        raise ValueError(
            f"shapes are {power.shape} and {chosen.shape}, expected [samples, beams] and [samples]"
        )
    signal = power - np.broadcast_to(np.asarray(floor, dtype=np.float64).reshape(-1, 1), (len(power), 1))
    best = signal.max(axis=1)
    if not (best > 0).all():
        raise ValueError("the strongest beam is not above the floor, expected a lower floor")
    used = np.maximum(np.take_along_axis(signal, chosen, axis=1).max(axis=1), 0.0)
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(best) - 10.0 * np.log10(used)


def _pair(best: np.ndarray, beam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    best, beam = np.asarray(best, dtype=np.int64), np.asarray(beam, dtype=np.int64)
    if best.ndim != 2 or beam.shape != best.shape[:1]:
        raise ValueError(f"shapes are {best.shape} and {beam.shape}, expected [samples, k] and [samples]")
    return best, beam
