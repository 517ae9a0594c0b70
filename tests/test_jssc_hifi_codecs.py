# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that the digital baselines count, against the formats' own structure and against FFmpeg's parser."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from semisac_ml.data import cifar10
from semisac_ml.systems.jssc_hifi import av1_headers, codecs

PICTURE = cifar10.sample()[0][0]
CODECS = codecs.codecs(avif_speed=8)


def wide_picture() -> np.ndarray:
    """Slopes, edges and noise, 300 x 172."""
    across, down = np.meshgrid(np.arange(300), np.arange(172))
    noise = np.random.default_rng(1).normal(0, 12, (172, 300))
    planes = [across * 0.7, 255 * ((across // 40 + down // 40) % 2), 128 + noise]
    return np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CODECS)
def test_counts_leave_headers_out(name: str) -> None:
    codec = CODECS[name]
    for variant in codec.variants(PICTURE.size):
        file = codec.encode(PICTURE, variant, codec.settings[len(codec.settings) // 2])
        assert 0 < codec.data_bytes(file) < codec.stream_bytes(file) <= len(file)
        assert codecs.decode(file).shape == PICTURE.shape


def test_jpeg_scan_is_what_follows_its_header() -> None:
    """Baseline: one scan, from the end of its header to the end-of-image marker."""
    file = CODECS["JPEG"].encode(wide_picture(), {"subsampling": "4:4:4"}, 90)
    start = file.index(b"\xff\xda") + 2
    start += int.from_bytes(file[start : start + 2], "big")
    scan = file[start:-2]
    assert b"\xff\x00" in scan
    assert CODECS["JPEG"].data_bytes(file) == len(scan) - scan.count(b"\xff\x00")


def test_jpeg_without_application_data_decodes_alike() -> None:
    """What "stream" leaves out is not needed: the file without it is a picture, and as long as counted."""
    file = CODECS["JPEG"].encode(PICTURE, {"subsampling": "4:2:0"}, 50)
    length = int.from_bytes(file[4:6], "big")
    assert file[2:4] == b"\xff\xe0"
    bare = file[:2] + file[4 + length :]
    assert CODECS["JPEG"].stream_bytes(file) == len(bare)
    np.testing.assert_array_equal(codecs.decode(bare), codecs.decode(file))


def test_progressive_jpeg_counts_every_scan() -> None:
    written = io.BytesIO()
    Image.fromarray(wide_picture()).save(written, "JPEG", quality=60, progressive=True)
    file = written.getvalue()
    assert file.count(b"\xff\xda") > 1
    headers = len(file) - CODECS["JPEG"].data_bytes(file)
    assert 200 < headers < 0.3 * len(file)


def test_jpeg2000_packets_lie_between_start_and_end_of_data() -> None:
    file = CODECS["JPEG 2000"].encode(PICTURE, {"num_resolutions": 3}, 30.0)
    start = file.index(b"\xff\x93") + 2  # one tile part
    assert file.endswith(b"\xff\xd9")
    assert CODECS["JPEG 2000"].data_bytes(file) == len(file) - 2 - start


@pytest.mark.parametrize("quality", [0, 30, 60, 90, 100])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4", "4:0:0"])
def test_av1_tiles_follow_each_other_to_the_end(quality: int, subsampling: str) -> None:
    """Each tile but the last states its size: a misread header would break the chain."""
    written = io.BytesIO()
    options = {"quality": quality, "subsampling": subsampling, "tile_rows": 1, "tile_cols": 2}
    Image.fromarray(wide_picture()).save(written, "AVIF", speed=9, **options)
    units = codecs.Avif.units(written.getvalue())
    sizes = av1_headers.tile_sizes(units)
    assert len(sizes) == 6  # 5 x 3 superblocks in 3 columns of 2, 2, 1 and rows of 2, 1
    assert min(sizes) > 0
    assert 30 <= len(units) - sum(sizes) <= 48


@pytest.mark.parametrize("quality", [0, 20, 60, 100])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_av1_header_ends_where_ffmpeg_says(quality: int, subsampling: str) -> None:
    av = pytest.importorskip("av")
    logging = pytest.importorskip("av.logging")
    from av.bitstream import BitStreamFilterContext

    for picture in (PICTURE, wide_picture()):
        file = CODECS["AVIF"].encode(picture, {"subsampling": subsampling}, quality)
        before = logging.get_level()
        logging.set_level(logging.TRACE)
        try:
            with logging.Capture(local=False) as lines, av.open(io.BytesIO(file)) as container:
                stream = container.streams.video[0]
                tracer = BitStreamFilterContext("trace_headers", stream)
                for packet in container.demux(stream):
                    if packet.size:
                        tracer.filter(packet)
        finally:
            logging.set_level(before)
        fields = [line.split() for _, _, line in lines]
        bits = {field[1]: int(field[0]) for field in fields if len(field) > 1 and field[0].isdigit()}
        header = -(-(bits["reduced_tx_set"] + 1 - bits["disable_cdf_update"]) // 8)
        units = av1_headers.units(codecs.Avif.units(file))
        frame = next(payload for kind, payload in units if kind == av1_headers.OBU_FRAME)
        assert av1_headers.tile_sizes(codecs.Avif.units(file)) == [len(frame) - header]


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("counted", codecs.COUNTED)
def test_pictures_fit_and_improve_with_bits(name: str, counted: str) -> None:
    coded = codecs.CodedPicture(PICTURE, CODECS[name], counted)
    errors = []
    for bits in (6000, 12000, 20000):
        received = coded.within(bits)
        assert coded.fits(bits)
        assert received.shape == PICTURE.shape
        errors.append(np.square(received.astype(float) - PICTURE).mean())
    assert errors[0] > errors[1] >= errors[2]


@pytest.mark.parametrize("name", CODECS)
def test_what_fits_is_within_the_bits(name: str) -> None:
    codec = CODECS[name]
    coded = codecs.CodedPicture(PICTURE, codec)
    for variant, options in enumerate(codec.variants(PICTURE.size)):
        index = coded._largest(variant, 1500)
        file = codec.encode(PICTURE, options, codec.settings[index])
        assert codec.counted_bits(file, "data") <= 1500


def test_picture_that_does_not_fit_is_its_mean_colour() -> None:
    coded = codecs.CodedPicture(PICTURE, CODECS["AVIF"])
    assert not coded.fits(8)
    received = coded.within(8)
    np.testing.assert_allclose(received[3, 5], PICTURE.mean((0, 1)), atol=0.5)
    assert (received == received[0, 0]).all()


@pytest.mark.parametrize("name", CODECS)
def test_no_picture_is_worse_than_its_mean_colour(name: str) -> None:
    """The smallest files of some codecs are."""
    coded = codecs.CodedPicture(PICTURE, CODECS[name])
    for bits in (20, 60, 100, 200, 300):
        assert np.square(coded.within(bits) - PICTURE.astype(float)).mean() < PICTURE.var((0, 1)).mean() + 0.3


def test_unknown_way_of_counting_is_refused() -> None:
    with pytest.raises(ValueError, match="counted is 'all', expected one of data, stream"):
        codecs.CodedPicture(PICTURE, CODECS["JPEG"], "all")
