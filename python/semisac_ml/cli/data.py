# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac data fetch|verify|scenes|show``: data sets that modules of semisac_ml.data know, and scenes."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import Options, new_commands

from . import scenes

commands = new_commands("data", "Download data sets, check them, or make them.")
commands.command(scenes.scenes)
commands.command(scenes.show)

DataSetArgument = Annotated[str, Parameter(metavar="DATASET", help="Such as cifar10.")]


class DataOptions(Options):
    """Where data sets are."""

    root: Path | None = Field(
        None, description="Folder of the data sets [default: SEMISAC_DATA, or the user's cache folder]."
    )


def data_sets() -> dict[str, ModuleType]:
    """Modules of semisac_ml.data that offer fetch and verify, by name."""
    package = importlib.import_module("semisac_ml.data")
    modules = {
        m.name: importlib.import_module(f"semisac_ml.data.{m.name}")
        for m in pkgutil.iter_modules(package.__path__)
    }
    return {
        name: module
        for name, module in modules.items()
        if hasattr(module, "fetch") and hasattr(module, "verify")
    }


def _data_set(name: str) -> ModuleType:
    known = data_sets()
    if name not in known:
        raise ValueError(f"unknown data set {name!r}, expected one of: {', '.join(known)}")
    return known[name]


@commands.command
def fetch(dataset: DataSetArgument, /, *, options: DataOptions = DataOptions()) -> None:
    """Download a data set from its official place and check it; does nothing if it is there and whole."""
    from rich.console import Console

    module = _data_set(dataset)
    with _ProgressBar(f"downloading {dataset}") as bar:
        folder = module.fetch(options.root, progressbar=bar)
    Console(highlight=False).print(f"[green]ok[/]  {dataset} in {folder}", soft_wrap=True)


@commands.command
def verify(dataset: DataSetArgument, /, *, options: DataOptions = DataOptions()) -> None:
    """Check a data set: its official checksums where there are any, else every file of it."""
    from rich.console import Console

    folder = _data_set(dataset).verify(options.root)
    Console(highlight=False).print(f"[green]ok[/]  {dataset} in {folder}", soft_wrap=True)


class _ProgressBar:
    """What pooch asks of a progress bar, drawn by rich; shows nothing until the first bytes come."""

    def __init__(self, description: str) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task(description, total=None)

    def __enter__(self) -> _ProgressBar:
        import pooch

        pooch.get_logger().setLevel("WARNING")
        return self

    def __exit__(self, *exception: Any) -> None:
        if self.total is not None:
            self._progress.stop()

    @property
    def total(self) -> float | None:
        """Size of the download in bytes."""
        return self._progress.tasks[0].total

    @total.setter
    def total(self, value: float) -> None:
        self._progress.start()
        self._progress.update(self._task, total=value or None)

    def update(self, count: int) -> None:
        """Add downloaded bytes."""
        self._progress.update(self._task, advance=count)

    def reset(self) -> None:
        """Pooch resets the bar before it fills it once more at the end."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Pooch is done."""
