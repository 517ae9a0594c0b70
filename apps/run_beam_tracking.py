#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replay vehicles that pass a base station, keep a beam on them, and report how well it stayed.

Exit codes: 0 done, 1 the flowgraph failed, 2 a mistake (one line on stderr), 130 interrupted (the report
covers what was done).
"""

from __future__ import annotations

import sys

from common import environment

if __name__ == "__main__":
    sys.exit(environment.run_program("run_beam_tracking", "beam_tracking.command"))
