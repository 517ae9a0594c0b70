# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VIRAT: a made-up clip in its layout."""

from __future__ import annotations

import os
import pickle

import made_up_data
import numpy as np
import pytest

from semisac_ml.data import DataError, virat
from semisac_ml.data.clip import Clip

av = pytest.importorskip("av", reason="videos need the package av")
CLIP = made_up_data.VIRAT_CLIP


def test_objects(tmp_path):
    made_up_data.virat(tmp_path)
    assert virat.clips(tmp_path) == [CLIP]
    found, kind = virat.load_objects(CLIP, tmp_path)
    assert len(found) == 45 + 45 + 25
    for frame, track, box, what in zip(found.frame, found.track, found.box, kind, strict=True):
        assert (*box, what) == made_up_data.virat_boxes(int(frame))[int(track)]


def test_samples_one_second_apart(tmp_path):
    made_up_data.virat(tmp_path)
    samples = virat.load_targets(CLIP, tmp_path)
    # 45 frames of 10 a second: sampled at 0, 10, 20, 30, 40; each of two cars seen again four times
    assert sorted(samples.tracks.frame) == sorted([0, 10, 20, 30] * 2)
    moving = samples.tracks.track == 0
    np.testing.assert_allclose(samples.velocity_mps[moving], 10.0)
    np.testing.assert_allclose(samples.velocity_mps[~moving], 0.0)
    height, width = made_up_data.VIRAT_SIZE
    centre = np.array([2 + 20 + 10, 20 + 6])
    index = int(np.flatnonzero(moving & (samples.tracks.frame == 20))[0])
    assert samples.distance_m[index] == pytest.approx(np.linalg.norm(centre - (width, height)))
    fast = virat.load_targets(CLIP, tmp_path, sampling_hz=5.0)
    assert len(set(fast.tracks.frame)) == 22
    np.testing.assert_allclose(fast.velocity_mps[fast.tracks.track == 0], 10.0)
    people = virat.load_targets(CLIP, tmp_path, kinds=("person",))
    assert people.tracks.frame.tolist() == [10]


@pytest.mark.parametrize("order", [range(45), [44, 3, 3, 20, 19, 0, 40, 12, 13]])
def test_pictures_by_their_number(tmp_path, order):
    made_up_data.virat(tmp_path)
    clip = Clip(tmp_path / f"virat/videos_original/{CLIP}.mp4")
    assert (clip.size, clip.frame_rate_hz, clip.frames) == (made_up_data.VIRAT_SIZE, 10.0, 45)
    for number in order:
        level = np.median(clip.read(number))
        assert abs(level - (16 + 5 * number)) < 2.5, number
    with pytest.raises(DataError, match="frame 45: cannot be read"):
        clip.read(45)


def test_a_sample_shows_its_frame(tmp_path):
    made_up_data.virat(tmp_path)
    samples = virat.load_targets(CLIP, tmp_path)
    index = int(np.flatnonzero(samples.tracks.frame == 30)[0])
    one = samples[index]
    assert abs(np.median(one.frame) - (16 + 5 * 30)) < 2.5
    assert one.target.any(axis=2).sum() == samples.tracks.box[index, 2:].prod()


def test_samples_go_to_other_processes(tmp_path, monkeypatch):
    made_up_data.virat(tmp_path)
    samples = virat.load_targets(CLIP, tmp_path)
    expected = [one.frame for one in samples]
    copy = pickle.loads(pickle.dumps(samples))
    np.testing.assert_array_equal(copy[3].frame, expected[3])
    monkeypatch.setattr(os, "getpid", lambda: -5)  # as after a fork: the decoder is another's
    for one, frame in zip(samples, expected, strict=True):
        np.testing.assert_array_equal(one.frame, frame)


def test_verify_and_what_to_download(tmp_path):
    with pytest.raises(DataError, match="virat not found in .*accept the terms at https://viratdata.org"):
        virat.clips(tmp_path)
    home = made_up_data.virat(tmp_path)
    assert virat.verify(tmp_path) == virat.fetch(tmp_path) == home
    with pytest.raises(DataError, match="kind is 'lorry'"):
        virat.load_targets(CLIP, tmp_path, kinds=("lorry",))
    with pytest.raises(DataError, match="VIRAT_S_9.viratdata.objects.txt: objects: are missing"):
        virat.load_objects("VIRAT_S_9", tmp_path)
