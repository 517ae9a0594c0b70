# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field, model_validator

from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.parallel import Workers

if TYPE_CHECKING:
    import torch


class PrintOptions(Options):
    """How a command says what it found."""

    as_json: Annotated[bool, Parameter(name="--json")] = Field(
        False, description="Print JSON instead of tables."
    )


class ThreadOptions(Options):
    """What PyTorch may use of the processor."""

    threads: int | None = Field(None, ge=1, description="Processor threads [default: all].")

    def use_threads(self) -> None:
        """Hold PyTorch to them."""
        if self.threads:
            import torch

            torch.set_num_threads(self.threads)


class ParallelOptions(Options):
    """Who does independent jobs."""

    processes: int | None = Field(
        None, ge=1, description="Jobs at a time, one thread each [default: one a core]."
    )
    scheduler: str | None = Field(
        None,
        description="Address of a Dask scheduler, such as tcp://10.0.0.1:8786, whose workers do the jobs "
        "instead of processes of this machine (docs/scale_out.md).",
    )

    @model_validator(mode="after")
    def _is_one_of_them(self) -> ParallelOptions:
        if self.processes is not None and self.scheduler is not None:
            raise OptionError("processes", "is of this machine, expected without --scheduler")
        return self

    @property
    def workers(self) -> Workers:
        """Who does them."""
        return Workers(self.processes, self.scheduler)


class DeviceOptions(ThreadOptions):
    """Where a training runs; none of it is part of what a checkpoint must share."""

    device: str = Field("auto", description="auto, cpu or cuda.")
    devices: int = Field(
        1, ge=1, description="Processes of this machine that train together, each on a device of its own."
    )
    num_nodes: int = Field(
        1,
        ge=1,
        description="Machines, on which torchrun or Slurm starts the same command (docs/scale_out.md).",
    )
    parts: int | None = Field(
        None,
        ge=1,
        description="Parts of each batch, with random numbers of their own: the same number of parts learns "
        "the same from any number of processes [default: one a process].",
    )

    def launch(self) -> torch.device:
        """Become as many processes as are asked for; the device of this one. Raises ValueError."""
        from semisac_ml.training import choose_device
        from semisac_ml.training.team import launch

        device = launch(choose_device(self.device), self.devices, self.num_nodes, self.parts)
        self.use_threads()
        return device


class ExportOptions(Options):
    """Of which training, into which folder."""

    run: Path = Field(description="Folder of a finished training (semisac train SYSTEM --run).")
    output: Path | None = Field(
        None, description="Folder of the bundle [default: below models/SYSTEM, named after the training]."
    )


class MeasuredExportOptions(ExportOptions):
    """The same of a system that can do without measuring."""

    evaluate: OnOff = Field(
        True, description="Measure the bundle on its test images and state the figures in it."
    )
