# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every data set is downloaded: where to, and what is said when it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

from semisac_ml.home_folder import can_write

from . import DataError
from .folders import roots


def place_for(root: str | os.PathLike[str] | None = None) -> Path:
    """Folder to download into, made if need be: the one given, SEMISAC_DATA, or in the user's cache folder.

    Raises
    ------
    DataError
        If nothing can be kept there.
    """
    chosen = root or os.environ.get("SEMISAC_DATA")
    place = Path(chosen).expanduser() if chosen else roots()[-1]
    if not (chosen or place.is_absolute()) or not can_write(place):
        raise DataError(
            f"{place}: no data can be kept there, expected a folder that can be written: name another by "
            "--root or SEMISAC_DATA"
        )
    return place


def download(
    url: str, place: Path, *, what: str, checksum: str | None, progressbar: object, otherwise: str
) -> Path:
    """Download an archive into a folder that is there; returns the file.

    Parameters
    ----------
    url : str
    place : path
    what : str
        Names the data in errors.
    checksum : str or None
        Of the archive, as "md5:..." or "sha256:..."; None where none is known.
    progressbar : bool or object
        As of pooch.HTTPDownloader.
    otherwise : str
        What else somebody may do who has no network.

    Raises
    ------
    DataError
        If the download fails, gives something else, or cannot be written.
    """
    import pooch

    name = url.rpartition("/")[2]
    downloader = pooch.HTTPDownloader(progressbar=progressbar, timeout=30)
    try:
        return Path(pooch.retrieve(url, known_hash=checksum, fname=name, path=place, downloader=downloader))
    except Exception as error:  # pooch passes on whatever requests and urllib3 raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        if isinstance(error, OSError) and error.errno is not None:  # of a file: those of requests have none
            raise DataError(f"{what} cannot be kept in {place} ({error.strerror}): choose another") from error
        raise DataError(f"{what} cannot be downloaded from {url} ({reason}): {otherwise}") from error
