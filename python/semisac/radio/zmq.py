# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples between processes or hosts in the place of a radio."""

from __future__ import annotations

import logging
import time

from gnuradio import blocks, gr, semisac, zeromq

from .front_end import Capabilities, RadioError, front_end
from .settings import RadioSettings
from .watch import Progress, Watch

HOST = "127.0.0.1"
FIRST_PORT = 5555
POLL_MS = 100
SILENCE_S = 0.2  # at most, to send the silence behind the last frame
DRAIN_S = 0.2  # for what was handed to the network when the stream ended
PASS_TAGS = True
FOREIGN = (
    "what comes is not what --radio zmq or GNU Radio's ZMQ PUSH Sink of complex samples sends with Pass Tags "
    "set to Yes"
)


class zmq_front_end(front_end):
    """GNU Radio's ZeroMQ blocks (PUSH and PULL, with tags) over TCP: another process is the air.

    Whoever sends binds its address, whoever receives connects to it. Nothing is lost on the way: a receiver
    that is too slow holds up the sender. A sender waits until somebody receives; when it ends, it sends two
    frames of silence, so that the receiver has the samples that it takes to be sure of the last frame. A
    receiver waits for its sender and warns after timeout_s; that none came at all is "vanished" when it ends.

    address: one or more, with commas between. Role "transmit": where frames are offered. Role "receive": of
    the sender of each receive channel. Role "monostatic": where frames are offered, then the sender of each
    receive channel; its samples must hold the direct leakage, from which the delay is found. Without it
    tcp://127.0.0.1:5555, 5556, ...; tcp://*:5555 offers to other hosts, without any protection.

    Options: paced (true): send in real time, silence where no frame is waiting. queue (16): messages, one a
    buffer of samples, that may wait at each end.
    """

    capabilities = Capabilities(
        has_timestamps=False,
        full_duplex=True,
        cyclic=False,
        needs_calibration=False,
        most_rx_channels=2,
        real_time=False,
    )

    def __init__(self, settings: RadioSettings, frame, role: str):
        front_end.__init__(self, settings, frame, role)
        self._options = settings.take_options(paced=True, queue=16)
        if self._options["queue"] < 1:
            raise ValueError(f"radio option queue is {self._options['queue']}, expected 1 or more messages")
        receivers = 0 if role == "transmit" else settings.rx_channels
        self._addresses = parse_addresses(settings.address, (role != "receive") + receivers)
        self._receivers: list[object] = []
        self._sender = self._scheduler = self._aligner = None
        self._watch = Watch(self.events, self._look)
        self._progress: Progress | None = None
        self._began = 0.0
        self._warned = False

    def configure(self) -> dict[str, object]:
        addresses = list(self._addresses)
        if self.role != "receive":
            self._connect_sender(addresses.pop(0))
        self._receivers = [self._open(zeromq.pull_source, address) for address in addresses]
        for receiver, address in zip(self._receivers, addresses, strict=True):
            self._watch.follow(receiver, f"at {address} {FOREIGN}")
        if self.role == "monostatic":
            self._connect_aligner()
        else:
            for channel, receiver in enumerate(self._receivers):
                self.connect(receiver, (self, channel))
        return {
            "device": f"ZeroMQ {', '.join(self._addresses)}",
            "serial": "",
            "driver": f"gr-zeromq {gr.version()}",
            "sample_rate_hz": self.settings.sample_rate_hz,
            "center_frequency_hz": self.settings.center_frequency_hz,
            "warnings": [],
        }

    def prepare(self) -> None:
        if self._receivers:
            self._progress, self._warned, self._began = None, False, time.monotonic()
            self._watch.start()

    def close(self) -> None:
        self._watch.stop()
        began, self._began = self._began, 0.0
        if began and not self._samples() and not self.events.vanished():
            self.events.add("vanished", reason=f"{self._nothing()}: start its sender")
        sender, self._sender = self._sender, None
        if sender is not None:
            self._send_silence(sender)
            time.sleep(DRAIN_S)

    def status(self) -> dict[str, object]:
        numbers = front_end.status(self)
        if self._receivers:
            numbers["samples"] = self._samples()
        if self._scheduler is not None:
            numbers["frames_scheduled"] = self._scheduler.frames_scheduled()
        if self._aligner is not None:
            numbers["latency_samples"] = self._aligner.latency_samples()
            numbers["leakage_db"] = self._aligner.leakage_db()
            numbers["frames_flagged"] = self._aligner.frames_flagged()
        return numbers

    def _connect_sender(self, address: str) -> None:
        settings = self.settings
        self._scheduler = semisac.frame_scheduler(
            settings.sample_rate_hz, "stream", settings.lead_time_s, paced=self._options["paced"]
        )
        self._level = blocks.multiply_const_cc(10.0 ** (settings.transmit_level_db / 20.0))
        self._sender = self._open(zeromq.push_sink, address)
        self.connect(self, self._scheduler, self._level, self._sender)

    def _connect_aligner(self) -> None:
        self._aligner = semisac.echo_aligner(self.frame, len(self._receivers), "leakage")
        self.connect(self._scheduler, (self._aligner, 0))
        self.connect((self._aligner, 0), (self, 0))
        for channel, receiver in enumerate(self._receivers, start=1):
            self.connect(receiver, (self._aligner, channel))
            self.connect((self._aligner, channel), (self, channel))

    def _open(self, block, address: str):
        try:
            return block(gr.sizeof_gr_complex, 1, address, POLL_MS, PASS_TAGS, self._options["queue"])
        except RuntimeError as error:
            raise RadioError(
                f"{address} cannot be used ({error}): give another --address, or end the program that has it"
            ) from error

    def _send_silence(self, sender) -> None:
        """Send zeros by a flowgraph of their own, unless nobody takes them."""
        top = gr.top_block("silence")
        zeros = blocks.null_source(gr.sizeof_gr_complex)
        head = blocks.head(gr.sizeof_gr_complex, 2 * self.frame.frame_samples)
        top.connect(zeros, head, sender)
        top.start()
        deadline = time.monotonic() + SILENCE_S
        while head.nitems_written(0) < 2 * self.frame.frame_samples and time.monotonic() < deadline:
            time.sleep(0.01)
        top.stop()
        top.wait()

    def _samples(self) -> int:
        return self._receivers[0].nitems_written(0)

    def _nothing(self) -> str:
        return f"no sample came from {', '.join(self._addresses[-len(self._receivers) :])}"

    def _look(self) -> None:
        """See that samples still come, once the first ones have."""
        samples = self._samples()
        if self._progress is None and samples:
            self._progress = Progress(self.settings.timeout_s)
        if self._progress is not None:
            self._progress.see(samples)
        elif not self._warned and time.monotonic() - self._began > self.settings.timeout_s:
            self._warned = True
            logging.getLogger(__name__).warning("%s so far: does its sender run?", self._nothing())


def parse_addresses(text: str, count: int) -> list[str]:
    """Addresses from text with commas between, such as tcp://127.0.0.1:5555; raises ValueError."""
    if not text:
        return [f"tcp://{HOST}:{FIRST_PORT + number}" for number in range(count)]
    addresses = [part.strip() for part in text.split(",")]
    for address in addresses:
        scheme, separator, rest = address.partition("://")
        host, _, port = rest.rpartition(":")
        usable = scheme == "ipc" and rest or scheme == "tcp" and host and port.isdecimal()
        if not (separator and usable) or (scheme == "tcp" and not 1 <= int(port) <= 65535):
            raise ValueError(
                f"--address holds {address!r}, expected such as tcp://{HOST}:{FIRST_PORT} with --radio zmq"
            )
    if len(addresses) != count:
        raise ValueError(
            f"--address names {len(addresses)} of {text!r}, expected {count}: that to send to, if any, then "
            "one for each receive channel"
        )
    return addresses
