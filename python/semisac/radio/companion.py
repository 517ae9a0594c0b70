# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radios as blocks of GNU Radio Companion: opened with the flowgraph, silent when it has ended."""

from __future__ import annotations

import threading

from gnuradio import gr

from .front_end import front_end, open_front_end
from .settings import RadioSettings

WATCH_S = 0.2


class _radio_block(gr.hier_block2):
    """A front end that begins and ends with its flowgraph.

    flowgraph: top block that it is in. frame: `frame_parameters` of the frames. settings: fields of
    `RadioSettings`.

    Raises ValueError for a bad setting, RadioError for a radio that cannot be used.
    """

    def __init__(self, name: str, role: str, flowgraph: gr.top_block, frame, settings: dict[str, object]):
        self.radio = open_front_end(RadioSettings(**settings), frame, role)
        kind = (self.radio.input_signature(), self.radio.output_signature())
        gr.hier_block2.__init__(self, name, *kind)
        self.in_force = self.radio.configure()
        self._log = gr.logger(name)
        for warning in self.in_force.get("warnings", ()):
            self._log.warn(warning)
        for port in range(kind[0].max_streams()):
            self.connect((self, port), (self.radio, port))
        for port in range(kind[1].max_streams()):
            self.connect((self.radio, port), (self, port))
        _begin_and_end_with(flowgraph, self.radio, self._log)

    def status(self) -> dict[str, object]:
        """Numbers of the front end: events by kind, and what the radio adds."""
        return self.radio.status()


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


def _begin_and_end_with(flowgraph: gr.top_block, radio: front_end, log) -> None:
    """Prepare a radio right before its flowgraph starts and close it when that has stopped.

    GNU Radio starts all blocks at once, each in its own thread: only the call that starts them comes before.
    """
    start, wait = flowgraph.start, flowgraph.wait
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(WATCH_S):
            lost = radio.events.vanished()
            if lost:
                log.error(f"the radio is lost: {lost}")
                flowgraph.stop()
                return

    def started(*arguments) -> None:
        ended.clear()
        radio.prepare()
        start(*arguments)
        threading.Thread(target=watch, name="radio_block", daemon=True).start()

    def waited() -> None:
        wait()
        if not ended.is_set():
            ended.set()
            radio.close()
            counts = {kind: count for kind, count in radio.events.counts().items() if count}
            if counts:
                log.warn("events: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))

    flowgraph.start, flowgraph.wait = started, waited
