# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every block of the module is asked, whatever it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pmt
import pytest

pytest.importorskip("gnuradio.semisac", reason="blocks need GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundles are written with the onnx package")
pytest.importorskip("PyQt5", reason="some blocks have a Qt window")

from block_inputs import UNITS
from driven_flow import Given, Stream, port_names
from every_block import BLOCKS, WHOLE_RADIOS, Block, is_block, name_of, painted
from gnuradio import semisac
from gnuradio.semisac.frames.frame_tags import FrameTagError

ROOT = Path(__file__).resolve().parents[1]
every_block = pytest.mark.parametrize("case", BLOCKS)


def test_every_block_is_asked():
    asked = {name_of(case) for case in BLOCKS}
    blocks = {name for name, value in vars(semisac).items() if is_block(value)}
    assert blocks - asked == set(), "blocks that are not in every_block.BLOCKS"
    defined = {
        file.name.split(".")[0].removeprefix("semisac_") for file in (ROOT / "grc").glob("*.block.yml")
    }
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
            error = np.abs(found - wanted).max() / np.abs(wanted).max()
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


# Tags and messages of any kind

VALUES = {
    "nil": pmt.PMT_NIL,
    "true": pmt.PMT_T,
    "symbol": pmt.intern("hello"),
    "minus one": pmt.from_long(-1),
    "least long": pmt.from_long(-(2**63)),
    "largest long": pmt.from_long(2**63 - 1),
    "largest uint64": pmt.from_uint64(2**64 - 1),
    "a half": pmt.from_double(0.5),
    "not a number": pmt.from_double(np.nan),
    "infinite": pmt.from_double(np.inf),
    "least double": pmt.from_double(-1.7e308),
    "complex": pmt.from_complex(complex(np.nan, 1e300)),
    "pair": pmt.cons(pmt.intern("hello"), pmt.from_long(1)),
    "list": pmt.list2(pmt.from_long(1), pmt.PMT_NIL),
    "empty tuple": pmt.make_tuple(),
    "tuple of longs": pmt.make_tuple(pmt.from_long(1), pmt.from_long(2)),
    "time that is none": pmt.make_tuple(pmt.from_uint64(77), pmt.from_double(np.nan)),
    "time far off": pmt.make_tuple(pmt.from_uint64(2**64 - 1), pmt.from_double(0.5)),
    "empty dictionary": pmt.make_dict(),
    "dictionary": pmt.dict_add(pmt.make_dict(), pmt.from_long(3), pmt.PMT_NIL),
    "vector": pmt.make_vector(2, pmt.PMT_NIL),
    "bytes": pmt.init_u8vector(3, [1, 2, 3]),
    "empty bytes": pmt.init_u8vector(0, []),
    "integers": pmt.init_s32vector(2, [-1, 2**31 - 1]),
    "reals": pmt.init_f32vector(3, [np.nan, np.inf, 1.0]),
    "complexes": pmt.init_c32vector(2, [1j, complex(np.nan, 0)]),
    "end of file": pmt.get_PMT_EOF(),
}
TAGGED = range(1, 7)  # units


def every_key() -> list[str]:
    """Keys of tags that any block's source names."""
    found = set()
    for file in [*(ROOT / "lib").rglob("*.h"), *(ROOT / "lib").rglob("*.cc")]:
        found |= set(re.findall(r'd_key_\w+ = pmt::mp\("(\w+)"\)', file.read_text()))
    for file in (ROOT / "python" / "semisac").glob("**/*.py"):
        found |= set(re.findall(r'^[A-Z_]+ = pmt.intern\("(\w+)"\)', file.read_text(), re.MULTILINE))
    assert {"frame_id", "packet_len", "rx_time", "snr_db", "gap", "channel_gain", "time_s"} <= found
    return sorted(found)


def strange(stream: Stream, value, turn: int) -> Stream:
    """A stream on which every key has a value once, each time another group of them on one unit."""
    keys = every_key()
    put = {}
    for number, key in enumerate(keys):
        place = TAGGED[(number + turn * (number // len(TAGGED))) % len(TAGGED)]
        put[place * stream.unit, key] = value
    tags = [tag for tag in stream.tags if tag[:2] not in put]
    return Stream(stream.items, tags + [(*where, value) for where in put], stream.unit)


@every_block
def test_tags_of_any_kind_harm_nothing_else(case):
    block = BLOCKS[case]
    streams = list(block.streams())
    if not streams:
        pytest.skip("takes no items")
    clean = block.run()
    failures = []
    for port, stream in enumerate(streams):
        for turn, (what, value) in enumerate(VALUES.items()):
            mixed = streams[:port] + [strange(stream, value, turn)] + streams[port + 1 :]
            try:
                given = block.run(mixed)
                check(given.ended, "hangs")
                check("\n" not in str(given.error), f"several lines: {given.error}")
                if given.error is None:
                    assert_same_tail(block, given, clean, TAGGED[-1])
                else:
                    check(isinstance(given.error, FrameTagError), f"{given.error!r}")
            except AssertionError as error:
                failures.append(f"{what} on input {port}: {error}")
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


def with_entry(entries, key, value):
    return pmt.dict_add(pmt.dict_delete(entries, key), key, value)


def variants(message) -> Iterator[tuple[str, object]]:
    """A message with each of its parts of any other kind."""
    if pmt.is_pair(message) and pmt.is_uniform_vector(pmt.cdr(message)):
        for what, entries in variants(pmt.car(message)):
            yield what, pmt.cons(entries, pmt.cdr(message))
        for what, value in VALUES.items():
            yield f"a vector that is {what}", pmt.cons(pmt.car(message), value)
        values = pmt.to_python(pmt.cdr(message))
        for what, value in DAMAGES.items():
            if values.dtype == np.float32 and len(values):
                vector = pmt.init_f32vector(len(values), [value, *values.tolist()[1:]])
                yield f"a vector with {what}", pmt.cons(pmt.car(message), vector)
    elif pmt.is_dict(message):
        keys = pmt.dict_keys(message)
        for key in [pmt.nth(place, keys) for place in range(pmt.length(keys))]:
            yield f"without {key}", pmt.dict_delete(message, key)
            for what, value in VALUES.items():
                yield f"{key} {what}", with_entry(message, key, value)
            inner = pmt.dict_ref(message, key, pmt.PMT_NIL)
            if pmt.is_vector(inner) and pmt.length(inner):
                for what, value in [*VALUES.items(), *variants(pmt.vector_ref(inner, 0))]:
                    yield f"{key} of {what}", with_entry(message, key, pmt.make_vector(1, value))
    elif pmt.is_vector(message):
        for what, value in [*VALUES.items(), *variants(pmt.vector_ref(message, 0))]:
            yield f"one of {what}", pmt.make_vector(1, value)


TAKE_ANYTHING = ("flush", "next")


@every_block
def test_messages_of_any_kind_harm_nothing_else(case, capfd):
    block = BLOCKS[case]
    good = list(block.messages())
    flow = block.flow(messages=[])
    ports = {port for port in port_names(flow.block.message_ports_in()) if port != "system"}
    if not ports:
        pytest.skip("takes no messages")
    clean = block.run()
    bad = []
    for port in sorted(ports):
        first = next((message for where, message in good if where == port), pmt.PMT_NIL)
        bad += [(port, message) for _, message in [*VALUES.items(), *variants(first)]]
    capfd.readouterr()
    flow = block.flow(messages=bad + good)
    given = flow.run()
    assert given.ended, "hangs"
    assert given.error is None
    said = "".join(capfd.readouterr())
    if ports - set(TAKE_ANYTHING):
        assert ":warning:" in said or ":error:" in said
        assert said.count("\n") < 2 * len(bad)
        assert not hasattr(flow.block, "counts") or flow.block.counts["damaged"]
    for found, expected in zip(given.items, clean.items, strict=True):
        np.testing.assert_array_equal(found, expected)
    for port, expected in clean.messages.items():
        assert given.messages[port][len(given.messages[port]) - len(expected) :] == expected
    if block.results:
        block.results(flow.block)
        painted(flow.block) if hasattr(flow.block, "take_newest") else None
