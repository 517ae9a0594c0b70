# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observations as inputs of a network: by time stamp, absent, stale, late; any sensor of a manifest."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")

from tiny_beam_bundle import make_tiny_beam_bundle

from semisac_ml.runtime import Bundle, BundleError
from semisac_ml.runtime.observations import MOST_REMEMBERED, Observations, modalities


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The made-up bundle with a camera."""
    folder = make_tiny_beam_bundle(tmp_path_factory.mktemp("models") / "vi_beam" / "tiny", camera=True)
    return Bundle.load(folder)


@pytest.fixture(scope="module")
def session(bundle):
    """Its network."""
    return bundle.session("beams")


@pytest.fixture
def observations(bundle):
    """Nothing seen yet."""
    return Observations(bundle, "beams", interval_s=0.1, site=1)


def test_sensors_are_read_from_the_interface(session):
    found = modalities(session, "vi_beam/tiny")
    assert {name: (one.frames, one.shape) for name, one in found.items()} == {
        "power": (5, (64,)),
        "position": (5, (2,)),
        "camera": (0, (64,)),
    }


def test_an_input_of_no_sensor_is_refused(session):
    class Strange:
        inputs = {**session.inputs, "mood": session.inputs["site"]}

    with pytest.raises(BundleError, match="inputs mood belong to no sensor"):
        modalities(Strange, "vi_beam/strange")


def test_observations_take_their_place_by_their_time(observations):
    observations.add("power", 1.0, [-3.0, -7.0], [10, 63])
    observations.add("power", 0.8, np.arange(64.0))
    observations.add("position", 0.62, [4.0, 5.0])  # nearest to 0.6, four frames ago
    observations.add("camera", 0.9, np.full(64, 0.5))
    feed = observations.inputs(1.0)
    assert np.flatnonzero(feed["measured"][0, 4]).tolist() == [10, 63]
    assert feed["power_db"][0, 4, [10, 63]].tolist() == [-3.0, -7.0]
    np.testing.assert_array_equal(feed["power_db"][0, 2], np.arange(64.0))
    assert feed["measured"][0].sum(axis=1).tolist() == [0, 0, 64, 0, 2]
    assert feed["position_known"][0].tolist() == [1, 0, 0, 0, 0]
    assert feed["position_m"][0, 0].tolist() == [4.0, 5.0]
    assert feed["camera_known"].tolist() == [1.0]
    assert feed["site"].tolist() == [1]
    assert observations.usable() == {"power": 2, "position": 1, "camera": 1}


def test_nothing_seen_is_all_absent(observations):
    feed = observations.inputs(5.0)
    assert all(not feed[name].any() for name in feed if name != "site")


def test_frames_move_back_and_out_as_time_goes_on(observations):
    observations.add("position", 0.0, [1.0, 2.0])
    places = [observations.inputs(now)["position_known"][0].tolist() for now in (0.0, 0.1, 0.4, 0.5)]
    assert places == [[0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [1, 0, 0, 0, 0], [0] * 5]
    assert observations.counts["position"]["stale"] == 0  # it was used while it was young


def test_stale_observations_are_left_out_and_counted(observations):
    observations.add("position", 0.0, [1.0, 2.0])  # never used: the first prediction comes too late
    assert not observations.inputs(2.0)["position_known"].any()
    observations.add("position", 1.2, [1.0, 2.0])  # too old when it arrives
    assert not observations.inputs(2.0)["position_known"].any()
    assert dict(observations.counts["position"]) == {"taken": 0, "late": 0, "stale": 2}


def test_an_age_of_one_s_own_makes_stale_sooner(bundle):
    observations = Observations(bundle, "beams", 0.1, longest_s=0.15)
    observations.add("position", 0.0, [1.0, 2.0])
    assert observations.inputs(0.1)["position_known"].any()
    assert not observations.inputs(0.2)["position_known"].any()


def test_late_observations_are_used_for_what_comes_after(observations):
    observations.inputs(1.0)
    observations.add("position", 0.9, [1.0, 2.0])
    assert observations.counts["position"]["late"] == 1
    assert observations.inputs(1.1)["position_known"][0].tolist() == [0, 0, 1, 0, 0]


def test_what_is_yet_to_come_waits(observations):
    observations.add("position", 1.3, [1.0, 2.0])
    assert not observations.inputs(1.0)["position_known"].any()
    assert observations.inputs(1.3)["position_known"][0, 4] == 1


@pytest.mark.parametrize(
    ("modality", "values", "elements"),
    [
        ("position", [1.0], None),
        ("position", [1.0, np.nan], None),
        ("power", [1.0, 2.0], [3]),
        ("power", [1.0], [64]),
        ("power", [1.0], [-1]),
        ("camera", np.zeros(63), None),
    ],
)
def test_what_does_not_fit_is_refused_and_counted(observations, modality, values, elements):
    observations.add(modality, 1.0, values, elements)
    assert dict(observations.counts[modality]) == {"refused": 1}
    assert not observations.inputs(1.0)["measured"].any()


def test_a_sensor_that_the_network_does_not_take_is_counted(observations):
    observations.add("lidar", 1.0, [1.0])
    assert dict(observations.counts["lidar"]) == {"not used": 1}


def test_what_nobody_asks_for_is_not_kept_for_ever(observations):
    for step in range(MOST_REMEMBERED + 10):
        observations.add("position", 0.1 * step, [1.0, 2.0])
    assert dict(observations.counts["position"]) == {"taken": MOST_REMEMBERED, "late": 0, "stale": 10}


def test_a_clock_that_begins_anew_forgets(observations):
    for time_s in (0.0, 5.0):
        observations.add("position", time_s, np.array([time_s, 1.0]))
    observations.inputs(5.0)
    feed = observations.inputs(0.1)
    assert feed["position_known"][0].tolist() == [0, 0, 0, 0, 0]  # that of 0.0 was stale at 5.0
    feed = observations.inputs(5.0)
    assert not feed["position_known"].any()


def test_another_vehicle_forgets_without_counting(observations):
    observations.add("position", 1.0, [1.0, 2.0])
    observations.add("position", 9.0, [3.0, 4.0])
    observations.forget(before_s=8.95)
    assert observations.inputs(9.0)["position_m"][0, 4].tolist() == [3.0, 4.0]
    assert observations.counts["position"]["stale"] == 0


@pytest.mark.parametrize("wrong", [{"interval_s": 0.0}, {"interval_s": 0.1, "longest_s": 0.0}])
def test_bad_times(bundle, wrong):
    with pytest.raises(ValueError, match="expected a positive time"):
        Observations(bundle, "beams", **wrong)


def test_a_sensor_with_an_encoder_is_encoded_once(tmp_path):
    """The tiny encoder gives the brightness of 64 columns over 100, of pictures [2, 64] of whole numbers."""
    folder = make_tiny_beam_bundle(tmp_path / "vi_beam" / "seeing", camera=True, picture=(2, 64))
    observations = Observations(Bundle.load(folder), "beams", interval_s=0.1)
    picture = np.random.default_rng(0).integers(0, 256, (2, 64), dtype=np.uint8)
    observations.add("camera", 0.0, picture.ravel())
    feed = observations.inputs(0.0)
    np.testing.assert_allclose(feed["camera_features"][0], picture.sum(axis=0) / 100.0, rtol=1e-6)
    observations.add("camera", 0.1, picture[0])
    assert observations.counts["camera"]["refused"] == 1
