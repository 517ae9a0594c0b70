#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what the air interface costs a link of targets, beside bare symbols at the same SNR."""

from __future__ import annotations

import sys

from suite.targets import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
