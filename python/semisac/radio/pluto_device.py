# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Pluto, or another board with an AD936x, set up through pyadi-iio."""

from __future__ import annotations

import contextlib
import threading

import adi
import iio

from semisac_ml.iio_address import complete_address

from . import pluto_silence
from .events import EventCounters
from .front_end import RadioError
from .pluto_attributes import RECEIVER, TRANSMITTER, PlutoAttributes
from .pluto_link import first_found, reach, within
from .pluto_silence import silence
from .settings import RadioSettings
from .watch import Call

# 25 MHz is the converters' lowest clock; the filters behind divide by 12, the FIR filter by 4 more. The
# driver takes the whole part.
LOWEST_RATE_HZ = 25_000_000 // 48
LOWEST_RATE_WITHOUT_FIR_HZ = 25_000_000 // 12
PYADI_LOWEST_RATE_HZ = 521_000
HIGHEST_RATE_HZ = 61.44e6
# What USB 2 carries of 32-bit samples for long, in one direction.
SUSTAINED_RATE_HZ = 5e6
# A device that is silent for so long while it streams is gone: a program must end soon after it went.
STREAM_TIMEOUT_S = 1.0
STREAM_SHARE = 1.0 / 3.0  # of a longer --timeout-s
SETUP_TIMEOUTS = 4.0
# Register of the converters' cores in the FPGA; writing a one clears the bit.
STATUS_REGISTER = 0x80000088
UNDERFLOW, OVERFLOW = 1, 4

OSCILLATOR_SWITCH = ("altvoltage1", "powerdown", True)

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
        self._settings, self._transmit, self._receive = settings, transmit, receive
        self._device = None
        self._attributes: PlutoAttributes | None = None
        self._touched = False  # whether the transmitter was
        self._in_force: dict[tuple[str, str, bool], float] = {}
        self._next = 0
        self._end: Call | None = None
        self._lock, self._comparing = threading.Lock(), threading.Lock()
        self.uri = ""
        self.warnings: list[str] = []

    def _opened(self) -> PlutoAttributes:
        attributes = self._attributes
        if attributes is None:
            raise RadioError("the Pluto is closed")
        return attributes

    @property
    def is_open(self) -> bool:
        return self._attributes is not None

    # Opening and set-up

    def open(self) -> dict[str, object]:
        """Connect and set up; what is in force then, by name. Whatever it raises, `close` must follow."""
        timeout_s = self._settings.timeout_s
        address = self._settings.address
        self.uri = complete_address(address) if address else first_found(timeout_s)
        reach(self.uri, timeout_s)
        self._end, self._touched = None, False
        self._attributes = within(1.5 * timeout_s, f"{self.uri} does not answer", self._connect)
        return within(SETUP_TIMEOUTS * timeout_s, f"{self.uri} answers too slowly", self._set_up)

    def _connect(self) -> PlutoAttributes:
        try:
            context = iio.Context(self.uri)
            context.set_timeout(round(1000 * self._settings.timeout_s))
        except (OSError, TypeError, ValueError) as error:
            raise RadioError(f"{self.uri} cannot be opened ({error}): run `semisac radio probe`") from None
        attributes = PlutoAttributes(self.uri, context)
        try:
            self._device = (adi.ad9361 if self._settings.rx_channels > 1 else adi.Pluto)(context)
        except Exception as error:  # pyadi-iio raises plain Exception
            raise RadioError(f"{self.uri} cannot be used as a Pluto: {error}") from None
        return attributes

    def _set_up(self) -> dict[str, object]:
        settings, attributes = self._settings, self._attributes
        self.warnings = []
        self._refuse_what_others_use()
        self._set_sample_rate()
        if self._transmit:
            self._set_up_transmitter()
        if self._receive:
            self._set_up_receiver()
        self._in_force = {name: attributes.number(*name) for name in self._watched()}
        context = attributes.context
        report = {
            "device": context.attrs.get("hw_model", context.description),
            "serial": context.attrs.get("hw_serial", ""),
            "driver": "libiio " + ".".join(map(str, iio.version[:2])),
            "firmware": context.attrs.get("fw_version", ""),
            "address": self.uri,
            "sample_rate_hz": self._in_force["voltage0", "sampling_frequency", False],
            "center_frequency_hz": self._in_force[self._oscillators()[0], "frequency", True],
            "clock": "internal",
            "dc_tracking": settings.dc_tracking,
        }
        if self._transmit:
            report["tx_gain_db"] = self._in_force["voltage0", "hardwaregain", True]
        if self._receive:
            report["rx_gain_db"] = self._in_force["voltage0", "hardwaregain", False]
        self._check_rate(report["sample_rate_hz"])
        attributes.do("setting the time-out", lambda: self._set_stream_timeout(context))
        return report | {"warnings": list(self.warnings)}

    def _set_stream_timeout(self, context: iio.Context) -> None:
        timeout_s = self._settings.timeout_s
        context.set_timeout(round(1000 * max(min(STREAM_TIMEOUT_S, timeout_s), STREAM_SHARE * timeout_s)))

    def _refuse_what_others_use(self) -> None:
        """Nothing has been written yet: what another program does goes on undisturbed."""
        for transmitter, used in ((True, self._transmit), (False, self._receive)):
            if used and self._attributes.in_use(transmitter):
                raise RadioError(f"{self.uri}: {_in_use(transmitter)}")

    def _set_sample_rate(self) -> None:
        """Set rate and FIR filter, unless they are right: the change disturbs the other direction too."""
        rate = round(self._settings.sample_rate_hz)
        current = round(self._attributes.number("voltage0", "sampling_frequency", False))
        filtered = self._has_fir_enabled()
        if abs(current - rate) <= 1 and filtered:
            return
        others = [one for one in (True, False) if self._attributes.in_use(one)]
        if others and abs(current - rate) > 1:
            raise RadioError(
                f"{self.uri}: {_in_use(others[0])} at {current} S/s, which is that of both directions, "
                f"--sample-rate-hz is {rate}: give --sample-rate-hz {current}, or end that program"
            )
        if others:
            self.warnings.append("the FIR filter is off and stays so, since another program uses the device")
            return
        known = max(rate, PYADI_LOWEST_RATE_HZ)
        try:
            self._attributes.do(f"setting {rate} S/s", lambda: setattr(self._device, "sample_rate", known))
        except RadioError as error:
            self.warnings.append(f"no FIR filter, expect aliases at the edges of the band ({error})")
            known = 0
        if known != rate:
            self._attributes.set("voltage0", "sampling_frequency", rate, False)

    def _stream_at_full_rate(self, transmitter: bool) -> None:
        """Switch the filter in the FPGA off that divides the rate by 8, if it is there and on."""
        attributes = self._attributes
        channel = attributes.converter(transmitter).find_channel("voltage0", transmitter)
        attribute = channel.attrs.get("sampling_frequency") if channel else None
        if attribute is not None:
            rate = attributes.number("voltage0", "sampling_frequency", False)
            if attributes.do("reading the rate of a stream", lambda: float(attribute.value)) < 0.5 * rate:
                attributes.do(
                    "setting the rate of a stream", lambda: setattr(attribute, "value", f"{rate:.0f}")
                )

    def _has_fir_enabled(self) -> bool:
        try:
            return bool(self._attributes.number("out", "voltage_filter_fir_en", False))
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
        settings, attributes = self._settings, self._attributes
        self._touched = True
        self._stream_at_full_rate(True)
        try:
            attributes.silence_tones()
        except RadioError as error:
            self.warnings.append(str(error))
        self._set_carrier("altvoltage1", settings.center_frequency_hz)
        self._try("voltage0", "rf_bandwidth", self._bandwidth(), True)
        if settings.tx_antenna:
            attributes.set("voltage0", "rf_port_select", settings.tx_antenna, True)
        attributes.set("voltage0", "hardwaregain", settings.tx_gain_db, True)
        if attributes.has(*OSCILLATOR_SWITCH):  # older firmware has none
            attributes.set("altvoltage1", "powerdown", 0, True)
            if attributes.number(*OSCILLATOR_SWITCH):
                raise RadioError(
                    f"{self.uri}: the transmit oscillator stays off, nothing would be sent: restart it"
                )

    def _set_up_receiver(self) -> None:
        settings, attributes = self._settings, self._attributes
        self._stream_at_full_rate(False)
        self._set_carrier("altvoltage0", settings.center_frequency_hz)
        self._try("voltage0", "rf_bandwidth", self._bandwidth(), False)
        if settings.rx_antenna:
            attributes.set("voltage0", "rf_port_select", settings.rx_antenna, False)
        for channel in range(settings.rx_channels):
            # A gain that changes by itself changes the echoes of targets that do not.
            attributes.set(f"voltage{channel}", "gain_control_mode", "manual", False)
            attributes.set(f"voltage{channel}", "hardwaregain", settings.rx_gain_db, False)
        tracking = int(settings.dc_tracking)
        for name in ("bb_dc_offset_tracking_en", "rf_dc_offset_tracking_en"):
            self._try("voltage0", name, tracking, False)

    def _try(self, channel: str, name: str, value: object, output: bool) -> None:
        """Set what a link can do without."""
        try:
            self._attributes.set(channel, name, value, output)
        except RadioError as error:
            self.warnings.append(str(error))

    def _bandwidth(self) -> int:
        return max(200_000, round(self._settings.bandwidth_hz or self._settings.sample_rate_hz))

    # While it runs

    def _oscillators(self) -> list[str]:
        return ["altvoltage0"] * self._receive + ["altvoltage1"] * self._transmit

    def _gains(self) -> list[tuple[str, str, bool]]:
        channels = range(self._settings.rx_channels if self._receive else 0)
        transmitter = [("voltage0", "hardwaregain", True)] * self._transmit
        return transmitter + [(f"voltage{channel}", "hardwaregain", False) for channel in channels]

    def _watched(self) -> list[tuple[str, str, bool]]:
        """What another program could change while this one runs."""
        frequencies = [(oscillator, "frequency", True) for oscillator in self._oscillators()]
        switch = [OSCILLATOR_SWITCH] if self._transmit and self._attributes.has(*OSCILLATOR_SWITCH) else []
        return [("voltage0", "sampling_frequency", False), *frequencies, *self._gains(), *switch]

    def change(self) -> str:
        """What another program has changed, "" for nothing; one attribute a call, in turn.

        Raises RadioError when the device does not answer, or sends no longer.
        """
        attributes = self._opened()
        name = list(self._in_force)[self._next % len(self._in_force)]
        self._next += 1
        with self._comparing:
            value = attributes.number(*name)
            before, self._in_force[name] = self._in_force[name], value
        if value == before:
            return ""
        if name == OSCILLATOR_SWITCH:
            raise RadioError(f"{self.uri}: its transmit oscillator was switched off by another program")
        return f"another program changed {name[0]} {name[1]} from {before:.10g} to {value:.10g}"

    def _change(self, channel: str, name: str, value: object, output: bool) -> None:
        """Change what is watched."""
        with self._comparing:
            attributes = self._opened()
            attributes.set(channel, name, value, output)
            self._in_force[channel, name, output] = attributes.number(channel, name, output)

    def _set_carrier(self, oscillator: str, frequency_hz: float) -> None:
        self._attributes.set(oscillator, "frequency", round(frequency_hz), True)

    def set_center_frequency_hz(self, frequency_hz: float) -> None:
        """Retune what is in use. The phase between transmitter and receiver is another one afterwards."""
        for oscillator in self._oscillators():
            self._change(oscillator, "frequency", round(frequency_hz), True)

    def set_rx_gain_db(self, gain_db: float) -> None:
        """Gain of all receive channels in use."""
        for channel in range(self._settings.rx_channels):
            self._change(f"voltage{channel}", "hardwaregain", gain_db, False)

    def set_tx_gain_db(self, gain_db: float) -> None:
        """Gain of the transmitter, -89.75 to 0 dB."""
        self._change("voltage0", "hardwaregain", gain_db, True)

    # Streams

    def receive_buffer(self, samples: int, kernel_buffers: int) -> tuple[iio.Buffer, list[iio.Channel]]:
        """Buffer of the receiver and its channels, I and Q of each."""
        return self._buffer(False, 2 * self._settings.rx_channels, samples, kernel_buffers)

    def transmit_buffer(
        self, samples: int, kernel_buffers: int, cyclic: bool
    ) -> tuple[iio.Buffer, list[iio.Channel]]:
        """Buffer of the transmitter and its channels, I and Q."""
        return self._buffer(True, 2, samples, kernel_buffers, cyclic)

    def _buffer(self, transmitter, width, samples, kernel_buffers, cyclic=False):
        attributes = self._opened()
        device = attributes.converter(transmitter)
        name = TRANSMITTER if transmitter else RECEIVER
        if attributes.in_use(transmitter):  # begun since the set-up
            raise RadioError(f"{self.uri}: {_in_use(transmitter)}")
        used = []
        for channel in device.channels:
            channel.enabled = False
        for index in range(width):
            channel = device.find_channel(f"voltage{index}", transmitter)
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
            busy = f"; {_in_use(transmitter)}" if error.errno == 16 else ""
            raise RadioError(
                f"{self.uri}: no buffer of {samples} samples for {name} ({error.strerror or error}){busy}"
            ) from None

    def clear_status(self, transmitter: bool) -> bool:
        """Forget earlier events; False when the device does not report them."""
        try:
            device = self._opened().converter(transmitter)
            device.reg_write(STATUS_REGISTER, UNDERFLOW | OVERFLOW | 2)
            return not device.reg_read(STATUS_REGISTER) & (UNDERFLOW if transmitter else OVERFLOW)
        except OSError:
            return False

    def status_event(self, transmitter: bool) -> bool:
        """Whether samples were lost since the last call. Raises OSError when the device does not answer."""
        device = self._opened().converter(transmitter)
        bit = UNDERFLOW if transmitter else OVERFLOW
        found = bool(device.reg_read(STATUS_REGISTER) & bit)
        if found:
            device.reg_write(STATUS_REGISTER, bit)
        return found

    # The end

    def __del__(self):
        self.close()

    def close(self, answers: bool = True) -> str:
        """Silence the transmitter, if anything of it was touched, and let go of the device.

        Returns why it may not be silent, "" when it is, after a second at the most; later calls the same.

        answers: False: it did not answer any more.
        """
        with self._lock:
            attributes, self._attributes, self._device = self._attributes, None, None
            if attributes is not None and self._touched:
                self._end = Call(lambda: silence(attributes, answers), "pluto-silence")
            elif attributes is not None:
                attributes.give_up(0.0)
        if self._end is None:
            return ""
        try:
            trouble = self._end.result(pluto_silence.SILENCE_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be told
            trouble = f"{self.uri}: {error}"
        return trouble and f"the transmitter may not be silent, unplug it ({trouble})"


def _in_use(transmitter: bool) -> str:
    return f"another program uses it, and {'transmits' if transmitter else 'receives'}"
