# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One folder a system, each with ``manifest``, ``model``, ``train``, ``evaluate``, ``baselines``, ``export``.

Importing this package imports none of them. Systems are found here and in the folders that the environment
variable SEMISAC_SYSTEMS names (separated as in PATH), first match wins, as with bundles and SEMISAC_MODELS.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

_OWN = [entry for entry in os.environ.get("SEMISAC_SYSTEMS", "").split(os.pathsep) if entry]
__path__ = [*(str(Path(entry).expanduser().absolute()) for entry in _OWN), *__path__]


def system_folders() -> dict[str, Path]:
    """Folder of each system, by the systems' names, sorted; nothing is imported."""
    folders: dict[str, Path] = {}
    for place in __path__:
        for init in Path(place).glob("[!_.]*/__init__.py"):
            folders.setdefault(init.parent.name, init.parent)
    return dict(sorted(folders.items()))


def systems_with(action: str) -> list[str]:
    """Names of the systems that have a module of this name, sorted."""
    return [name for name, folder in system_folders().items() if (folder / f"{action}.py").is_file()]


def system_module(system: str, name: str) -> ModuleType:
    """A system's module, imported by its name: systems do not import each other, but may hand over.

    Raises ValueError for a system that is not there or has no such module.
    """
    known = systems_with(name)
    if system not in known:
        raise ValueError(f"{system} has no {name}, expected one of the systems: {', '.join(known) or 'none'}")
    return importlib.import_module(f"{__name__}.{system}.{name}")
