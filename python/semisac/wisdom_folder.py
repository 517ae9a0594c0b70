# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A place for what FFTW learns, without which GNU Radio makes no transform."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from gnuradio import gr


def provide_wisdom_folder() -> None:
    """See that GNU Radio can keep FFTW's wisdom, and the lock beside it: it throws where it cannot.

    Newer versions (that have `gr.paths`) keep both in gnuradio of $XDG_CACHE_HOME or ~/.cache. They make that
    folder for the first transform of a process, and complain when HOME is another one later; here it is made
    for whatever HOME is now. Where none can be made, the cache of this process lies in a temporary folder.
    """
    if not hasattr(gr, "paths") or _can_write(Path(gr.paths.cache())):
        return
    folder = tempfile.mkdtemp(prefix="semisac-cache-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XDG_CACHE_HOME"] = folder
    _can_write(Path(gr.paths.cache()))


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
