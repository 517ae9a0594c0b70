# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stream into a Pluto's transmitter: a cycle that the device repeats by itself, or all of it."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from functools import partial

import iio
import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.signal.complex_pairs import as_pairs

from ..work_errors import ends_flow_on_error
from .events import EventCounters
from .front_end import RadioError
from .pluto_attributes import reason
from .pluto_device import PlutoDevice, lose
from .pluto_receiver import block_samples, device_thread, forsake

FULL_SCALE = 32768.0
FRAME_ID = pmt.intern("frame_id")
KERNEL_BUFFERS = 16
QUEUE_BLOCKS = 4
# The kernel makes all of them as long as the cycle.
CYCLE_BUFFERS = 2
# Blocks that wait before the first is sent, so that the transmitter does not run dry at once.
AHEAD_BLOCKS = 3
AHEAD_S = 0.5
WAIT_S = 0.05
DRAIN_S = 1.0


class _transmitter(gr.sync_block):
    """What both ways to transmit share.

    level: of E|x|^2 = 1, relative to full scale. frame: samples of one.
    """

    def __init__(self, name: str, device: PlutoDevice, level: float, events: EventCounters, frame: int):
        gr.sync_block.__init__(self, name, [np.complex64], None)
        self._device, self._events, self._frame = device, events, frame
        self._gain = np.float32(level * FULL_SCALE)
        self._buffer: iio.Buffer | None = None
        self.clipped_samples = 0
        self.sends = False  # a stream that would be torn if it ran dry

    def _words(self, samples: np.ndarray) -> np.ndarray:
        """16-bit words of samples, I and Q in turn; clipped ones are counted."""
        levels = np.rint(as_pairs(samples).ravel() * self._gain)
        clipped = np.clip(levels, -32768, 32767)
        self.clipped_samples += int(np.count_nonzero(clipped != levels))
        return clipped.astype("<i2")

    def _lost(self, what: str, error: Exception) -> None:
        lose(self._events, f"{what}: {reason(error) if isinstance(error, OSError) else error}")


class pluto_cycle_transmitter(_transmitter):
    """Send the first frames of a stream for ever: the device repeats them without a gap.

    The cycle ends before the frame with the frame_id of the first one comes again, or at `most_samples`.
    Its buffer is exactly as long as the cycle. What follows is repetition: it is taken and dropped.

    Input 0: samples, complex64; tag frame_id (uint64) on the first sample of each frame.

    level: of E|x|^2 = 1, relative to full scale. most_samples: longest cycle. hold: take no repetition;
    nobody else needs the stream.
    """

    def __init__(
        self,
        device: PlutoDevice,
        level: float,
        events: EventCounters,
        frame: int,
        sample_rate_hz: float,
        most_samples: int,
        hold: bool,
    ):
        _transmitter.__init__(self, "pluto_cycle_transmitter", device, level, events, frame)
        self._sample_rate_hz, self._most, self._hold = sample_rate_hz, most_samples, hold
        self.reset()

    def reset(self) -> None:
        """Forget the last run."""
        self._parts: list[np.ndarray] = []
        self._length = 0
        self._first: int | None = None
        self._stopping = threading.Event()
        self._pusher: device_thread | None = None
        self.cycle_samples = 0  # of the cycle that is on the air; 0 before
        self.cycle_frames = 0
        self._sent_at: float | None = None
        self._ended_at: float | None = None
        self._finished = False

    @property
    def frames_sent(self) -> int:
        """That were on the air so far, repetitions too."""
        if self._sent_at is None:
            return 0
        seconds = (self._ended_at or time.monotonic()) - self._sent_at
        return int(seconds * self._sample_rate_hz) // self._frame

    def finish(self, least_s: float) -> None:
        """End, once the cycle is on the air as a whole and for so long; call it again until then."""
        if self._sent_at is not None:
            least_s = max(least_s, self.cycle_samples / self._sample_rate_hz)
            self._finished = time.monotonic() - self._sent_at > least_s

    def start(self) -> bool:
        self.reset()
        return True

    def stop(self) -> bool:
        self._stopping.set()
        if self._events.vanished():
            forsake(self._buffer)
        if self._pusher is not None:
            self._pusher.end(self._buffer)
        self._ended_at = self._ended_at or time.monotonic()
        self._buffer = None
        return True

    @ends_flow_on_error
    def work(self, input_items, output_items):
        samples = input_items[0]
        if self._events.vanished() or self._finished:
            return -1
        if self._pusher is not None:
            if self._hold:
                self._stopping.wait(WAIT_S)
                return 0
            return len(samples)
        end = self._end_of_cycle(len(samples))
        taken = len(samples) if end is None else end
        self._parts.append(samples[:taken].copy())
        self._length += taken
        if end is not None:
            cycle = np.concatenate(self._parts)
            self._parts = []
            self._pusher = device_thread(partial(self._push, cycle), "pluto-tx")
        return taken

    def _end_of_cycle(self, count: int) -> int | None:
        """Item of this call before which the cycle ends, None when it goes on."""
        for tag in self.get_tags_in_window(0, 0, count, FRAME_ID):
            frame_id = pmt.to_uint64(tag.value)
            if self._first is None:
                self._first = frame_id
            elif frame_id == self._first:
                return tag.offset - self.nitems_read(0)
            self.cycle_frames += 1
        left = self._most - self._length
        return left if count >= left else None

    def _push(self, cycle: np.ndarray) -> None:
        try:
            buffer, _ = self._device.transmit_buffer(len(cycle), CYCLE_BUFFERS, cyclic=True)
            self._buffer = buffer
            buffer.write(bytearray(self._words(cycle)))
            buffer.push()
            self.cycle_samples = len(cycle)
            self._sent_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else would notice
            if not self._stopping.is_set():
                self._lost("the cycle cannot be sent", error)
            forsake(self._buffer)


class pluto_stream_transmitter(_transmitter):
    """Send a stream, block by block; at its end the last block is filled with zeros.

    Input 0: samples, complex64, at the rate of the device on average: it waits.

    level: of E|x|^2 = 1, relative to full scale.
    """

    def __init__(
        self, device: PlutoDevice, level: float, events: EventCounters, frame: int, sample_rate_hz: float
    ):
        _transmitter.__init__(self, "pluto_stream_transmitter", device, level, events, frame)
        self.block = block_samples(sample_rate_hz)
        self._block_s = self.block / sample_rate_hz
        self.reset()

    def reset(self) -> None:
        """Forget the last run."""
        self._part = np.zeros(self.block, np.complex64)
        self._filled = 0
        self._starts: deque[int] = deque()  # of frames that the device has not taken yet
        self._blocks_sent = self.frames_sent = 0
        self.sends = False
        self._waiting: np.ndarray | None = None  # words for which there was no room yet
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(QUEUE_BLOCKS)
        self._thread: device_thread | None = None
        self._stopping = threading.Event()

    def open(self) -> None:
        """Make the buffer. Raises RadioError."""
        self._buffer, _ = self._device.transmit_buffer(self.block, KERNEL_BUFFERS, cyclic=False)

    def start(self) -> bool:
        self.reset()
        if self._buffer is None:
            try:
                self.open()
            except RadioError as error:  # an exception here would end the process
                self._lost("no transmission", error)
                return True
        self._thread = device_thread(partial(self._run, self._buffer), "pluto-tx")
        return True

    def stop(self) -> bool:
        """Send what is left, wait until it is on the air, and close."""
        if self._thread is None:
            return True
        if not self._events.vanished():
            self._hand_over_rest()
            self._thread.wait(DRAIN_S)
        else:
            forsake(self._buffer)
        self._stopping.set()
        self._thread.end(self._buffer)
        self._thread = self._buffer = None
        return True

    def _hand_over_rest(self) -> None:
        with contextlib.suppress(queue.Full):
            if self._waiting is not None:
                self._queue.put(self._waiting, timeout=DRAIN_S)
            if self._filled:
                self._part[self._filled :] = 0.0
                self._queue.put(self._words(self._part), timeout=DRAIN_S)
            self._queue.put(None, timeout=DRAIN_S)

    @ends_flow_on_error
    def work(self, input_items, output_items):
        if self._events.vanished():
            return -1
        if self._waiting is not None:
            try:
                self._queue.put(self._waiting, timeout=WAIT_S)
            except queue.Full:
                return 0
            self._waiting = None
        count = min(len(input_items[0]), self.block - self._filled)
        self._starts += (tag.offset for tag in self.get_tags_in_window(0, 0, count, FRAME_ID))
        self._part[self._filled : self._filled + count] = input_items[0][:count]
        self._filled += count
        if self._filled == self.block:
            self._waiting, self._filled = self._words(self._part), 0
        return count

    def _run(self, buffer: iio.Buffer) -> None:
        """Body of the thread: blocks from the queue into the device until the end."""
        begun = time.monotonic()
        while self._queue.qsize() < AHEAD_BLOCKS and time.monotonic() - begun < AHEAD_S:
            if self._stopping.wait(0.005):
                return
        try:
            while not self._stopping.is_set():
                words = self._queue.get()
                if words is None:
                    self.sends = False
                    # The kernel still holds blocks: they end with the buffer.
                    self._stopping.wait(min(self._blocks_sent, KERNEL_BUFFERS + 1) * self._block_s)
                    return
                buffer.write(bytearray(words))
                buffer.push()
                self._blocks_sent += 1
                self.sends = True
                while self._starts and self._starts[0] + self._frame <= self._blocks_sent * self.block:
                    self._starts.popleft()
                    self.frames_sent += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else would notice
            if not self._stopping.is_set():
                self._lost("the transmitter takes no more samples", error)
            forsake(buffer)
