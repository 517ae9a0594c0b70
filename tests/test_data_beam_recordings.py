# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings that are replayed: made up, shipped, and of DeepSense's layout."""

from __future__ import annotations

import numpy as np
import pytest
from beam_samples import street

from semisac_ml.data import DataError, beam_recordings, deepsense6g
from semisac_ml.sensors import declared
from semisac_ml.signal.beam_codebook import snapshots_of_paths


def test_made_up_drives_have_the_geometry_that_they_tell():
    """The straight path's azimuth is what position and boresight say, within GPS error."""
    made = beam_recordings.made_up(drives=2, seed=3)
    assert len(made) == len(made.paths) and made.drive.max() == 1
    middle_deg = beam_recordings.FIRST_BEAM_DEG - 31.5 * beam_recordings.BEAM_STEP_DEG
    told_deg = middle_deg - np.rad2deg(np.arctan2(made.position_m[:, 1], made.position_m[:, 0]))
    true_deg = np.rad2deg([paths.azimuth_rad[0] for paths in made.paths])
    assert np.abs(told_deg - true_deg).mean() < np.rad2deg(2 * beam_recordings.GPS_BIAS_M / 15.7)


def test_strongest_beam_of_a_made_up_drive_is_the_direction_unless_blocked():
    made = beam_recordings.made_up(drives=1)
    lost = 0
    for paths in made.paths:
        heard = snapshots_of_paths(paths, 16, 64, 20e6, 0.0, np.random.default_rng(0))
        power = made.codebook.power(made.codebook.covariance(heard), np.arange(64))
        wanted = np.abs(made.codebook.azimuths_rad - paths.azimuth_rad[0]).argmin()
        lost += abs(int(power.argmax()) - int(wanted)) > 2
    assert lost == beam_recordings.BLOCKED_FRAMES  # then the wall's mirror image is stronger


def test_the_same_seed_gives_the_same_drives():
    one, again, other = (beam_recordings.made_up(seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.position_m, again.position_m)
    assert not np.array_equal(one.position_m, other.position_m)


def test_recorded_scenario_by_folder(tmp_path):
    place = street(tmp_path, drives=2, frames=6)
    for folder in (tmp_path, place):
        found = beam_recordings.load(folder)
        scenario = deepsense6g.load(1, place)
        assert len(found) == len(scenario) == 12
        np.testing.assert_allclose(found.power_db, 10 * np.log10(scenario.power), atol=1e-5)
        assert found.power_db.argmax(axis=1).tolist() == scenario.beam.tolist()
        steps = np.diff(found.time_s)
        np.testing.assert_allclose(np.delete(steps, 5), 0.1)
        assert steps[5] == pytest.approx(beam_recordings.BETWEEN_DRIVES_S)


def test_missing_frames_leave_a_gap_in_time(tmp_path):
    scenario = deepsense6g.load(1, street(tmp_path, drives=1, frames=8))
    index = np.array([1, 2, 3, 6, 7, 8, 9, 10])
    gap = beam_recordings.of_scenarios([scenario.__class__(**{**vars(scenario), "index": index})])
    np.testing.assert_allclose(gap.time_s, (index - 1) * 0.1)


def test_the_sample_that_ships(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    found = beam_recordings.load("sample")
    assert len(found) == 9
    assert set(found.site) == {"canyon"}
    assert found.light == ["day"] * 5 + ["night"] * 4
    assert found.power_db.shape == (9, 64)


def test_sensors_of_the_sample_as_networks_are_given_them(tmp_path, monkeypatch):
    """The first frame of a drive has no frame before it: nothing has moved."""
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    found = beam_recordings.load("sample")
    camera = [found.sensed("camera", row) for row in (0, 1, 5)]
    assert [(picture[3] == 128).all() for picture in camera] == [True, False, True]
    assert found.sensed("lidar", 1).shape == declared()["lidar"].shape
    assert found.sensed("radar", 1).shape == declared()["radar"].shape
    assert beam_recordings.made_up().sensed("camera", 0) is None


def test_a_damaged_picture_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    found = beam_recordings.load("sample")
    damaged = tmp_path / "picture.jpg"
    damaged.write_bytes(b"no picture")
    broken = found.chosen(np.arange(2))
    broken.files["camera"][1] = damaged
    with pytest.raises(DataError, match="picture.jpg: unit1_rgb"):
        broken.sensed("camera", 1)


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="no such folder, expected made-up, sample, deepsense6g or a folder"):
        beam_recordings.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="deepsense6g not found"):
        beam_recordings.load(tmp_path)
    with pytest.raises(DataError, match="scenario 9 is not there"):
        beam_recordings.load(street(tmp_path), 9)


def test_first_frames(tmp_path):
    assert len(beam_recordings.made_up().first(7)) == 7
    assert len(beam_recordings.load(street(tmp_path)).first(7).power_db) == 7
