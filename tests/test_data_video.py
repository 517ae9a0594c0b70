# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Videos and cameras: pictures in order, cropped, with their times; one clear error for what is none."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

av = pytest.importorskip("av", reason="videos need the package av")

from video_files import grey_levels, write_video  # noqa: E402

from semisac_ml.data import DataError, video  # noqa: E402
from semisac_ml.data.video import Video, is_video  # noqa: E402


def frames_of(opened: Video) -> list[tuple[np.ndarray, float]]:
    found = []
    while (frame := opened.next_frame()) is not None:
        found.append((opened.picture(frame[0]), frame[1]))
    return found


def test_every_picture_with_its_time(tmp_path):
    opened = Video(write_video(tmp_path / "grey.mkv", grey_levels(12), rate=20), size=8)
    found = frames_of(opened)
    assert [picture.shape for picture, _ in found] == [(8, 8, 3)] * 12
    assert [int(picture[0, 0, 0]) for picture, _ in found] == list(range(12))
    np.testing.assert_allclose([time for _, time in found], np.arange(12) / 20, atol=1e-3)


def test_the_central_square_is_averaged(tmp_path):
    picture = np.zeros((1, 16, 48, 3), np.uint8)
    picture[:, :, 16:32] = 100
    picture[:, ::2, 16:32, 1] = 200  # averaged with the rows between
    opened = Video(write_video(tmp_path / "one.mkv", picture), size=4)
    [(found, _)] = frames_of(opened)
    np.testing.assert_array_equal(found, np.broadcast_to(np.uint8([100, 150, 100]), (4, 4, 3)))


def test_a_rewound_file_begins_again_and_its_time_goes_on(tmp_path):
    opened = Video(write_video(tmp_path / "grey.mkv", grey_levels(5), rate=25))
    first = frames_of(opened)
    opened.rewind()
    again = frames_of(opened)
    assert [int(picture[0, 0, 0]) for picture, _ in again] == list(range(5))
    np.testing.assert_allclose([time for _, time in first + again], np.arange(10) / 25, atol=1e-3)


def test_a_camera_is_read_through_its_device(monkeypatch):
    monkeypatch.setattr(video, "CAMERA_FORMAT", "lavfi")
    monkeypatch.setattr(video, "CAMERA_DEVICE", "color=c=0x{}0ff00:size=64x48:rate=25")
    for name, red in (("camera", 0x00), ("camera:3", 0x30)):
        opened = Video(name)
        assert opened.live
        picture = opened.picture(opened.next_frame()[0])
        opened.close()
        np.testing.assert_allclose(picture[16, 16], [red, 255, 0], atol=3)  # through YUV and back


@pytest.mark.parametrize(
    "name, expected",
    [
        ("camera", True),
        ("camera:1", True),
        ("a/b.MP4", True),
        ("sample", False),
        ("a.png", False),
        ("a", False),
    ],
)
def test_names_of_videos(name, expected):
    assert is_video(name) is expected
    assert not is_video(np.zeros(3))


def test_what_is_no_video_is_one_clear_error(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no such file, expected a video"):
        Video(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(DataError, match="cannot be opened .*expected a video file"):
        Video(tmp_path / "text.mp4")
    with pytest.raises(DataError, match="is no camera, expected camera or camera:N"):
        Video("camera:left")
    monkeypatch.setattr(video, "CAMERA_DEVICE", str(tmp_path / "video{}"))
    with pytest.raises(DataError, match="camera:7: cannot be opened .*connect a camera"):
        Video("camera:7")


def test_a_sound_file_holds_no_pictures(tmp_path):
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    with pytest.raises(DataError, match="holds no pictures"):
        Video(tmp_path / "sound.mkv")


def test_without_the_package_the_error_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from semisac_ml.data import DataError\n"
        "from semisac_ml.data.video import Video\n"
        "try:\n    Video('camera')\n"
        "except DataError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "need the package av" in done.stdout
    assert "pip install 'semisac[radio]'" in done.stdout
