# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Setters of all blocks in C++, called by several threads at once with values whose reading runs Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gnuradio.semisac", reason="the blocks are what is asked")
pytest.importorskip("onnx", reason="the made-up bundles are written with the onnx package")
pytest.importorskip("PyQt5", reason="some blocks have a Qt window")

from patience import HANG_S

pytestmark = pytest.mark.slow

THREADS, ROUNDS = 4, 20

# In a program of its own: threads that wait for each other with Python's lock in hand cannot be ended.
PROGRAM = f"""
import sys, threading, time
from every_block import BLOCKS
from gnuradio import gr
from gnuradio.semisac import semisac_python

class Slow:
    # A number that lets other threads run while it is read.
    def __init__(self, value):
        self.value = value
    def __float__(self):
        time.sleep(1e-4)
        return float(self.value)
    def __index__(self):
        time.sleep(1e-4)
        return self.value
    def __repr__(self):
        time.sleep(1e-4)
        return "slow"

def setters(block):
    for name in set(dir(block)) - set(dir(gr.block)):
        value = getattr(block, name[4:], None) if name.startswith("set_") else None
        value = value() if callable(value) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield getattr(block, name), value

def calls_of(block):
    calls = [lambda set=set, value=value: set(Slow(value)) for set, value in setters(block)]
    if hasattr(block, "set_targets"):
        target = {{"range_m": 100, "velocity_mps": 1}}
        calls.append(lambda: block.set_targets([{{name: Slow(value) for name, value in target.items()}}]))
        calls.append(lambda: block.change_target(0, velocity_mps=Slow(2)))
        calls.append(lambda: block.targets())
    if hasattr(block, "update"):
        calls.append(lambda: block.update(snr_db=Slow(3), rician_k_db=Slow(1), block_length=Slow(2)))
    return calls

def call_all(calls):
    for _ in range({ROUNDS}):
        for call in calls:
            try:
                call()
            except (TypeError, ValueError):  # not in this mode, or no number for it
                pass

for case, one in BLOCKS.items():
    block = one.make()
    if type(block).__module__ != semisac_python.__name__:
        continue
    calls = calls_of(block)
    threads = [threading.Thread(target=call_all, args=(calls,), daemon=True) for _ in range({THREADS})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("called", case, len(calls), sep="|", flush=True)
"""


def test_setters_do_not_wait_for_each_other():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert run.returncode == 0, run.stderr
    lines = [line.split("|") for line in run.stdout.splitlines() if line.startswith("called|")]
    called = {case: int(count) for _, case, count in lines}
    assert called["fading_channel"] > 15
    assert called["target_emulator"] > 10
    assert called["echo_processor"] > 3
