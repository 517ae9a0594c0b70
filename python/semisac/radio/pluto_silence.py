# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a Pluto's transmission: silent whatever failed, or told that it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import iio

from .front_end import RadioError
from .pluto_attributes import PlutoAttributes
from .pluto_link import reach

SILENT_GAIN_DB = -89.75
# For all ways together: whoever ends a program does not wait longer.
SILENCE_S = 1.0
REACH_SHARE = 0.3
GAIN_STEP_DB = 0.25


def silence(used: PlutoAttributes, answers: bool) -> str:
    """Make the transmitter silent through the context that was used, or through a new one; why it may not be,
    "" when it is.

    answers: whether the device answered until now: then the context in use comes first.
    """
    ended = used.give_up(REACH_SHARE * SILENCE_S)
    ways = [lambda: PlutoAttributes(used.uri, used.context), lambda: _connected(used.uri)]
    trouble = ""
    for found in _troubles(ways if answers else reversed(ways)):
        if not found:
            return "" if ended else f"{used.uri}: a call of its set-up is still under way"
        trouble = trouble or found
    return trouble


def _troubles(ways: Iterator[Callable[[], PlutoAttributes]]) -> Iterator[str]:
    for way in ways:
        try:
            yield "; ".join(_silenced(way()))
        except RadioError as error:
            yield str(error)


def _connected(uri: str) -> PlutoAttributes:
    """A new context; the old one may be out of step with a device that paused."""
    reach(uri, REACH_SHARE * SILENCE_S)
    try:
        context = iio.Context(uri)
        context.set_timeout(round(1000 * REACH_SHARE * SILENCE_S))
        return PlutoAttributes(uri, context)
    except (OSError, TypeError, ValueError) as error:
        raise RadioError(f"{uri} cannot be opened ({error})") from None


def _silenced(device: PlutoAttributes) -> list[str]:
    """Least gain, oscillator off, tones off, what matters most first; what did not work."""
    troubles = []
    for step in (_lower_gain, _stop_oscillator, PlutoAttributes.silence_tones):
        try:
            step(device)
        except RadioError as error:
            troubles.append(str(error))
    return troubles


def _lower_gain(device: PlutoAttributes) -> None:
    device.set("voltage0", "hardwaregain", SILENT_GAIN_DB, True)
    gain_db = device.number("voltage0", "hardwaregain", True)
    if gain_db > SILENT_GAIN_DB + GAIN_STEP_DB:
        raise RadioError(f"{device.uri}: its gain stays at {gain_db:g} dB")


def _stop_oscillator(device: PlutoAttributes) -> None:
    if not device.has("altvoltage1", "powerdown", True):  # older firmware has no such switch
        return
    device.set("altvoltage1", "powerdown", 1, True)
    if device.number("altvoltage1", "powerdown", True) != 1:
        raise RadioError(f"{device.uri}: its transmit oscillator stays on")
