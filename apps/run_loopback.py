#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send images through the learned link in one flowgraph, and report how well they came through.

Exit codes: 0 done, 1 the flowgraph failed, 2 a mistake (one line on stderr), 130 interrupted (the report
covers what was done).
"""

from __future__ import annotations

import sys


def main() -> int:
    """Check the environment before anything heavy is imported, then run the command line."""
    try:
        from loopback import environment

        problem = environment.problem()
        if problem:
            print(f"run_loopback: {problem}", file=sys.stderr)
            return 2
        from loopback import command

        return command.run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
