#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how fast pictures pass the whole link, how late, and how good they arrive."""

from __future__ import annotations

import sys

from suite.pictures import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
