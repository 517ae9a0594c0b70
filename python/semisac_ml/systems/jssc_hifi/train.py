# SPDX-License-Identifier: GPL-3.0-or-later
"""``semisac train jssc_hifi``: the picture code, then the decoder that says what a picture shows."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from semisac_ml.command_line import Options
from semisac_ml.outputs import write_output
from semisac_ml.shared_options import DeviceOptions
from semisac_ml.systems.jssc_hifi.train_code import HifiTraining, train
from semisac_ml.systems.jssc_hifi.train_task import train_task
from semisac_ml.training.images import ImageSet
from semisac_ml.training.team import team


class RunOptions(Options):
    """Where the training is kept."""

    run: Path | None = Field(
        None, description="Folder of checkpoints and logs [default: runs/jssc_hifi/SIZE-seedSEED]."
    )


def command(
    *,
    settings: HifiTraining = HifiTraining(),
    options: RunOptions = RunOptions(),
    machine: DeviceOptions = DeviceOptions(),
) -> None:
    """Train the picture code; one training serves all SNRs and bandwidths.

    Goes on from the last checkpoint in the run's folder, if there is one. Logs: CSV and TensorBoard.
    """
    device = machine.launch()
    folder = options.run or Path("runs") / "jssc_hifi" / f"{settings.size}-seed{settings.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    if team().first:
        write_output(folder / "settings.json", settings.model_dump_json(indent=2) + "\n")
    console = team().console()
    images = ImageSet.load(settings.data)
    model = train(settings, images, folder, console, device)
    if settings.task_epochs:
        train_task(model.encoder, settings, images, folder, console, device)
    console.print(f"trained: {folder}; next: semisac export jssc_hifi --run {folder}")
