# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac data scenes|show``: make ray-traced scenes in their own environment, and look at them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from semisac_ml.outputs import check_outputs

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


def scenes(
    folder: Annotated[Path, typer.Argument(help="Where the set goes; a set that is not finished goes on.")],
    layout: Annotated[
        str, typer.Option(help="Street layouts, separated by commas; 'all', 'training' or 'held-out'.")
    ] = "training",
    frames: Annotated[int, typer.Option(min=1, help="Time steps in all.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
    time: Annotated[str, typer.Option(help="Times of day, separated by commas.")] = "day,dusk,night",
    drive_frames: Annotated[int, typer.Option(help="Time steps of one drive.")] = 40,
    interval: Annotated[float, typer.Option(help="Seconds between time steps.")] = 0.1,
    size: Annotated[str, typer.Option(help="Pixels of the cameras, width x height.")] = "320x240",
    rain: Annotated[float, typer.Option(help="Share of the drives in which it rains.")] = 0.15,
    density: Annotated[float, typer.Option(help="Traffic; 1 is medium.")] = 1.0,
    people: Annotated[bool, typer.Option(help="Walkers and cyclists.")] = True,
    processes: Annotated[int, typer.Option(min=0, help="0: one a core.")] = 0,
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
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"--size is {size!r}, expected width x height such as 320x240")
    plan = Plan(
        layouts=groups.get(layout, tuple(layout.split(","))),
        times=tuple(time.split(",")),
        frames=frames,
        seed=seed,
        sequence_frames=drive_frames,
        interval_s=interval,
        width=int(width),
        height=int(height),
        rain_share=rain,
        density=density,
        people=people,
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    count = processes or len(os.sched_getaffinity(0))
    command = [
        str(scenes_python()),
        "-m",
        "semisac_ml.data.scenes.generate",
        str(folder.expanduser().resolve()),
        str(count),
        plan.to_json(),
    ]
    code = subprocess.run(command, env=environment, stdout=sys.stdout, check=False).returncode
    raise typer.Exit(code)


def show(
    folder: Annotated[Path, typer.Argument(help="A set that 'semisac data scenes' has made.")],
    steps: Annotated[str, typer.Option(help="Steps to draw, such as 0,25,50; default: six spread out.")] = "",
    output: Annotated[Path | None, typer.Option(help="PNG file [default: FOLDER/contact_sheet.png].")] = None,
) -> None:
    """Draw a contact sheet: every modality of some steps, with the truth laid over it."""
    from rich.console import Console

    from semisac_ml.data.scenes.reader import SceneSet
    from semisac_ml.data.scenes.show import contact_sheet

    scene_set = SceneSet.open(folder)
    chosen = [word.strip() for word in steps.split(",")] if steps else []
    if not all(word.isdecimal() for word in chosen):
        raise ValueError(f"--steps is {steps!r}, expected numbers of steps such as 0,25,50")
    output = output or folder / "contact_sheet.png"
    check_outputs({"--output": output})
    file = contact_sheet(scene_set, [int(word) for word in chosen] or None, output)
    Console(highlight=False).print(f"[green]ok[/]  {file}", soft_wrap=True)
