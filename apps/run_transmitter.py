#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send images through a radio.

Exit codes: 0 done, 1 the radio failed or is lost, 2 a mistake (one line on stderr), 130 interrupted. Whatever
ends it, the radio is silent afterwards and the JSON file is whole.
"""

from __future__ import annotations

import sys

from common import environment

if __name__ == "__main__":
    sys.exit(environment.run_program("run_transmitter", "on_air.transmitter"))
