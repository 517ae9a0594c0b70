# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac evaluate csc_sa_net``: figures and tables of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from rich.console import Console

from semisac_ml.command_line import Options
from semisac_ml.results import write_results

from .costs import FIGURE, cost_rows, table


class EvaluateOptions(Options):
    """What is measured."""

    figure: Literal["table2"] = Field(description="table2: parameters and operations, counted two ways.")
    results: Path = Field(Path("results/csc_sa_net"), description="Folder of the files that are written.")


def command(*, options: EvaluateOptions) -> None:
    """Draw a figure or a table of the paper: rows as CSV in --results."""
    console, rows = Console(), cost_rows()
    console.print(table(rows))
    file = write_results(options.results / f"{FIGURE}.csv", rows)
    console.print(f"written: {file}")
