# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac data scenes|show``: make ray-traced scenes in their own environment, and look at them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import OnOff, Options
from semisac_ml.outputs import check_outputs
from semisac_ml.parallel import ONE_THREAD
from semisac_ml.shared_options import ParallelOptions

ENVIRONMENT = ".venv-scenes"
VARIABLE = "SEMISAC_SCENES_PYTHON"


def scenes_python() -> Path:
    """The Python that can trace rays: SEMISAC_SCENES_PYTHON, or that of .venv-scenes beside the source tree.

    Raises
    ------
    ValueError
        If there is none.
    """
    named = os.environ.get(VARIABLE)
    root = Path(__file__).resolve().parents[3]
    python = Path(named).expanduser() if named else root / ENVIRONMENT / "bin" / "python"
    if not python.is_file():
        raise ValueError(
            f"{python} is missing, which traces rays: run 'make scenes-env' in the source tree, "
            f"or set {VARIABLE} to a Python that has sionna-rt"
        )
    return python


class SceneOptions(ParallelOptions):
    """What a set of scenes holds."""

    layout: str = Field(
        "training", description="Street layouts, separated by commas; 'all', 'training' or 'held-out'."
    )
    frames: int = Field(200, ge=1, description="Time steps in all.")
    seed: int = Field(1, ge=0, description="The same seed gives the same files.")
    time: str = Field("day,dusk,night", description="Times of day, separated by commas.")
    drive_frames: int = Field(40, ge=5, le=400, description="Time steps of one drive.")
    interval: float = Field(0.1, description="Seconds between time steps, a multiple of 0.1.")
    size: str = Field("320x240", description="Pixels of the cameras, width x height.")
    rain: float = Field(0.15, description="Share of the drives in which it rains.")
    density: float = Field(1.0, description="Traffic; 1 is medium.")
    people: OnOff = Field(True, description="Walkers and cyclists.")
    pairs_every: int = Field(5, description="Of a drive's steps, one in so many is a pair of MFNet's layout.")


def scenes(
    folder: Annotated[Path, Parameter(help="Where the set goes; a set that is not finished goes on.")],
    /,
    *,
    options: SceneOptions = SceneOptions(),
) -> int:
    """Make a set of ray-traced street scenes: every sensor at once, with the truth (docs/scenes.md)."""
    from semisac_ml.data.scenes.layouts import LAYOUTS
    from semisac_ml.data.scenes.plan import Plan

    held_out = tuple(name for name, kind in LAYOUTS.items() if kind.held_out)
    groups = {
        "all": tuple(LAYOUTS),
        "held-out": held_out,
        "training": tuple(n for n in LAYOUTS if n not in held_out),
    }
    width, _, height = options.size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"--size is {options.size!r}, expected width x height such as 320x240")
    plan = Plan(
        layouts=groups.get(options.layout, tuple(options.layout.split(","))),
        times=tuple(options.time.split(",")),
        frames=options.frames,
        seed=options.seed,
        sequence_frames=options.drive_frames,
        interval_s=options.interval,
        width=int(width),
        height=int(height),
        rain_share=options.rain,
        density=options.density,
        people=options.people,
        pairs_every=options.pairs_every,
    )
    environment = {**os.environ, **ONE_THREAD}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    command = [
        str(scenes_python()),
        "-m",
        "semisac_ml.data.scenes.generate",
        str(folder.expanduser().resolve()),
        options.scheduler or str(options.workers.count(plan.frames)),
        plan.to_json(),
    ]
    return subprocess.run(command, env=environment, stdout=sys.stdout, check=False).returncode


class ShowOptions(Options):
    """What a contact sheet shows."""

    steps: str = Field("", description="Steps to draw, such as 0,25,50; default: six spread out.")
    output: Path | None = Field(None, description="PNG file [default: FOLDER/contact_sheet.png].")


def show(
    folder: Annotated[Path, Parameter(help="A set that 'semisac data scenes' has made.")],
    /,
    *,
    options: ShowOptions = ShowOptions(),
) -> None:
    """Draw a contact sheet: every modality of some steps, with the truth laid over it."""
    from rich.console import Console

    from semisac_ml.data.scenes.reader import SceneSet
    from semisac_ml.data.scenes.show import contact_sheet

    scene_set = SceneSet.open(folder)
    chosen = [word.strip() for word in options.steps.split(",")] if options.steps else []
    if not all(word.isdecimal() for word in chosen):
        raise ValueError(f"--steps is {options.steps!r}, expected numbers of steps such as 0,25,50")
    output = options.output or folder / "contact_sheet.png"
    check_outputs({"--output": output})
    file = contact_sheet(scene_set, [int(word) for word in chosen] or None, output)
    Console(highlight=False).print(f"[green]ok[/]  {file}", soft_wrap=True)
