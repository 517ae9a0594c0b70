# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run any block on given items, tags and messages, and keep all that it gives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pmt
from gnuradio import gr
from patience import HANG_S, POLL_S, wait_until

Tag = tuple[int, str, object]  # item, key, PMT
NOTHING = ()
SAMPLE_BYTES = 8


@dataclass(frozen=True)
class Stream:
    """Items [items, length] of an input with their tags, and how many of them are a unit (a frame)."""

    items: np.ndarray
    tags: Sequence[Tag] = ()
    unit: int = 1

    @property
    def units(self) -> int:
        return len(self.items) // self.unit


@dataclass
class Given:
    """What a block gave in a run.

    items: bytes of each output, uint8 [items, bytes of an item]. tags: of each output, (item, key, text).
    messages: texts by port. ended: whether the flowgraph ended by itself, or all was handled where it cannot.
    """

    items: list[np.ndarray] = field(default_factory=list)
    tags: list[list[tuple[int, str, str]]] = field(default_factory=list)
    messages: dict[str, list[str]] = field(default_factory=dict)
    ended: bool = False
    error: Exception | None = None


class given_items(gr.sync_block):
    """Send a stream in parts.

    parts: items behind the last item of each, and its gate, a function: it goes when that is true.
    """

    def __init__(self, stream: Stream, parts: Sequence[tuple[int, Callable[[], object] | None]] = NOTHING):
        length = stream.items.shape[1]
        kind = (stream.items.dtype.type, length) if length > 1 else stream.items.dtype.type
        gr.sync_block.__init__(self, "given_items", None, [kind])
        self._items = stream.items if length > 1 else stream.items.ravel()
        self._tags = sorted(stream.tags, key=lambda tag: tag[0])
        self._parts = list(parts) or [(len(self._items), None)]
        self.unit = stream.unit
        self.rewind()

    def sent(self) -> int:
        return self._sent

    def rewind(self) -> None:
        self._sent, self._part, self._next_tag = 0, 0, 0

    def work(self, input_items, output_items):
        while self._part < len(self._parts):
            end, gate = self._parts[self._part]
            if gate is not None and not wait_until(gate, 0.05):  # an empty part too: its end ends the block
                return 0
            if self._sent < end:
                break
            self._part += 1
        else:
            return -1
        count = min(end - self._sent, len(output_items[0]))
        output_items[0][:count] = self._items[self._sent : self._sent + count]
        written = self.nitems_written(0) - self._sent
        while self._next_tag < len(self._tags) and self._tags[self._next_tag][0] < self._sent + count:
            item, key, value = self._tags[self._next_tag]
            self.add_item_tag(0, written + item, pmt.intern(key), value)
            self._next_tag += 1
        self._sent += count
        return count


class kept_items(gr.sync_block):
    """Keep items and tags. most: end behind so many; pause: look on for a while before the first call."""

    def __init__(self, size: int, most: int = 0, pause: bool = False):
        gr.sync_block.__init__(self, "kept_items", [(np.uint8, size)], None)
        self._size, self._most, self._pause = size, most, pause
        if pause:
            self.set_max_noutput_items(1 if size > SAMPLE_BYTES else 61)
        self.rewind()

    def rewind(self) -> None:
        self.kept: list[np.ndarray] = []
        self.tags: list[tuple[int, str, str]] = []
        self.count = 0

    def start(self):
        self._paused = self._pause
        return True

    def work(self, input_items, output_items):
        if self._paused:
            time.sleep(0.1)  # upstream fills all its buffers; nothing depends on how long it takes
            self._paused = False
        if self._most and self.count >= self._most:
            return -1
        count = len(input_items[0])
        here = self.count - self.nitems_read(0)
        for tag in self.get_tags_in_window(0, 0, count):
            self.tags.append((here + tag.offset, pmt.symbol_to_string(tag.key), text_of(tag.value)))
        self.kept.append(input_items[0].reshape(count, self._size).copy())
        self.count += count
        return count

    def items(self) -> np.ndarray:
        return np.concatenate([np.empty((0, self._size), np.uint8), *self.kept])


class kept_messages(gr.basic_block):
    """Keep messages of all ports of a block as text, also those that came when the flowgraph had ended."""

    def __init__(self, ports: Sequence[str]):
        gr.basic_block.__init__(self, "kept_messages", None, None)
        self.messages: dict[str, list[str]] = {port: [] for port in ports}
        for port in ports:
            name = f"on_{port}"
            setattr(self, name, self._keeper(port, name))
            self.message_port_register_in(pmt.intern(port))
            self.set_msg_handler(pmt.intern(port), getattr(self, name))

    def _keeper(self, port: str, name: str):
        def keep(message) -> None:
            self.messages[port].append(text_of(message))

        keep.__name__ = name
        return keep

    def take_rest(self) -> None:
        for port, kept in self.messages.items():
            while self.nmsgs(pmt.intern(port)):
                kept.append(text_of(self.delete_head_nowait(pmt.intern(port))))


def text_of(value) -> str:
    """A PMT in words."""
    if pmt.is_pair(value) and pmt.is_dict(value):
        entries = {str(pmt.nth(i, pmt.dict_keys(value))): pmt.nth(i, pmt.dict_values(value)) for i in
                   range(pmt.length(pmt.dict_keys(value)))}  # fmt: skip
        return "{" + ", ".join(f"{key}: {text_of(entries[key])}" for key in sorted(entries)) + "}"
    if pmt.is_pair(value) and pmt.is_uniform_vector(pmt.cdr(value)):
        return f"({text_of(pmt.car(value))} . {pmt.to_python(pmt.cdr(value)).tolist()})"
    return pmt.write_string(value)


class Flow:
    """A block in a flowgraph of its own.

    streams: of its inputs. messages: (port, PMT), handled one after the other before any item comes.
    ordered: inputs behind the first wait for it, unit by unit. most_items: of output 0, where it never ends.
    parts: of every input, as of `given_items`, in units.
    """

    def __init__(
        self, block, streams: Sequence[Stream], messages=NOTHING, most_items=0, ordered=False, pause=False,
        parts=NOTHING,
    ):  # fmt: skip
        self.block, self.messages, self.most_items = block, list(messages), most_items
        self.handled = not self.messages
        self.top = gr.top_block()
        self.sources = []
        for port, stream in enumerate(streams):
            steps = list(parts) or [(stream.units, None)]
            if ordered:
                steps = [
                    (units, next(gate for end, gate in steps if units <= end))
                    for units in range(1, stream.units + 1)
                ]
            timed = [
                (units * stream.unit, self._gate(port if ordered else 0, units, gate))
                for units, gate in steps
            ]
            source = given_items(stream, timed)
            self.sources.append(source)
            self.top.connect(source, (block, port))
        sizes = self._output_sizes() if streams or self._has_stream_outputs() else []
        self.sinks = [kept_items(size, most_items if port == 0 else 0, pause) for port, size in
                      enumerate(sizes)]  # fmt: skip
        for port, sink in enumerate(self.sinks):
            self.top.connect((block, port), sink)
        self.listener = self._listen()

    def _gate(self, port: int, units: int, held: Callable[[], object] | None):
        """Whether a part may go: behind the messages, its own gate, and the part of the first input."""

        def is_open() -> bool:
            first = self.sources[0]
            return bool(
                self.handled
                and (held is None or held())
                and (port == 0 or first.sent() >= units * first.unit)
            )

        return is_open

    def _has_stream_outputs(self) -> bool:
        return self.block.output_signature().min_streams() > 0

    def _output_sizes(self) -> list[int]:
        signature = self.block.output_signature()
        count = signature.max_streams()
        sizes = signature.sizeof_stream_items()
        return [sizes[min(port, len(sizes) - 1)] for port in range(count)] if count > 0 else []

    def _listen(self) -> kept_messages | None:
        ports = port_names(self.block.message_ports_out()) if hasattr(self.block, "message_ports_out") else []
        ports = [port for port in ports if port != "system"]
        if not ports and not self.sources and not self.sinks:
            ports = ["unused"]
        if not ports:
            return None
        listener = kept_messages(ports)
        for port in ports:
            if port == "unused":  # it must be in the flowgraph to be run
                listener.message_port_register_out(pmt.intern(port))
                entry = next(p for p in port_names(self.block.message_ports_in()) if p != "system")
                self.top.msg_connect(listener, port, self.block, entry)
            else:
                self.top.msg_connect(self.block, port, listener, port)
        return listener

    def post_all(self) -> bool:
        """Hand over the messages; each is taken before the next one goes. Whether all were."""
        basic = self.block.to_basic_block()
        for port, message in self.messages:
            basic._post(pmt.intern(port), message)
            if not wait_until(lambda port=port: basic.nmsgs(pmt.intern(port)) == 0, HANG_S):
                return False
        self.handled = True
        return True

    def run(self, meanwhile: Callable[[Flow], None] | None = None, longest_s: float = HANG_S) -> Given:
        """Run to the end. meanwhile: called while it runs."""
        self.top.start()
        waiting = threading.Thread(target=self.top.wait, daemon=True)
        try:
            ended = self.post_all()
            if meanwhile is not None:
                meanwhile(self)
            if self.sources or self.sinks:
                waiting.start()
                waiting.join(longest_s if ended else POLL_S)
                ended = ended and not waiting.is_alive()
        finally:
            self.top.stop()
            self.top.wait()
        return self.given(ended)

    def given(self, ended: bool) -> Given:
        if self.listener is not None:
            self.listener.take_rest()
        return Given(
            [sink.items()[: self.most_items or None] for sink in self.sinks],
            [sink.tags for sink in self.sinks],
            {} if self.listener is None else {p: list(m) for p, m in self.listener.messages.items()},
            ended,
            error_of(self.block),
        )

    def rewind(self) -> None:
        """Make ready for another run of the same flowgraph."""
        for part in [*self.sources, *self.sinks]:
            part.rewind()
        self.handled = not self.messages
        if self.listener is not None:
            for kept in self.listener.messages.values():
                kept.clear()


def port_names(ports) -> list[str]:
    return [str(name) for name in pmt.to_python(ports)] if pmt.length(ports) else []


def error_of(block) -> Exception | None:
    """What ended a Python block's stream."""
    error = getattr(block, "error", None)
    return error() if callable(error) else error
