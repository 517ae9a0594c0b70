# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one interface of all radios."""

from __future__ import annotations

import atexit
import importlib
import sys
import weakref
from dataclasses import dataclass
from importlib import resources

from gnuradio import gr

from .events import EventCounters
from .settings import RadioSettings

ROLES = ("transmit", "receive", "monostatic")


class RadioError(RuntimeError):
    """A radio cannot be used: not there, not answering, or refusing a setting."""


@dataclass(frozen=True)
class Capabilities:
    """What a kind of radio can do.

    has_timestamps: samples carry the radio's time, so that bursts leave and losses are found by the clock.
    full_duplex: transmits and receives at once (role "monostatic").
    cyclic: repeats what it sends by itself.
    needs_calibration: the delay from transmitter to receiver must be measured before ranges are right;
        otherwise the direct leakage gives it at each start.
    most_rx_channels: receive channels of a device.
    real_time: samples come at the sample rate, whatever the host does.
    """

    has_timestamps: bool
    full_duplex: bool
    cyclic: bool
    needs_calibration: bool
    most_rx_channels: int
    real_time: bool


class front_end(gr.hier_block2):
    """Frames in, samples of the air out.

    Input 0 (roles "transmit", "monostatic"): samples of frames as `frame_modulator` gives them, complex64,
    E|x|^2 = 1, with the tags frame_id, images and packet_len on a frame's first sample.
    Outputs (role "receive"): samples of each receive channel, complex64; 1 is the full scale of the
    converter. Lost samples are zeros, the tag gap (long) on the first of them says how many: nothing is ever
    shifted.
    Outputs (role "monostatic"): 0: what is sent, 1...: the receive channels, aligned sample by sample, so
    that an echo without delay returns in the sample in which it is sent.

    Order of calls: `configure`, connect, `prepare`, start the flowgraph, stop it, `close`.

    frame: `frame_parameters`, or its numpy counterpart, of the frames.
    role: "transmit", "receive" or "monostatic".

    Raises ValueError for settings that this radio does not take. No device is touched before `configure`.
    """

    capabilities: Capabilities
    replays = False
    """Whether role "monostatic" gives what was sent at another time and takes no frames of this one."""
    cycle_frames = 0
    """Most frames that the device takes, to repeat them by itself for ever; 0: it takes all."""

    def __init__(self, settings: RadioSettings, frame, role: str):
        if role not in ROLES:
            raise ValueError(f"role is {role!r}, expected one of {', '.join(ROLES)}")
        able = self.capabilities
        if role == "monostatic" and not able.full_duplex:
            raise ValueError(
                f"--radio {settings.radio} cannot transmit and listen at once: choose another radio"
            )
        if settings.rx_channels > able.most_rx_channels:
            raise ValueError(
                f"--rx-channels is {settings.rx_channels}, expected {able.most_rx_channels} or less with "
                f"--radio {settings.radio}"
            )
        self.settings = settings
        self.frame = frame
        self.role = role
        self.events = EventCounters()
        inputs = 0 if role == "receive" else 1
        outputs = {"transmit": 0, "receive": settings.rx_channels, "monostatic": 1 + settings.rx_channels}[
            role
        ]
        item = gr.sizeof_gr_complex
        gr.hier_block2.__init__(
            self,
            f"{settings.radio}_front_end",
            gr.io_signature(inputs, inputs, item),
            gr.io_signature(outputs, outputs, item),
        )
        _open.add(self)

    @property
    def tx(self) -> tuple[gr.hier_block2, int]:
        """Where frames go in."""
        return (self, 0)

    @property
    def sent(self) -> tuple[gr.hier_block2, int]:
        """Where what is sent comes out, aligned with what is received (role "monostatic")."""
        return (self, 0)

    def rx(self, channel: int = 0) -> tuple[gr.hier_block2, int]:
        """Where the samples of a receive channel come out."""
        return (self, channel + (self.role == "monostatic"))

    def configure(self) -> dict[str, object]:
        """Open the device and set it up.

        Returns what is in force: device, serial, driver, sample_rate_hz, center_frequency_hz, gains, clock,
        and warnings (list of texts). Raises RadioError within a few times timeout_s; the transmitter of a
        device that cannot be used is then as it was, or silent, or the message says that it may not be.
        """
        raise NotImplementedError

    def prepare(self) -> None:
        """Get ready for the start of the flowgraph, which must follow at once."""

    def silence(self) -> None:
        """Silence the transmitter behind a run of the flowgraph; `prepare` makes it ready for another one."""
        self.close()

    def close(self) -> None:
        """Silence the transmitter and let go of the device, whatever happened before; a second call does
        nothing. Raises RadioError when the transmitter may not be silent.
        """

    def set_center_frequency_hz(self, frequency_hz: float) -> None:
        """Tune both directions while the radio runs; frames of that moment are not to be used.

        Raises RadioError where this radio cannot, or does not take the value. So do the next two.
        """
        raise self._cannot("carrier")

    def set_tx_gain_db(self, gain_db: float) -> None:
        """Set the transmitter's gain while the radio runs."""
        raise self._cannot("transmit gain")

    def set_rx_gain_db(self, gain_db: float) -> None:
        """Set the gain of all receive channels while the radio runs."""
        raise self._cannot("receive gain")

    def _cannot(self, what: str) -> RadioError:
        return RadioError(f"--radio {self.settings.radio} has no {what} that changes while it runs")

    def has_sent(self, frames: int) -> bool:
        """Whether so many frames have left the antenna; False where the flow ends by itself, or never."""
        return False

    def frames_in_cycle(self) -> int:
        """Frames that the device repeats by itself now; 0 where it does not, or not yet."""
        return 0

    def frames_sent(self) -> int | None:
        """Frames that were on the air, each repetition one; None where all that were handed in are."""
        return None

    def set_metadata(self, name: str, value: object) -> None:
        """Say something about what is sent, such as {"name", "fingerprint"} of the "bundle"; kept by radios
        that record.
        """

    def status(self) -> dict[str, object]:
        """Numbers for a live display, cheap to ask for: events by kind, and what the radio adds."""
        return dict(self.events.counts())


def radios() -> list[str]:
    """Names for --radio: the modules of this package that hold a front end of their name."""
    folder = resources.files(__package__)
    texts = {
        file.name.removesuffix(".py"): file.read_text()
        for file in folder.iterdir()
        if file.name.endswith(".py")
    }
    # what is only a base for others has the first of these alone
    needed = ("class {}_front_end(", "    capabilities = Capabilities(")
    return sorted(name for name, text in texts.items() if all(part.format(name) in text for part in needed))


def front_end_class(name: str) -> type[front_end]:
    """Class of the radio of this name.

    Raises ValueError for a radio that does not exist, RadioError when its driver is not installed.
    """
    known = radios()
    if name not in known:
        raise ValueError(f"--radio is {name!r}, expected one of {', '.join(known)}")
    try:
        module = importlib.import_module(f"{__package__}.{name}")
    except (
        ImportError,
        AttributeError,
        OSError,
    ) as error:  # not there, or of another version than its library
        raise RadioError(
            f"--radio {name} needs a driver that is missing or damaged ({error}): `semisac radio probe` says "
            "which and how to install it"
        ) from error
    return getattr(module, f"{name}_front_end")


def open_front_end(settings: RadioSettings, frame, role: str) -> front_end:
    """Front end of the radio that the settings name, not configured yet.

    Raises ValueError for settings that the radio does not take, and what `front_end_class` raises.
    """
    return front_end_class(settings.radio)(settings, frame, role)


_open: weakref.WeakSet[front_end] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close the front ends that are still there when the program ends."""
    for radio in list(_open):
        try:
            radio.close()
        except RadioError as error:
            print(error, file=sys.stderr)
