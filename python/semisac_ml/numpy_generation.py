# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Python would import a numpy that the GNU Radio beside it can live with; neither is imported here.

GNU Radio's modules are compiled for numpy 1 or for numpy 2, whichever the distribution has. pip and other
tools can put the other generation in front, and importing GNU Radio then fails far from the cause.
"""

from __future__ import annotations

import site
import sys
from importlib import metadata
from pathlib import Path


def _version(folder: str) -> str | None:
    """Of the numpy in a folder of packages; None if there is none."""
    if not (Path(folder) / "numpy" / "__init__.py").is_file():
        return None
    found = metadata.distributions(name="numpy", path=[folder])
    return next((one.version for one in found), None)


def mismatch(path: list[str] | None = None) -> str:
    """What is wrong with numpy and the command that mends it, in one line; empty when nothing is.

    path: folders in the order in which Python looks into them, `sys.path` by default. What lies beside GNU
    Radio is what it was built with; the first found is what would be imported.
    """
    folders = sys.path if path is None else path
    copies = [(folder, version) for folder in folders if (version := _version(folder))]
    beside = [
        version for folder, version in copies if (Path(folder) / "gnuradio" / "gr" / "__init__.py").is_file()
    ]
    if not copies or not beside:
        return ""
    (folder, first), built_with = copies[0], beside[0]
    if first.partition(".")[0] == built_with.partition(".")[0]:
        return ""
    wrong = f"numpy {first} in {folder} hides numpy {built_with}, which GNU Radio was built with"
    return f"{wrong}: {_remedy(folder)}"


def _remedy(folder: str) -> str:
    if Path(folder).is_relative_to(sys.prefix):
        return f"run {sys.executable} -m pip uninstall -y numpy"
    if folder == site.getusersitepackages():
        return "run export PYTHONNOUSERSITE=1"
    return f"take {folder} out of PYTHONPATH"
