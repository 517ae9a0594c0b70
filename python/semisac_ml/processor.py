# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processor of this machine, as Linux names it."""

from __future__ import annotations

import os
from pathlib import Path

FILE = Path("/proc/cpuinfo")


def fields(*names: str, file: Path = FILE) -> list[str]:
    """Values of all lines of these names; none where Linux does not tell."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return []
    told = (line.partition(":") for line in lines)
    return [" ".join(value.split()) for name, _, value in told if name.strip() in names]


def machine() -> str:
    """Processor and number of usable cores."""
    model = (fields("model name", "Model") or ["unknown processor"])[0]
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} core{'s' if cores > 1 else ''}"
