# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""DIV2K: what is missing is named, archives are checked before they are unpacked."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from semisac_ml.data import DataError, div2k


def archives(folder: Path, left_out: str = "") -> dict[str, str]:
    """Archives with the official names in them, and their sums."""
    sums = {}
    for split, name in div2k.FOLDERS.items():
        path = folder / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as opened:
            opened.writestr(f"{name}/readme.txt", "not a picture")
            for number in div2k.NUMBERS[split]:
                if f"{number:04}" != left_out:
                    opened.writestr(f"{name}/{number:04}.png", b"picture")
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return sums


def test_fetched_photographs_are_listed_by_number(tmp_path, monkeypatch):
    monkeypatch.setattr(div2k, "ARCHIVE_SHA256", archives(tmp_path))
    root = tmp_path / "root"
    assert div2k.fetch(root, url=_served(tmp_path, monkeypatch)) == root
    assert [file.name for file in div2k.files("valid", root)] == [f"{n:04}.png" for n in range(801, 901)]
    assert len(div2k.files("train", root)) == 800
    assert sorted(path.name for path in root.iterdir()) == sorted(div2k.FOLDERS.values())
    assert not list(root.rglob("*.txt"))
    (tmp_path / "DIV2K_train_HR.zip").unlink()  # whole sets are not fetched again
    div2k.fetch(root, url="http://127.0.0.1:9/")
    (root / "DIV2K_train_HR" / "0007.png").unlink()
    with pytest.raises(DataError, match="1 of 800 photographs are missing, the first is 0007.png"):
        div2k.verify(root)


def test_another_archive_is_refused(tmp_path, monkeypatch):
    archives(tmp_path)
    with pytest.raises(DataError, match="cannot be downloaded"):
        div2k.fetch(tmp_path / "root", url=_served(tmp_path, monkeypatch))
    assert not list((tmp_path / "root").rglob("*.png"))


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match="semisac data fetch div2k"):
        div2k.files("train", tmp_path)
    with pytest.raises(DataError, match="expected one of train, valid"):
        div2k.files("test", tmp_path)


def _served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address from which pooch copies the files of a folder."""
    import shutil

    import pooch

    class Copier:
        def __init__(self, **options) -> None:
            pass

        def __call__(self, url: str, output: str, pooch: object) -> None:
            shutil.copy(url.removeprefix("made-up:"), output)

    monkeypatch.setattr(pooch, "HTTPDownloader", Copier)
    return f"made-up:{folder}/"
