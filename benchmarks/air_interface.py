#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what the air interface loses, what it makes up, and how well it measures; see --help."""

from __future__ import annotations

import sys

from suite.air_command import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
