# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""--window where there is no display: one line, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG_S

pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")
pytest.importorskip("PyQt5", reason="windows need it")

APPS = Path(__file__).resolve().parents[1] / "apps"
SIMULATION = ("--radio", "simulation")
PROGRAMS = {
    "run_receiver": SIMULATION,
    "run_transmitter": SIMULATION,
    "run_sensing": SIMULATION,
    "calibrate": SIMULATION,
    "record": ("recording", *SIMULATION),
    "run_beam_tracking": ("--no-report",),
}


def display_of_nobody() -> str:
    """A display that no X server of this machine has: each has a socket there."""
    taken = {socket.name for socket in Path("/tmp/.X11-unix").glob("X*")}
    return next(f":{number}" for number in range(77, 60000) if f"X{number}" not in taken)


def refused(folder: Path, command: list[str], display: dict[str, str]) -> str:
    """Run a program in a folder for core dumps; what it says."""
    own = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "QT_QPA_PLATFORM")}
    own.pop("WAYLAND_DISPLAY", None)
    own |= {"SEMISAC_CONFIG": str(folder)} | display
    shell = ["bash", "-c", 'ulimit -c "$(ulimit -Hc)"; exec "$@"', "bash", sys.executable, *command]
    done = subprocess.run(shell, cwd=folder, env=own, capture_output=True, text=True, timeout=HANG_S)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert list(folder.iterdir()) == []
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_display_that_does_not_answer(tmp_path, own_home, program):
    command = [str(APPS / f"{program}.py"), *PROGRAMS[program], "--window"]
    display = display_of_nobody()
    line = refused(tmp_path, command, {"DISPLAY": display})
    assert line.startswith(f"{program}: --window needs a display (DISPLAY={display}: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("display", "pattern"),
    [
        ({}, "none is named: "),
        ({"WAYLAND_DISPLAY": "wayland-77"}, "WAYLAND_DISPLAY=wayland-77: "),
        ({"QT_QPA_PLATFORM": "nonsense"}, 'QT_QPA_PLATFORM=nonsense: Could not find .* plugin "nonsense"'),
    ],
)
def test_every_kind_of_no_display(tmp_path, display, pattern):
    program = f"""
import sys
sys.path.insert(0, {str(APPS)!r})
from on_air.window import start_qt
try:
    start_qt()
except ValueError as error:
    sys.exit(print(error, file=sys.stderr) or 2)
"""
    assert re.match(rf"--window needs a display \({pattern}", refused(tmp_path, ["-c", program], display))


def test_every_program_with_a_window_is_here():
    with_windows = {
        file.stem
        for file, module in ((file, file.read_text()) for file in APPS.glob("*.py"))
        if "on_air." in module or "beam_tracking." in module
    }
    assert with_windows == set(PROGRAMS)
