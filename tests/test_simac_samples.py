# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of SIMAC: a made-up video of which all is known, the street's sample, the real highway."""

from __future__ import annotations

import dataclasses

import made_up_data
import numpy as np
import pytest
from simac_testing import made_up

from semisac_ml.data import DataError, cdnet
from semisac_ml.data.scenes.reader import SceneSet
from semisac_ml.data.scenes.sample import sample
from semisac_ml.systems.simac import samples
from semisac_ml.systems.simac.samples import TEST, TRAIN, VALIDATION, Limits


def test_states_of_a_video():
    found = made_up()
    centre = np.array([10 + 4, 2 + 3])
    expected = 0.5 * np.hypot(80 - centre[0], 60 - centre[1])
    assert found.distance_m[0] == pytest.approx(expected)
    angle = np.arctan2(60 - centre[1], centre[0] - 80)
    assert found.azimuth_rad[0] == pytest.approx(angle - 0.75 * np.pi)
    # 20 px/s down the diagonal, of which the part towards the corner counts
    towards = np.array([80, 60]) - centre
    speed = 20.0 * (towards @ np.array([0.5**0.5, 0.5**0.5])) / np.linalg.norm(towards)
    assert found.velocity_mps[0] == pytest.approx(0.5 * speed, rel=0.01)
    assert (found.velocity_mps > 0).all()  # coming


def test_parts_share_no_frame_and_no_vehicle():
    found = made_up()
    parts = [found.of(part) for part in (TRAIN, VALIDATION, TEST)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        for what in (found.frame, found.target):
            assert not np.intersect1d(what[parts[one]], what[parts[other]]).size
    assert found.frame[found.of(TRAIN)].max() < found.frame[found.of(TEST)].min()
    assert all(len(part) for part in parts)


def test_a_video_that_is_too_short():
    with pytest.raises(DataError, match="made up: no vehicle is left for"):
        made_up(vehicles=1)


def test_limits_come_from_training_alone():
    found = made_up()
    limits = Limits.of(found)
    train = limits.normalise(found.states[found.of(TRAIN)])
    assert train.min() == 0.0 and train.max() == 1.0
    np.testing.assert_allclose(limits.in_units(limits.normalise(found.states)), found.states)


def test_cut_out_holds_the_target_alone_in_the_middle():
    frame = np.full((60, 80, 3), 200, np.uint8)
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:50] = True
    picture = samples.cut_out(frame, mask, np.array([30.0, 20, 20, 20]), 46)
    assert picture.shape == (46, 46, 3)
    assert (picture[5:-5, 5:-5] == 200).all()  # 46 pixels are 1.15 x 20: two a pixel of the frame
    assert (picture[:2] == 0).all() and (picture[:, -2:] == 0).all()
    at_the_edge = samples.cut_out(frame, np.ones((60, 80), bool), np.array([70.0, 50, 20, 20]), 46)
    assert (at_the_edge[30:, 30:] == 0).all() and (at_the_edge[5:15, 5:15] == 200).all()


def test_parts_of_drives():
    parts = samples.parts_of_drives(range(10))
    assert [drive for drive, part in parts.items() if part == VALIDATION] == [3, 8]
    assert [drive for drive, part in parts.items() if part == TEST] == [4, 9]
    assert sorted(samples.parts_of_drives([7, 8, 9]).values()) == [TRAIN, VALIDATION, TEST]
    with pytest.raises(DataError, match="there are 2 drives, expected three or more"):
        samples.parts_of_drives([1, 2])


@pytest.fixture(scope="module")
def street_folder(tmp_path_factory):
    return sample(tmp_path_factory.mktemp("scenes"))


def test_the_street(street_folder):
    scenes = SceneSet.open(street_folder)
    layout = scenes.drives[0]["layout"]
    sequences = {drive["sequence"]: TRAIN for drive in scenes.drives}
    found = samples.street(street_folder, layout, sequences, least_visible_pixels=10, parked=True)
    assert len(found) > 5
    row = int(np.argmax(found.box_px[:, 2]))
    mask = found.read_mask(row)
    rows, columns = np.nonzero(mask)
    assert [columns.min(), rows.min()] == found.box_px[row, :2].tolist()
    assert found.read_frame(int(found.frame[row])).shape[:2] == mask.shape
    # what is to the left in the picture has a positive azimuth
    middle = found.box_px[:, 0] + found.box_px[:, 2] / 2 - mask.shape[1] / 2
    aside = np.abs(middle) > 10
    assert (np.sign(middle[aside]) == -np.sign(found.azimuth_rad[aside])).all()
    # what comes nearer from step to step has a positive velocity
    for target in np.unique(found.target):
        own = np.flatnonzero(found.target == target)
        slope = np.diff(found.distance_m[own]) / np.diff(found.time_s[own]) if len(own) > 1 else []
        np.testing.assert_allclose(slope, -found.velocity_mps[own][:-1], atol=1.0)


def test_streets_that_are_not_there(street_folder):
    with pytest.raises(DataError, match="layout is 'bend', expected one of"):
        samples.street(street_folder, "bend")


def test_a_clip_of_virat(tmp_path):
    pytest.importorskip("av")
    home = made_up_data.virat(tmp_path)
    # six cars one after the other, seven frames each, of ten a second
    rows = [f"{car} 7 {7 * car + step} {5 + 4 * step} 20 20 12 2" for car in range(6) for step in range(7)]
    file = home / f"annotations/{made_up_data.VIRAT_CLIP}.viratdata.objects.txt"
    file.write_text("\n".join(rows) + "\n")
    found = samples.clip_of_virat(made_up_data.VIRAT_CLIP, tmp_path, sampling_hz=10.0)
    scale = 120 / np.hypot(*made_up_data.VIRAT_SIZE)
    height, width = made_up_data.VIRAT_SIZE
    assert found.distance_m[0] == pytest.approx(scale * np.hypot(width - 15, height - 26))
    # 40 px/s to the right, nearly all of it towards the corner
    assert 0.8 * 40 * scale < found.velocity_mps[0] < 40 * scale
    assert found.read_mask(0).sum() == 20 * 12
    assert set(found.part) == {TRAIN, VALIDATION, TEST}
    with pytest.raises(DataError, match="no vehicle is left for"):
        samples.clip_of_virat(made_up_data.VIRAT_CLIP, tmp_path, sampling_hz=2.0)


def test_the_highway():
    try:
        cdnet.find_folder()
    except DataError as error:
        pytest.skip(str(error))
    found = samples.highway()
    assert len(found) > 1000
    assert found.distance_m.max() < 125.0 and np.abs(np.degrees(found.azimuth_rad)).max() < 50.0
    assert np.abs(found.velocity_mps).max() < 70.0  # where Doppler folds over
    assert min(len(np.unique(found.group[found.of(part)])) for part in (TRAIN, VALIDATION, TEST)) >= 3


def test_scenes_joined_are_each_as_it_was():
    one, two = made_up(vehicles=8), made_up(vehicles=12, metres_per_pixel=1.0)
    both = samples.joined([one, dataclasses.replace(two, name="another")])
    assert both.name == "made up and another" and len(both) == len(one) + len(two)
    np.testing.assert_array_equal(both.states, np.concatenate([one.states, two.states]))
    last = len(both) - 1
    np.testing.assert_array_equal(both.read_frame(int(both.frame[last])), two.read_frame(int(two.frame[-1])))
    np.testing.assert_array_equal(both.read_mask(last), two.read_mask(len(two) - 1))
    assert len(np.unique(both.group)) == len(np.unique(one.group)) + len(np.unique(two.group))
    rows = both.of(TEST)
    places = both.by_scene(rows)
    assert list(places) == ["made up", "another"]
    np.testing.assert_array_equal(rows[places["another"]], len(one) + two.of(TEST))
    np.testing.assert_array_equal(Limits.of(both, "another").high, Limits.of(two).high)
    assert (Limits.of(both).high >= Limits.of(one).high).all()
    assert samples.joined([one]) is one
