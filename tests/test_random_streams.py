# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams that end anywhere, through every C++ block, in pieces of any size: `make sanitize` watches.

Whatever the pieces, what comes out is the same.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="blocks need GNU Radio and the module")
pytest.importorskip("onnx", reason="the made-up bundles are written with the onnx package")
pytest.importorskip("PyQt5", reason="some blocks have a Qt window")

import pmt
from driven_flow import Flow, Given, Stream
from every_block import BLOCKS, Block
from gnuradio.semisac import semisac_python

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("SEMISAC_ROUNDS", "2"))  # draws of each block
# What these give depends on when their inputs come, or on a clock: only that they end is asked.
BY_THE_CLOCK = {"echo_aligner by leakage"}


def takes_samples(block: Block) -> bool:
    return any(np.iscomplexobj(stream.items) for stream in block.streams())


def is_compiled(block: Block) -> bool:
    return type(block.make()).__module__ == semisac_python.__name__


CASES = [case for case, block in BLOCKS.items() if takes_samples(block) and is_compiled(block)]


def cut_anywhere(stream: Stream, rng: np.random.Generator, ordered: bool) -> Stream:
    """The first items of a stream, some of them lost or damaged, as its tags say and as they do not."""
    end = int(rng.integers(len(stream.items) // 2, len(stream.items) + 1))
    if ordered:  # inputs go unit by unit, one after the other
        end = stream.units * stream.unit
    items = stream.items[:end].copy()
    tags = [tag for tag in stream.tags if tag[0] < end and rng.random() > 0.02]
    for _ in range(rng.integers(0, 3)):
        first = int(rng.integers(end))
        length = int(rng.integers(1, stream.unit + 1))
        items[first : first + length] = rng.choice([0.0, np.nan, np.inf, 1e20, 1e-42])
        value = pmt.from_long(length) if rng.random() < 0.5 else pmt.intern("some")
        tags.append((first, str(rng.choice(["gap", "frame_id", "packet_len", "snr_db"])), value))
    return Stream(items, tags, stream.unit if ordered else end)  # in one piece


def run(block: Block, streams: list[Stream], rng: np.random.Generator | None = None) -> Given:
    """Run to the end: in large pieces, or in pieces of any size for readers that take few."""
    flow: Flow = block.flow(streams, pause=rng is not None and rng.random() < 0.5)
    if rng is not None:
        for part in [*flow.sources, *flow.sinks, flow.block]:
            if rng.random() < 0.7:
                part.set_max_noutput_items(int(2 ** rng.uniform(0, 12)) + 1)
    return flow.run()


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("case", CASES)
def test_pieces_and_ends_do_not_matter(case: str, seed: int):
    rng = np.random.default_rng([seed, CASES.index(case)])
    block = BLOCKS[case]
    streams = [cut_anywhere(stream, rng, block.ordered) for stream in block.streams()]
    whole, pieces = run(block, streams), run(block, streams, rng)
    assert whole.ended and pieces.ended
    if case in BY_THE_CLOCK:
        return
    for one, other in zip(whole.items, pieces.items, strict=True):
        length = min(len(one), len(other)) if block.most_items else max(len(one), len(other))
        np.testing.assert_array_equal(one[:length], other[:length])
