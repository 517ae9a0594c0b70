# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measured figures: one form of their rows, one reader, one writer, and one place that draws.

``rows`` says what a line of a file of results is, ``tables`` reads and writes such files, ``drawing`` makes
pictures; matplotlib is imported only when something is drawn.
"""

from __future__ import annotations

from semisac_ml.results.rows import Result, command_line, unique
from semisac_ml.results.tables import ResultTable, read_results, write_results

__all__ = ["Result", "ResultTable", "command_line", "read_results", "unique", "write_results"]
