# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field, model_validator

from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.parallel import Workers


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
    """Where a training runs."""

    device: str = Field("auto", description="auto, cpu or cuda.")


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
