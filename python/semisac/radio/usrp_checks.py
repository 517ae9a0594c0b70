# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be right about a USRP that is set up, before anything is sent or measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .front_end import RadioError
from .settings import RadioSettings

LO_LOCK_S = 1.0  # as UHD's own examples wait
# The reference is followed by a loop that takes a second or two, that of a GPSDO warms up before.
REFERENCE_LOCK_S = {"external": 5.0, "gpsdo": 30.0}
POLL_S = 0.05
MOST_RATE_ERROR = 1e-6
MOST_FREQUENCY_ERROR_HZ = 1e3
MOST_GAIN_ERROR_DB = 0.5


@dataclass(frozen=True)
class Direction:
    """One of the two blocks of gr-uhd. name: "transmitter" or "receiver". gain_db: that was asked for."""

    name: str
    block: object
    channels: list[int]
    gain_db: float


def one_of(option: str, value: str, allowed) -> None:
    """Raises RadioError for a value that the device does not have."""
    if value not in list(allowed):
        raise RadioError(f"{option} is {value!r}, this device has {', '.join(allowed)}")


def information(block, name: str) -> str:
    """What the device says of itself; older ones leave some of it out."""
    try:
        return dict(block.get_usrp_info(0)).get(name, "")
    except RuntimeError:
        return ""


def check_rate(block, wanted: float) -> None:
    """Raises RadioError for a rate that the device does not run at."""
    got = block.get_samp_rate()
    if abs(got - wanted) > MOST_RATE_ERROR * wanted:
        raise RadioError(
            f"--sample-rate-hz is {wanted:g}, the radio would run at {got:g}: take that one, or a clock that "
            f"--sample-rate-hz divides (--radio-option master_clock_rate_hz=..., now "
            f"{block.get_clock_rate():g})"
        )


def check_frequency(block, channel: int, wanted: float) -> None:
    """Raises RadioError for a carrier that the device does not reach."""
    got = block.get_center_freq(channel)
    if abs(got - wanted) > MOST_FREQUENCY_ERROR_HZ:
        raise RadioError(
            f"--center-frequency-hz is {wanted:g}, the radio tunes to {got:g}: it is out of its range"
        )


def check_ports(sink, source, channels: list[int]) -> None:
    """One port cannot transmit and listen at once: nothing is heard but the switch. Raises RadioError."""
    sending = sink.get_subdev_spec(0).split()[:1]
    listening = source.get_subdev_spec(0).split()
    for channel in channels:
        port = source.get_antenna(channel)
        if listening[channel : channel + 1] == sending and port == sink.get_antenna(0):
            raise RadioError(
                f"--rx-antenna is {port!r}, the port that transmits, where nothing is received meanwhile; "
                f"this device has {', '.join(source.get_antennas(channel))}"
            )


def wait_for_locks(directions: list[Direction], settings: RadioSettings) -> None:
    """Raises RadioError for what does not lock in time: frequency and rate would be wrong by an unknown
    amount.
    """
    first, source = directions[0].block, settings.clock_source
    if source in REFERENCE_LOCK_S and "ref_locked" in first.get_mboard_sensor_names(0):
        limit_s = REFERENCE_LOCK_S[source]
        if not _comes_true(lambda: first.get_mboard_sensor("ref_locked", 0), limit_s):
            raise RadioError(
                f"the reference clock is not locked after {limit_s:g} s: is the 10 MHz signal of "
                f"--clock-source {source} there?"
            )
    for one in directions:
        for channel in one.channels:
            if "lo_locked" not in one.block.get_sensor_names(channel):
                continue
            if not _comes_true(lambda b=one.block, c=channel: b.get_sensor("lo_locked", c), LO_LOCK_S):
                raise RadioError(
                    f"the {one.name}'s oscillator of channel {channel} is not locked after {LO_LOCK_S:g} s: "
                    f"is {settings.center_frequency_hz:g} Hz in its range?"
                )


def warnings_of(directions: list[Direction], settings: RadioSettings) -> list[str]:
    """What works, but may not be what was meant."""
    found = []
    for one in directions:
        for channel in one.channels:
            got = one.block.get_gain(channel)
            if abs(got - one.gain_db) > MOST_GAIN_ERROR_DB:
                found.append(
                    f"the {one.name}'s gain of channel {channel} is {got:g} dB, {one.gain_db:g} is not in "
                    f"its range"
                )
        if len(one.channels) > 1 and not information(one.block, "mboard_id").startswith("B2"):
            found.append(
                "the phase between receive channels of two boards is another one at each start: azimuths are "
                "wrong by a constant"
            )
    first = directions[0].block
    if settings.time_source not in ("", "internal") and settings.clock_source in ("", "internal"):
        found.append(
            f"--time-source is {settings.time_source}, the clock is the device's own: its samples drift "
            f"against the pulses; give --clock-source {settings.time_source} too"
        )
    if "gpsdo" in (settings.clock_source, settings.time_source):
        names = first.get_mboard_sensor_names(0)
        if "gps_locked" in names and not first.get_mboard_sensor("gps_locked", 0).to_bool():
            found.append("the GPSDO has no fix yet, which takes minutes: its clock runs free until then")
    return found


def _comes_true(sensor: Callable, limit_s: float) -> bool:
    """Whether a sensor says yes within a time."""
    end = time.monotonic() + limit_s
    while not sensor().to_bool():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True
