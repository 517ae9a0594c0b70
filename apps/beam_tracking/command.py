# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of run_beam_tracking.py."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from common import results
from common.interruption import Interruption
from common.options import InferenceOptions
from cyclopts import Parameter
from gnuradio import gr
from on_air.running import Ending
from on_air.window import start_qt
from pydantic import Field
from rich.console import Console

from semisac_ml.command_line import Options, new_program, run_program
from semisac_ml.data import beam_recordings
from semisac_ml.data.beam_recordings import BeamRecording
from semisac_ml.outputs import check_outputs, console_beside
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beam_tracking import COVER, track
from semisac_ml.signal.tracking_score import TrackingScore

from .flowgraph import beam_tracking_flowgraph
from .report import Tracked, per_frame, print_table, write_picture
from .running import Run, make_window
from .settings import REPLAYED, Kill, unseen

NO_BUNDLE = "none"
WINDOW_FRAMES_PER_S = 10.0

program = new_program("run_beam_tracking.py")


class TrackingOptions(InferenceOptions):
    """What is replayed, what predicts, and what fails."""

    data: str = Field(
        beam_recordings.MADE_UP,
        description="**made-up** drives, **sample** (ray-traced steps that ship), **deepsense6g** (below the "
        "folder that SEMISAC_DATA names), or a folder of DeepSense 6G or of `semisac data scenes`.",
    )
    scenario: int = Field(
        0, description="Number of one scenario; 0: the first of DeepSense, all of a set of scenes."
    )
    drives: Literal["held-out", "all"] = Field(
        "held-out",
        description="**held-out**: those that the bundle's training has not seen, as far as it says; "
        "**all**.",
    )
    bundle: str = Field(
        "vi_beam/deepsense",
        description="Network that predicts beams: folder of a bundle, or system/name; **none**: tracker "
        "alone.",
    )
    frames: int = Field(0, ge=0, description="Frames at most; 0: all.")
    frames_per_s: float | None = Field(
        None,
        ge=0,
        le=1000,
        description=f"Pace; 0: as fast as the loop goes. [default: 0, with --window {WINDOW_FRAMES_PER_S:g}]",
    )
    kill: list[str] = Field(
        [],
        description="A sensor that fails: SENSOR@SECONDS, or SENSOR@FROM-TO, of "
        f"{', '.join(f'**{name}**' for name in REPLAYED)}, **beams** (all measurements) and "
        "**predictor**; such as gps@5s or beams@5-8s. May be repeated.",
    )
    cover: float = Field(
        COVER, gt=0, le=1, description="Share of the predicted probability that is measured."
    )
    seed: int = Field(0, ge=0, description="Seed of what is made up.")


class OutputOptions(Options):
    """What is shown and written."""

    window: bool = Field(False, description="Show it live, with switches for the sensors.")
    report: Path = Field(Path("beam_tracking.png"), description="Picture to write.")
    no_report: bool = Field(False, description="Write no picture.")
    json_file: Annotated[str, Parameter(name="--json")] = Field(
        "", description="Also write everything as JSON; - for standard output."
    )
    quiet: Annotated[bool, Parameter(alias="-q")] = Field(False, description="Say nothing but errors.")


@program.default
def beam_tracking(
    *, options: TrackingOptions = TrackingOptions(), output: OutputOptions = OutputOptions()
) -> int:
    """Keep a beam on vehicles that pass a base station, measuring few of its 64 beams.

    Without options: made-up drives, the bundle vi_beam/deepsense, as fast as it goes. Ctrl-C ends the run and
    reports what was done.
    """
    kills = [Kill.parse(text) for text in options.kill]
    data, scenario = options.data, options.scenario
    if scenario and data == beam_recordings.MADE_UP:
        raise ValueError(f"--scenario is {scenario}, but --data {data} has none: leave it out")
    report, json_file = None if output.no_report else output.report, output.json_file or None
    check_outputs({"--json": json_file, "--report": report})
    opened = None if options.bundle == NO_BUNDLE else options.load(options.bundle)
    if opened:
        opened.interface(BeamPrediction)  # raises for others
    recording = beam_recordings.load(data, scenario, options.seed)
    which = "all drives"
    if opened is not None and options.drives == "held-out":
        recording, which = unseen(recording, opened)
    if options.frames:
        recording = recording.first(options.frames)
    pace = options.frames_per_s
    if pace is None:
        pace = WINDOW_FRAMES_PER_S if output.window else 0.0
    console = console_beside(json_file, report)
    title = f"{recording.name}, {which}, {'tracker alone' if opened is None else opened.name}"
    with Interruption() as interruption:
        gr.logging().set_default_level(gr.log_levels.err)
        if output.window:
            start_qt()
        flowgraph = beam_tracking_flowgraph(
            recording, opened, pace, kills, options.cover, options.seed, output.window
        )
        shown = make_window(flowgraph, title) if output.window else None
        status = None if output.quiet or output.window else Console(stderr=True)
        ending = Run(flowgraph, len(recording), interruption).to_its_end(status, shown)
        tracked = Tracked(
            title=title,
            score=flowgraph.sink.score(),
            trail=flowgraph.sink.trail(),
            alone=_alone(recording, flowgraph) if opened is not None else None,
            kills=kills,
            interval_s=recording.interval_s,
            counters=flowgraph.counters(),
        )
        settings = options.model_dump(exclude={"frames"}) | {
            "drives": which, "frames_per_s": pace, "kill": [str(one) for one in kills],
        }  # fmt: skip
        with ExitStack() as outputs:  # each comes out, the files first, whatever becomes of the others
            if not output.quiet:
                outputs.callback(print_table, tracked, console)
            if report:
                outputs.callback(write_picture, tracked, report)
            if json_file:
                outputs.callback(results.write, json_file, _content(tracked, ending, settings, opened))
    if report and not output.quiet:
        console.print(f"report: {report}", highlight=False, markup=False, soft_wrap=True)
    if ending.message:
        print(f"run_beam_tracking: {' '.join(ending.message.split())}", file=sys.stderr)
    return ending.code


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
        "inference": results.placed(bundle) if bundle else None,
        "metrics": tracked.score.figures(),
        "tracker_alone": tracked.alone.figures() if tracked.alone else None,
        "counters": tracked.counters,
        "frames": per_frame(tracked.score),
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": results.versions(),
    }


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
