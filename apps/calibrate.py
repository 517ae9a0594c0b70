#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the delay from a radio's transmitter to its receiver, which run_sensing.py needs for right ranges.

Exit codes: 0 measured and stored, 1 the radio failed or nothing came back, 2 a mistake (one line on stderr),
130 interrupted; only 0 changes what is stored.
"""

from __future__ import annotations

import sys

from common import environment

if __name__ == "__main__":
    sys.exit(environment.run_program("calibrate", "on_air.calibration"))
