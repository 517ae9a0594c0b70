# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of run_beam_tracking.py."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from gnuradio import gr
from on_air import results
from on_air.command import typer_program
from on_air.running import Ending, Interruption
from on_air.window import start_qt
from rich.console import Console

from semisac_ml.cli.mistakes import run_program
from semisac_ml.data import beam_recordings
from semisac_ml.data.beam_recordings import BeamRecording
from semisac_ml.outputs import check_outputs, console_beside
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beam_tracking import COVER, track
from semisac_ml.signal.tracking_score import TrackingScore

from .flowgraph import beam_tracking_flowgraph
from .report import Tracked, per_frame, print_table, write_picture
from .running import Run, make_window
from .settings import DRIVES, REPLAYED, Kill, unseen

NO_BUNDLE = "none"
WINDOW_FRAMES_PER_S = 10.0

program = typer_program()


@program.command()
def beam_tracking(
    data: Annotated[
        str,
        typer.Option(
            help="**made-up** drives, **sample** (ray-traced steps that ship), **deepsense6g** (below the "
            "folder that SEMISAC_DATA names), or a folder of DeepSense 6G or of `semisac data scenes`."
        ),
    ] = beam_recordings.MADE_UP,
    scenario: Annotated[
        int, typer.Option(help="Number of one scenario; 0: the first of DeepSense, all of a set of scenes.")
    ] = 0,
    drives: Annotated[
        str,
        typer.Option(
            help="**held-out**: those that the bundle's training has not seen, as far as it says; **all**."
        ),
    ] = DRIVES[0],
    bundle: Annotated[
        str,
        typer.Option(
            help="Network that predicts beams: folder of a bundle, or system/name; **none**: tracker alone."
        ),
    ] = "vi_beam/deepsense",
    frames: Annotated[int, typer.Option(help="Frames at most; 0: all.")] = 0,
    frames_per_s: Annotated[
        float | None,
        typer.Option(
            help=f"Pace; 0: as fast as the loop goes. [default: 0, with --window {WINDOW_FRAMES_PER_S:g}]",
            show_default=False,
        ),
    ] = None,
    kill: Annotated[
        list[str] | None,
        typer.Option(
            help="A sensor that fails: SENSOR@SECONDS, or SENSOR@FROM-TO, of "
            f"{', '.join(f'**{name}**' for name in REPLAYED)}, **beams** (all measurements) and "
            "**predictor**; such as gps@5s or beams@5-8s. May be repeated.",
            show_default=False,
        ),
    ] = None,
    cover: Annotated[
        float, typer.Option(help="Share of the predicted probability that is measured, 0 to 1.")
    ] = COVER,
    seed: Annotated[int, typer.Option(help="Seed of what is made up.")] = 0,
    window: Annotated[
        bool, typer.Option("--window", help="Show it live, with switches for the sensors.")
    ] = False,
    report: Annotated[Path, typer.Option(help="Picture to write.")] = Path("beam_tracking.png"),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no picture.")] = False,
    json: Annotated[
        str, typer.Option(help="Also write everything as JSON; - for standard output.", show_default=False)
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> int:
    """Keep a beam on vehicles that pass a base station, measuring few of its 64 beams.

    Without options: made-up drives, the bundle vi_beam/deepsense, as fast as it goes. Ctrl-C ends the run and
    reports what was done.
    """
    kills = [Kill.parse(text) for text in kill or []]
    _check(drives, frames, frames_per_s, cover, seed)
    if scenario and data == beam_recordings.MADE_UP:
        raise ValueError(f"--scenario is {scenario}, but --data {data} has none: leave it out")
    if no_report:
        report = None
    check_outputs({"--json": json or None, "--report": report})
    opened = None if bundle == NO_BUNDLE else Bundle.load(bundle)
    if opened:
        opened.interface(BeamPrediction)  # raises for others
    recording = beam_recordings.load(data, scenario, seed)
    which = "all drives"
    if opened is not None and drives == "held-out":
        recording, which = unseen(recording, opened)
    if frames:
        recording = recording.first(frames)
    if frames_per_s is None:
        frames_per_s = WINDOW_FRAMES_PER_S if window else 0.0
    console = console_beside(json or None, report)
    title = f"{recording.name}, {which}, {'tracker alone' if opened is None else opened.name}"
    with Interruption() as interruption:
        flowgraph, ending = _run(
            recording, opened, frames_per_s, kills, cover, seed, title, window, quiet, interruption
        )
        tracked = Tracked(
            title=title,
            score=flowgraph.sink.score(),
            trail=flowgraph.sink.trail(),
            alone=_alone(recording, flowgraph) if opened is not None else None,
            kills=kills,
            interval_s=recording.interval_s,
            counters=flowgraph.counters(),
        )
        settings = {
            "data": data, "scenario": scenario, "drives": which, "bundle": bundle, "cover": cover,
            "frames_per_s": frames_per_s, "kill": [str(one) for one in kills], "seed": seed,
        }  # fmt: skip
        with ExitStack() as outputs:  # each comes out, the files first, whatever becomes of the others
            if not quiet:
                outputs.callback(print_table, tracked, console)
            if report:
                outputs.callback(write_picture, tracked, report)
            if json:
                outputs.callback(results.write, json, _content(tracked, ending, settings, opened))
    if report and not quiet:
        console.print(f"report: {report}", highlight=False, markup=False, soft_wrap=True)
    if ending.message:
        print(f"run_beam_tracking: {' '.join(ending.message.split())}", file=sys.stderr)
    return ending.code


def _run(
    recording: BeamRecording,
    bundle: Bundle | None,
    frames_per_s: float,
    kills: list[Kill],
    cover: float,
    seed: int,
    title: str,
    window: bool,
    quiet: bool,
    interruption: Interruption,
) -> tuple[beam_tracking_flowgraph, Ending]:
    gr.logging().set_default_level(gr.log_levels.err)
    if window:
        start_qt()
    flowgraph = beam_tracking_flowgraph(recording, bundle, frames_per_s, kills, cover, seed, window)
    shown = make_window(flowgraph, title) if window else None
    console = None if quiet or window else Console(stderr=True)
    return flowgraph, Run(flowgraph, len(recording), interruption).to_its_end(console, shown)


def _alone(recording: BeamRecording, flowgraph: beam_tracking_flowgraph) -> TrackingScore | None:
    """The tracker without a predictor on the frames that were judged, if their power was recorded."""
    done = flowgraph.sink.frames_complete()
    if recording.power_db is None or not done:
        return None
    power_db = recording.power_db[:done]
    found = track(power_db, recording.drive[:done])
    score = TrackingScore(power_db.shape[1])
    for beam, measured, row in zip(found.beam, found.measured, power_db, strict=True):
        score.add(beam, measured, row)
    return score


def _content(tracked: Tracked, ending: Ending, settings: dict, bundle: Bundle | None) -> dict[str, object]:
    return {
        "program": "run_beam_tracking",
        "ending": ending.reason,
        "finished": ending.code == 0,
        "exit_code": ending.code,
        "message": ending.message,
        "settings": settings,
        "bundle": {"name": bundle.name, "fingerprint": bundle.fingerprint} if bundle else None,
        "metrics": tracked.score.figures(),
        "tracker_alone": tracked.alone.figures() if tracked.alone else None,
        "counters": tracked.counters,
        "frames": per_frame(tracked.score),
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": results.versions(),
    }


def _check(drives: str, frames: int, frames_per_s: float | None, cover: float, seed: int) -> None:
    if drives not in DRIVES:
        raise ValueError(f"--drives is {drives!r}, expected one of {', '.join(DRIVES)}")
    if frames < 0:
        raise ValueError(f"--frames is {frames}, expected 0 or more")
    if frames_per_s is not None and not 0 <= frames_per_s <= 1000:
        raise ValueError(f"--frames-per-s is {frames_per_s:g}, expected 0 to 1000")
    if not 0 < cover <= 1:
        raise ValueError(f"--cover is {cover:g}, expected a share above 0, at most 1")
    if seed < 0:
        raise ValueError(f"--seed is {seed}, expected 0 or more")


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, "run_beam_tracking", arguments, typed="run_beam_tracking.py")
