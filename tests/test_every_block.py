# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every block of the module is asked, whatever it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="blocks need GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundles are written with the onnx package")
pytest.importorskip("PyQt5", reason="some blocks have a Qt window")

from driven_flow import Given, Stream
from every_block import BLOCKS, UNITS, WHOLE_RADIOS, Block, is_block, name_of, painted
from gnuradio import semisac

ROOT = Path(__file__).resolve().parents[1]
every_block = pytest.mark.parametrize("case", BLOCKS)


def test_every_block_is_asked():
    asked = {name_of(case) for case in BLOCKS}
    blocks = {name for name, value in vars(semisac).items() if is_block(value)}
    assert blocks - asked == set(), "blocks that are not in every_block.BLOCKS"
    defined = {file.name.split(".")[0].removeprefix("semisac_") for file in (ROOT / "grc").glob("*.block.yml")}
    no_blocks = {"frame_parameters", "radar_parameters", *WHOLE_RADIOS}
    assert defined - no_blocks == asked


@every_block
def test_good_input_gives_output(case):
    block = BLOCKS[case]
    flow = block.flow()
    given = flow.run()
    assert given.ended and given.error is None
    everything = [len(items) for items in given.items] + [len(m) for m in given.messages.values()]
    if block.results:
        assert block.results(flow.block)
    else:
        assert any(everything)


def check(holds: object, told: str) -> None:
    """Assertion whose message is short: many are collected."""
    if not holds:
        raise AssertionError(told)


# Damaged items

HIT, SILENT = 4, range(2, 8)  # units
DAMAGES = {
    "not a number": np.nan,
    "infinite": np.inf,
    "huge": 1e20,
    "denormal": 1e-42,
    "zero": 0.0,
}


def damaged(
    stream: Stream, value: float, units: Sequence[int], reach: int = 0, only_one: bool = False
) -> Stream:
    """A stream with another value in the place of all items of some units, or of one in their middle."""
    items = stream.items.copy()
    for unit in units:
        place = unit * stream.unit
        hit = slice(place, place + stream.unit - reach)
        if only_one:
            items[place + stream.unit // 2, stream.items.shape[1] // 2] = value
        else:
            items[hit] = value
    return Stream(items, stream.tags, stream.unit)


def cut(stream: Stream, units: int) -> Stream:
    """The first units of a stream."""
    items = units * stream.unit
    return Stream(stream.items[:items], [tag for tag in stream.tags if tag[0] < items], stream.unit)


def damages(stream: Stream, reach: int) -> Iterator[tuple[str, int, Stream]]:
    """What was done to a stream, the last unit hit, and the stream."""
    if stream.items.dtype == np.uint8:
        yield "zero", HIT, damaged(stream, 0, [HIT])
        return
    for name, value in DAMAGES.items():
        yield name, HIT, damaged(stream, value, [HIT], reach)
        yield f"one {name}", HIT, damaged(stream, value, [HIT], reach, only_one=True)
    yield "silence", SILENT[-1], damaged(stream, 0.0, SILENT, reach)


def tail(found: Sequence, units: int, last_hit: int, settles: int) -> Sequence:
    """What is given for the units behind the damage."""
    count = len(found) // units * (units - last_hit - 1 - settles)
    return found[len(found) - count :]


def counted(block) -> int:
    """Sum of all that a block counts of what went wrong."""
    words = "lost|dropped|refused|damaged|truncated|missed|header|parameters|gap|broken|flagged|backwards"
    methods = [name for name in dir(block) if re.match(f"[a-z_]+_({words})$|({words})_[a-z]+$", name)]
    values = [getattr(block, name)() for name in methods if name[0] != "_"]
    counts = getattr(block, "counts", {})
    return sum(int(value) for value in values) + sum(counts.values())


def assert_same_tail(block: Block, given: Given, clean: Given, last_hit: int) -> None:
    for found, expected in zip(given.items, clean.items, strict=True):
        wanted = tail(expected, UNITS, last_hit, block.settles)
        found = found[len(found) - len(wanted) :]
        check(len(found) == len(wanted), f"{len(found)} of {len(wanted)} items")
        if block.near:
            wanted, found = wanted.view(np.float32), found.view(np.float32)
            error = np.abs(found - wanted).max() / np.sqrt(np.mean(wanted**2))
            check(error <= block.near, f"items differ by {error}")
        else:
            wrong = np.flatnonzero((found != wanted).any(axis=1))
            check(not len(wrong), f"{len(wrong)} of {len(wanted)} items differ, the first is {wrong[:1]}")
    for port, expected in clean.messages.items():
        wanted = tail(expected, UNITS, last_hit, block.settles)
        found = given.messages[port]
        check(found[len(found) - len(wanted) :] == wanted, f"messages {port} differ")


def assert_lost_is_counted(given: Given, clean: Given, count: int, clean_count: int) -> None:
    lost = [len(b) - len(a) for a, b in zip(given.items, clean.items, strict=True)]
    lost += [len(clean.messages[port]) - len(given.messages[port]) for port in clean.messages]
    check(max(lost, default=0) <= 0 or count > clean_count, f"lost {lost}, counted {count}")


def assert_good_results(block: Block, sink, clean: object) -> None:
    """Figures are numbers, and what is shown is the last item."""
    found = block.results(sink)
    if isinstance(clean, bytes):
        return
    assert found.keys() == clean.keys()
    for name, value in found.items():
        if hasattr(value, "value"):
            check(np.isfinite([value.value, value.low, value.high]).all(), f"{name} is {value}")
        elif name not in ("latency_s", "frames_lost"):
            np.testing.assert_array_equal(value, clean[name], err_msg=name)


@every_block
def test_damaged_items_harm_no_others(case):
    block = BLOCKS[case]
    streams = list(block.streams())
    if not streams:
        pytest.skip("takes no items")
    flow = block.flow()
    clean = flow.run()
    result = block.results and block.results(flow.block)
    clean_count = counted(flow.block)
    failures = []
    for port, stream in enumerate(streams):
        for what, last_hit, other in damages(stream, block.reach):
            mixed = streams[:port] + [other] + streams[port + 1 :]
            try:
                flow = block.flow(mixed)
                given = flow.run()
                check(given.ended and not given.error, f"ended {given.ended}, {given.error}")
                assert_same_tail(block, given, clean, last_hit)
                if not block.unseen:
                    assert_lost_is_counted(given, clean, counted(flow.block), clean_count)
                if block.results:
                    assert_good_results(block, flow.block, result)
                if block.results is painted:  # the damaged item itself
                    flow = block.flow([cut(each, HIT + 1) for each in mixed])
                    flow.run()
                    painted(flow.block)
            except AssertionError as error:
                failures.append(f"{what} in input {port}: {error}")
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)
