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
from .samples import TargetSet, clip_of_virat, highway, joined, street

SCENE_FILE = "scene.json"
SAMPLE, HIGHWAY, VIRAT = "sample", "highway", "VIRAT_"
OWN = "GPL-3.0-or-later"
ACADEMIC = "LicenseRef-academic-use"
"""Of what is learned from videos that are for academic use."""


class SceneOptions(Options):
    """Which scenes; one network is trained for all that are named, or for one, as in the paper."""

    scene: str = Field(
        HIGHWAY,
        description="highway, of CDnet; a layout of the street in --scenes, such as canyon; a clip of VIRAT, "
        "VIRAT_S_...; or sample, a made-up road for a trial; several separated by commas.",
    )
    scenes: Path | None = Field(None, description="Folder of the street (semisac data scenes).")
    videos: Path | None = Field(
        None, description="Folder of CDnet or VIRAT [default: where `semisac data` puts them]."
    )
    sample_frames: int = Field(306, ge=1, description="Frames of the sample.")

    @property
    def names(self) -> list[str]:
        """Of the scenes."""
        return [name.strip() for name in self.scene.split(",")]

    @property
    def licence(self) -> str:
        """Of networks that were trained on the scenes."""
        return ACADEMIC if any(_is_video(name) for name in self.names) else OWN

    @property
    def provenance(self) -> str:
        """Where the scenes come from."""
        found = {}
        for name in self.names:
            own = "made up or ray-traced (semisac data scenes): no real sensor was seen"
            if name == HIGHWAY:
                own = "CDnet 2014 (Wang et al. 2014), for academic use; echoes are made of its tracks"
            elif _is_video(name):
                own = "VIRAT 2.0, under its own terms; echoes are made of its tracks"
            found.setdefault(own, []).append(name)
        return "; ".join(f"{', '.join(names)}: {own}" for own, names in found.items())

    @model_validator(mode="after")
    def _has_its_folder(self) -> SceneOptions:
        if "" in self.names or len(set(self.names)) < len(self.names):
            raise OptionError("scene", f"is {self.scene!r}, expected different names separated by commas")
        for name in self.names:
            of_street = name != SAMPLE and not _is_video(name)
            if of_street and self.scenes is None:
                said = f"is missing, expected the folder of the street with scene {name!r}"
                raise OptionError("scenes", said)
        return self

    def each(self) -> list[TargetSet]:
        """Samples of each scene. Raises DataError if the data are missing or too few."""
        return [self._load(name) for name in self.names]

    def load(self) -> TargetSet:
        """Samples of all scenes. Raises DataError if the data are missing or too few."""
        return joined(self.each())

    def _load(self, name: str) -> TargetSet:
        if name == SAMPLE:
            return training_scene(self.sample_frames)
        if name == HIGHWAY:
            return highway(self.videos)
        if name.startswith(VIRAT):
            return clip_of_virat(name, self.videos)
        return street(self.scenes, name)


def _is_video(name: str) -> bool:
    return name == HIGHWAY or name.startswith(VIRAT)


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
