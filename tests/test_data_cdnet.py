# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CDnet: squares whose motion is known, and the real motorway where it is."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading

import made_up_data
import numpy as np
import pytest

from semisac_ml.data import DataError, cdnet


@pytest.fixture(scope="module")
def highway() -> cdnet.Video:
    """The real video."""
    try:
        return cdnet.load()
    except DataError as error:
        pytest.skip(str(error))


def test_squares_become_samples(tmp_path):
    made_up_data.cdnet(tmp_path)
    samples = cdnet.load_targets("highway", tmp_path, frame_rate_hz=20.0, metres_per_pixel=0.5)
    # ten labelled frames, two numbers apart; the last has no next one to measure the velocity with
    assert len(samples) == 2 * 9 and len(set(samples.tracks.track)) == 2
    height, width = made_up_data.CDNET_SIZE
    for index in range(len(samples)):
        frame = int(samples.tracks.frame[index])
        squares = made_up_data.cdnet_squares(frame)
        left, top, w, h = squares[0] if samples.tracks.box[index, 2] == 10 else squares[1]
        np.testing.assert_array_equal(samples.tracks.box[index], (left, top, w, h))
        to_left, upwards = width - (left + w / 2), height - (top + h / 2)
        assert samples.distance_m[index] == pytest.approx(0.5 * np.hypot(to_left, upwards))
        assert samples.angle_rad[index] == pytest.approx(np.pi - np.arctan(upwards / to_left))
        # 2 px a frame number, 20 numbers a second, 0.5 m a pixel: 20 m/s; the other half of it
        assert samples.velocity_mps[index] == pytest.approx(20.0 if w == 10 else 10.0)
    one = samples[0]
    shown = one.target.any(axis=2)
    assert shown.sum() == samples.tracks.box[0, 2:].prod()
    np.testing.assert_array_equal(one.target[shown], one.frame[shown])
    assert one.echo.shape == (10, 6000)


def test_official_folders(tmp_path):
    home = made_up_data.cdnet(tmp_path)
    official = tmp_path / "other/dataset2014/dataset/baseline"
    official.mkdir(parents=True)
    shutil.copytree(home, official / "highway")
    assert cdnet.load("highway", tmp_path / "other").folder == official / "highway"
    assert cdnet.load("highway", home).folder == home  # the video's own folder
    with pytest.raises(DataError, match="cdnet-office not found in .*download the video office from http"):
        cdnet.load("office", tmp_path)


def test_fetch(tmp_path):
    home = made_up_data.cdnet(tmp_path / "made")
    shutil.make_archive(str(tmp_path / "highway"), "zip", home.parent, "cdnet-highway")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/highway.zip"
        folder = cdnet.fetch(tmp_path / "root", url=url)
        assert folder == tmp_path / "root/cdnet-highway" == cdnet.verify(tmp_path / "root")
        assert list((tmp_path / "root").iterdir()) == [folder]
        with pytest.raises(DataError, match="highway cannot be downloaded from .*missing.zip"):
            cdnet.fetch(tmp_path / "empty", url=url.replace("highway.zip", "missing.zip"))
    finally:
        server.shutdown()
        server.server_close()


def test_real_labels(highway):
    assert highway.size == (240, 320) and highway.region.all()
    assert highway.numbers[0] == 470 and highway.numbers[-1] == 1700 and len(highway.numbers) == 616
    label = highway.label(int(highway.numbers[100]))
    assert set(np.unique(label)) <= {0, 50, 85, 170, 255} and (label == 255).any()


def test_cars_of_the_real_motorway_come_towards_the_camera(highway):
    found = highway.tracks()
    lengths = np.bincount(found.track)
    long = np.flatnonzero(lengths >= 60)
    assert len(long) >= 15
    for track in long:
        own = found.track == track
        bottom, width = (found.box[own, 1] + found.box[own, 3]), found.box[own, 2]
        assert bottom[-1] > bottom[0] + 15  # down the picture, and wider than it was far away
        assert width.max() > width[0]
        step = np.linalg.norm(np.diff(found.centre[own], axis=0), axis=1) / np.diff(found.frame[own])
        assert np.median(step) < 6  # pixels a frame


def test_real_samples_and_their_pieces(highway):
    samples = cdnet.load_targets()
    assert len(samples) > 2000
    assert (samples.angle_rad > np.pi / 2).all() and (samples.angle_rad < np.pi).all()
    assert samples.distance_m.max() <= np.hypot(240, 320)
    pieces = samples.pieces(3)
    for what in ("frame", "track"):
        seen = [set(getattr(piece.tracks, what).tolist()) for piece in pieces]
        assert sum(map(len, seen)) == len(set.union(*seen))
    assert sum(map(len, pieces)) > 0.5 * len(samples)
    one = pieces[1][5]
    assert one.target.any() and one.target.any(axis=2).sum() < 0.2 * 240 * 320
