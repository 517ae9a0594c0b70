# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam scores by hand and against the expectation of a blind guess."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal import beams


def test_scores_by_hand():
    beam = np.array([10, 10, 10, 10])
    best = np.array([[10, 11, 12], [12, 11, 10], [20, 13, 40], [40, 41, 42]])
    # distances of the first, the best of two, the best of three, over 5 and at most 1
    missed = np.array([[0, 0, 0], [0.4, 0.2, 0.0], [1, 0.6, 0.6], [1, 1, 1]])
    np.testing.assert_allclose(beams.dba_challenge(best, beam), 1 - missed.mean(axis=1))
    assert beams.within_best(best, beam).tolist() == [True, True, False, False]
    assert beams.within_best(best[:, :1], beam).mean() == 0.25
    # Eqs. (59) and (60): one prediction, right within 0, 1 and 2 beams
    np.testing.assert_allclose(beams.dba_thresholds(np.array([10, 11, 12, 13]), beam), [1, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(beams.dba_thresholds(np.array([10, 15, 5, 4]), beam, (5,)), [1, 1, 1, 0])


def test_the_two_scores_differ():
    beam, best = np.array([30]), np.array([[33, 30, 31]])
    assert beams.dba_challenge(best, beam)[0] == pytest.approx((0.4 + 1 + 1) / 3)
    assert beams.dba_thresholds(best[:, 0], beam)[0] == 0.0


def test_a_blind_guess():
    # true beam and guess uniform on 64: P(|d| = 0) = 1/64, P(|d| = m) = 2 (64 - m) / 64^2
    rng = np.random.default_rng(3)
    beam, guess = rng.integers(0, 64, (2, 200_000))
    p = np.array([1 / 64] + [2 * (64 - m) / 64**2 for m in range(1, 6)])
    expected = p[0] + (2 * p[1] + p[2]) / 3
    assert beams.dba_thresholds(guess, beam).mean() == pytest.approx(expected, abs=0.0015)
    first = (p[:5] * (1 - np.arange(5) / 5)).sum()
    repeated = np.repeat(guess[:, None], 3, axis=1)
    assert beams.dba_challenge(repeated, beam).mean() == pytest.approx(first, abs=0.0015)


def test_order_of_equal_scores():
    assert beams.best_beams(np.array([[1.0, 3.0, 3.0, 2.0]]), 3).tolist() == [[1, 2, 3]]
    with pytest.raises(ValueError, match="not finite"):
        beams.best_beams(np.array([[1.0, np.nan]]), 1)
    with pytest.raises(ValueError, match="1 to beams"):
        beams.best_beams(np.ones((2, 4)), 5)


def test_power_loss():
    power = np.array([[1.0, 0.5, 0.1], [2.0, 4.0, 0.4]])
    np.testing.assert_allclose(beams.power_loss_db(power, np.array([1, 1])), [10 * np.log10(2), 0])
    np.testing.assert_allclose(
        beams.power_loss_db(power, np.array([[2, 1], [0, 2]])), [3.0103, 3.0103], rtol=1e-4
    )
    # the floor hides half of a loss: (0.5 - 0.1) / (1 - 0.1)
    lost = beams.power_loss_db(power, np.array([1, 2]), floor=np.array([0.1, 0.4]))
    np.testing.assert_allclose(lost, [10 * np.log10(0.9 / 0.4), np.inf])
    with pytest.raises(ValueError, match="not above the floor"):
        beams.power_loss_db(power, np.array([0, 0]), floor=3.0)
    with pytest.raises(ValueError, match="shapes"):
        beams.power_loss_db(power, np.array([0]))
