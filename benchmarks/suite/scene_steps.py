# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of a ray-traced drive, generated for their time alone."""

from __future__ import annotations

import subprocess
import tempfile

from semisac_ml.cli.scenes import scenes_python

STEPS = 4
"""Of the first drive; the second has twice as many, so that the start of a drive can be taken off."""
SCENES = """
import json, sys
from pathlib import Path
from semisac_ml.data.scenes.drive import DriveSettings
from semisac_ml.data.scenes.generate import drive_seconds
drive_seconds(Path(sys.argv[1]), 0, DriveSettings("canyon", "day", False, 1, int(sys.argv[2])))
"""


def generate(steps: int) -> None:
    """All sensors, 320 x 240, by day in the canyon. Raises ValueError without the ray tracer."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([scenes_python(), "-c", SCENES, folder, str(steps)], check=True)
