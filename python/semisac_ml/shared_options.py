# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, field_validator, model_validator

from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.parallel import Workers

if TYPE_CHECKING:
    import torch

    from semisac_ml.runtime import Bundle


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
    precision: Literal["float32", "int8", "bf16"] = Field(
        "float32",
        description="**int8**: networks that are faster in it here are in the bundle in int8 as well, "
        "calibrated on training data, with what that costs each metric. **bf16** runs on no CPU.",
    )

    int8_networks: list[str] = Field(
        [], description="With --precision int8: these networks alone; repeat it for several [default: all]."
    )

    @field_validator("precision")
    @classmethod
    def _can_be_computed(cls, value: str) -> str:
        if value == "bf16":
            raise OptionError(
                "precision",
                "is 'bf16', expected float32 or int8: ONNX Runtime has no products of bfloat16 for CPUs, "
                "on which every bundle has to run",
            )
        return value


class MeasuredExportOptions(ExportOptions):
    """The same of a system that can do without measuring."""

    evaluate: OnOff = Field(
        True, description="Measure the bundle on its test images and state the figures in it."
    )


class BundleExportOptions(MeasuredExportOptions):
    """The same of a system whose bundles say what they were trained on."""

    run: Path | None = Field(None, description="Folder of a finished training (semisac train SYSTEM --run).")
    bundle: str | None = Field(
        None,
        description="In the place of --run, with --precision int8: a bundle that gets networks in int8.",
    )

    @model_validator(mode="after")
    def _is_one_of_them(self) -> BundleExportOptions:
        if self.run is not None and self.bundle is not None:
            raise OptionError("bundle", "is given with --run, expected one of them")
        if self.bundle is not None and self.precision != "int8":
            raise OptionError("bundle", "is a bundle already, expected --precision int8 with it")
        if self.bundle is not None and self.output is not None:
            raise OptionError("output", "is given with --bundle, which is changed where it is: leave it out")
        return self

    def opened(self) -> Bundle | None:
        """The bundle of --bundle, None with --run. Raises BundleError, ValueError without both."""
        from semisac_ml.runtime import Bundle

        if self.bundle is None and self.run is None:
            raise ValueError("--run is missing, expected the folder of a finished training, or --bundle")
        return None if self.bundle is None else Bundle.load(self.bundle)
