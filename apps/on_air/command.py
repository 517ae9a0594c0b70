# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every program on the air does with its flowgraph: open the radio, run, report."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from common import results
from common.interruption import Interruption
from cyclopts import App
from gnuradio import gr
from gnuradio.semisac.radio import RadioSettings, front_end, open_front_end
from gnuradio.semisac.radio.sigmf_writer import bases_of, files_of
from rich.console import Console

from semisac_ml.command_line import new_program
from semisac_ml.data.sigmf_recording import base_path
from semisac_ml.outputs import check_outputs, console_beside
from semisac_ml.runtime import ImageLink
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.metrics import Metric

from .figures import print_figures
from .options import FrameOptions, RunOptions
from .running import CLOSE_S, DONE, FAILED, INTERRUPTED, MISTAKE, Ending, Run, within
from .status import Rows, Status
from .window import Window

EXIT_CODES = (
    "Exit codes: 0 done (also when nothing was received, which a line on standard error says), 1 the radio "
    "failed or is lost, 2 a mistake in the options, 130 interrupted."
)
PROGRAMS = frozenset(file.stem for file in Path(__file__).resolve().parents[1].glob("*.py"))


def on_air_program(name: str, *examples: str) -> App:
    """Command line in the form that all programs have; name: of its file, as that of the examples."""
    calls = [f"python apps/{example}" for example in examples]
    return new_program(name, examples=calls, exit_codes=EXIT_CODES, programs=PROGRAMS)


class on_air_flowgraph(gr.top_block):
    """What a program's flowgraph says of itself; the base of them all.

    window: that shows the flow, None for none.
    """

    window: Window | None = None

    def check(self, radio: front_end) -> list[str]:
        """Warnings about a radio that is not configured yet; raises ValueError for one that does not do."""
        return []

    def connect_radio(self, radio: front_end) -> None:
        """Connect to a radio that is configured."""
        raise NotImplementedError

    def error(self) -> Exception | None:
        """What ended the flow before its time, if anything did."""
        blocks = (block for block in vars(self).values() if getattr(block, "error", None) is not None)
        return next((block.error for block in blocks if isinstance(block.error, Exception)), None)

    def nothing_received(self) -> str:
        """What to tell a person when nothing came of what was listened for, "" when something did."""
        return ""

    def finished(self) -> bool:
        """Whether the work is done, though the flow goes on."""
        return False

    def rows(self) -> Rows:
        """For the live status."""
        return []

    def counters(self) -> dict[str, int]:
        """What became of frames and images."""
        return {}

    def figures(self) -> dict[str, Metric]:
        """Figures of merit by name."""
        return {}

    def details(self) -> dict[str, object]:
        """What else belongs into the JSON file."""
        return {}

    def close(self) -> None:
        """After the flow has stopped: finish files."""


class Program:
    """One call of a program.

    name: of the program. role: of the radio. own: settings that only this program has, for the JSON file.
    in_force: what the radio's `configure` gave, {} before.
    """

    def __init__(
        self,
        name: str,
        role: str,
        radio: RadioSettings,
        frame: FrameOptions,
        run: RunOptions,
        own: dict[str, object],
    ):
        self.name, self.role, self.radio, self.frame, self.run = name, role, radio, frame, run
        self.own = own
        check_outputs({"--json": run.json_file})
        self.bundle = run.load(frame.bundle)
        self.bundle.interface(ImageLink)  # raises for those that send no images
        self.layout: FrameParameters = frame.layout(self.bundle, radio.sample_rate_hz)
        self._date = datetime.now(UTC)
        self.in_force: dict[str, object] = {}
        self._messages = Console(stderr=True, highlight=False)

    def on_air(self, make_flowgraph: Callable[[], on_air_flowgraph]) -> int:
        """Run and report; the exit code. Raises ValueError for a mistake, RuntimeError for a failure."""
        gr.logging().set_default_level(gr.log_levels.err)
        self._check_files()
        with Interruption() as interruption:
            radio = open_front_end(self.radio, self.layout, self.role)
            try:
                flowgraph = make_flowgraph()
                for warning in flowgraph.check(radio):
                    self.warn(warning)
                self.in_force = radio.configure()
                radio.set_metadata("bundle", self.plain_bundle())
                for warning in self.in_force.get("warnings", ()):
                    self.warn(warning)
                flowgraph.connect_radio(radio)
            except BaseException as error:
                self._report_failure(error)
                try:
                    within(CLOSE_S, radio.close)
                except RuntimeError as trouble:
                    print(f"{self.name}: {trouble}", file=sys.stderr)
                raise
            return self._run(flowgraph, radio, interruption)

    def _check_files(self) -> None:
        """Raise ValueError where the results would replace a file of what is recorded."""
        paths = [self.own.get("path" if self.name == "record" else "record")]
        paths += [self.radio.address] if (self.radio.radio, self.role) == ("file", "transmit") else []
        channels = [f"rx{channel}" for channel in range(self.radio.rx_channels)]
        for path in filter(None, paths):
            base = base_path(path)
            files = files_of(base, [*bases_of(base, channels), *bases_of(base, ["sent", *channels])])
            recorded = {f"the recording's {file.name}": file for file in files}
            check_outputs({**recorded, "--json": self.run.json_file})

    def plain_bundle(self) -> dict[str, str]:
        """Name and fingerprint of the bundle, for JSON."""
        return {"name": self.bundle.name, "fingerprint": self.bundle.fingerprint}

    def warn(self, text: str) -> None:
        """Say something on standard error."""
        self._messages.print(f"{self.name}: warning: {text}", style="yellow", soft_wrap=True)

    def _run(self, flowgraph: on_air_flowgraph, radio: front_end, interruption: Interruption) -> int:
        status = Status(lambda: [*flowgraph.rows(), *radio_rows(radio)], self.run.quiet)
        run = Run(flowgraph, radio, interruption, self.run.duration_s, status.show)
        with status:
            try:
                ending = run.to_its_end(flowgraph.window)
            except RuntimeError as error:
                ending = Ending("failed", FAILED, str(error))
            except BaseException:
                run.stop()  # whatever happened, nothing goes on transmitting
                raise
            state = radio.status()  # before it is closed
            troubles, hangs = run.stop()
        flowgraph.close()
        ending = self._after_all(ending, flowgraph, radio, troubles)
        if ending.code in (DONE, INTERRUPTED):
            said = filter(None, [ending.message, flowgraph.nothing_received()])
            ending = replace(ending, message="; ".join(said))
        try:
            self._report(flowgraph, radio, ending, state, run.seconds, status.cpu_s)
        finally:  # also when the results could not be written
            for kind, reason in radio.events.reasons().items():
                if kind != "vanished":  # that is the ending
                    self.warn(f"{kind}: {reason}")
            for message in filter(None, [ending.message, *troubles]):
                print(f"{self.name}: {' '.join(message.split())}", file=sys.stderr)
        if hangs:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ending.code or FAILED)
        return ending.code

    @staticmethod
    def _after_all(
        ending: Ending, flowgraph: on_air_flowgraph, radio: front_end, troubles: list[str]
    ) -> Ending:
        """How a run ended when it was stopped: what was written may fail at its very end."""
        for late in (radio.events.vanished(), str(flowgraph.error() or "")):
            if late and late not in ending.message:
                troubles.append(late)
        return Ending(ending.reason, FAILED, troubles.pop(0)) if troubles and ending.code == DONE else ending

    def _report(
        self,
        flowgraph: on_air_flowgraph,
        radio: front_end,
        ending: Ending,
        state: dict,
        seconds: float,
        cpu_s: float,
    ) -> None:
        counters, figures = flowgraph.counters(), flowgraph.figures()
        try:
            if self.run.json_file:
                content = self._content(ending, seconds)
                content |= {
                    "counters": counters,
                    "metrics": figures,
                    **flowgraph.details(),
                    "events": radio.events.counts(),
                    "event_reasons": radio.events.reasons(),
                    "frames_hit": [
                        {"frame_id": frame, "event": kind} for frame, kind in radio.events.frames_hit()
                    ],
                    "radio_status": state,
                    "status_cpu_share": cpu_s / seconds if seconds > 0 else 0.0,
                }
                results.write(self.run.json_file, content)
        finally:  # the table is there also when the disk is full
            if not self.run.quiet:
                events = {f"events: {kind}": count for kind, count in radio.events.counts().items()}
                title = f"{self.name}, {self.radio.radio}, {seconds:.1f} s"
                console = console_beside(self.run.json_file)
                print_figures(title, counters | events, figures, console)

    def _report_failure(self, error: BaseException) -> None:
        if not self.run.json_file:
            return
        ending = Ending("failed", FAILED if isinstance(error, RuntimeError) else MISTAKE, str(error))
        if isinstance(error, KeyboardInterrupt):
            ending = Ending("interrupted", INTERRUPTED)
        results.write(self.run.json_file, self._content(ending, 0.0))

    def _content(self, ending: Ending, seconds: float) -> dict[str, object]:
        return {
            "program": self.name,
            "ending": ending.reason,
            "finished": ending.code == 0,
            "exit_code": ending.code,
            "message": ending.message,
            "duration_s": seconds,
            "settings": {"radio": self.radio.plain(), "frame": self.frame.model_dump(), "program": self.own},
            "radio": self.in_force,
            "frame_samples": self.layout.frame_samples,
            "bundle": self.plain_bundle(),
            "inference": results.placed(self.bundle),
            "command": shlex.join(["python", *sys.argv]),
            "date": self._date.isoformat(timespec="seconds"),
            "versions": results.versions(),
        }


def radio_rows(radio: front_end) -> Rows:
    """What a radio says of itself, for the live status: events that happened, and its own numbers."""
    state = radio.status()
    counts = radio.events.counts()
    events = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    own = {name: value for name, value in state.items() if name not in counts}
    return [
        ("events", events or "none"),
        *((name.replace("_", " "), _text(value)) for name, value in own.items()),
    ]


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
