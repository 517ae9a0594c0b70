# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""MFNet: a made-up sample in its layout."""

from __future__ import annotations

import made_up_data
import numpy as np
import pytest
from PIL import Image

from semisac_ml.data import DataError, mfnet


def test_pairs(tmp_path):
    home = made_up_data.mfnet(tmp_path)
    pairs = mfnet.load("val", tmp_path)
    assert [pair.name for pair in pairs] == made_up_data.MFNET_NAMES["val"]
    stored = np.asarray(Image.open(home / "images/00005D.png"))
    np.testing.assert_array_equal(pairs[0].colour, stored[..., :3])
    np.testing.assert_array_equal(pairs[0].thermal, stored[..., 3])
    np.testing.assert_array_equal(pairs[0].label, np.asarray(Image.open(home / "labels/00005D.png")))
    assert pairs[-1].name == "00006N"


def test_splits_share_no_pair(tmp_path):
    made_up_data.mfnet(tmp_path)
    names = [
        {name.removesuffix("_flip") for name in mfnet.load(split, tmp_path).names} for split in mfnet.SPLITS
    ]
    assert sum(map(len, names)) == len(set.union(*names)) == 9


def test_an_empty_list_matters_where_it_is_asked_for(tmp_path):
    home = made_up_data.mfnet(tmp_path)
    (home / "val.txt").write_text("")
    assert len(mfnet.load("train", tmp_path)) == 5
    for attempt in (lambda: mfnet.load("val", tmp_path), lambda: mfnet.verify(tmp_path)):
        with pytest.raises(DataError, match="val.txt: names: are missing"):
            attempt()


def test_day_and_night(tmp_path):
    made_up_data.mfnet(tmp_path)
    assert mfnet.load("test", tmp_path, light="day").names == ("00007D",)
    assert mfnet.load("test", tmp_path, light="night").names == ("00008N", "00009N")
    assert mfnet.load("train", tmp_path, light="day").names == ("00001D", "00003D", "00001D_flip")


def test_mirror_images_are_made_where_there_is_no_file(tmp_path):
    home = made_up_data.mfnet(tmp_path)
    pairs = mfnet.load("train", tmp_path)
    one, mirrored = pairs[0], pairs[4]
    np.testing.assert_array_equal(mirrored.colour, one.colour[:, ::-1])
    np.testing.assert_array_equal(mirrored.thermal, one.thermal[:, ::-1])
    np.testing.assert_array_equal(mirrored.label, one.label[:, ::-1])
    for kind in ("images", "labels"):
        (home / kind / "00002N.png").rename(home / kind / "00001D_flip.png")
    assert not np.array_equal(pairs[4].colour, one.colour[:, ::-1])  # the file, where there is one


def test_verify_and_what_to_download(tmp_path):
    with pytest.raises(
        DataError, match="ir_seg_dataset not found in .*download ir_seg_dataset.zip from https"
    ):
        mfnet.load("train", tmp_path)
    home = made_up_data.mfnet(tmp_path)
    assert mfnet.verify(tmp_path) == mfnet.fetch(tmp_path) == home
    with pytest.raises(DataError, match="split is 'all'"):
        mfnet.load("all", tmp_path)
    with pytest.raises(DataError, match="light is 'dusk'"):
        mfnet.load("train", tmp_path, light="dusk")
