# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of a Pluto's receiver as a stream without hidden losses."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import iio
import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.signal.complex_pairs import as_complex

from ..work_errors import ends_flow_on_error
from .events import EventCounters
from .front_end import RadioError
from .pluto_attributes import reason
from .pluto_device import PlutoDevice, lose

# Long enough that a call a block costs nothing, short enough that little is lost with one.
LEAST_BLOCK_S = 0.0125
# A quarter of a second: a busy computer leaves a program alone for that long.
KERNEL_BUFFERS = 16
# How late the flowgraph may be before samples are lost.
QUEUE_S = 2.0
# Share of the time that may be spent on asking for lost samples.
STATUS_SHARE = 0.25
# A read that takes this part of a block's time waited for samples: nothing was left in the kernel.
WAITED = 0.3
WAIT_S = 0.1
# A device that works ends a read within a block; libiio complains on stderr when it is cancelled.
PATIENCE_S = 0.3
STOP_S = 1.0
# A device that gives nothing for so long gives no more.
NOTHING_S = 1.0
PEAK_DECAY = 0.9
GAP = pmt.intern("gap")


def block_samples(sample_rate_hz: float) -> int:
    """Samples of a kernel buffer: a power of two, 12.5 to 25 ms."""
    return 2 ** max(10, math.ceil(math.log2(LEAST_BLOCK_S * sample_rate_hz)))


class pluto_receiver(gr.sync_block):
    """Receive from a device that is set up.

    gr-iio's sources take no time-out, and `fmcomms2_source` ends the whole process when its device goes (it
    throws in a thread of its own). So buffers are read here, through libiio itself.

    A thread reads blocks, the flowgraph takes them when it can. The device has no time stamps; that samples
    were lost is known from its status register, asked after each block. The bit says that they are missing
    in this block or in those that wait in the kernel, not where: all of these become a gap. When the
    flowgraph is late by more than 2 s, what it did not take becomes a gap of exactly its length. A read that
    gives less than was asked for is a gap of the rest.

    Outputs: samples of each channel, complex64, full scale 1. Tag gap (long): so many zeros follow in place
    of samples that were lost.

    device: set up to receive. events: where losses, and a device that vanishes, are counted. begins: whether
    samples are wanted yet; what comes before is dropped. stale: samples that the kernel holds in that moment
    are wanted too.
    """

    def __init__(
        self,
        device: PlutoDevice,
        channels: int,
        sample_rate_hz: float,
        events: EventCounters,
        begins: Callable[[], bool] = lambda: True,
        stale: bool = False,
    ):
        gr.sync_block.__init__(self, "pluto_receiver", None, [np.complex64] * channels)
        self._begins, self._stale = begins, stale
        self._device, self._channels, self._events = device, channels, events
        self.block = block_samples(sample_rate_hz)
        self._block_s = self.block / sample_rate_hz
        self._queue = _Queue(max(4, round(QUEUE_S / self._block_s)))
        self._part: list[np.ndarray] | int = 0
        self._used = 0
        self._stopping = threading.Event()
        self._thread: device_thread | None = None
        self._buffer: iio.Buffer | None = None
        self._to_drop = 0
        self.has_status = False
        self.adc_peak = self.highest_adc_peak = 0.0
        for channel in range(channels):
            self.set_min_output_buffer(channel, 2 * self.block)

    def open(self) -> None:
        """Make the buffer. Raises RadioError."""
        self._buffer, channels = self._device.receive_buffer(self.block, KERNEL_BUFFERS)
        layout = channels[0].data_format
        self._type = np.dtype(">i2" if layout.is_be else "<i2")
        # The converter's highest bit to the top: what lies above need not repeat the sign.
        self._shift = max(0, 16 - layout.bits - layout.shift)
        self.has_status = self._device.clear_status(transmitter=False)

    def flush(self) -> None:
        """Lose what was received before now: the kernel's buffers hold samples of earlier settings."""
        self._to_drop = KERNEL_BUFFERS + 1

    def start(self) -> bool:
        self._stopping.clear()
        if self._buffer is None:
            try:
                self.open()
            except RadioError as error:  # an exception here would end the process
                lose(self._events, str(error))
                return True
        self._queue.clear()
        self._part, self._used = 0, 0
        self.adc_peak = self.highest_adc_peak = 0.0
        self._to_drop = 0
        self._thread = device_thread(partial(self._run, self._buffer), "pluto-rx")
        return True

    def stop(self) -> bool:
        self._stopping.set()
        if self._events.vanished():
            forsake(self._buffer)
        if self._thread is not None:
            self._thread.end(self._buffer)
        self._thread = self._buffer = None
        return True

    # The thread that reads

    def _run(self, buffer: iio.Buffer) -> None:
        try:
            while not (self._begins() or self._stopping.is_set()):
                buffer.refill()
            for _ in range(0 if self._stale else KERNEL_BUFFERS):
                buffer.refill()
            self._read(buffer)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else would notice
            if not self._stopping.is_set():
                # the error itself would hold the buffer, which libiio wants gone before its context
                why = reason(error) if isinstance(error, OSError) else str(error)
                lose(self._events, f"no more samples from the receiver: {why}")
            forsake(buffer)
        self._queue.end()

    def _read(self, buffer: iio.Buffer) -> None:
        ask_every, since, suspect, missing_s = 1, 0, 0, 0.0
        held: list[np.ndarray | int] = []
        while not self._stopping.is_set():
            begun = time.monotonic()
            buffer.refill()
            samples, missing = self._samples(buffer)
            filled = time.monotonic()
            if self._to_drop:
                self._to_drop -= 1
                held.append(len(samples))
            elif len(samples):
                held.append(samples)
            missing_s = missing_s + self._block_s if missing == self.block else 0.0
            if missing_s > NOTHING_S:
                raise RadioError(f"it gives none for {NOTHING_S:g} s")
            if missing:
                self._events.add("overflow", reason=f"a read of {self.block} samples gave {len(samples)}")
                held.append(missing)
                self._stopping.wait(self._block_s * missing / self.block)
            since += 1
            if self.has_status and since < ask_every:
                continue
            if self.has_status and self._device.status_event(transmitter=False):
                self._events.add("overflow")
                suspect = 2
            lost, waited = suspect > 0, filled - begun > WAITED * self._block_s
            if suspect == 1:
                suspect = 0
            elif waited:  # what is missing lies behind, or at the start of the next block
                suspect = min(suspect, 1)
            for part in held:
                if not self._queue.add(len(part) if lost and not isinstance(part, int) else part):
                    self._events.add("overflow")
            asked_s = time.monotonic() - filled
            ask_every = max(1, math.ceil(asked_s / STATUS_SHARE / self._block_s))
            held, since = [], 0

    def _samples(self, buffer: iio.Buffer) -> tuple[np.ndarray, int]:
        """Words that were read, [samples, I and Q of each channel], and how many samples are missing."""
        words = np.frombuffer(buffer.read(), self._type)
        width = 2 * self._channels
        samples = words[: len(words) // width * width].reshape(-1, width)
        return samples, self.block - len(samples)

    # The flowgraph

    @ends_flow_on_error
    def work(self, input_items, output_items):
        if self._left() == 0:
            part = self._queue.take(WAIT_S)
            if part is None:
                return -1 if self._queue.ended or self._events.vanished() else 0
            self._begin(part)
        count = min(self._left(), len(output_items[0]))
        for channel, out in enumerate(output_items):
            if isinstance(self._part, int):
                out[:count] = 0.0
            else:
                out[:count] = self._part[channel][self._used : self._used + count]
        self._used += count
        return count

    def _left(self) -> int:
        length = self._part if isinstance(self._part, int) else len(self._part[0])
        return length - self._used

    def _begin(self, part: np.ndarray | int) -> None:
        self._used = 0
        if isinstance(part, int):
            self._part = part
            self._events.add("gap")
            for channel in range(self._channels):
                self.add_item_tag(channel, self.nitems_written(channel), GAP, pmt.from_long(part))
            return
        levels = np.left_shift(part, self._shift) if self._shift else part
        peak = max(int(levels.max()), -int(levels.min())) / 32768.0
        self.adc_peak = max(peak, PEAK_DECAY * self.adc_peak)
        self.highest_adc_peak = max(peak, self.highest_adc_peak)
        scaled = levels.astype(np.float32) * np.float32(1.0 / 32768.0)
        self._part = [
            as_complex(scaled[:, 2 * channel : 2 * channel + 2]) for channel in range(self._channels)
        ]


class device_thread:
    """A thread that waits for a device, and can be torn from it.

    Threads of GNU Radio wait for its end. (A foreign thread that calls `Thread.join` stays in Python's list
    of threads for ever.)
    """

    def __init__(self, body: Callable[[], None], name: str):
        self._ended = threading.Event()
        self._body = body
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._body()
        finally:
            self._ended.set()

    def wait(self, seconds: float) -> bool:
        """Whether it ends in time."""
        return self._ended.wait(seconds)

    def end(self, buffer: iio.Buffer | None) -> None:
        """Wait, after it was told to stop, and take its buffer away when it does not.

        Without a buffer it is about to open one: libiio lets nobody interrupt that, and gives up after 5 s.
        """
        if not self.wait(PATIENCE_S) and buffer is not None:
            forsake(buffer)
            self.wait(STOP_S)


def forsake(buffer: iio.Buffer | None) -> None:
    """Give a buffer up: libiio then closes it without asking a device that may not answer."""
    if buffer is not None:
        with contextlib.suppress(OSError):
            buffer.cancel()


class _Queue:
    """Blocks of samples, or numbers of lost ones, from one thread to another."""

    def __init__(self, most: int):
        self._most = most
        self._parts: deque[np.ndarray | int] = deque()
        self._change = threading.Condition()
        self.ended = False

    def clear(self) -> None:
        with self._change:
            self._parts.clear()
            self.ended = False

    def end(self) -> None:
        with self._change:
            self.ended = True
            self._change.notify_all()

    def add(self, part: np.ndarray | int) -> bool:
        """Add samples, or a loss; False when samples became a loss because nobody took the earlier ones."""
        with self._change:
            full = len(self._parts) >= self._most and not isinstance(part, int)
            if full:
                part = len(part)
            if isinstance(part, int) and self._parts and isinstance(self._parts[-1], int):
                self._parts[-1] += part
                full = False  # counted when the loss began
            else:
                self._parts.append(part)
            self._change.notify_all()
            return not full

    def take(self, timeout_s: float) -> np.ndarray | int | None:
        """What came first, None when nothing came in time."""
        with self._change:
            self._change.wait_for(lambda: self._parts or self.ended, timeout_s)
            return self._parts.popleft() if self._parts else None
