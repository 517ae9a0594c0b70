# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attributes of an AD936x, read and written so that whatever goes wrong is one error that names them."""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Callable
from typing import TypeVar

import iio

from .front_end import RadioError

PHY, RECEIVER, TRANSMITTER = "ad9361-phy", "cf-ad9361-lpc", "cf-ad9361-dds-core-lpc"

# What libiio raises when the device has not answered in time, or its connection is closed.
NO_ANSWER = (errno.EPIPE, errno.ETIMEDOUT, errno.EAGAIN, errno.ECONNRESET, errno.ENOTCONN)
TRIAL_SAMPLES = 256

Result = TypeVar("Result")


def reason(error: OSError) -> str:
    """What went wrong in a call to the device, for a message."""
    return "no answer" if error.errno in NO_ANSWER else error.strerror or str(error)


class PlutoAttributes:
    """Attributes of one device through one context of libiio.

    uri: of the device, for messages.

    All raise RadioError, also for a device that is no Pluto.
    """

    def __init__(self, uri: str, context: iio.Context):
        for name in (PHY, RECEIVER, TRANSMITTER):
            if context.find_device(name) is None:
                there = ", ".join(device.name or device.id for device in context.devices) or "none"
                raise RadioError(f"{uri} is no Pluto: it has no device {name}, only {there}; check --address")
        self.uri, self.context = uri, context
        self._phy = context.find_device(PHY)
        self._given_up = False
        self._calls = threading.RLock()

    def give_up(self, seconds: float) -> bool:
        """Let nothing be done any more; whether the call that is under way, if any, ended in time."""
        self._given_up = True
        ended = self._calls.acquire(timeout=seconds)
        if ended:
            self._calls.release()
        return ended

    def do(self, what: str, function: Callable[[], Result]) -> Result:
        """Result of a call to the device; what: for the message when it fails."""
        with self._calls:
            if self._given_up:
                raise RadioError("given up")
            try:
                return function()
            except OSError as error:
                raise RadioError(f"{self.uri}: {what} failed ({reason(error)})") from None
            except (KeyError, AttributeError) as error:
                raise RadioError(
                    f"{self.uri}: {what} failed, the device has no attribute {error}; expected a Pluto with "
                    "firmware 0.31 or newer"
                ) from None
            except (ValueError, IndexError, ArithmeticError, TypeError) as error:
                raise RadioError(
                    f"{self.uri}: {what} failed, what the device answers makes no sense ({error}): "
                    "restart it, or run `semisac radio probe`"
                ) from None

    def channel(self, name: str, output: bool) -> iio.Channel:
        """Channel of the transceiver."""
        found = self._phy.find_channel(name, output)
        if found is None:
            kind = "output" if output else "input"
            raise RadioError(f"{self.uri}: the device has no {kind} channel {name}: check --rx-channels")
        return found

    def converter(self, transmitter: bool) -> iio.Device:
        """Device that moves the samples of a direction."""
        return self.context.find_device(TRANSMITTER if transmitter else RECEIVER)

    def has(self, channel: str, name: str, output: bool) -> bool:
        """Whether the device has an attribute."""
        return name in self.channel(channel, output).attrs

    def set(self, channel: str, name: str, value: object, output: bool) -> None:
        """Set an attribute."""

        def write() -> None:
            self.channel(channel, output).attrs[name].value = str(value)

        try:
            self.do(f"setting {channel} {name} to {value}", write)
        except RadioError as error:
            allowed = self._allowed(channel, name, output)
            raise RadioError(f"{error}; expected one of {allowed}" if allowed else str(error)) from None

    def number(self, channel: str, name: str, output: bool) -> float:
        """Value of an attribute, without its unit."""
        what = f"{channel} {name}"
        text = self.do(f"reading {what}", lambda: self.channel(channel, output).attrs[name].value)
        try:
            value = float(text.split()[0])
        except (ValueError, IndexError):
            value = math.nan
        if not math.isfinite(value):
            raise RadioError(
                f"{self.uri}: {what} of the device is {text!r}, expected a number: restart it, or run "
                "`semisac radio probe`"
            )
        return value

    def _allowed(self, channel: str, name: str, output: bool) -> str:
        try:
            return self.channel(channel, output).attrs[f"{name}_available"].value
        except (OSError, KeyError, ValueError, RadioError):
            return ""

    def in_use(self, transmitter: bool) -> bool:
        """Whether another program has samples moved in a direction.

        iiod shares buffers between programs, but a cyclic one it gives to one program alone: such a one is
        opened for a moment, and nothing sent.
        """
        device = self.converter(transmitter)
        for channel in device.channels:
            channel.enabled = channel.scan_element and channel.id in ("voltage0", "voltage1")
        try:
            iio.Buffer(device, TRIAL_SAMPLES, True)
        except OSError as error:
            return error.errno == errno.EBUSY
        return False

    def silence_tones(self) -> None:
        """Switch the test tones off that the transmitter sends when it has no samples."""
        for channel in self.converter(True).channels:
            if channel.output and channel.id.startswith("altvoltage"):
                self.do(
                    "switching the tones off", lambda one=channel: setattr(one.attrs["scale"], "value", "0")
                )
