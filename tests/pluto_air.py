# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies between the buffers of a Pluto that is made up: queues of blocks, and the air."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

SINC_HALF = 24


@dataclass
class Air:
    """From transmit to receive port. Gains: full scale to full scale at 0 dB of TX and 30 dB of RX gain.

    paths: (delay in samples, complex gain, Doppler in Hz); the first is the leakage. noise_deviation: of a
    complex sample. dc: constant. most_start_samples: the transmitter begins up to so many samples late.
    """

    paths: tuple[tuple[float, complex, float], ...] = ((3.0, 0.1, 0.0),)
    noise_deviation: float = 1e-3
    dc: complex = 0.0
    most_start_samples: int = 5000

    def filters(self) -> list[tuple[float, np.ndarray]]:
        """(Doppler, impulse response) of each path; all are SINC_HALF samples late, so that none is early."""
        length = 2 * SINC_HALF + 2 + int(max(delay for delay, _, _ in self.paths))
        found = []
        for delay, gain, doppler_hz in self.paths:
            distance = np.arange(length) - SINC_HALF - delay
            window = np.where(np.abs(distance) < SINC_HALF, np.cos(np.pi * distance / 2 / SINC_HALF) ** 2, 0)
            found.append((doppler_hz, (gain * np.sinc(distance) * window).astype(np.complex64)))
        return found


class Receiver:
    """An open buffer of the ADC: blocks that wait to be read."""

    def __init__(self, samples: int, channels: list[int], most: int):
        self.samples, self.channels, self.most = samples, channels, most
        self.blocks: deque[np.ndarray] = deque()
        self.clients = 1
        self.waiting: list[list[np.ndarray]] = []  # where each client that waits finds its block
        self._part = np.zeros((0, len(channels)), np.int16)

    def add(self, samples: np.ndarray) -> None:
        self._part = np.concatenate([self._part, samples])
        while len(self._part) >= self.samples:
            self.blocks.append(self._part[: self.samples])
            self._part = self._part[self.samples :]

    def give(self) -> None:
        """The oldest block, to every client that waits for one; the others never see it."""
        block = self.blocks.popleft()
        for given in self.waiting:
            given.append(block)
        self.waiting.clear()


class Transmitter:
    """An open buffer of the DAC: one block for ever, or blocks one behind the other."""

    def __init__(self, cyclic: bool, most: int, late: int, width: int):
        self.cyclic, self.most, self.width = cyclic, most, width
        self.clients = 1
        self.blocks: deque[np.ndarray] = deque()
        self._late, self._used = late, 0
        self._start: int | None = None

    def push(self, samples: np.ndarray, now: int) -> None:
        if self._start is None:
            self._start = now + self._late
        self.blocks.append(samples)

    def may_run_dry(self) -> bool:
        """Whether it is a stream, and has begun."""
        return not self.cyclic and self._start is not None

    def waiting(self) -> int:
        """Samples of a stream that are still to be sent."""
        return sum(map(len, self.blocks)) - self._used

    def take(self, now: int, count: int) -> tuple[np.ndarray, bool]:
        """Samples of the time from now on, and whether some were missing."""
        taken = np.zeros(count, np.complex64)
        if not self.blocks or self._start is None:
            return taken, self._start is not None
        silent = min(max(0, self._start - now), count)
        if self.cyclic:
            block = self.blocks[0]
            taken[silent:] = block[(np.arange(now + silent, now + count) - self._start) % len(block)]
            return taken, False
        place = silent
        while place < count and self.blocks:
            block = self.blocks[0]
            part = block[self._used : self._used + count - place]
            taken[place : place + len(part)] = part
            place, self._used = place + len(part), self._used + len(part)
            if self._used == len(block):
                self.blocks.popleft()
                self._used = 0
        return taken, place < count
