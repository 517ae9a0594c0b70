# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Components, tracks and samples of SIMAC, on scenes of which all is known."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.data import DataError, tracks


def test_components():
    moving = np.zeros((40, 50), dtype=bool)
    moving[5:15, 10:18] = True
    moving[15:20, 18:25] = True  # touches the first at a corner: one component
    moving[30:32, 40:42] = True  # too small
    moving[25:35, 2:10] = True
    boxes, owner = tracks.components(moving, least_pixels=60)
    assert boxes.tolist() == [[10, 5, 15, 15], [2, 25, 8, 10]]
    assert (owner == 1).sum() == 80 + 35 and (owner == 2).sum() == 80 and owner[31, 41] == 0


def test_overlap():
    boxes = np.array([[0.0, 0, 10, 10]])
    others = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 5, 5], [2, 2, 5, 5]])
    np.testing.assert_allclose(tracks.overlap(boxes, others)[0], [1, 50 / 150, 0, 0.25])


def crossing(frames: int = 20):
    """Two boxes that pass through each other, and one that is there from frame 5 to 9 and from 12 on."""
    for frame in range(frames):
        boxes = [[10 + 4 * frame, 50, 12, 12], [90 - 4 * frame, 53, 12, 12]]
        if 5 <= frame < 10 or frame >= 12:
            boxes.append([30, 120, 20, 20])
        yield frame, np.array(boxes, dtype=float)


def test_tracks_keep_their_direction_and_end_where_nothing_is_seen():
    found = tracks.link(crossing())
    per_track = {int(k): found.centre[found.track == k] for k in np.unique(found.track)}
    assert sorted(map(len, per_track.values())) == [5, 8, 20, 20]
    for centre in per_track.values():
        if len(centre) == 20:
            steps = np.diff(centre[:, 0])
            assert (steps == steps[0]).all() and abs(steps[0]) == 4


def test_frames_that_are_not_neighbours():
    boxes = [(frame, np.array([[3.0 * frame, 0, 12, 12]])) for frame in (0, 2, 4, 8, 10)]
    assert len(np.unique(tracks.link(boxes).track)) == 1  # predicted over the gap: 12 px for 4 frames
    assert len(tracks.link([(0, np.zeros((0, 4))), (1, np.zeros((0, 4)))])) == 0


def test_distance_and_angle_from_the_lower_right_corner():
    # straight above the corner is pi/2, straight to its left pi, the diagonal between them 3 pi/4
    centre = np.array([[100.0, 20], [40, 60], [60, 20]])
    distance, angle = tracks.from_base_station(centre, (60, 100))
    np.testing.assert_allclose(distance, [40, 60, 40 * np.sqrt(2)])
    np.testing.assert_allclose(angle, [np.pi / 2, np.pi, 3 * np.pi / 4])


def samples_of(found: tracks.Tracks, step: int = 1) -> tracks.TargetSamples:
    picture = np.full((150, 120, 3), 7, dtype=np.uint8)
    return tracks.target_samples("made up", found, (150, 120), 10.0, lambda number: picture, step=step)


def test_velocity_over_a_step():
    found = tracks.link(crossing())
    for step in (1, 4):
        samples = samples_of(found, step)
        still = samples.tracks.box[:, 2] == 20
        np.testing.assert_allclose(samples.velocity_mps[~still], 40.0)  # 4 px a frame, 10 frames a second
        np.testing.assert_allclose(samples.velocity_mps[still], 0.0)
        assert (~still).sum() == 2 * (20 - step)
        assert still.sum() == max(5 - step, 0) + 8 - step
    with pytest.raises(DataError, match="no target is seen twice 30 frames apart"):
        samples_of(found, 30)


def test_a_box_is_the_target_where_there_is_no_mask():
    samples = samples_of(tracks.link(crossing()))
    assert samples[0].target.any(axis=2).sum() == 144
    outside = tracks.inside_box(np.array([-5.0, -5.0, 10.0, 8.0]), (20, 20))
    assert outside.sum() == 15 and outside[:3, :5].all()
    with pytest.raises(IndexError):
        samples[len(samples)]


def test_pieces_share_nothing():
    rng = np.random.default_rng(4)
    starts = rng.integers(0, 300, 60)
    boxes = {frame: [] for frame in range(320)}
    for k, start in enumerate(starts):
        for frame in range(start, min(start + 15, 320)):
            boxes[frame].append([100.0 * k + frame - start, 0, 20, 20])
    found = tracks.link((frame, np.array(each).reshape(-1, 4)) for frame, each in boxes.items())
    pieces = samples_of(found).pieces(4)
    for what in ("frame", "track"):
        seen = [set(getattr(piece.tracks, what).tolist()) for piece in pieces]
        assert sum(map(len, seen)) == len(set.union(*seen))
    assert pieces[0].name == "made up, piece 1 of 4"
    with pytest.raises(DataError, match="piece 1 of 300 is empty|is empty, expected fewer pieces"):
        samples_of(found).pieces(300)
