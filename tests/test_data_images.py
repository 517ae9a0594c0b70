# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures from files: orientation, transparency, cropping, and refusal of what is no picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from semisac_ml.data import DataError
from semisac_ml.data.images import load_images


def test_picture_of_the_right_size_is_unchanged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(load_images(tmp_path / "a.png"), pixels[None])


def test_central_square_is_kept(tmp_path):
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:, 32:96] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert (load_images(tmp_path / "wide.png") == 200).all()


def test_resizing_averages_areas(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    expected = pixels.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert load_images(tmp_path / "large.png")[0] == pytest.approx(expected, abs=1.0)


def test_folder_in_the_order_of_names(tmp_path):
    for value, name in ((30, "c.png"), (10, "a.bmp"), (20, "b.PNG")):
        Image.new("RGB", (40, 40), (value,) * 3).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    images = load_images(tmp_path)
    assert (images.shape, images.dtype) == ((3, 32, 32, 3), np.uint8)
    assert images[:, 0, 0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "I;16", "LA", "RGBA"])
def test_every_colour_mode_becomes_rgb(tmp_path, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new(mode, (48, 48)).save(tmp_path / f"a.{suffix}")
    assert load_images(tmp_path / f"a.{suffix}").shape == (1, 32, 32, 3)


def test_transparent_pixels_are_white(tmp_path):
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert (load_images(tmp_path / "a.png") == 255).all()


def test_orientation_of_the_camera_is_applied(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 250  # bright above; orientation 3 turns by 180 degrees
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 3
    picture.save(tmp_path / "a.png", exif=exif)
    found = load_images(tmp_path / "a.png")[0]
    assert found[4].mean() == 0
    assert found[28].mean() == 250


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match="a.png: cannot be read as a picture") as caught:
        load_images(tmp_path)
    assert "\n" not in str(caught.value)


def test_picture_cut_off_is_refused(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:3000])
    with pytest.raises(DataError, match="cannot be read as a picture"):
        load_images(tmp_path / "a.png")


def test_missing_and_empty_places_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_images(tmp_path / "absent.png")
    with pytest.raises(DataError, match="holds no picture"):
        load_images(tmp_path)
