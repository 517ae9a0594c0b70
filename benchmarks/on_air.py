#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the programs on the air over a simulated radio: whether they keep up, what they cost, whether they
grow.
"""

from __future__ import annotations

import sys

from suite.on_air import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
