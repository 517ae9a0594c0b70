# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metrics and their intervals against textbook values and their stated coverage."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal import metrics


def test_wilson_interval_of_none_in_ten():
    found = metrics.proportion(0, 10)
    z2 = 1.959964**2
    assert (found.value, found.low, found.n) == (0.0, 0.0, 10)
    assert found.high == pytest.approx(z2 / (10 + z2), rel=1e-5)


def test_wilson_interval_of_half():
    found = metrics.proportion(50, 100)
    assert (found.low, found.high) == pytest.approx((0.40383, 0.59617), abs=1e-5)
    assert found.as_dict() == {"value": 0.5, "low": found.low, "high": found.high, "n": 100}


@pytest.mark.parametrize("successes", range(0, 38))
def test_value_lies_in_its_interval(successes):
    found = metrics.proportion(successes, 37)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_mean_has_students_interval():
    found = metrics.mean([1.0, 2.0, 3.0])
    assert (found.value, found.high) == pytest.approx((2.0, 2 + 4.302653 / np.sqrt(3)))
    assert metrics.mean([4.0]) == metrics.Metric(4.0, 4.0, 4.0, 1)


def test_interval_over_groups_covers_as_stated():
    """Two strata of 12 drives, frames of a drive alike: 400 repetitions, deviation of coverage 1.1 points.

    Percentiles of so few groups cover a little less than 95 %; frames taken as independent cover a third.
    """
    generator = np.random.default_rng(5)
    drive = np.repeat(np.arange(24), 40)
    site = drive // 12
    inside, alone = [], []
    for _ in range(400):
        values = site + generator.normal(size=24)[drive] + generator.normal(size=drive.size)
        found = metrics.mean_over_groups(values, drive, site)
        assert found.n == 24 and found.value == pytest.approx(values.mean())
        inside.append(found.low <= 0.5 <= found.high)
        one = metrics.mean(values)
        alone.append(one.low <= 0.5 <= one.high)
    assert 0.90 < np.mean(inside) < 0.98
    assert np.mean(alone) < 0.6


def test_mean_over_groups_weighs_cells_alike():
    values, cell = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0, 0, 0, 1])
    found = metrics.mean_over_groups(values, np.arange(4), np.zeros(4), cell)
    assert found.value == 0.5
    # one group of each stratum tells nothing of others
    assert metrics.mean_over_groups(values, cell, cell) == metrics.Metric(0.5, 0.5, 0.5, 2)


def test_no_interval_reaches_what_a_mean_cannot_be():
    found = metrics.mean([0.0, 0.0, 1.0], least=0.0, most=1.0)
    assert (found.low, found.value) == (0.0, pytest.approx(1 / 3)) and found.high == 1.0
    assert metrics.mean([0.0, 0.0, 1.0]).low < 0.0


@pytest.mark.parametrize("percent", [50.0, 99.0])
def test_percentile_interval_covers_as_stated(percent):
    # 1000 repetitions: at 95 % the deviation is 0.7 points; order statistics cover a little more
    generator = np.random.default_rng(8)
    true = -np.log(1 - percent / 100)
    found = [metrics.percentile(generator.exponential(size=600), percent) for _ in range(1000)]
    assert 0.93 < np.mean([m.low <= true <= m.high for m in found]) <= 1.0
    assert all(m.low <= m.value <= m.high for m in found)


def test_percentile_of_few_samples_ends_at_the_largest():
    found = metrics.percentile(np.arange(20.0), 99)
    assert (found.high, found.n) == (19.0, 20)


def test_psnr_of_a_known_error():
    sent = np.zeros((2, 4, 4, 3))
    received = np.stack([np.full((4, 4, 3), 0.1), np.full((4, 4, 3), 0.01)])
    assert metrics.psnr_db(sent, received) == pytest.approx([20.0, 40.0])
    assert metrics.psnr_of_mean_mse(metrics.mse(sent, received)).value == pytest.approx(
        -10 * np.log10((0.01 + 0.0001) / 2)
    )


def test_uint8_and_float_agree():
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    other = images[::-1].copy()
    assert metrics.psnr_db(images, other) == pytest.approx(metrics.psnr_db(images / 255.0, other))
    assert metrics.ssim(images, other) == pytest.approx(metrics.ssim(images / 255.0, other / 255.0))


def test_equal_images():
    images = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert metrics.psnr_db(images, images) == pytest.approx([120.0, 120.0])
    assert metrics.ssim(images, images) == pytest.approx([1.0, 1.0])


def test_roc_of_a_perfect_score():
    false_alarm, detection, _ = metrics.roc(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert detection[false_alarm == 0].max() == 1.0


def test_confusion_matrix_keeps_absent_classes():
    found = metrics.confusion_matrix(np.array([0, 0, 2]), np.array([0, 2, 2]), 4)
    assert found.shape == (4, 4)
    assert found[0].tolist() == [1, 0, 1, 0]
    assert found.sum() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: metrics.proportion(3, 2),
        lambda: metrics.proportion(0, 0),
        lambda: metrics.mean([]),
        lambda: metrics.percentile([1.0], 100.0),
        lambda: metrics.mse(np.zeros((1, 2, 2)), np.zeros((1, 2, 3))),
        lambda: metrics.roc(np.ones(3), np.ones(3)),
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        wrong()
