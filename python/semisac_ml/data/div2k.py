# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""DIV2K (Agustsson and Timofte 2017): 900 photographs of about 2040 x 1400 pixels, for research only."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from . import DataError
from .download import download, place_for
from .folders import roots

URL = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
ARCHIVE_SHA256 = {  # as TensorFlow Datasets lists them
    "DIV2K_train_HR": "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
    "DIV2K_valid_HR": "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
}
FOLDERS = {"train": "DIV2K_train_HR", "valid": "DIV2K_valid_HR"}
NUMBERS = {"train": range(1, 801), "valid": range(801, 901)}


def files(split: str, root: str | os.PathLike[str] | None = None) -> list[Path]:
    """The photographs of a split, "train" (800) or "valid" (100), by number.

    root: folder that holds DIV2K_train_HR and DIV2K_valid_HR.

    Raises DataError if a photograph is missing.
    """
    if split not in FOLDERS:
        raise DataError(f"split is {split!r}, expected one of {', '.join(FOLDERS)}")
    places = [Path(root).expanduser()] if root is not None else roots()
    folders = [place / FOLDERS[split] for place in places]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise DataError(
            f"{FOLDERS[split]} not found in {', '.join(map(str, places))}: run 'semisac data fetch div2k', "
            f"or unpack {URL}{FOLDERS[split]}.zip and set SEMISAC_DATA to the folder that holds it"
        )
    found = [folder / f"{number:04}.png" for number in NUMBERS[split]]
    missing = [file.name for file in found if not file.is_file()]
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} of {len(found)} photographs are missing, the first is {missing[0]}: "
            "run 'semisac data fetch div2k'"
        )
    return found


def find_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder that holds both splits; raises DataError, which says how to get it, if there is none."""
    return files("train", root)[0].parents[1]


def verify(root: str | os.PathLike[str] | None = None) -> Path:
    """Check that all 900 photographs are there; returns the folder that holds both splits."""
    place = find_folder(root)
    files("valid", place)
    return place


def fetch(root: str | os.PathLike[str] | None = None, *, progressbar: bool = False, url: str = URL) -> Path:
    """Download the official archives (4.0 GB), check their sums and unpack them.

    Parameters
    ----------
    root : path, optional
        Folder to put DIV2K_train_HR and DIV2K_valid_HR into; SEMISAC_DATA or the user's cache folder by
        default.
    progressbar : bool or object
        As of pooch.HTTPDownloader.
    url : str
        Mirror to download from; the sums must be the official ones all the same.

    Returns
    -------
    Path
        The folder that holds both. Nothing is downloaded that is there already.

    Raises
    ------
    DataError
        If a download fails or is not the official archive.
    """
    place = place_for(root)
    for split, name in FOLDERS.items():
        try:
            files(split, place)
        except DataError:
            _fetch_one(name, place, progressbar, url)
    return verify(place)


def _fetch_one(name: str, place: Path, progressbar: bool, url: str) -> None:
    archive = download(
        f"{url}{name}.zip",
        place,
        what=name,
        checksum=f"sha256:{ARCHIVE_SHA256[name]}",
        progressbar=progressbar,
        otherwise=f"check the network, or unpack the archive yourself in {place}",
    )
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(place, [member for member in opened.namelist() if member.endswith(".png")])
    archive.unlink()
