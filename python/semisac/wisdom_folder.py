# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A place for what FFTW learns, without which GNU Radio makes no transform."""

from __future__ import annotations

import os
from pathlib import Path

from gnuradio import gr

from semisac_ml.home_folder import can_write, provide_home, stand_in


def provide_wisdom_folder() -> None:
    """See that GNU Radio can keep FFTW's wisdom, and the lock beside it: it throws where it cannot.

    Older versions keep both in HOME. Newer ones (that have `gr.paths`) keep them in gnuradio of
    $XDG_CACHE_HOME or ~/.cache. They make that folder for the first transform of a process, and complain when
    HOME is another one later; here it is made for whatever HOME is now. Where none can be made, another
    folder stands in for that of all caches, until this process ends.
    """
    provide_home()
    if not hasattr(gr, "paths") or can_write(Path(gr.paths.cache())):
        return
    folder = Path(gr.paths.cache())
    os.environ["XDG_CACHE_HOME"] = str(stand_in(str(folder.parent), {folder.name}))
    can_write(Path(gr.paths.cache()))
