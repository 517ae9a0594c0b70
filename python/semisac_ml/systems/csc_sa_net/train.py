# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train csc_sa_net``; the stages are in :mod:`.stages`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.outputs import write_output
from semisac_ml.shared_options import DeviceOptions
from semisac_ml.training.team import team

from .samples import PICTURES_FILE, PictureOptions
from .stages import Pictures
from .training import STAGES, CscSaTraining, train

ALL = "all"


class RunOptions(Options):
    """Which stage, and where it is kept."""

    stage: Literal["1", "2", "3", "all"] = Field(
        "all",
        description="1: source semantics; 2: pilots, feedback and beams; 3: both together, from 1 and 2.",
    )
    from_scratch: OnOff = Field(
        False,
        description="Stage 3 alone, of all networks as they start: what section III-H of the paper says "
        "fails. Encoders of pictures are trained too.",
    )
    run: Path | None = Field(
        None,
        description="Folder of checkpoints and logs [default: below runs/csc_sa_net, named by settings].",
    )


def label(settings: CscSaTraining) -> str:
    """What tells trainings apart, as a part of a file's name."""
    variant = settings.variant.replace(" ", "-")
    return f"{variant}-{settings.preset}-{settings.size}-{settings.access}-seed{settings.seed}"


def load_pictures(settings: CscSaTraining, options: PictureOptions, folder: Path) -> Pictures:
    """Training and validation part, in the networks' size; folder: of the run.

    Raises DataError if data are missing.
    """
    network = settings.network()
    found = (options.load(part, network.height, network.width_pixels) for part in ("train", "validation"))
    return Pictures(*found, settings.batch, settings.balanced, settings.encoders or folder)


def command(
    *,
    settings: CscSaTraining = CscSaTraining(),
    pictures: PictureOptions = PictureOptions(),
    options: RunOptions = RunOptions(),
    machine: DeviceOptions = DeviceOptions(),
) -> None:
    """Train CSC-SA-Net: colour and thermal pictures of two users, segmented at the base station.

    Goes on from the last checkpoint in the run's folder, if there is one, and keeps of each stage the
    networks that were best on validation. Stage 2 needs no pictures. Logs: CSV and TensorBoard (`tensorboard
    --logdir runs`).
    """
    if options.from_scratch and options.stage not in (ALL, "3"):
        raise OptionError("stage", f"is {options.stage}, expected 3 with --from-scratch")
    device = machine.launch()
    named = label(settings) + "-from-scratch" * options.from_scratch
    folder = options.run or Path("runs") / "csc_sa_net" / named
    console = team().console()
    stages = STAGES if options.stage == ALL else (options.stage,)
    stages = ("3",) if options.from_scratch else stages
    loaded = None
    if stages != ("2",):
        console.print("reading pictures …")
        loaded = load_pictures(settings, pictures, folder)
        console.print(f"{len(loaded.train)} scenes to train on, {len(loaded.validation)} to validate on")
    for stage in stages:
        train(settings, stage, folder, console, device, loaded, options.from_scratch)
    if loaded is not None and team().first:
        write_output(folder / PICTURES_FILE, pictures.model_dump_json(indent=1) + "\n")
    console.print(f"trained: {folder}")
