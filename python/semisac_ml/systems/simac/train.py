# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac train simac``; the loop is in :mod:`.training`."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field

from semisac_ml.command_line import Options
from semisac_ml.shared_options import DeviceOptions
from semisac_ml.training.team import team

from .scenes import SceneOptions, save_scene
from .training import SimacTraining, tensors_for, train


class RunOptions(Options):
    """Where the training is kept."""

    run: Path | None = Field(
        None,
        description="Folder of checkpoints and logs [default: runs/simac/SCENE-VARIANT-FADING-seedSEED].",
    )


def label(settings: SimacTraining, scene: SceneOptions) -> str:
    """Scene, variant and channel as a part of a file's name."""
    size = "" if settings.size == "small" else f"-{settings.size}"
    return re.sub(r"[^\w]+", "-", f"{scene.scene}-{settings.variant}{size}-{settings.fading}")


def training_command(settings: SimacTraining, scene: SceneOptions) -> str:
    """The command line that trains with these settings on the scene; defaults are left out."""
    named = scene.replaced(scenes=Path("FOLDER") if scene.scenes else None, videos=None)
    return " ".join(["semisac train simac", *settings.words(), *named.words()])


def command(
    *,
    settings: SimacTraining = SimacTraining(),
    scene: SceneOptions = SceneOptions(),
    options: RunOptions = RunOptions(),
    machine: DeviceOptions = DeviceOptions(),
) -> None:
    """Train SIMAC, or what it is compared with, on one scene.

    Goes on from the last checkpoint in the run's folder, if there is one, and keeps the network that was best
    on validation. Logs: CSV and TensorBoard (`tensorboard --logdir runs`). Afterwards: `semisac evaluate
    simac --run FOLDER`, and of the tuned variant `semisac export simac --run FOLDER`.
    """
    device = machine.launch()
    folder = options.run or Path("runs") / "simac" / f"{label(settings, scene)}-seed{settings.seed}"
    console = team().console()
    samples = scene.load()
    console.print(f"{samples.name}: {len(samples)} samples, reading their frames …")
    train(settings, tensors_for(settings, samples), folder, console, device)
    if team().first:
        save_scene(scene, folder)
    console.print(f"trained: {folder}; next: semisac evaluate simac --run {folder}")
