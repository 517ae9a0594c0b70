#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record what a radio receives as SigMF.

Exit codes: 0 done, 1 the radio failed or is lost, 2 a mistake (one line on stderr), 130 interrupted. Whatever
ends it, what came until then is a whole recording.
"""

from __future__ import annotations

import sys

from common import environment

if __name__ == "__main__":
    sys.exit(environment.run_program("record", "on_air.recorder"))
