# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which beams to measure and to report, sweeps in steps, and the tracker."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from semisac_ml.signal.beam_choice import choose_beams, measured_beams
from semisac_ml.signal.beam_sweep import hierarchical_sweep
from semisac_ml.signal.beam_tracking import BeamTracker, track


def lobe_db(peak: np.ndarray, floor_db: float = -12.0, seed: int = 0) -> np.ndarray:
    """Sweeps [frames, 64]: a lobe of 3 dB width 3 beams over a floor, noise of 0.2 dB."""
    apart = np.arange(64) - np.asarray(peak)[:, None]
    noise = np.random.default_rng(seed).normal(0.0, 0.2, apart.shape)
    return np.maximum(-3.0 * (apart / 1.5) ** 2, floor_db) + noise


def test_measured_beams_are_the_middles_of_equal_groups():
    assert measured_beams(8).tolist() == [4, 12, 20, 28, 36, 44, 52, 60]
    assert measured_beams(4).tolist() == [8, 24, 40, 56]
    assert measured_beams(64).tolist() == list(range(64))
    with pytest.raises(ValueError, match="expected a divisor of 64"):
        measured_beams(7)


def test_sure_probabilities_are_reported_as_they_are():
    probability = np.eye(64)[[0, 17, 63]]
    assert choose_beams(probability, 3)[:, 0].tolist() == [0, 17, 63]


def test_first_beam_lies_between_two_that_are_as_likely():
    # 30 and 34 are as likely: one beam between costs 2/5 whichever it is, either of them 4/5 half of the time
    probability = np.zeros((1, 64))
    probability[0, [30, 34]] = 0.5
    assert 30 <= choose_beams(probability, 1, top_weight=0.0)[0, 0] <= 34
    # where naming the strongest itself counts, one of the two is better: half of 4/5 + w against 2/5 + w
    assert choose_beams(probability, 1, top_weight=0.5)[0, 0] in (30, 34)
    assert set(choose_beams(probability, 2, top_weight=0.0)[0].tolist()) == {30, 34}


def test_set_of_two_is_cheaper_than_the_two_likeliest():
    """Expected cost by its definition, over all outcomes."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        probability = rng.dirichlet(np.full(64, 0.2))
        chosen = choose_beams(probability[None], 2)[0]
        likeliest = np.argsort(-probability)[:2]

        def cost(pair, weights=probability):
            apart = np.abs(np.arange(64)[:, None] - np.array(pair))
            return float((weights * (np.minimum(apart / 5, 1) + 0.5 * (apart > 0)).min(axis=1)).sum())

        assert cost(chosen) <= cost(likeliest) + 1e-9
        single = min(cost([beam]) for beam in range(64))
        assert cost(chosen[:1]) == pytest.approx(single)
        assert cost(chosen) == pytest.approx(min(cost([chosen[0], beam]) for beam in range(64)))


def test_reported_beams_differ_and_wrong_shapes_are_refused():
    rng = np.random.default_rng(0)
    best = choose_beams(rng.dirichlet(np.ones(64), 50), 5)
    assert all(len(set(row)) == 5 for row in best.tolist())
    with pytest.raises(ValueError, match="expected"):
        choose_beams(np.ones(64), 1)
    with pytest.raises(ValueError, match="tempering is 0, expected a number above 0"):
        choose_beams(np.ones((1, 64)), 1, tempering=0)


def test_tempered_choice_hedges():
    """One likely beam against three neighbours that are nearly as likely together."""
    probability = np.zeros((1, 64))
    probability[0, 10], probability[0, 30:33] = 0.5, 0.16
    # as it is, 0.5 at one place outweighs 0.48 at three neighbours; square roots are 0.71 and 1.2
    assert choose_beams(probability, 1)[0, 0] == 10
    assert choose_beams(probability, 1, tempering=0.5)[0, 0] == 31


@pytest.mark.parametrize("peak", range(2, 62))
def test_hierarchical_sweep_finds_any_lobe(peak):
    power = -np.abs(np.arange(64.0) - peak)[None]
    chosen, measured = hierarchical_sweep(power)
    assert chosen.tolist() == [peak]
    assert measured[0] <= 8 + 2 * 3


def test_tracker_follows_a_moving_lobe_with_few_beams():
    peak = 8.0 + np.concatenate([np.linspace(0, 45, 90), np.linspace(45, 10, 60)])
    power_db = lobe_db(peak)
    found = track(power_db, np.zeros(len(peak), dtype=int))
    apart = np.abs(found.beam - power_db.argmax(axis=1))
    assert apart.max() <= 2
    assert found.measured[0] >= 32  # a start sweeps
    assert found.measured[1:].mean() < 8


def test_guards_find_a_path_that_appears_elsewhere():
    """Three guards go round a grid of eight in three frames; the lobe is wide enough to be seen from it."""
    peak = np.concatenate([np.full(10, 12.0), np.full(10, 50.0)])
    power_db = lobe_db(peak, floor_db=-30.0)
    found = track(power_db, np.zeros(20, dtype=int))
    assert np.abs(found.beam[13:] - 50).max() <= 2


def test_each_drive_starts_anew():
    power_db = lobe_db(np.concatenate([np.full(5, 10.0), np.full(5, 55.0)]))
    found = track(power_db, np.repeat([1, 2], 5))
    assert found.measured[5] >= 32
    assert abs(int(found.beam[5]) - 55) <= 1


def test_a_prediction_is_followed_as_far_as_it_is_sure():
    """0.5, 0.3 and 0.16 hold 0.95 of the probability: three beams, two guards, and the climb."""
    row = lobe_db(np.array([40.0]), floor_db=-30.0)[0]
    asked: list[int] = []

    def measure(wanted: np.ndarray) -> np.ndarray:
        asked.extend(wanted.tolist())
        return row[wanted]

    probability = np.full(64, 0.04 / 61)
    probability[[39, 40, 42]] = 0.5, 0.3, 0.16
    tracker = BeamTracker(best=5)
    assert tracker.step(measure, probability)[0] == int(row.argmax())
    assert set(asked[:3]) == {39, 40, 42}
    assert len(asked) == len(set(asked)) == 3 + 1 + 2 + 1  # the last best, guards; 41 is what the climb adds


def test_predictions_that_are_wrong_again_and_again_are_doubted_until_they_come_right():
    """Sure of beam 5 while the strongest is 40: after log(0.7) / log(0.9) = 3.4 frames none is followed."""
    row = lobe_db(np.array([40.0]), floor_db=-30.0)[0]
    tracker, wrong, right = BeamTracker(best=40), np.eye(64)[5], np.eye(64)[40]
    followed, found = [], []
    for probability in [wrong] * 10 + [right] * 10:
        followed.append(not tracker.doubts())
        found.append(tracker.step(lambda wanted: row[wanted], probability)[0])
    assert found == [40] * 20
    assert followed[:10] == [True] * 4 + [False] * 6
    assert followed[-1]


def test_an_unsure_prediction_is_not_followed_but_swept():
    row = lobe_db(np.array([50.0]), floor_db=-30.0)[0]
    tracker = BeamTracker(best=5)
    found, measured = tracker.step(lambda wanted: row[wanted], np.full(64, 1 / 64))
    assert found == 50
    assert 16 <= measured <= 16 + 2 + 4


def test_without_measurements_the_likeliest_beam_or_the_last_is_kept():
    def deaf(wanted: np.ndarray) -> np.ndarray:
        return np.empty(0)

    assert BeamTracker(best=7).step(deaf) == (7, 0)
    assert BeamTracker(best=7).step(deaf, np.eye(64)[33]) == (33, 0)
    assert BeamTracker().step(deaf) == (32, 0)


def test_tracker_stays_inside_the_codebook():
    for edge in (0.0, 63.0):
        found = track(lobe_db(np.full(6, edge)), np.zeros(6, dtype=int))
        assert np.abs(found.beam - edge).max() <= 1


def test_guard_grid_is_visited_whole():
    row, asked = np.zeros(64), []
    tracker = BeamTracker(best=30)
    for _ in range(8):
        tracker.step(lambda wanted: asked.extend(wanted.tolist()) or row[wanted])
        tracker.best = 30
    assert set(measured_beams(8).tolist()) <= set(itertools.chain(asked))
