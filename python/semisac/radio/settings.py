# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a radio is set up, the same for all of them, checked before a device is touched."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

MOST_RX_CHANNELS = 2


def setting(default: object, help: str):
    """Field of settings with what a command line's help says of it."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class RadioSettings:
    """Settings of one radio: "usrp", "pluto", "file", "zmq" or "simulation".

    transmit_level_db: power of E|x|^2 = 1, that of the chirps, at the converter.
    options: what only one radio knows; its front end names the ones it takes.

    Raises ValueError for a value out of range.
    """

    radio: str = field(metadata={"help": "Kind of radio."})
    address: str = setting(
        "",
        "Which one: device arguments of UHD (serial=…), URI of libiio (ip:192.168.2.1, usb:), path of a "
        "recording, tcp://host:port. Without it: the first that is found, or its default.",
    )
    center_frequency_hz: float = setting(2.45e9, "Carrier.")
    sample_rate_hz: float = setting(1e6, "Complex samples a second, both directions.")
    bandwidth_hz: float = setting(0.0, "Of the analog filters; 0: the sample rate.")
    tx_gain_db: float = setting(0.0, "Transmit gain in the radio's own scale; a Pluto takes -89.75 to 0.")
    rx_gain_db: float = setting(30.0, "Receive gain, fixed.")
    tx_antenna: str = setting("", "Port to transmit from. Without it: the radio's default.")
    rx_antenna: str = setting("", "Port to receive at. Without it: the radio's default.")
    rx_channels: int = setting(1, "Receive channels, 1 or 2.")
    clock_source: str = setting(
        "", "**internal**, **external** or **gpsdo**. Without it: the radio's default."
    )
    time_source: str = setting("", "The same for its time.")
    lead_time_s: float = setting(0.05, "How far ahead of their time frames go to a radio with a clock.")
    transmit_level_db: float = setting(
        -12.0,
        "Power of the chirps relative to full scale; a frame's mean is up to 0.8 dB less, peaks lie 10 dB "
        "higher.",
    )
    dc_tracking: bool = setting(
        False, "Let the receiver remove its constant; hides what stands still from a radar."
    )
    timeout_s: float = setting(
        3.0,
        "Of every call to the device while it is set up; while it streams a Pluto may pause for a third of "
        "it, 1 s at least.",
    )
    options: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._above_zero("center_frequency_hz", "sample_rate_hz", "lead_time_s", "timeout_s")
        self._finite("bandwidth_hz", "tx_gain_db", "rx_gain_db", "transmit_level_db")
        if self.bandwidth_hz < 0:
            raise ValueError(f"--bandwidth-hz is {self.bandwidth_hz:g}, expected 0 (the sample rate) or more")
        if not 1 <= self.rx_channels <= MOST_RX_CHANNELS:
            raise ValueError(f"--rx-channels is {self.rx_channels}, expected 1 to {MOST_RX_CHANNELS}")
        if not -60.0 <= self.transmit_level_db <= 0.0:
            raise ValueError(
                f"--transmit-level-db is {self.transmit_level_db:g}, expected -60 to 0 (full scale)"
            )

    def _above_zero(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{option(name)} is {value:g}, expected a number above 0")

    def _finite(self, *names: str) -> None:
        for name in names:
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{option(name)} is {getattr(self, name)}, expected a number")

    def take_options(self, **defaults: object) -> dict[str, object]:
        """Values of options by name, those not given from the defaults, whose types they must have.

        Raises ValueError for an option that is none of these.
        """
        unknown = sorted(set(self.options) - set(defaults))
        if unknown:
            expected = ", ".join(sorted(defaults)) or "none"
            raise ValueError(f"--radio {self.radio} has no option {unknown[0]!r}, expected {expected}")
        return {name: _as(name, self.options.get(name, value), value) for name, value in defaults.items()}

    def plain(self) -> dict[str, object]:
        """Settings by name, for people and JSON."""
        return asdict(self)


def option(name: str) -> str:
    """Name of a setting on the command line."""
    return "--" + name.replace("_", "-")


def _as(name: str, value: object, like: object) -> object:
    """Value of an option as the type of its default; text as it comes from a command line is read."""
    if isinstance(like, bool):
        named = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        read = value if isinstance(value, bool) else named.get(str(value).lower())
        if read is None:
            raise ValueError(f"radio option {name} is {value!r}, expected true or false")
        return read
    try:
        return value if like is None else type(like)(value)
    except (TypeError, ValueError):
        raise ValueError(f"radio option {name} is {value!r}, expected such as {like!r}") from None
