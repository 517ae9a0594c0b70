# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where data sets are looked for."""

from __future__ import annotations

import os
from pathlib import Path


def roots() -> list[Path]:
    """Folders to search: SEMISAC_DATA, ../shared/data beside the source tree, the user's cache folder."""
    import platformdirs

    found = []
    if os.environ.get("SEMISAC_DATA"):
        found.append(Path(os.environ["SEMISAC_DATA"]).expanduser())
    package = Path(__file__).resolve().parents[1]
    if package.parent.name == "python":
        found.append(package.parents[2] / "shared" / "data")
    found.append(Path(platformdirs.user_cache_dir("semisac")))
    return found
