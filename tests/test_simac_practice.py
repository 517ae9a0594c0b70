# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radar, camera and Kalman filters without learning, against bounds and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simac_testing import made_up

from semisac_ml.data import DataError
from semisac_ml.data.scenes.camera import Camera
from semisac_ml.data.scenes.reader import SceneSet
from semisac_ml.data.scenes.sample import sample
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar, lfm_simo_echo
from semisac_ml.systems.simac import practice, shifted
from semisac_ml.systems.simac.samples import MARGIN, STATES, TEST, TRAIN, street
from semisac_ml.systems.simac.scoring import Outcome

RADAR = LfmSimoRadar(antennas=6, pulses=32)


@pytest.mark.parametrize("distance_m", [30.0, 65.0])
def test_the_radar_reaches_its_bounds(distance_m):
    # 41 and 27 dB; 80 trials tell a deviation to 8 %, 0.7 dB
    rng = np.random.default_rng(5)
    errors = []
    for _ in range(80):
        state = np.array([distance_m + rng.uniform(-2, 2), 0.3, rng.uniform(-15, 15)])
        found, said = practice.radar_estimate(lfm_simo_echo(*state, RADAR, rng), RADAR)
        errors.append(found - state)
    bounds = np.array(RADAR.deviations(distance_m, 0.3))[[0, 2, 1]]
    loss_db = 20 * np.log10(np.sqrt(np.square(errors).mean(axis=0)) / bounds)
    assert np.abs(loss_db).max() < 2.0, loss_db
    np.testing.assert_allclose(said, bounds, rtol=0.3)  # as the detector sees the SNR, at another distance


def test_a_target_that_is_too_far():
    radar = replace(RADAR, transmit_power_w=1e-12)
    found, said = practice.radar_estimate(
        lfm_simo_echo(100.0, 0.0, 0.0, radar, np.random.default_rng(1)), radar
    )
    assert np.isnan(found).all() and np.isinf(said).all()


def test_the_camera_sees_where_a_car_stands():
    # a box whose lower edge is the projection of a point on the ground, in a made-up street
    camera = Camera(np.array([0.0, 0.0, 6.0]), 0.3, -0.15, 320, 240)
    video = made_up()
    azimuth, ground_m = 0.2, 30.0
    point = ground_m * np.array([np.cos(0.3 + azimuth), np.sin(0.3 + azimuth), 0.0])
    pixel, _ = camera.project(point)
    boxes = np.tile([pixel[0] - 5, pixel[1] - 8, 10.0, 8.0], (len(video), 1))
    seen = replace(video, box_px=boxes, read_camera=lambda row: camera)
    found = practice.camera_estimates(seen, np.array([0]))[0]
    assert found[1] == pytest.approx(azimuth, abs=1e-6)
    assert found[0] == pytest.approx(np.hypot(ground_m, 6.0 - 0.75), rel=1e-6)
    with pytest.raises(DataError, match="made up: no camera is known"):
        practice.camera_estimates(video, np.array([0]))


def test_the_camera_of_the_street(tmp_path):
    folder = sample(tmp_path)
    scenes = SceneSet.open(folder)
    parts = {drive["sequence"]: TRAIN for drive in scenes.drives}
    samples = street(folder, scenes.drives[0]["layout"], parts, 60, parked=True)
    outcome = practice.camera_outcome(samples, TRAIN)
    assert np.degrees(np.abs(outcome.states["angle"] - samples.azimuth_rad)).mean() < 3.0
    assert np.abs(outcome.states["distance"] / samples.distance_m - 1).mean() < 0.3
    assert np.isnan(outcome.states["velocity"]).all()


def test_two_sensors_at_one_moment_are_weighed_by_their_variances():
    values = [(np.array([10.0]), np.array([2.0])), (np.array([13.0]), np.array([1.0]))]
    mean, deviation = practice.kalman(np.array([0.0]), values, [], 1.0)
    assert mean[0, 0] == pytest.approx((10 / 4 + 13) / (1 / 4 + 1), rel=1e-6)
    assert deviation[0, 0] == pytest.approx((1 / 4 + 1) ** -0.5, rel=1e-6)


def test_a_steady_motion_is_learnt_from_values_alone():
    # least squares of a straight line through n points 0.1 s apart: slope variance 12 s^2/(T^2 n (n^2 - 1))
    rng = np.random.default_rng(4)
    time_s = np.arange(50) * 0.1
    rates, last = [], None
    for _ in range(200):
        value = 5.0 + 3.0 * time_s + 0.2 * rng.normal(size=50)
        mean, last = practice.kalman(time_s, [(value, np.full(50, 0.2))], [], 0.0)
        rates.append(mean[-1, 1])
    expected = np.sqrt(12 * 0.2**2 / (0.1**2 * 50 * (50**2 - 1)))
    assert np.mean(rates) == pytest.approx(3.0, abs=4 * expected / 200**0.5)
    assert np.std(rates) == pytest.approx(expected, rel=0.15)
    assert last[-1, 1] == pytest.approx(expected, rel=0.01)


def test_nothing_is_said_before_a_sensor_speaks():
    silent = (np.array([np.nan, 4.0]), np.array([np.inf, 1.0]))
    mean, _ = practice.kalman(np.array([0.0, 0.1]), [silent], [], 1.0)
    assert np.isnan(mean[0]).all() and mean[1, 0] == pytest.approx(4.0)


def test_fusion_is_better_than_either_and_follows_each_vehicle():
    samples = made_up()
    rows = samples.of(TEST)
    rng = np.random.default_rng(3)
    truth = samples.states[rows]
    noisy = []
    for spread in ((0.3, 0.01, 0.1), (0.6, 0.005, np.inf)):
        said = truth + rng.normal(size=truth.shape) * np.where(np.isfinite(spread), spread, 0.0)
        said[:, ~np.isfinite(spread)] = np.nan
        noisy.append(
            Outcome(
                rows,
                dict(zip(STATES, said.T, strict=True)),
                dict(zip(STATES, np.tile(spread, (len(rows), 1)).T, strict=True)),
            )
        )
    fused = practice.fused_outcome(samples, noisy)
    for place, task in enumerate(STATES):
        error = np.sqrt(np.mean((fused.states[task] - truth[:, place]) ** 2))
        single = [np.sqrt(np.mean((one.states[task] - truth[:, place]) ** 2)) for one in noisy]
        assert error < 0.9 * np.nanmin(single)  # NaN for the one without velocities
        inside = np.abs(fused.states[task] - truth[:, place]) < 1.645 * fused.deviations[task]
        assert 0.75 < inside.mean() <= 1.0


def test_radar_outcome_is_the_radars():
    samples = made_up()
    outcome = practice.radar_outcome(samples, TEST, RADAR)
    rows = samples.of(TEST)
    assert (outcome.rows == rows).all()
    error = np.abs(outcome.states["velocity"] - samples.velocity_mps[rows])
    assert np.median(error / outcome.deviations["velocity"]) == pytest.approx(0.67, abs=0.25)


def test_a_shifted_picture_is_the_worse_the_further():
    samples = made_up()
    found = shifted.shifted_rows([samples], 56)
    for metric in ("psnr_db", "ssim"):
        values = [row.value for row in sorted(found, key=lambda row: row.x) if row.metric == metric]
        assert len(values) == len(shifted.SHIFTS_PX) and values == sorted(values, reverse=True)
    # a box that is off by its own size shows nothing of the target
    row = samples.of(TEST)[:1]
    side = MARGIN * float(samples.box_px[row[0], 2:].max())
    there, gone = (shifted._pictures(samples, row, (x, 0.0), 56).mean() for x in (0.0, side))
    assert gone < 0.05 * there
