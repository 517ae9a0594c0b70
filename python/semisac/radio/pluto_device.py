# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Pluto, or another board with an AD936x, set up through pyadi-iio."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

import adi
import iio

from .events import EventCounters
from .front_end import RadioError
from .pluto_link import complete_address, first_found, reach, within
from .settings import RadioSettings

# 25 MHz is the converters' lowest clock; the filters behind divide by 12, the FIR filter by 4 more.
LOWEST_RATE_HZ = 25e6 / 48
LOWEST_RATE_WITHOUT_FIR_HZ = 25e6 / 12
PYADI_LOWEST_RATE_HZ = 521_000
HIGHEST_RATE_HZ = 61.44e6
# What USB 2 carries of 32-bit samples for long, in one direction.
SUSTAINED_RATE_HZ = 5e6
SILENT_GAIN_DB = -89.75
# A device that is silent for so long while it streams is gone: a program must end 2 s after it went.
STREAM_TIMEOUT_S = 1.0
SETUP_TIMEOUTS = 4.0
# Register of the converters' cores in the FPGA; writing a one clears the bit.
STATUS_REGISTER = 0x80000088
UNDERFLOW, OVERFLOW = 1, 4

Result = TypeVar("Result")
_losing = threading.Lock()


def lose(events: EventCounters, reason: str) -> None:
    """Count a device that is gone, once, whoever notices it."""
    with _losing:
        if not events.vanished():
            events.add("vanished", reason=reason)


class PlutoDevice:
    """Context and attributes of one device. Buffers are made here and used elsewhere.

    transmit, receive: directions to set up; the other is left alone, it may belong to another program.

    Methods raise RadioError, after timeout_s for each of their calls at the most.
    """

    def __init__(self, settings: RadioSettings, *, transmit: bool, receive: bool):
        self._device = None
        self._settings, self._transmit, self._receive = settings, transmit, receive
        self._given_up = False
        self._lock = threading.Lock()
        self.uri = ""
        self.warnings: list[str] = []

    @property
    def is_open(self) -> bool:
        return self._device is not None

    # Opening and set-up

    def open(self) -> dict[str, object]:
        """Connect and set up; what is in force then, by name."""
        timeout_s = self._settings.timeout_s
        address = self._settings.address
        self.uri = complete_address(address) if address else first_found(timeout_s)
        reach(self.uri, timeout_s)
        kind = adi.ad9361 if self._settings.rx_channels > 1 else adi.Pluto
        self._given_up = False
        self._device = within(1.5 * timeout_s, f"{self.uri} does not answer", lambda: self._connect(kind))
        try:
            return within(SETUP_TIMEOUTS * timeout_s, f"{self.uri} answers too slowly", self._set_up)
        except BaseException:
            self._given_up = True
            self._device = None
            raise

    def _connect(self, kind: type) -> object:
        try:
            context = iio.Context(self.uri)
            context.set_timeout(round(1000 * self._settings.timeout_s))
        except (OSError, TypeError) as error:
            raise RadioError(f"{self.uri} cannot be opened ({error}): run `semisac radio probe`") from None
        for name in ("ad9361-phy", "cf-ad9361-lpc", "cf-ad9361-dds-core-lpc"):
            if context.find_device(name) is None:
                there = ", ".join(device.name or device.id for device in context.devices) or "none"
                raise RadioError(
                    f"{self.uri} is no Pluto: it has no device {name}, only {there}; check --address"
                )
        try:
            return kind(context)
        except Exception as error:  # pyadi-iio raises plain Exception
            raise RadioError(f"{self.uri} cannot be used as a Pluto: {error}") from None

    def _do(self, what: str, function: Callable[[], Result]) -> Result:
        if self._given_up:
            raise RadioError("given up")
        try:
            return function()
        except OSError as error:
            raise RadioError(f"{self.uri}: {what} failed ({error.strerror or error})") from None
        except (KeyError, AttributeError, IndexError) as error:
            raise RadioError(
                f"{self.uri}: {what} failed, the device has no attribute {error}; expected a Pluto with "
                "firmware 0.31 or newer"
            ) from None
        except ValueError as error:
            raise RadioError(f"{self.uri}: {what} failed ({error})") from None

    def _set_up(self) -> dict[str, object]:
        settings = self._settings
        self.warnings = []
        self._set_sample_rate()
        report: dict[str, object] = {}
        if self._transmit:
            self._set_up_transmitter()
        if self._receive:
            self._set_up_receiver()
        context = self._device.ctx
        report = {
            "device": context.attrs.get("hw_model", context.description),
            "serial": context.attrs.get("hw_serial", ""),
            "driver": "libiio " + ".".join(map(str, iio.version[:2])),
            "firmware": context.attrs.get("fw_version", ""),
            "address": self.uri,
            "sample_rate_hz": float(self._sample_rate()),
            "center_frequency_hz": float(self._carrier()),
            "clock": "internal",
            "dc_tracking": settings.dc_tracking,
        }
        if self._transmit:
            report["tx_gain_db"] = float(self._get("voltage0", "hardwaregain", True))
        if self._receive:
            report["rx_gain_db"] = float(self._get("voltage0", "hardwaregain", False))
        self._check_rate(report["sample_rate_hz"])
        self._do("setting the time-out", lambda: self._set_stream_timeout(context))
        return report | {"warnings": list(self.warnings)}

    def _set_stream_timeout(self, context: iio.Context) -> None:
        context.set_timeout(round(1000 * min(STREAM_TIMEOUT_S, self._settings.timeout_s)))

    def _set_sample_rate(self) -> None:
        """Set rate and FIR filter, unless they are right: the change disturbs the other direction too."""
        rate = round(self._settings.sample_rate_hz)
        current = round(self._sample_rate())
        filtered = rate >= LOWEST_RATE_WITHOUT_FIR_HZ or self._has_fir_enabled()
        if abs(current - rate) <= 1 and filtered:
            return
        known = max(rate, PYADI_LOWEST_RATE_HZ)
        try:
            self._do(f"setting {rate} S/s", lambda: setattr(self._device, "sample_rate", known))
        except RadioError as error:
            self.warnings.append(f"no FIR filter, expect aliases at the edges of the band ({error})")
            known = 0
        if known != rate:
            self._set("voltage0", "sampling_frequency", rate, False)

    def _stream_at_full_rate(self, transmitter: bool) -> None:
        """Switch the filter in the FPGA off that divides the rate by 8, if it is there and on."""
        channel = self._converter(transmitter).find_channel("voltage0", transmitter)
        attribute = channel.attrs.get("sampling_frequency") if channel else None
        if attribute is not None:
            rate = self._sample_rate()
            if float(self._do("reading the rate of a stream", lambda: attribute.value)) < 0.5 * rate:
                self._do("setting the rate of a stream", lambda: setattr(attribute, "value", f"{rate:.0f}"))

    def _has_fir_enabled(self) -> bool:
        try:
            return bool(float(self._get("out", "voltage_filter_fir_en", False)))
        except RadioError:
            return False

    def _check_rate(self, actual: float) -> None:
        wanted = self._settings.sample_rate_hz
        if abs(actual - wanted) > max(2.0, 1e-5 * wanted):
            raise RadioError(
                f"{self.uri}: the device samples at {actual:.0f} S/s, expected {wanted:.0f}: choose a rate "
                "that it has with --sample-rate-hz"
            )
        if wanted > SUSTAINED_RATE_HZ:
            self.warnings.append(
                f"{wanted / 1e6:g} MS/s is more than USB 2 carries for long (about 5 MS/s): expect lost "
                "samples"
            )

    def _set_up_transmitter(self) -> None:
        settings = self._settings
        self._stream_at_full_rate(True)
        self._silence_tones()
        self._set_carrier("altvoltage1", settings.center_frequency_hz)
        self._try("voltage0", "rf_bandwidth", self._bandwidth(), True)
        if settings.tx_antenna:
            self._set("voltage0", "rf_port_select", settings.tx_antenna, True)
        self._set("voltage0", "hardwaregain", settings.tx_gain_db, True)
        with contextlib.suppress(RadioError):  # older firmware has no such switch
            self._set("altvoltage1", "powerdown", 0, True)

    def _set_up_receiver(self) -> None:
        settings = self._settings
        self._stream_at_full_rate(False)
        self._set_carrier("altvoltage0", settings.center_frequency_hz)
        self._try("voltage0", "rf_bandwidth", self._bandwidth(), False)
        if settings.rx_antenna:
            self._set("voltage0", "rf_port_select", settings.rx_antenna, False)
        for channel in range(settings.rx_channels):
            # A gain that changes by itself changes the echoes of targets that do not.
            self._set(f"voltage{channel}", "gain_control_mode", "manual", False)
        self.set_rx_gain_db(settings.rx_gain_db)
        tracking = int(settings.dc_tracking)
        for name in ("bb_dc_offset_tracking_en", "rf_dc_offset_tracking_en"):
            self._try("voltage0", name, tracking, False)

    def _bandwidth(self) -> int:
        return max(200_000, round(self._settings.bandwidth_hz or self._settings.sample_rate_hz))

    # Attributes

    def _channel(self, name: str, output: bool) -> iio.Channel:
        channel = self._device.ctx.find_device("ad9361-phy").find_channel(name, output)
        if channel is None:
            kind = "output" if output else "input"
            raise RadioError(f"{self.uri}: the device has no {kind} channel {name}: check --rx-channels")
        return channel

    def _set(self, channel: str, name: str, value: object, output: bool) -> None:
        attribute = f"{channel} {name}"

        def write() -> None:
            self._channel(channel, output).attrs[name].value = str(value)

        try:
            self._do(f"setting {attribute} to {value}", write)
        except RadioError as error:
            allowed = self._allowed(channel, name, output)
            raise RadioError(f"{error}; expected one of {allowed}" if allowed else str(error)) from None

    def _try(self, channel: str, name: str, value: object, output: bool) -> None:
        """Set what a link can do without."""
        try:
            self._set(channel, name, value, output)
        except RadioError as error:
            self.warnings.append(str(error))

    def _allowed(self, channel: str, name: str, output: bool) -> str:
        try:
            return self._channel(channel, output).attrs[f"{name}_available"].value
        except (OSError, KeyError, RadioError):
            return ""

    def _get(self, channel: str, name: str, output: bool) -> str:
        """First word of a value: units follow."""
        return self._do(
            f"reading {channel} {name}", lambda: self._channel(channel, output).attrs[name].value.split()[0]
        )

    def _sample_rate(self) -> float:
        return float(self._get("voltage0", "sampling_frequency", False))

    def _carrier(self) -> str:
        return self._get("altvoltage0" if self._receive else "altvoltage1", "frequency", True)

    def _set_carrier(self, oscillator: str, frequency_hz: float) -> None:
        self._set(oscillator, "frequency", round(frequency_hz), True)

    def set_center_frequency_hz(self, frequency_hz: float) -> None:
        """Retune what is in use. The phase between transmitter and receiver is another one afterwards."""
        for oscillator, used in (("altvoltage0", self._receive), ("altvoltage1", self._transmit)):
            if used:
                self._set_carrier(oscillator, frequency_hz)

    def set_rx_gain_db(self, gain_db: float) -> None:
        """Gain of all receive channels in use."""
        for channel in range(self._settings.rx_channels):
            self._set(f"voltage{channel}", "hardwaregain", gain_db, False)

    def set_tx_gain_db(self, gain_db: float) -> None:
        """Gain of the transmitter, -89.75 to 0 dB."""
        self._set("voltage0", "hardwaregain", gain_db, True)

    # Streams

    def receive_buffer(self, samples: int, kernel_buffers: int) -> tuple[iio.Buffer, list[iio.Channel]]:
        """Buffer of the receiver and its channels, I and Q of each."""
        return self._buffer("cf-ad9361-lpc", 2 * self._settings.rx_channels, False, samples, kernel_buffers)

    def transmit_buffer(
        self, samples: int, kernel_buffers: int, cyclic: bool
    ) -> tuple[iio.Buffer, list[iio.Channel]]:
        """Buffer of the transmitter and its channels, I and Q."""
        return self._buffer("cf-ad9361-dds-core-lpc", 2, True, samples, kernel_buffers, cyclic)

    def _buffer(self, name, width, output, samples, kernel_buffers, cyclic=False):
        device = self._device.ctx.find_device(name)
        used = []
        for channel in device.channels:
            channel.enabled = False
        for index in range(width):
            channel = device.find_channel(f"voltage{index}", output)
            if channel is None or not channel.scan_element:
                raise RadioError(
                    f"{self.uri}: {name} has no channel voltage{index}: check --rx-channels, a Pluto has one "
                    "receiver unless it was changed"
                )
            channel.enabled = True
            used.append(channel)
        with contextlib.suppress(OSError):  # the device keeps its own number, 4
            device.set_kernel_buffers_count(kernel_buffers)
        try:
            return iio.Buffer(device, samples, cyclic), used
        except OSError as error:
            busy = "; another program uses it" if error.errno == 16 else ""
            raise RadioError(
                f"{self.uri}: no buffer of {samples} samples for {name} ({error.strerror or error}){busy}"
            ) from None

    def clear_status(self, transmitter: bool) -> bool:
        """Forget earlier events; False when the device does not report them."""
        try:
            device = self._converter(transmitter)
            device.reg_write(STATUS_REGISTER, UNDERFLOW | OVERFLOW | 2)
            return not device.reg_read(STATUS_REGISTER) & (UNDERFLOW if transmitter else OVERFLOW)
        except OSError:
            return False

    def status_event(self, transmitter: bool) -> bool:
        """Whether samples were lost since the last call. Raises OSError when the device does not answer."""
        device = self._converter(transmitter)
        bit = UNDERFLOW if transmitter else OVERFLOW
        found = bool(device.reg_read(STATUS_REGISTER) & bit)
        if found:
            device.reg_write(STATUS_REGISTER, bit)
        return found

    def is_alive(self) -> bool:
        """Whether the device answers."""
        try:
            self._channel("altvoltage0", True).attrs["frequency"].value  # noqa: B018
        except (OSError, KeyError, RadioError):
            return False
        return True

    def _converter(self, transmitter: bool) -> iio.Device:
        return self._device.ctx.find_device("cf-ad9361-dds-core-lpc" if transmitter else "cf-ad9361-lpc")

    # The end

    def _silence_tones(self) -> None:
        tones = [c for c in self._converter(True).channels if c.output and c.id.startswith("altvoltage")]
        scales = [0] * len(tones)
        try:
            self._do("switching the tones off", lambda: setattr(self._device, "dds_scales", scales))
        except RadioError as error:
            self.warnings.append(str(error))

    def __del__(self):
        self.close()

    def close(self, answers: bool = True) -> None:
        """Silence what was set up to transmit and let go of the device.

        answers: False: the device is gone, ask it nothing.
        """
        with self._lock:
            device, self._device = self._device, None
        if device is None:
            return
        if answers and self._transmit:
            with contextlib.suppress(RadioError):
                within(STREAM_TIMEOUT_S, self.uri, lambda: _silence(device))


def _silence(device) -> None:
    """Least gain, oscillator off, tones off: what there is of these, what matters most first."""
    phy, converter = (device.ctx.find_device(name) for name in ("ad9361-phy", "cf-ad9361-dds-core-lpc"))
    with contextlib.suppress(OSError, KeyError, AttributeError):
        phy.find_channel("voltage0", True).attrs["hardwaregain"].value = str(SILENT_GAIN_DB)
    with contextlib.suppress(OSError, KeyError, AttributeError):
        phy.find_channel("altvoltage1", True).attrs["powerdown"].value = "1"
    with contextlib.suppress(OSError, KeyError, AttributeError):
        device.dds_scales = [0] * len([c for c in converter.channels if c.id.startswith("altvoltage")])
