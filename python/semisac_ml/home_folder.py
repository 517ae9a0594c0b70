# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders in which others must be able to write, where the user's own cannot be: services, containers.

GNU Radio makes no transform where it cannot lock FFTW's wisdom, which up to 3.10.11 lies in HOME itself, and
ends the process where it may not look for its settings there. Nothing of GNU Radio is imported here: it
reads some of this while it is imported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

WISDOM = (".gr_fftw_wisdom", ".gr_fftw_wisdom.lock")
SETTINGS, PREFERENCES = ".gnuradio", "prefs"  # the latter: what it finds out about this computer
_XDG = {"XDG_CONFIG_HOME": ".config", "XDG_CACHE_HOME": ".cache", "XDG_DATA_HOME": ".local/share"}
_temporary: dict[str, Path] = {}


def provide_home() -> None:
    """See that HOME is a folder that GNU Radio can use: where the user's is not, one that stands in for it.

    What belongs to the user (calibrations, caches, data) is looked for and kept where it was.
    """
    home = os.path.expanduser("~")
    if not os.path.isabs(home):  # the system does not know this user
        home = "/"
    if _is_usable(home):
        os.environ["HOME"] = home
        return
    for variable, folder in _XDG.items():
        if not os.environ.get(variable):
            os.environ[variable] = os.path.join(home, folder)
    other = stand_in(home, {*WISDOM, SETTINGS})
    (other / SETTINGS / PREFERENCES).mkdir(parents=True)
    _link(os.path.join(home, SETTINGS), other / SETTINGS, {PREFERENCES})
    os.environ["HOME"] = str(other)


def _is_usable(home: str) -> bool:
    folders = (os.path.join(home, SETTINGS), os.path.join(home, SETTINGS, PREFERENCES))
    files = [os.path.join(home, name) for name in WISDOM]
    return os.access(home, os.R_OK | os.W_OK | os.X_OK) and all(
        os.access(path, os.R_OK | os.W_OK | (os.X_OK if path in folders else 0))
        for path in (*folders, *files)
        if os.path.lexists(path)
    )


def stand_in(folder: str, without: Iterable[str] = ()) -> Path:
    """A temporary folder that can be written, with links to all that is in another one and can be read.

    without: names that are left out.
    """
    made = _temporary_folder("semisac-home-")
    _link(folder, made, without)
    return made


def _link(folder: str, into: Path, without: Iterable[str]) -> None:
    try:
        names = set(os.listdir(folder)) - set(without)
    except OSError:  # not there, or not to be read
        return
    for name in names:
        source = os.path.join(folder, name)
        if os.access(source, os.R_OK | (os.X_OK if os.path.isdir(source) else 0)):
            os.symlink(source, into / name)


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def could_write(folder: Path) -> bool:
    """Whether files could be made in a folder, or where it is missing; makes nothing."""
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    return os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)


def writable(folder: Path) -> Path:
    """A folder for what can be made again; where it cannot be written, one for this process, said once."""
    if folder.is_absolute() and can_write(folder):
        return folder
    key = str(folder)
    if key not in _temporary:
        _temporary[key] = _temporary_folder("semisac-cache-")
        print(f"{folder} cannot be written: {_temporary[key]} is used, until the end", file=sys.stderr)
    return _temporary[key]


def _temporary_folder(prefix: str) -> Path:
    made = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)
