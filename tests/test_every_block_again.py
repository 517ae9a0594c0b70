# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every block run again, held up, changed while it runs, and run for long."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="blocks need GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundles are written with the onnx package")
pytest.importorskip("PyQt5", reason="some blocks have a Qt window")

from block_inputs import UNITS
from driven_flow import Flow, Given, Stream
from every_block import BLOCKS, Block, name_of
from gnuradio import semisac
from patience import until
from test_every_block import HIT, assert_good_results, assert_same_tail, check, cut, every_block

# Runs, pauses, and a flowgraph that changes while it runs


def same_but_passing(block: Block, given: Given, clean: Given) -> None:
    """Items, tags and messages of a whole run equal those of another, but for times and counts that go on."""
    for found, expected in zip(given.items, clean.items, strict=True):
        check(len(found) == len(expected), f"{len(found)} of {len(expected)} items")
        if block.near:
            found, expected = found.view(np.float32), expected.view(np.float32)
            np.testing.assert_allclose(found, expected, rtol=0, atol=block.near * np.abs(expected).max())
        else:
            np.testing.assert_array_equal(found, expected)
    for found, expected in zip(given.tags, clean.tags, strict=True):
        kept = [[tag for tag in tags if tag[1] not in block.passing] for tags in (found, expected)]
        check(block.near or kept[0] == kept[1], "tags differ")
    for port, expected in clean.messages.items():
        told = [[without(text, block.passing) for text in run] for run in (given.messages[port], expected)]
        check(told[0] == told[1], f"messages {port} differ")


def again(stream: Stream, times: int) -> Stream:
    """A stream several times, with the same tags: ids begin anew."""
    count = len(stream.items)
    tags = [(turn * count + item, key, value) for turn in range(times) for item, key, value in stream.tags]
    return Stream(np.tile(stream.items, (times, 1)), tags, stream.unit)


def held_bytes(value, seen: set[int]) -> int:
    """Bytes of arrays, texts and entries that can be reached from an object of the module."""
    if id(value) in seen or isinstance(value, (type, ModuleType)) or callable(value):
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return value.nbytes if value.base is None else held_bytes(value.base, seen) or value.nbytes
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(8 + held_bytes(each, seen) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple, set, deque)):
        return sum(8 + held_bytes(each, seen) for each in value)
    if type(value).__module__.startswith(("gnuradio.semisac", "semisac_ml.signal", "semisac_ml.runtime.obs")):
        return held_bytes(getattr(value, "__dict__", {}), seen)
    return 8


def is_python(case: str) -> bool:
    """Whether what a block holds can be seen."""
    block = getattr(semisac, name_of(case), None)
    return block is None or block.__module__ != "gnuradio.semisac.semisac_python"


# It remembers the tags of a recording until it is written; the disk is full long before.
BOUNDED = [case for case in BLOCKS if is_python(case) and case != "sigmf_sink"]


@pytest.mark.parametrize("case", BOUNDED)
def test_memory_is_bounded_also_while_a_branch_is_silent(case, monkeypatch):
    """Ids begin anew again and again."""
    block = BLOCKS[case]
    streams, messages = list(block.streams()), list(block.messages())
    for bound in block.bounds:
        module, name = bound.rsplit(".", 1)
        monkeypatch.setattr(sys.modules[module], name, 2 * UNITS)
    unit_bytes = sum(stream.unit * stream.items[0].nbytes for stream in streams)
    may_wait = 2 * UNITS * unit_bytes if block.bounds else 0
    for silent in [None, *range(len(streams) if len(streams) > 1 else 0)]:
        held = []
        for turns in (4, 10):
            longer = [
                again(stream, turns) if port != silent else cut(stream, 0)
                for port, stream in enumerate(streams)
            ]
            flow = block.flow(longer, messages if streams else messages * turns)
            given = flow.run()
            assert given.ended and given.error is None
            held.append(held_bytes(flow.block, set()))
        assert held[1] <= 1.02 * held[0] + may_wait + 4096, f"silent: {silent}"


@every_block
def test_ids_and_times_that_begin_anew_lose_nothing(case):
    block = BLOCKS[case]
    if block.streams is tuple or block.by_number or block.most_items:
        pytest.skip("takes no items, or none whose number means nothing")
    clean = block.run()
    flow = block.flow([again(stream, 3) for stream in block.streams()])
    given = flow.run()
    assert given.ended and given.error is None
    assert [len(items) for items in given.items] == [3 * len(items) for items in clean.items]
    if case != "range_doppler_sink":  # its messages do not come of items
        counts = {port: 3 * len(found) for port, found in clean.messages.items()}
        assert {port: len(found) for port, found in given.messages.items()} == counts
    if hasattr(flow.block, "frames_complete"):
        assert flow.block.frames_complete() == 3 * UNITS


def without(text: str, passing: Sequence[str]) -> str:
    """A message without the entries that differ from run to run."""
    for key in passing:
        text = re.sub(rf"\b{key}: [^,}}]*", "", text)
    return text


@every_block
def test_a_second_run_is_as_the_first(case):
    block = BLOCKS[case]
    flow = block.flow()
    first = flow.run()
    results = block.results and block.results(flow.block)
    flow.rewind()
    second = flow.run()
    assert second.ended and second.error is None
    same_but_passing(block, second, first)
    if block.results:
        assert_good_results(block, flow.block, results)


@every_block
def test_a_pause_downstream_changes_nothing(case):
    block = BLOCKS[case]
    clean = block.run()
    if not clean.items:
        pytest.skip("gives no items")
    same_but_passing(block, block.run(pause=True), clean)


@every_block
def test_a_flowgraph_that_changes_while_it_runs(case):
    """GNU Radio drops items on their way then, and begins to count anew. What comes later is as ever."""
    block = BLOCKS[case]
    streams = list(block.streams())
    if not streams:
        pytest.skip("takes no items")
    clean = block.run()
    changed = []
    before = HIT + 1  # units
    flow = block.flow(parts=[(before, None), (UNITS, lambda: changed)])

    def change(flow: Flow) -> None:
        until(lambda: all(source.sent() >= before * source.unit for source in flow.sources))
        if hasattr(flow.block, "nitems_read"):
            until(lambda: all(flow.block.nitems_read(port) for port in range(len(streams))))
        flow.top.lock()
        flow.top.unlock()
        changed.append(True)

    given = flow.run(change)
    assert given.ended and given.error is None
    if block.by_number:
        for found, expected in zip(given.items, clean.items, strict=True):
            assert len(found) > len(expected) * before // UNITS
    else:
        assert_same_tail(block, given, clean, before)
