# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radios as blocks of GNU Radio Companion: opened with the flowgraph, silent when it has ended."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import pmt
from gnuradio import gr

from .front_end import RadioError, front_end, open_front_end
from .settings import RadioSettings

WATCH_S = 0.2
COMMANDS = ("center_frequency_hz", "tx_gain_db", "rx_gain_db")


class radio_messages(gr.basic_block):
    """Message ports of a radio.

    Message in ``command``: dictionary, or pair of one key and value: center_frequency_hz, tx_gain_db,
    rx_gain_db, each a number. Message out ``events``: dictionary of kind (symbol, see `EventCounters`), count
    (long), frame_id (long, -1 when unknown) and reason (symbol).

    changed: called with a command's key and number.
    """

    def __init__(self, radio: front_end, changed):
        gr.basic_block.__init__(self, "radio_messages", None, None)
        self._changed = changed
        self.message_port_register_in(pmt.intern("command"))
        self.message_port_register_out(pmt.intern("events"))
        self.set_msg_handler(pmt.intern("command"), self._take)
        radio.events.on_event = self._tell

    def _take(self, message) -> None:
        entries = {}
        if pmt.is_dict(message):
            items = pmt.dict_items(message)
            while pmt.is_pair(items):
                entries[str(pmt.car(pmt.car(items)))] = pmt.cdr(pmt.car(items))
                items = pmt.cdr(items)
        elif pmt.is_pair(message):
            entries[str(pmt.car(message))] = pmt.cdr(message)
        known = {key: value for key, value in entries.items() if key in COMMANDS and _is_number(value)}
        for key, value in known.items():
            self._changed(key, pmt.to_double(value))
        if not entries or len(known) < len(entries):
            gr.logger(self.name()).warn(
                f"command is {message}, expected numbers by the names {', '.join(COMMANDS)}; send these"
            )

    def _tell(self, kind: str, count: int, frame_id: int, reason: str) -> None:
        event = {"kind": kind, "count": count, "frame_id": frame_id, "reason": reason}
        self.message_port_pub(pmt.intern("events"), pmt.to_pmt(event))


def _is_number(value) -> bool:
    return pmt.is_real(value) or pmt.is_integer(value)


class _radio_block(gr.hier_block2):
    """A front end that begins and ends with its flowgraph.

    Message ports: see `radio_messages`.

    flowgraph: that it is in; the top block, or a hierarchical block that is an attribute of it. frame:
    `frame_parameters` of the frames. settings: fields of `RadioSettings`.

    Raises ValueError for a bad setting, RadioError for a radio that cannot be used.
    """

    def __init__(self, name: str, role: str, flowgraph, frame, settings: dict[str, object]):
        self.radio = open_front_end(RadioSettings(**settings), frame, role)
        kind = (self.radio.input_signature(), self.radio.output_signature())
        gr.hier_block2.__init__(self, name, *kind)
        self._log = gr.logger(name)
        self._messages = radio_messages(self.radio, self._change)
        self.in_force = self.radio.configure()
        for warning in self.in_force.get("warnings", ()):
            self._log.warn(warning)
        for port in range(kind[0].max_streams()):
            self.connect((self, port), (self.radio, port))
        for port in range(kind[1].max_streams()):
            self.connect((self.radio, port), (self, port))
        self.message_port_register_hier_in("command")
        self.message_port_register_hier_out("events")
        self.msg_connect(self, "command", self._messages, "command")
        self.msg_connect(self._messages, "events", self, "events")
        self._ended = threading.Event()
        self._ended.set()
        if isinstance(flowgraph, gr.top_block):
            _begin_and_end_with(flowgraph, lambda: [self])
        else:
            _waiting[self] = weakref.ref(flowgraph)
            _look_into_all_flowgraphs()

    def status(self) -> dict[str, object]:
        """Numbers of the front end: events by kind, and what the radio adds."""
        return self.radio.status()

    def set_center_frequency_hz(self, frequency_hz: float) -> None:
        """Tune while it runs; a radio that cannot says so in the log. So do the next two."""
        self._change("center_frequency_hz", frequency_hz)

    def set_tx_gain_db(self, gain_db: float) -> None:
        """Set the transmitter's gain while it runs."""
        self._change("tx_gain_db", gain_db)

    def set_rx_gain_db(self, gain_db: float) -> None:
        """Set the receiver's gain while it runs."""
        self._change("rx_gain_db", gain_db)

    def _change(self, name: str, value: float) -> None:
        try:
            getattr(self.radio, f"set_{name}")(value)
        except (RadioError, ValueError) as error:
            self._log.warn(f"{name} stays as it is: {error}")

    def _begin(self) -> None:
        """Right before the flowgraph starts."""
        self.radio.events.stopping = False
        self.radio.prepare()
        self._ended.clear()

    def _look_after(self, flowgraph: gr.top_block) -> None:
        """Stop a flowgraph that runs when its radio is lost."""

        def watch() -> None:
            while not self._ended.wait(WATCH_S):
                lost = self.radio.events.vanished()
                if lost:
                    self._log.error(f"the radio is lost: {lost}")
                    flowgraph.stop()
                    return

        threading.Thread(target=watch, name="radio_block", daemon=True).start()

    def _end(self) -> None:
        """When the flowgraph has ended; once for each run."""
        if self._ended.is_set():
            return
        self._ended.set()
        try:
            self.radio.silence()
        except RadioError as error:
            self._log.error(str(error))
        counts = {kind: count for kind, count in self.radio.events.counts().items() if count}
        if counts:
            self._log.warn("events: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))


class radio_sink(_radio_block):
    """Send frames through a radio.

    Input 0: samples of frames, with the tags of `frame_modulator`. See `front_end` and `_radio_block`.
    """

    def __init__(self, flowgraph, frame, **settings):
        _radio_block.__init__(self, "radio_sink", "transmit", flowgraph, frame, settings)


class radio_source(_radio_block):
    """Receive samples through a radio.

    Outputs: samples of each receive channel; lost ones are zeros with the tag gap. See `front_end`.
    """

    def __init__(self, flowgraph, frame, **settings):
        _radio_block.__init__(self, "radio_source", "receive", flowgraph, frame, settings)


class radio_monostatic(_radio_block):
    """Send frames through a radio and hear what comes back.

    Input 0: samples of frames. Output 0: what is sent; 1...: the receive channels, aligned with it, so that
    an echo without delay returns in the sample in which it is sent. See `front_end`.
    """

    def __init__(self, flowgraph, frame, **settings):
        _radio_block.__init__(self, "radio_monostatic", "monostatic", flowgraph, frame, settings)


# Radio blocks in hierarchical blocks, of which it shows only at the start in which flowgraph they are.
_waiting: weakref.WeakKeyDictionary[_radio_block, weakref.ref] = weakref.WeakKeyDictionary()


def _begin_and_end_with(flowgraph, radios) -> None:
    """Have radio blocks prepared right before a flowgraph starts, and silenced when it has stopped.

    GNU Radio starts all blocks at once, each in its own thread: only the call that starts them comes before.

    flowgraph: top block, or the class of all. radios: gives the blocks of the flowgraph that it is called
        with.
    """
    start, stop, wait = flowgraph.start, flowgraph.stop, flowgraph.wait
    is_class = isinstance(flowgraph, type)

    def started(*arguments) -> None:
        own = radios(arguments[0]) if is_class else radios()
        for block in own:
            block._begin()
        start(*arguments)
        for block in own:
            block._look_after(arguments[0] if is_class else flowgraph)

    def stopped(*arguments) -> None:
        for block in radios(arguments[0]) if is_class else radios():
            block.radio.events.stopping = True
        stop(*arguments)

    def waited(*arguments) -> None:
        wait(*arguments)
        for block in radios(arguments[0]) if is_class else radios():
            block._end()

    flowgraph.start, flowgraph.stop, flowgraph.wait = started, stopped, waited


def _look_into_all_flowgraphs() -> None:
    """Begin and end with whichever flowgraph holds the hierarchical block; once for the program."""
    if not hasattr(gr.top_block, "_looks_for_radios"):
        gr.top_block._looks_for_radios = True
        _begin_and_end_with(
            gr.top_block,
            lambda top: [
                block for block, place in list(_waiting.items()) if any(place() is one for one in _parts(top))
            ],
        )


def _parts(top: gr.top_block) -> Iterator[object]:
    """The hierarchical blocks that a flowgraph, or one of these, has as attributes (or in lists of them)."""
    seen: set[int] = set()
    rest = [top]
    while rest:
        part = rest.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        for value in vars(part).values():
            several = value if isinstance(value, list | tuple) else [value]
            rest += [one for one in several if isinstance(one, gr.hier_block2)]
