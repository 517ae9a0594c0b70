# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures from files: orientation, transparency, cropping, and refusal of what is no picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from semisac_ml.data import DataError, reading
from semisac_ml.data.images import load_images, load_photographs


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


RAMP = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
WIDE = (257 * RAMP.astype(np.uint16)).astype("<u2")


def big_endian_tiff(
    file, numbers: np.ndarray, bits: int, sample_format: int, white_is_zero: bool = False
) -> None:
    """A TIFF of one strip, as other programs write it."""
    height, width = numbers.shape
    data = numbers.tobytes()
    fields = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, not white_is_zero)]
    fields += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(data)), (339, 3, sample_format)]
    entries = b"".join(
        tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + (1).to_bytes(4, "big")
        + (int(value).to_bytes(4, "big") if kind == 4 else int(value).to_bytes(2, "big") + bytes(2))
        for tag, kind, value in fields
    )  # fmt: skip
    head = b"MM\0*" + (8 + len(data)).to_bytes(4, "big")
    file.write_bytes(head + data + len(fields).to_bytes(2, "big") + entries + bytes(4))


def save_ramp(folder, kind: str):
    """A file with a ramp from black to white."""
    file = folder / ("ramp.png" if kind.endswith("png") else "ramp.tif")
    if kind == "pgm":
        file = folder / "ramp.pgm"
        file.write_bytes(b"P5 256 256 65535\n" + WIDE.astype(">u2").tobytes())
    elif kind == "tif, big endian":
        big_endian_tiff(file, WIDE.astype(">u2"), 16, 1)
    elif kind == "float tif":
        Image.fromarray(RAMP.astype(np.float32) / 255).save(file)
    elif kind == "float tif, big endian, white is zero":
        big_endian_tiff(file, (1.0 - RAMP / 255).astype(">f4"), 32, 3, white_is_zero=True)
    elif kind == "cmyk tif":
        Image.fromarray(RAMP).convert("CMYK").save(file)
    elif kind == "palette png":
        picture = Image.fromarray(RAMP[:, ::-1].copy(), "L").convert("P")
        picture.putpalette(np.repeat(np.arange(255, -1, -1), 3).astype(np.uint8).tobytes())
        picture.save(file)
    else:
        Image.fromarray(WIDE).save(file)
    return file


KINDS = (
    "16 bit png", "16 bit tif", "tif, big endian", "pgm", "float tif", "float tif, big endian, white is zero",
    "cmyk tif", "palette png",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_ramp_stays_a_ramp_whatever_its_numbers(tmp_path, kind):
    file = save_ramp(tmp_path, kind)
    expected = np.repeat(RAMP[..., None], 3, axis=2)
    [photograph] = load_photographs(file)
    for found in (load_images(file, 256)[0], photograph, reading.picture(file, "camera")):
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_transparent_grey_of_16_bits_is_white(tmp_path):
    Image.fromarray(WIDE).save(tmp_path / "a.png", transparency=0)
    found = load_images(tmp_path / "a.png", 256)[0, 0, :, 0]
    assert found.tolist() == [255, *range(1, 256)]


@pytest.mark.parametrize(
    "numbers, message",
    [
        (
            RAMP.astype(np.float32),
            "holds fractions from 0 to 255, expected 0 .black. to 1",
        ),
        (RAMP.astype(np.float32) / 255 - 0.5, "holds fractions from -0.5 to 0.5"),
        (np.full((32, 32), np.nan, np.float32), "holds fractions"),
        (WIDE.astype(np.int32), "holds whole numbers of 32 bits or with a sign, of which white"),
    ],
)
def test_numbers_whose_white_is_not_known_are_refused(tmp_path, numbers, message):
    Image.fromarray(numbers).save(tmp_path / "a.tif")
    for read in (load_images, lambda file: reading.picture(file, "camera")):
        with pytest.raises(DataError, match=f"a.tif.*: {message}") as refused:
            read(tmp_path / "a.tif")
        assert "\n" not in str(refused.value)


def test_signed_numbers_are_refused(tmp_path):
    big_endian_tiff(tmp_path / "a.tif", WIDE.astype(">i2"), 16, 2)
    with pytest.raises(DataError, match="with a sign"):
        load_images(tmp_path / "a.tif")


def test_of_several_pictures_the_first_is_taken_and_that_is_said(tmp_path, caplog):
    frames = [Image.new("RGB", (32, 32), (level,) * 3) for level in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert np.abs(load_images(tmp_path / "a.gif").astype(int) - 10).max() <= 1
    assert "a.gif: holds several pictures, the first is taken" in caplog.text
    caplog.clear()
    frames[0].save(tmp_path / "b.gif")
    load_images(tmp_path / "b.gif")
    assert not caplog.text


def test_every_picture_of_a_folder_is_read_or_refused(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jp2")
    Image.new("RGB", (32, 32)).save(tmp_path / "b.tga")
    assert len(load_images(tmp_path)) == 2
    (tmp_path / "c.heic").write_bytes(b"a photograph of a telephone")
    with pytest.raises(DataError, match="c.heic: cannot be read as a picture"):
        load_images(tmp_path)


def test_a_file_that_may_not_be_read_says_why(tmp_path, monkeypatch):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(DataError, match="a.png: cannot be read .Permission denied.: check its permissions"):
        load_images(tmp_path / "a.png")
