# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scene that a command works on, by its name, and how a training remembers it."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, model_validator

from semisac_ml.command_line import OptionError, Options
from semisac_ml.outputs import write_output

from .sample_scene import training_scene
from .samples import TargetSet, clip_of_virat, highway, street

SCENE_FILE = "scene.json"
SAMPLE, HIGHWAY, VIRAT = "sample", "highway", "VIRAT_"


class SceneOptions(Options):
    """Which scene; one network is trained for one scene, as in the paper."""

    scene: str = Field(
        HIGHWAY,
        description="highway, of CDnet; a layout of the street in --scenes, such as canyon; a clip of VIRAT, "
        "VIRAT_S_...; or sample, a made-up road for a trial.",
    )
    scenes: Path | None = Field(None, description="Folder of the street (semisac data scenes).")
    videos: Path | None = Field(
        None, description="Folder of CDnet or VIRAT [default: where `semisac data` puts them]."
    )
    sample_frames: int = Field(306, ge=1, description="Frames of the sample.")

    @model_validator(mode="after")
    def _has_its_folder(self) -> SceneOptions:
        of_street = self.scene not in (SAMPLE, HIGHWAY) and not self.scene.startswith(VIRAT)
        if of_street and self.scenes is None:
            said = f"is missing, expected the folder of the street with scene {self.scene!r}"
            raise OptionError("scenes", said)
        return self

    def load(self) -> TargetSet:
        """Its samples. Raises DataError if the data are missing or too few."""
        if self.scene == SAMPLE:
            return training_scene(self.sample_frames)
        if self.scene == HIGHWAY:
            return highway(self.videos)
        if self.scene.startswith(VIRAT):
            return clip_of_virat(self.scene, self.videos)
        return street(self.scenes, self.scene)


def save_scene(options: SceneOptions, folder: Path) -> None:
    """Write beside a training which scene it is of."""
    write_output(folder / SCENE_FILE, options.model_dump_json(indent=1) + "\n")


def trained_scene(folder: Path) -> SceneOptions:
    """What `save_scene` wrote. Raises ValueError if the folder holds no finished training."""
    try:
        return SceneOptions(**json.loads((folder / SCENE_FILE).read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{folder} holds no finished training of simac ({error}), expected {SCENE_FILE}: "
            f"run `semisac train simac --run {folder}`"
        ) from error
