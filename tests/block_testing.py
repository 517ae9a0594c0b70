# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of Python blocks share: a made-up bundle, tagged streams, a branch that loses frames."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr
from tiny_bundle import make_tiny_bundle

CHANNEL_USES = 10
IMAGE_LENGTH = 3072
_folder = tempfile.TemporaryDirectory(prefix="semisac-tiny-")


@cache
def tiny_bundle(model: str = "awgn") -> str:
    """Folder of a made-up bundle, removed when the test program ends."""
    return str(make_tiny_bundle(Path(_folder.name) / "jssc" / f"tiny_{model}", model))


def pictures(count: int, seed: int = 1) -> np.ndarray:
    """Random pictures, uint8 [count, 32, 32, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def frames(count: int, length: int = CHANNEL_USES, seed: int = 2) -> np.ndarray:
    """Random symbols, CN(0, 1), complex64 [count, length]."""
    parts = np.random.default_rng(seed).standard_normal((count, length, 2)) / np.sqrt(2)
    return (parts[..., 0] + 1j * parts[..., 1]).astype(np.complex64)


def tag(item: int, key: str, value) -> gr.tag_t:
    """Stream tag at an item; integers of "frame_id" become uint64."""
    made = gr.tag_t()
    made.offset = item
    made.key = pmt.intern(key)
    made.value = pmt.from_uint64(value) if key == "frame_id" else pmt.to_pmt(value)
    return made


def frame_tags(**columns) -> list[gr.tag_t]:
    """Tags of a stream from lists with one value an item, by key."""
    return [tag(item, key, value) for key, values in columns.items() for item, value in enumerate(values)]


def source(items: np.ndarray, tags=()):
    """Source of vectors [items, length], uint8, float32 or complex64."""
    kind = {"u": blocks.vector_source_b, "f": blocks.vector_source_f, "c": blocks.vector_source_c}
    return kind[items.dtype.kind](items.ravel().tolist(), False, items.shape[1], list(tags))


def sink(dtype, length: int):
    """Sink of vectors."""
    kind = {"u": blocks.vector_sink_b, "f": blocks.vector_sink_f, "c": blocks.vector_sink_c}
    return kind[np.dtype(dtype).kind](length)


def contents(collected, dtype, length: int) -> np.ndarray:
    """Vectors that a sink holds, [items, length]."""
    return np.array(collected.data(), dtype=dtype).reshape(-1, length)


def tag_values(collected, key: str) -> list:
    """Values of one key that a sink holds, in the order of their items."""
    found = [t for t in collected.tags() if pmt.symbol_to_string(t.key) == key]
    return [pmt.to_python(t.value) for t in sorted(found, key=lambda t: t.offset)]


class lose_frames(gr.basic_block):
    """Pass items with their tags, except those whose frame_id is in `lost`."""

    def __init__(self, dtype, length: int, lost):
        gr.basic_block.__init__(self, "lose_frames", [(dtype, length)], [(dtype, length)])
        self._lost = set(lost)
        self.set_tag_propagation_policy(gr.TPP_DONT)

    def forecast(self, noutput_items, ninputs):
        return [1] * ninputs

    def general_work(self, input_items, output_items):
        count = min(len(input_items[0]), len(output_items[0]))
        kept = 0
        for item in range(count):
            tags = self.get_tags_in_window(0, item, item + 1)
            ids = [pmt.to_uint64(t.value) for t in tags if pmt.symbol_to_string(t.key) == "frame_id"]
            if self._lost.intersection(ids):
                continue
            output_items[0][kept] = input_items[0][item]
            for t in tags:
                self.add_item_tag(0, self.nitems_written(0) + kept, t.key, t.value)
            kept += 1
        self.consume(0, count)
        return kept


def record_messages(top, block, port: str, publisher=None) -> list:
    """List that receives every message `block` publishes, as Python objects.

    A subscriber of its own may end with the flowgraph before it has seen the last ones: the publisher is
    recorded.
    publisher: Python block inside a hierarchical `block` that owns the port.
    """
    messages: list = []
    owner = publisher or block
    publish = owner.message_port_pub

    def record(name, message):
        messages.append(pmt.to_python(message))
        publish(name, message)

    owner.message_port_pub = record
    top.msg_connect(block, port, blocks.message_debug(), "store")  # a block publishes only to subscribers
    return messages


class RecordingSession:
    """Session that also keeps the inputs of every inference."""

    def __init__(self, session):
        self._session = session
        self.inputs, self.outputs = session.inputs, session.outputs
        self.calls: list[dict[str, np.ndarray]] = []

    def run(self, **inputs):
        self.calls.append({name: value.copy() for name, value in inputs.items()})
        return self._session.run(**inputs)
