#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure this project beside its peers, in one run. `make bench` calls it.

Exit codes: 0 done, 1 a measurement failed, 2 a mistake (one line on stderr), 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "apps"))  # the loopback flowgraph, and the check of the environment

from common import environment  # noqa: E402

if __name__ == "__main__":
    sys.exit(environment.run_program("bench", "suite.command"))
