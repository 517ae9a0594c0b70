# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a program as it is, and say RUNNING on standard output once something went through its flowgraph.

running_program.py [--frame] PROGRAM [ARGUMENTS]

--frame: only once a sink has a whole frame.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import threading
import time
from pathlib import Path

RUNNING = "the flowgraph runs"


def run() -> None:
    """What the process does."""
    from gnuradio import gr

    start = gr.top_block.start
    needs_frame = sys.argv[1] == "--frame"
    del sys.argv[: 1 + needs_frame]

    def start_and_tell(flowgraph, *arguments) -> None:
        start(flowgraph, *arguments)
        threading.Thread(target=tell, args=(flowgraph, needs_frame), daemon=True).start()

    gr.top_block.start = start_and_tell
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


def tell(flowgraph, needs_frame: bool) -> None:
    while not works(flowgraph, needs_frame):
        time.sleep(0.02)
    sys.stdout.write(RUNNING + "\n")
    sys.stdout.flush()


def works(flowgraph, needs_frame: bool) -> bool:
    """Whether a sink has a whole frame, or else a block has read something."""
    parts = [part for part in vars(flowgraph).values() if hasattr(part, "unique_id")]
    if any(part.frames_complete() for part in parts if hasattr(part, "frames_complete")):
        return True
    return not needs_frame and any(items_read(part) for part in parts if hasattr(part, "nitems_read"))


def items_read(block) -> int:
    """Items that came in at its first input, 0 for a source."""
    try:
        return block.nitems_read(0)
    except ValueError:
        return 0


def started(program: subprocess.Popen) -> str:
    """Wait until it says so, or ends; what it said before."""
    said = []
    for line in program.stdout:
        said.append(line.replace(RUNNING, ""))
        if RUNNING in line:  # others may write in the middle of the line
            break
    return "".join(said)


if __name__ == "__main__":
    run()
