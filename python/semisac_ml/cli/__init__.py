# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The console program ``semisac``. Nothing heavy is imported before the command that needs it runs."""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit: 0 done, 2 a mistake (one line on stderr), 130 interrupted."""
    import sys

    from semisac_ml.numpy_generation import mismatch
    from semisac_ml.printing import harmless_printing

    given = sys.argv[1:] if arguments is None else arguments
    try:
        with harmless_printing("semisac"):
            if given[:1] != ["info"] and mismatch():  # info shows it beside everything else
                print(f"semisac: {mismatch()}", file=sys.stderr)
                code = 2
            else:
                from .program import run

                code = run(arguments)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
