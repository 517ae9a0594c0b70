# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small set of scenes that ships with the package."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from importlib import resources
from pathlib import Path

from semisac_ml.data import DataError
from semisac_ml.home_folder import writable

ARCHIVE = "scenes_sample.zip"


def sample(root: str | os.PathLike[str] | None = None) -> Path:
    """Folder of the sample, unpacked on first use: five steps by day, four at night; needs no environment.

    Parameters
    ----------
    root : path, optional
        Where to unpack it; by default the user's cache folder.

    Raises
    ------
    DataError
        If the archive is missing from the installation or damaged.
    """
    from semisac_ml.data.folders import roots

    source = resources.files("semisac_ml.data") / "samples" / ARCHIVE
    try:
        content = source.read_bytes()
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{source}: sample scenes cannot be read ({error}): install semisac again") from error
    place = Path(root) if root is not None else roots()[-1]
    name = f"scenes-sample-{hashlib.sha256(content).hexdigest()[:12]}"
    folder = place / name
    if not os.path.isfile(folder / "index.json"):  # nor if that may not be looked at
        folder = folder if root is not None else writable(place) / name
        names = sorted(archive.namelist(), key=lambda name: name == "index.json")  # last: then all is there
        for name in names:
            archive.extract(name, folder)
    return folder


def pack(folder: Path, file: Path) -> None:
    """Write a set of scenes as the sample: ``python -m semisac_ml.data.scenes.sample FOLDER FILE``."""
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "contact_sheet.png":
                entry = zipfile.ZipInfo(str(path.relative_to(folder)))
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    import sys

    pack(Path(sys.argv[1]), Path(sys.argv[2]))
